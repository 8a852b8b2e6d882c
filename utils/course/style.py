"""Code in notebooks, checked and formatted by ruff as all other code is.

The setup cell is left out: it is the same four long lines everywhere, and nobody reads them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from utils.course import notebooks, places

PAGE = "line-length=88"  # columns that a page shows


def check(path: Path) -> str:
    """What ruff says of a notebook's code, its form and its faults; nothing where it is clean."""
    with _without_setup(path) as copy:
        return _ruff(copy, "format", "--check", "--diff") + _ruff(copy, "check")


def format_code(path: Path) -> None:
    """Bring the code of a notebook into ruff's form; what it printed stays, for nothing else
    changes."""
    notebook = notebooks.read(path)
    with _without_setup(path) as copy:
        # An import may serve code that stands in a string, as answers to try do: none is taken out.
        _ruff(copy, "check", "--fix-only", "--unfixable", "F401")
        _ruff(copy, "format")
        formatted = iter(_checked(notebooks.read(copy)))
    for cell in _checked(notebook):
        cell.source = next(formatted).source
    notebooks.store(notebook, path)


def _checked(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    setup = places.setup_cell()
    return [cell for cell in notebooks.code_cells(notebook) if cell.source != setup]


@contextmanager
def _without_setup(path: Path) -> Iterator[Path]:
    """A copy that holds the code alone."""
    copy = nbformat.v4.new_notebook(metadata={"kernelspec": notebooks.KERNEL})
    copy.cells = [nbformat.v4.new_code_cell(cell.source) for cell in _checked(notebooks.read(path))]
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(copy, Path(folder, path.name))
        yield Path(folder, path.name)


def _ruff(path: Path, *arguments: str) -> str:
    settings = ["--no-cache", "--config", str(places.ROOT / "pyproject.toml"), "--config", PAGE]
    command = [sys.executable, "-m", "ruff", *arguments, *settings, "--quiet", path.name]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    return done.stdout + done.stderr
