"""Promises about ``given=``: met in every row, by Bayes' rule, or refused with one clear error."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tests.contract import tables
from tests.contract.tables import APPS, PHONES, TABLES, assert_valid

CONDITIONS = {
    "category": {"app": "Netflix"},
    "integer": {"opened": 3},
    "float": {"minutes": TABLES["narrow"]["minutes"].dropna().iloc[0]},
    "date": {"day": pd.Timestamp("2024-02-10")},
    "date as text": {"day": "2024-02-10"},
    "date of the standard library": {"day": datetime.date(2024, 2, 10)},
    "boolean": {"used": True},
    "missing": {"minutes": None},
    "two at once": {"app": "X", "used": False},
    "category and number": {"app": "X", "minutes": 40.5},
    "number and missing": {"opened": 2, "minutes": np.nan},
    "number between the seen ones": {"minutes": 60.3},
    "everything": {"app": "X", "used": True, "opened": 4, "minutes": 30.1, "day": "2024-02-10"},
}
ENDS = "'minutes' runs from .* to .*"
REFUSED = {
    "unknown column": ({"colour": "red"}, "no column 'colour'.*The columns are: app, used"),
    "unseen category": ({"app": "Netflx"}, "'app' has no category 'Netflx'.*mean 'Netflix'"),
    "far category": ({"app": "Ωmega"}, "'app' has no category 'Ωmega'.*Known: Netflix, X"),
    "out of range": ({"opened": 99}, "'opened' runs from 0 to 8 in the training table; 99 lies"),
    "infinite": ({"minutes": np.inf}, "'minutes' holds number values; inf is none"),
    "between grid steps": ({"opened": 2.5}, "'opened' moves in steps of 1; 2.5 lies between"),
    "too many decimals": (
        {"minutes": 20.05},
        "'minutes' moves in steps of 0.1; 20.05 lies between",
    ),
    "between days": ({"day": "2024-02-10 12:00"}, "'day' moves in steps of 1.*12:00' lies between"),
    "text for a number": ({"opened": "many"}, "'opened' holds integer values; 'many' is none"),
    "text for a date": ({"day": "yesterday"}, "'day' holds date values; 'yesterday' is none"),
    "number for a date": ({"day": [2024]}, "'day' can be given one value, not .2024"),
    "several values": ({"app": ["X", "Netflix"]}, "'app' can be given one value"),
    "a dictionary": ({"app": {"X": 1}}, "'app' can be given one value"),
    "missing where never missing": ({"app": None}, "'app' had no missing values in training"),
    "not a mapping": ([("app", "X")], r"given must be a dictionary such as .*not \[\('app'"),
}
# The planted tables' schema allows these, and no training row has them.
UNSEEN = {
    "a category": ({"app": "ghost"}, "'app' has no category 'ghost' in the training table.*Known"),
    "a missing value": ({"phone": None}, "'phone' had no missing values in training"),
    "a number above": ({"minutes": 900.0}, ENDS + "in the training table; 900.0 lies outside"),
    "a number below": ({"minutes": -0.1}, ENDS + "in the training table; -0.1 lies outside"),
}
NEVER_TOGETHER = {"app": "a", "phone": "z"}
# Of the tiny table's numbers 0 and 90 one goes with each app, and none lies between them.
STRANGERS = {
    "two categories": {"app": "a", "phone": "z"},
    "a category and a number": {"app": "a", "minutes": 90},
    "a category and a missing number": {"app": "a", "opened": None},
    "a number that no row has": {"minutes": 45},
    "a category and a number that no row has": {"app": "b", "minutes": 45},
    "three cells": {"app": "b", "phone": "x", "minutes": 0, "opened": 12.5},
}
PROBE = 52.0
# What a method can count it is judged by as counted; a copula only knows correlations.
COUNTED = {"grouped": TABLES["grouped"], "ordered": tables.ordered_table(200_000, seed=9)}
BAYES = {
    "a category": {"phone": "y"},
    "a spike": {"minutes": 0.0},
    "a missing value": {"minutes": None},
    "a number": {"minutes": PROBE},
    "a category and a number": {"phone": "y", "minutes": PROBE},
}
ASKED = [(case, name) for case in BAYES for name in ("app", "phone") if name not in BAYES[case]]


def truth(planted: str, wanted: dict, name: str) -> np.ndarray:
    """Chances of the apps or phones given what is wanted: counted, and for a number computed."""
    table, values = COUNTED[planted], APPS if name == "app" else PHONES
    if wanted.get("minutes") == PROBE:
        return DENSITIES[planted](wanted, values)
    members = np.ones(len(table), dtype=bool)
    for other, value in wanted.items():
        members &= (table[other].isna() if value is None else table[other] == value).to_numpy()
    return shares(table.loc[members, name], values)


def shares(cells: pd.Series, values: np.ndarray) -> np.ndarray:
    return cells.value_counts(normalize=True).reindex(values).fillna(0).to_numpy()


def _grouped(wanted, values):
    """By Bayes' rule from the planted chances: app times phone times density of the minutes."""
    numbers = 1 - tables.MISSING - tables.ZERO
    density = norm.pdf(PROBE, tables.MEANS, tables.SPREADS)
    joint = (tables.SHARES * numbers * density)[:, None] * tables.PHONE_CHANCES
    if "phone" in wanted:
        joint = joint * (wanted["phone"] == PHONES)
    chances = joint.sum(axis=1 if values is APPS else 0)
    return chances / chances.sum()


