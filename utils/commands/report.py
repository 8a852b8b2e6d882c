"""``python -m utils report``: one page about a synthetic table, and its verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath
from typing import Annotated

import pandas as pd
import typer
from tqdm import tqdm

from utils.commands.base import Overwrite, Table, Wishes, app, methods_help, one_of, with_wishes
from utils.commands.generate import write_synthetic
from utils.commands.known import kind_of
from utils.commands.matching import open_companion
from utils.commands.opening import OwnTable, open_table, stem, with_default_target, without_model
from utils.commands.schema_file import apply_schema, read_schema, with_schema_file
from utils.commands.values import column_called, spellings
from utils.commands.writing import check_free, check_output
from utils.reading import open_file
from utils.report import STEPS, Report, check_sensitive, learned_from, make_report, parted
from utils.saving import whole_file
from utils.schema import Schema
from utils.synthesizers import SYNTHESIZERS

OWN_VALUES = "each row has a value of its own, which nothing can be compared with"


@app.command(epilog=methods_help())
@with_wishes
def report(
    table: Table,
    wishes: Wishes,
    synthetic: Annotated[
        str | None,
        typer.Option(
            metavar="SYNTH",
            show_default=False,
            help="The synthetic table to judge; with --method, the file to write.  [default with "
            "--method: TABLE_synthetic.csv, here]",
        ),
    ] = None,
    holdout: Annotated[
        str | None,
        typer.Option(
            metavar="HOLDOUT",
            show_default=False,
            help="Real rows that the generator has not seen. Without them no attack can be judged; "
            "with --method a third of TABLE is set apart.",
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON",
            show_default=False,
            help='What you know of the columns: {"columns": [{"name": "age", "minimum": 0}], '
            '"rules": {"in order": "start <= end"}, "target": "age"}. Others are left out.',
        ),
    ] = None,
    sensitive: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            show_default=False,
            help="Column of groups, to ask whether a model treats them alike.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Make the synthetic table by this method, then judge it; see the list below.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Page to write.  [default: TABLE_report.html]"
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="The same seed gives the same page.")
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Judge a synthetic table: is it valid, similar, useful, private, fair?

    Writes one page that needs no network, with each score between its yardsticks, pictures, and
    what was not checked. Prints the verdicts.
    """
    if synthetic is None and method is None:
        raise typer.BadParameter(
            "Name the table to judge, or make one with --method.", param_hint="--synthetic"
        )
    output = output or Path(f"{stem(table)}_report.html")
    _check_page(output, overwrite, [table, synthetic, holdout])
    if method is not None:
        method = one_of(method, sorted(SYNTHESIZERS), "--method", "method")
        synthetic = synthetic or f"{stem(table)}_synthetic.csv"
        for source in filter(None, (table, holdout)):
            check_output(Path(synthetic), overwrite, source)
    real, wishes = _open_real(table, wishes, schema)
    real = with_default_target(real)
    group = _sensitive(sensitive, real)
    notes = [f"{_name(table)}: {notice}" for notice in real.notices]
    holdout_rows, more = _holdout(holdout, real, table, wishes)
    notes += more
    if method is not None:
        real, holdout_rows, made = _made(
            real, holdout_rows, method, seed, Path(synthetic), wishes.rule
        )
        notes.append(made)
    companion = open_companion(synthetic, real, table, "synthetic", wishes)
    notes += [f"{_name(synthetic)}: {notice}" for notice in companion.notices]
    typer.echo("\n".join([f"{table} and {synthetic}:", *(f"- {note}" for note in notes), ""]))
    judged = _judged_schema(real)
    own = [name for name in real.schema.names if name not in judged.names]
    left_out = real.left_out | dict.fromkeys(own, OWN_VALUES)
    found = _with_bar(
        real=real.table,
        synthetic=companion.table,
        schema=judged,
        holdout=holdout_rows,
        sensitive=group,
        title=f"Report on {_name(synthetic)}, a synthetic copy of {_name(table)}",
        notes=notes,
        left_out=left_out | dict.fromkeys(companion.spare, f"{_name(table)} lacks it"),
        persons=companion.persons,
        card=_card(table, synthetic, holdout, method, seed),
        random_state=seed,
    )
    with whole_file(output) as temporary:
        temporary.write_text(found.html, encoding="utf-8")
    typer.echo("\n".join([*found.verdicts, "", f"All of it on one page: {output}"]))


