"""The autoregressive network against closed forms, planted truths and its own exact
probabilities."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax
from sklearn.exceptions import NotFittedError

from utils.encoding import QuantileBins
from utils.schema import TableError
from utils.synthesizers import AutoregressiveSynthesizer
from utils.synthesizers.autoregressive.likelihood import _log_widths
from utils.synthesizers.autoregressive.network import CellNetwork, neighbours
from utils.synthesizers.neural import follow, take_weights
from utils.training import tf

pytestmark = pytest.mark.filterwarnings("error")
SIZES = [2, 3, 4]
ROWS = np.array(list(product(*map(range, SIZES))), dtype=np.int32)  # every row there can be


@pytest.fixture
def network():
    """A network with strong random weights, so that its columns hang together."""
    rng = np.random.default_rng(4)
    made = CellNetwork(SIZES, [None] * 3, 8, rng)
    take_weights(made, [rng.normal(0, 0.8, weight.shape) for weight in made.weights])
    return made


def row_log_chances(network) -> np.ndarray:
    return network.draw(ROWS, np.random.default_rng(0))[1].sum(axis=1)


def planted_table(rows: int, seed: int) -> pd.DataFrame:
    """weather -> plan -> minutes, whose chances are known."""
    rng = np.random.default_rng(seed)
    weather = rng.random(rows) < 0.3
    plan = rng.random(rows) < np.where(weather, 0.9, 0.2)
    minutes = rng.integers(0, 10, rows) + np.where(plan, 20, 0)
    return pd.DataFrame(
        {"minutes": minutes, "weather": weather, "plan": np.where(plan, "film", "walk")}
    )


def planted_log_likelihood(table: pd.DataFrame) -> np.ndarray:
    weather, film = table["weather"].to_numpy(), table["plan"].to_numpy() == "film"
    film_chance = np.where(weather, 0.9, 0.2)
    return (
        np.log(np.where(weather, 0.3, 0.7))
        + np.log(np.where(film, film_chance, 1 - film_chance))
        + np.log(0.1)
    )


@pytest.fixture(scope="module")
def planted():
    return AutoregressiveSynthesizer(random_state=1).fit(planted_table(3_000, seed=0))


# --- the network ---


def test_losses_follow_the_formula(network):
    values, mix, mix_bias, output, output_bias = (weight.numpy() for weight in network.weights)
    row = np.array([[1, 2, 3]], dtype=np.int32)
    state, expected, start = np.zeros(8), [], 0
    for place, (size, code) in enumerate(zip(SIZES, row[0])):
        mixed = state + np.maximum(state @ mix[place] + mix_bias[place], 0)
        logits = output[start : start + size] @ mixed + output_bias[start : start + size]
        expected.append(-log_softmax(logits)[code])
        state = state + values[start + code]
        start += size
    np.testing.assert_allclose(
        [float(loss) for loss in network.losses(tf.constant(row))], expected, rtol=1e-5
    )


def test_drawing_knows_the_same_chances_as_learning(network):
    losses = [sum(float(loss) for loss in network.losses(tf.constant(row[None]))) for row in ROWS]
    np.testing.assert_allclose(row_log_chances(network), -np.array(losses), atol=1e-5)


def test_chances_of_all_rows_sum_to_one(network):
    assert np.exp(row_log_chances(network)).sum() == pytest.approx(1, abs=1e-5)


def test_a_cell_sees_only_the_cells_before_it(network):
    first = [
        [float(loss) for loss in network.losses(tf.constant([[1, 2, code]]))[:2]]
        for code in range(4)
    ]
    assert first == [first[0]] * 4


def test_rows_come_as_often_as_their_chances_say(network):
    free = np.full((40_000, 3), -1)
    codes, log_chances = network.draw(free, np.random.default_rng(2))
    shares = np.bincount(np.ravel_multi_index(codes.T, SIZES), minlength=24) / len(codes)
    chances = np.exp(row_log_chances(network))
    assert abs((shares - chances) / np.sqrt(chances * (1 - chances) / len(codes))).max() < 4
    assert not log_chances.any()


def test_rows_that_begin_as_asked_are_drawn_given_that(network):
    codes, log_chances = network.draw(np.tile([1, -1, -1], (40_000, 1)), np.random.default_rng(3))
    begins = ROWS[:, 0] == 1
    chances = np.where(begins, np.exp(row_log_chances(network)), 0)
    chances /= chances.sum()
    shares = np.bincount(np.ravel_multi_index(codes.T, SIZES), minlength=24) / len(codes)
    assert abs(shares - chances).max() < 0.012
    assert np.unique(log_chances[:, 0]).size == 1
    assert not log_chances[:, 1:].any()


def test_weights_mend_what_was_drawn_before_a_wanted_cell(network):
    codes, log_chances = network.draw(np.tile([-1, -1, 2], (40_000, 1)), np.random.default_rng(3))
    weights = np.exp(log_chances[:, 2])
    weighted = np.bincount(codes[:, 0] * 3 + codes[:, 1], weights, minlength=6) / weights.sum()
    exact = np.exp(row_log_chances(network))[ROWS[:, 2] == 2]
    assert abs(weighted - exact / exact.sum()).max() < 0.015


def test_a_code_that_is_never_to_come_does_not(network):
    codes, _ = network.draw(np.full((2_000, 3), -1), np.random.default_rng(0), [None, 1, None])
    assert set(codes[:, 1]) == {0, 2}


def test_a_code_without_a_row_has_no_chance():
    made = CellNetwork([2, 3], [None] * 2, 4, np.random.default_rng(0))
    made.start_from(np.array([[0, 0], [1, 2], [1, 2], [1, 2]]))
    codes, _ = made.draw(np.full((5_000, 2), -1), np.random.default_rng(0))
    assert set(codes[:, 1]) == {0, 2}
    assert codes[:, 0].mean() == pytest.approx(0.75, abs=0.03)


def test_an_average_moves_by_its_share(network):
    other = CellNetwork(SIZES, [None] * 3, 8, np.random.default_rng(9))
    before, target = (made.weights[0].numpy() for made in (network, other))
    follow(network.weights, other.weights, 30, 0.1)  # 1 / (1 + 0.1 * 30) of the way
    np.testing.assert_allclose(network.weights[0].numpy(), 0.75 * before + 0.25 * target, atol=1e-6)


def test_neighbouring_bins_share_and_a_missing_one_does_not():
    kernel = neighbours(np.arange(10) == 2, size=11, smoothing=0.2)
    assert kernel[5, 6] == pytest.approx(kernel[6, 5], rel=0.1)
    assert kernel[5, 5] > kernel[5, 6] > kernel[5, 8] > 0
    assert kernel[2, 2] == kernel[2].max() == kernel.max(), "a spike keeps most to itself"
    assert kernel[10].tolist() == [0.0] * 10 + [1.0]
    assert neighbours(np.zeros(10, bool), 11, smoothing=0.0) is None
    assert neighbours(np.zeros(0, bool), 4, smoothing=0.2) is None


def test_a_spike_is_one_value_with_the_rows_of_a_bin():
    minutes = np.append(np.zeros(100), np.random.default_rng(0).gamma(9, 10, 900).round(1))
    model = AutoregressiveSynthesizer(epochs=1, bins=20).fit(pd.DataFrame({"minutes": minutes}))
    assert np.flatnonzero(model.spikes_["minutes"]).tolist() == [0]


# --- what it learns ---


def test_it_learns_a_planted_chain(planted):
    fresh = planted_table(4_000, seed=1)
    lost = planted_log_likelihood(fresh) - planted.log_likelihood(fresh)
    assert 0 < lost.mean() < 0.03


def test_rows_of_the_planted_chain(planted):
    rows, fresh = planted.sample(8_000), planted_table(8_000, seed=2)
    gaps = pd.crosstab(rows["weather"], rows["plan"], normalize=True) - pd.crosstab(
        fresh["weather"], fresh["plan"], normalize=True
    )
    assert gaps.abs().max(axis=None) < 0.03
    assert ((rows["minutes"] >= 20) == (rows["plan"] == "film")).mean() > 0.99


def test_one_row_at_a_time_meets_a_late_condition_as_well_as_many(planted):
    rows = [planted.sample(1, given={"minutes": 25}, random_state=seed) for seed in range(60)]
    assert (pd.concat(rows)["plan"] == "film").all()


@pytest.mark.parametrize("given", [{"weather": True}, {"plan": "film"}, {"minutes": 25}])
def test_conditions_move_the_rest_as_the_planted_chances_say(planted, given):
    rows, fresh = planted.sample(4_000, given=given), planted_table(200_000, seed=3)
    for name, value in given.items():
        fresh = fresh[fresh[name] == value]
    assert abs(rows["weather"].mean() - fresh["weather"].mean()) < 0.05
    assert abs((rows["plan"] == "film").mean() - (fresh["plan"] == "film").mean()) < 0.05


def test_the_held_out_rows_choose_the_weights(planted):
    history = planted.history
    assert history.best_step == history.score_steps[int(np.argmin(history.scores))]
    assert history.steps < history.total_steps, "it stops by itself"


def test_order_is_by_number_of_codes_or_as_asked(planted):
    assert planted.order_ == ["weather", "plan", "minutes"]
    asked = ["minutes", "plan", "weather"]
    model = AutoregressiveSynthesizer(order=asked, epochs=2).fit(planted_table(300, seed=0))
    assert model.order_ == asked
    assert list(model.sample(3).columns) == ["minutes", "weather", "plan"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"order": ["plan", "weather"]},
            "order must name each column once: minutes, weather, plan",
        ),
        ({"units": 0}, "units must be a whole number of 1 or more"),
        ({"bins": 2.5}, "bins must be a whole number of 1 or more"),
        ({"average": "half"}, "average must be a number of 0 or more, not 'half'"),
        ({"order": "minutes"}, "order must be a list of column names, or None, not 'minutes'"),
        (
            {"order": [1, "plan"]},
            r"order must be a list of column names, or None, not \[1, 'plan'\]",
        ),
        ({"learning_rate": "slow"}, "learning_rate must be a number above 0, not 'slow'"),
        (
            {"learning_rate": Fraction(1, 100)},
            r"learning_rate must be a number above 0, not Fraction\(1, 100\)",
        ),
        ({"smoothing": -0.1}, "smoothing must be a number of 0 or more, not -0.1"),
    ],
)
def test_settings_that_cannot_be_meant(options, message):
    with pytest.raises(ValueError, match=message):
        AutoregressiveSynthesizer(**options).fit(planted_table(30, seed=0))


# --- likelihood ---


def test_likelihood_of_integers_is_a_probability():
    values = np.random.default_rng(0).integers(0, 200, 6_000)
    model = AutoregressiveSynthesizer(bins=16, epochs=2).fit(pd.DataFrame({"number": values}))
    chances = np.exp(model.log_likelihood(pd.DataFrame({"number": np.arange(200)})))
    assert chances.sum() == pytest.approx(1, abs=1e-4)
    assert abs(chances * 200 - 1).max() < 0.25


def test_likelihood_of_a_number_without_a_grid_is_a_density():
    values = np.random.default_rng(0).random(6_000) * 8
    model = AutoregressiveSynthesizer(bins=16, epochs=2).fit(pd.DataFrame({"number": values}))
    middle = model.log_likelihood(pd.DataFrame({"number": np.linspace(0.5, 7.5, 50)}))
    assert abs(middle + np.log(8)).max() < 0.25


def test_a_spike_is_a_point_and_a_wide_bin_is_not():
    bins = QuantileBins.fit(np.append(np.zeros(500), np.arange(100.0, 600.0)), most_bins=8)
    widths = np.exp(_log_widths(bins, step=1.0))
    assert widths[0] == 1
    assert widths[1:].sum() == pytest.approx(500)


def test_surprise_names_the_odd_cell(planted):
    odd = pd.DataFrame({"minutes": [3, 25], "weather": [True, True], "plan": ["film", "film"]})
    nats = planted.surprise(odd)
    assert nats.columns.tolist() == planted.order_
    assert nats.loc[0].idxmax() == "minutes"
    assert nats.loc[0, "minutes"] > nats.loc[1, "minutes"] + 2
    np.testing.assert_allclose(nats.sum(axis=1), -planted.log_likelihood(odd))


def test_surprise_of_a_number_beyond_those_of_training_grows_with_the_distance():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"whole": rng.integers(10, 20, 200), "real": rng.random(200)})
    model = AutoregressiveSynthesizer(epochs=1, units=8, order=["whole", "real"]).fit(table)
    far = pd.DataFrame({"whole": [19, 20, 24, 9, 10**9], "real": [0.5, -50.0, 50.0, 1e30, -1e30]})
    nats = model.surprise(far)
    assert np.isfinite(nats).all(axis=None)
    whole = nats["whole"]
    never = np.log(1e6 * 10)  # a millionth, over the ten values of the range
    assert whole[1] - whole[0] == pytest.approx(never + 1)  # one step beyond a bin of one step
    assert whole[2] - whole[0] == pytest.approx(never + 5)
    assert whole[4] > 1e8 and (nats["real"][1:] > nats["real"][0] + 100).all()


PLANTED_NUMBERS = {
    "two far values": np.repeat([0, 10], 200),
    "a spike and what is rare": np.repeat([0, 1, 3, 40], [300, 60, 30, 10]),
    "tenths": np.repeat([0.0, 0.1, 0.7], [100, 200, 100]),
}


@pytest.mark.parametrize("case", PLANTED_NUMBERS)
def test_surprise_is_the_chance_of_what_is_drawn(case):
    table = pd.DataFrame({"x": PLANTED_NUMBERS[case]})
    model = AutoregressiveSynthesizer(epochs=1, units=8).fit(table)
    step = 0.1 if table["x"].dtype == float else 1
    every = np.round(np.arange(0, table["x"].max() + step / 2, step), 1).astype(table["x"].dtype)
    chances = pd.Series(np.exp(model.log_likelihood(pd.DataFrame({"x": every}))), every)
    assert chances.sum() == pytest.approx(1, abs=1e-4)
    drawn = model.sample(20_000)["x"].value_counts(normalize=True).reindex(every, fill_value=0)
    assert (chances - drawn).abs().max() < 0.015
    beyond = model.log_likelihood(pd.DataFrame({"x": [every[-1] + step, every[0] - step]}))
    assert beyond.max() < np.log(chances[table["x"]].min())


def test_surprise_needs_every_column(planted):
    with pytest.raises(TableError, match="lacks the column 'weather'"):
        planted.surprise(planted_table(3, seed=0)[["minutes"]])


# --- missing cells ---


def test_missing_cells_are_drawn_given_the_known_ones(planted):
    rows = planted_table(2_000, seed=5)
    asked = rows.assign(plan=np.where(rows.index % 2, rows["plan"], None))
    filled = planted.impute(asked)
    known = rows.index % 2 == 1
    pd.testing.assert_frame_equal(filled[known], rows[known])
    pd.testing.assert_frame_equal(filled[["minutes", "weather"]], rows[["minutes", "weather"]])
    assert (filled["plan"] == rows["plan"]).mean() > 0.98, "the minutes after it tell the plan"


def test_absent_columns_are_filled_and_the_index_stays(planted):
    asked = pd.DataFrame({"plan": ["film"] * 400}, index=range(100, 500))
    filled = planted.impute(asked)
    assert filled.index.equals(asked.index)
    assert list(filled.columns) == ["minutes", "weather", "plan"]
    assert (filled["minutes"] < 20).mean() < 0.06  # none in truth, where every other row lies below
    pd.testing.assert_frame_equal(filled, planted.impute(asked))


def test_a_missing_cell_is_never_filled_with_missing():
    table = planted_table(600, seed=0)
    table.loc[::2, "plan"] = None
    model = AutoregressiveSynthesizer(epochs=4).fit(table)
    assert model.sample(400)["plan"].isna().any()
    assert model.impute(table).notna().all(axis=None)


def test_any_kind_of_column_may_be_absent():
    days = pd.date_range("2024-01-01", periods=60).as_unit("ns")
    table = pd.DataFrame(
        {"day": days, "word": ["a", "b"] * 30, "yes": [True, False] * 30, "x": np.arange(60) / 4}
    )
    model = AutoregressiveSynthesizer(epochs=2).fit(table)
    for name in table.columns:
        filled = model.impute(table[[name]].head(9))
        pd.testing.assert_series_equal(filled[name], table[name].head(9))
        assert filled.dtypes.to_dict() == table.dtypes.to_dict()


def test_cells_that_training_never_saw_are_refused(planted):
    with pytest.raises(ValueError, match="'plan' has no category 'swim'"):
        planted.surprise(planted_table(3, seed=0).assign(plan="swim"))
    with pytest.raises(ValueError, match="'minutes' runs from 0 to 29"):
        planted.impute(pd.DataFrame({"minutes": [3, 99]}))
    asked = pd.DataFrame({"minutes": [3]})
    with pytest.raises(ValueError, match="candidates must be a whole number of 1 or more, not 0"):
        planted.impute(asked, candidates=0)
    with pytest.raises(ValueError, match="random_state must be a whole number"):
        planted.impute(asked, random_state=-1)
    for use in (planted.impute, planted.surprise):
        with pytest.raises(TableError, match="Expected a pandas DataFrame, got list"):
            use([3])
    for use in (AutoregressiveSynthesizer().impute, AutoregressiveSynthesizer().surprise):
        with pytest.raises(NotFittedError):
            use(asked)
    with pytest.raises(ValueError, match="'plan' has no category 'swim'"):
        planted.impute(pd.DataFrame({"plan": ["film", "swim"]}))
    with pytest.raises(ValueError, match="no column 'colour'"):
        planted.impute(pd.DataFrame({"colour": ["red"]}))
