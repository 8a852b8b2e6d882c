"""Read, run and store notebooks the same way everywhere."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from PIL import Image

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FIGURE_COLOURS = 128
ANSI_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class LessonFailed(RuntimeError):
    """A cell failed; the message names the notebook and the cell, and shows its source and
    traceback."""


def read(path: Path) -> NotebookNode:
    """Read a notebook file (format 4)."""
    return nbformat.read(path, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells that have something to run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def execute(
    notebook: NotebookNode,
    path: Path,
    timeout: int,
    after_cell: Callable[[int], None] = lambda pid: None,
) -> None:
    """Run all cells in order in a fresh kernel, in the notebook's own folder; outputs land in
    ``notebook``.

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
        extra_arguments=[
            "--log-level=ERROR"
        ],  # what the kernel has to say about itself is not part of a lesson
        on_cell_start=note,
        on_cell_executed=done,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise LessonFailed(_describe(error, notebook, running["cell"], path)) from error


def _describe(error: Exception, notebook: NotebookNode, cell: NotebookNode, path: Path) -> str:
    position = code_cells(notebook).index(cell) + 1
    outputs = [output for output in cell.outputs if output.output_type == "error"]
    reason = "\n".join(outputs[-1].traceback) if outputs else str(error)
    reason = ANSI_COLOURS.sub("", reason)
    return f"{path.name}, code cell {position} failed.\n\n{cell.source}\n\n{reason}"


def peak_megabytes(process_id: int) -> float:
    """Peak memory of a process and of its living children, in megabytes of 2**20 bytes.

    Linux keeps the true peak (``VmHWM``); elsewhere it is what the processes hold at this moment.
    """
    family = [psutil.Process(process_id)]
    family += family[0].children(recursive=True)
    return sum(_peak_bytes(member) for member in family) / 2**20


def _peak_bytes(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(peak[1]) * 1024 if peak else 0
    return process.memory_info().rss


def normalise(notebook: NotebookNode) -> None:
    """Take out what differs between two equal runs: timing, versions, widget state, random cell
    ids."""
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
    """Store a figure with a palette of 128 colours: it looks the same and takes a third of the
    space."""
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
        same = (
            merged
            and output.output_type == "stream" == merged[-1].output_type
            and output.name == merged[-1].name
        )
        if same:
            merged[-1].text += output.text
        else:
            merged.append(output)
    return merged


def store(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook with sorted keys, so that a change shows as the lines that changed."""
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook), encoding="utf-8", newline="\n")


def refresh(path: Path, timeout: int = 120) -> None:
    """Run a notebook and store it with its new outputs; the file stays as it is when a cell
    fails."""
    notebook = read(path)
    execute(notebook, path, timeout)
    normalise(notebook)
    store(notebook, path)
