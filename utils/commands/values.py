"""A name or a value as a person types it, read as the file writes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import typer

from utils.commands.base import one_of
from utils.reading import Form
from utils.schema import Column

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def spellings(names: Iterable[str], headers: Mapping[str, str]) -> dict[str, str]:
    """What a person may call each of the columns -> its name.

    headers : name -> what the file's header says, where that differs.
    """
    said = {headers.get(name, name): name for name in names}
    return {header.strip(): name for header, name in said.items()} | said | {n: n for n in names}


def column_called(name: str, known: Mapping[str, str], left_out: Iterable[str], option: str) -> str:
    """The column that a person calls so, or a usage error."""
    if name in left_out:
        problem = f"The column {name!r} was left out. Keep it with --keep."
        raise typer.BadParameter(problem, param_hint=option)
    return known[one_of(name, known, option, "column")]


def value_of(column: Column, text: str, form: Form | None = None):
    """The value of a text that is written as the column is, in its form, or as the command line
    writes it; "" is missing, and so is what stands for it in the file.

    Raises ValueError for what is no truth value, no number, or no date whose day and month are
    certain.
    """
    for value in column.categories:
        if column.kind == "category" and str(value) == text:
            return value
    if not text or (form and text == form.missing):
        return np.nan
    if column.kind == "boolean":
        if text.lower() not in TRUTH:
            raise ValueError(f"Column {column.name!r} is true or false; {text!r} is neither.")
        return TRUTH[text.lower()]
    read = form.value(text) if form else np.nan
    if not pd.isna(read):
        return read.item() if isinstance(read, np.generic) else read
    if column.kind == "date":
        read = pd.to_datetime(text, format="ISO8601", errors="coerce")
    elif column.kind in ("number", "integer"):
        read = pd.to_numeric(text, errors="coerce")
    if column.kind != "category" and pd.isna(read):
        raise ValueError(
            f"Column {column.name!r} holds {column.kind} values; {text!r} is not written like them."
        )
    return text  # a number is read from its text, which holds more digits than a float
