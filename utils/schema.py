"""What a table must look like: the kind, range and categories of each column, and the rules between
them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from decimal import InvalidOperation
from functools import partial

import numpy as np
import pandas as pd
from pandas.api import types

from utils.dtypes import dtype_of, dtype_text, is_missing, plain, restored, storage
from utils.expressions import columns_of, evaluate
from utils.times import GRIDS, NANOSECONDS, UTC, find_grid, nanoseconds, wall_times

KINDS = ("number", "integer", "category", "boolean", "date")
DISCRETE = ("category", "boolean")
MOST_DECIMALS = 12
LARGEST = 1e38  # squares of larger numbers, and float32, know no bounds
LIMITS = {  # the types that a limit of each kind may have
    "number": (int, float, np.integer, np.floating),
    "integer": (int, np.integer),
    "date": (str,),
}
EXACT = 2**53  # float64 counts up to here without a gap


class TableError(ValueError):
    """A table, file or schema that cannot be used: says what is wrong, where, and how to mend
    it."""


@dataclass(frozen=True)
class Column:
    """One column, as plain data: text, numbers and tuples of them.

    name : as in the table.  kind : one of :data:`KINDS`.  dtype : of the column, as text that
        :func:`utils.dtypes.dtype_of` reads.
    minimum, maximum : closed range of numbers, integers and dates (dates as ISO text without zone,
        on the clock); None means no limit at this end.
    categories : the values a category may take, in a fixed order, as
        :func:`utils.dtypes.plain` writes them.
    levels, level_dtype, ordered : of a pandas categorical; all values it declares, also those that
        never occur, and their dtype as text.
    missing : share of missing values, 0 to 1.  decimals : digits kept after the point (numbers
        only; None: all).
    resolution : unit to which dates are exact, one of :data:`utils.times.GRIDS`.  clock : the clock
        on which they are so, "local" or "UTC"; "" for dates without a zone.
    unit : for axis labels, such as "minutes".

    Raises TableError for a kind, dtype, limit or resolution that is none.
    """

    name: str
    kind: str
    dtype: str
    minimum: float | int | str | None = None
    maximum: float | int | str | None = None
    categories: tuple = ()
    levels: tuple = ()
    level_dtype: str = ""
    ordered: bool = False
    missing: float = 0.0
    decimals: int | None = None
    resolution: str = ""
    clock: str = ""
    unit: str = ""

    def __post_init__(self):
        if not isinstance(self.name, str):
            raise TableError(f"The name {self.name!r} of a column is no text.")
        _one_of(self, "kind", KINDS)
        if self.kind == "date":
            _one_of(self, "resolution", GRIDS)
        try:
            dtype_of(self.dtype)
        except Exception:  # each library refuses a text that it cannot read in its own way
            raise TableError(
                f"Column {self.name!r} cannot have the dtype {self.dtype!r}. Write it as pandas "
                'does, such as "int64".'
            ) from None
        low, high = (_checked_limit(self, end) for end in ("minimum", "maximum"))
        if low is not None and high is not None and low > high:
            raise TableError(
                f"Column {self.name!r} cannot run from {low} to {high}: swap the limits."
            )

    @property
    def discrete(self) -> bool:
        """True for categories and booleans, False for numbers, integers and dates."""
        return self.kind in DISCRETE

    @property
    def empty(self) -> bool:
        """True for a column that is all missing."""
        return self.missing == 1.0

    @property
    def label(self) -> str:
        """Name with its unit, for an axis."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def span(self, show: Callable = str) -> str:
        """The range in words, such as "1 to 3" or "0 or more"; ``show`` writes one limit."""
        if self.minimum is None and self.maximum is None:
            return "any"
        if self.maximum is None:
            return f"{show(self.minimum)} or more"
        if self.minimum is None:
            return f"{show(self.maximum)} or less"
        return f"{show(self.minimum)} to {show(self.maximum)}"


