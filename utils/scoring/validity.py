"""Valid? Could each row stand in the real table: right types, ranges and categories, no rule
broken."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.checks import cell_faults, rule_faults
from utils.dtypes import is_missing
from utils.schema import Column, Schema
from utils.scoring.judge import check_tables

BY_CHANCE = 1e-6  # less likely than this, a column without any value is no accident


def faults(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Boolean frame (rows of the table, possible faults), True where the row has the fault.

    A column ``name`` may give "name: wrong type" (every row, then), "name: missing", "name: out of
    range" and "name: unseen category", as :mod:`utils.checks` finds them, and "name: all missing":
    every row, where so many missing values would come by chance less than once in a million tables.
    Each rule of the schema gives "rule: its name", unless a wrong type keeps it from being asked.
    """
    check_tables(schema, synthetic=table)
    found = {}
    for column in schema.columns:
        values = table[column.name]
        for fault, rows in cell_faults(values, column).items():
            found[f"{column.name}: {fault}"] = rows
        found[f"{column.name}: all missing"] = np.full(len(table), _is_lost(values, column))
    broken = rule_faults(table, schema)
    found.update({f"rule: {name}": broken[name].to_numpy() for name in broken.columns})
    return pd.DataFrame(found, index=table.index)


def _is_lost(values: pd.Series, column: Column) -> bool:
    return bool(is_missing(values).all()) and column.missing ** len(values) < BY_CHANCE


def valid(table: pd.DataFrame, schema: Schema) -> float:
    """Share of rows, 0 to 1, without any fault; 1 is perfect."""
    return float(1 - faults(table, schema).to_numpy().any(axis=1).mean())


def validity_report(table: pd.DataFrame, schema: Schema) -> pd.Series:
    """Share of rows with each fault that occurs at all, the commonest first; empty if every row is
    valid."""
    shares = faults(table, schema).mean()
    return shares[shares > 0].sort_values(ascending=False, kind="stable").rename("share of rows")
