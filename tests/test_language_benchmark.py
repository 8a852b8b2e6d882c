"""The stored rows of a language model on the board, and its completions: whole and plausible."""

from __future__ import annotations

import pytest

from tests.benchmarks import language
from tests.benchmarks.freshness import older_rows
from utils.results import load_results

STORED = load_results(language.LANGUAGE)


def figure(experiment: str, name: str):
    found = STORED[(STORED["experiment"] == experiment) & (STORED["figure"] == name)]
    return found.groupby("line")["value"].mean()


def test_stored_figures_are_whole_and_of_this_code():
    assert not STORED.duplicated(language.COLUMNS[:4]).any()
    assert older_rows(language.LANGUAGE) == ""
    stored = set(STORED[language.COLUMNS[:3]].itertuples(index=False, name=None))
    assert stored == set(language.tasks())


def test_the_model_keeps_the_form_copies_nothing_and_learns_no_table():
    assert (figure(language.BOARD, "valid")[list(language.OPTIONS)] == 1).all()
    assert (figure(language.BOARD, "c2st")[[language.HYBRID, language.MANY]] > 0.85).all()
    assert figure(language.BOARD, "copies")[language.HYBRID] == 0


def test_only_rows_that_were_shown_are_completed():
    right = figure(language.CONTAMINATION, "right") / figure(language.CONTAMINATION, "rows")
    assert right["final_weight of shown before"] > 0.9
    for rows in (language.REAL, language.NEW):
        assert right[f"final_weight of {rows}"] == pytest.approx(0.5, abs=0.15)


def test_a_line_of_older_code_is_outdated():
    table = STORED.assign(source=["x0", *STORED["source"][1:]])
    assert language.outdated(table).tolist() == [True] + [False] * (len(table) - 1)
