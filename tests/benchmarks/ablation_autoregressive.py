"""The autoregressive network from a textbook's to the one in utils, each cure taken away alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from unittest.mock import patch

import numpy as np
import pandas as pd

from utils.schema import Schema
from utils.synthesizers import AutoregressiveSynthesizer, neural
from utils.training import keras

EPOCHS = 30


class TextbookChain:
    """Least squares: a network for the mean of each number given those before it, fixed noise.

    Numbers are scaled to 0-1, the category is drawn by its shares and enters one-hot.
    """

    def fit(self, train: pd.DataFrame, schema: Schema, seed: int) -> TextbookChain:
        """Fit one network a number, from left to right."""
        self.schema, self.rng = schema, np.random.default_rng(seed)
        self.apps = train["App"].to_numpy()
        self.numbers = [column.name for column in schema.columns if not column.discrete]
        self.low, self.high = train[self.numbers].min(), train[self.numbers].max()
        scaled = ((train[self.numbers] - self.low) / (self.high - self.low)).to_numpy(
            dtype=np.float32
        )
        seen, self.networks = pd.get_dummies(train["App"]).to_numpy(dtype=np.float32), []
        self.apps_one_hot = seen
        for target in scaled.T:
            network = dense_network(seed)
            network.fit(seen, target, epochs=EPOCHS, batch_size=64, verbose=0)
            noise = float(np.std(target - network(seen).numpy()[:, 0]))
            self.networks.append((network, noise))
            seen = np.column_stack([seen, target])
        return self

    def sample(self, n: int) -> pd.DataFrame:
        """Draw n rows, cut to the range of the training table and rounded."""
        rows = self.rng.integers(len(self.apps), size=n)
        seen, width = self.apps_one_hot[rows], self.apps_one_hot.shape[1]
        for network, noise in self.networks:
            drawn = network(seen).numpy()[:, 0] + noise * self.rng.standard_normal(n)
            seen = np.column_stack([seen, drawn.clip(0, 1).astype(np.float32)])
        numbers = seen[:, width:] * (self.high - self.low).to_numpy() + self.low.to_numpy()
        table = pd.DataFrame(np.rint(numbers).astype(np.int64), columns=self.numbers)
        return table.assign(App=self.apps[rows])[self.schema.names]


def dense_network(seed: int):
    """Inputs -> 64 -> 1, trained on squared error."""
    weights = keras.initializers.GlorotUniform(seed=seed)
    network = keras.Sequential(
        [
            keras.layers.Dense(64, activation="relu", kernel_initializer=weights),
            keras.layers.Dense(
                1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1)
            ),
        ]
    )
    network.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
    return network


class WithoutLayer(AutoregressiveSynthesizer):
    """The running sum goes straight to the softmax: a relu at zero would never learn."""

    method = ""

    def _build(self, rng):
        network = super()._build(rng)
        for weight in network.weights[1:3]:
            weight.assign(np.zeros(weight.shape))
        return network


def reverse(train: pd.DataFrame, schema: Schema, seed: int):
    """The same network, column by column from the last one to the first."""
    order = schema.names[::-1]
    return AutoregressiveSynthesizer(random_state=seed, order=order).fit(train, schema=schema)


def network(cls=AutoregressiveSynthesizer, constants: dict | None = None, **options) -> Callable:
    """A variant: a class, its options, and constants of utils.synthesizers.neural to change."""

    def fit(train: pd.DataFrame, schema: Schema, seed: int):
        with patch.multiple(neural, **constants) if constants else nullcontext():
            return cls(random_state=seed, **options).fit(train, schema=schema)

    return fit


KEEP_THE_LAST = {"HELD_OUT": 0.0}
VARIANTS = {
    "textbook: mean and fixed noise": lambda train, schema, seed: TextbookChain().fit(
        train, schema, seed
    ),
    "softmax over bins, no cure": network(
        constants=KEEP_THE_LAST,
        average=0.0,
        epochs=EPOCHS,
        smoothing=0.0,
        ranks_within_groups=False,
    ),
    "all cures": network(),
    "without ranks in the app": network(ranks_within_groups=False),
    "without shared bins": network(smoothing=0.0),
    "without averaged weights": network(average=0.0),
    "without stopping": network(constants=KEEP_THE_LAST, epochs=2 * EPOCHS),
    "without the layer": network(WithoutLayer),
    "with 16 bins": network(bins=16),
    "with columns in reverse": reverse,
}
