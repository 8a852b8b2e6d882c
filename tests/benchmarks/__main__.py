"""``python -m tests.benchmarks COMMAND``: the figures that the course promises, ablations."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from tqdm import tqdm

from tests.benchmarks import ablation, anonymeter, coverage, language
from tests.benchmarks.attack_pages import write_anonymeter_page, write_coverage_page
from tests.benchmarks.figures import as_table, as_text, machine, store
from tests.benchmarks.measures import GROUPS
from tests.benchmarks.methods import methods
from tests.benchmarks.plan import SEEDS
from tests.benchmarks.private import measure_private
from tests.benchmarks.private_report import write_private_report
from tests.benchmarks.race import race
from tests.benchmarks.report import write_report
from tests.benchmarks.sentences import write_sentences
from tests.benchmarks.tables import TABLES
from tests.benchmarks.text import measure_text
from tests.benchmarks.truth import measure_truth
from utils.course.places import results_folder
from utils.results import means_over_seeds
from utils.session import start_lesson

app = typer.Typer(add_completion=False, no_args_is_help=True)
Jobs = Annotated[int, typer.Option(min=1, help="Runs side by side, of one thread each.")]
SIDE_BY_SIDE = min(2, os.cpu_count() or 1)


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
def run_ablation(
    name: str,
    table: Annotated[
        list[str] | None, typer.Option(help=f"Of: {'; '.join(TABLES)}. Default: all.")
    ] = None,
    jobs: Jobs = SIDE_BY_SIDE,
) -> None:
    """What each part of a generator brings, on four tables; goes on where it stopped."""
    start_lesson()
    _known("ablation", name, ablation.names())
    for chosen in table or []:
        _known("table", chosen, list(TABLES))
    means = ablation.ablate(name, jobs, tables=table or ())
    typer.echo(as_text(means.reset_index()))
    typer.echo("\n".join(ablation.verdicts(name)))


@app.command(name="race")
def run_race(
    table: Annotated[
        list[str] | None, typer.Option(help=f"Of: {'; '.join(TABLES)}. Default: all.")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="A method, such as gan. Default: all.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Default: 0, 1, 2; of 25 days 3 and 4 too.")
    ] = None,
    budgets: Annotated[bool, typer.Option(help="Also quality after 5, 15 and 60 seconds.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="Screen time and 25 days, defaults only: 20 minutes.")
    ] = False,
    jobs: Jobs = SIDE_BY_SIDE,
) -> None:
    """Every generator and the reference libraries on four tables; goes on where it stopped."""
    start_lesson()
    for name in table or []:
        _known("table", name, list(TABLES))
    for name in method or []:
        _known("method", name, list(methods()))
    tables = [name for name in table or TABLES if TABLES[name].quick or not quick]
    race(tables, method or methods(), seed or SEEDS, budgets and not quick, jobs)
    write_report()


@app.command(name="truth")
def run_truth(jobs: Jobs = SIDE_BY_SIDE) -> None:
    """Every metric on tables whose defect is known, five seeds; goes on where it stopped."""
    start_lesson()
    runs = measure_truth(jobs)
    typer.echo(as_text(means_over_seeds(runs, ["table", "defect"]).reset_index().round(3)))


@app.command(name="private")
def run_private(jobs: Jobs = SIDE_BY_SIDE) -> None:
    """Private methods at equal budgets, judged and attacked; goes on where it stopped."""
    start_lesson()
    runs = measure_private(jobs)
    write_private_report()
    typer.echo(as_text(means_over_seeds(runs, ["table", "method", "epsilon"]).reset_index()))


@app.command(name="anonymeter")
def run_anonymeter(jobs: Jobs = SIDE_BY_SIDE) -> None:
    """Our attacks beside anonymeter's on the same tables; goes on where it stopped."""
    start_lesson()
    runs = anonymeter.measure_anonymeter(jobs)
    write_anonymeter_page()
    typer.echo(as_text(means_over_seeds(runs, ["table", "attack", "synthetic"]).reset_index()))


@app.command(name="coverage")
def run_coverage(jobs: Jobs = SIDE_BY_SIDE) -> None:
    """How often the attacks' intervals hold a known truth; goes on where it stopped."""
    start_lesson()
    typer.echo(as_text(coverage.measure_coverage(jobs)))
    write_coverage_page()


@app.command(name="sentences")
def run_sentences() -> None:
    """Sentences that the language model writes for lesson 15; goes on where it stopped."""
    typer.echo(as_text(write_sentences().groupby(["draw", "mood"]).size().reset_index()))


@app.command(name="text")
def run_text() -> None:
    """Classifiers of sentences, trained on real and on synthetic ones; goes on where it stopped."""
    start_lesson()
    runs = measure_text()
    typer.echo(
        as_text(
            means_over_seeds(runs.rename(columns={"draw": "seed"}), ["corpus", "model", "training"])
            .reset_index()
            .round(3)
        )
    )


@app.command(name="language")
def run_language(jobs: Jobs = 1) -> None:
    """A language model's rows beside every generator's, and what it has read; goes on where it
    stopped."""
    start_lesson()
    runs = language.measure_language(jobs)
    by_line = runs.pivot_table("value", ["experiment", "line"], "figure", sort=False)
    typer.echo(as_text(by_line.reset_index()))


def _known(kind: str, name: str, names: list[str]) -> None:
    if name not in names:
        raise typer.BadParameter(
            f"There is no {kind} {name!r}. Choose from: {', '.join(names) or 'none yet'}."
        )


if __name__ == "__main__":
    app()
