"""``python -m utils.course``: run, refresh, check and publish the lessons."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from utils.course import places

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
Paths = Annotated[
    list[Path] | None, typer.Argument(help="Notebooks; all of them when none is named.")
]


@app.command()
def run(
    paths: Paths = None,
    record: Annotated[bool, typer.Option(help="Store what was measured in data/results.")] = False,
) -> None:
    """Run lessons as a learner would, write pages to build/, print the course's scoreboard."""
    from utils.course import readme
    from utils.course import run as course_run

    measured, executed, failures = course_run.run_course(
        only=paths and [path.resolve() for path in paths]
    )
    for failure in failures:
        typer.echo(f"\n{failure}", err=True)
    for merged in readme.merge(record for page in executed for record in readme.records_in(page)):
        typer.echo(f"\n{readme.as_text(merged, shutil.get_terminal_size().columns)}")
    typer.echo("\nRead the lessons at build/index.html")
    if failures:
        raise typer.Exit(1)
    if record:
        course_run.record(measured, places.results_folder(), keep=bool(paths))


@app.command()
def html() -> None:
    """Write the lessons as they are stored to build/ without running them."""
    from utils.course import notebooks
    from utils.course.pages import write_pages

    write_pages({path: notebooks.read(path) for path in places.lessons()})
    typer.echo("Read the lessons at build/index.html")


@app.command()
def site() -> None:
    """Write the source of the site to build/ from what is stored; `make site` builds it."""
    from utils.course.site import write_source

    typer.echo(write_source().relative_to(places.ROOT))


@app.command()
def notebooks(paths: Paths = None) -> None:
    """Run notebooks in place and store clean outputs; one with a failing cell stays as it was."""
    from tqdm import tqdm

    from utils.course.run import LessonFailed, refresh

    failed = False
    for path in tqdm(paths or places.all_notebooks(), unit="notebook", dynamic_ncols=True):
        try:
            refresh(path.resolve())
        except LessonFailed as failure:
            failed = True
            typer.echo(f"\n{failure}", err=True)
    raise typer.Exit(int(failed))


@app.command()
def check(paths: Paths = None) -> None:
    """Hold notebooks against the house rules and print what is wrong with each."""
    from utils.course.rules import broken_rules

    found = [
        message
        for path in paths or places.all_notebooks()
        for message in broken_rules(path.resolve())
    ]
    typer.echo("\n".join(found) or "All house rules are kept.")
    raise typer.Exit(int(bool(found)))


@app.command()
def style(
    paths: Paths = None,
    write: Annotated[bool, typer.Option(help="Bring the code into form.")] = False,
) -> None:
    """Print what ruff says of the code in notebooks; outputs stay as they are."""
    from utils.course import style

    paths = [path.resolve() for path in paths or places.all_notebooks()]
    if write:
        for path in paths:
            style.format_code(path)
    found = [f"{path.name}\n{said}" for path in paths if (said := style.check(path))]
    typer.echo("\n".join(found) or "ruff has nothing to say.")
    raise typer.Exit(int(bool(found)))


@app.command()
def setup() -> None:
    """Print the setup cell that opens every lesson and every solutions notebook."""
    typer.echo(places.setup_cell())


@app.command()
def ready() -> None:
    """Say whether this machine is ready for a workshop: versions, memory, a kernel, each method."""
    from utils.course.ready import look

    raise typer.Exit(int(not look(typer.echo)))


@app.command()
def progress(
    folder: Annotated[Path, typer.Argument(help="The folder with your copies.")] = places.ROOT
    / "notebooks",
) -> None:
    """Say which exercises pass in a learner's copies of the lessons, by what is stored in them."""
    from utils.course.progress import progress

    try:
        found = progress(folder)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(found.to_string())
    typer.echo(f"\n{found['passed'].sum()} of {found['exercises'].sum()} exercises pass.")


@app.command()
def grading(
    folder: Annotated[Path, typer.Argument(help="A folder for nbgrader's source/.")],
) -> None:
    """Write the exercises in nbgrader's form, for classes that grade."""
    from utils.course.grading import write_assignments

    for path in write_assignments(folder):
        typer.echo(path.relative_to(folder))


@app.command()
def compared() -> None:
    """Print how many code cells the strict comparison covers."""
    from utils.course.rules import comparison

    table = comparison(places.all_notebooks())
    share = (table["compared"] / table["outputs"].clip(lower=1)).map("{:.0%}".format)
    typer.echo(table.assign(share=share).to_string())


@app.command()
def readme(
    check: Annotated[bool, typer.Option(help="Only say whether README.md is stale.")] = False,
) -> None:
    """Write README's tables and the scoreboard's picture from what is stored."""
    from utils.course.readme import stale_parts, write_readme

    if not check:
        write_readme()
    stale = stale_parts()
    for part in stale:
        typer.echo(f"Stale: {part}. Run `make readme`.", err=True)
    raise typer.Exit(int(bool(stale)))


@app.command()
def address(url: Annotated[str, typer.Argument(help="https://github.com/owner/name")]) -> None:
    """Move the course to a public address: pyproject.toml and every badge, link and setup cell."""
    try:
        changed = places.rewrite_address(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for path in changed:
        typer.echo(path.relative_to(places.ROOT))


@app.command()
def room(
    number: Annotated[int, typer.Argument(help="The number of the lesson to come, such as 4.")],
) -> None:
    """Make room for a new lesson: all from this number on move up by one, wherever they are named.

    Then write the new notebook, run the moved ones anew and call `make readme`.
    """
    from utils.course.renumber import make_room

    try:
        changed = make_room(number)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    for path in changed:
        typer.echo(path.relative_to(places.ROOT))


@app.command()
def slides(reveal: Annotated[Path, typer.Argument(help="The folder of reveal.js.")]) -> None:
    """Write each lesson's slides to build/slides; `make slides` names the folder."""
    from utils.course.site.slides import write_slides

    typer.echo(write_slides(reveal).relative_to(places.ROOT))


@app.command()
def lock(uv: Annotated[str, typer.Option(help="The program uv.")] = "uv") -> None:
    """Compile requirements.txt from environment.yml, and the locks of `make portable`."""
    from utils.course.lock import compile_locks

    compile_locks(uv)


if __name__ == "__main__":
    app()
