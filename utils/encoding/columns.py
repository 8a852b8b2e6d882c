"""One column as numbers and back: codes for categories, floats for numbers and dates."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
from pandas.api import types

from utils.dtypes import dtype_of, is_extension, is_missing, restored, storage, zone_of
from utils.schema import EXACT, LARGEST, Column
from utils.times import NANOSECONDS, from_nanoseconds, nanoseconds

NEARLY = 1e-6  # share of a step by which a value may miss the grid that it is meant to lie on
MOST_DIGITS = 308  # before the point, of a float64
WHOLE_DAY = re.compile(r"\s*\d{4}([-/]?)\d\d\1\d\d")  # the year, month and day that start a time
UNITS = {
    "D": "day",
    "h": "hour",
    "min": "minute",
    "s": "second",
    "ms": "millisecond",
    "us": "microsecond",
    "ns": "nanosecond",
}


def to_float(values: pd.Series, column: Column) -> np.ndarray:
    """Numbers and dates as float64 (n,); NaN if missing.

    Dates count their resolution since 1970, on the clock of the column. Where whole numbers or
    dates lie beyond 2**53, where float64 has gaps, they count from the column's minimum instead.
    """
    offset = _offset(column)
    if column.kind == "date":
        ticks = nanoseconds(values, column.dtype, column.clock)
        return np.where(is_missing(values), np.nan, _steps(ticks, column))
    if not offset:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    numbers, present = np.full(len(values), np.nan), ~is_missing(values)
    numbers[present] = values.astype(object).to_numpy()[present] - offset  # Python's own integers
    return numbers


def to_number(value, column: Column) -> float:
    """One value of a number, integer or date column on the scale of :func:`to_float`, exact.

    value : a number, also as text; for dates a date, a time or its text by ISO 8601. A time without
        a zone is meant in the zone of the column, the first of two where the clock shows it twice.
        Whether it lies within the column's range is not asked.

    Raises ValueError for a value of another kind, one between two steps of the column's grid, a
    local time that does not exist, and a time with a zone where the column has none.
    """
    is_date = column.kind == "date"
    try:
        exact = (_time if is_date else _decimal)(value)
    except (TypeError, ValueError, ArithmeticError):
        raise ValueError(
            f"Column {column.name!r} holds {column.kind} values; {value!r} is none."
        ) from None
    number, on_grid = (_moment if is_date else _amount)(exact, column)
    if not on_grid:
        step = f"{grid_step(column):g} {UNITS.get(column.resolution, '')}".strip()
        raise ValueError(
            f"Column {column.name!r} moves in steps of {step}; {value!r} lies between two of them."
        )
    return number


def _time(value) -> pd.Timestamp:
    """A date, a time or its text, with the zone that it names; "now" and "10:00" are none."""
    if isinstance(value, str) and WHOLE_DAY.match(value):
        return pd.to_datetime(value, format="ISO8601").as_unit("ns")
    if not isinstance(value, (date, np.datetime64)) or pd.isna(value):
        raise TypeError("a date is needed")
    return pd.Timestamp(value).as_unit("ns")


def _decimal(value) -> Decimal:
    """A finite number, or its text, without loss."""
    value = value.item() if isinstance(value, np.generic) else value
    exact = Decimal(value)
    if isinstance(value, bool) or not exact.is_finite() or exact.adjusted() > MOST_DIGITS:
        raise ValueError("a finite number is needed")
    return exact


def _moment(moment: pd.Timestamp, column: Column) -> tuple[float, bool]:
    """A time on the scale of :func:`to_float`, and whether it lies on the column's grid."""
    moment = _in_zone_of(column, moment)
    ticks = nanoseconds(pd.Series([moment]), column.dtype, column.clock)
    return float(_steps(ticks, column)[0]), not ticks[0] % NANOSECONDS[column.resolution]


def _in_zone_of(column: Column, moment: pd.Timestamp) -> pd.Timestamp:
    """A time without a zone in the zone of the column; ValueError where that cannot be."""
    zone = zone_of(column.level_dtype or column.dtype)
    if moment.tz is not None:
        if zone is None:
            raise ValueError(
                f"Column {column.name!r} holds times without a zone; {moment} has one. Leave the "
                "zone out."
            )
        return moment
    located = moment.tz_localize(zone, ambiguous=True, nonexistent="NaT")
    if located is pd.NaT:
        raise ValueError(
            f"Column {column.name!r}: the clocks of {zone} leap over {moment}. Ask for a time "
            "before or after, or give the offset from UTC too."
        )
    return located


