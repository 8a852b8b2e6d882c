"""What several test files share: a small lesson that keeps every house rule, built in memory."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from utils.course.places import ROOT, setup_cell
from utils.course.rules import SPINE

WORDS = (
    "A sentence says what the reader should think about the number "
    "that the next cell prints, and why it is so. " * 2
)
TITLE = """# 00 · Does this lesson keep the rules?

**Read** 3 min · **Run** 1 min · **Needs** nothing

You will be able to:
- do one thing
- do another
- and a third"""
SECTION_TEXTS = {
    "## Recap": f"## Recap\n\n- {WORDS}\n- {WORDS}",
    "## Questions": "## Questions\n\n"
    + "\n".join(f"{i}. What does number {i} say?" for i in range(1, 6)),
    "## Next": f"## Next\n\n{WORDS}",
}


def _exercise(i: int) -> list:
    kind = "predict before you run" if i == 1 else "change a number"
    hint = "<details><summary>Hint</summary>\n\nLook above.\n</details>"
    text = f"### Exercise {i} · {kind}\n\n{WORDS}\n\n{hint}"
    stub = new_code_cell(f"guess_{i} = None", metadata={"tags": ["exercise-stub"]})
    check = new_code_cell(
        f'print("pass" if guess_{i} == {i} else "not yet: guess the number")',
        metadata={"tags": ["exercise-check"]},
    )
    return [new_markdown_cell(text), stub, new_markdown_cell(WORDS), check]


def _tried(i: int) -> list:
    answers = new_code_cell(f"judge(guess_{i})", metadata={"tags": ["exercise-answers"]})
    said = "passed  · it: pass\n" * 2 + "refused · another: not yet\n" * 3
    answers.outputs = [new_output("stream", name="stdout", text=said)]
    return [new_markdown_cell(WORDS), answers]


def _section(heading: str) -> list:
    if heading in SECTION_TEXTS:
        return [new_markdown_cell(SECTION_TEXTS[heading])]
    cells = [new_markdown_cell(f"{heading}\n\n{WORDS}")]
    if heading == "## Try it":
        return cells + [cell for i in (1, 2, 3) for cell in _exercise(i)]
    lines = [f'print("{heading[3:]}:", ROWS + {i})' for i in (1, 2)]
    return [*cells, new_code_cell(lines[0]), new_markdown_cell(WORDS), new_code_cell(lines[1])]


def _number_and_fill(notebook: nbformat.NotebookNode) -> None:
    """Counts and outputs as one clean run of these simple cells would leave them."""
    for i, cell in enumerate(
        (cell for cell in notebook.cells if cell.cell_type == "code"), start=1
    ):
        cell.execution_count = i
        if cell.source.startswith("print("):
            cell.outputs = [new_output("stream", name="stdout", text=f"{i} things\n")]


@pytest.fixture
def lesson() -> nbformat.NotebookNode:
    """A lesson that keeps every house rule; a test breaks the one it is about."""
    opening = [
        new_markdown_cell(TITLE),
        new_code_cell(setup_cell()),
        new_markdown_cell(WORDS),
        new_code_cell("ROWS = 10"),
    ]
    notebook = new_notebook(
        cells=opening + [cell for heading in SPINE for cell in _section(heading)]
    )
    _number_and_fill(notebook)
    return notebook


@pytest.fixture
def solution(lesson: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The worked exercises of that lesson."""
    exercises = [cell for i in (1, 2, 3) for cell in [*_exercise(i), *_tried(i)]]
    for i, stub in enumerate(exercises[1::6], start=1):
        stub.source, stub.metadata = f"guess_{i} = {i}", {}
    opening = [new_markdown_cell(f"# 00 · Solutions\n\n{WORDS}"), new_code_cell(setup_cell())]
    notebook = new_notebook(cells=[*opening, *exercises, new_markdown_cell(WORDS)])
    _number_and_fill(notebook)
    return notebook


@pytest.fixture
def course(tmp_path: Path, lesson: nbformat.NotebookNode, solution: nbformat.NotebookNode) -> Path:
    """A folder laid out like the repository, with that one lesson and its solutions."""
    folder = tmp_path / "repository"
    (folder / "notebooks" / "solutions").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[tool.course]\naddress = "https://github.com/one/course"\n', encoding="utf-8"
    )
    nbformat.write(lesson, folder / "notebooks" / "00_rules.ipynb")
    nbformat.write(solution, folder / "notebooks" / "solutions" / "00_rules_solutions.ipynb")
    return folder


@pytest.fixture
def working_tree(tmp_path: Path) -> Path:
    """A copy of this repository's files as they are now, but for what git ignores."""
    folder = tmp_path / "tree"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder
