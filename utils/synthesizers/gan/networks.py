"""The GAN's generator and critic, hard choices that pass gradients, the critic's slope."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax

from utils.encoding.codes import spans
from utils.synthesizers.neural import seeded
from utils.training import keras, tf

LAYERS, LEAK = 3, 0.2
LEAST = 1e-30  # a chance whose logarithm is still finite in float32


def generator_network(noise: int, groups: int, outputs: int, units: int, rng: np.random.Generator):
    """Noise (n, noise) and one-hot groups (n, groups) to (n, outputs).

    Its outputs are small at first, so that it starts at the margins.
    """
    inputs = [keras.Input([noise]), keras.Input([groups])]
    hidden = _hidden(keras.ops.concatenate(inputs, axis=1), units, rng)
    return keras.Model(inputs, _dense(outputs, rng, 0.1)(hidden))


def critic_network(inputs: int, units: int, rng: np.random.Generator):
    """Rows side by side (n, inputs) to one mark each (n, 1)."""
    rows = keras.Input([inputs])
    return keras.Model(rows, _dense(1, rng, 1.0)(_hidden(rows, units, rng)))


def _hidden(inputs, units, rng):
    hidden = keras.ops.leaky_relu(_dense(units, rng, 2.0)(inputs), LEAK)
    for _ in range(LAYERS - 1):
        hidden = hidden + keras.ops.leaky_relu(_dense(units, rng, 2.0)(hidden), LEAK)
    return hidden


def _dense(units, rng, scale):
    return keras.layers.Dense(units, kernel_initializer=seeded(rng, scale))


def falling_adam(network, rate: float, steps: int):
    """Adam (Kingma and Ba 2015) without momentum, its rate falling along half a cosine."""
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.02)
    optimizer = keras.optimizers.Adam(schedule, beta_1=0.0, beta_2=0.9)
    optimizer.build(network.trainable_variables)
    return optimizer


def blocks(matrix, sizes: list[int]) -> list:
    """A matrix cut into blocks of columns."""
    return [matrix[:, span] for span in spans(sizes)]


def block_softmax(logits: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The softmax of each block of columns."""
    return np.hstack([softmax(block, axis=1) for block in blocks(logits, sizes)])


def hard_choices(logits, sizes: list[int], temperature: float, key) -> list:
    """A one-hot draw from each block; its gradient is that of a soft draw (straight-through
    Gumbel-softmax).

    Jang, Gu and Poole 2017: logits plus Gumbel noise are largest at entry k with the softmax's
    chance of k.
    """
    uniform = tf.random.stateless_uniform(logits.shape, key, 1e-7, 1 - 1e-7)
    noisy = blocks(logits - tf.math.log(-tf.math.log(uniform)), sizes)
    soft = [tf.nn.softmax(block / temperature) for block in noisy]
    hard = [tf.one_hot(tf.argmax(block, axis=1), block.shape[1]) for block in noisy]
    return [smooth + tf.stop_gradient(sharp - smooth) for smooth, sharp in zip(soft, hard)]


def steepness(critic, real, fake, key):
    """How far the critic's slope is from 1 between real and generated rows (Gulrajani et al. 2017,
    eq. 3)."""
    share = tf.random.stateless_uniform([real.shape[0], 1], key)
    between = share * real + (1 - share) * fake
    with tf.GradientTape() as tape:
        tape.watch(between)
        judged = critic(between)
    slope = tf.sqrt(tf.reduce_sum(tape.gradient(judged, between) ** 2, axis=1) + 1e-12)
    return tf.reduce_mean((slope - 1) ** 2)


def compiled_sampler(network, sizes: list[int], scores: int):
    """``sample(noise, group, uniform, bias, allowed)`` -> tokens, scores, log-probability.

    The last is how likely the allowed tokens were.

    noise : float32 (n, noise).  group : int32 (n,).  uniform : float32 (n, tokens) in (0, 1], the
        draws.
    bias : float32 (groups, entries), added to the logits.  allowed : float32 (entries,), 1 or 0.
    """
    groups, entries = network.inputs[1].shape[1], sum(sizes)
    shapes = [
        (None, network.inputs[0].shape[1]),
        (None,),
        (None, len(sizes)),
        (groups, entries),
        (entries,),
    ]
    kinds = [tf.float32, tf.int32, tf.float32, tf.float32, tf.float32]

    @tf.function(
        input_signature=[tf.TensorSpec(*pair) for pair in zip(shapes, kinds)], autograph=False
    )
    def sample(noise, group, uniform, bias, allowed):
        output = network([noise, tf.one_hot(group, groups)])
        logits = blocks(output[:, :entries] + tf.gather(bias, group), sizes)
        tokens, log_weight = [], tf.zeros(tf.shape(group))
        for place, (block, possible) in enumerate(zip(logits, blocks(allowed[None], sizes))):
            rising = tf.cumsum(tf.nn.softmax(block) * possible, axis=1)
            point = uniform[:, place : place + 1] * rising[:, -1:]
            tokens.append(tf.reduce_sum(tf.cast(rising < point, tf.int32), axis=1))
            log_weight += tf.math.log(tf.maximum(rising[:, -1], LEAST))
        drawn = tf.stack(tokens, axis=1) if tokens else tf.zeros([tf.shape(group)[0], 0], tf.int32)
        return drawn, noise[:, :scores] + output[:, entries:], log_weight

    return (
        sample.get_concrete_function()
    )  # called itself, it would warn of being traced anew for each fit
