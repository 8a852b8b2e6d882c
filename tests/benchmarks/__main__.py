"""``python -m tests.benchmarks COMMAND``: the figures that the course promises, ablations."""

from __future__ import annotations

from typing import Annotated

import typer
from tqdm import tqdm

from tests.benchmarks import ablation
from tests.benchmarks.figures import as_table, as_text, machine, store
from tests.benchmarks.measures import GROUPS
from tests.benchmarks.race import SEEDS, TABLES, methods, race
from tests.benchmarks.report import write_report
from utils.course.places import results_folder
from utils.session import start_lesson

app = typer.Typer(add_completion=False, no_args_is_help=True)
Again = Annotated[bool, typer.Option("--again", help="First forget stored runs of older code.")]


@app.command()
def figures(
    groups: Annotated[
        list[str] | None,
        typer.Argument(help=f"Some of: {', '.join(GROUPS)}. They are shown, not stored."),
    ] = None,
) -> None:
    """Measure what the course promises; with no group named, all, stored in data/results."""
    start_lesson()
    for name in groups or []:
        _known("group", name, list(GROUPS))
    measured = {}
    for name in (bar := tqdm(groups or GROUPS, unit="group", dynamic_ncols=True)):
        bar.set_description(name)
        measured[name] = GROUPS[name]()
    table = as_table(measured)
    typer.echo(f"{machine()}\n\n{as_text(table)}")
    if not groups:
        store(table, results_folder())


@app.command(name="ablation")
def run_ablation(name: str, again: Again = False) -> None:
    """What each cure of a generator brings, over three seeds; goes on where it stopped."""
    start_lesson()
    _known("ablation", name, ablation.names())
    typer.echo(as_text(ablation.ablate(name, again).reset_index()))


@app.command(name="race")
def run_race(
    table: Annotated[
        list[str] | None, typer.Option(help=f"Of: {', '.join(TABLES)}. Default: all.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A generator, such as gan. Default: all.")
    ] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Default: 0, 1 and 2.")] = None,
    budgets: Annotated[
        bool, typer.Option(help="Also quality after 5, 15, 60 and 300 seconds.")
    ] = True,
    again: Again = False,
    threads: Annotated[int, typer.Option(help="Threads that one fit may use.")] = 1,
) -> None:
    """Every generator and SDV's on three tables, three seeds; goes on where it stopped."""
    start_lesson()
    for name in table or []:
        _known("table", name, list(TABLES))
    for name in method or []:
        _known("method", name, list(methods()))
    race(table or TABLES, method or methods(), seed or SEEDS, budgets, again, threads)
    write_report()


def _known(kind: str, name: str, names: list[str]) -> None:
    if name not in names:
        raise typer.BadParameter(
            f"There is no {kind} {name!r}. Choose from: {', '.join(names) or 'none yet'}."
        )


if __name__ == "__main__":
    app()
