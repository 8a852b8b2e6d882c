"""A row written one cell at a time: a Keras network gives each cell's chances from the cells before it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from utils.encoding import grid_step
from utils.synthesizers.base import condition_value, from_array, resample, to_array
from utils.synthesizers.codes import TableCodes
from utils.synthesizers.neural import NeuralSynthesizer
from utils.training import keras, tf

CANDIDATES = 8  # rows tried for one kept, where a condition does not come first in the drawing order
MEMORY = 0.99  # of the average over training steps
PATIENCE, STEPS_PER_SCORE = 15, 20
HELD_OUT, FEWEST_TO_HOLD_OUT, MOST_HELD_OUT = 0.1, 200, 2_000
BLOCK_CELLS = 2**20  # chances held at once while rows are drawn
NO_CHANCE = -1e4  # its exponential is 0 in float32
OWN = 0.2  # part of a number's bin that it does not share with its neighbours


class AutoregressiveSynthesizer(NeuralSynthesizer):
    """The chain rule of probability with one small network (NADE: Larochelle and Murray 2011; Uria et al. 2016).

    Every column is codes: categories as they are, numbers as quantile bins with the value drawn inside. A cell's
    chances come from the sum of one vector for each cell before it, a residual layer and a softmax; all columns
    are learned in one pass. Neighbouring bins share their vectors. The weights kept are an average over steps,
    at the best likelihood of held-out rows.

    epochs : passes over the table at most.  units : length of a vector.  bins : most codes of a number.
    smoothing : how far bins share, as part of a column's bins; 0 leaves each bin to itself.
    dropout : share of the layer left out in each training step.
    order : names of the columns as they are drawn; None takes the column with the fewest codes first.

    A condition on the first columns of ``order_`` is exact: the rest is drawn given it. Other conditions hold in
    every row as well, but what was drawn before them is weighted: of 8 candidates a row, those are kept that
    make the condition likely (importance resampling), which is exact only as the candidates grow in number.
    """

    method = "autoregressive"

    def __init__(
        self,
        epochs: int = 60,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        units: int = 128,
        bins: int = 64,
        smoothing: float = 0.15,
        dropout: float = 0.1,
        order: list[str] | None = None,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.units, self.bins, self.smoothing, self.dropout, self.order = units, bins, smoothing, dropout, order
        self.progress, self.checkpoint = progress, checkpoint

    def _fit(self, columns, rng):
        self._check_settings()
        self.codes_ = TableCodes.fit(columns, self.schema_, self.bins)
        self.order_ = self._drawing_order()
        rows = rng.permutation(self._encode(columns))
        held_out = min(int(len(rows) * HELD_OUT), MOST_HELD_OUT) if len(rows) >= FEWEST_TO_HOLD_OUT else 0
        learner, average = self._build(rng), self._build(rng)
        learner.start_from(rows)
        average.set_weights(learner.weights)
        rate = keras.optimizers.AdamW(self.learning_rate, weight_decay=1e-3, beta_2=0.99)
        self._learn(learner, average, rate, rows[held_out:], rows[:held_out], rng)

    def _learn(self, learner, average, optimizer, rows, held_out, rng):
        optimizer.build(learner.weights)

        def step(batch, key):
            with tf.GradientTape() as tape:
                loss = tf.add_n(learner.losses(batch[0], self.dropout, key))
            gradients = tape.gradient(loss, [weight.value for weight in learner.weights])
            optimizer.apply(gradients, learner.weights)
            done = tf.cast(optimizer.iterations.value, tf.float32)
            average.move_towards(learner, 1 - tf.minimum(MEMORY, done / (done + 9)))
            return {"nats a row": loss}

        def column_losses(batch, key):
            return dict(zip(self.order_, learner.losses(batch[0], self.dropout, key)))

        score = tf.function(lambda: tf.add_n(average.losses(tf.constant(held_out))))
        self._train(
            step, [rows], learner.weights + average.weights + optimizer.variables, average, rng,
            steps_per_call=STEPS_PER_SCORE, column_losses=column_losses,
            score=score if len(held_out) else None, patience=PATIENCE,
        )  # fmt: skip

    def _check_settings(self) -> None:
        self._check_training()
        self._check_counts("units", "bins")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be a number from 0 to below 1, not {self.dropout!r}.")
        if not self.smoothing >= 0:
            raise ValueError(f"smoothing must be a number of 0 or more, not {self.smoothing!r}.")

    def _drawing_order(self) -> list[str]:
        names = self.codes_.names
        if self.order is None:
            return [names[place] for place in np.argsort(self.codes_.sizes, kind="stable")]
        if sorted(self.order) != sorted(names):
            raise ValueError(
                f"order must name each column once: {', '.join(names)}. It names: {', '.join(self.order)}."
            )
        return list(self.order)

    @property
    def _places(self) -> list[int]:
        return [self.codes_.names.index(name) for name in self.order_]

    def _encode(self, columns) -> np.ndarray:
        """Codes in drawing order, int32 (n, d)."""
        return self.codes_.encode(columns)[:, self._places]

    def _build(self, rng):
        sizes = self.codes_.sizes[self._places]
        numbers = [len(self.codes_.bins.get(name, ())) for name in self.order_]
        kernels = [_kernel(count, size, self.smoothing) for count, size in zip(numbers, sizes)]
        return CellNetwork(sizes.tolist(), kernels, self.units, rng)

    def _sample(self, n, given, rng):
        wanted = np.full(len(self.order_), -1)
        for place, code in self.codes_.encode_given(given).items():
            wanted[self._places.index(place)] = code
        comes_first = (np.diff((wanted < 0).astype(int)) >= 0).all()
        rows = n if comes_first else n * CANDIDATES
        codes, log_weights = self._trained().draw(np.tile(wanted, (rows, 1)), rng)
        if not comes_first and n:
            codes = codes[resample(log_weights, n, rng, ", ".join(given))]
        return self._decode(codes, given, rng)

    def _decode(self, codes, given, rng) -> dict:
        table = np.empty_like(codes)
        table[:, self._places] = codes
        return self.codes_.decode(table, self.schema_, given, rng)

    def log_likelihood(self, table: pd.DataFrame) -> np.ndarray:
        """Natural logarithm of the model's probability of each row, float64 (n,).

        Exact for the codes. A number has a density: the mass of its bin over the bin's width, counted in steps
        of the column's grid (so a probability for integers), or in its unit where there is none. A bin with one
        value is taken for a point with all of its mass.
        """
        columns = {column.name: to_array(table[column.name], column) for column in self.schema_.columns}
        codes = self._encode(columns)
        total = self._trained().draw(codes, np.random.default_rng(0))[1]
        for place, name in enumerate(self.order_):
            if name in self.codes_.bins:
                widths = _log_widths(self.codes_.bins[name], grid_step(self.schema_[name]))
                total = total - np.append(widths, 0.0)[codes[:, place]]
        return total

    def impute(self, table: pd.DataFrame, random_state: int = 0, candidates: int = 32) -> pd.DataFrame:
        """The rows with their missing cells drawn given the known ones; columns may be absent altogether.

        Known cells stay. Cells known before a missing one count exactly, those after it by importance: one of
        ``candidates`` fillings of each row is kept, in proportion to how likely it makes the known cells.
        ValueError for a column, category or number that training never saw.
        """
        rng = np.random.default_rng(random_state)
        for name in table.columns:
            known = table[name].dropna()
            for value in known.unique() if self.schema_[name].discrete else known.agg(["min", "max"]).dropna():
                condition_value(self.schema_[name], value)
        table = table.reindex(columns=self.schema_.names)
        columns = {column.name: to_array(table[column.name], column) for column in self.schema_.columns}
        missing = table[self.order_].isna().to_numpy()
        known = np.where(missing, -1, self._encode(columns))
        codes, log_weights = self._trained().draw(np.repeat(known, candidates, axis=0), rng, self._absent)
        chances = log_weights.reshape(len(table), candidates) + rng.gumbel(size=(len(table), candidates))
        kept = codes.reshape(len(table), candidates, -1)[np.arange(len(table)), chances.argmax(axis=1)]
        drawn = self._decode(kept, {}, rng)
        return pd.DataFrame(
            {
                column.name: from_array(
                    np.where(table[column.name].isna(), drawn[column.name], columns[column.name]), column
                )
                for column in self.schema_.columns
            },
            index=table.index,
        )

    @property
    def _absent(self) -> list[int | None]:
        """The code of a missing cell in each column, None where there is none or nothing else."""
        return [
            size - 1 if missing and size > 1 else None
            for size, missing in zip(self.codes_.sizes[self._places], self.codes_.missing[self._places])
        ]


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

    def set_weights(self, weights: list) -> None:
        """Take over the weights of another network of this shape."""
        for mine, other in zip(self.weights, weights, strict=True):
            mine.assign(other)

    def start_from(self, rows: np.ndarray) -> None:
        """Begin at the shares of each column alone: only what hangs together is left to learn.

        A code without a row has no chance at all, and keeps none, as nothing ever pulls at it.
        """
        counts = [np.bincount(codes, minlength=size) for codes, size in zip(rows.T, self.sizes)]
        shares = np.concatenate(counts) / len(rows)
        self.weights[-1].assign(np.where(shares > 0, np.log(np.maximum(shares, 1e-30)), NO_CHANCE))

    def move_towards(self, other: CellNetwork, share) -> None:
        """Move each weight by a share of the way to the other network's."""
        for mine, target in zip(self.weights, other.weights):
            mine.assign_add(share * (target - mine))

    def _by_column(self, weight) -> list:
        """A table of all columns cut into one a column, with neighbouring bins sharing."""
        pieces = tf.split(weight.value, self.sizes)
        return [piece if kernel is None else kernel @ piece for kernel, piece in zip(self.kernels, pieces)]

    def losses(self, codes, dropout: float = 0.0, key=None) -> list:
        """Mean of -log probability of each column's codes, a list of d scalars; codes int32 (n, d)."""
        values, mix, mix_bias, output, output_bias = self.weights
        columns = tf.unstack(codes, axis=1)
        vectors = tf.stack([tf.gather(*pair) for pair in zip(self._by_column(values), columns)])
        before = tf.cumsum(vectors, axis=0, exclusive=True)
        after = before + tf.nn.relu(before @ mix.value + mix_bias.value[:, None])
        if key is not None and dropout:
            kept = tf.random.stateless_uniform(tf.shape(after), key) >= dropout
            after = tf.where(kept, after / (1 - dropout), 0.0)
        heads = zip(columns, tf.unstack(after), self._by_column(output), tf.split(output_bias.value, self.sizes))
        return [
            tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    column, tf.matmul(state, table, transpose_b=True) + bias
                )
            )
            for column, state, table, bias in heads
        ]

    @cached_property
    def _arrays(self) -> list[tuple]:
        """Per column: values, mix, mix_bias, output', output_bias as numpy, for drawing."""
        values, mix, mix_bias, output, output_bias = self.weights
        outputs = [np.ascontiguousarray(table.numpy().T) for table in self._by_column(output)]
        biases = np.split(output_bias.numpy(), np.cumsum(self.sizes)[:-1])
        tables = [table.numpy() for table in self._by_column(values)]
        return list(zip(tables, mix.numpy(), mix_bias.numpy(), outputs, biases))

    def draw(self, wanted: np.ndarray, rng: np.random.Generator, never: list | None = None) -> tuple:
        """Rows from left to right: codes int32 (n, d), and the log probability of the wanted ones (n,).

        wanted : int (n, d), a code to be set, or -1 for one to be drawn.  never : for each column a code that is
        not to be drawn, or None.
        """
        never = never or [None] * len(self.sizes)
        block = max(1, min(8_192, BLOCK_CELLS // max(self.sizes)))
        blocks = [self._draw_block(wanted[at : at + block], rng, never) for at in range(0, len(wanted), block)]
        codes, log_weights = zip(*blocks) if blocks else ([np.zeros(wanted.shape, np.int32)], [np.zeros(0)])
        return np.concatenate(codes), np.concatenate(log_weights)

    def _draw_block(self, wanted, rng, never):
        """Rows that agree so far share one state, so the first columns cost next to nothing."""
        rows = len(wanted)
        codes, log_weights = np.empty(wanted.shape, np.int32), np.zeros(rows)
        states, member = np.zeros((1, self.weights[1].shape[1]), np.float32), np.zeros(rows, dtype=np.int64)
        for place, (values, mix, mix_bias, output, output_bias) in enumerate(self._arrays):
            chances = (states + np.maximum(states @ mix + mix_bias, 0)) @ output + output_bias
            chances = np.exp(chances - chances.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            codes[:, place] = asked = wanted[:, place]
            free = asked < 0
            log_weights[~free] += np.log(np.maximum(chances[member[~free], asked[~free]], 1e-30))
            if free.any():
                codes[free, place] = _pick(chances, member[free], never[place], rng)
            pairs, member = np.unique(member * len(values) + codes[:, place], return_inverse=True)
            states = states[pairs // len(values)] + values[pairs % len(values)]
        return codes, log_weights


def _pick(chances, rows, never, rng) -> np.ndarray:
    """A code for each of ``rows``, drawn from that row of ``chances``."""
    if never is not None:
        chances = chances.copy()
        chances[:, never] = 0
    cumulative = np.cumsum(chances, axis=1)
    points = rng.random(len(rows), dtype=np.float32) * cumulative[rows, -1]
    return (cumulative[rows, :-1] <= points[:, None]).sum(axis=1)


def _kernel(numbers: int, size: int, smoothing: float) -> np.ndarray | None:
    """Matrix (size, size) by which the bins of a number share with their neighbours; None for categories."""
    if numbers < 2 or smoothing <= 0:
        return None
    places = np.arange(numbers)
    near = np.exp(-0.5 * ((places[:, None] - places) / (smoothing * numbers)) ** 2)
    kernel = np.eye(size, dtype=np.float32)
    kernel[:numbers, :numbers] *= OWN
    kernel[:numbers, :numbers] += near / np.linalg.norm(near, axis=1, keepdims=True)
    return kernel


def _log_widths(bins, step: float) -> np.ndarray:
    """Logarithm of how much each bin spans: grid steps, or the column's unit where it has no grid."""
    first, last = bins.knots[:, 0], bins.knots[:, -1]
    spans = np.append(bins.lower[1:] - first[:-1], last[-1] - first[-1] + step)
    return np.log(np.where(last > first, spans / (step or 1.0), 1.0))
