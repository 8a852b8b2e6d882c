"""Write tables of any length: a file appears when it is whole, and none is replaced unasked."""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from utils.reading import Form, Layout, like_file, selected
from utils.reading.times import iso_form
from utils.saving import whole_file
from utils.schema import Schema


@dataclass(frozen=True)
class Style:
    """How a table was written, so that its likes are written the same way.

    headers : column -> name in the file.  forms : column -> its Form, where it has one.  layout :
    of a text file.  types : arrow's schema of a Parquet file, with the file's names.
    """

    headers: dict[str, str] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    layout: Layout | None = None
    types: pa.Schema | None = None


def check_output(path: Path, overwrite: bool, source: str = "") -> None:
    """Raise ValueError, before any work is done, where a table cannot be written to path."""
    _writer_of(path)
    check_free(path, overwrite)
    if source and path.exists() and Path(source).exists() and path.samefile(source):
        raise ValueError(
            f"{path} is the real table itself. Write the synthetic one to another file."
        )


def check_free(path: Path, overwrite: bool) -> None:
    """Raise ValueError where path is taken, or its folder is not there or must not be written
    to."""
    folder = path.absolute().parent
    if path.is_dir():
        raise ValueError(f"{path} is a folder. Name a file in it.")
    if path.exists() and not overwrite:
        raise ValueError(
            f"{path} exists already. Choose another name, or replace it with --overwrite."
        )
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}. Make it first, or write elsewhere.")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"The folder {folder} may not be written to. Write elsewhere.")


def write_table(
    path: Path, chunks: Iterable[pd.DataFrame], schema: Schema, style: Style | None = None
) -> None:
    """Write chunks of one table to path (.csv, .csv.gz, .parquet), holding one chunk at a time.

    Raises ValueError for another suffix, OSError where the disk refuses; the path then stays as it
    was.
    """
    writer = _writer_of(path)
    with whole_file(path) as temporary:
        writer(temporary, chunks, schema, style or Style())


def _writer_of(path: Path) -> Callable:
    name = path.name.lower()
    for suffix, writer in WRITERS.items():
        if name.endswith(suffix):
            return writer
    raise ValueError(
        f"{path} should end in {', '.join(WRITERS)}: the suffix says how it is written."
    )


def _write_text(
    path: Path, chunks: Iterable[pd.DataFrame], schema: Schema, style: Style, opener: Callable
) -> None:
    layout = style.layout or Layout()
    dates = {c.name: iso_form(c.resolution, c.dtype) for c in schema.columns if c.kind == "date"}
    with opener(path, "wt", encoding=layout.encoding, newline="") as file:
        for number, chunk in enumerate(chunks):
            _as_text(chunk, {**dates, **style.forms}).rename(columns=style.headers).to_csv(
                file,
                sep=layout.separator,
                index=False,
                header=number == 0,
                lineterminator=layout.newline,
                quoting=csv.QUOTE_ALL if layout.quote else csv.QUOTE_MINIMAL,
                quotechar=layout.quote or '"',
            )


def _as_text(chunk: pd.DataFrame, forms: dict[str, Form]) -> pd.DataFrame:
    """The chunk with the columns that have a form as text."""
    texts = {name: forms[name].write(chunk[name]) for name in chunk.columns if name in forms}
    return chunk.assign(**texts)


def _write_parquet(
    path: Path, chunks: Iterable[pd.DataFrame], schema: Schema, style: Style
) -> None:
    chunks = iter(chunks)
    first = next(chunks)
    types = _arrow_types(first, schema)
    if style.types is not None:
        types = selected(style.types, [style.headers.get(name, name) for name in first.columns])
    with pq.ParquetWriter(path, types) as writer:
        for chunk in chain([first], chunks):
            if style.types is None:
                table = pa.Table.from_pandas(chunk, schema=types, preserve_index=False)
            else:
                texts = _as_text(chunk, style.forms)
                read = [name for name in texts.columns if name in style.forms]
                texts[read] = texts[read].where(texts[read] != "", None)
                table = like_file(texts.rename(columns=style.headers), types)
            writer.write_table(table)


def _arrow_types(chunk: pd.DataFrame, schema: Schema) -> pa.Schema:
    """The types of all chunks; those of text come from the schema, for a chunk may be all missing
    there."""
    types = pa.Schema.from_pandas(chunk, preserve_index=False)
    for position, column in enumerate(schema.columns):
        if column.discrete and column.dtype == "object":
            values = pa.array(list(column.categories), from_pandas=True)
            types = types.set(position, pa.field(column.name, values.type))
    return types


WRITERS = {
    ".csv": partial(_write_text, opener=open),
    ".csv.gz": partial(_write_text, opener=gzip.open),
    ".parquet": _write_parquet,
}
