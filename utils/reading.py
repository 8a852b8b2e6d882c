"""Read any CSV or Parquet table, from a path or an address: the whole table, or one clear error."""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

import pandas as pd

from utils.schema import TableError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
ISO_DATE = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"
SECONDS_TO_WAIT = 30


def read_table(source: str | Path, lines: bool = False) -> pd.DataFrame:
    """Read a CSV or Parquet file.

    Parameters
    ----------
    source : path or http(s) address of a comma-separated file in UTF-8 with a header line (may be
        gzipped), or of a Parquet file. The content decides, not the name.
    lines : label each row with its line in the file (index named "line"; "row" for Parquet), for
        error messages.

    Returns
    -------
    DataFrame; text columns in which every value is an ISO date (2024-08-07) become datetime64[ns].

    Raises
    ------
    TableError : not found, unreachable, a folder, empty, header only, another delimiter, not UTF-8,
        a web page, ragged rows, a repeated column name, damaged. Nothing is read in part.
    """
    content = _decompress(_fetch(source), source)
    if not content.removeprefix(codecs.BOM_UTF8).decode("latin1").strip():
        raise TableError(f"{source} is empty. Check that it was saved or downloaded completely.")
    if content.startswith(b"PAR1") or str(source).lower().endswith(".parquet"):
        table = _read_parquet(content, source)
    else:
        table = _read_csv(_decode(content, source), source)
    return table if lines else table.reset_index(drop=True)


def _fetch(source) -> bytes:
    if isinstance(source, str) and re.match(r"https?://", source, re.IGNORECASE):
        return _download(source)
    if isinstance(source, str) and "://" in source:
        raise TableError(
            f"Cannot read {source}: only http and https addresses are known. Download the file and "
            "pass its path."
        )
    return _read_file(Path(source).expanduser())


def _download(address: str) -> bytes:
    request = urllib.request.Request(address, headers={"User-Agent": "synthetic-data-course"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_TO_WAIT) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise TableError(
            f"{address} answered {error.code} {error.reason}. Open it in a browser: the address may be "
            "misspelt, moved or need a login. Or download the file and pass its path."
        ) from None
    except (OSError, HTTPException, ValueError) as error:
        raise TableError(
            f"Cannot reach {address} ({getattr(error, 'reason', error)}). Check the address and the "
            "connection, or download the file and pass its path."
        ) from None


def _read_file(path: Path) -> bytes:
    if path.is_dir():
        tables = sorted(
            item.name for item in path.iterdir() if item.name.lower().endswith(SUFFIXES)
        )
        raise TableError(
            f"{path} is a folder, not a table. Name one file in it: {', '.join(tables[:8]) or 'none fits'}."
        )
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise TableError(f"There is no file {path.absolute()}. {_similar_names(path)}") from None
    except OSError as error:
        raise TableError(
            f"Cannot open {path.absolute()}: {error.strerror}. Check its name and permissions."
        ) from None


def _similar_names(path: Path) -> str:
    folder = path.absolute().parent
    if not folder.is_dir():
        return f"The folder {folder} does not exist either: check the path."
    similar = difflib.get_close_matches(path.name, [item.name for item in folder.iterdir()], n=3)
    return (
        f"Did you mean {' or '.join(similar)}?" if similar else "Check the spelling and the folder."
    )


def _decompress(content: bytes, source) -> bytes:
    if content.startswith(b"PK\x03\x04"):
        raise TableError(
            f"{source} is a zip archive or an Excel workbook. Unpack it, or save the sheet as CSV UTF-8."
        )
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, ValueError) as error:
        raise TableError(
            f"{source} is a damaged gzip file ({error}). Download or copy it again."
        ) from None


def _read_parquet(content: bytes, source) -> pd.DataFrame:
    try:
        table = pd.read_parquet(io.BytesIO(content))
    except (
        OSError,
        ValueError,
    ) as error:  # what pyarrow raises for damaged files derives from these two
        raise TableError(
            f"{source} is not a whole Parquet file ({str(error).splitlines()[0]}). Download or copy it again."
        ) from None
    if table.empty:
        raise TableError(
            f"{source} holds a header but no rows. Check that it was exported completely."
        )
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="row"), axis=0)


def _decode(content: bytes, source) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TableError(
            f"{source} is not UTF-8 text: byte {error.start} (line {line}) cannot be read. Save it as "
            '"CSV UTF-8", or convert it: iconv -f latin1 -t utf-8 OLD.csv > NEW.csv'
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TableError(
            f'{source} is not a text file: line {line} holds a zero byte. Save it as "CSV UTF-8".'
        )
    if re.match(r"\s*<(!doctype|html|head|body|\?xml|!--)", text, re.IGNORECASE):
        raise TableError(
            f"{source} is a web page, not a table: it starts with {text.strip()[:20]!r}. Use the address of "
            "the raw file (on GitHub: the Raw button), or log in and download it."
        )
    return text


def _read_csv(text: str, source) -> pd.DataFrame:
    lines = _check_records(text, source)
    try:
        table = pd.read_csv(io.StringIO(text), low_memory=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise TableError(
            f"Cannot read {source}: {error}. Look for a quotation mark that is not closed."
        ) from None
    if len(table) != len(lines):
        raise TableError(
            f"{source} has lines that hold nothing but blanks in quotation marks. Fill or delete them."
        )
    return table.set_axis(pd.Index(lines, name="line"), axis=0).apply(_as_dates)


def _check_records(text: str, source) -> list[int]:
    """Return the line on which each row starts, having checked that all rows are as long as the
    header."""
    records = _records(text, source)
    _, header = next(records, (1, []))
    _check_header(header, source)
    lines = []
    for line, record in records:
        if len(record) != len(header):
            raise TableError(
                f"{source}, line {line}: {len(record)} values, but the header has {len(header)} columns. "
                "Put values that contain a comma in double quotes, or add the missing comma."
            )
        lines.append(line)
    if not lines:
        raise TableError(
            f"{source} holds a header but no rows. Check that it was exported completely."
        )
    return lines


def _records(text: str, source):
    """Yield (line, values) of each record that is not blank; a quoted value may run over several
    lines."""
    reader, line = csv.reader(io.StringIO(text, newline="")), 1
    try:
        for record in reader:
            if len(record) > 1 or record == [""] or "".join(record).strip(" \t"):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{source}, line {line}: {error}. Look for a quotation mark that is not closed."
        ) from None


def _check_header(header: list[str], source) -> None:
    line = ",".join(header)
    if not line.strip():
        raise TableError(
            f"{source} has no header line. Write the names of the columns into its first line."
        )
    for delimiter, name in OTHER_DELIMITERS.items():
        if line.count(delimiter) > len(header) - 1:
            raise TableError(
                f"{source} is separated by {name} instead of commas. Convert it: pd.read_csv(OLD, "
                f"sep={delimiter!r}).to_csv(NEW, index=False)"
            )
    repeated = [name for position, name in enumerate(header) if name in header[:position]]
    if repeated:
        raise TableError(f"{source} has two columns named {repeated[0]!r}. Rename one of them.")


def _as_dates(values: pd.Series) -> pd.Series:
    present = values.dropna()
    if (
        values.dtype != object
        or present.empty
        or not present.astype(str).str.fullmatch(ISO_DATE).all()
    ):
        return values
    dates = pd.to_datetime(values, format="ISO8601", errors="coerce")
    return values if dates.isna().sum() > values.isna().sum() else dates.astype("datetime64[ns]")
