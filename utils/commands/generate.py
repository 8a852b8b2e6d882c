"""``python -m utils generate``: fit one method to a table and write synthetic rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from tqdm import tqdm

from utils.commands.base import Overwrite, Table, Wishes, app, methods_help, one_of, with_wishes
from utils.commands.conditions import conditions, never_together
from utils.commands.opening import OwnTable, open_table, stem, without_model
from utils.commands.rules import computed_columns, rows_that_keep
from utils.commands.writing import check_output, write_table
from utils.synthesizers import SYNTHESIZERS, Synthesizer


@app.command(epilog=methods_help())
@with_wishes
def generate(
    table: Table,
    wishes: Wishes,
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
            help="What every row shall have, such as App=Netflix; may be repeated. COLUMN= asks "
            "for missing.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="The same seed gives the same rows.")
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Learn a table and write synthetic rows, as the table itself is written.

    Columns that point to persons (names, addresses, account numbers) are left out unless kept with
    --keep. What else was decided about the file is said in one line each.
    """
    method = one_of(method, sorted(SYNTHESIZERS), "--method", "method")
    output = output or Path(f"{stem(table)}_synthetic.csv")
    check_output(output, overwrite, table)
    opened = open_table(table, wishes)
    typer.echo(f"{table}: {opened}\n")
    condition = conditions(given or [], opened)
    doubt = never_together(given or [], condition, opened)
    if doubt:
        typer.echo(f"{doubt}\n")
    rows = rows or len(opened.table)
    synthesizer = SYNTHESIZERS[method](random_state=seed)
    report = write_synthetic(opened, synthesizer, rows, condition, wishes.rule, output)
    typer.echo(f"Wrote {rows:,} rows by the method {method} (seed {seed}) to {output}")
    if report:
        typer.echo(f"{report['drawn'] - rows:,} rows that broke a rule were thrown away.")


def write_synthetic(
    opened: OwnTable,
    synthesizer: Synthesizer,
    rows: int,
    condition: dict,
    rules: list[str],
    output: Path,
) -> dict:
    """Learn and write; returns how many rows were drawn to keep the rules, {} without rules.

    condition : column -> value that every row has.  rules : names of rules that every row keeps.
    """
    report: dict[str, int] = {}
    computed = computed_columns(opened.schema, [opened.schema.rules[rule] for rule in rules])
    given = computed.keys() & condition.keys()
    if given:
        raise typer.BadParameter(
            f"The column {min(given)!r} is computed by a rule, so it cannot be set.",
            param_hint="--given",
        )
    aside = without_model(opened, condition)
    known = opened.schema.select([name for name in opened.schema.names if name not in aside])
    schema = known.select([name for name in known.names if name not in computed])
    with tqdm(total=rows, desc="learning", unit="row", unit_scale=True, dynamic_ncols=True) as bar:
        if "progress" in synthesizer.get_params():  # it trains for long
            synthesizer.set_params(progress="bar")
        synthesizer.fit(opened.table[schema.names], schema=schema)
        bar.set_description("sampling")
        chunks = synthesizer.sample_chunks(rows, condition)
        if rules:
            chunks = rows_that_keep(synthesizer, rows, condition, known, computed, report)
        chunks = _with_real(chunks, opened, aside, synthesizer.random_state)
        write_table(output, _counted(chunks, bar), opened.schema, opened.style)
    return report


def _with_real(
    chunks: Iterable[pd.DataFrame], opened: OwnTable, names: list[str], seed: int
) -> Iterator[pd.DataFrame]:
    """The chunks with the named columns, each drawn by itself from its real cells."""
    generator = np.random.default_rng(seed)
    for chunk in chunks:
        for name in names:
            real = opened.table[name]
            chunk[name] = real.take(generator.integers(len(real), size=len(chunk))).array
        yield chunk[opened.schema.names]


def _counted(chunks: Iterable[pd.DataFrame], bar: tqdm) -> Iterator[pd.DataFrame]:
    for chunk in chunks:
        yield chunk
        bar.update(len(chunk))
