"""Known answers for the variational autoencoder: closed forms, exact conditions, a planted
truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr, ndtri

from utils.schema import Schema
from utils.synthesizers import VAESynthesizer
from utils.synthesizers.vae.margins import margins, smooth_counts, tilts
from utils.synthesizers.vae.networks import divergence
from utils.synthesizers.vae.prior import LatentPrior
from utils.training import TrainingError

pytestmark = pytest.mark.filterwarnings("error")
QUICK = {"epochs": 40, "units": 32, "latent": 3}


# --- the divergence ---


def test_divergence_is_the_mean_log_ratio_of_the_densities():
    mean = np.array([[0.7, -1.2, 0.0]], np.float32)
    log_variance = np.array([[0.4, -1.0, 0.0]], np.float32)
    noise = np.random.default_rng(0).standard_normal((400_000, 3))
    points = mean + np.exp(log_variance / 2) * noise
    log_ratio = 0.5 * (points**2 - noise**2 - log_variance).sum(axis=1)
    assert divergence(mean, log_variance).numpy()[0] == pytest.approx(log_ratio.mean(), abs=0.015)


def test_divergence_of_the_prior_from_itself_is_zero_and_of_a_far_cloud_half_its_square():
    means = np.array([[0, 0], [3, 4]], np.float32)
    np.testing.assert_allclose(
        divergence(means, np.zeros((2, 2), np.float32)), [0, 12.5], rtol=1e-6
    )


# --- a table of one column ---


@pytest.mark.parametrize("values", [["a", "b"] * 10, np.arange(20) / 7])
def test_one_column_alone_is_learned(values):
    table = pd.DataFrame({"x": values})
    drawn = VAESynthesizer(**QUICK | {"epochs": 1}).fit(table).sample(50, {"x": values[0]})
    assert drawn["x"].tolist() == [values[0]] * 50


# --- margins and bends ---


def test_margins_are_the_shares_of_each_stratum_and_never_zero():
    codes, strata = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 1, 1])
    shares = margins(codes, strata, 4, smooth=False)
    np.testing.assert_allclose(shares, [[2 / 3, 1 / 3, 0, 0], [0, 0, 1, 0]], atol=0.04)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert (shares[:, :3] > 0).all()


def test_a_value_that_never_occurs_is_as_good_as_impossible():
    shares = margins(np.ones(20, np.int32), np.zeros(20, np.int32), 2, smooth=False)
    assert 0 < shares[0, 0] < 1e-8 and shares[0, 1] == 1


def test_smoothed_counts_are_nearer_the_truth_and_keep_spikes_and_sum():
    rng = np.random.default_rng(1)
    truth = np.exp(-0.5 * ((np.arange(40) - 20) / 6) ** 2)
    counts = rng.multinomial(300, truth / truth.sum())
    smooth = smooth_counts(counts, np.full(40, 1 / 40))
    assert smooth.sum() == pytest.approx(300)
    expected = 300 * truth / truth.sum()
    assert np.abs(smooth - expected).sum() < 0.6 * np.abs(counts - expected).sum()
    counts[3] = 200
    assert smooth_counts(counts, np.full(40, 1 / 40))[3] == 200


def test_a_bent_margin_is_the_normal_it_was_bent_to():
    shares = np.full((1, 200), 1 / 200)
    functions = tilts(shares)[0]
    score = ndtri((np.arange(200) + 0.5) / 200)
    mean, deviation = 0.5, 0.6  # log N(mean, deviation) - log N(0, 1) = a z + b z**2 + constant
    weights = np.array([mean / deviation**2, (1 - deviation**-2) / 2 * np.sqrt(2)])
    bent = np.exp(functions[:, :2] @ weights)
    bent /= bent.sum()
    assert bent @ score == pytest.approx(mean, abs=0.02)
    assert np.sqrt(bent @ score**2 - (bent @ score) ** 2) == pytest.approx(deviation, abs=0.02)


def test_a_table_of_categories_alone_has_nothing_to_bend():
    table = pd.DataFrame({"one": ["a", "b"] * 20, "two": ["c", "d"] * 20})
    rows = VAESynthesizer(**QUICK).fit(table).sample(200)
    assert set(rows["one"]) == {"a", "b"} and set(rows["two"]) == {"c", "d"}


def test_columns_with_few_codes_are_free():
    assert tilts(np.full((2, 4), 0.25)) is None


# --- the latent mixture ---


def test_the_mixture_finds_planted_clouds_of_each_stratum():
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1], [3_000, 1_000]).astype(np.int32)
    centres = np.where(strata[:, None] == 0, rng.choice([-4.0, 4.0], (4_000, 1)), 0.0) * [1, 0]
    clouds = (centres + 0.3 * rng.standard_normal((4_000, 2))).astype(np.float32)
    prior = LatentPrior.fit(clouds, np.full((4_000, 2), -4.0, np.float32), strata, 2, rng)
    points, drawn = prior.draw(20_000, rng)
    assert (drawn == 1).mean() == pytest.approx(0.25, abs=0.01)
    assert (np.abs(np.abs(points[drawn == 0, 0]) - 4) < 1.5).all()
    assert points[drawn == 1].std(axis=0) == pytest.approx(np.sqrt(0.09 + np.exp(-4)), abs=0.02)
    assert set(prior.of_stratum(1).strata) == {1}


# --- the synthesizer ---


def planted(rows=2_000, seed=3):
    """Two apps; minutes and openings share a hidden mood in each, with rank correlation about
    .8."""
    rng = np.random.default_rng(seed)
    app = rng.choice(["long", "short"], rows, p=[0.3, 0.7])
    mood = rng.standard_normal(rows)
    both = [ndtr(0.9 * mood + 0.44 * rng.standard_normal(rows)) for _ in range(2)]
    level = np.where(app == "long", 100, 20)
    table = pd.DataFrame(
        {"app": app, "minutes": level * (1 + both[0]), "opened": (40 * both[1]).astype(int)}
    )
    return table.round(1)


@pytest.fixture(scope="module")
def fitted():
    table = planted()
    return VAESynthesizer(epochs=60, latent=2, units=64).fit(
        table, schema=Schema.infer(table, target="app")
    )


def test_it_learns_margins_and_togetherness(fitted):
    table, rows = planted(), fitted.sample(6_000)
    assert (rows["app"] == "long").mean() == pytest.approx(
        (table["app"] == "long").mean(), abs=0.02
    )
    for app in ("long", "short"):
        real, made = (part.loc[part["app"] == app, ["minutes", "opened"]] for part in (table, rows))
        assert made.corr("spearman").iloc[0, 1] == pytest.approx(
            real.corr("spearman").iloc[0, 1], abs=0.12
        )
        made, real = (part.quantile([0.1, 0.5, 0.9]) for part in (made, real))
        np.testing.assert_allclose(made, real, rtol=0.1, atol=2)


def test_the_latent_clouds_are_used(fitted):
    assert fitted.history.losses["divergence"][-100:].mean() > 0.3


def test_a_given_target_is_exact_and_draws_no_candidates(fitted, monkeypatch):
    monkeypatch.setattr(fitted, "_log_likelihood", None)  # would fail if weights were asked for
    assert (fitted.sample(200, given={"app": "long"})["app"] == "long").all()


def test_a_given_number_weighs_target_and_neighbours(fitted):
    rows = fitted.sample(2_000, given={"minutes": 38.0})  # high, and of the short app only
    assert (rows["minutes"] == 38.0).all() and (rows["app"] == "short").mean() > 0.99
    assert rows["opened"].mean() > 26
    assert fitted.sample(2_000, given={"minutes": 22.0})["opened"].mean() < 14


def test_weights_are_the_decoders_likelihood(fitted):
    points, strata = fitted.prior_.draw(4, np.random.default_rng(0))
    place, size = 2, int(fitted.codes_.sizes[2])
    each = [fitted._log_likelihood(points, strata, {place: code}) for code in range(size)]
    np.testing.assert_allclose(np.exp(each).sum(axis=0), 1, rtol=1e-5)
    both = fitted._log_likelihood(points, strata, {1: 0, place: 1})
    np.testing.assert_allclose(
        both, each[1] + fitted._log_likelihood(points, strata, {1: 0}), rtol=1e-6
    )


def test_draws_follow_the_decoder(fitted):
    point, stratum = fitted.prior_.draw(1, np.random.default_rng(0))
    codes = fitted._draw(point.repeat(40_000, 0), stratum.repeat(40_000), np.random.default_rng(1))[
        :, 2
    ]
    weights = [
        fitted._log_likelihood(point, stratum, {2: code})[0]
        for code in range(fitted.codes_.sizes[2])
    ]
    shares = np.bincount(codes, minlength=len(weights)) / 40_000
    np.testing.assert_allclose(shares, np.exp(weights), atol=0.01)


def test_fewer_pieces_or_more_give_as_many_rows(fitted, monkeypatch):
    monkeypatch.setattr("utils.synthesizers.neural.NUMBERS_AT_ONCE", 2_000)
    assert len(fitted.sample(301)) == 301


# --- training ---


def test_a_learning_rate_far_too_high_says_which_column():
    with pytest.raises(TrainingError, match=r"column '|weight became"):
        VAESynthesizer(**QUICK | {"learning_rate": 1e30}).fit(planted(300))


def test_small_tables_are_not_split_and_large_ones_stop_on_held_out_rows(fitted):
    assert not VAESynthesizer(epochs=1).fit(planted(49)).history.scores
    assert len(fitted.history.scores) > 1
    assert (
        fitted.history.best_step
        == fitted.history.score_steps[int(np.argmin(fitted.history.scores))]
    )


@pytest.mark.parametrize(
    "option", ["epochs", "batch_size", "latent", "units", "bins", "components", "patience"]
)
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_impossible_counts_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} must be a whole number"):
        VAESynthesizer(**{option: value}).fit(planted(30))


@pytest.mark.parametrize("rate", [0, -0.1, np.inf, "fast", True])
def test_impossible_learning_rates_are_refused(rate):
    with pytest.raises(ValueError, match="learning_rate"):
        VAESynthesizer(learning_rate=rate).fit(planted(30))


@pytest.mark.parametrize(("option", "value"), [("beta", -1), ("warm_up", -0.5), ("beta", np.nan)])
def test_negative_weights_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} must be"):
        VAESynthesizer(**{option: value}).fit(planted(30))
