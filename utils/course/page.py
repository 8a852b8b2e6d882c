"""A notebook as the house rules see it: cells, lines, outputs, calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbformat import NotebookNode

from utils.course import notebooks

NOT_COMPARED = "nbval-ignore-output"
SKIPPED = "nbval-skip"


@dataclass
class Page:
    """A notebook file, parsed; ``raw`` is its text."""

    path: Path
    raw: str
    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> Page:
        """Read a notebook file."""
        return cls(path, path.read_text(encoding="utf-8"), notebooks.read(path))

    @property
    def cells(self) -> list[NotebookNode]:
        """All cells in order."""
        return self.notebook.cells

    @cached_property
    def code(self) -> list[NotebookNode]:
        """Code cells in order."""
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @cached_property
    def prose(self) -> list[NotebookNode]:
        """Markdown cells in order."""
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @property
    def code_lengths(self) -> list[int]:
        """Non-blank lines of each code cell."""
        return [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in self.code]

    def where(self, cell: NotebookNode) -> str:
        """How a message names a cell: its kind, its position from 1, and how it begins."""
        start = cell.source.strip().splitlines()[0][:50] if cell.source.strip() else "empty"
        return f"cell {self.cells.index(cell) + 1} ({start!r})"


def tree(cell: NotebookNode) -> ast.Module:
    """Syntax tree of a code cell; empty when the cell is not plain Python (a rule of its own says
    so)."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def tags(cell: NotebookNode) -> list[str]:
    """Tags of a cell."""
    return cell.metadata.get("tags", [])


def calls(cell: NotebookNode) -> set[str]:
    """Last names of what a code cell calls when it runs; bodies of what it only defines do not
    count."""
    return {
        _last_name(node.func) for node in _running_nodes(tree(cell)) if isinstance(node, ast.Call)
    }


def _running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.Lambda)):
            yield child
            yield from _running_nodes(child)


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def holds_image(cell: NotebookNode) -> bool:
    """True when a stored output of the cell is a picture."""
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def text_outputs(cell: NotebookNode) -> str:
    """All text that a code cell's stored outputs show, pictures' stand-in texts left out."""
    texts = [output.get("text", "") for output in cell.get("outputs", [])]
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        texts += [
            data.get(kind, "") for kind in ("text/plain", "text/html") if "image/png" not in data
        ]
    return "\n".join(texts)
