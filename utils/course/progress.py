"""How far a learner has come: which checks of the exercises pass in their copies of the lessons."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from nbformat import NotebookNode

from utils.course import notebooks
from utils.course.rules import CHECK


def progress(folder: Path) -> pd.DataFrame:
    """One row a lesson of a folder: its ``exercises``, and how many of their checks ``passed``.

    What the check cells printed when they last ran is read; nothing is executed. ValueError where
    the folder holds no lesson, or a lesson is no notebook.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise ValueError(
            f"No lesson was found in {folder}. Name the folder that holds your copies, "
            "such as notebooks."
        )
    return pd.DataFrame([_lesson(path) for path in paths]).set_index("lesson")


def _lesson(path: Path) -> dict:
    try:
        page = notebooks.read(path)
    except Exception as error:  # nbformat lets through whatever its parsers raise
        raise ValueError(f"{path.name} cannot be read as a notebook: {error}") from error
    said = [
        last_line(cell)
        for cell in notebooks.code_cells(page)
        if CHECK in cell.metadata.get("tags", [])
    ]
    passed = sum(line.startswith("pass") for line in said)
    return {"lesson": path.stem, "exercises": len(said), "passed": passed}


def last_line(cell: NotebookNode) -> str:
    """The last line that a cell printed; empty where it printed nothing."""
    printed = "".join(output.get("text", "") for output in cell.outputs)
    return (printed.strip().splitlines() or [""])[-1]
