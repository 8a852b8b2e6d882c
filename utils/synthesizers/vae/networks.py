"""The VAE's encoder and decoder, and the divergence between a latent cloud and N(0, I)."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from utils.privacy.parts import PLAIN
from utils.synthesizers.neural import log_shares, seeded
from utils.synthesizers.private import ROWS_TO_MATCH, bias_for
from utils.training import keras, tf

WAVES = 16
HEAVY = 0.05  # share of the rows from which a bin is no part of a smooth curve
RANK = 32  # of the tables by which cells speak to later ones
LEAST_CHANCE = 1e-30


class RowNetwork:
    """Encoder and decoder of rows whose cells are codes, in drawing order.

    Encoder: the sum of one vector a cell (``read``) -> silu -> silu layer -> mean and log-variance
    of a latent cloud. Decoder: a latent point, and the first code if it is told -> two silu layers
    -> h. The logits of column j are those of its log-shares (``base``) and ``output[j]`` times h
    and the sum of one vector (``speak``) for each cell before it. So earlier cells add to the
    logits by a table of low rank for each pair of columns, which is 0 at the start.

    functions : for each column None, or float32 (size, f): its vectors are those of f functions,
    times their values at the code (:func:`smooth_functions`).  sizes : codes of each column.
    told : whether the first cell is known before anything is drawn; it then has no loss.
    """

    def __init__(self, functions: list, sizes, told: bool, units: int, latent: int, rng):
        self.functions, self.sizes = functions, [int(size) for size in sizes]
        self.told = self.sizes[0] if told else 0
        self.widths = [
            size if table is None else table.shape[1] for size, table in zip(self.sizes, functions)
        ]
        self.encoder = _layers(units, [units, 2 * latent], rng)
        self.decoder = _layers(latent + self.told, [units, units], rng, "silu")
        count = sum(self.widths)
        starts = [_vectors(count, units, rng), _vectors(count, RANK, rng)]
        starts += [np.zeros((count, units + RANK)), np.zeros(sum(self.sizes))]
        tables = [keras.Variable(start, dtype="float32") for start in starts]
        self.read, self.speak, self.output, self.base = tables
        self.weights = [*self.encoder.weights, *self.decoder.weights, *tables]

    def start_from(self, codes: np.ndarray) -> None:
        """Begin at the shares of each column alone; codes int32 (n, d)."""
        self.base.assign(log_shares(codes, self.sizes))

    def start_at(self, log_shares: np.ndarray) -> None:
        """Begin at shares whose logarithms stand side by side, float32 (sum of sizes,)."""
        self.base.assign(log_shares)

    def _vectors(self, table, codes, parts) -> list:
        """A vector for each cell, a list of d times float32 (n, width)."""
        blocks, columns = parts.blocks(table, self.widths), tf.unstack(codes, axis=1)
        return [parts.vectors(*told) for told in zip(columns, blocks, self.functions)]

    def clouds(self, codes, parts=PLAIN):
        """Means and log-variances of the rows' latent clouds, each float32 (n, latent)."""
        hidden = tf.nn.silu(tf.add_n(self._vectors(self.read, codes, parts)))
        return tf.split(parts.dense(self.encoder.layers, hidden), 2, axis=1)

    def hidden_at(self, points, first, parts=PLAIN):
        """What a latent point (n, latent), and a told first code (n,), says, float32 (n, units)."""
        known = tf.one_hot(first, self.told)
        return parts.dense(self.decoder.layers, tf.concat([points, known], axis=1))

    def losses(self, codes, key, parts=PLAIN) -> tuple[list, tf.Tensor]:
        """Minus log-likelihood of each column to be learned, and the divergence, each (n,).

        parts : applies the weights, see :mod:`utils.privacy.parts`.
        """
        mean, log_variance = self.clouds(codes, parts)
        points = mean + tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), key)
        hidden = self.hidden_at(points, codes[:, 0], parts)
        spoken = self._vectors(self.speak, codes, parts)
        before = accumulate(spoken[:-1], initial=0 * spoken[0])
        heads = zip(
            tf.unstack(codes, axis=1),
            before,
            parts.blocks(self.output, self.widths),
            parts.blocks(self.base, self.sizes),
            self.functions,
        )
        losses = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(
                column, parts.logits(tf.concat([hidden, heard], 1), *head)
            )
            for column, heard, *head in heads
        ][1 if self.told else 0 :]
        return losses or [tf.zeros_like(mean[:, 0])], divergence(mean, log_variance)

    def _by_code(self, table) -> list:
        """A table of all functions as one for each column, with a row for each code."""
        return [
            piece if functions is None else functions @ piece
            for functions, piece in zip(self.functions, tf.split(table.value, self.widths))
        ]

    def match(self, shares: list[np.ndarray], rng: np.random.Generator) -> None:
        """Move the biases until each column, after drawn ones before it, has these shares, each
        float64 (size,)."""
        latent = self.decoder.input_shape[1] - self.told
        points = rng.standard_normal((ROWS_TO_MATCH, latent), np.float32)
        speak, tables = (self._by_code(table) for table in (self.speak, self.output))
        biases, heard, hidden = [], np.zeros((len(points), RANK), np.float32), None
        if not self.told:
            hidden = self.hidden_at(points, np.zeros(len(points), np.int32))
        for told, table, share in zip(speak, tables, shares):
            logits = np.zeros((len(points), len(share)), np.float32)
            if hidden is not None:
                logits = np.array(tf.concat([hidden, heard], 1) @ tf.transpose(table))
            biases.append(bias_for(logits, share))
            uniform = rng.random(len(points), np.float32)
            codes = _pick(tf.nn.softmax(logits + biases[-1]), uniform)
            heard = heard + tf.gather(told, codes)
            if hidden is None:
                hidden = self.hidden_at(points, codes)
        self.base.assign(np.concatenate(biases))

    def draw(self, points, wanted, key):
        """Rows from left to right: codes int32 (n, d), and the log chance of what was set, (n,).

        points : float32 (n, latent).  wanted : int32 (n, d), a code to be set, or -1 for one to be
        drawn. A first cell that is told is drawn by its share; no chance is counted for it.
        """
        uniform = tf.random.stateless_uniform(tf.shape(wanted), key)
        tables, speak = self._by_code(self.output), self._by_code(self.speak)
        bases = tf.split(self.base.value, self.sizes)
        first, codes = wanted[:, 0], []
        heard, log_chance = tf.zeros([tf.shape(points)[0], RANK]), tf.zeros_like(points[:, 0])
        if self.told:
            by_share = _pick(tf.nn.softmax(bases[0])[None], uniform[:, 0])
            first = tf.where(first < 0, by_share, first)
            codes, heard = [first], tf.gather(speak[0], first)
        hidden = self.hidden_at(points, first)
        for place in range(len(codes), len(self.sizes)):
            state = tf.concat([hidden, heard], 1)
            logits = tf.matmul(state, tables[place], transpose_b=True) + bases[place]
            chances, asked = tf.nn.softmax(logits), wanted[:, place]
            code = tf.where(asked < 0, _pick(chances, uniform[:, place]), asked)
            chance = tf.maximum(tf.gather(chances, code, batch_dims=1), LEAST_CHANCE)
            log_chance += tf.where(asked < 0, 0.0, tf.math.log(chance))
            heard += tf.gather(speak[place], code)
            codes.append(code)
        return tf.stack(codes, axis=1), log_chance


