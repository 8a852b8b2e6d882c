"""Promises about scikit-learn's conventions: parameters, seeds, silence."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.contract.tables import TABLES
from utils.synthesizers import Synthesizer

NO_SEEDS = {
    "a generator": np.random.default_rng(0),
    "a random state": np.random.RandomState(0),
    "a float": 1.0,
    "a negative number": -1,
    "a truth": True,
    "text": "0",
}


class Conventions:
    """What a user of scikit-learn expects."""

    def test_constructor_only_stores(self, fitted):
        synthesizer = self.make(random_state=7)
        names = list(inspect.signature(type(synthesizer).__init__).parameters)[1:]
        assert synthesizer.get_params() == {name: getattr(synthesizer, name) for name in names}
        assert set(vars(synthesizer)) == set(names)
        assert set(vars(clone(fitted("narrow")))) == set(names)

    def test_fit_returns_itself_and_leaves_table_and_parameters_alone(self, capfd):
        table = TABLES["three rows"].copy(deep=True)
        synthesizer = self.make()
        parameters = synthesizer.get_params()
        assert synthesizer.fit(table) is synthesizer
        assert synthesizer.get_params() == parameters
        pd.testing.assert_frame_equal(table, TABLES["three rows"])

    def test_parameters_set_after_a_fit_wait_for_the_next(self, fitted, tmp_path):
        fitted("narrow").save(tmp_path / "model")
        synthesizer, expected = Synthesizer.load(tmp_path / "model"), fitted("narrow").sample(40)
        later = set(synthesizer.get_params()) - set(synthesizer.how_to_sample)
        synthesizer.set_params(**dict.fromkeys(later))
        pd.testing.assert_frame_equal(synthesizer.sample(40), expected)
        synthesizer.save(tmp_path / "again")
        loaded = Synthesizer.load(tmp_path / "again")
        pd.testing.assert_frame_equal(loaded.sample(40), expected)
        kept = {name for name in later if name not in synthesizer.not_saved}
        parameters = fitted("narrow").get_params()
        assert {name: loaded.get_params()[name] for name in kept} == {
            name: parameters[name] for name in kept
        }

    def test_unfitted_is_refused(self, tmp_path):
        with pytest.raises(NotFittedError):
            self.make().sample(3)
        with pytest.raises(NotFittedError):
            self.make().save(tmp_path / "model")

    def test_same_seed_same_rows(self, fitted, capfd):
        again = self.make().fit(TABLES["mixed"])
        pd.testing.assert_frame_equal(again.sample(50), fitted("mixed").sample(50))
        pd.testing.assert_frame_equal(again.sample(50), fitted("mixed").sample(50))

    def test_nothing_is_printed(self, capfd):
        self.make(random_state=None).fit(TABLES["three rows"]).sample(30)
        assert capfd.readouterr() == ("", "")

    def test_another_seed_gives_other_rows(self, fitted):
        first = fitted("narrow").sample(50)
        assert not first.equals(fitted("narrow").sample(50, random_state=4))
        assert not first.equals(self.make(random_state=4).fit(TABLES["narrow"]).sample(50))

    def test_no_seed_gives_other_rows_each_time(self, fitted):
        synthesizer = copy.copy(fitted("narrow")).set_params(random_state=None)
        assert not synthesizer.sample(50).equals(synthesizer.sample(50))

    def test_global_random_state_is_left_alone(self):
        np.random.seed(11)
        before = np.random.get_state()[1].copy()
        self.make().fit(TABLES["three rows"]).sample(20)
        assert np.array_equal(np.random.get_state()[1], before)

    @pytest.mark.parametrize("case", NO_SEEDS)
    def test_what_is_no_seed_is_refused_and_the_fit_stays(self, fitted, case):
        before = fitted("narrow").sample(9)
        synthesizer = copy.copy(fitted("narrow")).set_params(random_state=NO_SEEDS[case])
        with pytest.raises(ValueError, match="random_state must be a whole number of 0 or more"):
            synthesizer.fit(TABLES["mixed"])
        pd.testing.assert_frame_equal(synthesizer.set_params(random_state=0).sample(9), before)
        with pytest.raises(ValueError, match="random_state must be a whole number of 0 or more"):
            synthesizer.sample(9, random_state=NO_SEEDS[case])
