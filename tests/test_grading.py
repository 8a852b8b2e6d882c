"""The exercises in nbgrader's form: worked answers pass their graded checks, stubs do not."""

from __future__ import annotations

import re

import pytest

from utils.course import notebooks, places
from utils.course.grading import assignment, write_assignments
from utils.course.run import LessonFailed, execute

ANSWER = re.compile(r"(?s)### BEGIN SOLUTION\n.*\n### END SOLUTION")


def marked(page, key):
    """The cells that nbgrader knows as solutions, or as graded tests."""
    return [c for c in page.cells if c.metadata.get("nbgrader", {}).get(key)]


@pytest.fixture
def page():
    """The exercises of lesson 00, the first alone."""
    made = assignment(places.solutions()[0])
    third = marked(made, "grade")[0]
    made.cells = made.cells[: made.cells.index(third) + 1]
    return made


def test_a_worked_answer_passes(page, tmp_path):
    execute(page, places.notebooks_folder() / "solutions" / "probe.ipynb", timeout=120)


def test_an_answer_that_is_cut_out_fails(page):
    (cell,) = marked(page, "solution")
    cell.source = ANSWER.sub("guess = None", cell.source)
    with pytest.raises(LessonFailed, match=r"(?s)AssertionError.*: not yet: write a number"):
        execute(page, places.notebooks_folder() / "solutions" / "probe.ipynb", timeout=120)


def test_every_lesson_has_three_answers_and_three_graded_checks(tmp_path):
    written = write_assignments(tmp_path)
    assert [path.stem for path in written] == [path.stem for path in places.lessons()]
    for path in written:
        made = notebooks.read(path)
        answers, checks = marked(made, "solution"), marked(made, "grade")
        assert len(answers) == len(checks) == 3, path.name
        for cell in answers:
            assert ANSWER.fullmatch(cell.source) and "wrong" not in cell.source, path.name
        names = [c.metadata["nbgrader"]["grade_id"] for c in (*answers, *checks)]
        assert len(set(names)) == 6
        assert not any(cell.outputs for cell in notebooks.code_cells(made))
