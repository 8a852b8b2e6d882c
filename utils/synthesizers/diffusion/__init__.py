"""Diffusion: rows are destroyed cell by cell, and a network learns to undo it."""

from __future__ import annotations

import numpy as np

from utils.synthesizers.diffusion.denoiser import Denoiser
from utils.synthesizers.diffusion.rows import MixedCells
from utils.synthesizers.neural import NeuralSynthesizer
from utils.training import keras, tf

HELD_OUT, FEWEST_TO_HOLD_OUT, MOST_HELD_OUT = 0.1, 1_000, 2_000
SCORES_PER_FIT, LAST_RATE = 25, 0.01
CELLS_AT_ONCE, ROWS_AT_ONCE, FEWEST_AT_ONCE, ORDERS = 4_000_000, 4_096, 64, 16


class DiffusionSynthesizer(NeuralSynthesizer):
    """Masked diffusion for categories and piles, Gaussian diffusion for the numbers between them.

    See Denoiser for what is learned and MixedCells for how a row is told. A row is made in two
    turns: all of its tokens, column by column in an order drawn by chance; then all of its scores,
    from noise.

    epochs, batch_size, learning_rate : of Adam; the rate falls along a cosine.  numbers : "auto",
    "scores" or "tokens" (see MixedCells).  bins : tokens of a number without scores.  units, layers
    : of the network.
    looks : how often at most the network sees a row in each of the two turns; fewer are faster, but
    tokens drawn after one look do not see each other, and scores take two looks a step.  average :
    how far back the averaged weights reach, as part of the steps so far; 0 takes the last weights.
    patience : held-out scores without a better one before training stops.

    A condition is a cell that is never destroyed: the network was taught with any set of known
    cells, so tokens and scores are drawn given it without weights or rejection. How exactly, is a
    matter of learning.
    """

    method = "diffusion"

    def __init__(
        self,
        epochs: int = 100,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        numbers: str = "auto",
        bins: int = 64,
        units: int = 128,
        layers: int = 2,
        looks: int = 16,
        average: float = 0.1,
        patience: int = 10,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.numbers, self.bins, self.units, self.layers = numbers, bins, units, layers
        self.looks, self.average, self.patience = looks, average, patience
        self.progress, self.checkpoint = progress, checkpoint

    def _fit(self, columns, rng):
        self._check_settings()
        self.cells_ = self._read_cells(columns)
        order = rng.permutation(len(columns[self.schema_.names[0]]))
        held_out = (
            int(min(HELD_OUT * len(order), MOST_HELD_OUT))
            if len(order) >= FEWEST_TO_HOLD_OUT
            else 0
        )
        rows = [array[order] for array in self.cells_.encode(columns, rng)]
        self._learn([array[held_out:] for array in rows], [array[:held_out] for array in rows], rng)

    def _read_cells(self, columns) -> MixedCells:
        return MixedCells.fit(columns, self.schema_, self.numbers, self.bins)

    def _check_settings(self) -> None:
        self._check_training()
        self._check_counts("bins", "units", "layers", "looks", "patience")
        if self.numbers not in ("auto", "scores", "tokens"):
            raise ValueError(f'numbers must be "auto", "scores" or "tokens", not {self.numbers!r}.')
        if not 0 <= self.average <= 1:
            raise ValueError(f"average must be a number from 0 to 1, not {self.average!r}.")

    def _learn(self, rows, held_out, rng):
        learner, averaged = self._build(rng), self._build(rng)
        learner.start_from(np.concatenate([rows[0], held_out[0]]))
        averaged.set_weights(learner.weights)
        weights, steps = learner.weights, self._steps(len(rows[0]))
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps, LAST_RATE)
        optimizer = keras.optimizers.Adam(rate)
        optimizer.build(weights)

        def step(batch, key):
            with tf.GradientTape() as tape:
                parts = dict(zip(("tokens", "scores"), map(_mean_row, learner.losses(batch, key))))
                loss = parts["tokens"] + parts["scores"]
            optimizer.apply(tape.gradient(loss, weights), weights)
            pull = 1 / (1 + self.average * tf.cast(optimizer.iterations.value, tf.float32))
            for mean, weight in zip(averaged.weights, weights):
                mean.assign_add(pull * (weight.value - mean.value))
            return parts if self.cells_.places else {"tokens": loss}

        def column_losses(batch, key):
            tokens, scores = (tf.reduce_mean(part, axis=0) for part in learner.losses(batch, key))
            losses = dict(zip(self.schema_.names, tf.unstack(tokens)))
            for name, value in zip(self.cells_.free, tf.unstack(scores)):
                losses[name] += value
            return losses

        test, key = [tf.constant(array) for array in held_out], tf.constant([1, 2])
        score = tf.function(
            lambda: sum(map(_mean_row, averaged.losses(test, key))), autograph=False
        )
        self._train(
            step, rows, [*weights, *averaged.weights, *optimizer.variables],
            averaged, rng, column_losses=column_losses, patience=self.patience,
            score=(lambda: float(score())) if len(held_out[0]) else None,
            steps_per_call=int(np.clip(steps // SCORES_PER_FIT, 1, 200)),
        )  # fmt: skip

    def _build(self, rng):
        return Denoiser(self.cells_.tokens.sizes, self.cells_.places, self.units, self.layers, rng)

    def _sample(self, n, given, rng):
        cells, (fill_tokens, fill_scores) = self.cells_, self._fillers()
        start, known = self._start(given)
        tokens, angles = (
            np.tile(start, (n, 1)),
            np.tile(np.where(known, 0, 1).astype(np.float32), (n, 1)),
        )
        asked = {
            name: np.full(n, given[name]) for name, is_known in zip(cells.scores, known) if is_known
        }
        unknown = np.flatnonzero(start == cells.tokens.sizes).astype(np.int32)
        pooled = self._scores(
            lambda name: cells.scores[name].pooled.transform(asked[name], rng), asked, n
        )
        for rows in self._pieces(n) if len(unknown) else []:
            key = rng.integers(2**31, size=2, dtype=np.int32)
            order, fresh = rng.permutation(unknown), self._looks_before(len(unknown))
            tokens[rows] = fill_tokens(tokens[rows], pooled[rows], angles[rows], order, fresh, key)
        inside, groups = cells.inside(tokens), cells.groups(tokens)
        own = self._scores(
            lambda name: cells.scores[name].transform(asked[name], groups, rng), asked, n
        )
        moving = inside & ~known
        own = np.where(moving, rng.standard_normal(own.shape, dtype=np.float32), own)
        for rows in self._pieces(n) if moving.any() else []:
            own[rows] = fill_scores(tokens[rows], own[rows], angles[rows], moving[rows])
        return cells.decode(tokens, own, self.schema_, given, rng)

    def _start(self, given) -> tuple[np.ndarray, np.ndarray]:
        """The row that filling starts from: its tokens, masked where there is something to draw,
        int32 (d,); and which scores are known, bool (m,)."""
        cells, sizes = self.cells_, self.cells_.tokens.sizes
        tokens = np.where(sizes > 1, sizes, 0).astype(np.int32)
        for place, code in cells.tokens.encode_given(given).items():
            tokens[place] = code
        known = [
            name in given and cells.free[name][tokens[place]]
            for name, place in zip(cells.free, cells.places)
        ]
        return tokens, np.array(known, dtype=bool)

    def _scores(self, of, asked, n) -> np.ndarray:
        """Scores float32 (n, m): ``of(name)`` for the numbers asked for, 0 for the others."""
        scores = np.zeros((n, len(self.cells_.scores)), np.float32)
        for place, name in enumerate(self.cells_.scores):
            if name in asked:
                scores[:, place] = of(name)
        return scores

    def _pieces(self, n) -> list[slice]:
        """Rows that share an order: so few that memory stays bounded, and the quirks of an order
        even out."""
        most = min(
            ROWS_AT_ONCE, max(FEWEST_AT_ONCE, CELLS_AT_ONCE // int(self.cells_.tokens.sizes.max()))
        )
        size = min(most, max(FEWEST_AT_ONCE, -(-n // ORDERS)))
        return [slice(start, start + size) for start in range(0, n, size)]

    def _looks_before(self, columns: int) -> np.ndarray:
        """Before which of so many columns the network looks again, bool (columns,)."""
        looks = np.zeros(columns, dtype=bool)
        looks[np.linspace(0, columns, min(self.looks, columns), endpoint=False).astype(int)] = True
        return looks

    def _fillers(self):
        """The compiled functions that fill tokens and scores, made once for each fit."""
        network, made = self._trained(), getattr(self, "_made", None)
        if made is None or made[0] is not network or made[1] != self.looks:
            fillers = network.token_filler(), network.score_filler(-(-self.looks // 2))
            made = self._made = network, self.looks, fillers
        return made[2]


def _mean_row(losses):
    """Sum over the columns, mean over the rows."""
    return tf.reduce_mean(tf.reduce_sum(losses, axis=1))
