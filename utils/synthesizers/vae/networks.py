"""The VAE's encoder and decoder, and the divergence between a latent cloud and N(0, I)."""

from __future__ import annotations

import numpy as np

from utils.encoding.codes import spans
from utils.synthesizers.neural import seeded
from utils.training import keras, tf


def encoder_network(sizes: list[int], strata: int, bends: list, units: int, latent: int, rng):
    """Codes int32 (n, d) and strata int32 (n,) to means and log-variances, each (n, latent).

    bends : for each column None, or the functions of :func:`margins.tilts`. The encoder reads a
    cell as a vector a code, or by the decoder's smooth functions.
    """
    row, stratum = keras.Input((len(sizes),), dtype="int32"), keras.Input((), dtype="int32")
    own = [place for place, bend in enumerate(bends) if bend is None]
    parts = [_table(strata, units, rng)(stratum)]
    if own:
        blocks = spans([sizes[place] for place in own])
        starts = np.array([block.start for block in blocks], np.int32)
        codes = keras.ops.take(row, own, axis=1) + starts
        parts.append(keras.ops.sum(_table(blocks[-1].stop, units, rng)(codes), axis=1))
    if len(own) < len(sizes):
        functions = [
            _fixed(bend.reshape(-1, bend.shape[2]))(stratum * size + row[:, place])
            for place, (size, bend) in enumerate(zip(sizes, bends))
            if bend is not None
        ]
        parts.append(_dense(units, rng)(_side_by_side(functions)))
    hidden = _dense(units, rng, "silu")(keras.ops.silu(sum(parts)))
    cloud = _dense(2 * latent, rng)(hidden)
    return keras.Model([row, stratum], [cloud[:, :latent], cloud[:, latent:]], name="encoder")


def decoder_network(log_margins: np.ndarray, sizes, bends, units: int, latent: int, rng):
    """Points (n, latent) and strata int32 (n,) to the logits of all codes, (n, sum of sizes).

    log_margins : float32 (strata, sum of sizes), where it starts from; it learns what to add: a
    logit a code, or the weights of a number's smooth functions.
    """
    point, stratum = keras.Input((latent,)), keras.Input((), dtype="int32")
    hidden = _dense(units, rng)(point) + _table(len(log_margins), units, rng)(stratum)
    hidden = _dense(units, rng, "silu")(keras.ops.silu(hidden))
    widths = [size if bend is None else bend.shape[2] for size, bend in zip(sizes, bends)]
    heads = _dense(sum(widths), rng)(hidden)
    logits = [
        heads[:, span] if bend is None else _bent(heads[:, span], stratum, bend)
        for bend, span in zip(bends, spans(widths))
    ]
    logits = _side_by_side(logits) + _fixed(log_margins)(stratum)
    return keras.Model([point, stratum], logits, name="decoder")


def _bent(weights, stratum, bend):
    """The weighted sum of the smooth functions of a row's stratum, (n, size)."""
    strata, size, count = bend.shape
    functions = _fixed(bend.reshape(strata, size * count))(stratum)
    return keras.ops.einsum("nf,nsf->ns", weights, keras.ops.reshape(functions, (-1, size, count)))


def _side_by_side(parts):
    return keras.ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _dense(units, rng, activation=None):
    return keras.layers.Dense(units, activation, kernel_initializer=seeded(rng))


def _table(codes, units, rng):
    return keras.layers.Embedding(codes, units, embeddings_initializer=seeded(rng))


def _fixed(table):
    """A table that is looked up and never trained."""
    return keras.layers.Embedding(*table.shape, weights=[table], trainable=False)


def divergence(mean, log_variance):
    """Kullback-Leibler divergence of N(mean, exp(log_variance)) from N(0, I), float32 (rows,).

    Closed form of Kingma and Welling (2014), appendix B; both arguments float32 (rows, latent).
    """
    return 0.5 * tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1)
