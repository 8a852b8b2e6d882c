"""``python -m utils compare``: every method on one table, one scoreboard, one picture."""

from __future__ import annotations

import shutil
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from tqdm import tqdm

from utils.commands.base import Overwrite, Table, Wishes, app, methods_help, one_of, with_wishes
from utils.commands.opening import OwnTable, open_table, stem, with_default_target, without_model
from utils.commands.writing import check_free
from utils.saving import whole_file
from utils.scoring import METRICS, Scoreboard
from utils.synthesizers import SYNTHESIZERS, LanguageModelSynthesizer
from utils.tables import TableError, split

MOST_ROWS = 20_000  # to train on, and as many to judge by: enough for three digits, in minutes
FEWEST_ROWS = 10
FEW_ROWS = 200  # with fewer rows to judge by, boosted trees hardly split and everything looks alike
FILES = ("scoreboard.csv", "scoreboard.html", "scoreboard.png")


@app.command(epilog=methods_help())
@with_wishes
def compare(
    table: Table,
    wishes: Wishes,
    methods: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Names with commas between, or all.  [default: those that take seconds, no neural "
            "network]",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Fits of each method, for the spread of the scores."),
    ] = 3,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            help="Folder for table, page and picture.  [default: TABLE_comparison, here]",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Judge methods on one table, side by side.

    Fits each method to two thirds of the rows and judges it by the rest; all between yardsticks.
    Prints the scoreboard and writes scoreboard.csv, scoreboard.html and scoreboard.png.
    Columns that identify (see generate --help) are left out unless kept with --keep.
    """
    names = _methods(methods)
    output = output or Path(f"{stem(table)}_comparison")
    _check_folder(output, overwrite)
    opened = with_default_target(open_table(table, wishes))
    board, notices = _board(opened, seeds, stem(table))
    opened = replace(opened, notices=(*opened.notices, *notices))
    typer.echo(f"{table}: {opened}\n")
    failed = _fill(board, names)
    typer.echo(as_text(board, shutil.get_terminal_size((100, 40)).columns))
    write_comparison(output, board, f"{table}: {opened}")
    typer.echo(f"\nThe same as a page: {output / 'scoreboard.html'}")
    raise typer.Exit(int(failed))


def _methods(text: str | None) -> list[str]:
    if text is None:
        return sorted(name for name, method in SYNTHESIZERS.items() if method.quick)
    if text.strip() == "all":  # of those that learn; one that asks a service has to be named
        return sorted(name for name in SYNTHESIZERS if name != LanguageModelSynthesizer.method)
    known = sorted(SYNTHESIZERS)
    return [one_of(name.strip(), known, "--methods", "method") for name in text.split(",")]


def _check_folder(folder: Path, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file. Name a folder for the comparison with --output.")
    if not folder.exists():
        return check_free(folder, overwrite)
    for name in FILES:
        check_free(folder / name, overwrite)


def _board(opened: OwnTable, seeds: int, name: str) -> tuple[Scoreboard, list[str]]:
    """An empty scoreboard over at most MOST_ROWS rows a side, and what was done to the rows."""
    if len(opened.table) < FEWEST_ROWS:
        raise TableError(
            f"The table has {len(opened.table)} rows; a comparison needs {FEWEST_ROWS} or more."
        )
    train, holdout = (
        split(opened.table) if opened.holdout is None else (opened.table, opened.holdout)
    )
    rows = f"{len(train):,} rows to learn from, {len(holdout):,} to judge by"
    notice = rows[0].upper() + rows[1:] + "."
    if max(len(train), len(holdout)) > MOST_ROWS:
        train, holdout = (_at_most(part) for part in (train, holdout))
        notice = f"Of {rows}, at most {MOST_ROWS:,} each are used, drawn at random."
    notices = [notice]
    schema = opened.schema
    own = without_model(opened)
    if own:
        schema = schema.select([name for name in schema.names if name not in own])
        train, holdout = train[schema.names], holdout[schema.names]
        shown = ", ".join(map(repr, own))
        notices.append(f"Each row has a value of its own, so they are not compared: {shown}.")
    if len(holdout) < FEW_ROWS:
        notices.append("So few rows to judge by show gross faults only: mind the spreads.")
    return Scoreboard(train, holdout, schema, seeds=tuple(range(seeds)), table=name), notices


def _at_most(table: pd.DataFrame) -> pd.DataFrame:
    if len(table) <= MOST_ROWS:
        return table
    return table.sample(MOST_ROWS, random_state=0).reset_index(drop=True)


def _fill(board: Scoreboard, names: list[str]) -> bool:
    """Add the methods and the yardsticks; True if a method failed, which does not stop the
    others."""
    errors = {}
    with tqdm(total=len(names) + 1, unit="method", dynamic_ncols=True) as bar:
        for name in names:
            bar.set_description(name)
            try:
                board.add(name, SYNTHESIZERS[name]())
            except ValueError as error:
                errors[name] = error
            bar.update()
        if len(errors) < len(names):
            bar.set_description("yardsticks")
            board.yardsticks()
            bar.update()
    for name, error in errors.items():
        typer.echo(f"{name} cannot learn this table: {error}", err=True)
    if len(errors) == len(names):
        raise ValueError("No method could learn this table.")
    return bool(errors)


# --- what is shown and written ---


def as_text(board: Scoreboard, width: int) -> str:
    """The scoreboard for a terminal of ``width`` characters, without metrics that no row has."""
    table = board.table().loc[:, board.means().notna().any().to_numpy()]
    metrics = [METRICS[name] for name in table.columns]
    heads = [(metric.question, metric.label, metric.goal) for metric in metrics]
    table.columns = pd.MultiIndex.from_tuples(heads)
    shown = [
        table.to_string(line_width=width, sparsify=False),
        board.caption,
        seconds(board).to_string(),
    ]
    return "\n\n".join(shown)


def seconds(board: Scoreboard) -> pd.DataFrame:
    """Mean seconds to fit and to sample, one row a method."""
    spent = {name: steps for name, steps in board.seconds_.items() if name in board.rows()}
    means = pd.DataFrame(spent).T.map(lambda times: f"{np.mean(times):.2f}")
    return means.add_prefix("seconds to ")


def write_comparison(folder: Path, board: Scoreboard, heading: str) -> None:
    """Write the scoreboard as a tidy CSV, a page and a picture."""
    folder.mkdir(exist_ok=True)
    table, page, picture = (folder / name for name in FILES)
    with whole_file(table) as temporary:
        tidy(board).to_csv(temporary, index=False, lineterminator="\n")
    with whole_file(picture) as temporary:
        figure = board.picture(f"Each method between its yardsticks: {board.table_name}")
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    with whole_file(page) as temporary:
        temporary.write_text(_page(board, heading), encoding="utf-8")


def tidy(board: Scoreboard) -> pd.DataFrame:
    """One row a name and metric: name, kind, metric, mean, spread (standard deviation over the
    seeds)."""
    records = [
        {"name": row["name"], "kind": row["kind"], "metric": metric, **values}
        for row in board.to_dict()["rows"]
        for metric, values in row["metrics"].items()
    ]
    return pd.DataFrame(records).astype({"mean": float, "spread": float})


def _page(board: Scoreboard, heading: str) -> str:
    meanings = "".join(
        f"<li><b>{escape(metric.label)}</b> ({escape(metric.question)} {escape(metric.goal)}): "
        f"{escape(metric.meaning)}</li>\n"
        for metric in METRICS.values()
    )
    title = f"Synthetic data methods on {escape(board.table_name)}"
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>body {{ font-family: sans-serif; margin: 2em; }} img {{ max-width: 100%; }}</style>
<h1>{title}</h1>
<pre>{escape(heading)}</pre>
{board._repr_html_()}
<img src="{FILES[2]}" alt="The scoreboard above as a picture: each method between its yardsticks">
<h2>How to read it</h2>
<ul>
{meanings}</ul>
<h2>Time</h2>
{seconds(board).to_html(border=0)}
</html>
"""
