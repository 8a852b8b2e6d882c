"""Where things stand in the repository. Lessons are found by looking, never by a list of names."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def notebooks_folder(root: Path = ROOT) -> Path:
    """Folder of the lessons."""
    return root / "notebooks"


def build_folder(root: Path = ROOT) -> Path:
    """Folder of what can be made again: executed pages, the table of a run."""
    return root / "build"


def results_folder(root: Path = ROOT) -> Path:
    """Folder of what long runs measured and the repository keeps."""
    return root / "data" / "results"


def lessons(root: Path = ROOT) -> list[Path]:
    """The lessons' notebooks in reading order."""
    return sorted(notebooks_folder(root).glob("[0-9][0-9]_*.ipynb"))


def solutions(root: Path = ROOT) -> list[Path]:
    """The solutions notebooks in reading order."""
    return sorted((notebooks_folder(root) / "solutions").glob("*.ipynb"))


def all_notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook that a test covers: lessons, then solutions."""
    return lessons(root) + solutions(root)


def solution_of(lesson: Path) -> Path:
    """Where the worked exercises of a lesson stand (the file may be missing)."""
    return lesson.parent / "solutions" / f"{lesson.stem}_solutions.ipynb"


def lesson_of(solution: Path) -> Path:
    """The lesson that a solutions notebook belongs to (the file may be missing)."""
    return solution.parent.parent / f"{solution.stem.removesuffix('_solutions')}.ipynb"


def number(notebook: Path) -> str:
    """The two digits a notebook's name begins with."""
    return notebook.name[:2]
