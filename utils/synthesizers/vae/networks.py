"""The VAE's encoder and decoder, and the divergence between a latent cloud and N(0, I)."""

from __future__ import annotations

import numpy as np
from scipy.linalg import block_diag

from utils.encoding.codes import spans
from utils.synthesizers.neural import log_shares, seeded
from utils.training import keras, tf

WAVES, HEAVY = 8, 0.05


class RowNetwork:
    """Encoder and decoder of rows of codes, in drawing order.

    A cell is told by the values that a few functions take at its code: of a category one for each
    code, of a number smooth ones (:func:`functions_of`). Encoder: functions of all cells -> silu
    layer -> silu layer -> mean and log-variance of a latent cloud. Decoder: latent point -> silu
    layer -> silu layer -> weights of each column's functions; to these every earlier cell adds
    its own, by one table of pairs. The logits of a column are its functions by their weights, and
    its log-shares.
    """

    def __init__(self, functions: list[np.ndarray], told: bool, units: int, latent: int, rng):
        self.functions = [table.astype(np.float32) for table in functions]
        self.sizes, widths = zip(*(table.shape for table in functions))
        self.spans, self.told = spans(widths), widths[0] if told else 0
        self.encoder = _layers(sum(widths), units, 2 * latent, rng)
        self.decoder = _layers(latent + self.told, units, sum(widths), rng)
        self.pairs = keras.Variable(np.zeros((sum(widths), sum(widths))), dtype="float32")
        self.base = keras.Variable(np.zeros(sum(self.sizes)), dtype="float32")
        column = np.repeat(np.arange(len(widths)), widths)
        self.earlier = (column[:, None] < column).astype(np.float32)
        self.weights = [*self.encoder.weights, *self.decoder.weights, self.pairs, self.base]

    def start_from(self, codes: np.ndarray) -> None:
        """Begin at the shares of each column alone; codes int32 (n, d)."""
        self.base.assign(log_shares(codes, self.sizes))

    def told_cells(self, codes):
        """The functions of all cells side by side, float32 (n, functions); codes int32 (n, d)."""
        return tf.concat(
            [tf.gather(table, codes[:, place]) for place, table in enumerate(self.functions)], 1
        )

    def cloud(self, cells):
        """Means and log-variances of rows' latent clouds, each float32 (n, latent)."""
        return tf.split(self.encoder(cells), 2, axis=1)

    def losses(self, codes, key) -> tuple[list, tf.Tensor]:
        """Minus log-likelihood of each column, and the divergence, each (n,); codes int32 (n, d)."""
        cells = self.told_cells(codes)
        mean, log_variance = self.cloud(cells)
        points = mean + tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), key)
        weights = self.decoder(tf.concat([points, cells[:, : self.told]], 1))
        weights += cells @ (self.pairs.value * self.earlier)
        logits = weights @ block_diag(*self.functions).T.astype(np.float32) + self.base.value
        columns = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(codes[:, place], part)
            for place, part in enumerate(tf.split(logits, self.sizes, axis=1))
        ]
        return columns[1:] if self.told else columns, divergence(mean, log_variance)

    def draw(self, points, wanted, key):
        """Rows from left to right: codes int32 (n, d), and log chance of the wanted ones (n,).

        points : float32 (n, latent).  wanted : int32 (n, d), a code to be set, or -1.
        """
        first = tf.gather(self.functions[0], tf.maximum(wanted[:, 0], 0))[:, : self.told]
        weights = self.decoder(tf.concat([points, first], 1))
        uniform = tf.random.stateless_uniform(tf.shape(wanted), key)
        codes, log_chances = [], tf.zeros_like(points[:, 0])
        bases = tf.split(self.base.value, self.sizes)
        pairs = self.pairs.value * self.earlier
        for place, (table, span) in enumerate(zip(self.functions, self.spans)):
            logits = weights[:, span] @ table.T + bases[place]
            chances = tf.exp(logits - tf.reduce_max(logits, axis=1, keepdims=True))
            cumulative = tf.cumsum(chances, axis=1)
            total, asked = cumulative[:, -1], wanted[:, place]
            below = cumulative[:, :-1] <= (uniform[:, place] * total)[:, None]
            drawn = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
            code = tf.where(asked < 0, drawn, asked)
            chance = tf.gather(chances, code, batch_dims=1) / total
            log_chances += tf.where(asked < 0, 0.0, tf.math.log(tf.maximum(chance, 1e-30)))
            weights += tf.gather(table @ pairs[span], code)
            codes.append(code)
        return tf.stack(codes, axis=1), log_chances


def functions_of(shares: np.ndarray, smooth: bool) -> np.ndarray:
    """Functions by which a column's codes are told, float32 (size, f)."""
    if not smooth or len(shares) <= WAVES:
        return np.eye(len(shares), dtype=np.float32)
    rank = np.cumsum(shares) - shares / 2
    order = np.arange(1, WAVES + 1)
    waves = np.cos(np.pi * rank[:, None] * order) / np.sqrt(order)
    heavy = np.eye(len(shares))[:, shares >= HEAVY]
    return np.hstack([waves, heavy]).astype(np.float32)


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
