"""Read any CSV or Parquet table, from a path or an address: the whole table, or one clear error."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from utils.reading.columns import Reading, read_columns
from utils.reading.forms import Choices, Form, quoted
from utils.reading.parquet import NO_ROWS, ParquetFile, damaged, like_file, open_parquet, selected
from utils.reading.sources import fetch
from utils.reading.text import Layout, TextFile, split_text
from utils.schema import TableError

__all__ = [
    "Choices",
    "Form",
    "Layout",
    "OwnFile",
    "Reading",
    "like_file",
    "open_file",
    "quoted",
    "read_table",
    "selected",
]


@dataclass(frozen=True)
class OwnFile:
    """A file that was opened, its columns not yet read.

    names : its columns in order.  layout : how its text is written, None for Parquet.  schema : its
    arrow types, None for text.
    """

    content: TextFile | ParquetFile

    @property
    def names(self) -> list[str]:
        """Column names in the file's order."""
        return self.content.names

    @property
    def layout(self) -> Layout | None:
        """Separator, encoding and headers of a text file."""
        return getattr(self.content, "layout", None)

    @property
    def schema(self) -> pa.Schema | None:
        """Types of a Parquet file."""
        return getattr(self.content, "schema", None)

    def read(self, names: list[str], choices: Choices = Choices()) -> Reading:  # noqa: B008 - frozen
        """The named columns, each row labelled with its line (of Parquet: its number).

        Text that is written as a number, date, time or truth value becomes one; the Reading says
        what was decided. Raises TableError for what no column can hold.
        """
        if isinstance(self.content, ParquetFile):
            return self.content.read(names, choices)
        comma = self.content.layout.separator == ";"
        found = read_columns(self.content.cells, names, choices, comma)
        return Reading(found.table, found.forms, [*self.content.notices, *found.notices])


def open_file(source: str | Path) -> OwnFile:
    """Open a text file (any usual separator and encoding, may be gzipped) or a Parquet file.

    The content decides what it is, not the name. Raises TableError: not found, unreachable, a
    folder, empty, header only, a web page, ragged rows, a repeated column name, damaged.
    """
    content = fetch(source)
    if _is_parquet(content, source):
        return OwnFile(open_parquet(content, source))
    return OwnFile(split_text(content, source))


def read_table(source: str | Path, lines: bool = False) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    source : path or http(s) address of a text file with a header line, separated by commas,
        semicolons, tabs or bars (may be gzipped), or of a Parquet file. The content decides.
    lines : label each row with its line in the file (index named "line"; "row" for Parquet), for
        error messages.

    Returns
    -------
    DataFrame; columns in which every value is a number, a truth value or an ISO date (2024-08-07)
    become that (dates datetime64[ns]), others stay text (object). Only empty cells are missing in
    text; NA, n/a, null and the like are so among numbers and dates.

    Raises
    ------
    TableError : what :func:`open_file` raises. Nothing is read in part.
    """
    content = fetch(source)
    if _is_parquet(content, source):
        table = _as_pandas_reads(content, source)
    else:
        text = split_text(content, source)
        table = OwnFile(text).read(text.names, Choices(plain=True)).table
    return table if lines else table.reset_index(drop=True)


def _is_parquet(content: bytes, source) -> bool:
    if not content.strip():
        raise TableError(f"{source} is empty. Check that it was saved or downloaded completely.")
    return content.startswith(b"PAR1") or str(source).lower().endswith(".parquet")


def _as_pandas_reads(content: bytes, source) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise damaged(source, error) from None
    if table.empty:
        raise TableError(NO_ROWS.format(source))
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="row"), axis=0)
