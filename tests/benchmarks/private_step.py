"""A training step of the VAE's networks with and without privacy: same networks, batch, optimiser.

The networks are those that :class:`utils.synthesizers.VAESynthesizer` builds for screen time.
"""

from __future__ import annotations

import time
from itertools import accumulate

import numpy as np

from utils.privacy import (
    LinearParts,
    PrivatePlan,
    clipped_sum,
    clipped_sum_of_parts,
    train_privately,
)
from utils.synthesizers import VAESynthesizer
from utils.synthesizers.vae.networks import divergence
from utils.tables import load_screentime, screentime_schema
from utils.training import History, keras, tf, train

BATCH, STEPS, FEW_STEPS = 128, 1_000, 200


def losses_by_parts(network, codes, noise, parts):
    """Loss of each row, float32 (n,): as ``network.losses``, but all weights used by ``parts``.

    noise : float32 (n, latent), standard normal.
    """
    columns, places = tf.unstack(codes, axis=1), np.cumsum([0, *network.widths[:-1]])
    uses = list(zip(network.functions, columns, places, network.widths))
    hidden = tf.nn.silu(tf.add_n([_vector(parts, network.read, *use) for use in uses]))
    mean, log_variance = tf.split(parts.dense(network.encoder.layers, hidden), 2, axis=1)
    points = mean + tf.exp(log_variance / 2) * noise
    told = tf.one_hot(columns[0], network.told)
    state = parts.dense(network.decoder.layers, tf.concat([points, told], axis=1))
    spoken = [_vector(parts, network.speak, *use) for use in uses]
    before = accumulate(spoken[:-1], initial=0 * spoken[0])
    starts = np.cumsum([0, *network.sizes[:-1]])
    losses = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(
            column, _logits(parts, network, tf.concat([state, heard], 1), use, start)
        )
        for column, heard, use, start in zip(columns, before, uses, starts)
    ][1 if network.told else 0 :]
    return tf.add_n(losses) + divergence(mean, log_variance)


def _vector(parts, table, functions, codes, place, width):
    if functions is None:
        return parts.lookup(codes, table, place, width)
    return parts.linear(tf.gather(functions, codes), table, place)


def _logits(parts, network, state, use, start):
    functions, _, place, width = use
    logits = parts.transposed(state, network.output, place, width)
    logits = logits if functions is None else tf.matmul(logits, functions, transpose_b=True)
    return parts.bias(logits, network.base, start)


class Marks(History):
    """A history that notes when it grew."""

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []

    def extend(self, names, block):
        super().extend(names, block)
        self.seconds.append(time.perf_counter())

    @property
    def per_step(self) -> float:
        """Seconds a step, by the median compiled call after the first."""
        return float(np.median(np.diff(self.seconds))) * len(self.seconds) / self.steps


def seconds_a_step() -> dict[str, float]:
    """Seconds a step: plain, private by linear parts, and private by vectorised gradients."""
    table = load_screentime().drop(columns="Date")
    model = VAESynthesizer(epochs=1).fit(table, schema=screentime_schema(table))
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(size, size=len(table)) for size in model._sizes], 1)
    return {
        name: _seconds(model, codes.astype(np.int32), name)
        for name in ("plain", "parts", "vectorised")
    }


def _seconds(model, codes, name) -> float:
    network = model._build(np.random.default_rng(0))
    network.start_from(codes)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.weights)
    marks = Marks()
    if name == "plain":
        _train_plainly(network, optimizer, codes, marks)
        return marks.per_step

    def clipped(batch, key, clip):
        codes, weights = batch[0], network.weights
        noise = tf.random.stateless_normal([tf.shape(codes)[0], model.latent], key)
        if name == "parts":
            return clipped_sum_of_parts(
                lambda rows, parts: losses_by_parts(network, *rows, parts),
                weights,
                [codes, noise],
                clip,
            )
        return clipped_sum(
            lambda rows: losses_by_parts(network, *rows, LinearParts(weights)),
            weights,
            [codes, noise],
            clip,
        )

    plan = PrivatePlan(len(codes), BATCH, STEPS if name == "parts" else FEW_STEPS, 1.0)
    train_privately(plan, clipped, [codes], network.weights, optimizer, seed=0, history=marks)
    return marks.per_step


def _train_plainly(network, optimizer, codes, marks) -> None:
    def step(batch, key):
        with tf.GradientTape() as tape:
            columns, distance = network.losses(batch[0], key)
            loss = tf.reduce_mean(tf.add_n(columns) + distance)
        values = [weight.value for weight in network.weights]
        optimizer.apply(tape.gradient(loss, values), network.weights)
        return {"loss": loss}

    train(
        step,
        [codes],
        network.weights + optimizer.variables,
        steps=STEPS,
        batch_size=BATCH,
        seed=0,
        history=marks,
    )
