"""The trial of answers: it must see a check that is wrong."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from utils.course.answers import judge_answers, try_answers

CHECK = 'print("pass" if guess == wanted else "not yet: guess the number")'


def test_verdicts_and_what_the_check_says_are_printed(capsys):
    names = {"wanted": 3, "guess": 3}
    judge_answers(CHECK, names, {"a sum": "guess = 1 + 2"}, {"the stub": "guess = None"})
    assert capsys.readouterr().out == (
        "passed  · a sum: pass\nrefused · the stub: not yet: guess the number\n"
    )
    assert names == {"wanted": 3, "guess": 3}


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ({"two": "guess = 2"}, {}, r"two \(refused\)"),
        ({}, {"three": "guess = 3"}, r"three \(passed\)"),
    ],
)
def test_a_check_that_is_wrong_about_an_answer_is_seen(right, wrong, message):
    with pytest.raises(AssertionError, match=message):
        judge_answers(CHECK, {"wanted": 3}, right, wrong)


def test_a_check_that_stops_is_seen(capsys):
    with pytest.raises(AssertionError, match=r"a word \(stopped\)"):
        judge_answers("print('pass' if guess < 3 else 'not yet')", {}, {}, {"a word": "guess = ''"})
    assert "stopped · a word: TypeError" in capsys.readouterr().out


def test_a_function_sees_the_names_of_the_notebook(capsys):
    check = "print('pass' if double(wanted) == 6 else 'not yet')"
    code = "def double(x):\n    return x + wanted"
    judge_answers(check, {"wanted": 3}, {"a function": code}, {})
    assert capsys.readouterr().out == "passed  · a function: pass\n"


def test_in_a_notebook_the_check_is_the_cell_above(capsys):
    """Also where no history is kept, as under nbval."""
    shell = InteractiveShell.instance()
    shell.run_cell("wanted, guess = 3, 3", store_history=False)
    shell.run_cell(CHECK, store_history=False)
    shell.user_ns["try_answers"] = try_answers
    result = shell.run_cell(
        "try_answers({'three': 'guess = 3'}, {'two': 'guess = 2'})", store_history=False
    )
    InteractiveShell.clear_instance()
    result.raise_error()
    assert "refused · two: not yet" in capsys.readouterr().out
