"""Rows that agree in some columns form a group; each group gets a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.saving import savable

# How many rows are enough, for what a group of them has to tell:
ROWS_PER_COMPONENT = 12  # a Gaussian of its own, of a few numbers
ROWS_TO_SMOOTH = 20  # how widely its counts have to be smoothed
ROWS_PER_GROUP = 10  # a column's distribution in the group
ROWS_PER_CLASS = 20  # the shares of all columns in a latent class
ROWS_PER_BIN = 12  # a stretch of a number's range
MOST_GROUPS = 32  # that a network is told by one entry each


@savable
@dataclass
class Groups:
    """The combinations of codes that occurred, int32 (k, columns), sorted, and how often."""

    combinations: Annotated[np.ndarray, "int k _"]
    counts: Annotated[np.ndarray, "int k"]

    @classmethod
    def fit(cls, codes: np.ndarray) -> Groups:
        """Read integer codes (n, columns); without columns, all rows are one group."""
        codes = codes.astype(np.int32)
        if not codes.shape[1]:
            return cls(np.zeros((1, 0), np.int32), np.array([len(codes)]))
        return cls(*np.unique(codes, axis=0, return_counts=True))

    def __len__(self) -> int:
        return len(self.combinations)

    def number(self, codes: np.ndarray) -> np.ndarray:
        """The group of each row, int64 (n,); -1 for a combination that did not occur in fit."""
        if not codes.shape[1]:
            return np.zeros(len(codes), np.int64)
        together = np.vstack([self.combinations, codes.astype(np.int32)])
        inverse = np.unique(together, axis=0, return_inverse=True)[1].ravel()
        numbers = np.full(inverse.max() + 1, -1, np.int64)
        numbers[inverse[: len(self)]] = np.arange(len(self))
        return numbers[inverse[len(self) :]]

    def rows(self, codes: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each combination of fit with the positions of its rows, in order."""
        numbers = self.number(codes)
        return list(zip(self.combinations, rows_of(numbers, len(self))))

    @property
    def crowded(self) -> bool:
        """Whether the groups hold enough rows on average; one group alone always does."""
        return len(self) == 1 or len(self) * ROWS_PER_GROUP <= self.counts.sum()


def rows_of(numbers: np.ndarray, count: int) -> list[np.ndarray]:
    """Positions of the rows with number 0, 1, ... count - 1, in order; others are left out."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.searchsorted(numbers[order], np.arange(count + 1)))[1:-1]
