"""A text file as cells: its encoding, its separator, its lines."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import ClassVar

import pandas as pd

from utils.reading.columns import Reading, read_columns
from utils.reading.forms import Choices
from utils.reading.sources import check_shape
from utils.schema import TableError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
OTHER_SEPARATORS = ("^", ":", " ")  # not read as such, for they stand in ordinary texts too
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
BEGINNING = 100_000  # characters in which the first two lines are sought
RECORDS_TO_JUDGE = 200  # by which the separator is found


@dataclass(frozen=True)
class Layout:
    """How a text file is written, apart from its cells.

    quote : the mark around every cell, "" if there is none.  headers : column name -> what its
    header says, which differs only where that is blank.
    """

    separator: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    quote: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TextFile:
    """A text file in cells: texts (n, k), labelled with their line in the file, its layout, and
    what a reader should know about how it was read."""

    texts: pd.DataFrame
    layout: Layout
    notices: list[str]
    schema: ClassVar[None] = None  # only Parquet has one

    @property
    def names(self) -> list[str]:
        """Column names in the file's order."""
        return list(self.texts)

    def read(self, names: list[str], choices: Choices = Choices()) -> Reading:  # noqa: B008 - frozen
        """The named columns, each row labelled with its line.

        Text that is written as a number, date, time or truth value becomes one; the Reading says
        what was decided. Raises TableError for what no column can hold.
        """
        found = read_columns(self.texts[names], choices, comma=self.layout.separator == ";")
        return replace(found, notices=[*self.notices, *found.notices])


def split_text(content: bytes, source, encoding: str | None = None) -> TextFile:
    """Cut the content of a text file into cells; TableError where it is none, or ragged.

    encoding : as Python names it; None finds it.
    """
    text, encoding, notices = _decode(content, source, encoding)
    separator, text, first_line = _separator(text)
    if separator != ",":
        notices.append(f"Separated by {SEPARATORS.get(separator, repr(separator))}.")
    records = _records(text, separator, first_line, source)
    _, header = next(records, (1, []))
    if not "".join(header).strip():
        raise TableError(
            f"{source} has no header line. Write the names of the columns into its first line."
        )
    lines, rows, blank = [], [], 0
    for line, record in records:
        if len(header) > 1 and not any(record):
            blank += 1
            continue
        if len(record) > len(header) and not any(record[len(header) :]):
            record = record[: len(header)]
        _check_length(record, header, separator, f"{source}, line {line}")
        lines.append(line)
        rows.append(record)
    if blank:
        notices.append(f"Skipped lines that hold nothing but separators: {blank}.")
    columns = list(zip(*rows))
    while rows and len(header) > 1 and not header[-1].strip() and not any(columns[-1]):
        header, columns = header[:-1], columns[:-1]  # each line ends in a separator
    names = [text if text.strip() else f"Unnamed: {place}" for place, text in enumerate(header)]
    check_shape(names, len(rows), source)
    headers = dict(zip(names, header))
    numbers = [f"{n!r} is a number" for n in headers if re.fullmatch(r"[-+.,]*\d[-+\d.,]*", n)]
    blank = [f"column {place} has none" for place, n in enumerate(header[1:], 2) if not n.strip()]
    comment = ["it starts with #"] if header[0].startswith("#") else []
    for doubt in [*blank, *numbers, *comment][:1]:
        notices.append(
            f"The first line is read as the names, although {doubt}. Delete what stands above "
            "them, if anything does."
        )
    if len(headers) == 1:
        shared = [
            sign for sign in OTHER_SEPARATORS if all(sign in row[0] for row in (header, *rows))
        ]
        if shared:
            notices.append(
                f"Only one column was found. If {shared[0]!r} separates columns: replace it by "
                "commas."
            )
    newline = next((end for end in ("\r\n", "\n") if end in text), "\r")
    layout = Layout(separator, encoding, newline, _quote(text, separator), headers)
    texts = {name: pd.array(cells, "string[pyarrow]") for name, cells in zip(names, columns)}
    return TextFile(pd.DataFrame(texts, pd.Index(lines, name="line")), layout, notices)


