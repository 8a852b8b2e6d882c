"""A variational autoencoder for mixed tables (Kingma and Welling 2014), with a mixture as its final prior."""

from __future__ import annotations

import numpy as np

from utils.synthesizers import latent_prior
from utils.synthesizers.base import resample
from utils.synthesizers.codes import TableCodes
from utils.synthesizers.gaussian_cells import find_spikes
from utils.synthesizers.neural import NeuralSynthesizer, seeded
from utils.training import keras, tf

HELD_OUT, FEWEST_TO_HOLD_OUT = 0.1, 400
ROWS_PER_STRATUM = 30
CANDIDATES = 20_000
HEAVY, TRAINABLE, PSEUDO, WIDTHS = 0.03, False, 0.1, (0.3, 0.7, 1, 1.5, 2, 3, 4, 6, 8)
CELLS_AT_ONCE = 4_000_000


class VAESynthesizer(NeuralSynthesizer):
    """A variational autoencoder whose decoder gives each column a softmax over its codes."""

    method = "vae"

    def __init__(
        self,
        epochs: int = 200,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        latent: int = 8,
        units: int = 128,
        bins: int = 64,
        beta: float = 1.0,
        warm_up: float = 0.2,
        components: int = 32,
        patience: int = 10,
        dropout: float = 0.0,
        waves: int = 4,
        margin=True, l2=0.0,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.latent, self.units, self.bins, self.beta = latent, units, bins, beta
        self.warm_up, self.components, self.patience, self.dropout = warm_up, components, patience, dropout
        self.waves, self.margin, self.l2 = waves, margin, l2
        self.progress, self.checkpoint = progress, checkpoint

    def _fit(self, columns, rng):
        self._check_counts("latent", "units", "bins", "components", "epochs", "batch_size")
        self.codes_ = TableCodes.fit(columns, self.schema_, self.bins)
        codes = self.codes_.encode(columns)
        strata = self._strata(codes)
        self.features_ = [features(codes[:, j], size, self.waves, not c.discrete) for j, (size, c) in enumerate(zip(self.codes_.sizes, self.schema_.columns))]
        self.shares_ = np.bincount(strata) / len(strata)
        network = self._build(rng)
        start_from_margins(network, codes, strata, self.codes_.sizes, len(self.shares_), [not c.discrete for c in self.schema_.columns], None)
        order = rng.permutation(len(codes))
        held = order[: int(HELD_OUT * len(codes))] if len(codes) >= FEWEST_TO_HOLD_OUT else order[:0]
        kept = order[len(held) :]
        self._fit_network(network, codes, strata, kept, held, rng)
        self.prior_ = latent_prior.fit(*self._encode(codes), strata, self.components, rng)

    def _strata(self, codes):
        """The target's codes, if it is discrete and common enough; one stratum otherwise."""
        self.condition_ = None
        if self.schema_.target is not None and self.schema_[self.schema_.target].discrete:
            place = self.schema_.names.index(self.schema_.target)
            if self.codes_.sizes[place] * ROWS_PER_STRATUM <= len(codes):
                self.condition_ = place
                return codes[:, place]
        return np.zeros(len(codes), np.int32)

    def _fit_network(self, network, codes, strata, kept, held, rng):
        steps = self._steps(len(kept))
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.learning_rate, steps, 0.05))
        optimizer.build(network.trainable_variables)
        weights = network.trainable_variables

        def step(batch, key):
            rising = tf.cast(key[1] // 2, tf.float32) / max(1.0, self.warm_up * steps)
            beta = self.beta * tf.minimum(rising, 1.0)
            with tf.GradientTape() as tape:
                columns, divergence = self._losses(network, batch, key, True)
                fit, far = tf.reduce_mean(tf.add_n(columns)), tf.reduce_mean(divergence)
                loss = fit + beta * far
            optimizer.apply(tape.gradient(loss, weights), weights)
            return {"reconstruction": fit, "divergence": far}

        def column_losses(batch, key):
            return dict(zip(self.schema_.names, map(tf.reduce_mean, self._losses(network, batch, key, True)[0])))

        options = {}
        if len(held):
            batch = tf.constant(codes[held]), tf.constant(strata[held])
            noise = tf.constant([int(rng.integers(2**31)), 0])

            @tf.function(autograph=False)
            def bound():
                columns, divergence = self._losses(network, batch, noise, False)
                return tf.reduce_mean(tf.add_n(columns) + divergence)

            options = {"score": lambda: bound().numpy(), "patience": self.patience}
        self._train(step, (codes[kept], strata[kept]), network.variables + optimizer.variables, network, rng,
                    column_losses=column_losses, **options)

    def _losses(self, network, batch, key, training):
        """Negative log-likelihood of each column, and the divergence from the prior, each float32 (rows,)."""
        codes, strata = batch
        mean, log_variance = network.get_layer("encoder")(codes, training=training)
        noise = tf.random.stateless_normal(tf.shape(mean), key)
        logits = network.get_layer("decoder")([mean + tf.exp(log_variance / 2) * noise, strata], training=training)
        columns = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(codes[:, place], logits[:, span])
            for place, span in enumerate(self._spans()) if place != self.condition_
        ]
        return columns, divergence(mean, log_variance)

    def _spans(self):
        ends = np.cumsum(self.codes_.sizes)
        return [slice(int(end - size), int(end)) for size, end in zip(self.codes_.sizes, ends)]

    def _build(self, rng):
        sizes, strata = self.codes_.sizes, len(self.shares_)
        total = int(sizes.sum())
        row = keras.Input((len(sizes),), dtype="int32")
        point, stratum = keras.Input((self.latent,)), keras.Input((), dtype="int32")
        context = keras.layers.Embedding(strata, self.units, embeddings_initializer=seeded(rng))
        cells, heads = [], []
        hidden2 = keras.ops.silu(dense(self.units, rng)(point) + context(stratum))
        hidden2 = dense(self.units, rng, "silu")(hidden2)
        for place, size in enumerate(sizes):
            matrix = self.features_[place]
            if matrix is None:
                cells.append(keras.layers.Embedding(int(size), self.units, embeddings_initializer=seeded(rng))(row[:, place]))
                heads.append(dense(int(size), rng)(hidden2))
            else:
                fixed = keras.layers.Embedding(*matrix.shape, embeddings_initializer=lambda shape, dtype=None, m=matrix: keras.ops.convert_to_tensor(m), trainable=False)(row[:, place])
                cells.append(dense(self.units, rng)(fixed))
                coefs = dense(matrix.shape[1], rng)(hidden2) + keras.layers.Embedding(strata, matrix.shape[1], embeddings_initializer='zeros')(stratum)
                heads.append(keras.layers.Dense(int(size), use_bias=False, trainable=False, kernel_initializer=lambda shape, dtype=None, m=matrix.T: keras.ops.convert_to_tensor(m))(coefs))
        hidden = keras.ops.silu(keras.layers.add(cells) if len(cells) > 1 else cells[0])
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, seed=int(rng.integers(2**31)))(hidden)
        hidden = dense(self.units, rng, "silu")(hidden)
        encoder = keras.Model(row, [dense(self.latent, rng)(hidden), dense(self.latent, rng)(hidden)], name="encoder")
        margins = keras.layers.Embedding(strata, total, embeddings_initializer="zeros", name="margins", trainable=TRAINABLE)(stratum)
        decoder = keras.Model([point, stratum], keras.ops.concatenate(heads, axis=1) + margins, name="decoder")
        return keras.Model([row, stratum], decoder([encoder(row)[0], stratum]))

    def _encode(self, codes):
        encoder = self._trained().get_layer("encoder")
        pieces = [encoder(piece) for piece in np.array_split(codes, -(-len(codes) // 8192))]
        return tuple(np.concatenate([np.array(part) for part in parts]) for parts in zip(*pieces))

    def _sample(self, n, given, rng):
        wanted = self.codes_.encode_given(given)
        stratum = wanted.pop(self.condition_, None)
        prior = self.prior_ if stratum is None else latent_prior.only(self.prior_, stratum)
        points, strata = latent_prior.draw(prior, max(n, CANDIDATES) if wanted else n, rng)
        if wanted:
            weights = self._log_likelihood(points, strata, wanted)
            chosen = resample(weights, n, rng, ", ".join(given))
            points, strata = points[chosen], strata[chosen]
        codes = self._draw(points, strata, rng)
        return self.codes_.decode(codes, self.schema_, given, rng)

    def _pieces(self, n):
        size = max(1, CELLS_AT_ONCE // int(self.codes_.sizes.sum()))
        return [slice(start, start + size) for start in range(0, n, size)]

    def _draw(self, points, strata, rng):
        if getattr(self, "_compiled", None) is None:
            self._compiled = self._compile()
        codes = np.empty((len(points), len(self.codes_.sizes)), np.int32)
        for piece in self._pieces(len(points)):
            codes[piece] = self._compiled(tf.constant(points[piece]), tf.constant(strata[piece]), tf.constant(rng.integers(2**31, size=2), tf.int32))
        if self.condition_ is not None:
            codes[:, self.condition_] = strata
        return codes

    def _compile(self):
        decoder, spans = self._trained().get_layer("decoder"), self._spans()
        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, self.latent], tf.float32), tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)])
        def draw(points, strata, key):
            logits = decoder([points, strata])
            return tf.stack([tf.random.stateless_categorical(logits[:, span], 1, key + [0, place], tf.int32)[:, 0]
                for place, span in enumerate(spans)], axis=1)
        return draw.get_concrete_function()

    def _log_likelihood(self, points, strata, wanted):
        decoder, spans = self._trained().get_layer("decoder"), self._spans()
        weights = np.zeros(len(points))
        for piece in self._pieces(len(points)):
            logits = decoder([points[piece], strata[piece]])
            for place, code in wanted.items():
                weights[piece] += tf.nn.log_softmax(logits[:, spans[place]])[:, code].numpy()
        return weights


