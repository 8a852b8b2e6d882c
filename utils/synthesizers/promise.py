"""What must be known of the columns before a fit with a promise of privacy looks at a row."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np

from utils.encoding import float_range, from_array
from utils.privacy.study import PrivacyWarning
from utils.schema import Column, Schema, TableError

MAY_BE_MISSING = 0.5  # stands for any share of missing cells but none and all


def check_known(schema: Schema | None, names: list[str]) -> None:
    """TableError unless a schema is passed by which columns can be counted, and drawn.

    names : of the table's columns.
    """
    if schema is not None and not isinstance(schema, Schema):
        raise TableError(
            f"Expected a Schema, got {type(schema).__name__}. With a promise of privacy it says "
            "what is known beforehand: fit(table, schema=schema)."
        )
    refuse_open_ranges(schema, names)
    for column in schema.columns:
        _refuse_what_cannot_be_missing(column)


def refuse_open_ranges(schema: Schema | None, names: list[str]) -> None:
    """TableError unless the schema is passed and has the range of each number and date."""
    if schema is None:
        raise TableError(
            "With a promise of privacy, ranges and categories must be known beforehand: reading "
            "them off the rows would tell about single rows. Pass them: fit(table, schema=schema), "
            f"with a range for each number and date among: {', '.join(map(str, names))}."
        )
    lacking = [
        column.name
        for column in schema.columns
        if not (column.discrete or column.empty)
        and (column.minimum is None or column.maximum is None)
    ]
    if lacking:
        raise TableError(
            "With a promise of privacy, each number and date needs a range that is known "
            f"beforehand. Without one: {', '.join(lacking)}. Give each a minimum and a maximum, "
            f"such as dataclasses.replace(schema[{lacking[0]!r}], minimum=0, maximum=1000)."
        )


def _refuse_what_cannot_be_missing(column: Column) -> None:
    """TableError for a column that may be missing in a dtype that has no missing value: noise makes
    missing cells, even where there are none."""
    absent = np.array([-1], np.int32) if column.discrete else np.array([np.nan])
    try:
        if column.missing:
            from_array(absent, column)
    except ValueError:
        raise TableError(
            f"Column {column.name!r} may be missing by its schema, but its dtype {column.dtype} "
            'has no missing value. Give it one that has, such as "Int64" or "boolean", or '
            "missing=0."
        ) from None


def without_shares(schema: Schema) -> Schema:
    """The schema with one and the same share wherever cells may be missing: how many are is counted
    with noise."""
    columns = [
        replace(column, missing=MAY_BE_MISSING) if 0 < column.missing < 1 else column
        for column in schema.columns
    ]
    return replace(schema, columns=tuple(columns))


def warn_of_ranges(schema: Schema, columns: dict[str, np.ndarray], stacklevel: int) -> None:
    """PrivacyWarning where the schema looks as if it was read off the rows.

    That is: the range of a number or date ends just where the rows do; or, in a table without such
    columns, every category occurs. A schema that was read off them and then changed may pass.

    columns : codes with -1, or float64 with NaN, as a fit gets them.
    """
    asked = [column for column in schema.columns if not (column.empty or column.kind == "boolean")]
    told = [column for column in asked if _ends_with_the_rows(column, columns[column.name])]
    if told and (len(told) == len(asked) or not all(column.discrete for column in told)):
        names = ", ".join(column.name for column in told)
        warnings.warn(
            f"Ranges and categories are just those of the rows in: {names}. If they were read off "
            "the rows, the promise does not cover them: put what is known without the rows into "
            "the schema; for study fit inside `with utils.privacy.for_study():`.",
            PrivacyWarning,
            stacklevel + 1,
        )


def _ends_with_the_rows(column: Column, values: np.ndarray) -> bool:
    """Whether the rows have every category, or both ends of the range."""
    if column.discrete:
        return len(np.unique(values[values >= 0])) == len(column.categories)
    known = values[~np.isnan(values)]
    return len(known) > 0 and (known.min(), known.max()) == float_range(column)
