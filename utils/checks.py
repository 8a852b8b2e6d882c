"""Is a cell, is a row allowed? One answer for all who ask: bool arrays, True where a fault is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from operator import itemgetter

import numpy as np
import pandas as pd
from pandas.api import types

from utils.dtypes import dtype_of, is_missing, restored, storage, zone_of
from utils.expressions import columns_of
from utils.schema import Column, Schema, TableError, check_table
from utils.times import wall_times

SHOWN_FAILURES = 5
WRONG_TYPE, MISSING = "wrong type", "missing"
OUT_OF_RANGE, UNSEEN = "out of range", "unseen category"
IN_OBJECTS = {"number": "decimal", "date": "date", "boolean": "boolean"}


def allowed(values: pd.Series, column: Column) -> np.ndarray:
    """Bool (n,), True where the cell may stand in the column: type, range or category, missing."""
    return ~np.logical_or.reduce(list(cell_faults(values, column).values()))


def cell_faults(values: pd.Series, column: Column) -> dict[str, np.ndarray]:
    """The faults that cells of a column can have, with the rows (n,) that have them.

    "wrong type" : of the whole column.  "missing" : where the schema knows no missing values.
    "out of range" or "unseen category" : not asked of missing cells, nor of those of a wrong type.
    """
    wrong, missing = not is_of_kind(values, column), is_missing(values)
    faults = {WRONG_TYPE: np.full(len(values), wrong), MISSING: missing & (column.missing == 0)}
    if not wrong and column.discrete:
        faults[UNSEEN] = ~missing & ~_is_known(values, column)
    elif not wrong:
        faults[OUT_OF_RANGE] = ~missing & ~_in_range(values, column)
    return faults


def is_of_kind(values: pd.Series, column: Column) -> bool:
    """Whether a column of values can be one of this kind.

    A number takes whole numbers too, an integer whole numbers only in an integer dtype; dates have
    a time zone where the column has one, and only there. Categories are judged by their values.
    """
    if column.kind == "category":
        return True
    dtype = values.dtype
    if types.is_object_dtype(dtype):
        inner, zoned = types.infer_dtype(values, skipna=True), zone_of(column.dtype) is not None
        return (inner == IN_OBJECTS.get(column.kind) and not zoned) or (
            inner == "empty" and types.is_object_dtype(dtype_of(column.dtype))
        )
    if column.kind == "date":
        return types.is_datetime64_any_dtype(dtype) and (zone_of(dtype) is None) == (
            zone_of(column.dtype) is None
        )
    if column.kind == "boolean":
        return types.is_bool_dtype(dtype)
    if column.kind == "integer":
        return types.is_integer_dtype(dtype)
    return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)


def _is_known(values: pd.Series, column: Column) -> np.ndarray:
    known = restored(column.categories, column.level_dtype or column.dtype)
    return values.astype(object).isin([*known, *column.categories]).to_numpy()


def _in_range(values: pd.Series, column: Column) -> np.ndarray:
    """Bool (n,); whole numbers and times are compared exactly. Missing cells may be either."""
    low, high = column.minimum, column.maximum
    if column.kind == "date":
        numbers = wall_times(values, column.dtype, column.clock)
        low, high = (None if end is None else pd.Timestamp(end) for end in (low, high))
    elif types.is_integer_dtype(values.dtype):
        numbers = values.to_numpy(dtype=storage(values.dtype), na_value=0)
    else:
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    inside = np.full(len(values), not column.empty)
    if low is not None:
        inside &= numbers >= low
    if high is not None:
        inside &= numbers <= high
    return inside


def rule_faults(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Boolean frame, one column a rule, True where the row breaks it.

    Rules that name a column of a wrong type are left out, for they cannot be asked.
    """
    wrong = {column.name for column in schema.columns if not is_of_kind(table[column.name], column)}
    rules = {name: rule for name, rule in schema.rules.items() if not columns_of(rule) & wrong}
    return replace(schema, rules=rules).broken_rules(table)


def validate(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Check a table against a schema and return it unchanged.

    Checks that the columns are those of the schema (in any order), their kinds, that values lie
    within the range or among the categories, that nothing is missing where the schema knows no
    missing values, and the rules.

    Raises
    ------
    TableError : lists the first few failures with column, row and cure.
    """
    check_table(table)
    if not isinstance(schema, Schema):
        raise TableError(
            f"Expected a Schema, got {type(schema).__name__}. Read one off a table with "
            "Schema.infer(table)."
        )
    _refuse_columns(table, schema)
    failures = [
        (np.flatnonzero(rows), partial(_cell_failure, table, column, fault))
        for column in schema.columns
        for fault, rows in cell_faults(table[column.name], column).items()
    ]
    _refuse_places(failures)
    broken = rule_faults(table, schema)
    _refuse_places(
        (np.flatnonzero(broken[name]), partial(_rule_failure, table, name, schema.rules[name]))
        for name in broken.columns
    )
    return table


def refuse(failures: list[str], source: str, more: int = 0) -> None:
    """Raise one TableError that lists the first failures, if there are any.

    more : how many there are that are not in the list.
    """
    if not failures:
        return
    shown = "\n".join(f"- {failure}" for failure in failures[:SHOWN_FAILURES])
    more += len(failures[SHOWN_FAILURES:])
    raise TableError(
        f"{source} cannot be used:\n{shown}" + (f"\n... and {more} more." if more else "")
    )


def _refuse_columns(table: pd.DataFrame, schema: Schema) -> None:
    """TableError for columns that are missing, unknown or of another kind."""
    given, names = list(table.columns), schema.names
    failures = [
        *(f"column {name!r} is missing: add or rename it" for name in names if name not in given),
        *(
            f"column {name!r} is not in the schema: drop or rename it"
            for name in given
            if name not in names
        ),
    ]
    refuse(failures, "The table")
    failures = [
        f"column {column.name!r} is not of kind {column.kind} (it has the dtype "
        f"{table[column.name].dtype}, the schema {column.dtype}): convert it"
        for column in schema.columns
        if not is_of_kind(table[column.name], column)
    ]
    refuse(failures, "The table")


def _refuse_places(failures: Iterable[tuple[np.ndarray, Callable[[int], str]]]) -> None:
    """TableError for the first rows that have a fault, each (their places, words for one place)."""
    failures = [(places, words) for places, words in failures if len(places)]
    first = sorted(
        ((place, words) for places, words in failures for place in places[:SHOWN_FAILURES]),
        key=itemgetter(0),
    )[:SHOWN_FAILURES]
    total = sum(len(places) for places, _ in failures)
    refuse([words(place) for place, words in first], "The table", total - len(first))


def _cell_failure(table: pd.DataFrame, column: Column, fault: str, place: int) -> str:
    where = f"column {column.name!r}, {_row(table, place)}"
    if fault == MISSING:
        return f"{where}: the value is missing: fill it in or drop the row"
    value = table[column.name].iloc[place]
    shown = repr(value) if isinstance(value, str) else value
    if fault == OUT_OF_RANGE:
        return f"{where}: {shown} is outside {column.span()}: correct or drop it"
    return (
        f"{where}: {shown} is none of the {len(column.categories)} categories of the schema: "
        "correct or drop it"
    )


def _rule_failure(table: pd.DataFrame, name: str, rule: str, place: int) -> str:
    return f"{_row(table, place)} breaks the rule {name!r} ({rule}): correct or drop it"


def _row(table: pd.DataFrame, place: int) -> str:
    return f"{table.index.name or 'row'} {table.index[place]}"
