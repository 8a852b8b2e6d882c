"""``python -m utils generate``: fit one method to a table and write synthetic rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import numpy as np
import pandas as pd
import typer
from tqdm import tqdm

from utils.commands.base import (
    Drop,
    Keep,
    Overwrite,
    Table,
    Target,
    app,
    method_named,
    methods_help,
    one_of,
)
from utils.commands.opening import OwnTable, open_table, stem
from utils.commands.writing import check_output, write_table
from utils.schema import Column
from utils.synthesizers import SYNTHESIZERS, Synthesizer
from utils.synthesizers.base import condition_value

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@app.command(epilog=methods_help())
def generate(
    table: Table,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="How to learn the table; see the list below.")
    ] = "mixture",
    rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help="Rows to write.  [default: as many as the table has]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write: .csv, .csv.gz or .parquet.  [default: TABLE_synthetic.csv, here]",
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=VALUE",
            show_default=False,
            help="What every row shall have, such as App=Netflix; may be repeated. COLUMN= asks for missing.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="The same seed gives the same rows.")
    ] = 0,
    target: Target = None,
    drop: Drop = None,
    keep: Keep = None,
    overwrite: Overwrite = False,
) -> None:
    """Learn a table and write synthetic rows.

    Columns in which nearly every row has a text of its own (names, addresses), or a whole number of
    its own and the name of an identifier, are left out unless kept with --keep.
    """
    method = method_named(method)
    output = output or Path(f"{stem(table)}_synthetic.csv")
    check_output(output, overwrite, table)
    opened = open_table(table, target, drop, keep)
    typer.echo(f"{table}: {opened}\n")
    condition = conditions(given or [], opened)
    rows = rows or len(opened.table)
    with tqdm(total=rows, desc="learning", unit="row", unit_scale=True, dynamic_ncols=True) as bar:
        synthesizer = _with_bar(SYNTHESIZERS[method](random_state=seed))
        synthesizer.fit(opened.table, schema=opened.schema)
        bar.set_description("sampling")
        write_table(
            output, _counted(synthesizer.sample_chunks(rows, condition), bar), opened.schema
        )
    typer.echo(f"Wrote {rows:,} rows by the method {method} (seed {seed}) to {output}")


def _with_bar(synthesizer: Synthesizer) -> Synthesizer:
    """The same; one that trains for long shows how far it is."""
    can_show = "progress" in synthesizer.get_params()
    return synthesizer.set_params(progress="bar") if can_show else synthesizer


def _counted(chunks: Iterable[pd.DataFrame], bar: tqdm) -> Iterator[pd.DataFrame]:
    for chunk in chunks:
        yield chunk
        bar.update(len(chunk))


def conditions(given: list[str], opened: OwnTable) -> dict:
    """``["App=Netflix"]`` as ``{"App": "Netflix"}``, each value of its column's kind; or a usage
    error."""
    found = {}
    for text in given:
        column, value = _parse(text, opened)
        try:
            found[column.name] = typed_value(column, value)
            condition_value(column, found[column.name])
        except ValueError as error:
            _refuse(str(error))
    return found


def _parse(text: str, opened: OwnTable) -> tuple[Column, str]:
    """Column and value of ``COLUMN=VALUE``; the longest column name wins, since names may hold an =
    too."""
    for column in sorted(opened.schema.columns, key=lambda column: -len(column.name)):
        if text.startswith(f"{column.name}="):
            return column, text[len(column.name) + 1 :]
    name, equals, _ = text.partition("=")
    if not equals:
        _refuse(f"{text!r} is no condition. Write COLUMN=VALUE, such as App=Netflix.")
    if name in (opened.left_out or {}):
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
    return text if column.kind == "date" else _number(column, text)


def _truth(column: Column, text: str) -> bool:
    if text.lower() not in TRUTH:
        raise ValueError(f"Column {column.name!r} is true or false; {text!r} is neither.")
    return TRUTH[text.lower()]


def _number(column: Column, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"Column {column.name!r} holds {column.kind} values; {text!r} is none."
        ) from None