def _ordered(wanted, values):
    """Scores that are normal with known correlations, given that of the minutes (and a phone's
    limits)."""
    rows = 400_000
    rng, r = np.random.default_rng(0), tables.CORRELATION
    first = r * (PROBE - 50) / 10 + np.sqrt(1 - r**2) * rng.standard_normal(rows)
    third = r * first + np.sqrt(1 - r**2) * rng.standard_normal(rows)
    place = {name: np.digitize(z, tables.CUTS) for name, z in (("app", first), ("phone", third))}
    kept = (PHONES[place["phone"]] == wanted["phone"]) if "phone" in wanted else np.ones(rows, bool)
    return np.bincount(place["app" if values is APPS else "phone"][kept], minlength=3) / kept.sum()


DENSITIES = {"grouped": _grouped, "ordered": _ordered}


class Conditions:
    """What ``given=`` asks for."""

    @pytest.mark.parametrize("case", CONDITIONS)
    def test_conditions_hold_in_every_row(self, fitted, case):
        wanted = CONDITIONS[case]
        synthetic = fitted("narrow").sample(40, given=wanted)
        assert_valid(synthetic, TABLES["narrow"], 40)
        for name, value in wanted.items():
            if pd.isna(value):
                assert synthetic[name].isna().all()
            else:
                expected = pd.Timestamp(value) if name == "day" else value
                assert (synthetic[name] == expected).all()

    def test_a_moment_may_be_given_in_its_own_time_zone(self, fitted):
        moment = TABLES["mixed"]["moment"].iloc[3]
        for value in (moment, moment.tz_localize(None), moment.tz_convert("UTC")):
            synthetic = fitted("mixed").sample(5, given={"moment": value})
            assert (synthetic["moment"] == moment).all()

    @pytest.mark.parametrize(("case", "name"), ASKED)
    def test_conditions_move_the_other_columns_by_bayes_rule(self, fitted, case, name):
        wanted = BAYES[case]
        synthetic = fitted(self.planted).sample(4_000, given=wanted)
        values = APPS if name == "app" else PHONES
        given = {} if self.independent else wanted
        expected = truth(self.planted, given, name)
        np.testing.assert_allclose(shares(synthetic[name], values), expected, atol=self.band)

    @pytest.mark.parametrize("app", APPS)
    def test_a_category_moves_a_number(self, fitted, app):
        table, synthetic = TABLES[self.planted], fitted(self.planted).sample(4_000, {"app": app})
        real = (table if self.independent else table[table["app"] == app])["minutes"]
        made = synthetic["minutes"]
        assert made.isna().mean() == pytest.approx(real.isna().mean(), abs=self.band)
        if self.independent:
            return
        assert (made == 0).mean() == pytest.approx((real == 0).mean(), abs=self.band)
        spread = real[real > 0].std()
        assert abs(made[made > 0].mean() - real[real > 0].mean()) < 3 * self.band * spread

    @pytest.mark.parametrize("case", REFUSED)
    def test_impossible_conditions_get_one_clear_error(self, fitted, case):
        wanted, message = REFUSED[case]
        with pytest.raises(ValueError, match=message):
            fitted("narrow").sample(5, given=wanted)

    @pytest.mark.parametrize("case", UNSEEN)
    def test_what_training_never_saw_is_refused_alike(self, fitted, case):
        wanted, message = UNSEEN[case]
        with pytest.raises(ValueError, match=message):
            fitted(self.planted).sample(5, given=wanted)

    def test_values_that_never_met_are_met(self, fitted):
        rows = fitted(self.planted).sample(5, given=NEVER_TOGETHER)
        assert (rows[list(NEVER_TOGETHER)] == pd.Series(NEVER_TOGETHER)).all(axis=None)

    @pytest.mark.parametrize("case", STRANGERS)
    def test_what_no_row_has_is_met_by_the_nearest_rows(self, fitted, case):
        wanted, table = STRANGERS[case], TABLES["strangers"]
        rows = fitted("strangers").sample(20, given=wanted)
        assert_valid(rows, table, 20)
        for name, value in wanted.items():
            assert (rows[name].isna() if value is None else rows[name] == value).all()
