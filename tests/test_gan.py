"""The GAN against planted truth: dependence learned, margins kept, conditions by Bayes' rule,
faults named."""

from __future__ import annotations

from copy import copy

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from utils.encoding import to_array
from utils.saving import SavedModelError
from utils.schema import Schema
from utils.synthesizers import GANSynthesizer, Synthesizer
from utils.synthesizers.gan import _Pair
from utils.synthesizers.gan.networks import (
    START,
    Generator,
    blocks_of,
    hard_choice,
    marks_and_steepness,
    ordered_view,
)
from utils.training import TrainingError, keras, tf


def planted(rows: int = 1_500, seed: int = 0) -> pd.DataFrame:
    """Two groups: in "up", y rises with x; in "down", it falls. Colour is red in 80 % of up, 30 %
    of down."""
    rng = np.random.default_rng(seed)
    up = rng.random(rows) < 0.4
    x = rng.normal(size=rows)
    y = np.where(up, 5.0, -5.0) * x + rng.normal(0, 2, rows)
    colour = np.where(rng.random(rows) < np.where(up, 0.8, 0.3), "red", "blue")
    return pd.DataFrame(
        {"way": np.where(up, "up", "down"), "x": x.round(2), "y": y.round(1), "colour": colour}
    )


SCHEMA, TOKENS = Schema.infer(planted()), ("way", "colour")


def largest_gap(made: pd.DataFrame, table: pd.DataFrame) -> float:
    """How far the share of a way or a colour lies from that of the table, at most."""
    gaps = [made[name].value_counts(True) - table[name].value_counts(True) for name in TOKENS]
    return np.max([gap.abs().max() for gap in gaps])  # not a number, if nothing is shared


@pytest.fixture(scope="module")
def model() -> GANSynthesizer:
    table = planted()
    return GANSynthesizer(epochs=120, units=64, group_by=["way"]).fit(table)


def test_dependence_within_the_groups_is_learned(model):
    synthetic = model.sample(4_000)
    for way, sign in (("up", 1), ("down", -1)):
        rows = synthetic[synthetic["way"] == way]
        assert sign * rows["x"].corr(rows["y"]) > 0.8  # 0.93 in the table
    assert abs((synthetic["way"] == "up").mean() - (planted()["way"] == "up").mean()) < 0.02


def test_margins_are_those_of_the_table_in_each_group(model):
    table, synthetic = planted(), model.sample(8_000)
    for way in ("up", "down"):
        real, made = table[table["way"] == way], synthetic[synthetic["way"] == way]
        assert abs((real["colour"] == "red").mean() - (made["colour"] == "red").mean()) < 0.06
        assert kstest(made["y"], real["y"]).statistic < 0.1


def test_what_one_column_determines_is_learned():
    """Cells drawn apart from each other, as by a generator of whole rows, would be right by
    chance."""
    rng = np.random.default_rng(0)
    town = rng.integers(0, 12, 1_500)
    table = pd.DataFrame({"town": np.array(list("abcdefghijkl"))[town], "region": town % 3})
    made = GANSynthesizer(epochs=60).fit(table.astype({"region": str})).sample(2_000)
    determined = made["town"].map(lambda letter: str("abcdefghijkl".index(letter) % 3))
    assert (made["region"] == determined).mean() > 0.97


def test_a_condition_follows_bayes_rule(model):
    table = planted()
    real = (table.loc[table["colour"] == "red", "way"] == "up").mean()
    made = model.sample(3_000, given={"colour": "red"})
    assert (made["colour"] == "red").all()
    assert abs((made["way"] == "up").mean() - real) < 0.06


def test_a_given_number_is_met_by_rows_that_come_near_it(model):
    made = model.sample(2_000, given={"way": "up", "y": 5.0})
    assert (made["y"] == 5).all() and (made["way"] == "up").all()
    assert made["x"].mean() == pytest.approx(25 / 29, abs=0.25)  # x and y are jointly normal
    assert made["x"].std() < 0.6  # 1 in the table


def test_the_first_column_is_the_group_of_the_numbers_and_then_the_fewest_tokens():
    rng = np.random.default_rng(0)
    job = rng.integers(0, 4, 1_000)
    table = pd.DataFrame(
        {
            "height": rng.normal(size=1_000),
            "pay": job + rng.normal(0, 0.1, 1_000),
            "side": rng.choice(["l", "m", "r"], 1_000),
            "coin": rng.choice(["h", "t"], 1_000),
            "job": np.array(list("abcd"))[job],
        }
    )
    model = GANSynthesizer(epochs=1).fit(table)
    assert model.order_ == ["job", "coin", "side", "height", "pay"]
    model.group_by = ["side", "job"]
    assert model._drawing_order() == ["side", "job", "coin", "height", "pay"]


def test_the_generator_starts_as_the_independent_model():
    table = planted()
    model = GANSynthesizer(epochs=1, learning_rate=1e-12, group_by=["way"]).fit(table)
    synthetic = model.sample(6_000)
    up = synthetic[synthetic["way"] == "up"]
    assert abs(up["x"].corr(up["y"])) < 0.1  # 0.93 in the table
    assert kstest(synthetic["y"], table["y"]).statistic < 0.03
    assert largest_gap(synthetic, table) < 0.04


