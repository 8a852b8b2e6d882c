"""A cell as text and back; what text a column may hold, as JSON schema and as GBNF grammar."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import ceil, floor

import numpy as np
import pandas as pd

from utils.encoding import float_range, from_array, from_codes, to_number
from utils.encoding.columns import grid_step
from utils.schema import Column

DATE_CHARACTERS = '[0-9] [0-9] [0-9] [0-9] "-" [0-1] [0-9] "-" [0-3] [0-9]'
FEWEST_PLACES = 6  # after the point, of a number that has no grid
TIME_CHARACTERS = ' " " [0-2] [0-9] ":" [0-5] [0-9] (":" [0-5] [0-9] ("." [0-9] [0-9]*)?)?'


def to_texts(values: np.ndarray, column: Column) -> list[str]:
    """Codes or floats (n,) as the text of cells; a missing one is empty."""
    cells = pd.Series(from_array(values, column)).astype(object)
    return ["" if pd.isna(cell) else _text(cell) for cell in cells]


def _text(cell) -> str:
    if isinstance(cell, pd.Timestamp):
        whole_day = cell == cell.normalize()
        return cell.strftime("%Y-%m-%d") if whole_day else str(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)


def from_text(text: str, column: Column) -> int | float:
    """The code or float of a cell, on the scale of :meth:`Synthesizer._fit`.

    Raises ValueError for text that is no value of the column, or one that it may not have.
    """
    if not text.strip() and column.missing:
        return -1 if column.discrete else np.nan
    if column.discrete:
        texts = known_texts(column)
        for found in (text, text.strip()):  # as it stands first: categories may start with a space
            if found in texts:
                return texts.index(found)
        raise ValueError(f"Column {column.name!r} has no category {text!r}.")
    text = text.strip()
    number, (low, high) = to_number(_on_grid(text, column), column), float_range(column)
    if not low <= number <= high:
        raise ValueError(f"Column {column.name!r} runs from {low:g} to {high:g}, not to {text}.")
    return number


def _on_grid(text: str, column: Column) -> str:
    """A number with no more decimals than its column has: more are no fault, they are rounded."""
    if column.kind != "number" or column.decimals is None:
        return text
    try:
        return str(Decimal(text).quantize(Decimal(1).scaleb(-column.decimals)))
    except ArithmeticError:  # no number, or too long a one: to be refused as it stands
        return text


@lru_cache(maxsize=1_000)  # asked for each cell
def known_texts(column: Column) -> tuple[str, ...]:
    """The text of each category, in the order of its codes."""
    codes = np.arange(len(column.categories))
    return tuple(_text(cell) for cell in pd.Series(from_codes(codes, column)).astype(object))


def row_text(cells: list[str]) -> str:
    """A line of CSV, without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)  # so that both marks are quoted
    return line.getvalue().removesuffix("\r\n")


def read_rows(text: str) -> list[list[str]]:
    """Lines of CSV as cells; an empty line is a row of one empty cell."""
    return [cells or [""] for cells in csv.reader(io.StringIO(text, newline=""))]


def json_schema(column: Column) -> dict:
    """What JSON a cell that is there may be: a category, a number in its range, text of a date."""
    if column.discrete:
        return {"type": "string", "enum": list(known_texts(column))}
    if column.kind == "date":
        return {"type": "string"} | ({"format": "date"} if column.resolution == "D" else {})
    limits = {"minimum": column.minimum, "maximum": column.maximum}
    known = {end: limit for end, limit in limits.items() if limit is not None}
    return {"type": column.kind} | known


def grammar(column: Column) -> str:
    """What text a cell of CSV that is there may be, as the right side of a GBNF rule.

    Numbers on a grid of 0 and more keep their range, others and dates only their form: what else is
    wrong with them is seen when they are read.
    """
    if column.discrete:
        return " | ".join(literal(row_text([text])) for text in known_texts(column))
    if column.kind == "date":
        return DATE_CHARACTERS + ("" if column.resolution == "D" else f" ({TIME_CHARACTERS})?")
    return _number_grammar(column)


def _number_grammar(column: Column) -> str:
    low, high = float_range(column)
    sign = '"-"? ' if low < 0 else ""
    if grid_step(column) and low >= 0 and np.isfinite(high):
        decimals = column.decimals or 0
        first, last = (Decimal(str(end)).scaleb(decimals) for end in (low, high))
        return numbers_between(ceil(first), floor(last), decimals)
    digits = len(str(int(max(abs(low), abs(high))))) if np.isfinite(low + high) else 6
    whole = f"{sign}[0-9]{{1,{digits}}}"
    if grid_step(column) == 1:
        return whole
    return f'{whole} ("." [0-9]{{1,{column.decimals or _places(low, high)}}})?'


def _places(low: float, high: float) -> int:
    """Decimals that tell numbers of a range apart: six, and more where all of it is near 0."""
    largest = max(abs(low), abs(high))
    first = np.floor(np.log10(largest)) if 0 < largest < 1 else 0
    return FEWEST_PLACES - int(first)


def numbers_between(low: int, high: int, decimals: int = 0) -> str:
    """The numbers from low to high (0 or more), exactly, as alternatives of digits.

    decimals : digits of low and high that stand behind a point, and so in each number.
    """
    alternatives, least = [], decimals + 1
    for length in range(max(len(str(low)), least), max(len(str(high)), least) + 1):
        first = max(low, 10 ** (length - 1) if length > least else 0)
        last = min(high, 10**length - 1)
        alternatives += _same_length(f"{first:0{length}}", f"{last:0{length}}")
    return " | ".join(_with_point(digits, decimals) for digits in alternatives)


def _with_point(digits: str, decimals: int) -> str:
    parts = digits.split()
    behind = ['"."', *parts[len(parts) - decimals :]] if decimals else []
    return " ".join([*parts[: len(parts) - decimals], *behind])


def _same_length(low: str, high: str) -> list[str]:
    """Numbers of one length between two: the digits that both share, the ends, what is between."""
    if not low:
        return [""]
    if low[0] == high[0]:
        return [_join(low[0], rest) for rest in _same_length(low[1:], high[1:])]
    rest = len(low) - 1
    nothing, all_of = "0" * rest, "9" * rest
    first, last, found = int(low[0]), int(high[0]), []
    if low[1:] != nothing:
        found += [_join(low[0], tail) for tail in _same_length(low[1:], all_of)]
        first += 1
    if high[1:] != all_of:
        found += [_join(high[0], tail) for tail in _same_length(nothing, high[1:])]
        last -= 1
    if first <= last:
        found.append(" ".join([f"[{first}-{last}]", *["[0-9]"] * rest]))
    return found


def _join(digit: str, rest: str) -> str:
    return f'"{digit}" {rest}'.strip()


def literal(text: str) -> str:
    """A text as GBNF writes one that stands for itself."""
    marks = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    return '"' + "".join(marks.get(character, character) for character in text) + '"'
