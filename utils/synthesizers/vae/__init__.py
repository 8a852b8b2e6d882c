"""A variational autoencoder for mixed tables: an encoder, a decoder with learned noise, a fitted
prior.

The encoder turns a row into a small Gaussian cloud in latent space, the decoder turns a latent
point into one distribution for each column (Kingma and Welling 2014, section 3). Three changes make
the textbook model good on tables. The decoder draws from a softmax over codes, so that noise is
learned, not averaged away. It starts from the margins of each stratum (value of the target), which
it only bends. And new points come from a Gaussian mixture fitted to the clouds of the training
rows, the aggregated posterior (Tomczak and Welling 2018), not from the standard normal that these
never quite fill.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import numpy as np

from utils.encoding import TableCodes
from utils.encoding.groups import ROWS_PER_GROUP
from utils.saving import expect
from utils.synthesizers.draws import resample
from utils.synthesizers.given import candidates
from utils.synthesizers.neural import NeuralSynthesizer, pieces
from utils.synthesizers.vae.margins import margins, tilts
from utils.synthesizers.vae.networks import decoder_network, divergence, encoder_network
from utils.synthesizers.vae.prior import LatentPrior
from utils.training import keras, tf

MOST_STEPS = 12_000
LAST_RATE = 0.05  # share of the learning rate that is left at the end


class VAESynthesizer(NeuralSynthesizer):
    """A variational autoencoder over the codes of all columns.

    epochs : most passes over the table; at most 12,000 steps are made, and training stops earlier
        when the bound on the likelihood of held-out rows no longer improves (tables of 50 rows or
        more).
    latent : dimensions of latent space.  units : width of the hidden layers.  bins : quantile bins
        a number.
    beta : weight of the divergence (Higgins and others 2017); below 1 the latent points keep more
        of a row.
    warm_up : share of the steps in which that weight rises from 0, so that the decoder learns to
        listen.
    components : most Gaussians a stratum gets in latent space.
    ranks_within_groups : whether numbers that a category tells are told by their rank in its rows.

    If the schema has a discrete target with 10 rows a value or more, encoder, decoder and latent
    mixture are conditional on it. ``given=`` is exact on the target, which is drawn first. Other
    cells are met in every row too; what goes with them is weighted: of many latent points, those
    are drawn that make the given cells likely, by weights that the decoder gives exactly, since
    columns are independent given a point. A value never seen together with the rest gets the
    nearest the decoder knows.
    """

    method = "vae"
    passes = 200
    codes_: TableCodes
    condition_: int | None
    margins_: Annotated[np.ndarray, "float _ _"]
    tilts_: list[Annotated[np.ndarray, "float _ _ _"] | None]
    prior_: LatentPrior

    def __init__(
        self,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        latent: int = 8,
        units: int = 128,
        bins: int = 64,
        beta: float = 0.7,
        warm_up: float = 0.2,
        components: int = 32,
        patience: int = 10,
        ranks_within_groups: bool = True,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.latent, self.units, self.bins, self.beta = latent, units, bins, beta
        self.warm_up, self.components = warm_up, components
        self.ranks_within_groups = ranks_within_groups
        self.patience, self.progress, self.checkpoint = patience, progress, checkpoint

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("latent", "units", "bins", "components", "patience")
        self._check_range(0, np.inf, "beta", "warm_up")

    # --- what goes in ---

    def _fit(self, columns, rng):
        self.codes_ = TableCodes.fit(columns, self.schema_, self.bins)
        codes = self.codes_.encode(columns)
        self.condition_ = self._stratifying_column(len(codes))
        strata = self._strata(codes)
        self.margins_, self.tilts_ = self._start(codes, strata)
        network = self._build(rng)
        held, kept = self._hold_out(len(codes), rng)
        try:
            self._fit_network(network, (codes, strata), kept, held, rng)
        finally:  # what was learned before an interruption can be sampled from
            if "_network" in vars(self):
                clouds = self._encode(codes, strata)
                self.prior_ = LatentPrior.fit(*clouds, strata, self.components, rng)

    def _check_fitted(self) -> None:
        super()._check_fitted()
        names, strata = self.schema_.names, self.prior_.strata
        expect("codes_", self.codes_.fits(self.schema_))
        if self.condition_ is None:
            expect("prior_", not strata.any())
        else:
            expect("prior_", self._holds(names[self.condition_], strata))

    def _stratifying_column(self, rows) -> int | None:
        """Position of the target, if it is discrete and has rows enough for each value."""
        target = self.schema_.target
        if target is None or not self.schema_[target].discrete:
            return None
        place = self.schema_.names.index(target)
        return place if self.codes_.sizes[place] * ROWS_PER_GROUP <= rows else None

    def _strata(self, codes) -> np.ndarray:
        """The codes of that column, int32 (n,), or zeros."""
        return codes[:, self.condition_] if self.condition_ is not None else codes[:, 0] * 0

    def _start(self, codes, strata):
        """Log-margins of all codes, float32 (strata, codes), and how each column's may be bent."""
        shares, bends = [], []
        for place, column in enumerate(self.schema_.columns):
            size, smooth = int(self.codes_.sizes[place]), not column.discrete
            shares.append(margins(codes[:, place], strata, size, smooth))
            bends.append(tilts(shares[-1]) if smooth else None)
        return np.log(np.concatenate(shares, axis=1)).astype(np.float32), bends

    # --- the networks ---

    def _build(self, rng):
        sizes, strata = [int(size) for size in self.codes_.sizes], len(self.margins_)
        shape = self.tilts_, self.parameters_["units"], self.parameters_["latent"], rng
        encoder = encoder_network(sizes, strata, *shape)
        decoder = decoder_network(self.margins_, sizes, *shape)
        means = encoder(encoder.inputs)[0]
        return keras.Model(encoder.inputs, decoder([means, encoder.inputs[1]]))

    # --- one training step ---

    def _fit_network(self, network, data, kept, held, rng):
        weights, steps = network.trainable_variables, self._steps(len(kept))
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps, LAST_RATE)
        optimizer = keras.optimizers.Adam(schedule)
        optimizer.build(weights)

        def step(batch, key):
            done = tf.cast(optimizer.iterations, tf.float32)
            risen = tf.minimum(done / max(1.0, self.warm_up * steps), 1.0)
            with tf.GradientTape() as tape:
                columns, distances = self._losses(network, batch, key)
                reconstruction = tf.reduce_mean(tf.add_n(columns))
                distance = tf.reduce_mean(distances)
                loss = reconstruction + self.beta * risen * distance
            optimizer.apply(tape.gradient(loss, weights), weights)
            return {"reconstruction": reconstruction, "divergence": distance}

        def column_losses(batch, key):
            losses = self._losses(network, batch, key)[0]
            return {name: tf.reduce_mean(loss) for name, loss in zip(self._decoded(), losses)}

        self._train(
            step,
            [array[kept] for array in data],
            network.variables + optimizer.variables,
            network,
            rng,
            steps=steps,
            column_losses=column_losses,
            **self._stopping(network, [tf.constant(array[held]) for array in data], rng),
        )

    def _steps(self, rows):
        return min(super()._steps(rows), MOST_STEPS)

    def _stopping(self, network, rows, rng):
        """The bound on the held-out rows, in nats a row, always with the same noise."""
        if not len(rows[0]):
            return {}
        key = tf.constant([int(rng.integers(2**31)), 0])

        def bound():
            columns, distances = self._losses(network, rows, key)
            return tf.reduce_mean(tf.add_n(columns) + distances)

        compiled = tf.function(bound, autograph=False).get_concrete_function()
        return {"score": lambda: compiled().numpy(), "patience": self.patience}

    def _losses(self, network, batch, key):
        """Minus log-likelihood of each decoded column, and the divergence, each (rows,)."""
        codes, strata = batch
        mean, log_variance = network.get_layer("encoder")([codes, strata])
        noise = tf.random.stateless_normal(tf.shape(mean), key)
        points = mean + tf.exp(log_variance / 2) * noise
        logits = tf.split(network.get_layer("decoder")([points, strata]), self.codes_.sizes, axis=1)
        columns = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(codes[:, place], part)
            for place, part in enumerate(logits)
            if place != self.condition_
        ]
        return columns or [tf.zeros_like(mean[:, 0])], divergence(mean, log_variance)

    def _decoded(self):
        return [name for place, name in enumerate(self.schema_.names) if place != self.condition_]

    def _encode(self, codes, strata):
        """Means and log-variances of the rows' latent clouds, each float32 (n, latent)."""
        encoder = self._network.get_layer("encoder")
        clouds = [encoder([codes[piece], strata[piece]]) for piece in self._pieces(len(codes))]
        return tuple(np.concatenate(parts) for parts in zip(*clouds))

    def _pieces(self, n):
        return pieces(n, int(self.codes_.sizes.sum()))

    # --- how rows are drawn ---

    def _sample(self, n, given, rng):
        wanted = self.codes_.encode_given(given)
        prior = self.prior_
        if self.condition_ in wanted:
            prior = prior.of_stratum(wanted.pop(self.condition_))
        points, strata = prior.draw(candidates(n) if wanted else n, rng)
        if wanted:
            weights = self._log_likelihood(points, strata, wanted)
            chosen = resample(weights, n, rng)
            points, strata = points[chosen], strata[chosen]
        return self.codes_.decode(self._draw(points, strata, rng), self.schema_, given, rng)

    def _draw(self, points, strata, rng):
        """Codes int32 (n, columns), each drawn from the decoder's softmax at its latent point."""
        codes = np.empty((len(points), len(self.codes_.sizes)), np.int32)
        for piece in self._pieces(len(points)):
            key = tf.constant(rng.integers(2**31, size=2), tf.int32)
            codes[piece] = self._drawing(
                tf.constant(points[piece]), tf.constant(strata[piece]), key
            )
        if self.condition_ is not None:
            codes[:, self.condition_] = strata
        return codes

    @cached_property
    def _drawing(self):
        """A compiled function (points, strata, key) -> codes."""
        decoder, spans = self._network.get_layer("decoder"), self.codes_.spans

        def draw(points, strata, key):
            logits = decoder([points, strata])
            drawn = [
                tf.random.stateless_categorical(
                    logits[:, span], 1, key + tf.constant([0, place]), tf.int32
                )
                for place, span in enumerate(spans)
            ]
            return tf.concat(drawn, axis=1)

        shapes = (
            ((None, self.parameters_["latent"]), tf.float32),
            ((None,), tf.int32),
            ((2,), tf.int32),
        )
        signature = [tf.TensorSpec(*shape) for shape in shapes]
        return tf.function(draw, input_signature=signature, autograph=False).get_concrete_function()

    def _log_likelihood(self, points, strata, wanted):
        """log p(wanted codes | point), float64 (n,): a sum, independent given the point."""
        decoder, spans = self._network.get_layer("decoder"), self.codes_.spans
        weights = np.zeros(len(points))
        for piece in self._pieces(len(points)):
            logits = decoder([points[piece], strata[piece]])
            for place, code in wanted.items():
                weights[piece] += tf.nn.log_softmax(logits[:, spans[place]])[:, code].numpy()
        return weights
