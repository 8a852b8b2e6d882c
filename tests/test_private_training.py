"""DP-SGD: single gradients equal a slow loop, noise and samples are as the accountant assumes, and
an audit finds what is broken."""

from __future__ import annotations

import numpy as np
import pytest

from utils.privacy import (
    Budget,
    LinearParts,
    PrivacyError,
    PrivatePlan,
    RatePlan,
    add_noise,
    clipped_sum,
    clipped_sum_of_parts,
    epsilon_from_one_run,
    poisson_sample,
    train_privately,
    training,
)
from utils.privacy.parts import PLAIN
from utils.synthesizers.autoregressive.network import CellNetwork
from utils.synthesizers.vae.networks import RowNetwork
from utils.training import keras, tf

ROWS, CODES, INPUTS, CLIP = 12, 5, 3, 0.5


def dense_network(seed: int = 0):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(4, "tanh"), keras.layers.Dense(1, use_bias=False)]
    return keras.Sequential([keras.Input([INPUTS]), *layers])


def table(rows: int = ROWS, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, INPUTS)).astype(np.float32)
    return [inputs, (inputs[:, :1] * 2 + rng.normal(size=(rows, 1))).astype(np.float32)]


def squared_errors(network):
    return lambda rows: tf.reduce_sum((network(rows[0]) - rows[1]) ** 2, axis=1)


def squared_errors_by_parts(network):
    def losses(rows, parts):
        return tf.reduce_sum((parts.dense(network.layers, rows[0]) - rows[1]) ** 2, axis=1)

    return losses


def slow_gradients(losses, weights, batch) -> list[list]:
    """The definition: a loop over the rows in Python, each row's gradients in float64."""
    found = []
    for row in range(len(batch[0])):
        with tf.GradientTape() as tape:
            loss = losses([cells[row : row + 1] for cells in batch])[0]
        values = [weight.value for weight in weights]
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        found.append([np.asarray(tf.convert_to_tensor(g), np.float64) for g in gradients])
    return found


def slow_lengths(gradients: list[list]) -> np.ndarray:
    return np.array([np.sqrt(sum((part**2).sum() for part in row)) for row in gradients])


def slow_sum(gradients: list[list], clip: float) -> list:
    factors = np.minimum(1, clip / slow_lengths(gradients))
    return [sum(factor * part for factor, part in zip(factors, parts)) for parts in zip(*gradients)]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, atol=1e-6, rtol=0)


# --- gradients ---


def test_single_gradients_of_any_network_equal_a_slow_loop():
    network, batch = dense_network(), table()
    gradients = slow_gradients(squared_errors(network), network.weights, batch)
    lengths = slow_lengths(gradients)
    assert lengths.min() < CLIP < lengths.max(), "some rows are clipped, some are not"
    found = clipped_sum(squared_errors(network), network.weights, batch, CLIP)
    assert_same(found, slow_sum(gradients, CLIP))


def test_single_gradients_by_parts_equal_a_slow_loop():
    network, batch = dense_network(), table()
    gradients = slow_gradients(squared_errors(network), network.weights, batch)
    by_parts = squared_errors_by_parts(network)
    found = clipped_sum_of_parts(by_parts, network.weights, batch, CLIP)
    assert_same(found, slow_sum(gradients, CLIP))


KEY = (1, 2)


def row_network(rng):
    """The VAE's networks with a number told by functions, and a told target."""
    functions = [None, rng.normal(size=(6, 4)).astype(np.float32), None]
    return RowNetwork(functions, [2, 6, 4], True, 5, 2, rng)


def cell_network(rng):
    """The autoregressive network with a number whose bins share."""
    kernels = [None, rng.normal(size=(6, 6)).astype(np.float32), None]
    return CellNetwork([2, 6, 4], kernels, 5, rng)


def row_losses(network, rows, parts):
    """A loss a row, float32 (n,): ``rows`` are codes (n, 3) and noise (n, 2), if it is for them."""
    if isinstance(network, CellNetwork):
        return tf.add_n(network.row_losses(rows[0], parts))
    columns, distances = network.losses(rows[0], tf.constant(KEY), parts)
    return tf.add_n(columns) + distances


