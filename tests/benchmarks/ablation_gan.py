"""Ablation of the GAN: the textbook version, the final one, and the final one without each cure."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from utils.encoding import TableEncoder
from utils.encoding.ranks import GroupRanks
from utils.synthesizers import GANSynthesizer
from utils.synthesizers.neural import seeded
from utils.training import keras, tf, train

BATCH, NOISE, UNITS = 128, 100, 128  # the batch as GANSynthesizer's own


class TextbookGAN:
    """Dense generator and discriminator in turn, binary cross-entropy, cells scaled 0-1 and
    one-hot."""

    def __init__(self, random_state: int):
        self.random_state = random_state

    def fit(self, table, schema):
        """Train for as many steps as the other variants."""
        rng = np.random.default_rng(self.random_state)
        self.encoder = TableEncoder(schema).fit(table)
        rows = self.encoder.transform(table)
        self.generator = self._network(NOISE, rows.shape[1], rng)
        discriminator = self._network(rows.shape[1], 1, rng)
        optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in range(2)]
        for optimizer, network in zip(optimizers, (discriminator, self.generator)):
            optimizer.build(network.trainable_variables)
        parts = [discriminator, self.generator, *optimizers]
        train(
            lambda batch, key: self._step(batch[0], key, discriminator, *optimizers),
            (rows,),
            [variable for part in parts for variable in part.variables],
            steps=GANSynthesizer()._steps(len(rows)),
            batch_size=BATCH,
            seed=self.random_state,
        )
        return self

    @staticmethod
    def _network(inputs, outputs, rng):
        layers = [
            keras.layers.Dense(UNITS, "relu", kernel_initializer=seeded(rng)) for _ in range(2)
        ]
        last = keras.layers.Dense(outputs, "sigmoid", kernel_initializer=seeded(rng))
        return keras.Sequential([keras.Input([inputs]), *layers, last])

    def _step(self, real, key, discriminator, discriminator_optimizer, generator_optimizer):
        noise = tf.random.stateless_normal([BATCH, NOISE], key)
        answer = keras.losses.BinaryCrossentropy()
        with tf.GradientTape() as tape:
            judged = discriminator(tf.concat([real, self.generator(noise)], axis=0))
            truth = tf.repeat([[1.0], [0.0]], BATCH, axis=0)
            discriminator_loss = answer(truth, judged)
        weights = discriminator.trainable_variables
        discriminator_optimizer.apply(tape.gradient(discriminator_loss, weights), weights)
        with tf.GradientTape() as tape:
            loss = answer(tf.ones([BATCH, 1]), discriminator(self.generator(noise)))
        weights = self.generator.trainable_variables
        generator_optimizer.apply(tape.gradient(loss, weights), weights)
        return {"discriminator": discriminator_loss, "generator": loss}

    def sample(self, n):
        """Rows of the trained generator."""
        noise = np.random.default_rng([1, self.random_state]).standard_normal(
            (n, NOISE), dtype=np.float32
        )
        return self.encoder.inverse_transform(self.generator(noise).numpy())


class AtOnce(GANSynthesizer):
    """Every cell from the noise and the first, counted one alone, as a conditional generator of
    whole rows has it."""

    method = ""

    def _build(self, rng):
        pair = super()._build(rng)
        places = cycle(range(len(pair.generator.blocks)))  # each block asks once a row
        pair.generator.remember = lambda state, seen: state if next(places) else state + seen
        return pair


class NotRelativistic(GANSynthesizer):
    """Real and generated rows are judged each by itself: the non-saturating loss (Goodfellow et
    al. 2014)."""

    method = ""

    def _loss(self, better, worse):
        return tf.reduce_mean(tf.nn.softplus(-better) + tf.nn.softplus(worse))


class WithoutMarks(GANSynthesizer):
    """Every row that is written is a row that is sampled."""

    method = ""

    def _draw(self, rows, asked, rng):
        *cells, log_weights = super()._draw(rows, asked, rng)
        return *cells, np.zeros_like(log_weights)


class NotCounted(GANSynthesizer):
    """Tokens come as often, and scores as far, as training leaves them."""

    method = ""

    def _calibrate(self, cells, rng):
        pass


class WholeColumnScores(GANSynthesizer):
    """Numbers as they are, not as scores within a category, which is still drawn first."""

    method = ""
    ranks_within_groups = False

    def _fit(self, columns, rng):
        self.group_by = GroupRanks.fit(columns, self.schema_.columns, self.ends_apart).group_by
        super()._fit(columns, rng)


class EqualRates(GANSynthesizer):
    """The critic learns no faster than the generator."""

    method = ""

    def _adam(self, network, pace):
        return super()._adam(network, 1)


class WithoutViews(GANSynthesizer):
    """Bins of a number that do not share with their neighbours."""

    method = ""

    def _bins(self):
        return [0] * len(self.order_)


def _variant(kind=GANSynthesizer, **options):
    return lambda table, schema, seed: kind(random_state=seed, **options).fit(table, schema=schema)


VARIANTS = {
    "textbook": lambda table, schema, seed: TextbookGAN(seed).fit(table, schema),
    "all cures": _variant(),
    "cells at once": _variant(AtOnce),
    "without ranks in the app": _variant(WholeColumnScores),
    "without the relativistic loss": _variant(NotRelativistic),
    "without the penalty": _variant(penalty=0.0),
    "without a faster critic": _variant(EqualRates),
    "without averaged weights": _variant(average=0.0),
    "without bins that share": _variant(WithoutViews),
    "with a narrow critic": _variant(critic_units=64),
    "without counted margins": _variant(NotCounted),
    "without the marks": _variant(WithoutMarks),
}
