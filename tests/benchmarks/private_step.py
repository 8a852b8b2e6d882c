"""A training step with and without privacy: same networks, batch, optimiser.

The networks are those that :class:`utils.synthesizers.VAESynthesizer` and
:class:`utils.synthesizers.AutoregressiveSynthesizer` build for screen time.
"""

from __future__ import annotations

import time

import numpy as np

from utils.privacy import (
    LinearParts,
    PrivatePlan,
    clipped_sum,
    clipped_sum_of_parts,
    train_privately,
)
from utils.privacy.parts import PLAIN
from utils.synthesizers import SYNTHESIZERS
from utils.tables import load_screentime, screentime_schema
from utils.training import History, keras, tf, train

BATCH, STEPS, FEW_STEPS = 128, 1_000, 200
WAYS = ("plain", "parts", "vectorised")
DONE = 1.0  # the divergence counts whole


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


def seconds_a_step(method: str) -> dict[str, float]:
    """Seconds a step of a method's network: plain, private by linear parts, and private by
    vectorised gradients."""
    table = load_screentime().drop(columns="Date")
    model = SYNTHESIZERS[method](epochs=1).fit(table, schema=screentime_schema(table))
    rng = np.random.default_rng(0)
    sizes = model.codes_.sizes[model._places]
    codes = np.stack([rng.integers(size, size=len(table)) for size in sizes], 1)
    return {name: _seconds(model, codes.astype(np.int32), name) for name in WAYS}


def _seconds(model, codes, name) -> float:
    network = model._build(np.random.default_rng(0))
    network.start_from(codes)
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(network.weights)
    marks = Marks()
    if name == "plain":
        _train_plainly(model, network, optimizer, codes, marks)
        return marks.per_step

    def clipped(batch, key, clip):
        def losses(rows, parts=None):
            parts = parts or LinearParts(network.weights)
            return model._row_losses(network, rows[0], key, DONE, parts)

        way = clipped_sum_of_parts if name == "parts" else clipped_sum
        return way(losses, network.weights, batch, clip)

    plan = PrivatePlan(len(codes), BATCH, STEPS if name == "parts" else FEW_STEPS, 1.0)
    train_privately(plan, clipped, [codes], network.weights, optimizer, seed=0, history=marks)
    return marks.per_step


def _train_plainly(model, network, optimizer, codes, marks) -> None:
    def step(batch, key):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model._row_losses(network, batch[0], key, DONE, PLAIN))
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
