"""Rows as diffusion sees them: every cell a token, and a score for the smooth part of a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.encoding import QuantileBins, TableCodes, grid_step
from utils.encoding.groups import Groups, rows_of
from utils.encoding.scores import GroupedScores
from utils.encoding.spikes import find_piles
from utils.saving import savable
from utils.schema import Schema

ROWS_PER_CROWD = 30  # that show the piles and the scores of a group


@savable
@dataclass
class DiffusionRows:
    """Tokens, int32 (n, d), one a column, and scores, float32 (n, m), of the numbers in ``scores``.

    The token of a scored number says only where it lies: on a pile (a value that many rows share,
    such as 0 minutes), in the range between two piles, or nowhere, because it is missing. Within a
    range the score says the rest: a normal score among the rows of the same group, a group being
    one combination of categories.

    tokens : TableCodes.  categories : int (c,), positions of the columns that make a group.
    groups : their combinations.  free : {name: bool (codes,)}, which tokens of a scored number have
    a score.  scores : {name: GroupedScores}.
    """

    tokens: TableCodes
    categories: Annotated[np.ndarray, "int c"]
    groups: Groups
    free: dict[str, Annotated[np.ndarray, "bool _"]]
    scores: dict[str, GroupedScores]

    @classmethod
    def fit(
        cls, columns: dict[str, np.ndarray], schema: Schema, numbers: str, bins: int
    ) -> DiffusionRows:
        """Read the columns of :meth:`Synthesizer._fit`.

        numbers : "scores", "tokens" (numbers become ``bins`` quantile bins without a score), or
        "auto": scores where there are on average 10 rows or more for each combination of
        categories.
        """
        tokens = TableCodes.fit(columns, schema, bins)
        categories = np.flatnonzero([column.discrete for column in schema.columns])
        codes = tokens.encode(columns)
        rows = cls(tokens, categories, Groups.fit(codes[:, categories]), {}, {})
        if numbers == "scores" or (numbers == "auto" and rows.groups.crowded):
            groups = rows.group(codes)
            rows._split_numbers(columns, groups)
            inside = rows.inside(tokens.encode(columns))
            for chosen, name in zip(inside.T, rows.free):
                step = grid_step(schema[name])
                rows.scores[name] = GroupedScores.fit(
                    columns[name][chosen], groups[chosen], step, fewest=ROWS_PER_CROWD
                )
        return rows

    def _split_numbers(self, columns, groups) -> None:
        """Give each number the tokens of its piles and ranges."""
        for name in self.tokens.bins:
            known, place = ~np.isnan(columns[name]), self.tokens.names.index(name)
            bins, free = _piles_and_ranges(columns[name][known], groups[known])
            missing = self.tokens.missing[place]
            self.tokens.bins[name], self.tokens.sizes[place] = bins, len(bins) + missing
            if free.any():
                self.free[name] = np.append(free, np.zeros(int(missing), bool))

    def fits(self, schema: Schema) -> bool:
        """Whether every column has a token, and every scored number a score."""
        sizes = dict(zip(self.tokens.names, self.tokens.sizes))
        discrete = np.flatnonzero([column.discrete for column in schema.columns])
        categories = np.array_equal(self.categories, discrete)
        columns = self.groups.combinations.shape[1] == len(discrete)
        scored = list(self.free) == list(self.scores)
        lengths = all(len(free) == sizes[name] for name, free in self.free.items())
        return self.tokens.fits(schema) and categories and columns and scored and lengths

    @property
    def places(self) -> list[int]:
        """Positions of the scored numbers among the columns."""
        return [self.tokens.names.index(name) for name in self.free]

    def group(self, tokens: np.ndarray) -> np.ndarray:
        """The combination of categories of each row, int64 (n,); -1 for one never trained on."""
        return self.groups.number(tokens[:, self.categories])

    def inside(self, tokens: np.ndarray) -> np.ndarray:
        """Which scored numbers lie within a range and so have a score, bool (n, m)."""
        flags = [self.free[name][tokens[:, place]] for name, place in zip(self.free, self.places)]
        return np.column_stack([np.zeros((len(tokens), 0), bool), *flags])

    def encode(
        self, columns: dict[str, np.ndarray], rng: np.random.Generator
    ) -> tuple[np.ndarray, ...]:
        """Tokens, scores within the group, scores among all rows, and ``inside`` as float32.

        Scores are 0 where there is none.
        """
        tokens = self.tokens.encode(columns)
        inside, groups = self.inside(tokens), self.group(tokens)
        within, pooled = np.zeros((2, *inside.shape), np.float32)
        for place, (name, scores) in enumerate(self.scores.items()):
            rows = inside[:, place]
            within[rows, place] = scores.transform(columns[name][rows], groups[rows], rng)
            pooled[rows, place] = scores.pooled.transform(columns[name][rows], rng)
        return tokens, within, pooled, inside.astype(np.float32)

    def decode(self, tokens, within, schema: Schema, given: dict, rng: np.random.Generator) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them, with the given values exactly."""
        columns = self.tokens.decode(tokens, schema, given, rng)
        inside, groups = self.inside(tokens), self.group(tokens)
        for place, (name, scores) in enumerate(self.scores.items()):
            if name not in given:
                values, ends = (
                    scores.inverse(within[:, place], groups),
                    self.tokens.bins[name].knots,
                )
                values = values.clip(*ends[tokens[:, self.places[place]].clip(max=len(ends) - 1)].T)
                columns[name] = np.where(inside[:, place], values, columns[name])
        return columns


def _piles_and_ranges(values, groups) -> tuple[QuantileBins, np.ndarray]:
    """One bin for each pile of any group and one for each range between them; which bins are such
    ranges."""
    crowds = [
        values[rows]
        for rows in rows_of(groups, int(groups.max(initial=-1)) + 1)
        if len(rows) >= ROWS_PER_CROWD
    ]
    piles = np.unique(np.concatenate([find_piles(crowd) for crowd in crowds] or [values[:0]]))
    distinct = np.unique(values)
    at = np.searchsorted(distinct, piles)
    starts = np.union1d(np.append(0, at), (at + 1)[at + 1 < len(distinct)]).astype(int)
    width = np.diff(np.append(starts, len(distinct)))
    lower, last = distinct[starts], distinct[starts + width - 1]
    return QuantileBins(lower, np.column_stack([lower, last])), width > 1
