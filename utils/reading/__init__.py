"""Read any CSV or Parquet table, from a path or an address: the whole table, or one clear error."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from utils.reading.columns import Reading
from utils.reading.forms import Choices, Form
from utils.reading.parquet import ParquetFile, like_file, open_parquet, selected
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
    "read_table",
    "selected",
]

OwnFile = TextFile | ParquetFile  # opened, its columns not yet read


def open_file(source: str | Path, encoding: str | None = None) -> OwnFile:
    """Open a text file (any usual separator and encoding, may be gzipped) or a Parquet file.

    encoding : of text, as Python names it, where it cannot be told from the content.

    The content decides what it is, not the name. Raises TableError: not found, unreachable, a
    folder, empty, header only, a web page, ragged rows, a repeated column name, damaged.
    """
    content = fetch(source)
    if _is_parquet(content, source):
        return open_parquet(content, source)
    return split_text(content, source, encoding)


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
        table = text.read(text.names, Choices(plain=True)).table
    return table if lines else table.reset_index(drop=True)


def _is_parquet(content: bytes, source) -> bool:
    if not content.strip(b"\xef\xbb\xbf \t\r\n"):
        raise TableError(f"{source} is empty. Check that it was saved or downloaded completely.")
    return content.startswith(b"PAR1") or str(source).lower().endswith(".parquet")


def _as_pandas_reads(content: bytes, source) -> pd.DataFrame:
    table = open_parquet(content, source).table.to_pandas()
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="row"), axis=0)
