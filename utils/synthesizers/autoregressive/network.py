"""The network behind the autoregressive generator: chances of every cell given the cells before
it."""

from __future__ import annotations

from functools import cached_property
from itertools import accumulate

import numpy as np
from scipy.special import softmax

from utils.encoding.codes import spans
from utils.privacy.parts import PLAIN
from utils.synthesizers.neural import log_shares, pieces
from utils.synthesizers.private import ROWS_TO_MATCH, bias_for
from utils.training import keras, tf

OWN, SPIKE_OWN = 0.2, 1.0  # part of a bin's vector that it does not share, and of a spike's


class CellNetwork:
    """Chances of every cell of a row given the cells before it, for codes in drawing order.

    For column j: h = sum of values[i, code i] over i < j;  z = h + relu(h mix[j] + mix_bias[j]);
    logits = z output[j]' + output_bias[j].  Tables of all columns stand one below the other.
    """

    def __init__(self, sizes: list[int], kernels: list[np.ndarray | None], units: int, rng):
        self.sizes, self.kernels = sizes, kernels
        shapes = {"values": (sum(sizes), units), "mix": (len(sizes), units, units),
                  "mix_bias": (len(sizes), units), "output": (sum(sizes), units)}  # fmt: skip
        scales = {"values": 0.5, "mix": 1.0, "mix_bias": 0.3, "output": 0.3}
        self.weights = [
            keras.Variable(rng.normal(0, scales[name] / np.sqrt(units), shape), dtype="float32")
            for name, shape in shapes.items()
        ] + [keras.Variable(np.zeros(sum(sizes)), dtype="float32")]

    def start_from(self, rows: np.ndarray) -> None:
        """Begin at the shares of each column alone; rows int32 (n, d)."""
        self.weights[-1].assign(log_shares(rows, self.sizes))

    def start_at(self, log_shares: np.ndarray) -> None:
        """Begin at shares whose logarithms stand side by side, float32 (sum of sizes,)."""
        self.weights[-1].assign(log_shares)

    def _by_column(self, weight) -> list:
        """A table of all columns cut into one a column, with neighbouring bins sharing."""
        pieces = tf.split(weight.value, self.sizes)
        return [
            piece if kernel is None else kernel @ piece
            for kernel, piece in zip(self.kernels, pieces)
        ]

    def losses(self, codes) -> list:
        """Mean of -log probability of each column's codes, a list of d scalars; codes int32 (n,
        d)."""
        return [tf.reduce_mean(loss) for loss in self.row_losses(codes)]

    def row_losses(self, codes, parts=PLAIN) -> list:
        """-log probability of each column's codes, a list of d times float32 (n,).

        parts : applies the weights, see :mod:`utils.privacy.parts`.
        """
        values, mix, mix_bias, output, output_bias = self.weights
        columns, blocks = tf.unstack(codes, axis=1), parts.blocks(values, self.sizes)
        vectors = [parts.vectors(*told) for told in zip(columns, blocks, self.kernels)]
        # a running sum (tf.cumsum took as long as all the rest of a step), from a nought that even
        # the vectors of a lone column have a gradient through
        before = tf.stack(list(accumulate(vectors[:-1], initial=0.0 * vectors[0])))
        after = before + tf.nn.relu(parts.stacked(before, mix, mix_bias))
        heads = zip(
            columns,
            tf.unstack(after),
            parts.blocks(output, self.sizes),
            parts.blocks(output_bias, self.sizes),
            self.kernels,
        )
        return [
            tf.nn.sparse_softmax_cross_entropy_with_logits(column, parts.logits(state, *head))
            for column, state, *head in heads
        ]

    @cached_property
    def _arrays(self) -> list[tuple]:
        """Per column: values, mix, mix_bias, output', output_bias as numpy, for drawing."""
        values, mix, mix_bias, output, output_bias = self.weights
        outputs = [np.ascontiguousarray(table.numpy().T) for table in self._by_column(output)]
        biases = [output_bias.numpy()[span] for span in spans(self.sizes)]
        tables = [table.numpy() for table in self._by_column(values)]
        return list(zip(tables, mix.numpy(), mix_bias.numpy(), outputs, biases))

    def match(self, shares: list[np.ndarray], rng: np.random.Generator) -> None:
        """Move the biases until each column, after drawn ones before it, has these shares, each
        float64 (size,)."""
        states = np.zeros((ROWS_TO_MATCH, self.weights[1].shape[1]), np.float32)
        biases = []
        for (values, *layers), share in zip(self._arrays, shares):
            logits = _logits(states, *layers)
            shift = bias_for(logits, share)
            codes = _pick(softmax(logits + shift, axis=1), np.arange(len(states)), None, rng)
            states += values[codes]
            biases.append(layers[-1] + shift)
        self.weights[-1].assign(np.concatenate(biases))
        del self._arrays  # the next draw takes them from the weights again

    def chances(self, codes: np.ndarray, place: int) -> np.ndarray:
        """Chances of all codes of one column given the cells before it, float32 (n, size)."""
        states = np.zeros((len(codes), self.weights[1].shape[1]), np.float32)
        for (values, *_), column in zip(self._arrays[:place], codes.T):
            states += values[column]
        return _softmax(states, *self._arrays[place][1:])

    def draw(
        self, wanted: np.ndarray, rng: np.random.Generator, never: list | None = None
    ) -> tuple:
        """Rows from left to right: codes int32 (n, d), and the log chances of the wanted ones,
        float64 (n, d).

        wanted : int (n, d), a code to be set, or -1 for one to be drawn.  never : for each column a
        code that is not to be drawn, or None.
        """
        never = never or [None] * len(self.sizes)
        blocks = [
            self._draw_block(wanted[piece], rng, never)
            for piece in pieces(len(wanted), 4 * max(self.sizes))
        ]
        codes, log_chances = (
            zip(*blocks) if blocks else ([wanted.astype(np.int32)], [np.zeros(wanted.shape)])
        )
        return np.concatenate(codes), np.concatenate(log_chances)

    def _draw_block(self, wanted, rng, never):
        """Rows that agree so far share one state, so the first columns cost next to nothing."""
        codes, log_chances = wanted.astype(np.int32), np.zeros(wanted.shape)
        states, member = (
            np.zeros((1, self.weights[1].shape[1]), np.float32),
            np.zeros(len(wanted), np.int64),
        )
        for place, (values, *layers) in enumerate(self._arrays):
            chances = _softmax(states, *layers)
            free = wanted[:, place] < 0
            chance = chances[member[~free], wanted[~free, place]]
            log_chances[~free, place] = np.log(np.maximum(chance, 1e-30))
            if free.any():
                codes[free, place] = _pick(chances, member[free], never[place], rng)
            pairs, member = np.unique(member * len(values) + codes[:, place], return_inverse=True)
            states = states[pairs // len(values)] + values[pairs % len(values)]
        return codes, log_chances


def _logits(states, mix, mix_bias, output, output_bias) -> np.ndarray:
    """Logits of the codes of a column, (n, size), from the sums (n, units) before it."""
    return (states + np.maximum(states @ mix + mix_bias, 0)) @ output + output_bias


def _softmax(*told) -> np.ndarray:
    """Chances of the codes of a column, (n, size), see :func:`_logits`."""
    return softmax(_logits(*told), axis=1)


def _pick(chances, rows, never, rng) -> np.ndarray:
    """A code for each of ``rows``, drawn from that row of ``chances``."""
    if never is not None:
        chances = chances.copy()
        chances[:, never] = 0
    cumulative = np.cumsum(chances, axis=1)
    points = rng.random(len(rows), dtype=np.float32) * cumulative[rows, -1]
    return (cumulative[rows, :-1] <= points[:, None]).sum(axis=1)


def neighbours(spikes: np.ndarray, size: int, smoothing: float) -> np.ndarray | None:
    """Matrix (size, size) by which the bins of a number share with those near them; None where none
    does.

    spikes : bool (bins,), bins with so many rows of one value that they keep most to themselves.
        size : codes
    of the column.  smoothing : standard deviation of the sharing, as part of the bins.
    """
    bins = len(spikes)
    if bins < 2 or smoothing <= 0:
        return None
    places = np.arange(bins)
    near = np.exp(-0.5 * ((places[:, None] - places) / (smoothing * bins)) ** 2)
    kernel = np.eye(size, dtype=np.float32)
    kernel[:bins, :bins] = near / np.linalg.norm(near, axis=1, keepdims=True)
    kernel[:bins, :bins] += np.diag(np.where(spikes, SPIKE_OWN, OWN))
    return kernel