def _one_of(column: Column, part: str, known: tuple[str, ...]) -> None:
    if getattr(column, part) not in known:
        raise TableError(
            f"Column {column.name!r} cannot have the {part} {getattr(column, part)!r}. Choose one "
            f"of: {', '.join(known)}."
        )


def _checked_limit(column: Column, end: str) -> float | int | pd.Timestamp | None:
    """A limit in the type in which it is compared; TableError where the kind cannot have it."""
    limit, meant = getattr(column, end), LIMITS.get(column.kind, ())
    try:
        fits = isinstance(limit, meant) and not isinstance(limit, bool)
        limit = pd.Timestamp(limit) if fits and column.kind == "date" else limit
        if limit is None or (fits and not pd.isna(limit) and getattr(limit, "tz", None) is None):
            return limit
    except ValueError:
        pass  # text that is no date
    raise TableError(
        f"Column {column.name!r} of kind {column.kind} cannot have the {end} {limit!r}. Limits of "
        "numbers and integers are numbers, those of dates text such as 2024-02-01, others None."
    )


@dataclass(frozen=True)
class Schema:
    """The columns of a table in order, its rules (name -> expression), and the column to
    predict.

    Raises TableError for columns that are none.
    """

    columns: tuple[Column, ...]
    rules: dict[str, str] = field(default_factory=dict)
    target: str | None = None

    def __post_init__(self):
        columns = self.columns if isinstance(self.columns, (tuple, list)) else [self.columns]
        if not all(isinstance(column, Column) for column in columns):
            raise TableError(
                f"A schema is made of columns, not of {self.columns!r}. Read them off a table with "
                "Schema.infer(table)."
            )

    @classmethod
    def infer(
        cls,
        table: pd.DataFrame,
        rules: dict[str, str] | None = None,
        target: str | None = None,
        units: dict[str, str] | None = None,
        categories: Collection[str] = (),
    ) -> Schema:
        """Read kinds, ranges and categories off a table.

        categories : columns that are categories whatever their dtype is, such as codes in digits;
            values and dtype come back as they are.

        Raises TableError for a table without columns or rows, repeated or non-text names, infinite
        numbers, numbers or times that float64 cannot count exactly, values no kind covers, a rule
        that cannot be read, and one, a unit, a category or a target that names no column.
        """
        check_table(table)
        units, rules = units or {}, {} if rules is None else rules
        named = [("target", target)] * (target is not None) + [
            *(("category", name) for name in categories),
            *(("unit", name) for name in units),
        ]
        for role, name in named:
            if not isinstance(name, str) or name not in table.columns:
                raise TableError(
                    f"The {role} {name!r} is not a column. Choose one of: "
                    f"{', '.join(table.columns)}."
                )
        _check_rules(rules, table)
        columns = tuple(
            replace(_infer_column(table[name], name in categories), unit=units.get(name, ""))
            for name in table.columns
        )
        return cls(columns, dict(rules), target)

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
        rules = {key: rule for key, rule in self.rules.items() if columns_of(rule) <= set(names)}
        return Schema(columns, rules, self.target if self.target in names else None)

    def describe(self) -> pd.DataFrame:
        """One row a column: kind, range or categories, missing share, unit. To be shown to a
        reader."""
        return pd.DataFrame([_describe(column) for column in self.columns]).set_index("column")

    def broken_rules(self, table: pd.DataFrame) -> pd.DataFrame:
        """Boolean frame, one column a rule, True where the row breaks it.

        A rule is not broken where a column that it names is missing, as with SQL's CHECK.
        """
        broken = {name: _broken(rule, table) for name, rule in self.rules.items()}
        return pd.DataFrame(broken, index=table.index)


def _broken(rule: str, table: pd.DataFrame) -> np.ndarray:
    broken = np.broadcast_to(~np.asarray(evaluate(rule, table), dtype=bool), len(table))
    return np.logical_and.reduce([broken, *(~is_missing(table[n]) for n in columns_of(rule))])


