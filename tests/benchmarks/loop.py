"""A GAN's textbook training loop against the in-graph one: same networks, batch, optimisers."""

from __future__ import annotations

import time

import numpy as np

from utils.tables import load_screentime
from utils.training import keras, tf, train

NOISE, UNITS, BATCH = 100, 128, 128
TEXTBOOK_STEPS, IN_GRAPH_STEPS = 40, 2_000


def textbook_against_in_graph() -> tuple[float, float]:
    """Seconds a step of both loops, on the three numbers of the screen-time table scaled to 0-1."""
    numbers = load_screentime()[["Usage", "Notifications", "Times opened"]]
    rows = (numbers / numbers.max()).to_numpy(np.float32)
    return _textbook(rows), _in_graph(rows)


def _networks(columns: int):
    keras.utils.set_random_seed(0)
    return _network(NOISE, columns), _network(columns, 1)


def _network(inputs: int, outputs: int):
    layers = [keras.layers.Dense(UNITS, "relu") for _ in range(2)]
    return keras.Sequential(
        [keras.Input([inputs]), *layers, keras.layers.Dense(outputs, "sigmoid")]
    )


def _textbook(rows: np.ndarray) -> float:
    generator, discriminator = _networks(rows.shape[1])
    discriminator.compile("adam", "binary_crossentropy")
    combined = keras.Sequential([generator, discriminator])
    combined.compile("adam", "binary_crossentropy")
    rng = np.random.default_rng(0)

    def step():
        real = rows[rng.integers(len(rows), size=BATCH)]
        fake = generator.predict(rng.normal(size=(BATCH, NOISE)).astype(np.float32), verbose=0)
        discriminator.trainable = True
        discriminator.train_on_batch(real, np.ones((BATCH, 1)))
        discriminator.train_on_batch(fake, np.zeros((BATCH, 1)))
        discriminator.trainable = False  # the combined network trains the generator alone
        combined.train_on_batch(
            rng.normal(size=(BATCH, NOISE)).astype(np.float32), np.ones((BATCH, 1))
        )

    step()  # the first one compiles
    start = time.perf_counter()
    for _ in range(TEXTBOOK_STEPS):
        step()
    return (time.perf_counter() - start) / TEXTBOOK_STEPS


def _in_graph(rows: np.ndarray) -> float:
    generator, discriminator = _networks(rows.shape[1])
    optimizers = [keras.optimizers.Adam() for _ in range(2)]
    for optimizer, network in zip(optimizers, (discriminator, generator)):
        optimizer.build(network.trainable_variables)
    entropy = keras.losses.BinaryCrossentropy()
    yes, no = tf.ones([BATCH, 1]), tf.zeros([BATCH, 1])

    def update(optimizer, network, loss):
        with tf.GradientTape() as tape:
            value = loss()
        optimizer.apply(
            tape.gradient(value, network.trainable_variables), network.trainable_variables
        )
        return value

    def step(batch, key):
        fake = generator(tf.random.stateless_normal([BATCH, NOISE], key))
        noise = tf.random.stateless_normal([BATCH, NOISE], key + 1)
        return {
            "real": update(
                optimizers[0], discriminator, lambda: entropy(yes, discriminator(batch[0]))
            ),
            "fake": update(optimizers[0], discriminator, lambda: entropy(no, discriminator(fake))),
            "generator": update(
                optimizers[1], generator, lambda: entropy(yes, discriminator(generator(noise)))
            ),
        }

    variables = [v for part in (generator, discriminator, *optimizers) for v in part.variables]
    marks = []
    train(
        step,
        (rows,),
        variables,
        steps=IN_GRAPH_STEPS + 200,
        batch_size=BATCH,
        seed=0,
        steps_per_call=200,
        score=lambda: marks.append(time.perf_counter()) or 0.0,
    )
    return (marks[-1] - marks[0]) / IN_GRAPH_STEPS
