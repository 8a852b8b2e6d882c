"""What a table must look like: the kind, range and categories of each column, and the rules between
them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
from pandas.api import types

from utils.expressions import evaluate

KINDS = ("number", "integer", "category", "boolean", "date")
DISCRETE = ("category", "boolean")
MOST_DECIMALS = 6
LARGEST = 1e38  # squares of larger numbers, and float32, know no bounds


class TableError(ValueError):
    """A table, file or schema that cannot be used: says what is wrong, where, and how to mend
    it."""


@dataclass(frozen=True)
class Column:
    """One column.

    name : as in the table.  kind : one of :data:`KINDS`.  dtype : pandas dtype of the column, as
        text.
    minimum, maximum : closed range of numbers, integers and dates (dates as ISO text); None if all
        is
    missing. categories : the values a category may take, in a fixed order.  levels, ordered : of a
    pandas categorical; all values it declares, also those that never occur.
    missing : share of missing values, 0 to 1.  decimals : digits kept after the point (numbers
        only; None:
    all). resolution : unit to which dates are exact ("D", "s", "us", "ns").  unit : for axis
    labels, such as "minutes".
    """

    name: str
    kind: str
    dtype: str
    minimum: float | int | str | None = None
    maximum: float | int | str | None = None
    categories: tuple = ()
    levels: tuple = ()
    ordered: bool = False
    missing: float = 0.0
    decimals: int | None = None
    resolution: str = ""
    unit: str = ""

    @property
    def discrete(self) -> bool:
        """True for categories and booleans, False for numbers, integers and dates."""
        return self.kind in DISCRETE

    @property
    def label(self) -> str:
        """Name with its unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Schema:
    """The columns of a table in order, its rules (name -> expression), and the column to
    predict."""

    columns: tuple[Column, ...]
    rules: dict[str, str] = field(default_factory=dict)
    target: str | None = None

    @classmethod
    def infer(
        cls,
        table: pd.DataFrame,
        rules: dict[str, str] | None = None,
        target: str | None = None,
        units: dict[str, str] | None = None,
        categories: list[str] | None = None,
    ) -> Schema:
        """Read kinds, ranges and categories off a table.

        categories : columns whose values are kept exactly as they are, whatever their dtype.

        Raises TableError for a table without columns or rows, repeated or non-text names, infinite
        numbers, and values no kind covers.
        """
        _check_names(table)
        units = units or {}
        columns = tuple(
            replace(
                _infer_column(table[name], name in (categories or [])), unit=units.get(name, "")
            )
            for name in table.columns
        )
        if target is not None and target not in table.columns:
            raise TableError(
                f"The target {target!r} is not a column. Choose one of: {', '.join(table.columns)}."
            )
        return cls(columns, dict(rules or {}), target)

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [column.name for column in self.columns]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise TableError(f"There is no column {name!r}. The columns are: {', '.join(self.names)}.")

    def select(self, names: list[str]) -> Schema:
        """The schema of some of the columns; rules and target that need the others are left out."""
        columns = tuple(self[name] for name in names)
        probe = pd.DataFrame({column.name: [_example(column)] for column in columns})
        rules = {key: rule for key, rule in self.rules.items() if _can_evaluate(rule, probe)}
        return Schema(columns, rules, self.target if self.target in names else None)

    def to_dict(self) -> dict:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict) -> Schema:
        """The inverse of :meth:`to_dict`; raises TableError on anything else."""
        try:
            columns = tuple(
                Column(
                    **{
                        **item,
                        "categories": tuple(item["categories"]),
                        "levels": tuple(item["levels"]),
                    }
                )
                for item in data["columns"]
            )
            return cls(columns, dict(data["rules"]), data["target"])
        except (KeyError, TypeError) as error:
            raise TableError(
                f"This is not a saved schema ({error}). Save it again with Schema.to_dict."
            ) from None

    def describe(self) -> pd.DataFrame:
        """One row a column: kind, range or categories, missing share, unit. To be shown to a
        reader."""
        return pd.DataFrame([_describe(column) for column in self.columns]).set_index("column")

    def broken_rules(self, table: pd.DataFrame) -> pd.DataFrame:
        """Boolean frame, one column a rule, True where the row breaks it."""
        broken = {
            name: np.broadcast_to(~np.asarray(evaluate(rule, table), dtype=bool), len(table))
            for name, rule in self.rules.items()
        }
        return pd.DataFrame(broken, index=table.index)


def _check_names(table: pd.DataFrame) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TableError(
            f"Expected a pandas DataFrame, got {type(table).__name__}. Read the file with read_table(path)."
        )
    if table.shape[1] == 0:
        raise TableError(
            "The table has no columns. Check that the file was read with the right delimiter."
        )
    if len(table) == 0:
        raise TableError(
            "The table is empty: it has columns but no rows. Pass a table with at least one row."
        )
    for name in table.columns:
        if not isinstance(name, str):
            raise TableError(
                f"The column name {name!r} is not text. Mend it: table.columns = table.columns.map(str)."
            )
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise TableError(
            f"The column name {repeated[0]!r} stands twice. Rename one of the columns."
        )


