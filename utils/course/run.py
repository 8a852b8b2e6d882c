"""Run lessons as a learner would, store what comes out, and write it as pages."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from utils.course import places
from utils.course.memory import peak_bytes
from utils.course.notebooks import KERNEL, code_cells, normalise, read, show_without_kernel, store
from utils.course.pages import write_pages

CELL_TIMEOUT = 600  # seconds; a learner's machine may be slow
MEASURED = "lessons.csv"
ANSI_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
QUIET = ["--log-level=ERROR"]  # what the kernel says about itself is not part of a lesson


class LessonFailed(RuntimeError):
    """A cell failed; the message names notebook and cell, and shows source and traceback."""


def execute(
    notebook: NotebookNode,
    path: Path,
    timeout: int,
    after_cell: Callable[[int], None] = lambda pid: None,
) -> None:
    """Run all cells in order in a fresh kernel, in the notebook's folder; outputs land in it, for a
    widget those that it shows first.

    ``timeout`` is in seconds for one cell; ``after_cell`` gets the kernel's process id after each
    code cell. Raises LessonFailed when a cell fails, takes too long, or kills the kernel.
    """
    running = {}

    def note(cell: NotebookNode, cell_index: int) -> None:
        running["cell"] = cell

    def done(cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        after_cell(client.km.provisioner.pid)

    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        extra_arguments=QUIET,
        on_cell_start=note,
        on_cell_executed=done,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise LessonFailed(_describe(error, notebook, running["cell"], path)) from error
    show_without_kernel(notebook)


def _describe(error: Exception, notebook: NotebookNode, cell: NotebookNode, path: Path) -> str:
    position = code_cells(notebook).index(cell) + 1
    outputs = [output for output in cell.outputs if output.output_type == "error"]
    reason = "\n".join(outputs[-1].traceback) if outputs else str(error)
    reason = ANSI_COLOURS.sub("", reason)
    return f"{path.name}, code cell {position} failed.\n\n{cell.source}\n\n{reason}"


def refresh(path: Path, timeout: int = 120) -> None:
    """Run a notebook and store it with its new outputs; it stays as it is when a cell fails."""
    notebook = read(path)
    execute(notebook, path, timeout)
    normalise(notebook)
    store(notebook, path)


def peak_megabytes(process_id: int) -> float:
    """Peak memory of a process and of its living children, in megabytes of 2**20 bytes.

    Linux keeps the true peak (``VmHWM``); elsewhere it is what the processes hold at this moment.
    """
    kernel = psutil.Process(process_id)
    family = [kernel, *kernel.children(recursive=True)]
    return sum(peak_bytes(member.pid) or member.memory_info().rss for member in family) / 2**20


@dataclass
class LessonRun:
    """What one run of a lesson measured: code cells, wall seconds, the kernel's peak memory."""

    lesson: str
    cells: int
    seconds: float
    memory_mb: int
    cpu_count: int
    python: str


def run_course(
    root: Path = places.ROOT, only: list[Path] | None = None
) -> tuple[list[LessonRun], list[NotebookNode], list[LessonFailed]]:
    """Run every lesson, or ``only`` some, in order into ``build/``; their files stay untouched.

    Prints a progress bar and one line a lesson. A lesson that fails does not stop the others.
    Returns what was measured, the executed notebooks and the failures.
    """
    pages = {path: read(path) for path in places.lessons(root)}
    measured, failures = [], []
    chosen = {path: page for path, page in pages.items() if only is None or path in only}
    cells = sum(len(code_cells(page)) for page in chosen.values())
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
        peaks.append(peak_megabytes(process_id))
        bar.update()

    start = time.perf_counter()
    execute(page, path, CELL_TIMEOUT, after_cell)
    seconds = round(time.perf_counter() - start, 1)
    cells = len(code_cells(page))
    return LessonRun(
        path.stem, cells, seconds, round(max(peaks)), os.cpu_count() or 1, platform.python_version()
    )


def _line(run: LessonRun) -> str:
    return f"{run.lesson:<28} {run.cells:>3} cells {run.seconds:>7.1f} s {run.memory_mb:>6} MB"


def record(measured: list[LessonRun], folder: Path, keep: bool = False) -> None:
    """Store a measured run as ``lessons.csv``; keep : with the last lines of other lessons."""
    rows = (recorded(folder) if keep else {}) | {run.lesson: asdict(run) for run in measured}
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([row for _, row in sorted(rows.items())])
    table.to_csv(folder / MEASURED, index=False, lineterminator="\n")


def recorded(folder: Path) -> dict[str, dict[str, str]]:
    """The last stored run, one row a lesson by the lesson's name; empty when none was stored."""
    stored = folder / MEASURED
    rows = pd.read_csv(stored, dtype=str).to_dict("records") if stored.exists() else []
    return {row["lesson"]: row for row in rows}