def check_frame(table) -> None:
    """TableError for what is no DataFrame."""
    if not isinstance(table, pd.DataFrame):
        raise TableError(
            f"Expected a pandas DataFrame, got {type(table).__name__}. Read the file with "
            "read_table(path)."
        )


def check_table(table: pd.DataFrame) -> None:
    """TableError for what is no table with rows, and columns with a text of its own as name."""
    check_frame(table)
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
                f"The column name {name!r} is not text. Mend it: "
                "table.columns = table.columns.map(str)."
            )
    repeated = table.columns[table.columns.duplicated()]
    if len(repeated):
        raise TableError(
            f"The column name {repeated[0]!r} stands twice. Rename one of the columns."
        )


def _check_rules(rules: dict[str, str], table: pd.DataFrame) -> None:
    """TableError for rules that are no text, cannot be read or name what is no column."""
    if not isinstance(rules, dict):
        raise TableError(f"The rules must be a dictionary of name: expression, not {rules!r}.")
    for name, rule in rules.items():
        try:
            unknown = sorted(columns_of(rule) - set(table.columns))
        except (TypeError, ValueError) as error:
            raise TableError(f"The rule {name!r} ({rule}) cannot be read: {error}") from None
        if unknown:
            raise TableError(
                f"The rule {name!r} ({rule}) names {unknown[0]!r}, which is no column. The columns "
                f"are: {', '.join(table.columns)}."
            )


def _infer_column(values: pd.Series, category: bool) -> Column:
    _refuse_unusable(values)
    dtype, missing = _held_dtype(values.name, values), _missing(values)
    present = values[~missing]
    _refuse_spans(values.name, present)
    make = partial(Column, values.name, dtype=dtype, missing=float(missing.mean()))
    if isinstance(values.dtype, pd.CategoricalDtype):
        return _categorical_column(make, values.cat)
    if category:
        return _category_column(make, present)
    if types.is_bool_dtype(values.dtype):
        return make("boolean", categories=(False, True))
    if types.is_datetime64_any_dtype(values.dtype) or dtype == "object[date]":
        return _date_column(make, present)
    if types.is_integer_dtype(values.dtype):
        return _integer_column(make, present)
    if "decimal" in dtype:
        return _decimal_column(make, present)
    if types.is_float_dtype(values.dtype):
        return _number_column(make, present)
    if types.is_object_dtype(values.dtype) and types.infer_dtype(present) == "boolean":
        return make("boolean", categories=(False, True))
    if types.is_object_dtype(values.dtype) or types.is_string_dtype(values.dtype):
        return _category_column(make, present)
    raise TableError(
        f"Column {values.name!r} holds {values.dtype} values, which no column kind covers. Convert "
        "it to numbers, dates, booleans or text first."
    )


def _held_dtype(name: str, values: pd.Series | pd.Index) -> str:
    try:
        return dtype_text(values)
    except ValueError as error:
        raise TableError(
            f"Column {name!r} cannot be kept: {error}. Convert it first: "
            f'table[{name!r}].dt.tz_convert("UTC") for times, .astype("category") for a dictionary.'
        ) from None


def _missing(values: pd.Series) -> np.ndarray:
    try:
        return is_missing(values)
    except InvalidOperation:  # of a comparison with a signalling NaN
        raise TableError(
            f"Column {values.name!r} holds Decimal('sNaN'), which nothing can compute with. Leave "
            "these cells empty."
        ) from None


def _refuse_unusable(values: pd.Series) -> None:
    """TableError for dtypes that pandas can hold but not compute with."""
    if isinstance(values.dtype, pd.SparseDtype):
        cure = f"table[{values.name!r}].sparse.to_dense()"
    elif "string_view" in str(values.dtype):
        cure = f'table[{values.name!r}].astype("string")'
    else:
        return
    raise TableError(
        f"Column {values.name!r} holds {values.dtype}, which cannot be computed with. Convert it "
        f"first: {cure}."
    )


