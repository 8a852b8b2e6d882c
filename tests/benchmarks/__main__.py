"""``python -m tests.benchmarks``: measure all groups and store the figures; name groups to see only those."""

from __future__ import annotations

from typing import Annotated

import typer
from tqdm import tqdm

from tests.benchmarks.figures import as_table, as_text, machine, store
from tests.benchmarks.measures import GROUPS
from utils.course.places import results_folder
from utils.session import start_lesson


def main(
    groups: Annotated[
        list[str] | None, typer.Argument(help=f"Some of: {', '.join(GROUPS)}. They are shown, not stored.")
    ] = None,
) -> None:
    """Measure what the course promises. With no group named, all are measured and stored in data/results."""
    start_lesson()
    unknown = [name for name in groups or [] if name not in GROUPS]
    if unknown:
        raise typer.BadParameter(f"There is no group {unknown[0]!r}. Choose from: {', '.join(GROUPS)}.")
    figures = {}
    for name in (bar := tqdm(groups or GROUPS, unit="group", dynamic_ncols=True)):
        bar.set_description(name)
        figures[name] = GROUPS[name]()
    table = as_table(figures)
    typer.echo(f"{machine()}\n\n{as_text(table)}")
    if not groups:
        store(table, results_folder())


if __name__ == "__main__":
    typer.run(main)
