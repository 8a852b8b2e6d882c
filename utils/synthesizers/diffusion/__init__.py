"""Diffusion: rows are destroyed cell by cell, and a network learns to undo it."""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np

from utils.saving import expect
from utils.synthesizers.diffusion.denoiser import Denoiser
from utils.synthesizers.diffusion.rows import DiffusionRows
from utils.synthesizers.neural import (
    AVERAGE,
    FEWEST_AT_ONCE,
    NeuralSynthesizer,
    follow,
    pieces,
    take_weights,
)
from utils.training import keras, tf

SCORES_PER_FIT, LAST_RATE = 25, 0.01
ROWS_AT_ONCE, ORDERS = 4_096, 16


class DiffusionSynthesizer(NeuralSynthesizer):
    """Masked diffusion for categories and piles, Gaussian diffusion for the numbers between them.

    See Denoiser for what is learned and DiffusionRows for how a row is told. A row is made in two
    turns: all of its tokens, column by column in an order drawn by chance; then all of its scores,
    from noise.

    epochs : most passes over the table; at most 5,000 steps are made, and training stops earlier
        when held-out rows (of tables of 400 or more) are no longer filled better.
    batch_size, learning_rate : of Adam; the rate falls along a cosine.
    numbers : "auto", "scores" or "tokens" (see DiffusionRows).  bins : tokens of a number without
        scores.
    units, layers : of the network.  looks : how often at most the network sees a row in each of the
    two turns; fewer are faster, but tokens drawn after one look do not see each other, and scores
    take two looks a step.  average : the part of the steps over which the weights are averaged; 0
    takes the last weights.  patience : held-out scores without a better one before training stops.

    A condition is a cell that is never destroyed: the network was taught with any set of known
    cells, so tokens and scores are drawn given it without weights or rejection. How exactly, is a
    matter of learning.
    """

    method = "diffusion"
    passes = 100
    least_steps = 1  # with more of them it repeats the rows of a small table
    most_steps = 5_000
    fewest_to_hold_out = 400  # the cells of fewer, masked by chance, tell too little
    how_to_sample = ("random_state", "looks")
    rows_: DiffusionRows

    def __init__(
        self,
        epochs: int | None = None,
        batch_size: int = 256,
        learning_rate: float = 3e-3,
        numbers: str = "auto",
        bins: int = 64,
        units: int = 128,
        layers: int = 2,
        looks: int = 16,
        average: float = AVERAGE,
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

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("bins", "units", "layers", "looks", "patience")
        self._check_not_negative("average")
        if self.numbers not in ("auto", "scores", "tokens"):
            raise ValueError(f'numbers must be "auto", "scores" or "tokens", not {self.numbers!r}.')

    # --- what goes in ---

    def _fit(self, columns, rng):
        self.rows_ = self._fit_rows(columns)
        held, kept = self._hold_out(len(columns[self.schema_.names[0]]), rng)
        rows = self.rows_.encode(columns, rng)
        self._learn([array[kept] for array in rows], [array[held] for array in rows], rng)

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("rows_", self.rows_.fits(self.schema_))

    def _fit_rows(self, columns) -> DiffusionRows:
        return DiffusionRows.fit(columns, self.schema_, self.numbers, self.bins)

    # --- the network ---

    def _build(self, rng):
        sizes, places = self.rows_.tokens.sizes, self.rows_.places
        return Denoiser(sizes, places, self.parameters_["units"], self.parameters_["layers"], rng)

    # --- one training step ---

    def _learn(self, rows, held_out, rng):
        learner, averaged = self._build(rng), self._build(rng)
        learner.start_from(np.concatenate([rows[0], held_out[0]]))
        take_weights(averaged, learner.weights)
        weights, steps = learner.weights, self._steps(len(rows[0]))
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps, LAST_RATE)
        optimizer = keras.optimizers.Adam(rate)
        optimizer.build(weights)

        def step(batch, key):
            with tf.GradientTape() as tape:
                tokens, scores = (_mean_row(part) for part in learner.losses(batch, key))
                loss = tokens + scores
            optimizer.apply(tape.gradient(loss, weights), weights)
            follow(averaged.weights, weights, optimizer.iterations, self.average)
            return {"tokens": tokens} | ({"scores": scores} if self.rows_.places else {})

        def column_losses(batch, key):
            tokens, scores = (tf.reduce_mean(part, axis=0) for part in learner.losses(batch, key))
            losses = dict(zip(self.schema_.names, tf.unstack(tokens)))
            for name, value in zip(self.rows_.free, tf.unstack(scores)):
                losses[name] += value
            return losses

        test, key = [tf.constant(array) for array in held_out], tf.constant([1, 2])
        score = tf.function(
            lambda: sum(_mean_row(part) for part in averaged.losses(test, key)), autograph=False
        )
        score = score.get_concrete_function() if len(held_out[0]) else None
        self._train(
            step,
            rows,
            [*weights, *averaged.weights, *optimizer.variables],
            averaged,
            rng,
            column_losses=column_losses,
            patience=self.patience,
            score=score and (lambda: float(score())),
            steps_per_call=int(np.clip(steps // SCORES_PER_FIT, 1, 200)),
        )

    # --- how rows are drawn ---

    def _sample(self, n, given, rng):
        self._check_counts("looks")
        rows, (fill_tokens, fill_scores) = self.rows_, self._fillers(self.looks)
        start, known = self._start(given)
        tokens = np.tile(start, (n, 1))
        angles = np.tile(np.where(known, 0, 1).astype(np.float32), (n, 1))
        asked = {
            name: np.full(n, given[name]) for name, is_known in zip(rows.scores, known) if is_known
        }
        unknown = np.flatnonzero(start == rows.tokens.sizes).astype(np.int32)
        pooled = self._scores(
            lambda name: rows.scores[name].pooled.transform(asked[name], rng), asked, n
        )
        for piece in self._pieces(n) if len(unknown) else []:
            key = rng.integers(2**31, size=2, dtype=np.int32)
            order, fresh = rng.permutation(unknown), self._looks_before(len(unknown))
            tokens[piece] = fill_tokens(
                tokens[piece], pooled[piece], angles[piece], order, fresh, key
            )
        inside, groups = rows.inside(tokens), rows.group(tokens)
        within = self._scores(
            lambda name: rows.scores[name].transform(asked[name], groups, rng), asked, n
        )
        moving = inside & ~known
        within = np.where(moving, rng.standard_normal(within.shape, dtype=np.float32), within)
        for piece in self._pieces(n) if moving.any() else []:
            within[piece] = fill_scores(tokens[piece], within[piece], angles[piece], moving[piece])
        return rows.decode(tokens, within, self.schema_, given, rng)

    def _start(self, given) -> tuple[np.ndarray, np.ndarray]:
        """The row that filling starts from: its tokens, masked where there is something to draw,
        int32 (d,); and which scores are known, bool (m,)."""
        rows, sizes = self.rows_, self.rows_.tokens.sizes
        tokens = np.where(sizes > 1, sizes, 0).astype(np.int32)
        for place, code in rows.tokens.encode_given(given).items():
            tokens[place] = code
        known = [
            name in given and rows.free[name][tokens[place]]
            for name, place in zip(rows.free, rows.places)
        ]
        return tokens, np.array(known, dtype=bool)

    def _scores(self, of, asked, n) -> np.ndarray:
        """Scores float32 (n, m): ``of(name)`` for the numbers asked for, 0 for the others."""
        scores = np.zeros((n, len(self.rows_.scores)), np.float32)
        for place, name in enumerate(self.rows_.scores):
            if name in asked:
                scores[:, place] = of(name)
        return scores

    def _pieces(self, n) -> list[slice]:
        """Rows that share an order: so few that the quirks of one order even out."""
        most = int(np.clip(-(-n // ORDERS), FEWEST_AT_ONCE, ROWS_AT_ONCE))
        return pieces(n, int(self.rows_.tokens.sizes.max()), most)

    def _looks_before(self, columns: int) -> np.ndarray:
        """Before which of so many columns the network looks again, bool (columns,)."""
        looks = np.zeros(columns, dtype=bool)
        looks[np.linspace(0, columns, min(self.looks, columns), endpoint=False).astype(int)] = True
        return looks

    @cached_property
    def _fillers(self):
        """A function of the looks that gives what fills tokens and scores, compiled once."""
        network = self._network
        return cache(lambda looks: (network.token_filler(), network.score_filler(-(-looks // 2))))


def _mean_row(losses):
    """Sum over the columns, mean over the rows."""
    return tf.reduce_mean(tf.reduce_sum(losses, axis=1))
