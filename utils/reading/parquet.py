"""A Parquet file: its columns with the types that the course's tables know, and back."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from shlex import quote
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from utils.reading.clocks import Clock
from utils.reading.columns import Reading, read_columns
from utils.reading.forms import Choices
from utils.reading.sources import check_shape
from utils.reading.times import COMPACT
from utils.schema import TableError

UNNAMED_INDEX = r"__index_level_\d+__"
LONGEST_WHOLE = 19  # digits of an int64
NULLABLE = {
    getattr(pa, name.lower())(): getattr(pd, f"{name}Dtype")()
    for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
}


@dataclass(frozen=True)
class ParquetFile:
    """A table in arrow's types, without an index that had no name."""

    table: pa.Table
    source: str
    layout: ClassVar[None] = None  # only text has one

    @property
    def names(self) -> list[str]:
        """Column names in the file's order."""
        return self.table.column_names

    @property
    def schema(self) -> pa.Schema:
        """The types of the file's columns, to write others like them."""
        return self.table.schema

    def read(self, names: list[str], choices: Choices) -> Reading:
        """The named columns, each row labelled with its number (text as object, NaN where missing),
        dates and numbers found also where they are written as text or as digits."""
        values = {name: self._values(name) for name in names}
        texts = {
            name: cells.astype("string[pyarrow]").fillna("")
            for name, cells in values.items()
            if _holds_text(cells)
        }
        found = read_columns(pd.DataFrame(texts), choices)
        better = {name: form for name, form in found.forms.items() if form.what != "text"}
        values |= {name: found.table[name] for name in better}
        return Reading(pd.DataFrame(values), better, found.notices)

    def _values(self, name: str) -> pd.Series:
        column, kind = self.table[name], self.schema.field(name).type
        plain = _plain_type(kind)
        try:
            if plain is None:
                raise pa.ArrowInvalid(f"{kind} values are no numbers, dates or text")
            if types.is_decimal(kind) and types.is_floating(plain):
                column = column.cast(pa.string())  # straight to a float is not the nearest
            column = column.cast(plain) if plain != kind else column
        except pa.ArrowInvalid as error:
            raise TableError(
                f"Column {name!r} of {self.source} cannot be read ({str(error).splitlines()[0]}). "
                f"Leave it out: --drop {quote(name)}"
            ) from None
        if types.is_timestamp(plain) and plain.tz is None and _holds_far_years(column):
            column = self.table[name].cast(pa.string())  # to be read like a text file's
        if types.is_duration(kind):
            column = _as_texts(column)
        mapper = NULLABLE.get if column.null_count else None
        values = pa.table({name: column}).to_pandas(types_mapper=mapper)[name]
        if values.dtype == object:
            values = values.where(values.notna(), np.nan)
        return values.set_axis(pd.RangeIndex(1, len(values) + 1, name="row"))


def open_parquet(content: bytes, source) -> ParquetFile:
    """The file as it is; TableError where it is damaged, or has no rows."""
    try:
        table = pq.read_table(io.BytesIO(content))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TableError(
            f"{source} is not a whole Parquet file ({str(error).splitlines()[0]}). Download or "
            "copy it again."
        ) from None
    check_shape(table.column_names, table.num_rows, source)
    index = [name for name in table.column_names if re.fullmatch(UNNAMED_INDEX, name)]
    return ParquetFile(table.drop_columns(index), str(source))


def like_file(chunk: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """A chunk in the types of a file that was read, also where those are narrower than pandas'."""
    arrays = [_like_field(chunk[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _like_field(values: pd.Series, kind: pa.DataType) -> pa.Array:
    if types.is_null(kind):
        return pa.nulls(len(values))
    if types.is_time(kind) or types.is_duration(kind):
        clock = pa.array(pd.to_timedelta(values.astype(object))).cast(pa.duration("ns"))
        if types.is_time(kind):
            clock = clock.cast(pa.int64()).cast(pa.time64("ns"))
        return clock.cast(kind, safe=False)
    array = pa.array(values, from_pandas=True).cast(_plain_type(kind), safe=False)
    if types.is_decimal(kind) and types.is_integer(array.type):
        array = array.cast(pa.decimal128(LONGEST_WHOLE, 0))
    return array.cast(kind, safe=False)


def selected(schema: pa.Schema, names: list[str]) -> pa.Schema:
    """The fields of these columns, with what pandas noted about them."""
    fields = pa.schema([field for field in schema if field.name in names])
    noted = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    if not noted:
        return fields
    noted["columns"] = [note for note in noted["columns"] if note["field_name"] in names]
    noted["index_columns"] = []
    return fields.with_metadata({b"pandas": json.dumps(noted).encode()})


def _plain_type(kind: pa.DataType) -> pa.DataType | None:
    """The type in which a column is learned; None for what is no column of a table."""
    if types.is_date(kind):
        return pa.timestamp("s")
    if types.is_decimal(kind):
        whole = kind.scale <= 0 and kind.precision <= 18
        return pa.int64() if whole else pa.float64()
    if types.is_duration(kind):
        return pa.duration("ns")
    if types.is_time(kind) or types.is_large_string(kind) or kind == pa.string_view():
        return pa.string()
    if types.is_null(kind):
        return pa.float64()
    if types.is_dictionary(kind):
        return None if types.is_nested(kind.value_type) else kind
    unknown = (
        types.is_nested(kind) or "binary" in str(kind) or isinstance(kind, pa.BaseExtensionType)
    )
    return None if unknown else kind


def _as_texts(durations: pa.ChunkedArray) -> pa.Array:
    """Durations as hours, minutes and seconds, with as few digits as they need."""
    spans = durations.cast(pa.int64()).to_pandas()
    digits = next(
        digits for digits in (0, 3, 6, 9) if not (spans.dropna() % 10 ** (9 - digits)).any()
    )
    form = Clock(parts=3, digits=digits)
    return pa.array(form.write(spans / 1e9), pa.string())


def _holds_far_years(column: pa.ChunkedArray) -> bool:
    """Whether a date lies outside of what nanoseconds can count."""
    years = pc.min_max(pc.year(column)).as_py()
    first, last = pd.Timestamp.min.year + 1, pd.Timestamp.max.year - 1
    return years["min"] is not None and not first <= years["min"] <= years["max"] <= last


def _holds_text(values: pd.Series) -> bool:
    """Text, or whole numbers that may be dates in digits."""
    present = values.dropna()
    if present.empty or not pd.api.types.is_integer_dtype(values.dtype):
        return pd.api.types.infer_dtype(present) == "string"
    return bool(present.astype(str).str.fullmatch(f"(?:{'|'.join(COMPACT.values())})").all())
