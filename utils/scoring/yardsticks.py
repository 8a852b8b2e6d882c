"""Rows that generators are held against."""

from __future__ import annotations

import numpy as np
import pandas as pd


def shuffle_columns(table: pd.DataFrame, random_state: int = 0) -> pd.DataFrame:
    """Each column in an order of its own: every margin is kept, every dependence is gone."""
    generator = np.random.default_rng(random_state)
    orders = {name: generator.permutation(len(table)) for name in table.columns}
    return pd.DataFrame({name: table[name].array[order] for name, order in orders.items()})