def _amount(exact: Decimal, column: Column) -> tuple[float, bool]:
    """A number on the scale of :func:`to_float`, and whether it lies on the column's grid."""
    if column.kind == "integer":
        whole = int(exact.to_integral_value())
        return float(whole - _offset(column)), abs(exact - whole) <= NEARLY
    dtype = storage(dtype_of(column.dtype))
    kept = dtype.type if dtype.kind == "f" else np.float64
    with np.errstate(all="ignore"):  # too large a number is out of range, which is asked elsewhere
        if column.decimals is None:
            return float(kept(exact)), True
        nearest = np.round(float(exact), column.decimals)
        on_grid = abs(nearest - float(exact)) <= NEARLY * grid_step(column)
        return float(kept(nearest)), on_grid or kept(nearest) == kept(exact)


def _unit(column: Column) -> int:
    """What the limits of a column are in: nanoseconds a step for dates, else 1."""
    return NANOSECONDS[column.resolution] if column.kind == "date" else 1


def _limits(column: Column) -> list[int | float | None]:
    """The range as numbers, or nanoseconds since 1970; None where there is no limit."""
    limits = [column.minimum, column.maximum]
    if column.kind != "date":
        return limits
    return [None if limit is None else pd.Timestamp(limit).value for limit in limits]


def _offset(column: Column) -> int:
    """What is counted from: 0, unless float64 has gaps between whole numbers of that size."""
    limits = [limit for limit in _limits(column) if limit is not None]
    gaps = column.kind != "number" and any(abs(limit) > EXACT * _unit(column) for limit in limits)
    return int(limits[0]) if gaps else 0


def _steps(ticks: np.ndarray, column: Column) -> np.ndarray:
    """Nanoseconds since 1970, int64 (n,), as float64 in steps of the column's resolution."""
    unit, offset = _unit(column), _offset(column)
    if offset:  # in Python's integers, for int64 may not hold the difference of two times
        return ((ticks.astype(object) - offset) / unit).astype(np.float64)
    whole, rest = np.divmod(ticks, unit)
    return whole + rest / unit


def float_range(column: Column) -> tuple[float, float]:
    """The range of a number or date on the scale of :func:`to_float`.

    -inf or inf where there is no limit; (nan, nan) for a column that is all missing.
    """
    if column.empty:
        return np.nan, np.nan
    (low, high), unit, offset = _limits(column), _unit(column), _offset(column)
    return (
        -np.inf if low is None else (low - offset) / unit,
        np.inf if high is None else (high - offset) / unit,
    )


def grid_step(column: Column) -> float:
    """Distance between values: 1 for integers and dates, 10**-decimals for numbers, 0 if
    continuous."""
    if column.kind in ("integer", "date"):
        return 1.0
    return 0.0 if column.decimals is None else 10.0**-column.decimals


def from_float(values: np.ndarray, column: Column):
    """The inverse of :func:`to_float`: clipped to the column's range, rounded to its grid, in its
    dtype.

    Returns a numpy or pandas array of length n. Raises ValueError for a missing value in a dtype
    that has none.
    """
    values = np.asarray(values, dtype=np.float64)
    absent = np.isnan(values) | column.empty
    values = np.where(absent, 0.0, values)
    if column.kind == "number":
        return _with_missing(_rounded(values, column), absent, column)
    whole = _whole(values, column)
    if column.kind == "date":
        return from_nanoseconds(whole, absent, column.dtype, column.clock)
    return _with_missing(whole, absent, column)


def _rounded(values: np.ndarray, column: Column) -> np.ndarray:
    """Numbers within the range and on the grid; decimal.Decimal objects for a column of these."""
    dtype = storage(dtype_of(column.dtype))
    top = np.finfo(dtype).max if dtype.kind == "f" else LARGEST
    low, high = np.clip(float_range(column), -top, top)
    values = np.clip(values, low, high)
    if column.decimals is not None:
        values = np.clip(np.round(values, column.decimals), low, high)
    if "decimal" not in column.dtype:
        return values
    return restored([f"{value + 0.0:.{column.decimals or 0}f}" for value in values], column.dtype)


