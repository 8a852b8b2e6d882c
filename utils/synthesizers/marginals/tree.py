"""A junction tree: tables of a column with a few others, which agree where they share columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.saving import savable
from utils.synthesizers.draws import draw_from_tables

SMALLEST = 1e-12  # chance of what was never seen, so that every condition can be met
STEPS = 250
LEAST_STEP = 1e-9


@savable
@dataclass
class Branch:
    """The chances of one column given its parents, which stand together in an earlier branch.

    column, parents : names.  chances : (size of each parent, ..., size of the column), the last
    axis sums to 1.
    """

    column: str
    parents: list[str]
    chances: Annotated[np.ndarray, "share ..."]

    @property
    def names(self) -> list[str]:
        """The columns along the axes of the chances."""
        return [*self.parents, self.column]


def hosts(branches: list[list[str]]) -> list[int]:
    """For each branch (names of its columns, its own last) the first earlier one that holds all of
    its parents; -1 where it has none. ValueError where no branch does."""
    found = []
    for place, (*parents, _) in enumerate(branches):
        holding = [k for k in range(place) if set(parents) <= set(branches[k])]
        if parents and not holding:
            raise ValueError(f"No earlier branch holds {', '.join(parents)} together.")
        found.append(holding[0] if parents else -1)
    return found


def along(table: np.ndarray, names: list[str], others: list[str]) -> np.ndarray:
    """A table whose axes are ``names`` as a factor of one whose axes are ``others``."""
    order = sorted(range(len(names)), key=lambda axis: others.index(names[axis]))
    shape = [table.shape[names.index(name)] if name in names else 1 for name in others]
    return table.transpose(order).reshape(shape)


def summed(table: np.ndarray, names: list[str], kept: list[str]) -> np.ndarray:
    """A table whose axes are ``names`` summed over all that are not ``kept``, in their order."""
    total = table.sum(axis=tuple(axis for axis, name in enumerate(names) if name not in kept))
    left = [name for name in names if name in kept]
    return total.transpose([left.index(name) for name in kept])


def conditionals(factors: list[np.ndarray], branches: list[list[str]]) -> list[np.ndarray]:
    """Chances of each branch's column given its parents, under the product of all factors.

    factors : one table a branch, 0 or more.  Each branch is summed over its own column, last
    branch first, and what is left is handed to the host of its parents (variable elimination).
    """
    factors, parents_in = list(factors), hosts(branches)
    chances: list[np.ndarray] = [np.zeros(0)] * len(factors)
    for place in reversed(range(len(factors))):
        mass = factors[place].sum(axis=-1)
        even = np.full_like(factors[place], 1 / factors[place].shape[-1])  # where nothing is left
        known = (mass > 0)[..., None]
        chances[place] = np.divide(factors[place], mass[..., None], out=even, where=known)
        host = parents_in[place]
        if host >= 0:
            message = along(mass / (mass.max() or 1.0), branches[place][:-1], branches[host])
            factors[host] = factors[host] * message
    return chances


def joint_tables(chances: list[np.ndarray], branches: list[list[str]]) -> list[np.ndarray]:
    """The joint distribution of the columns of each branch; any two agree on shared columns."""
    joints: list[np.ndarray] = []
    for place, host in enumerate(hosts(branches)):
        parents = branches[place][:-1]
        above = summed(joints[host], branches[host], parents) if host >= 0 else np.ones(())
        joints.append(above[..., None] * chances[place])
    return joints


@dataclass(frozen=True)
class Measured:
    """A noisy table of counts: of which branch, along which columns, with which noise."""

    branch: int
    names: list[str]
    counts: np.ndarray
    noise: np.ndarray | float


def agree(
    start: list[np.ndarray],
    branches: list[list[str]],
    measured: list[Measured],
    rows: float,
    steps: int = STEPS,
) -> list[np.ndarray]:
    """Chances of each branch nearest to noisy tables that contradict each other.

    The distribution along the junction tree with the least sum of squared differences, each by the
    variance of its noise: the private graphical model of McKenna, Sheldon and Miklau 2019, found by
    mirror descent (their algorithm 2): logarithms of the factors move against the slope.

    start : chances to begin with, above 0.  rows : the (noisy) number of rows.
    """
    logs = [np.log(chances) for chances in start]
    joints = joint_tables(start, branches)
    loss, slopes = _misfit(joints, branches, measured, rows)
    steepest = max(abs(slope).max() for slope in slopes)
    step, chances = 1.0 / max(steepest, SMALLEST), start
    for _ in range(steps):
        moved = [log - step * slope for log, slope in zip(logs, slopes)]
        moved = [log - log.max() for log in moved]
        tried = conditionals([np.exp(log) for log in moved], branches)
        tables = joint_tables(tried, branches)
        new_loss, new_slopes = _misfit(tables, branches, measured, rows)
        promised = sum(((a - b) * s).sum() for a, b, s in zip(joints, tables, slopes))
        if loss - new_loss >= 0.5 * promised:
            logs, joints, chances, loss, slopes = moved, tables, tried, new_loss, new_slopes
            step *= 1.5
        else:
            step *= 0.5
            if step < LEAST_STEP:
                break
    return chances


def _misfit(joints, branches, measured, rows) -> tuple[float, list[np.ndarray]]:
    """Half the sum of squared differences by their variances, and its slope by each joint table."""
    loss, slopes = 0.0, [np.zeros_like(joint) for joint in joints]
    for seen in measured:
        names = branches[seen.branch]
        told = rows * summed(joints[seen.branch], names, seen.names)
        off = (told - seen.counts) / seen.noise
        loss += 0.5 * float((off**2).sum())
        slopes[seen.branch] += along(rows * off / seen.noise, seen.names, names)
    return loss, slopes


def draw(
    branches: list[Branch], n: int, given: dict[str, int], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """n rows as name -> codes, int (n,), that all have the given codes, by Bayes' rule: exact."""
    names = [branch.names for branch in branches]
    factors = [branch.chances for branch in branches]
    if given:
        factors = [
            _only(factor, given[branch.column]) if branch.column in given else factor
            for factor, branch in zip(factors, branches)
        ]
        factors = conditionals(factors, names)
    drawn: dict[str, np.ndarray] = {}
    for branch, chances in zip(branches, factors):
        above = np.zeros(n, dtype=np.int64)
        for name, size in zip(branch.parents, chances.shape):
            above = above * size + drawn[name]
        drawn[branch.column] = draw_from_tables(
            chances.reshape(-1, chances.shape[-1]), above, rng
        ).astype(np.int64)
    return drawn


def _only(chances: np.ndarray, code: int) -> np.ndarray:
    """Chances with 0 for every code of the last axis but one, which keeps a trace everywhere."""
    kept = np.zeros_like(chances)
    kept[..., code] = np.maximum(chances[..., code], SMALLEST)
    return kept
