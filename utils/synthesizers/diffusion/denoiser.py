"""The network of diffusion: what it sees of a half-destroyed row, how it is taught, how it fills a
row."""

from __future__ import annotations

import numpy as np

from utils.encoding.codes import spans
from utils.synthesizers.neural import log_shares, seeded
from utils.training import keras, tf

QUARTER = np.pi / 2
MOST_KNOWN = 0.8


class Denoiser:
    """Sees tokens, some of them masked, and scores, some of them noisy; says what was there.

    **Tokens** (masked diffusion: Austin et al. 2021; Sahoo et al. 2024): any number of cells is
    masked, and a softmax for each column tells what stood there. Its loss, weighted by d / number
    masked, bounds the negative log-likelihood (Hoogeboom et al. 2022).

    **Scores** (Gaussian diffusion: Ho et al. 2020): a score z is turned into noise e by an angle a,
    x = cos(a) z + sin(a) e, which keeps the variance, and the network says the velocity dx/da =
    cos(a) e - sin(a) z (Salimans and Ho 2022). Every score has its own angle: 0 for a known one, 90
    degrees for one that is pure noise.

    Half of the rows learn tokens (their scores known or absent), the other half scores (all tokens
    known).

    sizes : int (d,), values of each token.  places : positions of the m scored columns among the d.
    """

    def __init__(
        self,
        sizes: np.ndarray,
        places: list[int],
        units: int,
        layers: int,
        rng: np.random.Generator,
    ):
        self.sizes, self.places = sizes.astype(np.int32), np.array(places, np.int32)
        self.starts = np.array([span.start for span in spans(self.sizes + 1)], np.int32)
        self.token_embedding = keras.layers.Embedding(
            int(sum(sizes + 1)), units, embeddings_initializer=seeded(rng, 4.0)
        )
        self.score_embedding = keras.layers.Dense(units, kernel_initializer=seeded(rng))
        self.token_head = keras.layers.Dense(int(sum(sizes)), kernel_initializer=seeded(rng, 0.1))
        self.velocity_head = (
            keras.layers.Dense(len(places), kernel_initializer=seeded(rng, 0.1)) if places else None
        )
        self.body = _residual(units, layers, rng)
        codes, scores = keras.Input([len(sizes)], dtype="int32"), keras.Input([len(places)])
        hidden = self.body(self.embed(codes, scores, scores))
        outputs = (
            [self.token_head(hidden), self.velocity_head(hidden)]
            if places
            else self.token_head(hidden)
        )
        self.model = keras.Model([codes, scores] if places else codes, outputs)

    @property
    def weights(self) -> list:
        """The trainable weights, in a fixed order."""
        return self.model.trainable_variables

    def start_from(self, codes: np.ndarray) -> None:
        """Let it draw tokens by their shares in the rows, int32 (n, d), until it has learned."""
        self.token_head.bias.assign(log_shares(codes, self.sizes))

    # --- what it sees ---

    def embed(self, codes, scores, angles):
        """Sum of one vector a cell, float32 (n, units); code ``sizes[j]`` is the mask of column
        j."""
        seen = keras.ops.sum(self.token_embedding(codes + self.starts), axis=1)
        return seen + self.embed_scores(scores, angles) if len(self.places) else seen

    def embed_scores(self, scores, angles):
        """What the scores and their angles (0 to 1, in quarter turns) add to that sum."""
        waves = [
            wave(k * QUARTER * angles) for k in (1, 2) for wave in (keras.ops.cos, keras.ops.sin)
        ]
        return self.score_embedding(keras.ops.concatenate([scores, angles, *waves], axis=1))

    # --- how it is taught ---

    def losses(self, batch, key) -> tuple:
        """Loss of each token, float32 (n, d), and of each score, float32 (n, m), on freshly
        destroyed rows.

        batch : tokens, their scores within the group and pooled, and which are there (see
            DiffusionRows.encode).
        """
        codes, within, pooled, inside = batch
        shape, uniform = tf.shape(codes), tf.random.stateless_uniform
        level = (
            (uniform([], key) + tf.range(shape[0], dtype=tf.float32)[:, None])
            / tf.cast(shape[0], tf.float32)
            % 1
        )
        teaches_tokens = uniform([shape[0], 1], key + 1_000) < (0.5 if len(self.places) else 1.0)
        asked = self._asked(shape, key)
        masked, weight = self._mask(asked, level, key)
        masked = masked & teaches_tokens
        known = tf.gather(asked, self.places, axis=1)
        noise = tf.random.stateless_normal(tf.shape(within), key + 2_000)
        angles = tf.where(
            inside > 0, tf.where(known, 0.0, tf.where(teaches_tokens, 1.0, level)), 1.0
        )
        turned = tf.cos(QUARTER * angles) * within + tf.sin(QUARTER * angles) * noise
        scores = tf.where(teaches_tokens, tf.where(known, pooled, 0.0), turned) * inside
        hidden = self.body(self.embed(tf.where(masked, self.sizes, codes), scores, angles))
        tokens = tf.where(masked, weight * self._cross_entropy(codes, self.token_head(hidden)), 0.0)
        if not len(self.places):
            return tokens, noise
        velocity = tf.cos(QUARTER * angles) * noise - tf.sin(QUARTER * angles) * within
        moving = tf.where(known | teaches_tokens, 0.0, inside)
        return tokens, moving * (self.velocity_head(hidden) - velocity) ** 2

    def _asked(self, shape, key):
        """Which scored numbers are known from the start, bool (n, d): none in half of the rows.

        Both tokens and scores of such a column are shown, whatever they are: if the absence of a
        score told that the number is a pile, what the network learns of the other cells would be
        biased.
        """
        share = tf.nn.relu(
            tf.random.stateless_uniform(shape[:1], key + 3_000, -MOST_KNOWN, MOST_KNOWN)
        )
        drawn = tf.random.stateless_uniform(shape, key + 4_000) < share[:, None]
        return drawn & np.isin(np.arange(len(self.sizes)), self.places)

    def _mask(self, asked, level, key):
        """Masked cells, bool (n, d): as many of those not asked for as the level says; and their
        weight."""
        left = tf.reduce_sum(tf.where(asked, 0.0, 1.0), axis=1, keepdims=True)
        count = tf.floor(level * left) + 1
        drawn = tf.random.stateless_uniform(tf.shape(asked), key + 5_000) + tf.cast(
            asked, tf.float32
        )
        order = tf.argsort(drawn, axis=1, stable=True)
        rank = tf.argsort(order, axis=1, stable=True)
        return (tf.cast(rank, tf.float32) < count) & ~asked, left / count

    def _cross_entropy(self, codes, logits):
        parts = tf.split(logits, self.sizes, axis=1)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits
        return tf.stack([loss(codes[:, place], part) for place, part in enumerate(parts)], axis=1)

    # --- how it fills a row ---

    def token_filler(self):
        """A compiled function (codes, scores, angles, order, fresh, key) -> codes with no mask
        left.

        order : columns, int32, in which masks are drawn.  fresh : bool, where the network looks
        again before it draws; columns drawn after one look do not see each other.
        """
        ends = np.cumsum(self.sizes)
        spans, masks = (
            tf.constant(np.stack([ends - self.sizes, ends])),
            tf.constant(self.starts + self.sizes),
        )
        (kernel, bias), starts = self.token_head.weights, tf.constant(self.starts)

        def draw(place, codes, seen, hidden, order, fresh, key):
            hidden = tf.cond(fresh[place], lambda: self.body(seen), lambda: hidden)
            column = order[place]
            span = slice(spans[0, column], spans[1, column])
            logits = hidden @ kernel.value[:, span] + bias.value[span]
            chance = tf.random.stateless_uniform(tf.shape(logits), key + place, minval=1e-9)
            drawn = tf.argmax(
                logits - tf.math.log(-tf.math.log(chance)), axis=1, output_type=tf.int32
            )
            change = self.token_embedding(starts[column] + drawn) - self.token_embedding(
                masks[column]
            )
            codes = tf.where(tf.range(len(self.sizes)) == column, drawn[:, None], codes)
            return place + 1, codes, seen + change, hidden

        def fill(codes, scores, angles, order, fresh, key):
            seen = self.embed(codes, scores, angles)
            return tf.while_loop(
                lambda place, *_: place < tf.size(order),
                lambda *state: draw(*state, order, fresh, key),
                (0, codes, seen, seen),
            )[1]

        whole = tf.TensorSpec([None], tf.int32)
        return self._compiled(
            fill, whole, tf.TensorSpec([None], tf.bool), tf.TensorSpec([2], tf.int32)
        )

    def score_filler(self, steps: int):
        """A compiled function (codes, scores, angles) -> scores, in which angles of 1 have been
        turned to 0.

        Each step looks half-way: x(a - d) = x(a) - 2 sin(d / 2) dx/da at a - d / 2, exact on a
        circle.
        """
        size = QUARTER / steps

        def fill(codes, scores, angles, moving):
            rest = keras.ops.sum(self.token_embedding(codes + self.starts), axis=1)

            def velocity(scores, angle):
                seen = rest + self.embed_scores(scores, tf.where(moving, angle, angles))
                return tf.where(moving, self.velocity_head(self.body(seen)), 0.0)

            def one(number, scores):
                angle = 1 - tf.cast(number, tf.float32) / steps
                there = velocity(scores, angle)
                middle = (
                    tf.where(moving, tf.cos(size / 2) * scores, scores) - tf.sin(size / 2) * there
                )
                return number + 1, scores - 2 * tf.sin(size / 2) * velocity(
                    middle, angle - 0.5 / steps
                )

            return tf.while_loop(lambda number, _: number < steps, one, (0, scores))[1]

        return self._compiled(fill, tf.TensorSpec([None, len(self.places)], tf.bool))

    def _compiled(self, function, *more):
        scores = tf.TensorSpec([None, len(self.places)], tf.float32)
        codes = tf.TensorSpec([None, len(self.sizes)], tf.int32)
        return tf.function(
            function, input_signature=[codes, scores, scores, *more], autograph=False
        )


def _residual(units, layers, rng):
    """Layers that each add a little to what they get, float32 (n, units) -> (n, units)."""
    inputs = hidden = keras.Input([units])
    for _ in range(layers):
        inner = keras.layers.LayerNormalization()(hidden)
        inner = keras.layers.Dense(units, "silu", kernel_initializer=seeded(rng))(inner)
        hidden = hidden + keras.layers.Dense(units, kernel_initializer=seeded(rng, 0.1))(inner)
    return keras.Model(inputs, keras.layers.LayerNormalization()(hidden))