def _whole(values: np.ndarray, column: Column) -> np.ndarray:
    """Steps as whole numbers or nanoseconds within the range, exact at its ends.

    values : float64 (n,) without NaN.  Returns int64, uint64 where that cannot hold the range, or
    Python integers where an offset is added.
    """
    unit, offset = _unit(column), _offset(column)
    low, high = (
        end if limit is None else limit for limit, end in zip(_limits(column), _ends(column))
    )
    low, high = -((offset - low) // unit), (high - offset) // unit
    inside = (values > float(low)) & (values < float(high))
    whole = np.rint(np.where(inside, values, 0.0))
    if offset:
        whole = np.array([int(steps) for steps in whole], dtype=object)
    else:
        whole = whole.astype(np.int64 if high <= np.iinfo(np.int64).max else np.uint64)
    ends = np.array([low, high], dtype=whole.dtype)[(values >= float(high)).astype(int)]
    return np.where(inside, whole, ends) * unit + offset


def _ends(column: Column) -> tuple[int, int]:
    """The first and last value that the dtype of an integer or date column can hold."""
    if column.kind == "date":
        return pd.Timestamp.min.value, pd.Timestamp.max.value
    dtype = np.iinfo(storage(dtype_of(column.dtype)))
    return int(dtype.min), int(dtype.max)


def _with_missing(values, absent, column: Column):
    dtype = dtype_of(column.dtype)
    if not absent.any():
        return pd.array(values, dtype=dtype) if is_extension(column.dtype) else values.astype(dtype)
    if is_extension(column.dtype):
        return pd.array(np.where(absent, None, values.astype(object)), dtype=dtype)
    _refuse_missing(column, dtype)
    return np.where(absent, np.nan, values).astype(dtype)


def _refuse_missing(column: Column, dtype: np.dtype) -> None:
    """ValueError for a dtype of numpy that has no missing value."""
    if dtype.kind in "iub":
        raise ValueError(
            f"Column {column.name!r} holds {dtype} values, of which none can be missing. Fill in "
            "the missing ones first."
        )


def to_codes(values: pd.Series, column: Column) -> np.ndarray:
    """Positions of the values in ``column.categories``, int32 (n,); -1 where missing or unknown.

    Times, dates and decimals may stand for themselves or as the text that the schema keeps.
    """
    cells = pd.Index(values.astype(object).to_numpy(), dtype=object)
    plain = pd.Index(list(column.categories), dtype=object)
    known = pd.Index(restored(plain, column.level_dtype or column.dtype), dtype=object)
    codes = known.get_indexer(cells)
    if not known.equals(plain):
        codes = np.where(codes < 0, plain.get_indexer(cells), codes)
    return codes.astype(np.int32)


def to_code(value, column: Column) -> int:
    """The position of one value in ``column.categories``; -1 where it is none of them.

    value : as in the table, or as :func:`to_number` reads it: "1" is the whole number 1, 0.1 the
        float32 nearest to it, "2024-02-01" a day, a time without a zone meant in the column's.
    """
    cells = [value]
    with suppress(TypeError, ValueError, ArithmeticError):  # then it is meant as it stands
        cells.append(_as_cell(value, column))
    return int(to_codes(pd.Series(cells, dtype=object), column).max())


def _as_cell(value, column: Column):
    """A number, a date or their text as the categories of a column hold them."""
    text = column.level_dtype or column.dtype
    if "decimal" in text:
        return Decimal(str(value))
    dtype = dtype_of(text)
    if "date" in text or types.is_datetime64_any_dtype(dtype):
        moment = _in_zone_of(column, _time(value))
        is_day = not types.is_datetime64_any_dtype(dtype) and moment == moment.normalize()
        return moment.date() if is_day else moment
    if not types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return value
    exact, kept = _decimal(value), storage(dtype)
    return kept.type(exact).item() if kept.kind == "f" or exact == int(exact) else value


def from_codes(codes: np.ndarray, column: Column):
    """The inverse of :func:`to_codes`, in the column's dtype; a numpy or pandas array of length n.

    Raises ValueError for a missing value in a dtype that has none.
    """
    if column.dtype == "category":
        return _categorical(codes, column)
    if not is_extension(column.dtype) and (codes < 0).any():
        _refuse_missing(column, dtype_of(column.dtype))
    pool = np.empty(len(column.categories) + 1, dtype=object)
    pool[:-1] = restored(column.categories, column.dtype)
    pool[-1] = pd.NA if is_extension(column.dtype) else np.nan  # code -1 picks the last entry
    if is_extension(column.dtype):
        return pd.array(pool[codes], dtype=dtype_of(column.dtype))
    return pd.Series(pool[codes], dtype=dtype_of(column.dtype)).to_numpy()


def _categorical(codes: np.ndarray, column: Column) -> pd.Categorical:
    levels = column.levels or column.categories
    places = np.array([*map(levels.index, column.categories), -1])  # code -1 takes the last
    index = pd.Index(
        pd.array(restored(levels, column.level_dtype), dtype=dtype_of(column.level_dtype))
        if column.level_dtype
        else list(levels)
    )
    return pd.Categorical.from_codes(places[codes], categories=index, ordered=column.ordered)


def to_array(values: pd.Series, column: Column) -> np.ndarray:
    """int32 codes for a discrete column, float64 for any other."""
    return to_codes(values, column) if column.discrete else to_float(values, column)


def array_dtype(column: Column) -> type:
    """The dtype of :func:`to_array`: int32 for a discrete column, float64 for any other."""
    return np.int32 if column.discrete else np.float64


def is_absent(values: np.ndarray) -> np.ndarray:
    """bool (n,), where an array of :func:`to_array` stands for a missing value."""
    return np.isnan(values) if values.dtype.kind == "f" else values < 0


def from_array(values: np.ndarray, column: Column):
    """The inverse of :func:`to_array`: a numpy or pandas array in the column's dtype."""
    return from_codes(values, column) if column.discrete else from_float(values, column)
