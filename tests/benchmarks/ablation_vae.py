"""The VAE from a textbook's to the one in utils, each cure taken away alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utils.encoding import TableEncoder
from utils.synthesizers import VAESynthesizer
from utils.synthesizers.neural import seeded
from utils.synthesizers.vae import divergence
from utils.synthesizers.vae.networks import RowNetwork
from utils.training import keras, tf, train

EPOCHS, BATCH, LATENT, UNITS = 200, 128, 2, 64


class TextbookVAE:
    """Dense encoder and decoder, squared error, cells scaled 0-1 and one-hot, N(0, I) as prior.

    noise : whether rows get the noise that the decoder learned beside its mean, or are that mean.
    warm_up : share of the steps in which the weight of the divergence rises from 0 to 1.
    """

    def __init__(self, noise: bool, warm_up: float, random_state: int):
        self.noise, self.warm_up, self.random_state = noise, warm_up, random_state

    def fit(self, table, schema):
        """Train on all columns."""
        rng = np.random.default_rng(self.random_state)
        self.encoder = TableEncoder(schema).fit(table)
        rows = self.encoder.transform(table)
        width = rows.shape[1]
        encode, self.decode = (
            self._network(width, 2 * LATENT, rng),
            self._network(LATENT, width, rng),
        )
        self.log_noise = keras.Variable(np.zeros(width, np.float32))
        learned = [self.log_noise] if self.noise else []
        weights = [*encode.trainable_variables, *self.decode.trainable_variables, *learned]
        optimizer = keras.optimizers.Adam(2e-3)
        optimizer.build(weights)
        steps = EPOCHS * len(rows) // BATCH

        def step(batch, key):
            with tf.GradientTape() as tape:
                mean, log_variance = tf.split(encode(batch[0]), 2, axis=1)
                noise = tf.random.stateless_normal(tf.shape(mean), key)
                error = (self.decode(mean + tf.exp(log_variance / 2) * noise) - batch[0]) ** 2
                fit = tf.reduce_sum(
                    error / 2 * tf.exp(-2 * self.log_noise) + self.log_noise, axis=1
                )
                risen = tf.minimum(
                    1.0, tf.cast(key[1] // 2, tf.float32) / max(1.0, self.warm_up * steps)
                )
                loss = tf.reduce_mean(fit + risen * divergence(mean, log_variance))
            optimizer.apply(tape.gradient(loss, weights), weights)
            return {"loss": loss}

        variables = [*weights, *optimizer.variables]
        train(step, (rows,), variables, steps=steps, batch_size=BATCH, seed=self.random_state)
        return self

    @staticmethod
    def _network(inputs, outputs, rng):
        hidden = keras.layers.Dense(UNITS, "relu", kernel_initializer=seeded(rng))
        return keras.Sequential(
            [
                keras.Input([inputs]),
                hidden,
                keras.layers.Dense(outputs, kernel_initializer=seeded(rng)),
            ]
        )

    def sample(self, n):
        """Rows from N(0, I) through the decoder."""
        rng = np.random.default_rng([1, self.random_state])
        cells = np.array(self.decode(rng.standard_normal((n, LATENT)).astype(np.float32)))
        if self.noise:
            cells = cells + np.exp(np.array(self.log_noise)) * rng.standard_normal(cells.shape)
        return self.encoder.inverse_transform(cells)


class NoPoints(RowNetwork):
    """Latent points say nothing: the decoder has the earlier cells alone, the control."""

    def hidden_at(self, points, first, *parts):
        """As in the whole version, at the point 0."""
        return super().hidden_at(0 * points, first, *parts)


class NoPairs(RowNetwork):
    """No cell sees the cells before it: columns are independent given a latent point.

    What cells say, and what is heard of it, both start at 0, where neither has a gradient.
    """

    def __init__(self, *told):
        super().__init__(*told)
        self.speak.assign(np.zeros(self.speak.shape))


class FreeBins(VAESynthesizer):
    """Every bin of a number is told by a function of its own."""

    method = ""

    def _functions(self, codes):
        return [None] * codes.shape[1]


def of_network(network):
    """The synthesizer with another network."""

    class Variant(VAESynthesizer):
        method = ""

        def _build(self, rng):
            shape = self.parameters_["units"], self.parameters_["latent"]
            return network(self.functions_, self._sizes, self.stratified_, *shape, rng)

    return Variant


def _textbook(noise, warm_up=0.0):
    return lambda table, schema, seed: TextbookVAE(noise, warm_up, seed).fit(table, schema)


def _whole(kind=VAESynthesizer, **options):
    return lambda table, schema, seed: kind(random_state=seed, **options).fit(table, schema=schema)


def _without_condition(table, schema, seed):
    return VAESynthesizer(random_state=seed).fit(table, schema=replace(schema, target=None))


VARIANTS = {
    "textbook: squared error, mean output": _textbook(noise=False),
    "textbook, with learned noise": _textbook(noise=True),
    "textbook, with learned noise and warm-up": _textbook(noise=True, warm_up=0.5),
    "all cures": _whole(),
    "without ranks in the app": _whole(ranks_within_groups=False),
    "without the condition on the app": _without_condition,
    "without latent points": _whole(of_network(NoPoints)),
    "without earlier cells": _whole(of_network(NoPairs)),
    "without smooth curves: a free logit a bin": _whole(FreeBins),
    "without warm-up": _whole(warm_up=0.0),
}