# --- before any work ---


def _check_page(output: Path, overwrite: bool, tables: list[str | None]) -> None:
    if output.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"{output} should end in .html, for it is a page.")
    check_free(output, overwrite)
    for name in filter(None, tables):
        if output.exists() and Path(name).exists() and output.samefile(name):
            raise ValueError(f"{output} is one of the tables. Write the page to another file.")


def _open_real(table: str, wishes: Wishes, schema: Path | None) -> tuple[OwnTable, Wishes]:
    """The real table, and the wishes with what the schema file asks for."""
    if schema is None:
        return open_table(table, wishes), wishes
    known = read_schema(schema)
    file = open_file(table, wishes.encoding)
    rename = kind_of(file.names).rename
    names = [rename(name) or name for name in file.names]
    wishes = with_schema_file(wishes, known, names)
    return apply_schema(known, open_table(table, wishes)), wishes


def _sensitive(name: str | None, real: OwnTable) -> str | None:
    if name is None:
        return None
    known = spellings(real.schema.names, real.style.headers)
    column = column_called(name, known, real.left_out, "--sensitive")
    check_sensitive(real.table, real.schema, column)
    return column


def _holdout(
    source: str | None, real: OwnTable, table: str, wishes: Wishes
) -> tuple[pd.DataFrame | None, list[str]]:
    """The holdout, and what to say of it: a file of its own, or the part that the table's authors
    set apart."""
    if source is None:
        return real.holdout, []
    companion = open_companion(source, real, table, "holdout", wishes)
    return companion.table, [f"{_name(source)}: {notice}" for notice in companion.notices]


# --- a table that is made here ---


def _made(
    real: OwnTable,
    holdout: pd.DataFrame | None,
    method: str,
    seed: int,
    output: Path,
    rules: list[str],
) -> tuple[OwnTable, pd.DataFrame, str]:
    """Learn from the real rows that are not set apart and write as many as the table has. Returns
    the rows that were learned from, the holdout, and what to say."""
    rows, learned = len(real.table), real
    if holdout is None:
        train, holdout = parted(real.table, seed)
        learned = replace(real, table=train, schema=learned_from(train, real.table, real.schema))
    synthesizer = SYNTHESIZERS[method](random_state=seed)
    write_synthetic(learned, synthesizer, rows, {}, rules, output)
    said = (
        f"Wrote {rows:,} rows by the method {method} (seed {seed}) to {output.name}: learned from "
        f"{len(learned.table):,} real rows, judged by {len(holdout):,} others."
    )
    return learned, holdout, said


# --- what is judged and said ---


def _judged_schema(real: OwnTable) -> Schema:
    """Without columns in which each row has a value of its own."""
    own = without_model(real)
    return real.schema.select([name for name in real.schema.names if name not in own])


def _name(source: str) -> str:
    """The name of a file without its folder: the page tells nothing of the machine."""
    return PurePath(source.split("?")[0]).name or source


def _card(table, synthetic, holdout, method, seed) -> dict[str, str]:
    files = {"Real table": table, "Synthetic table": synthetic, "Holdout": holdout}
    card = {f"File, {role.lower()}": _name(name) for role, name in files.items() if name}
    return card | ({"Made by": f"the method {method}, seed {seed}"} if method else {})


def _with_bar(**asked) -> Report:
    steps = STEPS if asked["sensitive"] else STEPS - 1
    with tqdm(total=steps, unit="step", dynamic_ncols=True) as bar:

        def progress(step: str) -> None:
            bar.update(bool(bar.desc))  # what was named before is done
            bar.set_description(step)

        found = make_report(**asked, progress=progress)
        bar.update()
    return found