@pytest.mark.parametrize("build", [row_network, cell_network])
def test_a_network_by_parts_is_the_network_and_its_single_gradients_equal_a_slow_loop(
    build, monkeypatch
):
    rng = np.random.default_rng(0)
    network = build(rng)
    for weight in network.weights:
        weight.assign(rng.normal(0, 0.3, weight.shape))
    codes = np.stack([rng.integers(size, size=CODES) for size in network.sizes], axis=1)
    batch = [tf.constant(codes.astype(np.int32)), rng.normal(size=(CODES, 2)).astype(np.float32)]
    plain = row_losses(network, batch, PLAIN)
    whole = row_losses(network, batch, LinearParts(network.weights))
    np.testing.assert_allclose(whole, plain, rtol=1e-5)
    noise = tf.random.stateless_normal([CODES, 2], KEY).numpy()

    def of_one(row):  # the row's own noise, as if it stood in the batch
        rows = [cells[row : row + 1] for cells in batch]
        monkeypatch.setattr(tf.random, "stateless_normal", lambda *_: tf.constant(noise[[row]]))
        return lambda _: row_losses(network, rows, PLAIN)

    loops = [slow_gradients(of_one(row), network.weights, [batch[0][:1]]) for row in range(CODES)]
    monkeypatch.undo()
    gradients = [loop[0] for loop in loops]
    clip = float(np.median(slow_lengths(gradients)))
    expected = slow_sum(gradients, clip)
    found = clipped_sum_of_parts(
        lambda rows, parts: row_losses(network, rows, parts), network.weights, batch, clip
    )
    assert_same([part / clip for part in found], [part / clip for part in expected])


def test_rows_in_pieces_and_no_rows_at_all(monkeypatch):
    network, batch = dense_network(), table()
    losses, weights = squared_errors(network), network.weights
    whole = clipped_sum(losses, weights, batch, CLIP)
    monkeypatch.setattr("utils.privacy.gradients.NUMBERS_AT_ONCE", 5 * 16)
    assert_same(clipped_sum(losses, weights, batch, CLIP), whole)
    nothing = [np.zeros(weight.shape) for weight in weights]
    none = [tf.constant(cells[:0]) for cells in batch]
    assert_same(clipped_sum(losses, weights, none, CLIP), nothing)
    by_parts = squared_errors_by_parts(network)
    assert_same(clipped_sum_of_parts(by_parts, weights, none, CLIP), nothing)


def test_one_wild_row_moves_the_sum_by_the_clip_at_most():
    network, batch = dense_network(), table()
    wild = [np.concatenate([cells, np.full_like(cells[:1], 1e4)]) for cells in batch]
    for way, losses in (
        (clipped_sum, squared_errors(network)),
        (clipped_sum_of_parts, squared_errors_by_parts(network)),
    ):
        sums = [way(losses, network.weights, rows, CLIP) for rows in (batch, wild)]
        moved = np.sqrt(sum(((a - b).numpy() ** 2).sum() for a, b in zip(*sums)))
        assert moved == pytest.approx(CLIP, rel=1e-4)


@pytest.mark.parametrize("planted", [np.nan, np.inf, 1e30])
def test_a_row_without_a_finite_gradient_adds_nothing(planted):
    """1e30: finite, but its square is not in float32."""
    network, batch = dense_network(), table()
    marked = [np.concatenate([cells, np.full_like(cells[:1], planted)]) for cells in batch]
    for way, losses in (
        (clipped_sum, squared_errors(network)),
        (clipped_sum_of_parts, squared_errors_by_parts(network)),
    ):
        without, found = [way(losses, network.weights, rows, CLIP) for rows in (batch, marked)]
        assert_same(found, without)


def test_a_row_without_a_finite_gradient_adds_nothing_by_any_kind_of_part():
    """Rows by number, outputs against a table's rows, and maps side by side."""
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), rng.normal(size=(2, 4, 1))
    weights = [keras.Variable(start.astype(np.float32)) for start in (*numbers, np.ones((2, 1)))]

    def losses(rows, parts):
        found = parts.lookup(rows[0], weights[0]) * rows[1]
        told = parts.transposed(found, weights[1])
        beside = parts.stacked(tf.stack([found, found]), weights[2], weights[3])
        return tf.reduce_sum(told, axis=1) + tf.reduce_sum(beside, axis=[0, 2])

    codes, factors = np.array([0, 1, 2, 1], np.int32), np.ones((4, 1), np.float32)
    factors[3] = np.nan
    without, found = [
        clipped_sum_of_parts(losses, weights, [codes[:n], factors[:n]], CLIP) for n in (3, 4)
    ]
    assert_same(found, without)


