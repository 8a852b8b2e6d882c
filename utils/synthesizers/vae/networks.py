"""The VAE's encoder and decoder, and the divergence between a latent cloud and N(0, I)."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from scipy.linalg import block_diag

from utils.encoding.codes import spans
from utils.synthesizers.neural import log_shares, seeded
from utils.training import keras, tf

WAVES = 16
HEAVY = 0.05  # share of the rows from which a bin is no part of a smooth curve
LEAST_CHANCE = 1e-30


class RowNetwork:
    """Encoder and decoder of rows whose cells are codes, in drawing order.

    A column is told by the values that a few functions take at its code (:func:`functions_of`).
    Encoder: the functions of all cells -> two silu layers -> mean and log-variance of a latent
    cloud. Decoder: a latent point, and the first cell if it is told -> two silu layers -> a weight
    for each function of each column. To these weights every earlier cell adds its own, by
    ``pairs``, a table with a row and a column for each function. The logits of a column's codes are
    its log-shares (``base``) and its functions by their weights.

    functions : for each column float32 (size, f).  told : whether the first cell is known before
    anything is drawn; it then has no loss.
    """

    def __init__(self, functions: list[np.ndarray], told: bool, units: int, latent: int, rng):
        self.functions = functions
        self.sizes, widths = zip(*(table.shape for table in functions))
        self.spans, self.told = spans(widths), widths[0] if told else 0
        self.encoder = _layers(sum(widths), units, 2 * latent, rng)
        self.decoder = _layers(latent + self.told, units, sum(widths), rng)
        self.pairs = keras.Variable(np.zeros((sum(widths), sum(widths))), dtype="float32")
        self.base = keras.Variable(np.zeros(sum(self.sizes)), dtype="float32")
        self.weights = [*self.encoder.weights, *self.decoder.weights, self.pairs, self.base]

    def start_from(self, codes: np.ndarray) -> None:
        """Begin at the shares of each column alone; codes int32 (n, d)."""
        self.base.assign(log_shares(codes, self.sizes))

    @cached_property
    def _earlier(self) -> np.ndarray:
        """1 where a function of one cell may speak to that of a later cell, float32 (f, f)."""
        column = np.repeat(np.arange(len(self.spans)), [table.shape[1] for table in self.functions])
        return (column[:, None] < column).astype(np.float32)

    def cells(self, codes):
        """The functions of all cells side by side, float32 (n, f); codes int32 (n, d)."""
        told = [tf.gather(table, codes[:, place]) for place, table in enumerate(self.functions)]
        return tf.concat(told, axis=1)

    def clouds(self, cells):
        """Means and log-variances of the latent clouds of such rows, each float32 (n, latent)."""
        return tf.split(self.encoder(cells), 2, axis=1)

    def weights_at(self, points, first):
        """What latent points (n, latent) say of the weights of all functions, float32 (n, f).

        first : the functions of the first cell, of which the told ones are read.
        """
        return self.decoder(tf.concat([points, first[:, : self.told]], axis=1))

    def losses(self, codes, key) -> tuple[list, tf.Tensor]:
        """Minus log-likelihood of each column to be learned, and the divergence, each (n,)."""
        cells = self.cells(codes)
        mean, log_variance = self.clouds(cells)
        points = mean + tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), key)
        weights = self.weights_at(points, cells) + cells @ (self.pairs.value * self._earlier)
        logits = weights @ block_diag(*self.functions).T + self.base.value
        columns = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(codes[:, place], part)
            for place, part in enumerate(tf.split(logits, self.sizes, axis=1))
            if place or not self.told
        ]
        return columns or [tf.zeros_like(mean[:, 0])], divergence(mean, log_variance)

    def draw(self, points, wanted, key):
        """Rows from left to right: codes int32 (n, d), and the log chance of what was set, (n,).

        points : float32 (n, latent).  wanted : int32 (n, d), a code to be set, or -1 for one to be
        drawn.
        """
        weights = self.weights_at(points, tf.gather(self.functions[0], tf.nn.relu(wanted[:, 0])))
        pairs, bases = self.pairs.value * self._earlier, tf.split(self.base.value, self.sizes)
        uniform = tf.random.stateless_uniform(tf.shape(wanted), key)
        codes, log_chance = [], tf.zeros_like(points[:, 0])
        for place, (table, span, base) in enumerate(zip(self.functions, self.spans, bases)):
            chances = tf.nn.softmax(weights[:, span] @ table.T + base)
            asked = wanted[:, place]
            code = tf.where(asked < 0, _pick(chances, uniform[:, place]), asked)
            chance = tf.maximum(tf.gather(chances, code, batch_dims=1), LEAST_CHANCE)
            log_chance += tf.where(asked < 0, 0.0, tf.math.log(chance))
            weights += tf.gather(table @ pairs[span], code)
            codes.append(code)
        return tf.stack(codes, axis=1), log_chance


def _pick(chances, uniform):
    """A code for each row of chances (n, size), by a number from 0 to 1, int32 (n,)."""
    cumulative = tf.cumsum(chances, axis=1)
    passed = cumulative[:, :-1] <= uniform[:, None] * cumulative[:, -1:]
    return tf.reduce_sum(tf.cast(passed, tf.int32), axis=1)


def functions_of(codes: np.ndarray, size: int, smooth: bool, missing: bool) -> np.ndarray:
    """The functions by which a column's codes are told, float32 (size, f).

    Of a category one for each code, which is 1 there. Of a number's bins (``smooth``) cosines of
    the rank, the k-th by 1/k, so that near bins have near chances and a curve has to be well
    witnessed to be rough; besides, one function for each bin with 5 % of the rows, and for missing.
    """
    if not smooth:
        return np.eye(size, dtype=np.float32)
    shares = np.bincount(codes, minlength=size) / len(codes)
    rank, k = np.cumsum(shares) - shares / 2, np.arange(1, min(WAVES, size) + 1)
    own = (shares >= HEAVY) | (missing & (np.arange(size) == size - 1))
    waves = np.cos(np.pi * rank[:, None] * k) / k
    return np.hstack([waves, np.eye(size)[:, own]]).astype(np.float32)


def _layers(inputs: int, units: int, outputs: int, rng):
    dense = [
        keras.layers.Dense(width, activation, kernel_initializer=seeded(rng))
        for width, activation in [(units, "silu"), (units, "silu"), (outputs, None)]
    ]
    return keras.Sequential([keras.Input([inputs]), *dense])


def divergence(mean, log_variance):
    """Kullback-Leibler divergence of N(mean, exp(log_variance)) from N(0, I), float32 (rows,).

    Closed form of Kingma and Welling (2014), appendix B; both arguments float32 (rows, latent).
    """
    return 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
