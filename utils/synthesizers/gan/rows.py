"""A table as the GAN writes it: tokens, and scores for smooth numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from utils.encoding import TableCodes, grid_step
from utils.encoding.codes import count_of_bins
from utils.encoding.scores import END, GRID, NormalScores
from utils.encoding.spikes import FEWEST_ON_PILE, is_smooth
from utils.saving import savable
from utils.schema import Schema

MOST_BINS = 64


@savable
@dataclass
class GANRows:
    """Every column as cells: tokens, int32 (n,), or normal scores, float32 (n,).

    Scores are for smooth numbers with more values than there are bins; what is missing somewhere,
    or has a pile that stands apart, and every other column, is told in tokens.

    codes : TableCodes of the tokens.  scores : {name: NormalScores}.
    """

    codes: TableCodes
    scores: dict[str, NormalScores]

    @classmethod
    def fit(cls, columns: dict, schema: Schema, ranked: Collection[str]) -> GANRows:
        """Read the columns of :meth:`Synthesizer._fit`; ranked : names that have no grid any
        more."""
        scores = {
            name: NormalScores.fit(columns[name], 0.0 if name in ranked else grid_step(column))
            for name, column in zip(schema.names, schema.columns)
            if not column.discrete and _is_score(columns[name], name in ranked)
        }
        bins = count_of_bins(len(columns[schema.names[0]]), MOST_BINS)
        others = schema.select([name for name in schema.names if name not in scores])
        return cls(TableCodes.fit(columns, others, bins), scores)

    def fits(self, schema: Schema) -> bool:
        """Whether every column of the schema is told in one of the two ways."""
        numbers = [column.name for column in schema.columns if not column.discrete]
        others = [name for name in schema.names if name not in self.scores]
        return set(self.scores) <= set(numbers) and self.codes.fits(schema.select(others))

    @property
    def sizes(self) -> dict[str, int]:
        """Number of tokens of each column, 0 for a score."""
        tokens = zip(self.codes.names, map(int, self.codes.sizes))
        return dict(tokens) | dict.fromkeys(self.scores, 0)

    def encode(self, columns: dict, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """The cells of each column."""
        cells = dict(zip(self.codes.names, self.codes.encode(columns).T))
        return cells | {
            name: scale.transform(columns[name], rng) for name, scale in self.scores.items()
        }

    def encode_given(self, given: dict) -> dict[str, int]:
        """The token of each given category or missing cell."""
        return {self.codes.names[at]: code for at, code in self.codes.encode_given(given).items()}

    def bend(self, name: str, real: np.ndarray, made: np.ndarray, weights: np.ndarray) -> None:
        """Read a number off another curve, so that scores made, (m,), come to be spread as real
        ones, (n,), are.

        Both are compared at the ends of as many bins as a number has in a table of n rows.
        weights : of the scores made, (m,).
        """
        scale, bins = self.scores[name], count_of_bins(len(real), MOST_BINS)
        shares = np.linspace(0, 1, bins + 1)
        order = np.argsort(made, kind="stable")
        passed = np.cumsum(weights[order])
        of_made = np.interp(shares, passed / passed[-1], made[order])
        scale.values = scale.inverse(np.interp(GRID, of_made, np.quantile(real, shares)))

    def decode(self, cells: dict, schema: Schema, rng: np.random.Generator) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them."""
        rows = len(next(iter(cells.values())))
        tokens = [cells[name] for name in self.codes.names]
        codes = np.column_stack([np.zeros((rows, 0), np.int32), *tokens])
        columns = self.codes.decode(codes, schema.select(self.codes.names), {}, rng)
        return columns | {name: scale.inverse(cells[name]) for name, scale in self.scores.items()}


def _is_score(values: np.ndarray, ranked: bool) -> bool:
    """Whether no value is missing and none stands out: a pile, such as 0 minutes, is a token."""
    if np.isnan(values).any():
        return False
    if ranked and _stand_alike(values[np.abs(values) >= END]) >= FEWEST_ON_PILE:
        return False
    return is_smooth(values) and len(np.unique(values)) > MOST_BINS


def _stand_alike(values: np.ndarray) -> int:
    """How many rows the most frequent value has."""
    return np.unique(values, return_counts=True)[1].max(initial=0)
