"""Rows as diffusion sees them: every cell a token, and beside it a score for the smooth part of a
number."""

from __future__ import annotations

import numpy as np

from utils.encoding import QuantileBins, grid_step
from utils.encoding.codes import TableCodes
from utils.encoding.scores import ROWS_PER_GROUP, grouped
from utils.encoding.spikes import find_piles
from utils.saving import portable
from utils.schema import Schema


@portable
class MixedCells:
    """Tokens, int32 (n, d), one a column, and scores, float32 (n, m), of the numbers in ``scores``.

    The token of a scored number says only where it lies: on a pile (a value that many rows share,
    such as 0 minutes), in the range between two piles, or nowhere, because it is missing. Within a
    range the score says the rest: a smooth score among the rows of the same group, a group being
    one combination of categories.

    tokens : TableCodes.  free : {name: bool (codes,)}, which tokens of a scored number have a
        score.
    scores : {name: GroupedScores}.  strides : int64 (d,), whose product with the tokens names the
        group.
    """

    def __init__(self, tokens: TableCodes, free: dict, scores: dict, strides: np.ndarray):
        self.tokens, self.free, self.scores, self.strides = tokens, free, scores, strides

    @classmethod
    def fit(
        cls, columns: dict[str, np.ndarray], schema: Schema, numbers: str, bins: int
    ) -> MixedCells:
        """Read the columns of :meth:`Synthesizer._fit`.

        numbers : "scores", "tokens" (numbers become ``bins`` quantile bins without a score), or
        "auto": scores where there are on average 30 rows or more for each combination of
        categories.
        """
        tokens = TableCodes.fit(columns, schema, bins)
        discrete = np.array([column.discrete for column in schema.columns])
        strides = (
            np.cumprod(np.append(1, np.where(discrete, tokens.sizes, 1)[:-1]), dtype=np.int64)
            * discrete
        )
        cells = cls(tokens, {}, {}, strides)
        groups = cells.groups(tokens.encode(columns))
        crowded = len(np.unique(groups)) * ROWS_PER_GROUP <= max(len(groups), ROWS_PER_GROUP)
        if numbers == "scores" or (numbers == "auto" and crowded):
            cells._split_numbers(columns, groups)
            inside = cells.inside(tokens.encode(columns))
            for rows, name in zip(inside.T, cells.free):
                step = grid_step(schema[name])
                cells.scores[name] = grouped(columns[name][rows], groups[rows], step)
        return cells

    def _split_numbers(self, columns, groups) -> None:
        """Give each number the tokens of its piles and ranges."""
        for name in self.tokens.bins:
            known, place = ~np.isnan(columns[name]), self.tokens.names.index(name)
            bins, free = _piles_and_ranges(columns[name][known], groups[known])
            missing = self.tokens.missing[place]
            self.tokens.bins[name], self.tokens.sizes[place] = bins, len(bins) + missing
            if free.any():
                self.free[name] = np.append(free, np.zeros(int(missing), bool))

    @property
    def places(self) -> list[int]:
        """Positions of the scored numbers among the columns."""
        return [self.tokens.names.index(name) for name in self.free]

    def groups(self, tokens: np.ndarray) -> np.ndarray:
        """The combination of categories of each row, int64 (n,)."""
        return tokens @ self.strides

    def inside(self, tokens: np.ndarray) -> np.ndarray:
        """Which scored numbers lie within a range and so have a score, bool (n, m)."""
        flags = [self.free[name][tokens[:, place]] for name, place in zip(self.free, self.places)]
        return np.column_stack([np.zeros((len(tokens), 0), bool), *flags])

    def encode(
        self, columns: dict[str, np.ndarray], rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """Tokens, scores within the group, scores among all rows (0 where there is none), and
        ``inside``."""
        tokens = self.tokens.encode(columns)
        inside, groups = self.inside(tokens), self.groups(tokens)
        own, pooled = np.zeros((2, *inside.shape), np.float32)
        for place, (name, scores) in enumerate(self.scores.items()):
            rows = inside[:, place]
            own[rows, place] = scores.transform(columns[name][rows], groups[rows], rng)
            pooled[rows, place] = scores.pooled.transform(columns[name][rows], rng)
        return tokens, own, pooled, inside.astype(np.float32)

    def decode(self, tokens, own, schema: Schema, given: dict, rng: np.random.Generator) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them, with the given values exactly."""
        columns = self.tokens.decode(tokens, schema, given, rng)
        inside, groups = self.inside(tokens), self.groups(tokens)
        for place, (name, scores) in enumerate(self.scores.items()):
            if name not in given:
                values, ends = scores.inverse(own[:, place], groups), self.tokens.bins[name].knots
                values = values.clip(*ends[tokens[:, self.places[place]].clip(max=len(ends) - 1)].T)
                columns[name] = np.where(inside[:, place], values, columns[name])
        return columns

    def to_dict(self) -> dict:
        """The parts, for saving."""
        return vars(self)

    @classmethod
    def from_dict(cls, data: dict) -> MixedCells:
        """The inverse of :meth:`to_dict`."""
        return cls(**data)


def _piles_and_ranges(values, groups) -> tuple[QuantileBins, np.ndarray]:
    """One bin for each pile of any group and one for each range between them; which bins are such
    ranges."""
    names, counts = np.unique(groups, return_counts=True)
    crowds = [values[groups == name] for name in names[counts >= ROWS_PER_GROUP]]
    piles = np.unique(np.concatenate([find_piles(crowd) for crowd in crowds] or [values[:0]]))
    distinct = np.unique(values)
    at = np.searchsorted(distinct, piles)
    starts = np.union1d(np.append(0, at), (at + 1)[at + 1 < len(distinct)]).astype(int)
    width = np.diff(np.append(starts, len(distinct)))
    lower, last = distinct[starts], distinct[starts + width - 1]
    return QuantileBins(lower, np.column_stack([lower, last])), width > 1
