"""The GAN's networks: a generator that writes rows cell by cell, a critic that reads them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from utils.synthesizers.neural import seeded
from utils.training import keras, tf

LAYERS, LEAK = 3, 0.2
NARROWEST, WIDEST = -5.0, 1.0  # logarithm of the spread of a score
BLOCKS = 24  # of columns that are drawn together, about, of many columns
START = 5  # position among the weights of those that hold the margins
OWN, BUMPS = 0.5, 8  # how much of a bin is its own, and how many bumps its neighbours share


class Block(NamedTuple):
    """Neighbouring columns of one kind, whose cells are drawn together."""

    first: int  # place of its first column
    columns: int
    size: int  # tokens of each column, 0 for a score
    view: np.ndarray | None

    @property
    def width(self) -> int:
        """Numbers in which a column is seen."""
        return (self.size or 1) if self.view is None else self.view.shape[1]

    @property
    def told(self) -> int:
        """Outputs a column."""
        return self.width if self.size else 2

    def seen(self, cells):
        """Cells (n, columns, size or 1) as the networks see them, (n, columns * width)."""
        seen = cells if self.view is None else tf.tensordot(cells, self.view, 1)
        return tf.reshape(seen, [-1, self.columns * self.width])

    def draw(self, outputs, start, key, temperature: float, given: dict) -> tuple:
        """Cells (n, columns, size or 1), those given among them, and the logarithm of the chance of
        given tokens, (n,).

        outputs : (n, columns * told).  start : (columns * (size or 2),).  given : {place in the
        block: cell}.
        """
        told = tf.reshape(outputs, [-1, self.columns, self.told])
        if self.view is not None:
            told = tf.tensordot(told, self.view.T, 1)
        told += tf.reshape(start, [self.columns, -1])
        cells = hard_choice(told, key, temperature) if self.size else _scores(told, key)
        if not given:
            return cells, 0.0
        cells = tf.unstack(cells, self.columns, axis=1)
        for place, cell in given.items():
            cells[place] = cell
        chances = [_log_chance(told[:, place], given[place]) for place in given if self.size]
        return tf.stack(cells, axis=1), sum(chances)


class Generator:
    """A row written one block of cells after another, each from noise and the cells before it.

    For block j: h = vector of the noise + sum of the vectors of the cells before;  z = h + leaky(h
    mix[j] + mix_bias[j]);  o = z output[j] + start[j]. A token is drawn by the softmax of its part
    of o. A score is o[0] + exp(o[1]) times noise of its own. The first column starts, and stays, at
    its margin: its outputs are nought, and it is given in training. A column is a block of its own
    unless there are many (:func:`blocks_of`).

    sizes : tokens of each column, 0 for a score.  bins : how many of them are bins of a number, in
    order; neighbours among these share most of their vectors and outputs.  noise, units : lengths
    of noise and vectors.
    """

    def __init__(self, sizes: list[int], bins: list[int], noise: int, units: int, rng):
        self.sizes, self.blocks = sizes, blocks_of(sizes, bins)
        self.width = sum(block.columns * block.width for block in self.blocks)
        self._told = [block.columns * block.told for block in self.blocks]
        self._starts = [block.columns * (block.size or 2) for block in self.blocks]
        normal = rng.normal
        weights = [
            normal(0, 1.4 / np.sqrt(noise), (noise, units)),
            normal(0, 1 / np.sqrt(units), (units, units)),
            normal(0, 1.4 / np.sqrt(units), (len(self.blocks), units, units)),
            np.zeros((len(self.blocks), units)),
            np.zeros((units, sum(self._told))),
            np.zeros(sum(self._starts)),
            normal(0, 0.5, (self.width, units)),
        ]
        self.weights = [keras.Variable(weight, dtype="float32") for weight in weights]

    def start_from(self, log_shares: list[np.ndarray]) -> None:
        """Begin at the margins: of each column the logarithm of its tokens' shares; of a score,
        0, 0."""
        self.weights[START].assign(np.concatenate(log_shares))

    def write(self, noise, key, temperature: float, given: dict) -> tuple[list, object]:
        """Cells, float32 (n, columns, size or 1) a block, and how likely the given ones were, (n,).

        Gradients pass the cells (straight-through Gumbel-softmax).  noise : float32 (n, noise).
        given : {place: one-hot token or score, float32 (n, size or 1)}.  The logarithm of the
        chance of given tokens is returned.
        """
        keys = tf.unstack(tf.random.split(key, len(self.blocks)))
        first, second, *weights = (weight.value for weight in self.weights)
        state, log_chance, cells = tf.nn.leaky_relu(noise @ first, LEAK) @ second, 0.0, []
        for block, key, of_block in zip(self.blocks, keys, self._of_blocks(*weights)):
            mix, bias, output, start, memory = of_block
            mixed = state + tf.nn.leaky_relu(state @ mix + bias, LEAK)
            known = {
                j: given[block.first + j] for j in range(block.columns) if block.first + j in given
            }
            drawn, chance = block.draw(mixed @ output, start, key, temperature, known)
            log_chance += chance
            cells.append(drawn)
            state = self.remember(state, block.seen(drawn) @ memory)
        return cells, log_chance

    def _of_blocks(self, mix, bias, output, start, memory):
        """The weights of each block; kept in one array a kind, as many small ones cost time."""
        widths = [block.columns * block.width for block in self.blocks]
        return zip(
            tf.unstack(mix),
            tf.unstack(bias),
            tf.split(output, self._told, axis=1),
            tf.split(start, self._starts),
            tf.split(memory, widths),
        )

    def remember(self, state, seen):
        """The state of the row, (n, units), with one block more."""
        return state + seen

    def row(self, cells: list):
        """Cells as the critic sees them, float32 (n, width)."""
        return tf.concat([block.seen(drawn) for block, drawn in zip(self.blocks, cells)], axis=1)


def blocks_of(sizes: list[int], bins: list[int]) -> list[Block]:
    """Columns in blocks: each its own while there are at most 24.

    Of more, neighbours of the same size and bins share a block, so that what is compiled stays
    small; the cells of a block are independent given the noise and the blocks before. The first
    column, which is given in training, is always alone.
    """
    most, kinds = -(-len(sizes) // BLOCKS), list(zip(sizes, bins))
    firsts = [0]
    for place in range(1, len(sizes)):
        first = firsts[-1]
        if not first or kinds[place] != kinds[first] or place - first == most:
            firsts.append(place)
    ends = [*firsts[1:], len(sizes)]
    return [
        Block(at, end - at, size, ordered_view(number, size) if number else None)
        for at, end, (size, number) in zip(firsts, ends, [kinds[first] for first in firsts])
    ]


def ordered_view(bins: int, size: int) -> np.ndarray:
    """How the tokens of a number are seen, (size, size + 8): each bin, and bumps around it.

    A token beyond the bins (missing) is on no bump.
    """
    places = np.linspace(0, 1, bins)[:, None]
    view = np.eye(size, size + BUMPS, dtype=np.float32) * OWN
    view[:bins, size:] = np.exp(-0.5 * ((places - np.linspace(0, 1, BUMPS)) * BUMPS) ** 2)
    return view


def _log_chance(logits, given):
    return tf.reduce_sum(tf.nn.log_softmax(logits) * given, axis=1)


def _scores(moments, key):
    mean, log_spread = moments[..., :1], tf.clip_by_value(moments[..., 1:], NARROWEST, WIDEST)
    return mean + tf.exp(log_spread) * tf.random.stateless_normal(tf.shape(mean), key)


def hard_choice(logits, key, temperature: float):
    """A one-hot draw (..., size) by the softmax; its gradient is that of a soft draw.

    Straight-through Gumbel-softmax (Jang, Gu and Poole 2017): logits plus Gumbel noise are largest
    at entry k with the softmax's chance of k.
    """
    uniform = tf.random.stateless_uniform(tf.shape(logits), key, 1e-7, 1 - 1e-7)
    noisy = logits - tf.math.log(-tf.math.log(uniform))
    soft = tf.nn.softmax(noisy / temperature)
    hard = tf.one_hot(tf.argmax(noisy, axis=-1), logits.shape[-1])
    return soft + tf.stop_gradient(hard - soft)


def critic_network(inputs: int, units: int, rng: np.random.Generator):
    """Rows (n, inputs) to one mark each (n, 1)."""
    rows = keras.Input([inputs])
    hidden = keras.ops.leaky_relu(_dense(units, rng, 2.0)(rows), LEAK)
    for _ in range(LAYERS - 1):
        hidden = hidden + keras.ops.leaky_relu(_dense(units, rng, 2.0)(hidden), LEAK)
    return keras.Model(rows, _dense(1, rng, 0.01)(hidden))


def _dense(units, rng, scale):
    return keras.layers.Dense(units, kernel_initializer=seeded(rng, scale))


def marks_and_steepness(critic, rows):
    """The critic's marks of the rows, (n, 1), and the mean square of their slope (Mescheder, Geiger
    and Nowozin 2018, eq. 9)."""
    with tf.GradientTape() as tape:
        tape.watch(rows)
        marks = critic(rows)
    return marks, tf.reduce_mean(tf.reduce_sum(tape.gradient(marks, rows) ** 2, axis=1))
