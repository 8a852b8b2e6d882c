"""Normal scores: bell curves by known answers, ranges, values that nobody had, groups, files."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

from utils import saving
from utils.encoding.scores import END, GroupedScores, NormalScores
from utils.encoding.spikes import find_piles, find_spikes

RNG = np.random.default_rng(0)
SMOOTH = {
    "whole numbers": (RNG.poisson(20, 3000).astype(float), 1.0),
    "many whole numbers": (np.rint(RNG.lognormal(6, 0.5, 5000)), 1.0),
    "one decimal": (np.round(RNG.gamma(2, 20, 5000), 1), 0.1),
    "continuous": (RNG.normal(50, 9, 4000), 0.0),
}
ODD = {
    "one row": ([0.25], 0.0),
    "two rows": ([1.0, 2.0], 0.0),
    "constant": ([3.0] * 50, 1.0),
    "zero inflated": ([0.0] * 50 + [1e30], 0.0),
    "tiny": (list(np.arange(30) * 1e-310), 0.0),
    "heavy tails": (list(np.random.default_rng(1).standard_cauchy(4000)), 0.0),
    "far ends": ([-9e18, 0.0, 9e18] * 10, 1.0),
}


def of(values, step=0.0):
    return NormalScores.fit(np.array(values, dtype=float), step)


# --- one column ---


def test_scores_of_a_bell_curve_are_its_deviations():
    scores = of(np.random.default_rng(0).normal(50, 7, 4_000))
    found = scores.transform(np.array([50.0, 57.0, 36.0]), np.random.default_rng(1))
    np.testing.assert_allclose(found, [0, 1, -2], atol=0.1)
    np.testing.assert_allclose(scores.inverse(np.array([0.0, 1, -2])), [50, 57, 36], atol=0.7)


@pytest.mark.parametrize("case", SMOOTH)
def test_scores_are_about_standard_normal(case):
    values, step = SMOOTH[case]
    scores = of(values, step).transform(values, np.random.default_rng(2))
    assert scores.dtype == np.float32
    assert kstest(scores, norm.cdf).statistic < 0.04


@pytest.mark.parametrize("case", SMOOTH)
def test_normal_noise_through_the_inverse_has_the_distribution_of_the_column(case):
    values, step = SMOOTH[case]
    drawn = of(values, step).inverse(np.random.default_rng(3).normal(size=20_000))
    assert kstest(drawn, values + (RNG.random(len(values)) - 0.5) * step).statistic < 0.04


@pytest.mark.parametrize("case", [name for name, (_, step) in SMOOTH.items() if step])
def test_values_on_a_grid_come_back_from_their_scores(case):
    values, step = SMOOTH[case]
    inner = values[(values > np.quantile(values, 0.02)) & (values < np.quantile(values, 0.98))]
    scores = of(values, step)
    back = scores.inverse(scores.transform(inner, np.random.default_rng(1)))
    np.testing.assert_allclose(back, inner, atol=0.51 * step, rtol=1e-6)


def test_a_value_spreads_over_its_step_and_no_further():
    scores = of(np.repeat(np.arange(10.0), 100), 1.0)
    found = scores.transform(np.full(4_000, 4.0), np.random.default_rng(0))
    ends = np.interp([3.5, 4.5], scores.values, np.linspace(-4, 4, 257))
    np.testing.assert_allclose([found.min(), found.max()], ends, atol=0.01)


def test_equal_values_spread_over_their_step_in_fit_too():
    ends = of(np.repeat([0.0, 1.0], 50), 1.0).values[[0, -1]]
    np.testing.assert_allclose(ends, [-0.5, 1.5], atol=0.02)
    assert of(np.repeat([0.0, 1.0], 50)).values[[0, -1]].tolist() == [0, 1]


def test_quantiles_are_smoothed_over_a_third_of_the_distance_between_knots():
    rows = 4_000
    bell = norm.ppf((np.arange(rows) + 0.5) / rows)
    distance = 2 * norm.ppf(1 - 0.25 / rows) / 7  # of 8 knots; the fifth lies half of it above 0
    scores = of(np.maximum(bell - distance / 2, 0))
    # the mean of the part above a kink, by a bell curve around it
    expected = distance / 3 / np.sqrt(2 * np.pi)
    assert scores.inverse(np.array([distance / 2]))[0] == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("count", "found"), [(30, []), (31, [4])])
def test_a_spike_has_more_than_three_times_the_rows_of_its_neighbours(count, found):
    values = np.repeat(np.arange(9.0), [10, 10, 10, 10, count, 10, 10, 10, 10])
    assert find_spikes(values).tolist() == found


@pytest.mark.parametrize(
    ("place", "found"), [(2, []), (3, []), (5, []), (6, []), (1, [4]), (7, [4])]
)
def test_the_neighbours_of_a_spike_are_the_two_on_either_side(place, found):
    counts = np.full(9, 10)
    counts[[4, place]] = 45, 15
    assert find_spikes(np.repeat(np.arange(9.0), counts)).tolist() == found


def test_a_value_that_nobody_happened_to_have_comes_back():
    values = np.random.default_rng(0).poisson(20, 2_000).astype(float)
    drawn = of(values[values != 20], 1.0).inverse(np.random.default_rng(1).normal(size=4_000))
    assert (np.rint(drawn) == 20).mean() == pytest.approx((values == 20).mean(), abs=0.03)


@pytest.mark.parametrize("case", ODD)
def test_scores_of_odd_numbers_stay_in_their_range(case):
    values, step = ODD[case]
    scores = of(values, step)
    assert np.isfinite(scores.transform(np.array(values), np.random.default_rng(0))).all()
    drawn = scores.inverse(np.linspace(-9, 9, 101))
    assert np.isfinite(drawn).all()
    assert drawn.min() >= min(values) - step / 2
    assert drawn.max() <= max(values) + step / 2


def test_quantiles_never_fall():
    for values, step in (*SMOOTH.values(), *ODD.values()):
        assert (np.diff(of(values, step).values) >= 0).all()


def test_the_largest_value_is_as_far_from_the_middle_as_the_smallest():
    scores = of(np.arange(25.0), 1.0).transform(np.array([0.0, 24.0]), np.random.default_rng(0))
    assert scores[0] == pytest.approx(-scores[1], abs=0.1) and 1.7 < scores[1] < 3


def test_nothing_lies_between_piles_that_hold_all_rows():
    values = np.repeat([0.0, 100.0], [30, 70])
    scores = NormalScores.fit(values, 1.0, piles=True, apart=(0, 100))
    drawn = scores.inverse(np.random.default_rng(0).normal(size=2_000))
    assert 0.25 < np.mean(drawn == 0) < 0.35 and np.mean((drawn > 0) & (drawn < 100)) < 0.02


def test_rows_not_seen_in_fit_get_the_outermost_scores():
    scores = of(np.arange(100.0), 1.0)
    found = scores.transform(np.array([-50.0, 1e9]), np.random.default_rng(0))
    assert found.tolist() == [-4, 4]


# --- groups ---


def grouped():
    groups = np.repeat([0, 1, 2], [500, 400, 9])
    values = np.concatenate([RNG.normal(10, 2, 500), RNG.normal(500, 90, 400), np.arange(9)])
    return np.rint(values), groups


def test_large_groups_have_scores_of_their_own_and_small_ones_the_pooled():
    values, groups = grouped()
    scores = GroupedScores.fit(values, groups, 1.0)
    assert sorted(scores.within) == [0, 1]
    found = scores.transform(values, groups, np.random.default_rng(0))
    for group in (0, 1):
        assert kstest(found[groups == group], norm.cdf).statistic < 0.06
    pooled = scores.pooled.inverse(np.linspace(-2, 2, 5))
    for unknown in (2, 77, -1):
        drawn = scores.inverse(np.linspace(-2, 2, 5), np.full(5, unknown))
        np.testing.assert_array_equal(drawn, pooled)


def test_values_come_back_by_their_group_whatever_the_order_of_the_rows():
    values, groups = grouped()
    order = np.random.default_rng(5).permutation(len(values))
    values, groups = values[order], groups[order]
    scores = GroupedScores.fit(values, groups, 1.0)
    found = scores.transform(values, groups, np.random.default_rng(0))
    inner = np.abs(found) < 2
    back = scores.inverse(found, groups)
    np.testing.assert_allclose(back[inner], values[inner], atol=0.51)


def test_no_draw_leaves_the_range_of_its_group():
    values, groups = grouped()
    scores = GroupedScores.fit(values, groups, 1.0)
    for group in (0, 1):
        own = values[groups == group]
        drawn = scores.inverse(np.linspace(-9, 9, 201), np.full(201, group))
        assert drawn.min() >= own.min() - 0.5
        assert drawn.max() <= own.max() + 0.5


def test_scores_survive_a_file(tmp_path):
    values, step = SMOOTH["one decimal"]
    scores = GroupedScores.fit(values, np.arange(len(values)) % 2, step)
    saving.write(tmp_path / "scores", {"scores": scores})
    loaded = saving.read(tmp_path / "scores")["scores"]
    noise, groups = np.random.default_rng(0).normal(size=100), np.arange(100) % 2
    np.testing.assert_array_equal(loaded.inverse(noise, groups), scores.inverse(noise, groups))


def test_a_pile_keeps_its_share_and_its_value():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(4_000) < 0.3, 0.0, np.rint(rng.gamma(2, 20, 4_000)) + 5)
    scores = NormalScores.fit(values, 1.0, piles=True)
    assert scores.piles.tolist() == [0] and scores.shares[0] == pytest.approx(np.mean(values == 0))
    found = scores.transform(values, np.random.default_rng(1))
    assert kstest(found, norm.cdf).statistic < 0.03
    np.testing.assert_array_equal(np.rint(scores.inverse(found)), values)
    drawn = scores.inverse(np.random.default_rng(2).normal(size=20_000))
    assert np.mean(drawn == 0) == pytest.approx(np.mean(values == 0), abs=0.01)
    assert not np.any((drawn > 0.5) & (drawn < 4.5))


def test_a_pile_at_an_end_can_have_a_score_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(4_000) < 0.3, 0.0, np.rint(rng.gamma(2, 20, 4_000)) + 5)
    for sign in (1, -1):
        scores = NormalScores.fit(sign * values, 1.0, piles=True, apart=[0.0])
        found = scores.transform(sign * values, np.random.default_rng(1))
        apart = sign * found[values == 0]
        assert apart.max() < -END and np.ptp(apart) == 0
        assert kstest(found[values > 0], norm.cdf).statistic < 0.03
        np.testing.assert_array_equal(np.rint(scores.inverse(found)), sign * values)


def test_a_column_of_one_value_comes_back_when_its_pile_stands_apart():
    scores = NormalScores.fit(np.full(20, 7.0), piles=True, apart=[7.0])
    assert (scores.inverse(scores.transform(np.full(5, 7.0), np.random.default_rng(0))) == 7).all()
    assert (scores.inverse(np.linspace(-5, 5, 11)) == 7).all()


def test_a_pile_in_the_middle_takes_the_middle_of_the_curve():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(3_000) < 0.4, 5.0, rng.normal(5, 2, 3_000))
    found = NormalScores.fit(values, piles=True).transform(values, rng)
    at, below, above = (found[part] for part in (values == 5, values < 5, values > 5))
    assert below.max() <= at.min() and at.max() <= above.min()
    assert norm.cdf(at.min()) == pytest.approx(np.mean(values < 5), abs=0.02)


def test_the_ends_are_piles_where_their_neighbours_are_as_many():
    values = np.repeat([0.0, 1, 2, 3, 4], [10, 12, 40, 12, 10])
    assert find_spikes(values).tolist() == [2] and find_piles(values).tolist() == [0, 2, 4]
    few = np.append(values, np.repeat([-1.0, 9.0], 2))
    assert find_piles(few).tolist() == [2], "an end that few rows hold is no pile"


def test_missing_rows_do_not_count_against_a_spike():
    values = np.append(np.repeat(7.0, 6), np.arange(20, 114) / 2)  # 6 of 100 rows with a value
    assert find_spikes(values).tolist() == find_spikes(np.append(values, [np.nan] * 50)).tolist()
    assert find_spikes(values).tolist() == [7]


def test_one_row_at_an_end_of_a_small_group_is_no_pile():
    assert find_piles(np.arange(12.0)).tolist() == []
    assert find_piles(np.array([0, 0, 0, *np.arange(3.0, 40)])).tolist() == [0]