def dense(units, rng, activation=None):
    return keras.layers.Dense(units, activation, kernel_initializer=seeded(rng))


def divergence(mean, log_variance):
    """KL divergence of a diagonal Gaussian from the standard one, float32 (rows,)."""
    return 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)


def start_from_margins(network, codes, strata, sizes, many, smooth, missing):
    tables = []
    for j, size in enumerate(sizes):
        base = np.bincount(codes[:, j], minlength=size) / len(codes)
        rows = []
        for s in range(many):
            own = codes[strata == s, j]
            share = smooth_shares(own, base, int(size)) if smooth[j] and len(own) > 20 else np.bincount(own, minlength=size) / max(1, len(own))
            weight = PSEUDO / (len(own) + PSEUDO)
            rows.append(np.log(np.maximum((1 - weight) * share + weight * base, 1e-7)))
        tables.append(rows)
    network.get_layer("decoder").get_layer("margins").set_weights([np.concatenate(tables, 1)])


def smooth_shares(codes, base, size):
    counts = np.bincount(codes, minlength=size).astype(float)
    spikes = find_spikes(codes.astype(float)).astype(int)
    rest = counts.copy(); rest[spikes] = 0
    n = rest.sum()
    if n < 10: return counts / counts.sum()
    weight = base.copy(); weight[spikes] = 0
    best, found = -np.inf, None
    grid = np.arange(size)
    for width in WIDTHS:
        kernel = np.exp(-0.5 * ((grid[:, None] - grid) / width) ** 2) * weight[:, None]
        kernel /= np.maximum(kernel.sum(0), 1e-12)
        smooth = kernel @ rest
        used = rest > 0
        value = (rest[used] * np.log(np.maximum((smooth - np.diag(kernel))[used], 1e-6) / (n - 1))).sum()
        if value > best: best, found = value, smooth
    return np.where(rest == counts, found, counts) / counts.sum() if True else None


def features(codes, size, waves, smooth):
    """Fixed features of the codes of a column, float32 (size, f); None for one of its own each."""
    share = np.bincount(codes, minlength=size) / len(codes)
    heavy = np.flatnonzero(share > HEAVY)
    if not smooth or waves + len(heavy) >= size or not waves:
        return None
    place = np.cumsum(share) - share / 2
    cosines = np.cos(np.pi * place[:, None] * np.arange(1, waves + 1)) * np.sqrt(2)
    own = (np.arange(size)[:, None] == heavy).astype(float)
    return np.hstack([cosines, own]).astype(np.float32)