def _refuse_spans(name: str, present: pd.Series) -> None:
    """TableError for durations and times of day, which are numbers once they have a unit."""
    first = present.iloc[0] if len(present) and present.dtype.kind in "mO" else None
    if isinstance(first, (timedelta, np.timedelta64)):
        raise TableError(
            f"Column {name!r} holds durations. Turn them into numbers first: "
            f"table[{name!r}] = pd.to_timedelta(table[{name!r}]).dt.total_seconds()."
        )
    if isinstance(first, time):
        raise TableError(
            f"Column {name!r} holds times of day. Turn them into minutes first: "
            f"table[{name!r}] = [None if pd.isna(time) else 60 * time.hour + time.minute for time "
            f"in table[{name!r}]]."
        )


def _integer_column(make, present) -> Column:
    if not len(present):
        return make("integer")
    low, high = int(present.min()), int(present.max())
    if high - low <= EXACT:
        return make("integer", minimum=low, maximum=high)
    if 2 * present.nunique() <= len(present):  # whole numbers that are codes
        return _category_column(make, present)
    raise TableError(
        f"Column {present.name!r} runs from {low} to {high}, too far to be counted exactly (2**53 "
        "steps at most). If it is an identifier, leave it out or name it in "
        "Schema.infer(..., categories=[...]); otherwise round it to larger units."
    )


def _number_column(make, present) -> Column:
    numbers = present.to_numpy(dtype=np.float64)
    _refuse_large(present, numbers)
    if not len(numbers):
        return make("number")
    decimals = _decimals(numbers, storage(present.dtype))
    low, high = float(numbers.min()), float(numbers.max())
    return make("number", minimum=low, maximum=high, decimals=decimals)


def _refuse_large(present: pd.Series, numbers: np.ndarray) -> None:
    large = np.abs(numbers) > LARGEST
    if large.any():
        kind = "an infinite value" if np.isinf(numbers[large][0]) else f"a value beyond {LARGEST:g}"
        raise TableError(
            f"Column {present.name!r} holds {kind} in row {present.index[large][0]}. Replace it by "
            "a smaller number or leave the cell empty."
        )


def _decimals(numbers: np.ndarray, dtype: np.dtype) -> int | None:
    """The fewest decimals that give every number back in its dtype; None if there are none.

    Where the numbers of the dtype lie further apart than the decimals, all would fit by chance.
    """
    most = 2.0 ** (np.finfo(dtype).nmant + 1)
    for decimals in range(MOST_DECIMALS + 1):
        fits = np.round(numbers, decimals).astype(dtype) == numbers.astype(dtype)
        if decimals and (np.abs(numbers[fits]) * 10.0**decimals > most).any():
            return None
        numbers = numbers[~fits]
        if not len(numbers):
            return decimals
    return None


def _decimal_column(make, present) -> Column:
    """A number in decimal.Decimal objects or an Arrow decimal, which names its digits itself."""
    if not len(present):
        return make("number")
    as_written = types.is_object_dtype(present.dtype)  # 1.50 in objects; Arrow fills up with zeros
    present = present.astype(object)  # Arrow cannot compute with all of its decimals
    _refuse_large(present, present.to_numpy(dtype=np.float64))
    exponents = present.map(
        lambda value: (value if as_written else value.normalize()).as_tuple().exponent
    )
    decimals = max(0, -int(exponents.min()))
    longest = present.abs().max()
    if longest.scaleb(decimals) > EXACT:
        raise TableError(
            f"Column {present.name!r} holds decimals with more digits than can be counted exactly "
            f"(15), such as {longest}. Convert it first: table[{present.name!r}].astype(float)."
        )
    low, high = float(present.min()), float(present.max())
    return make("number", minimum=low, maximum=high, decimals=decimals)


