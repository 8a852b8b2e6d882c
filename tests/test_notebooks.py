"""The house rules over every notebook that is found, and the proof that each rule can fail."""

from __future__ import annotations

import re
from collections.abc import Callable

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbval.plugin import get_sanitize_patterns

from utils.course import places
from utils.course.notebooks import Page
from utils.course.rules import (
    MAX_NOT_COMPARED,
    PAGE_RULES,
    broken_rules,
    comparison,
    copied_helpers,
    rules_for,
)

NOTEBOOKS = places.all_notebooks()
PNG = "iVBORw0KGgo="


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param(path, rule, id=f"{path.stem}-{rule.__name__}")
        for path in NOTEBOOKS
        for rule in rules_for(path)
    ],
)
def test_house_rule(path, rule):
    messages = list(rule(Page.read(path)))
    assert not messages, f"{path.name} breaks '{rule.__doc__}'\n" + "\n".join(messages)


def test_there_are_lessons():
    assert [places.number(path) for path in places.lessons()][:4] == ["00", "01", "02", "03"]


def test_every_notebook_is_a_lesson_or_its_solutions():
    strays = set(places.notebooks_folder().rglob("*.ipynb")) - set(NOTEBOOKS)
    assert not {path for path in strays if ".ipynb_checkpoints" not in path.parts}


def test_few_cells_are_left_out_of_the_comparison():
    excluded, cells = comparison(NOTEBOOKS).loc["all notebooks", ["left out", "cells"]]
    assert excluded <= MAX_NOT_COMPARED * cells, (
        f"{excluded} of {cells} code cells are not compared"
    )


def test_no_helper_is_copied_between_lessons():
    assert not copied_helpers(places.lessons())


def first_code(notebook: NotebookNode) -> NotebookNode:
    """A code cell that prints, in the middle of the lesson."""
    return next(
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.startswith("print(")
    )


