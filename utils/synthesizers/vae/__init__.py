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

import numpy as np

from utils.encoding.codes import TableCodes
from utils.synthesizers.base import resample
from utils.synthesizers.neural import NeuralSynthesizer, seeded
from utils.synthesizers.vae import prior as latent_prior
from utils.synthesizers.vae.margins import margins, tilts
from utils.training import keras, tf

HELD_OUT, FEWEST_TO_HOLD_OUT = 0.1, 400
ROWS_PER_STRATUM = 30
MOST_STEPS = 12_000
LAST_RATE = 0.05  # share of the learning rate that is left at the end
CANDIDATES = 20_000
CELLS_AT_ONCE = 4_000_000


class VAESynthesizer(NeuralSynthesizer):
    """A variational autoencoder over the codes of all columns.

    epochs : most passes over the table; at most 12,000 steps are made, and training stops earlier
        when the bound on the likelihood of held-out rows no longer improves (tables of 400 rows or
        more).
    latent : dimensions of latent space.  units : width of the hidden layers.  bins : quantile bins
        a number.
    beta : weight of the divergence (Higgins and others 2017); below 1 the latent points keep more
        of a row.
    warm_up : share of the steps in which that weight rises from 0, so that the decoder learns to
        listen.
    waves : smooth functions of a number's rank that the decoder may bend, besides its normal score.
    components : most Gaussians a stratum gets in latent space.

    If the schema has a discrete target with 30 rows a value or more, encoder, decoder and latent
    mixture are conditional on it. ``given=`` is exact on the target, which is drawn first. Other
    cells are met in every row too; what goes with them is weighted: of 20,000 latent points or
    more, those are drawn that make the given cells likely, by weights that the decoder gives
    exactly, since columns are independent given a point. A value never seen together with the rest
    gets the nearest the decoder knows.
    """

    method = "vae"

    def __init__(
        self,
        epochs: int = 200,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        latent: int = 8,
        units: int = 128,
        bins: int = 64,
        beta: float = 0.7,
        warm_up: float = 0.2,
        waves: int = 0,
        components: int = 32,
        patience: int = 10,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.latent, self.units, self.bins, self.beta, self.warm_up = (
            latent,
            units,
            bins,
            beta,
            warm_up,
        )
        self.waves, self.components, self.patience = waves, components, patience
        self.progress, self.checkpoint = progress, checkpoint

    def _fit(self, columns, rng):
        self._check_counts(
            "epochs", "batch_size", "latent", "units", "bins", "components", "patience"
        )
        for name in ("beta", "warm_up", "waves"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} must be a number of 0 or more, not {getattr(self, name)!r}."
                )
        self.codes_ = TableCodes.fit(columns, self.schema_, self.bins)
        codes = self.codes_.encode(columns)
        strata = self._strata(codes)
        self.margins_, self.tilts_ = self._start(codes, strata)
        network = self._build(rng)
        held, kept = np.split(rng.permutation(len(codes)), [self._held_out(len(codes))])
        try:
            self._fit_network(network, (codes, strata), kept, held, rng)
        finally:  # what was learned before an interruption can be sampled from
            if getattr(self, "_network", None) is network:
                self.prior_ = latent_prior.fit(
                    *self._encode(codes, strata), strata, self.components, rng
                )

    def _strata(self, codes):
        """int32 (n,): the target's codes if it is discrete and has rows enough, else zeros."""
        target = self.schema_.target
        self.condition_ = None
        if target is not None and self.schema_[target].discrete:
            place = self.schema_.names.index(target)
            if self.codes_.sizes[place] * ROWS_PER_STRATUM <= len(codes):
                self.condition_ = place
        return (
            np.zeros(len(codes), np.int32) if self.condition_ is None else codes[:, self.condition_]
        )

    def _start(self, codes, strata):
        """Log-margins of all codes, float32 (strata, codes), and how each column's may be bent."""
        sizes = [int(size) for size in self.codes_.sizes]
        smooth = [not column.discrete for column in self.schema_.columns]
        shares = [
            margins(codes[:, place], strata, *both) for place, both in enumerate(zip(sizes, smooth))
        ]
        bends = [tilts(share, self.waves) if flag else None for share, flag in zip(shares, smooth)]
        return np.log(np.concatenate(shares, axis=1)).astype(np.float32), bends

    @staticmethod
    def _held_out(rows):
        return int(HELD_OUT * rows) if rows >= FEWEST_TO_HOLD_OUT else 0

    def _steps(self, rows):
        return min(super()._steps(rows), MOST_STEPS)

    # --- the networks ---

    def _build(self, rng):
        sizes, strata = [int(size) for size in self.codes_.sizes], len(self.margins_)
        row, stratum = keras.Input((len(sizes),), dtype="int32"), keras.Input((), dtype="int32")
        cells = [
            self._cell(row[:, place], stratum, size, bend, rng)
            for place, (size, bend) in enumerate(zip(sizes, self.tilts_))
        ]
        hidden = keras.ops.silu(sum(cells) + _table(strata, self.units, rng)(stratum))
        hidden = _dense(self.units, rng, "silu")(hidden)
        cloud = [_dense(self.latent, rng)(hidden), _dense(self.latent, rng)(hidden)]
        encoder = keras.Model([row, stratum], cloud, name="encoder")

        point = keras.Input((self.latent,))
        hidden = _dense(self.units, rng)(point) + _table(strata, self.units, rng)(stratum)
        hidden = _dense(self.units, rng, "silu")(keras.ops.silu(hidden))
        heads = [_head(hidden, stratum, size, bend, rng) for size, bend in zip(sizes, self.tilts_)]
        logits = keras.ops.concatenate(heads, axis=1) + _fixed(self.margins_)(stratum)
        decoder = keras.Model([point, stratum], logits, name="decoder")
        return keras.Model([row, stratum], decoder([encoder([row, stratum])[0], stratum]))

    def _cell(self, code, stratum, size, bend, rng):
        """What the encoder reads of one cell: a vector a code, or the decoder's smooth
        functions."""
        if bend is None:
            return _table(size, self.units, rng)(code)
        return _dense(self.units, rng)(
            _fixed(bend.reshape(-1, bend.shape[2]))(stratum * size + code)
        )

    # --- training ---

    def _fit_network(self, network, data, kept, held, rng):
        weights, steps = network.trainable_variables, self._steps(len(kept))
        schedule = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps, LAST_RATE)
        optimizer = keras.optimizers.Adam(schedule)
        optimizer.build(weights)

        def step(batch, key):
            risen = tf.cast(key[1] // 2, tf.float32) / max(1.0, self.warm_up * steps)
            with tf.GradientTape() as tape:
                columns, far = self._losses(network, batch, key)
                fit, far = tf.reduce_mean(tf.add_n(columns)), tf.reduce_mean(far)
                loss = fit + self.beta * tf.minimum(risen, 1.0) * far
            optimizer.apply(tape.gradient(loss, weights), weights)
            return {"reconstruction": fit, "divergence": far}

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

    def _stopping(self, network, rows, rng):
        """The bound on the held-out rows, in nats a row, always with the same noise."""
        if not len(rows[0]):
            return {}
        key = tf.constant([int(rng.integers(2**31)), 0])

        def bound():
            columns, far = self._losses(network, rows, key)
            return tf.reduce_mean(tf.add_n(columns) + far)

        compiled = tf.function(bound, autograph=False).get_concrete_function()
        return {"score": lambda: compiled().numpy(), "patience": self.patience}

    def _losses(self, network, batch, key):
        """Minus log-likelihood of each decoded column, and the divergence, each float32 (rows,)."""
        codes, strata = batch
        mean, log_variance = network.get_layer("encoder")([codes, strata])
        points = mean + tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), key)
        logits = network.get_layer("decoder")([points, strata])
        columns = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(codes[:, place], logits[:, span])
            for place, span in enumerate(self._spans())
            if place != self.condition_
        ]
        return columns or [tf.zeros_like(mean[:, 0])], divergence(mean, log_variance)

    def _decoded(self):
        return [name for place, name in enumerate(self.schema_.names) if place != self.condition_]

    def _spans(self):
        ends = np.cumsum(self.codes_.sizes)
        return [slice(int(end - size), int(end)) for size, end in zip(self.codes_.sizes, ends)]

    # --- sampling ---

    def _sample(self, n, given, rng):
        wanted = self.codes_.encode_given(given)
        prior = latent_prior.of_stratum(self.prior_, wanted.pop(self.condition_, None))
        points, strata = latent_prior.draw(prior, max(n, CANDIDATES) if wanted else n, rng)
        if wanted:
            weights = self._log_likelihood(points, strata, wanted)
            chosen = resample(weights, n, rng, ", ".join(given))
            points, strata = points[chosen], strata[chosen]
        return self.codes_.decode(self._draw(points, strata, rng), self.schema_, given, rng)

    def _draw(self, points, strata, rng):
        """Codes int32 (n, columns), each drawn from the decoder's softmax at its latent point."""
        if getattr(self, "_drawing", None) is None:
            self._drawing = self._compiled_draw()
        codes = np.empty((len(points), len(self.codes_.sizes)), np.int32)
        for piece in self._pieces(len(points)):
            key = tf.constant(rng.integers(2**31, size=2), tf.int32)
            codes[piece] = self._drawing(
                tf.constant(points[piece]), tf.constant(strata[piece]), key
            )
        if self.condition_ is not None:
            codes[:, self.condition_] = strata
        return codes

    def _compiled_draw(self):
        decoder, spans = self._trained().get_layer("decoder"), self._spans()

        def draw(points, strata, key):
            logits = decoder([points, strata])
            drawn = [
                tf.random.stateless_categorical(logits[:, span], 1, key + [0, place], tf.int32)
                for place, span in enumerate(spans)
            ]
            return tf.concat(drawn, axis=1)

        shapes = ((None, self.latent), tf.float32), ((None,), tf.int32), ((2,), tf.int32)
        signature = [tf.TensorSpec(*shape) for shape in shapes]
        return tf.function(draw, input_signature=signature, autograph=False).get_concrete_function()

    def _log_likelihood(self, points, strata, wanted):
        """log p(wanted codes | point), float64 (n,): a sum, as columns are independent given the
        point."""
        decoder, spans = self._trained().get_layer("decoder"), self._spans()
        weights = np.zeros(len(points))
        for piece in self._pieces(len(points)):
            logits = decoder([points[piece], strata[piece]])
            for place, code in wanted.items():
                weights[piece] += tf.nn.log_softmax(logits[:, spans[place]])[:, code].numpy()
        return weights

    def _encode(self, codes, strata):
        """Means and log-variances of the rows' latent clouds, each float32 (n, latent)."""
        encoder = self._trained().get_layer("encoder")
        clouds = [encoder([codes[piece], strata[piece]]) for piece in self._pieces(len(codes))]
        return tuple(np.concatenate(parts) for parts in zip(*clouds))

    def _pieces(self, n):
        """Slices of at most 4 million logits, so that memory grows with neither rows nor
        categories."""
        size = max(1, CELLS_AT_ONCE // int(self.codes_.sizes.sum()))
        return [slice(start, start + size) for start in range(0, n, size)]


def divergence(mean, log_variance):
    """Kullback-Leibler divergence of N(mean, exp(log_variance)) from N(0, I), float32 (rows,).

    Closed form of Kingma and Welling (2014), appendix B; both arguments float32 (rows, latent).
    """
    return 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)


def _head(hidden, stratum, size, bend, rng):
    """Logits of one column beyond its margin: free, or a weighted sum of the smooth functions."""
    if bend is None:
        return _dense(size, rng)(hidden)
    weights = _dense(bend.shape[2], rng)(hidden)
    return sum(weights[:, i : i + 1] * _fixed(bend[:, :, i])(stratum) for i in range(bend.shape[2]))


def _dense(units, rng, activation=None):
    return keras.layers.Dense(units, activation, kernel_initializer=seeded(rng))


def _table(codes, units, rng):
    return keras.layers.Embedding(codes, units, embeddings_initializer=seeded(rng))


def _fixed(table):
    """A table that is looked up and never trained."""
    return keras.layers.Embedding(*table.shape, weights=[table], trainable=False)
