"""House rules for solutions notebooks: the same exercises and the same checks as the lesson."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from utils.course import places
from utils.course.exercises import CHECK, STUB, exercise_texts, tagged
from utils.course.page import Page


def same_exercises(page: Page) -> Iterator[str]:
    """Exercise texts and check cells equal the lesson's, byte by byte; stubs are filled."""
    lesson_path = places.lesson_of(page.path)
    if not lesson_path.exists():
        yield f"there is no lesson {lesson_path.name}"
        return
    lesson = Page.read(lesson_path)
    yield from _differences("exercise text", exercise_texts(lesson), exercise_texts(page))
    yield from _differences("check cell", _checks(lesson), _checks(page))
    for cell in tagged(page, STUB):
        yield f"{page.where(cell)} is still a stub"


def _checks(page: Page) -> list[str]:
    return [cell.source for cell in tagged(page, CHECK)]


def _differences(kind: str, wanted: list[str], found: list[str]) -> Iterator[str]:
    if len(wanted) != len(found):
        yield f"{len(found)} of the lesson's {len(wanted)} pieces of kind '{kind}'"
    for i, (mine, theirs) in enumerate(zip(found, wanted), start=1):
        if mine != theirs:
            yield f"{kind} {i} differs from the lesson's"


SOLUTION_RULES: list[Callable[[Page], Iterator[str]]] = [same_exercises]