def _pick(chances, uniform):
    """A code for each row of chances (n, size), by a number from 0 to 1, int32 (n,)."""
    cumulative = tf.cumsum(chances, axis=1)
    passed = cumulative[:, :-1] <= uniform[:, None] * cumulative[:, -1:]
    return tf.reduce_sum(tf.cast(passed, tf.int32), axis=1)


def smooth_functions(codes: np.ndarray, size: int, missing: bool) -> np.ndarray:
    """:func:`functions_of_shares` of a column's codes, int32 (n,), as often as each occurs."""
    return functions_of_shares(np.bincount(codes, minlength=size) / len(codes), missing)


def functions_of_shares(shares: np.ndarray, missing: bool) -> np.ndarray:
    """The functions by which a number's codes are told, float32 (size, f).

    Cosines of the rank, the k-th by 1/k, so that near bins have near chances and a curve has to be
    well witnessed to be rough; besides, one function for each bin with 5 % of the rows, and for
    missing. shares : float64 (size,), of each code.  missing : whether the last stands for that.
    """
    size = len(shares)
    rank, k = np.cumsum(shares) - shares / 2, np.arange(1, min(WAVES, size) + 1)
    own = (shares >= HEAVY) | (missing & (np.arange(size) == size - 1))
    waves = np.cos(np.pi * rank[:, None] * k) / k
    return np.hstack([waves, np.eye(size)[:, own]]).astype(np.float32)


def _vectors(count: int, width: int, rng) -> np.ndarray:
    return rng.normal(0, 0.5 / np.sqrt(width), (count, width))


def _layers(inputs: int, widths: list[int], rng, last: str | None = None):
    dense = [
        keras.layers.Dense(width, activation, kernel_initializer=seeded(rng))
        for width, activation in zip(widths, ["silu", last])
    ]
    return keras.Sequential([keras.Input([inputs]), *dense])


def divergence(mean, log_variance):
    """Kullback-Leibler divergence of N(mean, exp(log_variance)) from N(0, I), float32 (rows,).

    Closed form of Kingma and Welling (2014), appendix B; both arguments float32 (rows, latent).
    """
    return 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
