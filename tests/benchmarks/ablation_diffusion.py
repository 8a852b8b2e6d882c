"""Diffusion: the textbook version, the version in utils, and that one without each of its cures."""

from __future__ import annotations

from unittest import mock

import numpy as np
from scipy.special import ndtr

from utils.encoding import TableEncoder, grid_step
from utils.encoding.scores import GRID, GroupedScores, NormalScores
from utils.synthesizers.diffusion import DiffusionSynthesizer
from utils.synthesizers.diffusion import rows as diffusion_rows
from utils.synthesizers.neural import seeded
from utils.training import keras, tf, train

STEPS, UNITS = 100, 128
TRAINING_STEPS, BATCH = 3_000, 256


class Textbook:
    """Ho et al. (2020) on a table: columns scaled to 0-1 or one-hot, a network says the noise.

    Betas rise from 1e-4 to 0.2 over 100 steps, so that the last one is noise; sampling goes back
    through all.
    """

    def __init__(self, train_table, schema, seed):
        self.encoder, self.rng = TableEncoder(schema).fit(train_table), np.random.default_rng(seed)
        rows = 2 * self.encoder.transform(train_table) - 1
        self.betas = np.linspace(1e-4, 0.2, STEPS).astype(np.float32)
        self.kept = np.cumprod(1 - self.betas)
        self.network = keras.Sequential([keras.Input([rows.shape[1] + 1])])
        for _ in range(2):
            self.network.add(keras.layers.Dense(UNITS, "silu", kernel_initializer=seeded(self.rng)))
        self.network.add(keras.layers.Dense(rows.shape[1], kernel_initializer=seeded(self.rng)))
        optimizer, kept = keras.optimizers.Adam(1e-3), tf.constant(self.kept)
        optimizer.build(self.network.trainable_variables)

        def step(batch, key):
            time = tf.random.stateless_uniform([BATCH, 1], key, maxval=STEPS, dtype=tf.int32)
            noise, left = tf.random.stateless_normal(batch[0].shape, key + 1), tf.gather(kept, time)
            noisy = tf.sqrt(left) * batch[0] + tf.sqrt(1 - left) * noise
            with tf.GradientTape() as tape:
                seen = tf.concat([noisy, tf.cast(time, tf.float32) / STEPS], axis=1)
                loss = tf.reduce_mean((self.network(seen) - noise) ** 2)
            weights = self.network.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)
            return {"noise": loss}

        variables = [*self.network.variables, *optimizer.variables]
        train(step, [rows], variables, steps=TRAINING_STEPS, batch_size=BATCH, seed=seed)

    def sample(self, n):
        """n rows, by ancestral sampling."""
        rows = self.rng.standard_normal((n, len(self.encoder.names)), dtype=np.float32)
        for time in reversed(range(STEPS)):
            seen = np.column_stack([rows, np.full(n, time / STEPS, np.float32)])
            noise, beta = self.network(seen).numpy(), self.betas[time]
            rows = (rows - beta / np.sqrt(1 - self.kept[time]) * noise) / np.sqrt(1 - beta)
            rows += (
                np.sqrt(beta) * self.rng.standard_normal(rows.shape, dtype=np.float32) * (time > 0)
            )
        return self.encoder.inverse_transform(np.clip((rows + 1) / 2, 0, 1))


class WithScores(DiffusionSynthesizer):
    """The version in utils with other scores: ``of(values, groups, step) -> GroupedScores``."""

    method = ""  # not a method of its own
    of = None

    def _fit_rows(self, columns):
        rows = super()._fit_rows(columns)
        tokens = rows.tokens.encode(columns)
        groups = rows.group(tokens)
        for chosen, name in zip(rows.inside(tokens).T, rows.scores):
            step = grid_step(self.schema_[name])
            rows.scores[name] = self.of(columns[name][chosen], groups[chosen], step)
        return rows


class ExactScores(WithScores):
    """Normal scores that keep the quantiles of the training rows as they are."""

    @staticmethod
    def of(values, groups, step):
        scores = GroupedScores.fit(values, groups, step)
        for number, normal in scores.within.items():
            normal.values = np.quantile(values[groups == number], ndtr(GRID))
        scores.pooled.values = np.quantile(values, ndtr(GRID))
        return scores


class PooledScores(WithScores):
    """Smooth scores of all rows together, whatever the app."""

    @staticmethod
    def of(values, groups, step):
        return GroupedScores(NormalScores.fit(values, step), {})


def without_piles(table, schema, seed):
    """Numbers have no tokens of their own: a pile of zeros is a part of the score."""
    with mock.patch.object(diffusion_rows, "find_piles", lambda values: values[:0]):
        return DiffusionSynthesizer(random_state=seed).fit(table, schema=schema)


def fitted(kind=DiffusionSynthesizer, **options):
    """A variant: the synthesizer with these options."""
    return lambda table, schema, seed: kind(random_state=seed, **options).fit(table, schema=schema)


VARIANTS = {
    "textbook: columns 0-1, Gaussian noise": Textbook,
    "all cures": fitted(),
    "without smooth scores: exact ranks": fitted(ExactScores),
    "without groups: scores over all apps": fitted(PooledScores),
    "without tokens for piles": without_piles,
    "without scores: numbers as 64 bins": fitted(numbers="tokens"),
    "without averaged weights": fitted(average=0.0),
    "with 2 looks instead of 16": fitted(looks=2),
}
