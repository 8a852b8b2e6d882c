"""Clipped sums of single gradients for networks made of linear maps, without writing them out.

A network writes its loss once, in terms of :class:`PlainParts` or :class:`LinearParts`: the first
applies its weights and nothing else, the second also notes what single gradients are made of.

Where a batch is multiplied by a weight, the gradient of an example is an outer product: of its
inputs, and of the gradient at its outputs. So its length is the product of two lengths, and the sum
of all shortened gradients is one matrix product (Goodfellow 2015; called ghost clipping since).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from utils.privacy.accounting import PrivacyError
from utils.privacy.gradients import shortening
from utils.training import keras, tf


class LinearPart(NamedTuple):
    """One use of a block of a weight in a batch.

    place, first : which weight, and where in it (flattened) the block begins.  size : numbers in
    it.  outputs : what came of it, float32 (n, outputs), or (k, n, outputs) of k maps side by side.
    left, right : the gradient of an example is the outer product of the two (in each map); None
    stands for its gradient at ``outputs``, int32 (n,) for rows that are one-hot.
    """

    place: int
    first: int
    size: int
    outputs: object
    left: object
    right: object


class Block(NamedTuple):
    """Some rows of a weight: ``width`` of them from ``first`` on."""

    weight: object
    first: int
    width: int


class PlainParts:
    """Applies the weights of a network to a batch, and that is all: for training without privacy.

    The block of a weight that belongs to a column may be mixed: ``mix`` float32 (codes, width) then
    makes a vector for each code out of the block's rows, mix @ block; None takes these as they are.
    """

    def blocks(self, weight, widths: Sequence[int]) -> list:
        """A weight (sum of widths, ...) cut into blocks of rows, to be handed to the others."""
        return tf.split(weight.value, list(widths))

    def vectors(self, codes, block, mix=None):
        """The vector of each code, float32 (n, columns); codes int32 (n,)."""
        return tf.gather(block if mix is None else mix @ block, codes)

    def logits(self, states, block, bias, mix=None):
        """states @ transposed vectors of all codes + bias, float32 (n, codes).

        states : float32 (n, columns).  bias : a block of ``codes`` numbers.
        """
        return tf.matmul(states, block if mix is None else mix @ block, transpose_b=True) + bias

    def stacked(self, inputs, weight, bias):
        """k maps side by side, float32 (k, n, columns): inputs (k, n, width) @ a weight (k, width,
        columns) + a bias (k, columns)."""
        return inputs @ weight.value + bias.value[:, None]

    def dense(self, layers: Sequence, inputs):
        """Through Keras layers one by one; inputs float32 (n, width)."""
        for layer in layers:
            inputs = layer(inputs)
        return inputs


PLAIN = PlainParts()


class LinearParts:
    """Applies the weights of a network to a batch and notes each use.

    A block of a weight may be used once in a batch; PrivacyError otherwise. Weights with more than
    two axes count as tables: the last axis are the columns, all others the rows.
    """

    def __init__(self, weights: Sequence):
        self.weights = list(weights)
        self.noted: list[LinearPart] = []
        self._places = {id(weight): place for place, weight in enumerate(self.weights)}

    def linear(self, inputs, weight, first: int = 0):
        """inputs @ rows of a weight, float32 (n, columns).

        inputs : float32 (n, width).  first : the first of the ``width`` rows.
        """
        inputs = tf.convert_to_tensor(inputs)
        table = _rows(weight, first, inputs.shape[1])
        return self._note(weight, first, table, inputs @ table, inputs, None)

    def transposed(self, inputs, weight, first: int = 0, width: int | None = None):
        """inputs @ transposed rows of a weight, float32 (n, width); inputs float32 (n, columns)."""
        table = _rows(weight, first, width)
        outputs = tf.matmul(inputs, table, transpose_b=True)
        return self._note(weight, first, table, outputs, None, inputs)

    def lookup(self, codes, weight, first: int = 0, width: int | None = None):
        """Row ``first + code`` of a weight, float32 (n, columns); codes int32 (n,) below width."""
        codes, table = tf.convert_to_tensor(codes), _rows(weight, first, width)
        return self._note(weight, first, table, tf.gather(table, codes), codes, None)

    def bias(self, inputs, weight, first: int = 0):
        """inputs + numbers of a weight from ``first`` on (flattened), float32 (n, width)."""
        numbers = tf.reshape(weight.value, [-1, 1])[first : first + inputs.shape[1]]
        ones = tf.ones_like(inputs[:, :1])
        return self._note(weight, first, numbers, inputs + numbers[:, 0], None, ones)

    def blocks(self, weight, widths: Sequence[int]) -> list[Block]:
        """As of :class:`PlainParts`, as are ``vectors``, ``logits`` and ``stacked``."""
        firsts = accumulate(widths, initial=0)
        return [Block(weight, first, width) for first, width in zip(firsts, widths)]

    def vectors(self, codes, block: Block, mix=None):
        """The vector of each code, float32 (n, columns); codes int32 (n,)."""
        if mix is None:
            return self.lookup(codes, *block)
        return self.linear(tf.gather(mix, codes), block.weight, block.first)

    def logits(self, states, block: Block, bias: Block, mix=None):
        """states @ transposed vectors of all codes + bias, float32 (n, codes)."""
        logits = self.transposed(states, *block)
        logits = logits if mix is None else tf.matmul(logits, mix, transpose_b=True)
        return self.bias(logits, bias.weight, bias.first)

    def stacked(self, inputs, weight, bias):
        """k maps side by side, float32 (k, n, columns)."""
        outputs = inputs @ weight.value
        outputs = self._note(weight, 0, _rows(weight, 0, None), outputs, inputs, None)
        ones = tf.ones_like(inputs[..., :1])
        numbers = tf.reshape(bias.value, [-1, 1])
        return self._note(bias, 0, numbers, outputs + bias.value[:, None], None, ones)

    def dense(self, layers: Sequence, inputs):
        """Through Keras Dense layers, and layers without weights; inputs float32 (n, width)."""
        for layer in layers:
            if not layer.weights:
                inputs = layer(inputs)
                continue
            if type(layer) is not keras.layers.Dense:
                raise PrivacyError(
                    f"{layer.name!r} is a {type(layer).__name__}, not a Dense layer: LinearParts "
                    "does not know the gradients of its examples. Use clipped_sum."
                )
            inputs = self.linear(inputs, layer.kernel)
            inputs = self.bias(inputs, layer.bias) if layer.use_bias else inputs
            inputs = layer.activation(inputs)
        return inputs

    def _note(self, weight, first, block, outputs, left, right):
        rows, columns = block.shape
        place = self._places.get(id(weight))
        if place is None:
            raise PrivacyError(f"{weight.name!r} is used, but not among the weights to train.")
        part = LinearPart(place, first * columns, rows * columns, outputs, left, right)
        if any(_overlap(part, other) for other in self.noted):
            raise PrivacyError(
                f"A block of weight {place}, {weight.name!r}, is used twice in one batch, which "
                "LinearParts cannot sum. Use clipped_sum."
            )
        self.noted.append(part)
        return outputs

    def check_all_used(self) -> None:
        """PrivacyError unless every number of every weight was used: the rest would not learn."""
        for place, weight in enumerate(self.weights):
            used = sum(part.size for part in self.noted if part.place == place)
            if used != weight.value.shape.num_elements():
                raise PrivacyError(
                    f"Of weight {place}, {weight.name!r}, {used} of "
                    f"{weight.value.shape.num_elements()} numbers are used through LinearParts. "
                    "Use it for all, or clipped_sum."
                )


def clipped_sum_of_parts(losses: Callable, weights: Sequence, batch: Sequence, clip: float) -> list:
    """As :func:`clipped_sum`, for losses that use all weights through :class:`LinearParts`.

    losses : ``losses(rows, parts)`` -> float32 (n,), asked once for the whole batch. The loss
        of a row must depend on that row alone; nothing here can check that.

    A row whose gradient is not finite adds nothing here, either.
    """
    parts = LinearParts(weights)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(losses(batch, parts))
    parts.check_all_used()
    outputs = [part.outputs for part in parts.noted]
    pulls = tape.gradient(total, outputs, unconnected_gradients="zero")
    squares = [_square(part, pull) for part, pull in zip(parts.noted, pulls)]
    factors = shortening(tf.sqrt(tf.add_n(squares)), clip)[:, None]
    blocks: list[dict] = [{} for _ in parts.weights]
    for part, pull in zip(parts.noted, pulls):
        blocks[part.place][part.first] = tf.reshape(_sum(part, pull, factors), [-1])
    return [
        tf.reshape(tf.concat([found[first] for first in sorted(found)], axis=0), weight.shape)
        for found, weight in zip(blocks, parts.weights)
    ]


def _rows(weight, first, width):
    """Some rows of a weight, all from ``first`` on where no width is given."""
    table = tf.reshape(weight.value, [-1, weight.shape[-1]])
    return table[first:] if width is None else table[first : first + width]


def _overlap(a: LinearPart, b: LinearPart) -> bool:
    return a.place == b.place and a.first < b.first + b.size and b.first < a.first + a.size


def _square(part: LinearPart, pull):
    """Squared length of each example's gradient, float32 (n,)."""
    inputs = part.right if part.left is None else part.left
    length = tf.reduce_sum(pull**2, axis=-1)
    if not inputs.dtype.is_integer:
        length *= tf.reduce_sum(inputs**2, axis=-1)
    return tf.reduce_sum(length, axis=0) if length.shape.rank == 2 else length


def _sum(part: LinearPart, pull, factors):
    """Sum of the examples' outer products, each by its factor, float32 (rows, columns) of the block
    (of each map). Where a factor is 0, what is multiplied is set to 0 on both sides."""
    multiply = tf.math.multiply_no_nan
    pull = multiply(pull, factors)
    if part.left is not None and part.left.dtype.is_integer:
        return tf.math.unsorted_segment_sum(pull, part.left, part.size // pull.shape[1])
    used = tf.cast(factors > 0, pull.dtype)
    if part.left is None:
        return tf.matmul(pull, multiply(part.right, used), transpose_a=True)
    return tf.matmul(multiply(part.left, used), pull, transpose_a=True)
