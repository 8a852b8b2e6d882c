"""The GAN against planted truth: dependence learned, margins exact, conditions by Bayes' rule,
faults named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from utils.saving import SavedModelError
from utils.schema import Schema
from utils.synthesizers import GANSynthesizer, Synthesizer
from utils.synthesizers.gan.networks import steepness
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
        assert abs((real["colour"] == "red").mean() - (made["colour"] == "red").mean()) < 0.04
        assert kstest(made["y"], real["y"]).statistic < 0.06


def test_a_condition_follows_bayes_rule(model):
    table = planted()
    real = (table.loc[table["colour"] == "red", "way"] == "up").mean()
    made = model.sample(3_000, given={"colour": "red"})
    assert (made["colour"] == "red").all()
    assert abs((made["way"] == "up").mean() - real) < 0.06


def test_a_number_that_is_common_is_met_by_rows_that_have_it():
    rng = np.random.default_rng(0)
    count = rng.poisson(20, 1_200)
    table = pd.DataFrame({"count": count, "double": 2 * count + rng.integers(0, 2, 1_200)})
    model = GANSynthesizer(epochs=150, units=64).fit(table)
    made = model.sample(500, given={"count": 20})
    assert (made["count"] == 20).all()
    assert abs(made["double"].median() - 40) <= 3


def test_groups_are_the_target_and_what_tells_most():
    rng = np.random.default_rng(0)
    job = rng.integers(0, 4, 3_000)
    table = pd.DataFrame(
        {
            "job": np.array(list("abcd"))[job],
            "rank": np.array(list("wxyz"))[np.where(rng.random(3_000) < 0.9, job, 0)],
            "coin": rng.choice(["h", "t"], 3_000),
            "rich": np.where(job + rng.normal(size=3_000) > 2, "yes", "no"),
        }
    )
    model = GANSynthesizer(epochs=1).fit(table, schema=Schema.infer(table, target="rich"))
    assert model.rows_.group_by == ["rich", "job"]


def test_the_generator_starts_as_the_independent_model():
    table = planted()
    model = GANSynthesizer(epochs=1, learning_rate=1e-12, group_by=["way"]).fit(table)
    synthetic = model.sample(6_000)
    up = synthetic[synthetic["way"] == "up"]
    assert abs(up["x"].corr(up["y"])) < 0.2  # 0.93 in the table
    assert kstest(synthetic["y"], table["y"]).statistic < 0.03
    red = synthetic.groupby("way")["colour"].apply(lambda colour: (colour == "red").mean())
    assert abs(red["up"] - 0.8) < 0.04 and abs(red["down"] - 0.3) < 0.04


def test_what_is_drawn_passes_gradients():
    """Straight-through Gumbel-softmax: the value is a hard choice, the slope that of the soft
    one."""
    model = GANSynthesizer(epochs=1).fit(planted(300))
    generator = model._build(np.random.default_rng(0))
    group = tf.zeros([64], tf.int32)
    with tf.GradientTape() as tape:
        rows = model._generate(generator, group, tf.constant([1, 2]))
        first = tf.reduce_sum(rows[:, 0])
    tokens = rows.numpy()[:, : model.rows_.sizes[0]]
    np.testing.assert_allclose(np.sort(tokens, axis=1)[:, -1], 1, atol=1e-6)
    np.testing.assert_allclose(tokens.sum(axis=1), 1, atol=1e-6)
    assert np.abs(tape.gradient(first, generator.trainable_variables)[0].numpy()).sum() > 0


def test_gradient_penalty_of_a_known_slope():
    """A critic w x has slope |w| everywhere, so the penalty is (|w| - 1) squared."""
    weights = np.array([[3.0], [4.0]], dtype=np.float32)
    critic = keras.Sequential([keras.Input([2]), keras.layers.Dense(1, use_bias=False)])
    critic.set_weights([weights])
    real, fake = (
        tf.random.stateless_normal([16, 2], [1, 2]),
        tf.random.stateless_normal([16, 2], [3, 4]),
    )
    assert float(steepness(critic, real, fake, tf.constant([5, 6]))) == pytest.approx(16, rel=1e-4)


def test_the_checkpoint_of_another_table_is_refused(tmp_path):
    path = tmp_path / "gan"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(SavedModelError, match="no whole checkpoint"):
        GANSynthesizer(epochs=2, checkpoint=str(path)).fit(planted(100))


def test_a_runaway_fit_names_a_column_and_keeps_the_last_good_state():
    model = GANSynthesizer(epochs=300, units=16, learning_rate=1e18)
    with pytest.raises(TrainingError, match=r"column '(x|y|colour|way)'"):
        model.fit(planted(200))
    assert len(model.sample(20)) == 20


BAD = {
    "zero epochs": ({"epochs": 0}, "epochs must be a whole number of 1 or more"),
    "half a batch": ({"batch_size": 0.5}, "batch_size must be a whole number"),
    "no rate": ({"learning_rate": 0.0}, "learning_rate must be a number above 0"),
    "no rows judged": ({"pack": 0}, "pack must be a whole number"),
    "groups of a number": ({"group_by": ["x"]}, "group_by must name categories.*way, colour"),
    "groups of another table": ({"group_by": ["App"]}, "group_by must name categories.*'App'"),
    "a negative penalty": ({"penalty": -1.0}, "penalty must be a number from 0"),
    "groups that are no list": ({"group_by": "way"}, "group_by must be a list of column names"),
    "groups without a name": ({"group_by": [1]}, r"group_by must be a list .* not \[1\]"),
    "frozen": ({"temperature": 0}, "temperature must be a number above 0, not 0"),
    "no average": ({"average": np.nan}, "average must be a number from 0"),
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


def test_groups_of_all_columns_leave_nothing_to_generate():
    table = pd.DataFrame({"a": list("xy") * 20, "b": list("xxyy") * 10})
    with pytest.raises(ValueError, match="not all columns"):
        GANSynthesizer(group_by=["a", "b"]).fit(table)


def test_a_batch_larger_than_the_table_and_an_odd_one():
    table = planted(30)
    assert len(GANSynthesizer(epochs=2, batch_size=1_000).fit(table).sample(5)) == 5
    assert len(GANSynthesizer(epochs=1, batch_size=7, pack=3).fit(table).sample(5)) == 5


def test_a_loaded_model_meets_conditions_too(model, tmp_path):
    model.save(tmp_path / "gan")
    loaded = Synthesizer.load(tmp_path / "gan")
    wanted = {"way": "up", "colour": "blue"}
    pd.testing.assert_frame_equal(loaded.sample(40, given=wanted), model.sample(40, given=wanted))
