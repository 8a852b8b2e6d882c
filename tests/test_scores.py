"""Normal scores: known shares, exact returns, tails, groups."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

from utils import saving
from utils.encoding.scores import GroupedScores, NormalScores

RNG = np.random.default_rng(0)
TABLES = {
    "whole numbers": (RNG.poisson(6, 3000).astype(float), 1.0),
    "zero inflated": (np.where(RNG.random(3000) < 0.9, 0.0, RNG.integers(1, 99_999, 3000)), 1.0),
    "many whole numbers": (np.rint(RNG.lognormal(12, 1, 5000)), 1.0),
    "one decimal": (np.round(RNG.gamma(2, 20, 5000), 1), 0.1),
    "continuous": (RNG.normal(50, 9, 4000), 0.0),
    "heavy tails": (RNG.standard_cauchy(4000), 0.0),
    "a spike in a continuum": (np.where(RNG.random(4000) < 0.3, 7.5, RNG.normal(size=4000)), 0.0),
    "constant": (np.full(50, 3.0), 1.0),
    "one row": (np.array([0.25]), 0.0),
    "far ends": (np.array([-9e18, 0.0, 9e18] * 10), 1.0),
}


@pytest.mark.parametrize("case", TABLES)
def test_values_come_back(case):
    values, step = TABLES[case]
    scores = NormalScores.fit(values, step)
    back = scores.inverse(scores.transform(values, np.random.default_rng(1)))
    assert back.min() >= values.min() and back.max() <= values.max()
    if len(np.unique(values)) <= 256:
        np.testing.assert_array_equal(back, values)
    elif (
        step
    ):  # a float32 score cannot tell apart neighbours that share one ten-millionth of the rows
        assert (np.abs(back - values) < 0.5 * step).mean() > 0.98
        np.testing.assert_allclose(back, values, rtol=1e-5, atol=0.5 * step)
    else:
        inner = np.abs(scores.transform(values, np.random.default_rng(1))) < 2
        spread = np.diff(np.quantile(values, [0.05, 0.95]))[0]
        assert np.abs(back - values)[inner].max() < 0.001 * spread
        assert set(back[values == 7.5]) <= {7.5}


@pytest.mark.parametrize("case", TABLES)
def test_scores_are_standard_normal(case):
    values, step = TABLES[case]
    repeated = np.tile(values, 4_000 // len(values) + 1)
    scores = NormalScores.fit(values, step).transform(repeated, np.random.default_rng(2))
    assert scores.dtype == np.float32 and np.isfinite(scores).all()
    assert kstest(scores, norm.cdf).statistic < 0.025
    assert np.abs(scores).max() < 6


def test_a_value_owns_the_score_interval_of_its_share():
    scores = NormalScores.fit(np.array([0.0] * 5 + [1.0] * 3 + [2.0] * 2), 1.0)
    edges = norm.ppf([0.5, 0.8])
    probe = np.array([-9, edges[0] - 1e-3, edges[0] + 1e-3, edges[1] - 1e-3, edges[1] + 1e-3, 9])
    assert scores.inverse(probe).tolist() == [0, 0, 1, 1, 2, 2]


def test_normal_noise_through_the_inverse_has_the_distribution_of_the_column():
    values, step = TABLES["zero inflated"]
    drawn = NormalScores.fit(values, step).inverse(np.random.default_rng(3).normal(size=40_000))
    assert abs((drawn == 0).mean() - (values == 0).mean()) < 0.01
    assert abs(drawn[drawn > 0].mean() / values[values > 0].mean() - 1) < 0.03
    assert drawn.min() == values.min() and drawn.max() == values.max()


def test_few_knots_are_kept():
    scores = NormalScores.fit(TABLES["heavy tails"][0], most=64)
    assert len(scores.values) <= 96
    frequent = NormalScores.fit(TABLES["a spike in a continuum"][0], most=64)
    assert 7.5 in frequent.values


def test_rows_not_seen_in_fit_stay_in_range():
    scores = NormalScores.fit(np.array([1.0, 4.0, 4.0, 9.0]), 1.0)
    back = scores.inverse(
        scores.transform(np.array([-5.0, 2.0, 4.0, 6.0, 30.0]), np.random.default_rng(0))
    )
    assert back[0] == 1 and back[2] == 4 and back[-1] == 9
    assert ((back >= 1) & (back <= 9)).all()


def test_groups_are_normal_one_by_one_and_come_back():
    groups = np.repeat([0, 1, 7], [500, 400, 10])
    values = np.rint(
        np.concatenate([RNG.normal(10, 2, 500), RNG.normal(500, 90, 400), np.arange(10)])
    )
    scores = GroupedScores.fit(values, groups, 1.0)
    assert sorted(scores.own) == [0, 1]
    found = scores.transform(values, groups, np.random.default_rng(0))
    for group in (0, 1):
        assert kstest(found[groups == group], norm.cdf).statistic < 0.06
    np.testing.assert_array_equal(np.rint(scores.inverse(found, groups)), values)
    drawn = scores.inverse(np.random.default_rng(1).normal(size=2000), np.full(2000, 1))
    assert drawn.min() >= values[groups == 1].min()


def test_scores_survive_a_file(tmp_path):
    values, step = TABLES["one decimal"]
    scores = GroupedScores.fit(values, np.arange(len(values)) % 2, step)
    saving.write(tmp_path / "scores", {"scores": scores})
    loaded = saving.read(tmp_path / "scores")["scores"]
    noise, groups = np.random.default_rng(0).normal(size=100), np.arange(100) % 2
    np.testing.assert_array_equal(loaded.inverse(noise, groups), scores.inverse(noise, groups))