def code(notebook: NotebookNode) -> list[NotebookNode]:
    """All code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def picture() -> NotebookNode:
    """A stored output that is a picture."""
    return new_output(
        "display_data", data={"image/png": PNG, "text/plain": "<Figure size 640x480 with 1 Axes>"}
    )


def replace_text(old: str, new: str) -> Callable[[NotebookNode], None]:
    """A way to break a notebook: other words in whichever cells hold these."""

    def apply(notebook: NotebookNode) -> None:
        assert any(old in cell.source for cell in notebook.cells)
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)

    return apply


def set_source(source: str) -> Callable[[NotebookNode], None]:
    """A way to break a notebook: another source in a code cell."""
    return lambda notebook: first_code(notebook).update(source=source)


def set_outputs(*outputs: NotebookNode) -> Callable[[NotebookNode], None]:
    """A way to break a notebook: other outputs in a code cell."""
    return lambda notebook: first_code(notebook).update(outputs=list(outputs))


def stdout(text: str) -> NotebookNode:
    """A stored output that is printed text."""
    return new_output("stream", name="stdout", text=text)


def long_median(notebook: NotebookNode) -> None:
    for cell in code(notebook)[1:]:
        cell.source += "\n#" * 6


def long_ninetieth(notebook: NotebookNode) -> None:
    for cell in code(notebook)[-3:]:
        cell.source += "\n#" * 14


def third_code_cell(notebook: NotebookNode) -> None:
    at = notebook.cells.index(first_code(notebook))
    notebook.cells[at:at] = [new_code_cell("print(1)"), new_code_cell("print(1)")]


def little_prose(notebook: NotebookNode) -> None:
    notebook.cells = [*notebook.cells, *[new_code_cell("1") for _ in range(20)]]


def figure_alone(notebook: NotebookNode) -> None:
    at = notebook.cells.index(first_code(notebook))
    notebook.cells[at].outputs = [picture(), stdout("3\n")]
    notebook.cells.insert(at + 1, new_code_cell("print(1)"))


def figure_without_numbers(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        cell.outputs = []
    first_code(notebook).outputs = [picture()]


def tag(name: str) -> Callable[[NotebookNode], None]:
    """A way to break a notebook: a tag without a reason."""
    return lambda notebook: first_code(notebook).metadata.update(tags=[name])


def drop_tag(name: str) -> Callable[[NotebookNode], None]:
    """A way to break a notebook: an exercise cell that has lost its tag."""
    return lambda notebook: next(
        cell for cell in code(notebook) if name in cell.metadata.get("tags", [])
    ).update(metadata={})


BREAKS = {
    "median of 7": long_median,
    "90 % longest code cell": long_ninetieth,
    "25 is the most": set_source("x = 1\n" * 26),
    "a line of 89 characters": set_source("x = " + "1" * 85),
    "third code cell in a row": third_code_cell,
    "prose cells per code cell": little_prose,
    "last cell is not prose": lambda notebook: notebook.cells.append(new_code_cell("1")),
    "400 is the most": lambda notebook: notebook.cells[0].update(
        source=notebook.cells[0].source + "x" * 400_000
    ),
    "execution counts are": lambda notebook: first_code(notebook).update(execution_count=99),
    "has no content": lambda notebook: notebook.cells.insert(5, new_markdown_cell(" ")),
    "stores stderr": set_outputs(new_output("stream", name="stderr", text="warning")),
    "stores an error": set_outputs(
        new_output("error", ename="ValueError", evalue="", traceback=[])
    ),
    "all equal: True': print the number": set_outputs(stdout("all equal: True\n")),
    "draws a figure but stores no PNG": set_source("figure, axes = plt.subplots()"),
    "without both axis labels": set_outputs(picture(), stdout("3")),
    "must say what to notice": figure_alone,
    "no cell beside it prints its numbers": figure_without_numbers,
    "not plain Python": set_source("!ls"),
    "star import": set_source("from numpy import *"),
    "silences warnings": set_source("import warnings\nwarnings.simplefilter('ignore')"),
    'uses sort_values without kind="stable"': set_source("table.sort_values('Usage')"),
    "Schema.infer(table[['Usage']]) sees the holdout": set_source(
        "train, holdout = split(table)\nschema = Schema.infer(table[['Usage']])"
    ),
    "screentime_schema(table) sees the holdout": set_source(
        "schema, parts = screentime_schema(table), split(table, random_state=0)"
    ),
    "absolute path": set_source("open('/" + "home/me/table.csv')"),
    "memory address": set_outputs(stdout("<Thing at 0x7f3b2c1d0a90>")),
    "shows a time": set_outputs(stdout("fitted in 3.2 s")),
    "gives no reason": tag("nbval-ignore-output"),
    "skipped or marked": tag("nbval-skip"),
    "marked by a comment": set_source("# NBVAL_IGNORE_OUTPUT\nprint(1)"),
    "30 to 90 are wanted": lambda notebook: notebook.cells.__delitem__(slice(3, 30)),
    "25 to 60 are wanted": replace_text(
        "A sentence says what the reader should think about the number that the next", "See the"
    ),
    "must begin '# 00": replace_text("# 00 · Does this lesson keep the rules?", "# 00 · Rules"),
    "needs the line '**Read**": replace_text("**Run** 1 min", "Run a minute"),
    "3 bullets, not 2": replace_text("\n- and a third", ""),
    "not the setup cell": lambda notebook: code(notebook)[0].update(source="import os"),
    "must hold the parameters": replace_text("ROWS = 10", "rows = 10"),
    "headings are not the spine in order": replace_text("## Fit", "## Train"),
    "one is wanted": replace_text("## Data", "# Data"),
    "Recap has no bullets": replace_text("- A sentence", "A sentence"),
    "5 are wanted": replace_text("5. What", "What"),
    "Next is empty": lambda notebook: notebook.cells[-1].update(source="## Next"),
    "2 exercises": replace_text("### Exercise 2", "### Another 2"),
    "no exercise is titled": replace_text("predict before you run", "guess"),
    "2 cells tagged exercise-stub": drop_tag("exercise-stub"),
    "2 cells tagged exercise-check": drop_tag("exercise-check"),
    "hints in <details>": lambda notebook: replace_text("<details>", "<div>")(notebook),
}


def test_the_model_lesson_keeps_every_rule(course):
    for path in places.all_notebooks(course):
        assert broken_rules(path) == []


@pytest.mark.parametrize("message", BREAKS)
def test_each_rule_of_a_lesson_can_fail(message, course, lesson):
    BREAKS[message](lesson)
    path = places.lessons(course)[0]
    nbformat.write(lesson, path)
    found = broken_rules(path)
    assert any(message in line for line in found), f"{message!r} not among {found}"


def test_a_missing_solutions_notebook_is_seen(course):
    lesson_path = places.lessons(course)[0]
    places.solution_of(lesson_path).unlink()
    assert any("is missing" in line for line in broken_rules(lesson_path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Exercise 2", "Exercise  2", "exercise text 2 differs"),
        ("guess_3 == 3", "guess_3 != 3", "check cell 3 differs"),
        ("### Exercise 1", "### First", "2 of the lesson's 3"),
    ],
)
def test_solutions_must_match_their_lesson(course, solution, old, new, message):
    replace_text(old, new)(solution)
    path = places.solutions(course)[0]
    nbformat.write(solution, path)
    assert any(message in line for line in broken_rules(path))


def test_a_stub_in_the_solutions_is_seen(course, solution):
    tag("exercise-stub")(solution)
    path = places.solutions(course)[0]
    nbformat.write(solution, path)
    assert any("still a stub" in line for line in broken_rules(path))


def test_an_answer_that_fails_its_own_check_is_seen(course, solution):
    check = [cell for cell in solution.cells if "exercise-check" in cell.metadata.get("tags", [])][
        1
    ]
    check.outputs = [new_output("stream", name="stdout", text="not yet: look again\n")]
    path = places.solutions(course)[0]
    nbformat.write(solution, path)
    assert any("own answer fails its check" in line for line in broken_rules(path))


def test_a_check_on_which_too_few_answers_are_tried_is_seen(course, solution):
    answers = [
        cell for cell in solution.cells if "exercise-answers" in cell.metadata.get("tags", [])
    ]
    answers[1].outputs[0].text = "passed  · it: pass\n" * 2 + "refused · another: not yet\n"
    answers[2].metadata = {}
    path = places.solutions(course)[0]
    nbformat.write(solution, path)
    broken = "\n".join(broken_rules(path))
    assert "tries 2 right and 1 wrong answers; 2 and 3 are wanted" in broken
    assert "is not followed by a cell tagged exercise-answers" in broken


def test_every_rule_says_what_it_wants():
    assert all(rule.__doc__ for rule in PAGE_RULES)


def test_a_copied_helper_is_seen(course, lesson):
    set_source("def double(x):\n    return 2 * x")(lesson)
    for name in ("00_rules", "01_more"):
        nbformat.write(lesson, course / "notebooks" / f"{name}.ipynb")
    assert copied_helpers(places.lessons(course)) == [
        "01_more.ipynb copies double() from 00_rules.ipynb; move it to utils"
    ]


def test_the_reach_of_the_comparison_is_counted(course, lesson):
    whole = comparison(places.all_notebooks(course)).loc["all notebooks"]
    set_outputs(picture())(lesson)
    code(lesson)[-1].metadata.tags = ["nbval-ignore-output"]
    nbformat.write(lesson, places.lessons(course)[0])
    table = comparison(places.all_notebooks(course))
    assert table.index.tolist() == ["00_rules", "00_rules_solutions", "all notebooks"]
    assert (table.loc["all notebooks"] - whole).to_dict() == {
        "cells": 0,
        "left out": 1,
        "outputs": 0,
        "compared": -2,
        "about": 0,
    }


def test_a_cell_that_says_about_is_counted_apart(course, lesson):
    before = comparison([places.lessons(course)[0]]).loc["00_rules"]
    set_outputs(new_output("stream", name="stdout", text="C2ST ≈ 0.57\n"))(lesson)
    nbformat.write(lesson, places.lessons(course)[0])
    after = comparison([places.lessons(course)[0]]).loc["00_rules"]
    assert (after - before).to_dict() == dict.fromkeys(before.index, 0) | {"about": 1}


SANITIZE = places.ROOT / "tests" / "sanitize.cfg"


@pytest.mark.parametrize(
    ("stored", "new", "same"),
    [
        ("C2ST ≈ 0.57", "C2ST ≈ 0.61", True),
        ("off by ≈ -3.5 %", "off by ≈ 12 %", True),
        ("rows   ≈ 10.6  ≈ 1,204", "rows    ≈ 9.9  ≈ 988", True),
        ("'gan': '≈0.5'", "'gan': '≈0.6'", True),
        ("C2ST 0.57", "C2ST 0.61", False),
        ("≈ 0.57 of 3", "≈ 0.57 of 4", False),
        ("gan ≈ 0.57", "vae ≈ 0.57", False),
        ("C2ST ≈ 0.57", "C2ST ≈ nan", False),
    ],
)
def test_only_a_number_after_about_is_left_out_of_the_comparison(stored, new, same):
    (pattern,) = get_sanitize_patterns(SANITIZE.read_text(encoding="utf-8"))
    assert (re.sub(*pattern, stored) == re.sub(*pattern, new)) == same


def test_the_tests_sanitise_what_follows_about():
    makefile = (places.ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"--nbval-sanitize-with {SANITIZE.relative_to(places.ROOT)}" in makefile
