"""Answers tried on the check of an exercise: right ones must pass, wrong ones be refused."""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
from collections.abc import Mapping

from IPython import get_ipython


def try_answers(right: Mapping[str, str], wrong: Mapping[str, str]) -> None:
    """Try each answer on the check in the code cell above, and print what the check says to it.

    The names of the notebook are as they were afterwards.

    right, wrong : {what the answer is: its code, as a learner would write it into the stub}.
    Raises AssertionError if the check refuses a right answer, passes a wrong one, or stops at one.
    """
    shell, this_cell = get_ipython(), sys._getframe(1).f_code.co_filename
    # Not the history ("In"): nbval keeps none. IPython keeps each cell's text by file name.
    above = [name for name in shell.compile._filename_map if name != this_cell][-1]
    judge_answers("".join(linecache.getlines(above)), shell.user_ns, right, wrong)


def judge_answers(
    check: str, namespace: Mapping[str, object], right: Mapping[str, str], wrong: Mapping[str, str]
) -> None:
    """The same for a check given as text, over the names that it needs."""
    faults = []
    for wanted, answers in (("passed", right), ("refused", wrong)):
        for name, code in answers.items():
            verdict, said = _said_to(check, namespace, code)
            print(f"{verdict:<7} · {name}: {said}")
            if verdict != wanted:
                faults.append(f"{name} ({verdict})")
    assert not faults, f"the check is wrong about: {', '.join(faults)}"


def must_pass(check: str) -> None:
    """Run a check on what this notebook holds; AssertionError with what it says unless it passes.

    For classes that grade: a check itself only prints.
    """
    verdict, said = _said_to(check, get_ipython().user_ns, "")
    assert verdict == "passed", said


def _said_to(check: str, namespace: Mapping[str, object], code: str) -> tuple[str, str]:
    """Verdict on one answer, and the last line that the check prints."""
    names, printed = dict(namespace), io.StringIO()
    exec(compile(code, "answer", "exec"), names)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(check, "check", "exec"), names)
    except Exception as error:
        return "stopped", f"{type(error).__name__}: {error}"
    said = printed.getvalue().strip().splitlines() or ["nothing"]
    return ("passed" if said[-1].startswith("pass") else "refused"), said[-1]
