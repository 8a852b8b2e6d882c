"""Run the course as a learner would, and write what came out as pages."""

from __future__ import annotations

import csv
import html
import os
import platform
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from nbformat import NotebookNode
from tqdm import tqdm

from utils.course import notebooks, places
from utils.course.notebooks import LessonFailed

CELL_TIMEOUT = 600  # seconds; a learner's machine may be slow
MEASURED = "lessons.csv"
LINK_TO_NOTEBOOK = re.compile(r'(href="[^":]*?)\.ipynb(?=["#])')


@dataclass
class LessonRun:
    """What one run of a lesson measured: code cells, wall seconds, peak memory of the kernel's
    processes."""

    lesson: str
    cells: int
    seconds: float
    memory_mb: int
    cpu_count: int
    python: str


def run_course(
    root: Path = places.ROOT, only: list[Path] | None = None
) -> tuple[list[LessonRun], list[NotebookNode], list[LessonFailed]]:
    """Run every lesson, or ``only`` some, in order into ``build/``; the notebooks themselves stay
    untouched.

    Prints a progress bar and one line a lesson. A lesson that fails does not stop the others.
    Returns what was measured, the executed notebooks and the failures.
    """
    pages = {path: notebooks.read(path) for path in places.lessons(root)}
    measured, failures = [], []
    chosen = {path: page for path, page in pages.items() if only is None or path in only}
    cells = sum(len(notebooks.code_cells(page)) for page in chosen.values())
    with tqdm(total=cells, unit="cell", dynamic_ncols=True) as bar:
        for path, page in chosen.items():
            bar.set_description(path.stem)
            try:
                measured.append(_run_lesson(page, path, bar))
                bar.write(_line(measured[-1]))
            except LessonFailed as failure:
                failures.append(failure)
                bar.write(f"{path.stem:<28} FAILED")
    write_pages(pages, root)
    return measured, list(pages.values()), failures


def _run_lesson(page: NotebookNode, path: Path, bar: tqdm) -> LessonRun:
    peaks = [0.0]

    def after_cell(process_id: int) -> None:
        peaks.append(notebooks.peak_megabytes(process_id))
        bar.update()

    start = time.perf_counter()
    notebooks.execute(page, path, CELL_TIMEOUT, after_cell)
    seconds = round(time.perf_counter() - start, 1)
    cells = len(notebooks.code_cells(page))
    return LessonRun(
        path.stem, cells, seconds, round(max(peaks)), os.cpu_count() or 1, platform.python_version()
    )


def _line(run: LessonRun) -> str:
    return f"{run.lesson:<28} {run.cells:>3} cells {run.seconds:>7.1f} s {run.memory_mb:>6} MB"


def record(measured: list[LessonRun], folder: Path, keep: bool = False) -> None:
    """Store a measured run as ``lessons.csv`` in ``folder``; keep : with the last lines of other
    lessons."""
    rows = (recorded(folder) if keep else {}) | {run.lesson: asdict(run) for run in measured}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MEASURED).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(LessonRun.__dataclass_fields__), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for _, row in sorted(rows.items()))


def recorded(folder: Path) -> dict[str, dict[str, str]]:
    """The last stored run, one row a lesson by the lesson's name; empty when none was stored."""
    stored = folder / MEASURED
    if not stored.exists():
        return {}
    with stored.open(encoding="utf-8", newline="") as file:
        return {row["lesson"]: row for row in csv.DictReader(file)}


def write_pages(pages: dict[Path, NotebookNode], root: Path = places.ROOT) -> None:
    """Write notebooks as HTML pages into ``build/``, with the stored solutions and an index."""
    build = places.build_folder(root)
    solutions = {path: notebooks.read(path) for path in places.solutions(root)}
    for path, page in {**pages, **solutions}.items():
        target = build / path.relative_to(places.notebooks_folder(root)).with_suffix(".html")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_page(page, path), encoding="utf-8")
    items = "".join(
        f'<li><a href="{path.stem}.html">{html.escape(_title(page))}</a></li>\n'
        for path, page in pages.items()
    )
    head = '<!doctype html>\n<meta charset="utf-8">\n<title>Synthetic data</title>\n<h1>Synthetic data</h1>\n'
    index = f"{head}<ul>\n{items}</ul>\n"
    (build / "index.html").write_text(index, encoding="utf-8")


def _page(page: NotebookNode, path: Path) -> str:
    """The notebook as one HTML file, whose links to other notebooks lead to their pages."""
    from nbconvert import HTMLExporter

    body, _ = HTMLExporter(template_name="lab", embed_images=True).from_notebook_node(
        page, resources={"metadata": {"name": path.stem, "path": str(path.parent)}}
    )
    return LINK_TO_NOTEBOOK.sub(r"\1.html", body)


def _title(page: NotebookNode) -> str:
    return page.cells[0].source.splitlines()[0].lstrip("# ") if page.cells else "empty"
