"""The generated parts of README.md: the table of lessons and the picture of the scoreboard."""

from __future__ import annotations

import re
from pathlib import Path

from utils.course import notebooks, places, run, scoreboard
from utils.course.address import binder_link, colab_link, read_address
from utils.course.places import ROOT

BEGIN = "<!-- lessons: written by `make readme` -->"
END = "<!-- lessons: end -->"
TITLE = re.compile(r"^# (\d\d) · (.+\?)$", re.MULTILINE)
FACTS = re.compile(
    r"^\*\*Read\*\* (?P<read>\d+) min · \*\*Run\*\* (?P<run>\d+) min · \*\*Needs\*\* (?P<needs>.+)$",
    re.MULTILINE,
)
HEADER = [
    "| | question | read | run | memory | needs | open |",
    "|---|---|---|---|---|---|---|",
]


def lesson_facts(path: Path) -> dict[str, str]:
    """Number, question, minutes and needs, from a lesson's first cell; ValueError when they are not there."""
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
    cells = [facts["number"], question, f"{facts['read']} min", seconds, memory, facts["needs"], links]
    return f"| {' | '.join(cells)} |"


def stored_records(root: Path = ROOT) -> list[dict]:
    """The merged scoreboard of the course, from the outputs stored in the lessons."""
    return scoreboard.merge(
        record for path in places.lessons(root) for record in scoreboard.records_in(notebooks.read(path))
    )


def with_table(text: str, table: str) -> str:
    """README text with the part between the two markers replaced; ValueError when a marker is missing."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md must hold the lines {BEGIN!r} and {END!r} once each.")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}"


def stale_parts(root: Path = ROOT) -> list[str]:
    """What in README.md no longer says what the lessons and the last run say (empty when all is fresh)."""
    text = (root / "README.md").read_text(encoding="utf-8")
    stale = [] if with_table(text, lessons_table(root)) == text else ["the table of lessons in README.md"]
    records = stored_records(root)
    if records and not scoreboard.is_stored(records, places.results_folder(root)):
        stale.append("the picture of the scoreboard in data/results")
    return stale


def write_readme(root: Path = ROOT) -> None:
    """Write the table of lessons into README.md and the picture of the scoreboard into ``data/results``."""
    readme = root / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), lessons_table(root)), encoding="utf-8")
    records = stored_records(root)
    if records and not scoreboard.is_stored(records, places.results_folder(root)):
        scoreboard.store(records, places.results_folder(root))
