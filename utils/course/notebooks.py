"""A notebook: read, seen as the house rules see it, stored the same way everywhere."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from PIL import Image

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FIGURE_COLOURS = 128
NOT_COMPARED = "nbval-ignore-output"
SKIPPED = "nbval-skip"
WIDGET = "application/vnd.jupyter.widget-view+json"
STATES = "application/vnd.jupyter.widget-state+json"


def read(path: Path) -> NotebookNode:
    """Read a notebook file (format 4)."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells that have something to run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


@dataclass
class Page:
    """A notebook file, parsed; ``raw`` is its text."""

    path: Path
    raw: str
    notebook: NotebookNode

    @classmethod
    def read(cls, path: Path) -> Page:
        """Read a notebook file."""
        return cls(path, path.read_text(encoding="utf-8"), read(path))

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
    """Syntax tree of a code cell; empty when it is not plain Python (a rule of its own says so)."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def tags(cell: NotebookNode) -> list[str]:
    """Tags of a cell."""
    return cell.metadata.get("tags", [])


def calls(cell: NotebookNode) -> set[str]:
    """Last names of what a code cell calls when it runs; what it only defines does not count."""
    return {
        last_name(node.func) for node in _running_nodes(tree(cell)) if isinstance(node, ast.Call)
    }


def _running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.Lambda)):
            yield child
            yield from _running_nodes(child)


def last_name(node: ast.AST) -> str:
    """``sort`` of the names ``sort`` and ``table.sort``; empty for any other piece of code."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def holds_image(cell: NotebookNode) -> bool:
    """True when a stored output of the cell is a picture."""
    return any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def text_outputs(cell: NotebookNode) -> str:
    """All text that a code cell's stored outputs show, pictures' stand-in texts left out."""
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        shown = {} if "image/png" in data else data
        texts += [output.get("text", ""), shown.get("text/plain", ""), shown.get("text/html", "")]
    return "\n".join(texts)


def show_without_kernel(notebook: NotebookNode) -> None:
    """Put in place of each widget what its output areas show, such as a slider's first picture.

    A widget needs a kernel behind it; on a page it would be an empty box.
    """
    states = notebook.metadata.pop("widgets", {}).get(STATES, {}).get("state", {})
    for cell in code_cells(notebook):
        shown: list[NotebookNode] = []
        for output in cell.outputs:
            view = output.get("data", {}).get(WIDGET)
            shown += [output] if view is None else _output_areas(view["model_id"], states)
        cell.outputs = shown


def _output_areas(widget: str, states: dict) -> list[NotebookNode]:
    """The outputs of all output areas inside a widget, in order."""
    state = states.get(widget, {}).get("state", {})
    areas = list(map(nbformat.from_dict, state.get("outputs", [])))
    for child in state.get("children", []):
        areas += _output_areas(child.removeprefix("IPY_MODEL_"), states)
    return areas


def normalise(notebook: NotebookNode) -> None:
    """Take out what differs between equal runs: timing, versions, widget state, random ids."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        cell.id = _cell_id(cell.source, seen)
        cell.metadata = nbformat.from_dict(_kept_metadata(cell.metadata))
        if cell.cell_type == "code":
            cell.outputs = _merge_streams(cell.outputs)
            for output in cell.outputs:
                _shrink_figure(output.get("data", {}))


def _shrink_figure(data: dict) -> None:
    """Store a figure with a palette of 128 colours: it looks the same in a third of the space."""
    if "image/png" not in data:
        return
    with Image.open(io.BytesIO(base64.b64decode(data["image/png"]))) as picture:
        small, resolution = io.BytesIO(), picture.info.get("dpi", (72, 72))
        flat = picture.convert("RGB").quantize(
            FIGURE_COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        flat.save(small, format="png", optimize=True, dpi=resolution)
    data["image/png"] = base64.b64encode(small.getvalue()).decode("ascii")


def _cell_id(source: str, seen: Counter[str]) -> str:
    """An id made of what the cell says: it stays when other cells come and go."""
    digest = hashlib.sha1(source.encode("utf-8")).hexdigest()[:10]
    seen[digest] += 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _kept_metadata(metadata: dict) -> dict:
    """Tags and the reason given for one: the rest belongs to an editor or to one run."""
    return {key: metadata[key] for key in ("tags", "reason") if metadata.get(key)}


def _merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: how text is cut depends on the machine's speed."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else {}
        if output.output_type == "stream" and output.name == last.get("name"):
            last.text += output.text
        else:
            merged.append(output)
    return merged


def store(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook with sorted keys, so that a change shows as the lines that changed."""
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook), encoding="utf-8", newline="\n")
