"""The bytes of a table, from a path or an address: all of them, or one clear error."""

from __future__ import annotations

import difflib
import gzip
import re
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from utils.schema import TableError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
SECONDS_TO_WAIT = 30


def fetch(source: str | Path) -> bytes:
    """Content of a file or http(s) address, unpacked if it is gzipped.

    Raises TableError: not found, unreachable, a folder, an archive or workbook, damaged.
    """
    return _decompress(_content(source), source)


def check_shape(names: list[str], rows: int, source) -> None:
    """TableError for a table without rows, or with two columns of one name."""
    if not rows:
        raise TableError(
            f"{source} holds a header but no rows. Check that it was exported completely."
        )
    repeated = [name for position, name in enumerate(names) if name in names[:position]]
    if repeated:
        raise TableError(f"{source} has two columns named {repeated[0]!r}. Rename one of them.")


def _content(source) -> bytes:
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
            f"{address} answered {error.code} {error.reason}. Open it in a browser: the address "
            "may be misspelt, moved or need a login. Or download the file and pass its path."
        ) from None
    except (OSError, HTTPException, ValueError) as error:
        raise TableError(
            f"Cannot reach {address} ({getattr(error, 'reason', error)}). Check the address and "
            "the connection, or download the file and pass its path."
        ) from None


def _read_file(path: Path) -> bytes:
    if path.is_dir():
        tables = sorted(
            item.name for item in path.iterdir() if item.name.lower().endswith(SUFFIXES)
        )
        raise TableError(
            f"{path} is a folder, not a table. Name one file in it: "
            f"{', '.join(tables[:8]) or 'none fits'}."
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
            f"{source} is a zip archive or an Excel workbook. Unpack it, or save the sheet as CSV "
            "UTF-8."
        )
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, ValueError) as error:
        raise TableError(
            f"{source} is a damaged gzip file ({error}). Download or copy it again."
        ) from None
