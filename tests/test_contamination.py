"""Completion of rows by a language model: what is sent, and what is counted as right."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from utils.attacks.contamination import completed_rightly, sentence

ROWS = pd.DataFrame({"age": [30, 41, 52], "weight": [7001, 7002, 7003], "sex": ["F", "M", "F"]})
WRONG = [7002, 7003, 7001]


class Model:
    """Takes the value that it has read, else the first; keeps what it was asked."""

    def __init__(self, read: str = "", takes_grammar: bool = True):
        self.read, self.takes_grammar, self.asked = read, takes_grammar, []

    def continue_text(self, prompt, grammar, temperature):
        values = [part.strip().strip('"') for part in grammar.split("::=")[1].split("|")]
        return self._reply(prompt, values, temperature)

    def answer(self, messages, schema, temperature):
        reply = self._reply(messages, schema["enum"], temperature)
        return SimpleNamespace(text=json.dumps(reply.text))

    def _reply(self, prompt, values, temperature):
        self.asked.append(prompt)
        assert temperature == 0
        known = [value for value in values if value.strip(" .") in self.read + prompt]
        return SimpleNamespace(text=[*known, values[0]][0])


@pytest.mark.parametrize("takes_grammar", [True, False])
def test_a_model_that_has_read_the_rows_is_found(takes_grammar):
    reader = Model("7001", takes_grammar)
    assert completed_rightly(reader, ROWS, "weight", WRONG).tolist() == [True, True, False]


def test_a_row_shown_before_is_found_and_only_its_own_cell_is_left_out():
    model = Model()
    assert completed_rightly(model, ROWS, "weight", WRONG, shown=ROWS).all()
    first = "age is 30, sex is F, weight is"
    assert model.asked[0] == f"{first} 7001.\n{first}"


def test_a_model_that_knows_nothing_is_right_by_chance():
    rng = np.random.default_rng(0)
    values = rng.permutation(9_000)[:400] + 1_000
    rows = pd.DataFrame({"age": rng.integers(18, 90, 400), "weight": values})
    right = completed_rightly(Model(), rows, "weight", np.roll(values, 1))
    assert 0.4 < right.mean() < 0.6


def test_a_wrong_value_that_is_the_right_one_is_refused():
    with pytest.raises(ValueError, match="'weight', unlike its own"):
        completed_rightly(Model(), ROWS, "weight", [7001, 7003, 7001])
    with pytest.raises(ValueError, match="needs one wrong value"):
        completed_rightly(Model(), ROWS, "weight", [7002])


def test_a_row_as_a_sentence():
    assert sentence(ROWS.iloc[0]) == "age is 30, weight is 7001, sex is F"