def _date_column(make, present) -> Column:
    if not len(present):
        return make("date", resolution="D")
    dtype = make.keywords["dtype"]
    _refuse_far_years(present, dtype)
    resolution, clock = find_grid(present, dtype)
    ticks = nanoseconds(present, dtype, clock)
    low, high = pd.Timestamp(int(ticks.min())), pd.Timestamp(int(ticks.max()))
    if high.value - low.value > EXACT * NANOSECONDS[resolution]:
        raise TableError(
            f"Column {present.name!r} holds times exact to {resolution} from {low} to {high}, too "
            "far apart to be counted exactly (2**53 steps at most). Round them: "
            f'table[{present.name!r}].dt.floor("{GRIDS[GRIDS.index(resolution) - 1]}").'
        )
    return make(
        "date",
        minimum=low.isoformat(),
        maximum=high.isoformat(),
        resolution=resolution,
        clock=clock,
    )


def _refuse_far_years(present: pd.Series, dtype: str) -> None:
    years = wall_times(present, dtype, UTC).year
    first, last = pd.Timestamp.min.year + 1, pd.Timestamp.max.year - 1
    far = (years < first) | (years > last)
    if far.any():
        raise TableError(
            f"Column {present.name!r} holds the date {present[far].iloc[0]} in row "
            f"{present.index[far][0]}, outside of {first} to {last}. If it stands for "
            '"never", leave the cell empty.'
        )


def _categorical_column(make, values) -> Column:
    """A pandas categorical, by its accessor ``.cat``: the levels that occur are the categories."""
    name, level_dtype = make.args[0], _held_dtype(make.args[0], values.categories)
    levels = _plain_categories(name, values.categories, level_dtype)
    seen = np.unique(values.codes[values.codes >= 0])
    return make(
        "category",
        categories=tuple(levels[code] for code in seen),
        levels=levels,
        level_dtype=level_dtype,
        ordered=bool(values.ordered),
    )


def _category_column(make, present) -> Column:
    try:
        categories = list(dict.fromkeys(present))
    except TypeError:
        raise TableError(
            f"Column {present.name!r} holds lists or other values that cannot be compared. Turn "
            "each into text or into columns of its own."
        ) from None
    try:
        categories = sorted(categories)
    except TypeError:  # text and numbers mixed: any fixed order will do
        categories = sorted(categories, key=lambda value: (type(value).__name__, str(value)))
    plain_values = _plain_categories(present.name, categories, make.keywords["dtype"])
    return make("category", categories=plain_values)


def _plain_categories(name: str, categories, dtype: str) -> tuple:
    """Categories as plain data; TableError for a value that would not come back from it."""
    plain_values = tuple(map(plain, categories))
    for value, text, back in zip(categories, plain_values, restored(plain_values, dtype)):
        if not isinstance(text, (str, int, float)) or back != value:
            raise TableError(
                f"Column {name!r} holds {type(value).__name__} values such as {value!r}. Convert "
                "it first: pd.to_datetime for dates, astype(float) for decimals, astype(str) for "
                "the rest."
            )
    return plain_values


def _describe(column: Column) -> dict:
    if column.discrete:
        shown = ", ".join(map(str, column.categories[:4])) + (
            ", ..." if len(column.categories) > 4 else ""
        )
        span = f"{len(column.categories)}: {shown}"
    elif column.empty:
        span = "all missing"
    elif column.kind == "date":
        clock = f" ({column.clock} time)" if column.clock else ""
        span = column.span(_day if column.resolution == "D" else _moment) + clock
    else:
        span = column.span(_number)
    return {
        "column": column.name,
        "kind": column.kind,
        "values": span,
        "missing": f"{column.missing:.1%}",
        "unit": column.unit or "-",
    }


def _number(limit: float) -> str:
    whole = limit == round(limit) and abs(limit) <= EXACT
    return f"{limit:,.0f}" if whole or isinstance(limit, int) else f"{limit:,.6g}"


def _day(limit: str) -> str:
    return limit[:10]


def _moment(limit: str) -> str:
    return limit.replace("T", " ")
