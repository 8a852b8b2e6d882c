"""The generated parts of README.md: the tables of lessons and of the race, the picture of the
scoreboard."""

from __future__ import annotations

import re
from pathlib import Path

from utils import results
from utils.course import notebooks, places, run, scoreboard
from utils.course.address import binder_link, colab_link, read_address
from utils.course.places import ROOT

LESSONS, RACE = "lessons", "race"  # the names in the markers around the generated parts
RACES = {
    "screen time": "accuracy",
    "Adult": "AUC",
    "flights": "AUC",
}  # table: what TSTR counts there
TITLE = re.compile(r"^# (\d\d) · (.+\?)$", re.MULTILINE)
FACTS = re.compile(
    r"^\*\*Read\*\* (?P<read>\d+) min · \*\*Run\*\* (?P<run>\d+) min · \*\*Needs\*\* (?P<needs>.+)$",
    re.MULTILINE,
)
HEADER = ["| | question | read | run | memory | needs | open |", "|---|---|---|---|---|---|---|"]


def lesson_facts(path: Path) -> dict[str, str]:
    """Number, question, minutes and needs, from a lesson's first cell; ValueError when they are not
    there."""
    first = notebooks.read(path).cells[0].source
    title, facts = TITLE.search(first), FACTS.search(first)
    if title is None or facts is None:
        raise ValueError(
            f"{path.name}: the first cell must hold '# NN · Title as a question?' and the line "
            "'**Read** X min · **Run** Y min · **Needs** ...'."
        )
    return {"number": title[1], "question": title[2], **facts.groupdict()}


def lessons_table(root: Path = ROOT) -> str:
    """The table of lessons in Markdown, from the lessons and the last stored run."""
    measured = run.recorded(places.results_folder(root))
    address = read_address(root)
    rows = [_row(path, measured.get(path.stem), address, root) for path in places.lessons(root)]
    return "\n".join([*HEADER, *rows])


def _row(path: Path, measured: dict[str, str] | None, address: str, root: Path) -> str:
    facts = lesson_facts(path)
    place = path.relative_to(root).as_posix()
    seconds = f"{float(measured['seconds']):.0f} s" if measured else "not measured"
    memory = f"{measured['memory_mb']} MB" if measured else "not measured"
    links = f"[Colab]({colab_link(address, place)}) · [Binder]({binder_link(address, place)})"
    question = f"[{facts['question']}]({place})"
    cells = [
        facts["number"],
        question,
        f"{facts['read']} min",
        seconds,
        memory,
        facts["needs"],
        links,
    ]
    return f"| {' | '.join(cells)} |"


def stored_records(root: Path = ROOT) -> list[dict]:
    """The merged scoreboard of the course, from the outputs stored in the lessons."""
    return scoreboard.merge(
        record
        for path in places.lessons(root)
        for record in scoreboard.records_in(notebooks.read(path))
    )


def race_section(folder: Path) -> str:
    """The race on every table in Markdown: a row a method, mean C2ST, TSTR and seconds of one core
    to fit.

    Methods stand in the order of their C2ST on the first table. A mean of fewer than three seeds
    says so; a race that was not run is a dash.
    """
    ran = set(results.load_results(RACE, folder)["table"])
    races = {table: results.race_table(table, folder) for table in RACES if table in ran}
    methods = dict.fromkeys(name for race in races.values() for name in race.index)
    heads = [f"{table}: C2ST | TSTR, {RACES[table]} | fit" for table in races]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (1 + 3 * len(races)) + "|"]
    return "\n".join(lines + [f"| {name} | {' | '.join(_of(races, name))} |" for name in methods])


def _of(races: dict, name: str) -> list[str]:
    return [
        _raced(race.loc[name]) if name in race.index else "- | - | -" for race in races.values()
    ]


def _raced(row) -> str:
    few = {1: " (1 seed)", 2: " (2 seeds)"}.get(int(row["seeds"]), "")
    seconds = row["fit_cpu_seconds"]
    fit = "" if row["kind"] == "yardstick" else f"{seconds:,.{int(seconds < 10)}f} s{few}"
    return f"{row['c2st']:.3f} | {row['tstr']:.3f} | {fit}"


def markers(name: str) -> tuple[str, str]:
    """The lines of README.md between which a generated part stands."""
    return f"<!-- {name}: written by `make readme` -->", f"<!-- {name}: end -->"


def with_part(text: str, name: str, part: str) -> str:
    """README text with what stands between the markers of a name replaced; ValueError without
    these."""
    begin, end = markers(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"README.md must hold the lines {begin!r} and {end!r} once each.")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}"


def with_parts(text: str, root: Path = ROOT) -> str:
    """README text with its generated parts made anew; the race stands there once it was run."""
    text, folder = with_part(text, LESSONS, lessons_table(root)), places.results_folder(root)
    return (
        with_part(text, RACE, race_section(folder)) if (folder / f"{RACE}.csv").exists() else text
    )


def stale_parts(root: Path = ROOT) -> list[str]:
    """What in README.md no longer says what the lessons and the last run say (empty when all is
    fresh)."""
    text = (root / "README.md").read_text(encoding="utf-8")
    stale = [] if with_parts(text, root) == text else ["the tables in README.md"]
    records = stored_records(root)
    if records and not scoreboard.is_stored(records, places.results_folder(root)):
        stale.append("the picture of the scoreboard in data/results")
    return stale


def write_readme(root: Path = ROOT) -> None:
    """Write the tables of lessons and of the race into README.md and the picture of the scoreboard
    into ``data/results``."""
    readme = root / "README.md"
    readme.write_text(with_parts(readme.read_text(encoding="utf-8"), root), encoding="utf-8")
    records = stored_records(root)
    if records and not scoreboard.is_stored(records, places.results_folder(root)):
        scoreboard.store(records, places.results_folder(root))
