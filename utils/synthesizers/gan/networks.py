"""The GAN's networks: a generator that writes rows cell by cell, a critic that reads them."""

from __future__ import annotations

import numpy as np

from utils.synthesizers.neural import seeded
from utils.training import keras, tf

LAYERS, LEAK = 3, 0.2
NARROWEST, WIDEST = -5.0, 1.0  # logarithm of the spread of a score
START = 5  # position among the weights of those that hold the margins
OWN, BUMPS = 0.5, 8  # how much of a bin is its own, and how many bumps its neighbours share


class Generator:
    """A row written one cell after another, each from noise and the cells before it.

    For column j: h = vector of the noise + sum of the vectors of the cells before;  z = h + leaky(h
    mix[j] + mix_bias[j]);  o = z output[j] + start[j]. A token is drawn by the softmax of o. A
    score is o[0] + exp(o[1]) times noise of its own. The first column starts, and stays, at its
    margin: its outputs are nought, and it is given in training.

    sizes : tokens of each column, 0 for a score.  bins : how many of them are bins of a number, in
    order; neighbours among these share most of their vectors and outputs.  noise, units : lengths
    of noise and vectors.
    """

    def __init__(self, sizes: list[int], bins: list[int], noise: int, units: int, rng):
        self.sizes = sizes
        self._views = [ordered_view(*pair) if pair[0] else None for pair in zip(bins, sizes)]
        self.widths = [
            (size or 1) if view is None else view.shape[1] for size, view in zip(sizes, self._views)
        ]
        self._told = [width if size else 2 for size, width in zip(sizes, self.widths)]
        self._starts = [size or 2 for size in sizes]
        normal = rng.normal
        weights = [
            normal(0, 1.4 / np.sqrt(noise), (noise, units)),
            normal(0, 1 / np.sqrt(units), (units, units)),
            normal(0, 1.4 / np.sqrt(units), (len(sizes), units, units)),
            np.zeros((len(sizes), units)),
            np.zeros((units, sum(self._told))),
            np.zeros(sum(self._starts)),
            normal(0, 0.5, (sum(self.widths), units)),
        ]
        self.weights = [keras.Variable(weight, dtype="float32") for weight in weights]

    def start_from(self, log_shares: list[np.ndarray]) -> None:
        """Begin at the margins: of each column the logarithm of its tokens' shares; of a score,
        0, 0."""
        self.weights[START].assign(np.concatenate(log_shares))

    def write(self, noise, key, temperature: float, given: dict) -> tuple[list, object]:
        """Cells, float32 (n, size or 1) a column, and how likely the given ones were, (n,).

        Gradients pass the cells (straight-through Gumbel-softmax).  noise : float32 (n, noise).
        given : {place: one-hot token or score, float32 (n, size or 1)}.  The logarithm of the
        chance of given tokens is returned.
        """
        keys = tf.unstack(tf.random.split(key, len(self.sizes)))
        first, second, *weights = (weight.value for weight in self.weights)
        state, log_chance, cells = tf.nn.leaky_relu(noise @ first, LEAK) @ second, 0.0, []
        for place, (mix, bias, output, start, memory) in enumerate(self._of_columns(*weights)):
            mixed = state + tf.nn.leaky_relu(state @ mix + bias, LEAK)
            view = self._views[place]
            out = (mixed @ output if view is None else mixed @ output @ view.T) + start
            draw = _token if self.sizes[place] else _score
            cell, chance = draw(out, keys[place], temperature, given.get(place))
            log_chance += chance
            cells.append(cell)
            state = self.remember(state, self._seen(place, cell) @ memory)
        return cells, log_chance

    def _of_columns(self, mix, bias, output, start, memory):
        """The weights of each column; kept in one array a kind, as many small ones cost time."""
        outputs, starts = tf.split(output, self._told, axis=1), tf.split(start, self._starts)
        return zip(
            tf.unstack(mix), tf.unstack(bias), outputs, starts, tf.split(memory, self.widths)
        )

    def remember(self, state, seen):
        """The state of the row, (n, units), with one cell more."""
        return state + seen

    def _seen(self, place, cell):
        view = self._views[place]
        return cell if view is None else cell @ view

    def row(self, cells: list):
        """Cells as the critic sees them, float32 (n, sum of widths)."""
        return tf.concat([self._seen(*pair) for pair in enumerate(cells)], axis=1)


def ordered_view(bins: int, size: int) -> np.ndarray:
    """How the tokens of a number are seen, (size, size + 8): each bin, and bumps around it.

    A token beyond the bins (missing) is on no bump.
    """
    places = np.linspace(0, 1, bins)[:, None]
    view = np.eye(size, size + BUMPS, dtype=np.float32) * OWN
    view[:bins, size:] = np.exp(-0.5 * ((places - np.linspace(0, 1, BUMPS)) * BUMPS) ** 2)
    return view


def _token(logits, key, temperature, given):
    if given is None:
        return hard_choice(logits, key, temperature), 0.0
    return given, tf.reduce_sum(tf.nn.log_softmax(logits) * given, axis=1)


def _score(moments, key, _temperature, given):
    mean, log_spread = moments[:, :1], tf.clip_by_value(moments[:, 1:], NARROWEST, WIDEST)
    if given is None:
        noise = tf.random.stateless_normal(tf.shape(mean), key)
        return mean + tf.exp(log_spread) * noise, 0.0
    return given, 0.0


def hard_choice(logits, key, temperature: float):
    """A one-hot draw (n, size) by the softmax; its gradient is that of a soft draw.

    Straight-through Gumbel-softmax (Jang, Gu and Poole 2017): logits plus Gumbel noise are largest
    at entry k with the softmax's chance of k.
    """
    uniform = tf.random.stateless_uniform(tf.shape(logits), key, 1e-7, 1 - 1e-7)
    noisy = logits - tf.math.log(-tf.math.log(uniform))
    soft = tf.nn.softmax(noisy / temperature)
    hard = tf.one_hot(tf.argmax(noisy, axis=1), logits.shape[1])
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
