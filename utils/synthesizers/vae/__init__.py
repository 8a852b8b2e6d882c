"""A variational autoencoder for mixed tables, whose decoder also sees the cells before each cell.

The encoder turns a row into a small Gaussian cloud in latent space, the decoder turns a latent
point into a row (Kingma and Welling 2014, section 3). Two changes make the textbook model good on
tables. The decoder draws from a softmax over codes, so that noise is learned, not averaged away.
And it draws cell after cell, each of which sees the cells before it (Gulrajani and others 2017,
PixelVAE), but only by one table of pairs: a decoder that could say all by itself would leave the
latent point nothing to say (Chen and others 2017, section 2).
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import numpy as np

from utils.encoding import TableCodes
from utils.encoding.codes import count_of_bins
from utils.encoding.groups import ROWS_PER_GROUP
from utils.privacy.accounting import Budget
from utils.saving import expect
from utils.synthesizers.draws import drawing_order, resample
from utils.synthesizers.given import candidates
from utils.synthesizers.margins import Coded
from utils.synthesizers.neural import pieces
from utils.synthesizers.private import LAST_RATE, PrivatelyTrained
from utils.synthesizers.vae.networks import (
    RowNetwork,
    divergence,
    functions_of_shares,
    smooth_functions,
)
from utils.training import keras, tf

__all__ = ["VAESynthesizer", "divergence"]

SCORES_PER_FIT = 20
SOON = 1e-6  # share of the steps; with no warm-up the divergence counts from then on


class VAESynthesizer(PrivatelyTrained):
    """A variational autoencoder over the codes of all columns.

    epochs : most passes over the table; at most 12,000 steps are made, and training stops earlier
        when the bound on the likelihood of held-out rows no longer improves (tables of 50 rows or
        more).
    latent : dimensions of latent space.  units : width of the hidden layers.  bins : quantile bins
        a number.
    warm_up : share of the steps in which the weight of the divergence rises from 0 to 1, so that
        the decoder learns to listen (Bowman and others 2016).
    ranks_within_groups : whether numbers that a category tells are told by their rank in its rows.
    privacy : a Budget of utils.privacy, such as ``Budget(epsilon=1.0, delta=1e-5)``; None promises
        nothing. See :class:`utils.synthesizers.private.PrivatelyTrained` for what it keeps and what
        it costs; a schema with all ranges must be passed. Of the other parameters, batch_size,
        learning_rate, patience and ranks_within_groups then say nothing, and bins are at most 32.
        There is no checkpoint. For a real release ``random_state`` must be None.

    If the schema has a discrete target with 10 rows a value or more, it is drawn first, by its
    share, and the decoder is conditional on it; the other columns follow, fewest codes first
    (``order_``). ``given=`` is exact on that target. Other cells are set in every row, when their
    turn comes, and weighted: of many rows, those are kept whose point and earlier cells make the
    given cells likely (importance resampling, exact only as the rows grow in number). Values never
    seen together come in the rows nearest to them.
    """

    method = "vae"
    passes = 200
    most_steps = 12_000
    order_: list[str]
    stratified_: bool
    functions_: list[Annotated[np.ndarray, "float _ _"] | None]

    def __init__(
        self,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        latent: int = 8,
        units: int = 128,
        bins: int = 64,
        warm_up: float = 0.2,
        patience: int = 10,
        ranks_within_groups: bool = True,
        privacy: Budget | None = None,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.latent, self.units, self.bins = latent, units, bins
        self.warm_up, self.patience = warm_up, patience
        self.ranks_within_groups, self.privacy = ranks_within_groups, privacy
        self.progress, self.checkpoint = progress, checkpoint

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("latent", "units", "bins", "patience")
        self._check_not_negative("warm_up")

    # --- what goes in ---

    def _fit(self, columns, rng):
        self._without_promise()
        rows = len(next(iter(columns.values())))
        self.codes_ = TableCodes.fit(columns, self.schema_, count_of_bins(rows, self.bins))
        self.order_, self.stratified_ = self._drawing_order(rows)
        codes = self.codes_.encode(columns)[:, self._places]
        self.functions_ = self._functions(codes)
        network = self._build(rng)
        network.start_from(codes)
        held, kept = self._hold_out(len(codes), rng)
        self._fit_network(network, codes[kept], codes[held], rng)

    def _arrange(self, coded: list[Coded], rows: float) -> None:
        self.order_, self.stratified_ = self._drawing_order(rows)
        self.functions_ = [
            None
            if self.schema_[name].discrete
            else functions_of_shares(coded[place].margin.chances, self.codes_.missing[place])
            for name, place in zip(self.order_, self._places)
        ]

    def _drawing_order(self, rows: float) -> tuple[list[str], bool]:
        """Names of the columns as they are drawn, and whether the first is drawn by its
        share: the target, if it is discrete and has rows enough for each value."""
        sizes, target = dict(zip(self.codes_.names, self.codes_.sizes)), self.schema_.target
        order = drawing_order(None, sizes)
        discrete = target is not None and self.schema_[target].discrete
        if not discrete or sizes[target] * ROWS_PER_GROUP > rows:
            return order, False
        return sorted(order, key=lambda name: name != target), True

    def _functions(self, codes) -> list[np.ndarray | None]:
        """What tells the codes of each number, in drawing order; None for a category."""
        sizes, missing = self._sizes, self.codes_.missing[self._places]
        return [
            None if self.schema_[name].discrete else smooth_functions(*column)
            for name, *column in zip(self.order_, codes.T, sizes, missing)
        ]

    @property
    def _places(self) -> list[int]:
        return [self.codes_.names.index(name) for name in self.order_]

    @property
    def _sizes(self) -> list[int]:
        return self.codes_.sizes[self._places].tolist()

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("order_", sorted(self.order_) == sorted(self.codes_.names))
        sizes = [None if table is None else len(table) for table in self.functions_]
        expect("functions_", len(sizes) == len(self.order_))
        expect("functions_", all(a in (None, b) for a, b in zip(sizes, self._sizes)))

    # --- the network ---

    def _build(self, rng):
        shape = self.parameters_["units"], self.parameters_["latent"]
        return RowNetwork(self.functions_, self._sizes, self.stratified_, *shape, rng)

    # --- one training step ---

    def _fit_network(self, network, kept, held, rng):
        steps = self._steps(len(kept))
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps, LAST_RATE)
        optimizer = keras.optimizers.Adam(schedule)
        optimizer.build(network.weights)

        def step(batch, key):
            done = tf.cast(optimizer.iterations, tf.float32)
            risen = tf.minimum(done / max(1.0, self.warm_up * steps), 1.0)
            with tf.GradientTape() as tape:
                columns, distances = network.losses(batch[0], key)
                reconstruction = tf.reduce_mean(tf.add_n(columns))
                distance = tf.reduce_mean(distances)
                loss = reconstruction + risen * distance
            weights = [weight.value for weight in network.weights]
            optimizer.apply(tape.gradient(loss, weights), network.weights)
            return {"reconstruction": reconstruction, "divergence": distance}

        def column_losses(batch, key):
            losses = network.losses(batch[0], key)[0]
            names = self.order_[-len(losses) :]
            return {name: tf.reduce_mean(loss) for name, loss in zip(names, losses)}

        self._train(
            step,
            [kept],
            network.weights + optimizer.variables,
            network,
            rng,
            steps=steps,
            steps_per_call=max(1, steps // SCORES_PER_FIT),
            column_losses=column_losses,
            **self._stopping(network, held, rng),
        )

    def _row_losses(self, network, codes, key, done, parts):
        columns, distances = network.losses(codes, key, parts)
        risen = tf.minimum(done / max(self.warm_up, SOON), 1.0)
        return tf.add_n(columns) + tf.cast(risen, tf.float32) * distances

    def _stopping(self, network, held, rng):
        """The bound on the held-out rows, in nats a row, always with the same noise."""
        if not len(held):
            return {}
        key = tf.constant([int(rng.integers(2**31)), 0])

        def bound():
            columns, distances = network.losses(tf.constant(held), key)
            return tf.reduce_mean(tf.add_n(columns) + distances)

        compiled = tf.function(bound, autograph=False).get_concrete_function()
        return {"score": lambda: compiled().numpy(), "patience": self.patience}

    def _pieces(self, n):
        return pieces(n, int(self.codes_.sizes.sum()))

    # --- how rows are drawn ---

    def _sample(self, n, given, rng):
        asked = {
            self._places.index(place): code
            for place, code in self.codes_.encode_given(given).items()
        }
        weighed = set(asked) - {0} if self.stratified_ else asked
        wanted = np.full((candidates(n) if weighed else n, len(self.order_)), -1, np.int32)
        for place, code in asked.items():
            wanted[:, place] = code
        points = rng.standard_normal((len(wanted), self.parameters_["latent"]), np.float32)
        codes, log_chances = self._draw(points, wanted, rng)
        if weighed:
            codes = codes[resample(log_chances, n, rng)]
        table = np.empty_like(codes)
        table[:, self._places] = codes
        return self.codes_.decode(table, self.schema_, given, rng)

    def _draw(self, points, wanted, rng):
        """Codes int32 (n, columns) at latent points, and the log chance of what was set, (n,)."""
        codes, log_chances = np.empty_like(wanted), np.zeros(len(points))
        for piece in self._pieces(len(points)):
            key = tf.constant(rng.integers(2**31, size=2), tf.int32)
            codes[piece], log_chances[piece] = self._drawing(
                tf.constant(points[piece]), tf.constant(wanted[piece]), key
            )
        return codes, log_chances

    @cached_property
    def _drawing(self):
        """A compiled function (points, wanted, key) -> codes, log chances."""
        shapes = (
            ((None, self.parameters_["latent"]), tf.float32),
            ((None, len(self.order_)), tf.int32),
            ((2,), tf.int32),
        )
        signature = [tf.TensorSpec(*shape) for shape in shapes]
        draw = tf.function(self._network.draw, input_signature=signature, autograph=False)
        return draw.get_concrete_function()
