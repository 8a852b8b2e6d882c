"""Valid? Could each row stand in the real table: right types, ranges and categories, no rule
broken."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from utils.encoding import float_range, to_codes
from utils.schema import Column, Schema
from utils.scoring.judge import as_floats, check_tables

_FAMILIES = (
    ("boolean", types.is_bool_dtype),
    ("date", types.is_datetime64_any_dtype),
    ("integer", types.is_integer_dtype),
    ("number", types.is_float_dtype),
)


def faults(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Boolean frame (rows of the table, possible faults), True where the row has the fault.

    A column ``name`` may give "name: wrong type" (every row, then), "name: out of range", "name:
    unseen category" and "name: missing" (where training had no missing value); each rule of the
    schema gives "rule: its name", unless a wrong type keeps the rules from being evaluated.
    """
    check_tables(schema, synthetic=table)
    found = {}
    for column in schema.columns:
        found.update(_column_faults(table[column.name], column))
    if not any(name.endswith(": wrong type") and flags.all() for name, flags in found.items()):
        broken = schema.broken_rules(table)
        found.update({f"rule: {name}": broken[name].to_numpy() for name in broken.columns})
    return pd.DataFrame(found, index=table.index)


def _column_faults(values: pd.Series, column: Column) -> dict[str, np.ndarray]:
    wrong_type = _family(values.dtype) != _family(pd.api.types.pandas_dtype(column.dtype))
    found = {f"{column.name}: wrong type": np.full(len(values), wrong_type)}
    missing = values.isna().to_numpy()
    if not column.missing:
        found[f"{column.name}: missing"] = missing
    if wrong_type:
        return found
    if column.discrete:
        found[f"{column.name}: unseen category"] = ~missing & (to_codes(values, column) < 0)
    else:
        found[f"{column.name}: out of range"] = ~missing & ~_within(
            as_floats(values, column), column
        )
    return found


def _family(dtype) -> str:
    return next((name for name, belongs in _FAMILIES if belongs(dtype)), "text or category")


def _within(values: np.ndarray, column: Column) -> np.ndarray:
    low, high = float_range(column)
    return (values >= low) & (values <= high)


def valid(table: pd.DataFrame, schema: Schema) -> float:
    """Share of rows, 0 to 1, without any fault; 1 is perfect."""
    return float(1 - faults(table, schema).to_numpy().any(axis=1).mean())


def validity_report(table: pd.DataFrame, schema: Schema) -> pd.Series:
    """Share of rows with each fault that occurs at all, the commonest first; empty if every row is
    valid."""
    shares = faults(table, schema).mean()
    return shares[shares > 0].sort_values(ascending=False, kind="stable").rename("share of rows")
