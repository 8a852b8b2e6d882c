"""Known answers for the mixtures: what was planted is found, conditions follow the closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

from utils.encoding.spikes import find_spikes
from utils.schema import Schema
from utils.synthesizers import MixtureSynthesizer
from utils.synthesizers.draws import draw_from_tables
from utils.synthesizers.mixture.gaussian import Mixture, states
from utils.synthesizers.mixture.latent_class import fit_latent_classes, share_of_classes

pytestmark = pytest.mark.filterwarnings("error")


# --- latent classes ---


def planted_classes(rows: int = 4000, seed: int = 0):
    """Codes (rows, 6) of two classes, 30 % and 70 %, with tables that differ in every column."""
    rng = np.random.default_rng(seed)
    tables = np.array([[0.9, 0.05, 0.05], [0.1, 0.2, 0.7]])
    member = (rng.random(rows) < 0.7).astype(int)
    return np.column_stack([draw_from_tables(tables, member, rng) for _ in range(6)]), tables


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("classes", [1, 2, 7, 60])
def test_likelihood_never_falls(classes, smoothing):
    codes, _ = planted_classes(500)
    history = fit_latent_classes(
        codes, np.array([3] * 6), classes, np.random.default_rng(1), 40, smoothing, np.float64
    )[2]
    assert len(history) == 40 and np.isfinite(history).all()
    assert np.diff(history).min() > -1e-9
    assert classes == 1 or history[-1] > history[0] + 1e-3


@pytest.mark.parametrize("seed", range(8))
def test_classes_that_start_at_equal_rows_part(seed):
    codes = np.repeat([[0, 0], [1, 1]], 50, axis=0)
    rng = np.random.default_rng(seed)
    history = fit_latent_classes(codes, np.array([2, 2]), 2, rng, 60, 0.0, np.float64)[2]
    assert np.isclose(history[-1], np.log(0.5))


def test_one_class_has_the_likelihood_of_independent_columns():
    codes, _ = planted_classes(500)
    history = fit_latent_classes(
        codes, np.array([3] * 6), 1, np.random.default_rng(1), 3, 0.0, np.float64
    )[2]
    shares = [np.bincount(column) / 500 for column in codes.T]
    assert np.isclose(history[-1], sum((share * np.log(share)).sum() for share in shares))


def test_two_planted_classes_are_found():
    codes, planted = planted_classes()
    weights, tables, _ = fit_latent_classes(
        codes, np.array([3] * 6), 2, np.random.default_rng(0), 60
    )
    order = np.argsort(weights)
    np.testing.assert_allclose(weights[order], [0.3, 0.7], atol=0.03)
    np.testing.assert_allclose(
        tables[order].reshape(2, 6, 3), np.broadcast_to(planted[:, None], (2, 6, 3)), atol=0.06
    )


def test_values_that_never_occur_stay_impossible_and_tables_sum_to_1():
    codes, _ = planted_classes(300)
    tables = fit_latent_classes(codes, np.array([5] * 6), 4, np.random.default_rng(0), 10, 1.0)[
        1
    ].reshape(4, 6, 5)
    assert (tables[:, :, 3:] == 0).all()
    np.testing.assert_allclose(tables.sum(axis=2), 1)


def test_more_classes_than_rows_and_no_smoothing():
    codes, _ = planted_classes(10)
    weights, tables, _ = fit_latent_classes(
        codes, np.array([3] * 6), 50, np.random.default_rng(0), 60, 0.0
    )
    np.testing.assert_allclose(tables.reshape(50, 6, 3).sum(axis=2), 1, atol=1e-6)
    assert np.isclose(weights.sum(), 1)


def test_classes_are_shared_by_the_square_root_of_the_rows():
    assert share_of_classes(30, np.array([100, 400])).tolist() == [10, 20]
    assert share_of_classes(300, np.array([2, 10_000])).tolist() == [2, 296]


def test_a_target_keeps_its_share_and_its_bond():
    rng = np.random.default_rng(0)
    income = rng.choice(["high", "low"], 3000, p=[0.2, 0.8])
    hours = np.where(income == "high", rng.normal(50, 5, 3000), rng.normal(35, 5, 3000)).round()
    table = pd.DataFrame({"income": income, "hours": hours, "word": rng.choice(["a", "b"], 3000)})
    schema = Schema.infer(table, target="income")
    synthesizer = MixtureSynthesizer(kind="latent_class").fit(table, schema)
    means = synthesizer.sample(6000).groupby("income")["hours"].mean()
    assert abs(means["high"] - 50) < 1 and abs(means["low"] - 35) < 1
    assert np.diff(synthesizer.model_.log_likelihood).min() > -1e-5


def test_condition_gives_the_posterior_of_the_table():
    rng = np.random.default_rng(0)
    first = rng.choice(3, 20_000, p=[0.2, 0.3, 0.5])
    second = (rng.random(20_000) < np.array([0.1, 0.5, 0.9])[first]).astype(int)
    table = pd.DataFrame({"first": first.astype(str), "second": second.astype(bool)})
    drawn = (
        MixtureSynthesizer(kind="latent_class", classes=6, iterations=60)
        .fit(table)
        .sample(20_000, {"second": True})
    )
    exact = table.loc[table["second"], "first"].value_counts(normalize=True)
    assert (drawn["first"].value_counts(normalize=True) - exact).abs().max() < 0.03


# --- Gaussian groups ---


def mixture_of(values, most=4) -> Mixture:
    steps = np.zeros(values.shape[1])
    return Mixture.fit(values, steps, values.std(axis=0), most, np.random.default_rng(0))


def two_components(rows: int = 3000):
    rng = np.random.default_rng(0)
    left = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], rows * 2 // 5)
    right = rng.multivariate_normal([12, 5], [[1, -0.5], [-0.5, 2]], rows * 3 // 5)
    return np.vstack([left, right])


def in_units_of_the_table(mixture):
    """Weights, means and covariances of a mixture on the plain scale, before standardisation."""
    return (
        mixture.weights,
        mixture.means * mixture.scale + mixture.centre,
        mixture.covariances * np.outer(mixture.scale, mixture.scale),
    )


def test_two_planted_components_are_found_by_bic():
    mixture = mixture_of(two_components())
    weights, means, covariances = in_units_of_the_table(mixture)
    order = np.argsort(weights)
    assert not mixture.log.any() and len(weights) == 2
    np.testing.assert_allclose(weights[order], [0.4, 0.6], atol=0.01)
    np.testing.assert_allclose(means[order], [[0, 0], [12, 5]], atol=0.15)
    np.testing.assert_allclose(
        covariances[order], [[[1, 0.8], [0.8, 1]], [[1, -0.5], [-0.5, 2]]], atol=0.15
    )


def test_lognormal_numbers_are_modelled_on_the_log_scale():
    values = np.exp(np.random.default_rng(0).normal(3, 1, (2000, 1)))
    mixture = mixture_of(values)
    assert mixture.log.all()
    drawn = mixture.draw(2000, np.array([False]), np.random.default_rng(1))
    np.testing.assert_allclose(
        np.quantile(drawn, [0.1, 0.5, 0.9]), np.quantile(values, [0.1, 0.5, 0.9]), rtol=0.15
    )


@pytest.mark.parametrize("rows", [8, 400])
def test_the_unit_of_a_number_does_not_matter(rows):
    """Masses of particles in kilograms are drawn as those in grams are."""
    values = np.random.default_rng(0).normal(size=(rows, 1))
    free, rng = np.array([False]), np.random.default_rng
    large, small = (mixture_of(values * unit).draw(500, free, rng(1)) for unit in (1.0, 1e-27))
    np.testing.assert_allclose(small / 1e-27, large, atol=1e-6)


def test_condition_is_the_closed_form_of_a_gaussian():
    mixture = mixture_of(two_components(), most=1)
    _, means, covariances = in_units_of_the_table(mixture)
    (mean,), (covariance,) = means, covariances
    density, changed = mixture.condition(np.array([True, False]), np.array([3.0, np.nan]))
    _, means, covariances = in_units_of_the_table(changed)
    slope = covariance[0, 1] / covariance[0, 0]
    assert np.isclose(means[0, 1], mean[1] + slope * (3.0 - mean[0]))
    assert np.isclose(covariances[0][1, 1], covariance[1, 1] - slope * covariance[0, 1])
    assert np.isclose(means[0, 0], 3.0) and np.isclose(covariances[0][0, 0], 0)
    assert np.isclose(density, multivariate_normal(mean[0], covariance[0, 0]).logpdf(3.0))


@pytest.mark.parametrize("sign", [1, -1])
def test_density_of_the_condition_is_that_of_the_mixture(sign):
    mixture = mixture_of(two_components())
    weights, means, covariances = in_units_of_the_table(mixture)
    point = np.array([5.5 + sign * 6, np.nan])
    parts = [
        w * multivariate_normal(m[0], c[0, 0]).pdf(point[0])
        for w, m, c in zip(weights, means, covariances)
    ]
    density, changed = mixture.condition(np.array([True, False]), point)
    assert np.isclose(density, np.log(sum(parts)))
    np.testing.assert_allclose(changed.weights, np.array(parts) / sum(parts))


def test_density_on_the_log_scale_integrates_to_1():
    mixture = mixture_of(np.exp(np.random.default_rng(0).normal(1, 0.7, (1500, 1))))
    assert mixture.log.all()
    grid = np.linspace(mixture.low[0], 200, 100_001)
    density = np.exp(
        [mixture.condition(np.array([True]), np.array([point]))[0] for point in grid[::50]]
    )
    assert abs(np.trapezoid(density, grid[::50]) - 1) < 0.02


def test_draws_stay_inside_the_range_of_their_rows():
    mixture = mixture_of(np.random.default_rng(0).exponential(5, (400, 2)))
    drawn = mixture.draw(5000, np.zeros(2, dtype=bool), np.random.default_rng(1))
    assert (drawn >= mixture.low).all() and (drawn <= mixture.high).all()


@pytest.mark.parametrize("apart", [0.0, 1_000.0])
def test_small_groups_have_the_spread_that_groups_have(apart):
    """It is neither that of the table nor a part of it, however far the groups lie apart."""
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(50), 8)
    values = rng.normal(apart * number, 5.0)
    table = pd.DataFrame({"group": number.astype(str), "x": values})
    model = MixtureSynthesizer(kind="gaussian").fit(table)
    of_rows = table.groupby("group")["x"].var(ddof=0)
    for group in model.model_.groups:
        name = model.schema_["group"].categories[group.codes[0]]
        pooled = 8 * of_rows.sum() / (50 * 7)
        expected = (8 * of_rows[name] + 4 * pooled) / (7 + 4)
        assert group.mixture.scale[0] ** 2 == pytest.approx(expected)
    drawn = model.sample(20_000)
    assert drawn.groupby("group")["x"].std().mean() == pytest.approx(3.5, abs=0.5)  # cut off


def test_a_group_of_one_row_is_as_likely_as_its_rows_say():
    table = pd.DataFrame({"group": ["a"] * 30 + ["b"], "x": [*range(30), 15]})
    rows = MixtureSynthesizer(kind="gaussian").fit(table).sample(4_000, {"x": 15})
    assert (rows["group"] == "b").mean() == pytest.approx(0.5, abs=0.1)  # one row of each


def test_spikes_stand_out_from_their_neighbours():
    rng = np.random.default_rng(0)
    minutes = np.concatenate(
        [np.zeros(30), np.full(20, 1440.0), rng.integers(1, 200, 250), [np.nan] * 5]
    )
    assert find_spikes(minutes).tolist() == [0, 1440]
    assert (
        find_spikes(rng.poisson(2, 500).astype(float)).tolist() == []
    )  # common values, but no heap among equals
    assert find_spikes(np.full(9, 3.0)).tolist() == [3]
    assert find_spikes(np.array([3.0])).tolist() == []


def test_states_name_missing_free_and_spikes():
    values = np.array([[0.0, np.nan], [2.0, 5.0], [1440.0, 7.0]])
    assert states(values, [np.array([0.0, 1440.0]), np.array([7.0])]).tolist() == [
        [1, -1],
        [0, 0],
        [2, 1],
    ]


def test_a_spike_keeps_its_share_and_what_goes_with_it():
    rng = np.random.default_rng(0)
    idle = rng.random(2000) < 0.3
    table = pd.DataFrame(
        {
            "minutes": np.where(idle, 0.0, rng.gamma(3, 20, 2000).round(1)),
            "opened": np.where(idle, 0, rng.poisson(5, 2000) + 1),
        }
    )
    drawn = MixtureSynthesizer(kind="gaussian").fit(table).sample(4000)
    assert abs((drawn["minutes"] == 0).mean() - idle.mean()) < 0.03
    assert (drawn.loc[drawn["minutes"] == 0, "opened"] == 0).all()


def test_a_spike_agrees_with_no_other_value_however_near():
    rng = np.random.default_rng(0)
    app = np.repeat(["a", "b"], 400)
    spike = np.where(app == "a", 100_000, 100_001)
    spread = rng.normal(50_000, 5_000, 800).round()
    minutes = np.where(rng.random(800) < 0.6, spike, spread).astype(int)
    table = pd.DataFrame({"app": app, "minutes": minutes})
    model = MixtureSynthesizer(kind="gaussian").fit(table)
    assert (model.sample(500, {"minutes": 100_001})["app"] == "b").all()
    assert (model.sample(500, {"minutes": 100_000})["app"] == "a").all()


@pytest.mark.parametrize("decimals", [1, 2])
def test_a_spike_weighs_its_share_and_a_density_its_step(decimals):
    """50 is a spike in a rare group, and one value of many in the other."""
    rng = np.random.default_rng(0)
    rare = np.arange(20_000) < 800
    minutes = rng.normal(50, 10, 20_000).round(decimals)
    minutes[:400] = 50.0
    table = pd.DataFrame({"rare": rare, "minutes": minutes})
    drawn = MixtureSynthesizer(kind="gaussian").fit(table).sample(8_000, {"minutes": 50.0})
    spike = (minutes[rare] == 50).mean() * 0.04
    passing = 0.96 * norm.pdf(0, 0, 10) * 10.0**-decimals
    assert drawn["rare"].mean() == pytest.approx(spike / (spike + passing), abs=0.02)


# --- the choice between them ---


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"word": ["a", "b"] * 40, "number": range(80)}, "gaussian"),
        ({"word": [str(i) for i in range(80)], "number": range(80)}, "latent_class"),
        ({"word": ["a", "b"] * 40}, "latent_class"),
        ({"number": range(80)}, "gaussian"),
    ],
)
def test_auto_chooses_by_rows_per_group(columns, kind):
    assert MixtureSynthesizer().fit(pd.DataFrame(columns)).kind_ == kind


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "normal"},
        {"components": 0},
        {"classes": 0},
        {"bins": 0},
        {"iterations": 0},
        {"smoothing": -1},
        {"smoothing": np.nan},
        {"smoothing": "much"},
    ],
)
def test_wrong_parameters_are_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
        MixtureSynthesizer(**options).fit(pd.DataFrame({"a": [1, 2]}))


def test_conditions_that_never_meet_are_met_by_the_groups_that_can_most_of_them():
    table = pd.DataFrame(
        {"one": ["a", "b"] * 20, "two": ["x", "y"] * 20, "number": np.arange(40.0)}
    )
    model = MixtureSynthesizer(kind="gaussian").fit(table)
    rows = model.sample(400, {"one": "a", "two": "y"})
    assert (rows[["one", "two"]] == ["a", "y"]).all(axis=None)
    assert rows["number"].between(0, 39).all()
    asked = {"one": "a", "two": "x", "number": 7.0}
    assert model.sample(1, asked).iloc[0].to_dict() == asked


def test_a_number_beyond_the_range_of_a_group_speaks_against_it():
    """The group never draws it, so it cannot be where such a row comes from."""
    rng = np.random.default_rng(0)
    group, x = np.repeat(["a", "b"], 500), np.r_[rng.uniform(0, 10, 500), rng.uniform(9, 30, 500)]
    synthesizer = MixtureSynthesizer(kind="gaussian").fit(pd.DataFrame({"g": group, "x": x}))
    assert (synthesizer.sample(2_000, given={"x": 10.5})["g"] == "b").all()
