"""What the neural generators share: settings, held-out rows, averaged weights, a fit that loses
nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Annotated

import numpy as np

from utils.progress import check_progress
from utils.saving import SavedModelError
from utils.synthesizers.base import Synthesizer
from utils.training import History, keras, tf, train

HELD_OUT, MOST_HELD_OUT = 0.1, 2_000
AVERAGE = 0.1
NO_CHANCE = -1e4  # its exponential is 0 in float32
NUMBERS_AT_ONCE, ROWS_AT_ONCE, FEWEST_AT_ONCE = 4_000_000, 8_192, 64


class NeuralSynthesizer(Synthesizer):
    """A generator whose networks are trained by :func:`utils.training.train`.

    A subclass stores its encoders in fitted attributes, writes ``_build(rng)``, which makes a Keras
    model for sampling from these and ``parameters_`` alone, and calls :meth:`_train` in ``_fit``.
    What it compiles for sampling it keeps in cached properties, which the next fit forgets.

    epochs : passes over the table; None takes the ``passes`` of the class, and of a small table as
    many as its ``least_steps`` need.  batch_size : rows a step.  learning_rate : of the optimiser.
    progress : False, "bar" or "curve".  checkpoint : a file that an interrupted fit goes on from.

    After Ctrl-C or a TrainingError the generator holds its last good weights and can be sampled.
    """

    quick = False
    passes = 100
    least_steps, most_steps = 1_000, np.inf
    fewest_to_hold_out = 50  # rows
    not_saved = ("progress", "checkpoint")
    history_: dict
    weights_: list[Annotated[np.ndarray, "float ..."]]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("batch_size")
        if self.epochs is not None:
            self._check_counts("epochs")
        self._check_positive("learning_rate")
        check_progress(self.progress)
        if not isinstance(self.checkpoint, (str, os.PathLike, type(None))):
            raise ValueError(f"checkpoint must name a file, or be None, not {self.checkpoint!r}.")

    def _train(self, step, data, variables, network, rng, **options) -> None:
        """Train for ``epochs`` with the constructor's parameters; keeps ``history_``, ``weights_``.

        network : what has the ``weights`` that are kept for sampling; ``options`` go to ``train``.
        """
        rows = min(self.batch_size, len(data[0]))
        options = {"steps": self._steps(len(data[0])), "batch_size": rows} | options
        with self._keeping(network) as history:
            train(
                step,
                data,
                variables,
                seed=int(rng.integers(2**31)),
                progress=self.progress,
                checkpoint=self.checkpoint,
                settings=repr(self.parameters_),
                history=history,
                **options,
            )

    @contextmanager
    def _keeping(self, network) -> Iterator[History]:
        """A history to fill while the network trains; both are kept, with the weights, also of a
        training that was interrupted. A checkpoint that is none leaves what was fitted before."""
        history, trained = History(), True
        try:
            yield history
        except SavedModelError:
            trained = False
            raise
        finally:
            if trained:
                self.history_ = vars(history)
                self._network = network
                self.weights_ = [weight.numpy().copy() for weight in network.weights]

    def _steps(self, rows: int) -> int:
        """Training steps for a table of so many rows."""
        epochs, batches = self.epochs or self.passes, rows / min(self.batch_size, rows)
        least = self.least_steps if self.epochs is None else 1
        return int(np.clip(round(epochs * batches), least, self.most_steps))

    def _hold_out(self, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Positions of held-out and of training rows, shuffled: a tenth is held out, at most 2,000.

        Nothing is held out of fewer than ``fewest_to_hold_out`` rows, too few to spare any.
        """
        held = min(int(HELD_OUT * rows), MOST_HELD_OUT) if rows >= self.fewest_to_hold_out else 0
        return tuple(np.split(rng.permutation(rows), [held]))

    @property
    def history(self) -> History:
        """Losses and scores of the fit."""
        return History(**self.history_)

    @cached_property
    def _network(self):
        """The network with its fitted weights, built again in a loaded model."""
        network = self._build(np.random.default_rng(0))
        take_weights(network, self.weights_)
        return network


def take_weights(network, values) -> None:
    """Give a network the weights of another one of its shape."""
    for weight, value in zip(network.weights, values, strict=True):
        weight.assign(value)


def seeded(rng: np.random.Generator, scale: float = 1.0):
    """A Keras initialiser (variance scaling, as Glorot and Bengio 2010) with a seed from rng."""
    return keras.initializers.VarianceScaling(
        scale, "fan_avg", "uniform", seed=int(rng.integers(2**31))
    )


def log_shares(codes: np.ndarray, sizes) -> np.ndarray:
    """Logarithm of how often each code occurs, columns side by side, float32 (sum of sizes).

    As the bias of a softmax it lets a network start at each column's own distribution, so that only
    what binds columns together is left to learn. A code without a row has no chance, and keeps
    none, as nothing ever pulls at it.

    codes : int32 (n, d).  sizes : number of codes of each column.
    """
    counts = [np.bincount(column, minlength=size) for column, size in zip(codes.T, sizes)]
    shares = np.concatenate(counts) / len(codes)
    return np.where(shares > 0, np.log(np.maximum(shares, 1e-30)), NO_CHANCE).astype(np.float32)


def follow(averages, weights, steps, reach: float) -> None:
    """Move each average towards its weight, so that it reaches back over a part of the steps.

    Polynomial-decay averaging (Shamir and Zhang 2013): the average over about the last ``reach`` of
    all ``steps`` done so far. 0 follows the weights themselves. To be used inside a step.
    """
    pull = 1 / (1 + reach * tf.cast(steps, tf.float32))
    for average, weight in zip(averages, weights, strict=True):
        average.assign_add(pull * (weight - average))


def pieces(n: int, width: int, most: int = ROWS_AT_ONCE) -> list[slice]:
    """Slices of n rows of so many numbers each, so that memory grows with neither."""
    size = int(np.clip(NUMBERS_AT_ONCE // max(width, 1), FEWEST_AT_ONCE, most))
    return [slice(start, start + size) for start in range(0, n, size)]
