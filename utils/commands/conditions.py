"""Conditions of the command line, ``--given App=Netflix``: read as the column is written."""

from __future__ import annotations

import numpy as np
import typer

from utils.commands.opening import OwnTable
from utils.commands.values import column_called, spellings, value_of
from utils.encoding import to_array
from utils.schema import Column
from utils.synthesizers.given import read_given, what_was_seen


def conditions(given: list[str], opened: OwnTable) -> dict:
    """``["App=Netflix"]`` as ``{"App": "Netflix"}``, each value of its column's kind; or a usage
    error."""
    found = {}
    for text in given:
        column, value = _parse(text, opened)
        if column.name in found:
            problem = f"{text!r} is the second condition on {column.name!r}. Give one of them."
            raise typer.BadParameter(problem, param_hint="--given")
        try:
            form = opened.style.forms.get(column.name)
            found[column.name] = value_of(column, value, form)
            _check_seen(column.name, found[column.name], opened)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--given") from None
    return found


def _check_seen(name: str, value, opened: OwnTable) -> None:
    """ValueError for a value that no row of the table could be asked for."""
    schema = opened.schema.select([name])
    columns = {name: to_array(opened.table[name], schema[name])}
    read_given({name: value}, schema, what_was_seen(columns, schema))


def never_together(given: list[str], condition: dict, opened: OwnTable) -> str:
    """What to say where no row of the table meets the condition, in the words in which it was
    given; "" where one does."""
    met = np.ones(len(opened.table), dtype=bool)
    for name, wanted in read_given(condition, opened.schema, {}).items():
        cells = to_array(opened.table[name], opened.schema[name])
        met &= np.isnan(cells) if np.isnan(wanted) else cells == wanted
    if met.any() or not condition:
        return ""
    return (
        f"No row of the table has {', '.join(given)}: what is written is a guess from rows nearby."
    )


def _parse(text: str, opened: OwnTable) -> tuple[Column, str]:
    """Column and value of ``COLUMN=VALUE``; the longest column name wins, since names may hold an =
    too."""
    names = spellings(opened.schema.names, opened.style.headers)
    for name in sorted(names, key=len, reverse=True):
        if text.startswith(f"{name}="):
            return opened.schema[names[name]], text[len(name) + 1 :]
    name, equals, _ = text.partition("=")
    if not equals:
        problem = f"{text!r} is no condition. Write COLUMN=VALUE, such as App=Netflix."
        raise typer.BadParameter(problem, param_hint="--given")
    column_called(name, names, opened.left_out, "--given")  # never known here: raises