def test_parts_refuse_what_they_cannot_sum():
    network, batch = dense_network(), table()
    weights = network.weights

    def twice(rows, parts):
        return parts.dense(network.layers, tf.tanh(parts.linear(rows[0], weights[0])[:, :3]))[:, 0]

    def left_out(rows, parts):
        return parts.linear(rows[0], weights[0])[:, 0]

    def foreign(rows, parts):
        return parts.dense(dense_network(1).layers, rows[0])[:, 0]

    for losses, message in (
        (twice, "used twice"),
        (left_out, "0 of 4 numbers"),
        (foreign, "not among the weights"),
    ):
        with pytest.raises(PrivacyError, match=message):
            clipped_sum_of_parts(losses, weights, batch, CLIP)
    normed = [keras.layers.LayerNormalization()]
    normed[0].build((None, INPUTS))
    with pytest.raises(PrivacyError, match="LayerNormalization, not a Dense layer.*clipped_sum"):
        LinearParts(weights).dense(normed, batch[0])


# --- samples and noise ---


def test_each_row_joins_by_the_same_chance_and_by_itself():
    rows, rate, steps = 40, 0.3, 1_500
    draw = tf.function(lambda key: poisson_sample(rows, rate, key))
    joined = np.zeros((steps, rows))
    for step in range(steps):
        joined[step, draw(tf.constant([7, step], tf.int64)).numpy()] = 1
    spread = np.sqrt(rate * (1 - rate) / steps)
    assert np.abs(joined.mean(axis=0) - rate).max() < 4.5 * spread
    # the size varies as of independent rows; that of a shuffled table would not vary at all
    assert joined.sum(axis=1).var() == pytest.approx(rows * rate * (1 - rate), rel=0.15)
    assert np.abs(np.corrcoef(joined[:-1].sum(1), joined[1:].sum(1))[0, 1]) < 0.1


def test_noise_has_its_spread_and_is_independent():
    shapes = [(400, 30), (12_000,)]
    noisy = add_noise([tf.ones(shape) for shape in shapes], 2.5, tf.constant([1, 2], tf.int64))
    first, second = (tensor.numpy().ravel() - 1 for tensor in noisy)
    for noise in (first, second):
        assert noise.std() == pytest.approx(2.5, rel=0.03) and abs(noise.mean()) < 0.1
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.04


def test_the_tail_of_the_noise_is_not_that_of_one_draw(monkeypatch):
    """Where TensorFlow draws the most that it can, 5.68, a number of the noise is twice that."""
    most = 5.6777
    monkeypatch.setattr(tf.random, "stateless_normal", lambda shape, key: most * tf.ones(shape))
    (noisy,) = add_noise([tf.zeros(3)], 2.0, tf.constant([1, 2], tf.int64))
    np.testing.assert_allclose(noisy, 2 * 2 * most, rtol=1e-6)


# --- training ---


class Canaries:
    """One weight a row: row i pulls weight i by a gradient far beyond the clip, and no other row
    does. The sum of all noisy steps of weight i is what an attacker knows of row i."""

    def __init__(self, rows: int, seed: int = 0):
        self.member = np.random.default_rng(seed).random(rows) < 0.5
        self.weights = [keras.Variable(np.zeros((rows, 1), np.float32))]
        self.rows = np.flatnonzero(self.member).astype(np.int32)

    def train(self, noise: float, steps: int = 1, batch_size: int | None = None, seed: int = 1):
        rows = len(self.rows)
        plan = PrivatePlan(rows, batch_size or rows, steps, noise, clip=0.1)
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(self.weights)
        self.history = train_privately(
            plan,
            lambda batch, key, clip: clipped_sum_of_parts(
                lambda rows, parts: -50 * parts.lookup(rows[0], self.weights[0])[:, 0],
                self.weights,
                batch,
                clip,
            ),
            [self.rows],
            self.weights,
            optimizer,
            seed=seed,
        )
        return plan

    def audit(self, guesses: int, delta: float) -> float:
        """Lower bound on epsilon by the guesses that the weights make surest."""
        score = self.weights[0].numpy()[:, 0]
        score = score - np.median(score)
        surest = np.argsort(-np.abs(score), kind="stable")[:guesses]
        correct = int(((score > 0) == self.member)[surest].sum())
        return epsilon_from_one_run(correct, guesses, len(score), delta)


