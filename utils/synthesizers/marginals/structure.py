"""Which columns are measured together: a tree that grows by the column that hangs most on it."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from utils.privacy.mechanisms import Mechanisms

MOST_CELLS = 2**20  # of one table
MOST_TABLES = 30_000  # looked at; with more columns than that allows, one parent each
SENSITIVITY = 2.0  # of a score, see _dependence


def grow(
    codes: np.ndarray,
    margins: list[np.ndarray],
    rows: float,
    first: int,
    always: bool,
    degree: int,
    noise: float,
    mechanisms: Mechanisms,
    rho: float,
) -> list[tuple[int, ...]]:
    """Each column with its parents before it, in the order in which they join: (parents, column).

    codes : int (n, d), groups of each column.  margins : the (noisy) chances of each column's
    groups.  rows : the (noisy) number of rows.  first : the column that the tree grows from, and
    with ``always`` a parent of all.  degree : most parents, which stand together in an earlier
    branch, so that the tree stays a junction tree.  noise : expected on each count.  rho : cost of
    each choice.

    A column joins without parents where no table of it is worth its noise.
    """
    count = len(margins)
    degree = degree if degree * count**2 <= MOST_TABLES else min(degree, 1 + always)
    found, waiting = [(first,)], [column for column in range(count) if column != first]
    allowed = _parents((first,), degree, always, first)
    scores = {(): dict.fromkeys(waiting, 0.0)}
    while waiting:
        for parents in sorted(allowed):
            scores[parents] = _dependence(codes, margins, rows, parents, waiting, noise)
        options = [(parents, column) for parents in scores for column in scores[parents]]
        values = np.array([scores[parents][column] for parents, column in options])
        parents, column = options[mechanisms.choose("choice of tables", values, SENSITIVITY, rho)]
        found.append((*parents, column))
        waiting.remove(column)
        for known in scores.values():
            known.pop(column, None)
        allowed = _parents(found[-1], degree, always, first) - set(scores)
    return found


def _parents(branch, degree, always, first) -> set[tuple[int, ...]]:
    """What may be the parents of a later column: parts of a branch, those with the first column
    only if that is always one."""
    parts = [part for size in range(1, degree + 1) for part in combinations(sorted(branch), size)]
    return {part for part in parts if not always or first in part}


def _dependence(codes, margins, rows, parents, columns, noise) -> dict[int, float]:
    """How much each column hangs on the parents, less what noise and luck alone would show.

    The L1 distance between the counts of the table and those where the column had its own (noisy)
    chances whatever the parents are. One row more moves its cell by 1 and the other side by its
    chances, so the distance by 2 at most. Taken off: the expected distance if nothing hung
    together, of Gaussian noise and of a count's own chance, as its expectation is told by the
    (noisy) margins.
    """
    sizes = [len(margins[parent]) for parent in parents]
    cells = int(np.prod(sizes, dtype=np.float64).clip(max=2 * MOST_CELLS))
    columns = [column for column in columns if cells * len(margins[column]) <= MOST_CELLS]
    if not columns:
        return {}
    above = np.ravel_multi_index(codes[:, parents].T, sizes)
    counts = np.bincount(above, minlength=cells).astype(np.float64)
    expected = np.array([rows])
    for parent in parents:
        expected = np.outer(expected, margins[parent]).ravel()
    found = {}
    for column in columns:
        chances = margins[column]
        table = np.bincount(
            above * len(chances) + codes[:, column], minlength=cells * len(chances)
        ).reshape(cells, -1)
        distance = np.abs(table - np.outer(counts, chances)).sum()
        found[column] = distance - _by_luck(np.outer(expected, chances), noise)
    return found


def _by_luck(expected: np.ndarray, noise: float) -> float:
    """Expected sum of absolute deviations of noisy counts with these expectations."""
    normal = np.sqrt(2 / np.pi * (expected + noise**2))
    return float(np.minimum(normal, 2 * expected + np.sqrt(2 / np.pi) * noise).sum())