def test_what_is_drawn_passes_gradients():
    """Straight-through Gumbel-softmax: the value is a hard choice, the slope that of the soft
    one."""
    logits = tf.Variable(np.log([[0.2, 0.5, 0.3]] * 4_000), dtype=tf.float32)
    with tf.GradientTape() as tape:
        drawn = hard_choice(logits, tf.constant([1, 2]), 0.5)
        first = tf.reduce_sum(drawn[:, 0])
    np.testing.assert_allclose(np.sort(drawn.numpy(), axis=1), [[0, 0, 1]] * 4_000, atol=1e-6)
    np.testing.assert_allclose(drawn.numpy().mean(axis=0), [0.2, 0.5, 0.3], atol=0.03)
    assert (tape.gradient(first, logits).numpy()[:, 0] > 0).mean() > 0.9


def test_a_cell_sees_those_before_it_and_no_other():
    rng = np.random.default_rng(0)
    network = Generator([3, 2, 0], [0, 0, 0], 4, 8, rng)
    network.weights[4].assign(rng.normal(size=(8, 7)))  # outputs start at nought
    noise, key = tf.zeros([1, 4]), tf.constant([1, 2])
    given = {0: [[1.0, 0, 0]], 1: [[1.0, 0]], 2: [[0.5]]}

    def log_chance(place, token):
        changed = given | {place: [[*np.eye(3)[token]]]} if place == 0 else given
        return network.write(
            noise, key, 1.0, {j: tf.constant(c, tf.float32) for j, c in changed.items()}
        )

    cells, first = log_chance(0, 0)
    assert [cell.shape[1:] for cell in cells] == [(1, 3), (1, 2), (1, 1)]
    assert float(log_chance(0, 1)[1][0]) != pytest.approx(float(first[0]), abs=1e-4)
    given[2] = [[-2.0]]
    assert float(log_chance(0, 0)[1][0]) == float(first[0])  # the last cell is told to nobody
    alone = network.write(noise, key, 1.0, {0: tf.constant(given[0])})[1]
    assert float(alone[0]) == pytest.approx(np.log(1 / 3), abs=1e-6)


@pytest.fixture
def favouring(model) -> GANSynthesizer:
    """The model with a critic whose marks are 3 for the first token of all, "down", else 0."""
    generator = model._build(np.random.default_rng(0)).generator
    for weight, fitted in zip(generator.weights, model._network.generator.weights):
        weight.assign(fitted)
    weights = np.zeros((generator.width, 1), np.float32)
    weights[0] = 3.0
    critic = keras.Sequential([keras.Input([len(weights)]), keras.layers.Dense(1)])
    critic.set_weights([weights, np.zeros(1, np.float32)])
    favouring = copy(model)
    favouring._network = _Pair(generator, critic)
    return favouring


def test_rows_that_the_critic_marks_high_are_kept(favouring):
    odds = np.exp(3) * np.exp(-np.diff(favouring._network.generator.weights[START][:2])[0])
    made = (favouring.sample(4_000)["way"] == "down").mean()
    assert made == pytest.approx(odds / (1 + odds), abs=0.02)


def test_tokens_are_kept_as_often_as_counted_whatever_the_marks(favouring):
    table = planted()
    columns = {column.name: to_array(table[column.name], column) for column in SCHEMA.columns}
    cells = favouring.rows_.encode(columns, np.random.default_rng(0))
    favouring._calibrate([cells[name] for name in favouring.order_], np.random.default_rng(0))
    made = favouring.sample(4_000)
    assert largest_gap(made, table) < 0.02


def test_numbers_are_kept_as_the_table_spreads_them_whatever_training_made_of_them():
    """Two hills: a mean and a spread alone cannot make them."""
    rng = np.random.default_rng(0)
    hills = rng.normal(0, 1, 2_000) + np.where(rng.random(2_000) < 0.3, 12, 0)
    table = pd.DataFrame({"hills": hills.round(2)})
    made = GANSynthesizer(epochs=1, learning_rate=1e-12).fit(table).sample(8_000)
    assert kstest(made["hills"], table["hills"]).statistic < 0.02


def test_an_interrupted_fit_keeps_the_margins_too(monkeypatch):
    table = planted()

    def interrupted(self, *arguments, **options):
        trained(self, *arguments, **options)
        raise KeyboardInterrupt

    trained = GANSynthesizer._train
    monkeypatch.setattr(GANSynthesizer, "_train", interrupted)
    model = GANSynthesizer(epochs=10)
    with pytest.raises(KeyboardInterrupt):
        model.fit(table)
    made = model.sample(8_000)
    assert largest_gap(made, table) < 0.02
    assert kstest(made["y"], table["y"]).statistic < 0.03


