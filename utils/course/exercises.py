"""What makes an exercise: its text, the stub to fill, the check."""

from __future__ import annotations

from nbformat import NotebookNode

from utils.course.page import Page, tags

STUB = "exercise-stub"
CHECK = "exercise-check"
HEADING = "### Exercise "


def exercise_texts(page: Page) -> list[str]:
    """Source of the prose cells that set an exercise, in order."""
    return [cell.source for cell in page.prose if cell.source.startswith(HEADING)]


def tagged(page: Page, tag: str) -> list[NotebookNode]:
    """Code cells with a tag, in order."""
    return [cell for cell in page.code if tag in tags(cell)]
