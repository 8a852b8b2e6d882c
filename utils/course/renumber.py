"""Make room for a lesson: all from its number on move up by one, in every place that names them."""

from __future__ import annotations

import re
from pathlib import Path

from utils.course import notebooks, places

# Files beside the notebooks that name lessons, and what a benchmark or a run stored about them.
TEXTS = ("*.md", "data/results/*.csv", "data/results/*.md", "data/results/*.json")
MENTION = re.compile(r"\b[Ll]essons?\s+\d\d(?:(?:,| and| to| or|, and)\s+\d\d)*\b")
# "# 04 · title", "[04 · link text]", and the lesson that a scoreboard belongs to
LABEL = re.compile(r"(?:^# |\[)\d\d(?= · )|\blesson=\"\d\d\"|\"lesson\": \"\d\d\"", re.MULTILINE)
NUMBER = re.compile(r"\d\d")


def make_room(place: int, root: Path = places.ROOT) -> list[Path]:
    """Give each lesson from ``place`` on the next number; returns the files that changed.

    Changed are the names of lessons and solutions, links to them, titles, mentions in words
    ("lessons 02 and 04", also of lessons to come), the lesson that a scoreboard is of, and stored
    results. Outputs are not: run the notebooks anew. Raises ValueError when no lesson has that
    number, so that nothing would move.
    """
    lessons = {int(places.number(path)): path.stem for path in places.lessons(root)}
    if place not in lessons:
        raise ValueError(
            f"No lesson has the number {place:02d}, so nothing needs to move; "
            f"there are {min(lessons):02d} to {max(lessons):02d}."
        )
    last = {number: stem for number, stem in lessons.items() if number >= place}
    moved = {stem: f"{number + 1:02d}{stem[2:]}" for number, stem in last.items()}
    changed = [path for path in places.all_notebooks(root) if _rewrite_notebook(path, moved, place)]
    texts = [path for glob in TEXTS for path in sorted(root.glob(glob))]
    changed += [path for path in texts if _rewrite_text(path, moved, place)]
    # the last first, so that no name is taken when a lesson gets it
    for path in reversed(places.all_notebooks(root)):
        for old, new in moved.items():
            if path.stem.removesuffix("_solutions") == old:
                path.rename(path.with_name(path.name.replace(old, new, 1)))
    return changed


def renumbered(text: str, moved: dict[str, str], place: int) -> str:
    """Text with the numbers of lessons from ``place`` on raised by one.

    moved : old and new names of lesson files, without their endings.
    """
    names = "|".join(map(re.escape, moved))
    text = re.sub(rf"\b(?:{names})(?=\b|_solutions)", lambda name: moved[name[0]], text)
    for pattern in (MENTION, LABEL):
        text = pattern.sub(lambda found: _after(found[0], place), text)
    return text


def _after(text: str, place: int) -> str:
    return NUMBER.sub(lambda digits: f"{int(digits[0]) + (int(digits[0]) >= place):02d}", text)


def _rewrite_notebook(path: Path, moved: dict[str, str], place: int) -> bool:
    notebook, changed = notebooks.read(path), False
    for cell in notebook.cells:
        new = renumbered(cell.source, moved, place)
        changed, cell.source = changed or new != cell.source, new
    if changed:
        notebooks.store(notebook, path)
    return changed


def _rewrite_text(path: Path, moved: dict[str, str], place: int) -> bool:
    old = path.read_text(encoding="utf-8")
    new = renumbered(old, moved, place)
    if new != old:
        path.write_text(new, encoding="utf-8")
    return new != old
