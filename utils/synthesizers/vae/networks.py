"""The VAE's encoder and decoder, and the divergence between a latent cloud and N(0, I)."""

from __future__ import annotations

import numpy as np

from utils.synthesizers.neural import seeded
from utils.training import keras, tf


def encoder_network(sizes: list[int], strata: int, bends: list, units: int, latent: int, rng):
    """Codes int32 (n, d) and strata int32 (n,) to means and log-variances, each (n, latent).

    bends : for each column None, or the functions of :func:`margins.tilts`. The encoder reads a
    cell as a vector a code, or by the decoder's smooth functions.
    """
    row, stratum = keras.Input((len(sizes),), dtype="int32"), keras.Input((), dtype="int32")
    hidden = []
    for place, (size, bend) in enumerate(zip(sizes, bends)):
        code = row[:, place]
        if bend is None:
            hidden.append(_table(size, units, rng)(code))
        else:
            functions = _fixed(bend.reshape(-1, bend.shape[2]))(stratum * size + code)
            hidden.append(_dense(units, rng)(functions))
    hidden = keras.ops.silu(sum(hidden) + _table(strata, units, rng)(stratum))
    hidden = _dense(units, rng, "silu")(hidden)
    cloud = [_dense(latent, rng)(hidden), _dense(latent, rng)(hidden)]
    return keras.Model([row, stratum], cloud, name="encoder")


def decoder_network(log_margins: np.ndarray, sizes, bends, units: int, latent: int, rng):
    """Points (n, latent) and strata int32 (n,) to the logits of all codes, (n, sum of sizes).

    log_margins : float32 (strata, sum of sizes), where it starts from; it learns what to add.
    """
    point, stratum = keras.Input((latent,)), keras.Input((), dtype="int32")
    hidden = _dense(units, rng)(point) + _table(len(log_margins), units, rng)(stratum)
    hidden = _dense(units, rng, "silu")(keras.ops.silu(hidden))
    heads = [_head(hidden, stratum, size, bend, rng) for size, bend in zip(sizes, bends)]
    logits = keras.ops.concatenate(heads, axis=1) + _fixed(log_margins)(stratum)
    return keras.Model([point, stratum], logits, name="decoder")


def _head(hidden, stratum, size, bend, rng):
    """Logits of one column beyond its margin: free, or a weighted sum of the smooth functions."""
    if bend is None:
        return _dense(size, rng)(hidden)
    weights = _dense(bend.shape[2], rng)(hidden)
    functions = (_fixed(bend[:, :, i])(stratum) for i in range(bend.shape[2]))
    return sum(weights[:, i : i + 1] * function for i, function in enumerate(functions))


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
