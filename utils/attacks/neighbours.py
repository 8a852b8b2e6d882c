"""The synthetic rows nearest to a row, on the columns that an attacker knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from utils.schema import Schema
from utils.scoring import gower_points
from utils.scoring.judge import as_floats

MIDDLE = 0.5  # where a missing number stands


def nearest(rows: pd.DataFrame, among: pd.DataFrame, schema: Schema, neighbours: int) -> np.ndarray:
    """Places of the nearest rows, int64 (rows, neighbours), the nearest first.

    The distance is close to that of the scoreboard (numbers by rank in ``among``, categories 0 or
    1), on the columns of the schema; but a number between two of ``among`` has a rank between
    theirs, nearer to the nearer one. (A plain rank lies half-way between the two, however close the
    number is to one of them.) A smaller table gives as many neighbours as it has rows. Of rows that
    are equally near, any may be found: where all columns are categories, ask for more neighbours.
    """
    points, targets = (np.hstack(blocks) for blocks in zip(*_blocks([rows, among], schema, among)))
    search = NearestNeighbors(n_neighbors=min(neighbours, len(among)), algorithm="brute")
    return search.fit(targets).kneighbors(points, return_distance=False)


def _blocks(tables: list[pd.DataFrame], schema: Schema, among: pd.DataFrame) -> list:
    """Of all categories together and of each number: float64 (rows, width) for each table."""
    categories = schema.select([column.name for column in schema.columns if column.discrete])
    blocks = [gower_points(tables, categories, among)] if categories.columns else []
    for column in schema.columns:
        if not column.discrete:
            known = as_floats(among[column.name], column)
            blocks.append(
                [_ranks(as_floats(table[column.name], column), known) for table in tables]
            )
    return blocks


def _ranks(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Rank in ``among``, 0 to 1, on the line through its values' middle ranks, and a flag for what
    is missing, float64 (n, 2)."""
    distinct, counts = np.unique(among[~np.isnan(among)], return_counts=True)
    if not len(distinct):
        distinct, counts = np.zeros(1), np.ones(1)
    middle = (counts.cumsum() - counts / 2) / counts.sum()
    missing = np.isnan(values)
    rank = np.interp(np.where(missing, distinct[0], values), distinct, middle)
    return np.column_stack([np.where(missing, MIDDLE, rank), missing])
