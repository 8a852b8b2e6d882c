"""A pandas dtype, and a single value, as plain text and numbers that can be saved, and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import date, datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from pandas.api import types

OBJECTS = ("date", "decimal")  # what pandas.api.types.infer_dtype calls the objects that are held
ZONED = re.compile(r"datetime64\[(\w+), zoneinfo/(.+)\]")
ARROW_DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)\[pyarrow\]")
TEXT_WITH_NAN = re.compile(r"str\[(\w+)\]")


def dtype_text(values: pd.Series | pd.Index) -> str:
    """The dtype of a column as text that :func:`dtype_of` reads back.

    It is pandas' own text wherever pandas reads that back as the same dtype. A column of objects
    that are all ``decimal.Decimal`` or ``datetime.date`` is "object[decimal]" or "object[date]".
    Raises ValueError for a dtype that no text stands for, such as one with a zone of dateutil
    without a name.
    """
    dtype = values.dtype
    if types.is_object_dtype(dtype):
        inner = types.infer_dtype(values, skipna=True)
        if inner == "date" and any(isinstance(value, datetime) for value in values.dropna()):
            return "object"  # a datetime is a date, too, but does not come back from one
        return f"object[{inner}]" if inner in OBJECTS else "object"
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    for text in _texts(dtype):
        with suppress(Exception):  # each library refuses a text that it cannot read in its own way
            if dtype_of(text) == dtype:
                return text
    raise ValueError(f"no text stands for the dtype {dtype}")


def _texts(dtype) -> Iterable[str]:
    """Texts that may stand for a dtype, pandas' own first."""
    yield str(dtype)
    if isinstance(dtype, pd.StringDtype):
        yield f"{dtype}[{dtype.storage}]"
    elif isinstance(dtype, pd.ArrowDtype):
        yield "utf8[pyarrow]"  # pandas takes "string[pyarrow]" for a StringDtype
    elif isinstance(dtype, pd.DatetimeTZDtype) and isinstance(dtype.tz, timezone):
        yield f"datetime64[{dtype.unit}, {timezone(dtype.tz.utcoffset(None))}]"  # without its name
    elif isinstance(dtype, pd.DatetimeTZDtype):
        library = type(dtype.tz).__module__.split(".")[0]  # pandas itself reads dateutil/...
        yield f"datetime64[{dtype.unit}, {library}/{pa.lib.tzinfo_to_string(dtype.tz)}]"


def dtype_of(text: str):
    """The dtype that a text of :func:`dtype_text` stands for; numpy's object dtype for objects."""
    if text.startswith("object["):
        return np.dtype(object)
    if match := ZONED.fullmatch(text):
        return pd.DatetimeTZDtype(match[1], ZoneInfo(match[2]))
    if match := ARROW_DECIMAL.fullmatch(text):
        return pd.ArrowDtype(getattr(pa, match[1])(int(match[2]), int(match[3])))
    if match := TEXT_WITH_NAN.fullmatch(text):
        with suppress(TypeError):  # pandas 2.2 has one such dtype, of another name
            return pd.StringDtype(match[1], na_value=np.nan)
        return pd.StringDtype("pyarrow_numpy")
    return types.pandas_dtype(text)


def zone_of(dtype):
    """The time zone of a dtype, or of its text, to compute with; None for times without one.

    For a zone of dateutil this is Python's zone of the same name: pandas cannot compute with those
    of dateutil 4, only keep them.
    """
    dtype = dtype_of(dtype) if isinstance(dtype, str) else dtype
    zone = getattr(dtype.pyarrow_dtype if isinstance(dtype, pd.ArrowDtype) else dtype, "tz", None)
    if type(zone).__module__.startswith("dateutil"):
        zone = pa.lib.tzinfo_to_string(zone)
    return pa.lib.string_to_tzinfo(zone) if isinstance(zone, str) else zone


def storage(dtype) -> np.dtype:
    """The numpy dtype in which a column of numbers keeps its values."""
    return dtype if isinstance(dtype, np.dtype) else dtype.numpy_dtype


def is_extension(text: str) -> bool:
    """True for a dtype of pandas or Arrow, False for one of numpy."""
    return types.is_extension_array_dtype(dtype_of(text))


def is_missing(values: pd.Series) -> np.ndarray:
    """Bool (n,), True where a cell is missing; NaN counts, also where pandas keeps NA beside it."""
    if types.is_float_dtype(values.dtype):
        return np.isnan(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return values.isna().to_numpy(dtype=bool)


def plain(value):
    """A value as text, number or truth value; times, dates and decimals as text."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def restored(values: Iterable, text: str) -> np.ndarray:
    """The values of a column of this dtype that :func:`plain` made plain, object (n,).

    Values that are no text stay as they are.
    """
    values, read = list(values), _reader(text)
    result = np.empty(len(values), dtype=object)
    result[:] = [read(value) if isinstance(value, str) else value for value in values]
    return result


def _reader(text: str) -> Callable:
    if "decimal" in text:
        return Decimal
    if text.startswith(("object[date]", "date32", "date64")):
        return date.fromisoformat
    if text.startswith(("datetime64", "timestamp")):
        zone = zone_of(text)
        return lambda value: pd.Timestamp(value) if zone is None else _in_zone(value, zone)
    return str


def _in_zone(value: str, zone) -> pd.Timestamp:
    moment = pd.Timestamp(value)
    return moment.tz_localize(zone) if moment.tz is None else moment.tz_convert(zone)
