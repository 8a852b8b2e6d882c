"""Conditions of the command line, ``--given App=Netflix``: read as the column is written."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pandas as pd
import typer

from utils.commands.base import one_of
from utils.commands.opening import OwnTable
from utils.encoding import to_array
from utils.schema import Column
from utils.synthesizers.given import read_given, what_was_seen

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def conditions(given: list[str], opened: OwnTable) -> dict:
    """``["App=Netflix"]`` as ``{"App": "Netflix"}``, each value of its column's kind; or a usage
    error."""
    found = {}
    for text in given:
        column, value = _parse(text, opened)
        try:
            found[column.name] = _value(column, value, opened)
            _check_seen(column.name, found[column.name], opened)
        except ValueError as error:
            _refuse(str(error))
    return found


def _check_seen(name: str, value, opened: OwnTable) -> None:
    """ValueError for a value that no row of the table could be asked for."""
    schema = opened.schema.select([name])
    columns = {name: to_array(opened.table[name], schema[name])}
    read_given({name: value}, schema, what_was_seen(columns, schema))


def never_together(condition: dict, opened: OwnTable) -> str:
    """What to say where no row of the table meets the condition; "" where one does."""
    met = np.ones(len(opened.table), dtype=bool)
    for name, wanted in read_given(condition, opened.schema, {}).items():
        cells = to_array(opened.table[name], opened.schema[name])
        met &= np.isnan(cells) if np.isnan(wanted) else cells == wanted
    if met.any() or not condition:
        return ""
    shown = ", ".join(f"{name}={value}" for name, value in condition.items())
    return f"No row of the table has {shown}: what is written is a guess from rows nearby."


def _value(column: Column, text: str, opened: OwnTable):
    """The value of a text that is written as the column is, or as the command line writes it."""
    form = opened.style.forms.get(column.name)
    if form is not None and text and not column.discrete:
        read = form.read(pd.Series([text], dtype="string[pyarrow]")).iloc[0]
        if not pd.isna(read):
            return read.item() if isinstance(read, np.generic) else read
    return typed_value(column, text)


def _parse(text: str, opened: OwnTable) -> tuple[Column, str]:
    """Column and value of ``COLUMN=VALUE``; the longest column name wins, since names may hold an =
    too."""
    names = {name: name for name in opened.schema.names}
    names |= {header: name for name, header in opened.style.headers.items() if name in names}
    for name in sorted(names, key=len, reverse=True):
        if text.startswith(f"{name}="):
            return opened.schema[names[name]], text[len(name) + 1 :]
    name, equals, _ = text.partition("=")
    if not equals:
        _refuse(f"{text!r} is no condition. Write COLUMN=VALUE, such as App=Netflix.")
    if name in opened.left_out:
        _refuse(f"The column {name!r} was left out, so it cannot be set. Keep it with --keep.")
    one_of(name, opened.schema.names, "--given", "column")  # never known here: raises


def _refuse(problem: str) -> NoReturn:
    raise typer.BadParameter(problem, param_hint="--given")


def typed_value(column: Column, text: str):
    """The text of a condition as a value of the column; empty text is a missing value."""
    if not text and "" not in column.categories:
        return np.nan
    if column.kind == "category":
        return next((value for value in column.categories if str(value) == text), text)
    if column.kind == "boolean":
        return _truth(column, text)
    return text  # a number is read from its text, which holds more digits than a float


def _truth(column: Column, text: str) -> bool:
    if text.lower() not in TRUTH:
        raise ValueError(f"Column {column.name!r} is true or false; {text!r} is neither.")
    return TRUTH[text.lower()]
