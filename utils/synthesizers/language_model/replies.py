"""From the text of a reply to rows: what is whole is kept, what is not is told by its reason."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import suppress

import numpy as np
import pandas as pd

from utils.checks import rule_faults
from utils.encoding import from_array
from utils.schema import Schema
from utils.synthesizers.language_model.cells import from_text, read_rows
from utils.synthesizers.language_model.prompts import Question

ONE_ROW = re.compile(r"\{[^{}]*\}")  # an object that holds no other
KEY = r'"{}"\s*:\s*'  # of a row, in an answer that is no JSON


def cells_of_csv(text: str, whole: bool, question: Question) -> tuple[list[dict], bool]:
    """Rows as name -> text, and whether the reply had to be mended: a last line that is cut off is
    left out."""
    lines = read_rows(text)
    cut = bool(lines) and not whole and not text.endswith("\n")
    rows = [dict(zip(question.names, cells)) for cells in (lines[:-1] if cut else lines)]
    return rows, cut


def cells_of_json(text: str, question: Question) -> tuple[list[dict | None], bool]:
    """Rows as name -> text, and whether the reply had to be mended: of one that is no JSON (cut
    off, wrapped in other words) each object that is whole is taken.

    Rows are told by their keys, None where one is not there; without any key, by their order.
    """
    try:
        answer, mended = json.loads(text), False
    except (ValueError, RecursionError):
        answer, mended = _by_key(text, question.keys), True
        answer = answer or [_loads(found) for found in ONE_ROW.findall(text)]
    keyed = isinstance(answer, dict) and any(key in answer for key in question.keys)
    rows = [answer.get(key) for key in question.keys] if keyed else _rows(answer)
    return [_texts(row) if isinstance(row, dict) else None for row in rows], mended


def _texts(row: dict) -> dict[str, str]:
    return {name: "" if cell is None else str(cell) for name, cell in row.items()}


def _by_key(text: str, keys: list[str]) -> dict:
    """What stands whole behind each key in a text that is no JSON."""
    found = {}
    for key in keys:
        for place in re.finditer(KEY.format(key), text):
            with suppress(ValueError, RecursionError):
                found[key], _ = json.JSONDecoder().raw_decode(text, place.end())
    return found


def _rows(answer) -> list[dict]:
    """The objects of an answer that hold no others, in order."""
    inner = list(answer.values()) if isinstance(answer, dict) else answer
    if not isinstance(inner, list):
        return []
    found = [row for part in inner for row in _rows(part)]
    return [answer] if isinstance(answer, dict) and answer and not found else found


def _loads(text: str):
    try:
        return json.loads(text)
    except ValueError:
        return None


def read_cells(
    rows: list[dict | None],
    known: list[dict[str, str]],
    schema: Schema,
    seen: dict[str, np.ndarray],
) -> tuple[list[dict | None], Counter]:
    """Each row as name -> code or float, None where the schema does not allow it; reason -> rows.

    rows : in the order of ``known``, None for one that did not come. A row must hold the cells that
    were known of it, if it is to be the row asked for.
    seen : codes of each category that training held; no other may come.
    """
    refused, read = Counter(), []
    for place, row in enumerate(rows):
        try:
            wanted = known[place] if place < len(known) else None
            read.append(None if row is None else _read(row, wanted, schema, seen))
        except _Refused as error:
            refused[str(error)] += 1
            read.append(None)
    fine = [place for place, row in enumerate(read) if row is not None]
    for name, broken in _broken_rules([read[place] for place in fine], schema).items():
        for place in np.array(fine)[broken]:
            refused[f"breaks the rule {name!r}"] += 1
            read[place] = None
    return read, refused


class _Refused(ValueError):
    """A row that is not the one asked for, and why, in words that many rows share."""


def _read(row: dict, known: dict[str, str] | None, schema: Schema, seen: dict) -> dict:
    if known is None:
        raise _Refused("a row more than asked for")
    cells = {}
    for column in schema.columns:
        name = column.name
        if name not in row:
            raise _Refused(f"no cell for {name!r}")
        if name in known and row[name] != known[name]:
            raise _Refused(f"another {name!r} than asked for")
        try:
            cells[name] = from_text(row[name], column)
        except ValueError:
            raise _Refused(f"no allowed value for {name!r}") from None
        if column.discrete and cells[name] not in seen[name]:
            raise _Refused(f"a value of {name!r} that training never saw")
    return cells


def _broken_rules(rows: list[dict], schema: Schema) -> dict[str, np.ndarray]:
    """Name of a rule -> bool (rows,), True where it is the first that the row breaks."""
    if not rows or not schema.rules:
        return {}
    table = pd.DataFrame(
        {
            column.name: from_array(np.array([row[column.name] for row in rows]), column)
            for column in schema.columns
        }
    )
    faults, before = rule_faults(table, schema), np.zeros(len(rows), bool)
    first = {}
    for name in faults:
        first[name] = faults[name].to_numpy() & ~before
        before |= first[name]
    return first
