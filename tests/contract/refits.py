"""Promises about a second fit: nothing of the first is left, unless the second was refused."""

from __future__ import annotations

import copy

import pandas as pd
import pytest

from tests.contract.tables import TABLES
from utils.schema import Schema, TableError

UNUSABLE = {
    "no rows": (TABLES["narrow"].head(0), None),
    "of another schema": (TABLES["narrow"], Schema.infer(TABLES["narrow"].assign(opened=1))),
}


class Refits:
    """What fitting again does."""

    def test_a_second_fit_leaves_nothing_of_the_first(self, fitted):
        synthesizer = copy.copy(fitted("mixed"))
        synthesizer.sample(3)  # what is compiled for sampling is there
        synthesizer.fit(TABLES["narrow"])
        for given in ({}, {"app": "X"}, {"minutes": 40.5}):
            pd.testing.assert_frame_equal(
                synthesizer.sample(40, given), fitted("narrow").sample(40, given)
            )
        assert set(vars(synthesizer)) == set(vars(fitted("narrow")))

    @pytest.mark.parametrize("case", UNUSABLE)
    def test_an_unusable_table_leaves_the_earlier_fit_whole(self, fitted, case):
        table, schema = UNUSABLE[case]
        synthesizer, expected = copy.copy(fitted("narrow")), fitted("narrow").sample(40)
        with pytest.raises(TableError):
            synthesizer.fit(table, schema)
        pd.testing.assert_frame_equal(synthesizer.sample(40), expected)

    def test_a_bad_parameter_leaves_the_earlier_fit_whole(self, fitted):
        name, value = self.bad
        synthesizer, expected = copy.copy(fitted("narrow")), fitted("narrow").sample(40)
        good = synthesizer.get_params()[name]
        with pytest.raises(ValueError, match=name):
            synthesizer.set_params(**{name: value}).fit(TABLES["mixed"])
        pd.testing.assert_frame_equal(synthesizer.set_params(**{name: good}).sample(40), expected)

    def test_a_display_or_a_checkpoint_that_is_none_leaves_the_earlier_fit_whole(self, fitted):
        synthesizer, expected = copy.copy(fitted("narrow")), fitted("narrow").sample(40)
        for name, value in {"progress": "bars", "checkpoint": 5}.items():
            if name not in synthesizer.get_params():
                continue
            good = synthesizer.get_params()[name]
            with pytest.raises(ValueError, match=name):
                synthesizer.set_params(**{name: value}).fit(TABLES["mixed"])
            assert synthesizer.set_params(**{name: good}).sample(40).equals(expected)

    def test_an_interrupted_fit_leaves_the_earlier_one_whole(self, fitted, monkeypatch):
        """Ctrl-C before anything was learned: nothing half-made is left to sample or save."""
        synthesizer = copy.copy(fitted("narrow"))
        before = synthesizer.sample(20)

        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(type(synthesizer), "_fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            synthesizer.fit(TABLES["grouped"])
        pd.testing.assert_frame_equal(synthesizer.sample(20), before)