def test_steepness_of_a_known_slope():
    """A critic w x has slope |w| everywhere."""
    weights = np.array([[3.0], [4.0]], dtype=np.float32)
    critic = keras.Sequential([keras.Input([2]), keras.layers.Dense(1, use_bias=False)])
    critic.set_weights([weights])
    rows = tf.random.stateless_normal([16, 2], [1, 2])
    assert float(marks_and_steepness(critic, rows)[1]) == pytest.approx(25, rel=1e-4)


def test_neighbouring_bins_look_alike_and_missing_like_none():
    view = ordered_view(20, 21)
    near, far = (np.linalg.norm(view[0] - view[other]) for other in (1, 19))
    assert near < far and not view[20, 21:].any()


def test_the_checkpoint_of_another_table_is_refused(tmp_path):
    path = tmp_path / "gan"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(SavedModelError, match="no whole checkpoint"):
        GANSynthesizer(epochs=2, checkpoint=str(path)).fit(planted(100))


def test_a_runaway_fit_names_a_column_and_keeps_the_last_good_state():
    model = GANSynthesizer(epochs=300, units=16, learning_rate=1e18)
    with pytest.raises(TrainingError, match=r"column '(y|way)'"):
        model.fit(planted(200)[["way", "y"]])
    assert len(model.sample(20)) == 20


BAD = {
    "zero epochs": ({"epochs": 0}, "epochs must be a whole number of 1 or more"),
    "half a batch": ({"batch_size": 0.5}, "batch_size must be a whole number"),
    "no rate": ({"learning_rate": 0.0}, "learning_rate must be a number above 0"),
    "no noise": ({"noise": 0}, "noise must be a whole number"),
    "groups of a number": ({"group_by": ["x"]}, "group_by must name categories.*way, colour"),
    "groups of another table": ({"group_by": ["App"]}, "group_by must name categories.*'App'"),
    "groups named twice": ({"group_by": ["way", "way"]}, "each once"),
    "a negative penalty": ({"penalty": -1.0}, "penalty must be a number of 0 or more"),
    "groups that are no list": ({"group_by": "way"}, "group_by must be a list of column names"),
    "groups without a name": ({"group_by": [1]}, r"group_by must be a list .* not \[1\]"),
    "frozen": ({"temperature": 0}, "temperature must be a number above 0, not 0"),
    "no average": ({"average": np.nan}, "average must be a number of 0 or more"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_options_get_one_clear_error(case):
    options, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        GANSynthesizer(**options).fit(planted(50))


def test_groups_that_never_came_together_are_met_by_the_nearest():
    table = pd.DataFrame({"a": list("xy") * 20, "b": list("uv") * 20, "n": range(40)})
    model = GANSynthesizer(epochs=1, units=8, group_by=["a", "b"]).fit(table)
    rows = model.sample(9, {"a": "x", "b": "v"})
    assert (rows[["a", "b"]] == ["x", "v"]).all(axis=None)


@pytest.mark.parametrize("batch_size", [1_000, 7])
def test_a_batch_larger_than_the_table_and_an_odd_one(batch_size):
    table = planted(30)[["way", "x"]]
    assert len(GANSynthesizer(epochs=1, batch_size=batch_size).fit(table).sample(5)) == 5


def test_a_loaded_model_meets_conditions_too(model, tmp_path):
    model.save(tmp_path / "gan")
    loaded = Synthesizer.load(tmp_path / "gan")
    wanted = {"way": "up", "colour": "blue"}
    pd.testing.assert_frame_equal(loaded.sample(40, given=wanted), model.sample(40, given=wanted))


def test_many_columns_are_drawn_in_few_blocks_of_one_kind():
    kinds = [(2, 0)] * 30 + [(5, 5)] * 40 + [(0, 0)] * 30
    blocks = blocks_of(*zip(*kinds))
    assert len(blocks) <= 26 and blocks[0].columns == 1
    for block in blocks:
        places = range(block.first, block.first + block.columns)
        assert {kinds[place] for place in places} == {kinds[block.first]}
    assert sum(block.columns for block in blocks) == 100
    assert [block.columns for block in blocks_of([3] * 24, [0] * 24)] == [1] * 24


def test_a_given_cell_is_set_among_those_of_its_block():
    network = Generator([2] * 30, [0] * 30, 4, 8, np.random.default_rng(0))
    given = {2: tf.constant([[0.0, 1.0]] * 50)}
    cells, log_chance = network.write(tf.zeros([50, 4]), tf.constant([1, 2]), 1.0, given)
    assert cells[1].shape == (50, 2, 2) and network.row(cells).shape == (50, 60)
    assert (cells[1].numpy()[:, 1] == [0, 1]).all()
    assert 0.2 < cells[1].numpy()[:, 0, 1].mean() < 0.8
    np.testing.assert_allclose(log_chance, np.log(0.5), rtol=1e-5)


def test_few_rows_get_fewer_steps_and_a_critic_that_is_less_steep():
    model = GANSynthesizer(penalty=0.1)
    assert [model._steps(rows) for rows in (30, 400, 2_000, 12_800)] == [200, 400, 1_000, 2_000]
    assert GANSynthesizer(epochs=10)._steps(1_280) == 100
    assert [model._penalty(rows) for rows in (500, 5_000, 9_000)] == [1.0, 0.1, 0.1]