def _decode(content: bytes, source, asked: str | None) -> tuple[str, str, list[str]]:
    """Text, encoding, and a notice if the encoding is a guess."""
    encoding, notices = asked or _encoding(content), []
    try:
        text = content.decode(encoding)
    except LookupError:
        raise TableError(
            f"There is no encoding {asked!r} of text. Write it as Python does, such as --encoding "
            "cp1250."
        ) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        try:
            text = content.decode("cp1252" if encoding == "utf-8" and not asked else encoding)
        except UnicodeDecodeError:
            western = "" if asked or encoding != "utf-8" else " or Western European"
            raise TableError(
                f"{source}, line {line}, cannot be read as {encoding}{western} text. Save it "
                'again as "CSV UTF-8", or name how it is coded, such as --encoding shift_jis.'
            ) from None
        encoding, word = "cp1252", re.search(r"\w*[^\x00-\x7f]\w*", text)[0]
        notices.append(
            f"Line {line} is not UTF-8: read, and written, as Western European ({encoding}), such "
            f"as {word!r}. If that is wrong: --encoding cp1250"
        )
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise TableError(
            f'{source} is not a text file: line {line} holds a zero byte. Save it as "CSV UTF-8".'
        )
    if re.match(r"\s*<(!doctype|html|head|body|\?xml|!--)", text, re.IGNORECASE):
        raise TableError(
            f"{source} is a web page, not a table: it starts with {text.strip()[:20]!r}. Use the "
            "address of the raw file (on GitHub: the Raw button), or log in and download it."
        )
    if re.match(r'\s*\[?\s*\{\s*"', text):
        raise TableError(
            f"{source} is JSON, not a table. Turn it into one with pandas.read_json (one object a "
            "line: lines=True) and .to_csv."
        )
    return text, encoding, notices


def _encoding(content: bytes) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return encoding
    half = len(content) // 2
    if content[1::2].count(0) > half / 2:  # every other byte is zero in Latin letters
        return "utf-16-le"
    return "utf-16-be" if content[0::2].count(0) > half / 2 else "utf-8"


def _separator(text: str) -> tuple[str, str, int]:
    """The separator, the text after a line such as ``sep=;`` that names it, and the line it starts
    on."""
    named = re.match(r"sep=([^\w\s\"]|\t)\r?\n", text)
    if named:
        return named.group(1), text[named.end() :], 2
    return max(SEPARATORS, key=lambda separator: _fit(text, separator)), text, 1


def _reader(text: str, separator: str, strict: bool = False):
    """A reader of lines; it skips spaces before cells where quotation marks follow them."""
    spaced = any(f'{separator} "' in line for line in text[:BEGINNING].splitlines()[:2])
    return csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=spaced,
        strict=strict,
        quotechar=_quote(text, separator) or '"',
    )


def _fit(text: str, separator: str) -> tuple[float, int]:
    """How well a separator fits: the share of lines as long as the header, then its length."""
    reader = _reader(text, separator)
    try:
        records = [record for record in islice(reader, RECORDS_TO_JUDGE) if record]
    except csv.Error:
        return 0.0, 0
    width = len(records[0]) if records else 0
    same = sum(len(record) == width or not any(record[width:]) for record in records)
    return (same / len(records), width) if width > 1 else (0.0, 0)


def _records(text: str, separator: str, line: int, source) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, values) of each record that is not blank; a quoted value may run over several
    lines."""
    reader = _reader(text, separator, strict=True)
    before = line - 1
    try:
        for record in reader:
            if len(record) > 1 or record == [""] or "".join(record).strip(" \t"):
                yield line, record
            line = before + reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"{source}, line {line}: {error}. Look for a quotation mark that is not closed."
        ) from None


def _quote(text: str, separator: str) -> str:
    """The mark, double or single, around all cells of the first two lines, "" if there is none."""
    lines = text[:BEGINNING].splitlines()[:2]
    for mark in "\"'":
        quoted = all(len(line) > 1 and line[0] == line[-1] == mark for line in lines)
        between = {line.count(f"{mark}{separator}{mark}") for line in lines}
        if quoted and between == {lines[0].count(separator)}:
            return mark
    return ""


def _check_length(record: list[str], header: list[str], separator: str, where: str) -> None:
    if len(record) != len(header):
        sign = {",": "comma", ";": "semicolon", "\t": "tab"}.get(separator, repr(separator))
        title = "Delete lines above that of the columns' names, if there are any. "
        raise TableError(
            f"{where}: {len(record)} values, but the header has {len(header)} columns. "
            f"{title if len(header) == 1 else ''}Put values that contain a {sign} in double "
            f"quotes, or add the missing {sign}."
        )
