"""The exercises in nbgrader's form: what a class hands in, and what grades it.

From the solutions of a lesson: the cells that make what the exercises need, the exercises, the
worked answers as nbgrader's solution regions, and the course's own checks as graded tests.
"""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from utils.course import notebooks, places
from utils.course.rules import CHECK, EXERCISE

POINTS = 1  # an exercise
SOLUTION = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
TEST = """\
from utils.course.answers import must_pass

### BEGIN HIDDEN TESTS
must_pass({check!r})
### END HIDDEN TESTS"""


def write_assignments(folder: Path, root: Path = places.ROOT) -> list[Path]:
    """Write each lesson's exercises as ``source/NN_name/NN_name.ipynb``, as nbgrader expects it."""
    written = []
    for solved in places.solutions(root):
        name = places.lesson_of(solved).stem
        target = folder / "source" / name / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(assignment(solved), target)
        written.append(target)
    return written


def assignment(solved: Path) -> NotebookNode:
    """A solutions notebook as nbgrader's source: answers are cut out where it is handed out."""
    page = notebooks.read(solved)
    starts = [
        place
        for place, cell in enumerate(page.cells)
        if cell.cell_type == "markdown" and cell.source.startswith(EXERCISE)
    ]
    cells = page.cells[1 : starts[0]]
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], len(page.cells)]), 1):
        cells += _exercise(number, page.cells[start:end])
    title = nbformat.v4.new_markdown_cell(f"# {solved.stem.removesuffix('_solutions')}")
    made = nbformat.v4.new_notebook(cells=[title, *cells], metadata=page.metadata)
    for cell in notebooks.code_cells(made):
        cell.outputs, cell.execution_count = [], None
    return made


def _exercise(number: int, cells: list[NotebookNode]) -> list[NotebookNode]:
    """The text, the answer to be written, and the check, of one exercise."""
    checked = next(k for k, c in enumerate(cells) if CHECK in c.metadata.get("tags", []))
    check = cells[checked]
    code = [cell.source for cell in cells[:checked] if cell.cell_type == "code"]
    tried = next((k for k, source in enumerate(code) if _sets_answers_to_try(source)), len(code))
    answer = nbformat.v4.new_code_cell(SOLUTION.format("\n".join(code[:tried])))
    graded = nbformat.v4.new_code_cell(TEST.format(check=check.source))
    answer.metadata["nbgrader"] = _marks(f"answer-{number}", solution=True)
    graded.metadata["nbgrader"] = _marks(f"check-{number}", grade=True, points=POINTS)
    return [cells[0], answer, check, graded]


def _sets_answers_to_try(source: str) -> bool:
    """Whether a cell writes answers for the check to be tried on, which no learner needs: it names
    right and wrong ones, or holds code as text."""
    return any(
        (isinstance(node, ast.Name) and node.id.startswith(("right", "wrong")))
        or (isinstance(node, ast.Constant) and "\n" in str(node.value))
        for node in ast.walk(ast.parse(source))
    )


def _marks(name: str, grade: bool = False, solution: bool = False, points: int = 0) -> dict:
    """nbgrader's metadata of a cell (its schema, version 3)."""
    marks = {"schema_version": 3, "grade_id": name, "task": False}
    marks |= {"grade": grade, "solution": solution, "locked": grade}
    return marks | ({"points": points} if grade else {})
