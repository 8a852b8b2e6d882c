"""A text alternative for each figure: what it finds, for those who do not see it.

The title of a figure says its finding (a house rule), and the prose after it says what to notice.
"""

from __future__ import annotations

import ast
import re

from nbformat import NotebookNode

from utils.course.notebooks import holds_image

TITLES = ("set_title", "suptitle", "title")
MARKS = re.compile(r"[*`$#>]|\{[a-z]+\}|\[([^\]]*)\]\([^)]*\)")
SENTENCE = re.compile(r"(?<=[.:?!])\s")


def describe_figures(page: NotebookNode) -> None:
    """Give each code cell with a picture its text alternative, where the site looks for it."""
    for cell, after in zip(page.cells, [*page.cells[1:], None]):
        if holds_image(cell):
            cell.metadata["mystnb"] = {"image": {"alt": alternative(cell, noticed(after))}}


def noticed(after: NotebookNode | None) -> str:
    """What the cell after a figure says of it first; empty without prose."""
    return first(after.source) if after is not None and after.cell_type == "markdown" else ""


def alternative(cell: NotebookNode, said: str) -> str:
    """The text alternative of a cell's pictures: its titles, and what is said of them."""
    return ". ".join(part for part in (*titles(cell.source), said) if part) or "A figure"


def titles(code: str) -> list[str]:
    """What a cell sets as titles: texts given to a title, or to a helper that draws."""
    found = []
    for call in (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)):
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        texts = [word.value for word in call.keywords if word.arg in TITLES]
        if name in TITLES or _draws(call):
            texts += call.args
        found += [
            text.value
            for text in texts
            if isinstance(text, ast.Constant) and isinstance(text.value, str) and " " in text.value
        ]
    return found


def _draws(call: ast.Call) -> bool:
    value = getattr(call.func, "value", None)
    return isinstance(value, ast.Name) and value.id == "plots"


def first(prose: str, sentences: int = 2) -> str:
    """The first sentences of a prose cell, without its marks and headings."""
    lines = [line for line in prose.splitlines() if not line.startswith("#")]
    plain = MARKS.sub(lambda mark: mark[1] or "", " ".join(" ".join(lines).split()))
    return " ".join(SENTENCE.split(plain)[:sentences]).strip()
