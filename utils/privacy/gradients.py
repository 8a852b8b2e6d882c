"""Gradients of single examples, clipped and summed, for any network.

The gradient of each example is shortened to length ``clip`` if it is longer (Abadi and others 2016,
algorithm 1). So a row more or less moves the sum by at most ``clip``, whatever the row holds: one
whose gradient float32 cannot measure (NaN, infinite, or its square is) adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from utils.training import tf

NUMBERS_AT_ONCE = 8_000_000  # of single examples' gradients held at a time: 32 MB
LEAST_LENGTH = 1e-12  # a gradient of length 0 stays 0


def clipped_sum(losses: Callable, weights: Sequence, batch: Sequence, clip: float) -> list:
    """Sum of the examples' clipped gradients; one float32 tensor a weight, of its shape.

    losses : ``losses(rows)`` -> float32 (n,), the loss of each row. It is asked for one row at a
        time, in vectorised form (``tf.vectorized_map``), so that no row can speak to another.
    weights : Keras variables.  batch : tensors with n rows each; n may be 0. What is random in a
        loss comes in as one of them, drawn beforehand.
    clip : longest gradient of a row, over all weights together.

    :func:`utils.privacy.clipped_sum_of_parts` gives the same sum many times quicker, for networks
    that are made of linear maps.
    """
    values = [weight.value for weight in weights]
    at_once = max(1, NUMBERS_AT_ONCE // sum(value.shape.num_elements() for value in values))
    rows = tf.shape(batch[0])[0]

    def of_one_row(row):
        with tf.GradientTape() as tape:
            loss = losses([tf.expand_dims(cells, 0) for cells in row])[0]
        gradients = tape.gradient(loss, values, unconnected_gradients="zero")
        length = tf.sqrt(tf.add_n([tf.reduce_sum(gradient**2) for gradient in gradients]))
        factor = shortening(length, clip)
        return [tf.math.multiply_no_nan(gradient, factor) for gradient in gradients]

    def add_some_rows(start, sums):
        found = tf.vectorized_map(of_one_row, [cells[start : start + at_once] for cells in batch])
        return start + at_once, [a + tf.reduce_sum(b, axis=0) for a, b in zip(sums, found)]

    start = tf.constant(0), [tf.zeros(value.shape) for value in values]
    return tf.while_loop(lambda start, sums: start < rows, add_some_rows, start)[1]


def shortening(length, clip: float):
    """What a gradient of some length is multiplied by to be no longer than clip; 0 if the length is
    not finite, to be used by ``multiply_no_nan``: 0 times NaN would be NaN."""
    factor = tf.minimum(1.0, clip / tf.maximum(length, LEAST_LENGTH))
    return tf.where(tf.math.is_finite(length), factor, 0.0)
