"""Numbers by their rank among their own kind: what a group of rows tells is told by counting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from utils.encoding.columns import grid_step
from utils.encoding.groups import MOST_GROUPS, Groups
from utils.encoding.scores import TINY, GroupedScores
from utils.encoding.spikes import is_smooth
from utils.saving import savable
from utils.schema import Column, Schema

LEAST_TOLD = 0.1  # of the variance of a number's ranks, by the group
TINY_REACH = 1e-6  # of the middle half: around a number without a grid step
LEAST, FAR = 1e-12, 1e6  # the smallest chance, and the largest squared distance, that are told


@savable
@dataclass
class GroupRanks:
    """Numbers as normal scores within a group of rows, such as the rows of one app, and back.

    The group is the category that tells most about the numbers, or none. A number whose ranks it
    tells (by a tenth of their variance or more) is scored; others stay as they are. What is left to
    learn is how a row stands among its own kind: that one app is used for hours and another for
    minutes comes back with the group of each row, as counted, however few the rows.

    group_by : the name of that category, or nothing.  scores : {name of a number: GroupedScores}.
    """

    group_by: list[str]
    groups: Groups
    scores: dict[str, GroupedScores]

    @classmethod
    def fit(
        cls, columns: dict[str, np.ndarray], told: Sequence[Column], ends_apart: bool = False
    ) -> GroupRanks:
        """Read those columns of :meth:`Synthesizer._fit` that are in ``told``.

        ends_apart : as :meth:`GroupedScores.fit`.
        """
        steps = {
            column.name: grid_step(column)
            for column in told
            if column.kind in ("number", "integer") and is_smooth(columns[column.name])
        }
        ranks = {name: _ranks(columns[name]) for name in steps}
        best, told_of = None, {}
        for name in (column.name for column in told if column.discrete):
            groups = Groups.fit(columns[name][:, None])
            if groups.crowded and 1 < len(groups) <= MOST_GROUPS:
                number = groups.number(columns[name][:, None])
                shares = {name: told_share(values, number) for name, values in ranks.items()}
                if sum(shares.values()) > sum(told_of.values()):
                    best, told_of = (name, groups, number), shares
        chosen = [name for name, share in told_of.items() if share >= LEAST_TOLD]
        if not chosen:
            return cls([], Groups.fit(np.zeros((1, 0))), {})
        (group_by, groups, number), scores = best, {}
        for name in chosen:
            known = ~np.isnan(columns[name])
            of_number = columns[name][known], number[known], steps[name]
            scores[name] = GroupedScores.fit(*of_number, piles=True, ends_apart=ends_apart)
        return cls([group_by], groups, scores)

    def transform(self, columns: dict, rng: np.random.Generator) -> dict:
        """The columns with scores, float64, NaN where missing, in place of the scored numbers."""
        return self._through("transform", columns, rng)

    def inverse(self, columns: dict) -> dict:
        """The columns with numbers in place of scores."""
        return self._through("inverse", columns)

    def shares_around(self, columns: dict, reach: dict[str, float]) -> dict[str, np.ndarray]:
        """{scored number: share of its group's rows below each value and up to it, (n, 2)}.

        reach : how far around a value counts as the value.  NaN where missing.
        """
        group, found = self.number(columns), {}
        for name, scores in self.scores.items():
            values = columns[name]
            known = ~np.isnan(values)
            found[name] = np.full((len(known), 2), np.nan)
            found[name][known] = scores.shares_around(values[known], group[known], reach[name])
        return found

    def reach(self, name: str, step: float) -> float:
        """How far around it a scored number counts as the number, in a column with such a grid."""
        pooled = self.scores[name].pooled
        low, high = pooled.inverse(ndtri(np.array([0.25, 0.75])))
        return step / 2 or TINY_REACH * (high - low) or TINY_REACH * np.ptp(pooled.values) or 1.0

    def log_weights(self, scored: dict, wanted: dict[str, float], reach: dict) -> np.ndarray:
        """How well rows with such scores, as a method draws them, have the wanted numbers.

        scored : columns as :meth:`transform` returns them.  Returns the logarithm of the chance
        that a score, moved by a kernel (Silverman 1986, section 3.4.2), lies where the number lies
        in the group of its row, float64 (n,); of rows that cannot have it, the nearest weigh most.
        """
        total = 0.0
        for name, value in wanted.items():
            scores = scored[name]
            asked = scored | {name: np.full(len(scores), value)}
            around = self.shares_around(asked, reach)[name]
            low, high = (ndtri(around.clip(TINY, 1 - TINY)).T - scores) / (
                1.06 * len(scores) ** -0.2
            )
            chance = np.nan_to_num(ndtr(high) - ndtr(low))
            apart = np.nan_to_num(((low + high) / 2) ** 2, nan=np.inf)
            log_chance = np.log(np.maximum(chance, LEAST))
            total += np.where(chance > LEAST, log_chance, np.log(LEAST) - apart.clip(max=FAR) / 2)
        return total

    def fits(self, schema: Schema) -> bool:
        """Whether the group is a category of the schema, and every score of a number."""
        discrete = [column.name for column in schema.columns if column.discrete]
        numbers = set(schema.names) - set(discrete)
        one_group = len(self.group_by) == self.groups.combinations.shape[1] <= 1
        known = set(self.group_by) <= set(discrete) and set(self.scores) <= numbers
        return known and one_group and bool(self.group_by or not self.scores)

    def _through(self, way: str, columns: dict, *options) -> dict:
        group, changed = self.number(columns), {}
        for name, scores in self.scores.items():
            known = ~np.isnan(columns[name])
            values = getattr(scores, way)(columns[name][known], group[known], *options)
            changed[name] = np.full(len(known), np.nan)
            changed[name][known] = values
        return columns | changed

    def number(self, columns: dict) -> np.ndarray:
        """The group of each row, int64 (n,); -1 for one that training did not see."""
        if not self.group_by:
            return np.zeros(len(next(iter(columns.values()))), np.int64)
        return self.groups.number(columns[self.group_by[0]][:, None])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the known numbers, float64 (n,), equal ones with their mean; NaN where missing."""
    return rankdata(values, nan_policy="omit")


def told_share(values: np.ndarray, groups: np.ndarray) -> float:
    """Share of the variance of numbers (n,) that lies between groups, less what chance would give.

    NaN is left out. It is the adjusted coefficient of determination of the groups' means, so 0 on
    average where they tell nothing (epsilon squared: Kelley 1935).
    """
    known = ~np.isnan(values)
    values, groups = values[known], groups[known]
    counts = np.bincount(groups)
    degrees = len(values) - np.count_nonzero(counts)
    if degrees < 1 or values.min() == values.max():
        return 0.0
    means = np.bincount(groups, values) / np.maximum(counts, 1)
    within = ((values - means[groups]) ** 2).sum()
    return float(1 - (within / degrees) / values.var(ddof=1))