def test_a_step_is_the_noisy_clipped_mean_by_the_expected_size():
    canaries = Canaries(4_000)
    plan = canaries.train(noise=0.5)
    moved = canaries.weights[0].numpy()[:, 0] * plan.batch_size
    assert moved[canaries.member].mean() == pytest.approx(plan.clip, rel=0.1)
    assert moved[~canaries.member].mean() == pytest.approx(0, abs=0.1 * plan.clip)
    assert moved[canaries.member].std() == pytest.approx(0.5 * plan.clip, rel=0.1)
    fewer = Canaries(4_000)
    plan = fewer.train(noise=1e-3, batch_size=len(fewer.rows) // 4)
    moved = fewer.weights[0].numpy()[:, 0] * plan.batch_size
    joined = moved > plan.clip / 2
    assert joined.sum() != plan.batch_size
    assert moved[joined].mean() == pytest.approx(plan.clip, rel=5e-4), "by the expected size"


def test_an_audit_keeps_below_what_is_promised_and_finds_noise_that_is_not_scaled(monkeypatch):
    delta = 1e-6
    right = Canaries(2_000)
    promised = right.train(noise=3.0, steps=4).epsilon(delta)
    found = right.audit(200, delta)
    assert 0.3 < found < promised, "the audit sees something, but not too much"
    noise = training.add_noise
    monkeypatch.setattr(
        training, "add_noise", lambda sums, spread, key: noise(sums, spread * 0.1, key)
    )
    wrong = Canaries(2_000)
    wrong.train(noise=3.0, steps=4)
    assert wrong.audit(1_000, delta) > promised + 1


def test_as_many_steps_as_the_plan_says_and_not_one_more():
    canaries = Canaries(30)
    canaries.train(noise=1.0, steps=7)
    assert canaries.history.steps == 7
    # a number above 100 that no number from 2 to 100 divides
    canaries.train(noise=1.0, steps=101)
    assert canaries.history.steps == 101


def test_a_seed_repeats_a_run_and_none_does_not():
    runs = []
    for seed in (3, 3, 4, None, None):
        canaries = Canaries(30)
        canaries.train(noise=1.0, steps=3, seed=seed)
        runs.append(canaries.weights[0].numpy())
    assert np.array_equal(runs[0], runs[1])
    assert len({run.tobytes() for run in runs}) == 4


def test_it_learns_under_noise():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(4_000, 2)).astype(np.float32)
    data = [inputs, inputs @ np.array([[1.0], [-0.5]], np.float32)]
    network = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.2)
    optimizer.build(network.weights)
    plan = PrivatePlan.for_budget(Budget(2.0, 1e-5), 4_000, 400, 100, accountant="rdp")
    by_parts = squared_errors_by_parts(network)
    train_privately(
        plan,
        lambda batch, key, clip: clipped_sum_of_parts(by_parts, network.weights, batch, clip),
        data,
        network.weights,
        optimizer,
        seed=0,
    )
    assert plan.epsilon(1e-5, "rdp") == pytest.approx(2.0, rel=0.01)
    np.testing.assert_allclose(network.weights[0].numpy().ravel(), [1.0, -0.5], atol=0.1)


# --- plans ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 101}, "cannot expect 101 of 100 rows"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"rows": 99.5}, "rows must be a whole number"),
        ({"noise_multiplier": 0.0}, "noise_multiplier must be a finite number above 0"),
        ({"clip": float("inf")}, "clip must be a finite number above 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change, message):
    plan = {"rows": 100, "batch_size": 10, "steps": 5, "noise_multiplier": 1.0}
    with pytest.raises(ValueError, match=message):
        PrivatePlan(**plan | change)


def test_a_delta_that_would_publish_a_row_is_refused():
    with pytest.raises(PrivacyError, match=r"must be below 1 / rows = 0\.01"):
        PrivatePlan.for_budget(Budget(1.0, 0.01), 100, 10, 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampling_rate": 0.0}, "chance of a row to join a step"),
        ({"steps": 1.5}, "steps must be a whole number"),
        ({"noise_multiplier": -1.0}, "noise_multiplier must be a finite number above 0"),
        ({"clip": 0.0}, "clip must be a finite number above 0"),
        ({"batch_size": 0.0}, "batch_size must be a finite number above 0"),
    ],
)
def test_a_plan_by_rate_that_cannot_be_is_refused(change, message):
    plan = {"sampling_rate": 0.1, "steps": 5, "noise_multiplier": 1.0, "clip": 1.0}
    with pytest.raises(ValueError, match=message):
        RatePlan(**plan | {"batch_size": 10.0} | change)


def test_arrays_must_be_of_the_plan():
    with pytest.raises(ValueError, match=r"plan is for 100 rows; the arrays have \[12, 12\]"):
        train_privately(PrivatePlan(100, 10, 5, 1.0), None, table(), [], None)