def _infer_column(values: pd.Series, is_category: bool) -> Column:
    name, dtype, missing = values.name, str(values.dtype), float(values.isna().mean())
    present = values.dropna()
    if is_category and dtype != "category":
        return _category_column(name, dtype, missing, present)
    if types.is_bool_dtype(values.dtype):
        return Column(name, "boolean", dtype, categories=(False, True), missing=missing)
    if types.is_datetime64_any_dtype(values.dtype):
        return _date_column(name, dtype, missing, present)
    if types.is_integer_dtype(values.dtype):
        low, high = (int(present.min()), int(present.max())) if len(present) else (None, None)
        return Column(name, "integer", dtype, low, high, missing=missing)
    if types.is_float_dtype(values.dtype):
        return _number_column(name, dtype, missing, present)
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels, seen = tuple(values.cat.categories.tolist()), set(present)
        _check_category_values(name, levels)
        return Column(
            name,
            "category",
            "category",
            categories=tuple(value for value in levels if value in seen),
            levels=levels,
            ordered=bool(values.cat.ordered),
            missing=missing,
        )
    if types.is_object_dtype(values.dtype) or types.is_string_dtype(values.dtype):
        return _category_column(name, dtype, missing, present)
    raise TableError(
        f"Column {name!r} holds {dtype} values, which no column kind covers. Convert it to numbers, "
        "dates, booleans or text first."
    )


def _number_column(name, dtype, missing, present) -> Column:
    numbers = present.to_numpy(dtype=np.float64)
    large = np.abs(numbers) > LARGEST
    if large.any():
        kind = "an infinite value" if np.isinf(numbers[large][0]) else f"a value beyond {LARGEST:g}"
        raise TableError(
            f"Column {name!r} holds {kind} in row {present.index[large][0]}. Replace it by a smaller "
            "number or leave the cell empty."
        )
    if len(numbers) == 0:
        return Column(name, "number", dtype, missing=missing)
    decimals = next(
        (d for d in range(MOST_DECIMALS + 1) if np.array_equal(np.round(numbers, d), numbers)), None
    )
    return Column(
        name,
        "number",
        dtype,
        float(numbers.min()),
        float(numbers.max()),
        missing=missing,
        decimals=decimals,
    )


def _date_column(name, dtype, missing, present) -> Column:
    if len(present) == 0:
        return Column(name, "date", dtype, missing=missing, resolution="D")
    naive = present if present.dt.tz is None else present.dt.tz_convert("UTC").dt.tz_localize(None)
    far = (naive < pd.Timestamp.min) | (naive > pd.Timestamp.max)
    if far.any():
        raise TableError(
            f"Column {name!r} holds the date {naive[far].iloc[0]} in row {present.index[far][0]}, outside "
            f'of {pd.Timestamp.min.year + 1} to {pd.Timestamp.max.year - 1}. If it stands for "never", '
            "leave the cell empty."
        )
    resolution = next(
        (unit for unit in ("D", "s", "us") if (naive == naive.dt.floor(unit)).all()), "ns"
    )
    return Column(
        name,
        "date",
        dtype,
        naive.min().isoformat(),
        naive.max().isoformat(),
        missing=missing,
        resolution=resolution,
    )


def _category_column(name, dtype, missing, present) -> Column:
    try:
        categories = list(dict.fromkeys(present))
    except TypeError:
        raise TableError(
            f"Column {name!r} holds lists or other values that cannot be compared. Turn each into text "
            "or into columns of its own."
        ) from None
    if categories and all(isinstance(value, (bool, np.bool_)) for value in categories):
        return Column(name, "boolean", dtype, categories=(False, True), missing=missing)
    _check_category_values(name, categories)
    try:
        categories = sorted(categories)
    except TypeError:  # text and numbers mixed: any fixed order will do
        categories = sorted(categories, key=lambda value: (type(value).__name__, str(value)))
    return Column(name, "category", dtype, categories=tuple(categories), missing=missing)


def _check_category_values(name, categories) -> None:
    for value in categories:
        if not isinstance(value, (str, int, float, np.integer, np.floating)):
            raise TableError(
                f"Column {name!r} holds {type(value).__name__} values such as {value!r}. Convert it first: "
                "pd.to_datetime for dates, astype(float) for decimals, astype(str) for the rest."
            )


def _example(column: Column):
    if column.discrete:
        return column.categories[0] if column.categories else None
    if column.minimum is None:
        return np.nan
    return pd.Timestamp(column.minimum) if column.kind == "date" else column.minimum


def _can_evaluate(rule: str, probe: pd.DataFrame) -> bool:
    try:
        evaluate(rule, probe)
    except ValueError:
        return False
    return True


def _describe(column: Column) -> dict:
    if column.discrete:
        shown = ", ".join(map(str, column.categories[:4])) + (
            ", ..." if len(column.categories) > 4 else ""
        )
        span = f"{len(column.categories)}: {shown}"
    elif column.minimum is None:
        span = "all missing"
    elif column.kind == "date":
        span = f"{column.minimum[:10]} to {column.maximum[:10]}"
    else:
        span = f"{column.minimum:,.6g} to {column.maximum:,.6g}"
    return {
        "column": column.name,
        "kind": column.kind,
        "values": span,
        "missing": f"{column.missing:.1%}",
        "unit": column.unit or "-",
    }
