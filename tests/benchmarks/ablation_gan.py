"""Ablation of the GAN: the textbook version, the final one, and the final one without each cure."""

from __future__ import annotations

import numpy as np

from utils.encoding import TableEncoder
from utils.synthesizers import GANSynthesizer
from utils.synthesizers.gan import GRID
from utils.synthesizers.neural import seeded
from utils.training import keras, tf, train

EPOCHS, BATCH, NOISE, UNITS = 150, 128, 100, 128  # epochs and batch as GANSynthesizer's own


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
            steps=EPOCHS * len(rows) // BATCH,
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


class Uncalibrated(GANSynthesizer):
    """Margins as the training left them."""

    method = ""

    def _calibrate(self, rng):
        groups, _entries, scores = self._widths
        self.quantiles_ = np.tile(GRID, (groups, scores, 1))


class WholeColumnScores(Uncalibrated):
    """Normal scores of the whole column: not standard normal in each group, so not calibrated."""

    def _fit_rows(self, columns):
        rows = super()._fit_rows(columns)
        for scores in rows.scores.values():
            scores.within.clear()
        return rows


class ConstantRate(GANSynthesizer):
    """The learning rate does not fall."""

    method = ""

    @staticmethod
    def _optimizer(network, rate, steps):
        optimizer = keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9)
        optimizer.build(network.trainable_variables)
        return optimizer


def _variant(kind=GANSynthesizer, **options):
    return lambda table, schema, seed: kind(random_state=seed, **options).fit(table, schema=schema)


VARIANTS = {
    "textbook": lambda table, schema, seed: TextbookGAN(seed).fit(table, schema),
    "all cures": _variant(),
    "all cures, untrained": _variant(learning_rate=1e-12),
    "without the anchor": _variant(group_by=[]),
    "without scores within the cell": _variant(WholeColumnScores),
    "without the gradient penalty": _variant(penalty=0.0),
    "without rows judged in pairs": _variant(pack=1),
    "without averaged weights": _variant(average=0.0),
    "without a falling rate": _variant(ConstantRate),
    "without calibrated margins": _variant(Uncalibrated),
}
