"""Known answers for the variational autoencoder: closed forms, exact conditions, a planted
truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag
from scipy.special import log_softmax, ndtr

from utils.schema import Schema
from utils.synthesizers import VAESynthesizer
from utils.synthesizers.vae.networks import RowNetwork, divergence, smooth_functions
from utils.training import TrainingError, tf

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


def test_a_table_of_categories_alone_is_learned():
    table = pd.DataFrame({"one": ["a", "b"] * 20, "two": ["c", "d"] * 20})
    rows = VAESynthesizer(**QUICK).fit(table).sample(200)
    assert set(rows["one"]) == {"a", "b"} and set(rows["two"]) == {"c", "d"}


# --- the functions that tell a code ---


def test_a_number_is_told_by_waves_a_spike_and_missing():
    codes = np.repeat(np.arange(41), [*np.full(39, 10), 100, 1])
    functions = smooth_functions(codes, 41, missing=True)
    assert functions.shape == (41, 16 + 2) and functions.dtype == np.float32
    np.testing.assert_array_equal(functions[:, 16:].argmax(axis=0), [39, 40])
    np.testing.assert_array_equal(functions[:, 16:].sum(axis=0), 1)
    assert smooth_functions(codes, 41, missing=False).shape == (41, 16 + 1)


def test_near_bins_are_told_alike():
    functions = smooth_functions(np.arange(64), 64, missing=False)
    apart = np.linalg.norm(functions[:, None] - functions, axis=2)
    assert (np.diff(apart[0, :30]) > 0).all()


@pytest.mark.parametrize("size", range(1, 20))
def test_a_number_of_few_bins_can_have_any_shares(size):
    functions = smooth_functions(np.arange(size), size, missing=False)
    assert np.linalg.matrix_rank(np.column_stack([functions, np.ones(size)])) >= min(size, 17)


# --- the decoder ---


def random_network(told):
    """A network of two categories and a number, all of whose weights are at random."""
    rng = np.random.default_rng(5)
    functions = [None, None, smooth_functions(np.arange(6), 6, missing=False)]
    network = RowNetwork(functions, [2, 3, 6], told, 8, 2, rng)
    for weight in network.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return network


def chances_by_hand(network, point, codes):
    """Log chances of the codes of one row, by the formula, one cell at a time."""
    blocks = [np.eye(2), np.eye(3), network.functions[2]]
    tables = block_diag(*blocks)  # a row for each code, a column for each function
    speak, output = tables @ network.speak.numpy(), tables @ network.output.numpy()
    hidden = network.hidden_at(point[None], codes[:1]).numpy()[0]
    found, heard, start = [], np.zeros(speak.shape[1]), 0
    for size, code in zip(network.sizes, codes):
        logits = output[start : start + size] @ np.concatenate([hidden, heard])
        found.append(log_softmax(logits + network.base.numpy()[start : start + size])[code])
        heard = heard + speak[start + code]
        start += size
    return found


@pytest.mark.parametrize("told", [False, True])
def test_a_cell_is_told_by_the_point_and_the_cells_before_it_alone(told):
    network, codes = random_network(told), np.array([[1, 2, 4], [0, 1, 5]], np.int32)
    for weight in network.encoder.weights[-2:]:
        weight.assign(0 * weight)  # every cloud is N(0, I)
    noise = tf.random.stateless_normal([2, 2], [3, 4]).numpy()
    losses, _ = network.losses(tf.constant(codes), tf.constant([3, 4]))
    by_hand = [chances_by_hand(network, *row) for row in zip(noise, codes)]
    np.testing.assert_allclose(np.transpose(losses), -np.array(by_hand)[:, told:], rtol=1e-4)


def test_what_is_set_has_the_chance_that_training_gave_it():
    network, codes = random_network(told=False), np.array([[1, 2, 4], [0, 1, 5]], np.int32)
    points = np.array([[0.3, -1.0], [0.5, 2.0]], np.float32)
    drawn, log_chance = network.draw(tf.constant(points), tf.constant(codes), tf.constant([1, 2]))
    np.testing.assert_array_equal(drawn, codes)
    by_hand = [sum(chances_by_hand(network, *row)) for row in zip(points, codes)]
    np.testing.assert_allclose(log_chance, by_hand, rtol=1e-4)


def test_draws_follow_the_chances_and_cells_that_are_set():
    network, rows = random_network(told=False), 60_000
    point, wanted = np.array([0.3, -1.0], np.float32), np.tile(np.int32([-1, 1, -1]), (rows, 1))
    points = tf.constant(point[None].repeat(rows, 0))
    codes = network.draw(points, tf.constant(wanted), tf.constant([1, 2]))[0].numpy()
    assert (codes[:, 1] == 1).all()
    for first in range(2):
        chances = [chances_by_hand(network, point, np.int32([first, 1, c]))[2] for c in range(6)]
        shares = np.bincount(codes[codes[:, 0] == first, 2], minlength=6)
        np.testing.assert_allclose(shares / shares.sum(), np.exp(chances), atol=0.015)
    first = np.exp(chances_by_hand(network, point, np.int32([1, 1, 0]))[0])
    assert codes[:, 0].mean() == pytest.approx(first, abs=0.01)


def test_a_told_cell_is_drawn_by_its_share_and_no_chance_is_counted_for_it():
    network, rows = random_network(told=True), 60_000
    point, wanted = np.array([0.3, -1.0], np.float32), np.tile(np.int32([-1, 1, 4]), (rows, 1))
    points = tf.constant(point[None].repeat(rows, 0))
    codes, log_chance = network.draw(points, tf.constant(wanted), tf.constant([1, 2]))
    first = codes.numpy()[:, 0]
    share = np.exp(log_softmax(network.base.numpy()[:2]))[1]
    assert first.mean() == pytest.approx(share, abs=0.01)
    for code in range(2):
        by_hand = chances_by_hand(network, point, np.int32([code, 1, 4]))
        np.testing.assert_allclose(log_chance[first == code], sum(by_hand[1:]), rtol=1e-4)


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
    monkeypatch.setattr("utils.synthesizers.vae.candidates", None)  # would fail if asked for
    assert (fitted.sample(200, given={"app": "long"})["app"] == "long").all()


def test_the_target_is_drawn_first_and_the_rest_by_their_codes(fitted):
    table = planted().assign(kind=["x", "y"] * 1_000)
    plain = VAESynthesizer(**QUICK | {"epochs": 1})
    assert plain.fit(table, Schema.infer(table, target="kind")).order_[0] == "kind"
    assert fitted.order_ == ["app", "opened", "minutes"] and fitted.stratified_
    assert not plain.fit(table).stratified_


def test_a_given_number_weighs_target_and_neighbours(fitted):
    rows = fitted.sample(2_000, given={"minutes": 38.0})  # high, and of the short app only
    assert (rows["minutes"] == 38.0).all() and (rows["app"] == "short").mean() > 0.99
    assert rows["opened"].mean() > 26
    assert fitted.sample(2_000, given={"minutes": 22.0})["opened"].mean() < 14


def test_a_given_number_finds_the_target_by_bayes():
    app = np.repeat(["rare", "common"], [400, 1_600])
    kind = np.where(np.arange(2_000) % 10 < np.where(app == "rare", 8, 2), "x", "y")
    table = pd.DataFrame({"app": app, "kind": kind})
    model = VAESynthesizer(**QUICK).fit(table, Schema.infer(table, target="app"))
    rows = model.sample(10_000, given={"kind": "x"})
    right = (table.loc[table["kind"] == "x", "app"] == "rare").mean()
    assert right == 0.5 and (rows["app"] == "rare").mean() == pytest.approx(right, abs=0.05)


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


@pytest.mark.parametrize("option", ["epochs", "batch_size", "latent", "units", "bins", "patience"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_impossible_counts_are_refused(option, value):
    with pytest.raises(ValueError, match=f"{option} must be a whole number"):
        VAESynthesizer(**{option: value}).fit(planted(30))


@pytest.mark.parametrize("rate", [0, -0.1, np.inf, "fast", True])
def test_impossible_learning_rates_are_refused(rate):
    with pytest.raises(ValueError, match="learning_rate"):
        VAESynthesizer(learning_rate=rate).fit(planted(30))


@pytest.mark.parametrize("share", [-0.5, np.nan])
def test_a_warm_up_that_cannot_be_is_refused(share):
    with pytest.raises(ValueError, match="warm_up must be a number of 0 or more"):
        VAESynthesizer(warm_up=share).fit(planted(30))
