"""The synthetic rows nearest to a row, on the columns that an attacker knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from utils.schema import Schema
from utils.scoring import gower_points


def nearest(rows: pd.DataFrame, among: pd.DataFrame, schema: Schema, neighbours: int) -> np.ndarray:
    """Places of the nearest rows, int64 (rows, neighbours), the nearest first.

    The distance is that of the scoreboard (numbers by rank in ``among``, categories 0 or 1), on
    the columns of the schema; a smaller table gives as many neighbours as it has rows. Of rows that
    are equally near, any may be found: where all columns are categories, ask for more neighbours.
    """
    points, targets = gower_points([rows, among], schema, among)
    search = NearestNeighbors(n_neighbors=min(neighbours, len(among)), algorithm="brute")
    return search.fit(targets).kneighbors(points, return_distance=False)
