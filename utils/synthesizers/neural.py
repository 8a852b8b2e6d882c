"""What the four neural generators share: training parameters, fitting with nothing lost, saved
weights."""

from __future__ import annotations

import numpy as np

from utils.synthesizers.base import Synthesizer
from utils.training import History, keras, train


class NeuralSynthesizer(Synthesizer):
    """A generator whose networks are trained by :func:`utils.training.train`.

    A subclass stores its encoders and sizes in fitted attributes, writes ``_build(rng)``, which
    makes a Keras model for sampling from these alone, and calls :meth:`_train` in ``_fit``.

    epochs : passes over the table.  batch_size : rows a step.  learning_rate : of the optimiser.
    progress : False, "bar" or "curve".  checkpoint : a file that an interrupted fit goes on from.

    After Ctrl-C or a TrainingError the generator holds its last good weights and can be sampled.
    """

    quick = False
    not_saved = ("progress", "checkpoint")

    def _train(self, step, data, variables, network, rng, **options) -> None:
        """Train for ``epochs`` with the constructor's parameters; keeps ``history_`` and
        ``weights_``.

        network : the Keras model whose weights are kept for sampling; ``options`` go to ``train``.
        """
        self._check_training()
        rows = min(self.batch_size, len(data[0]))
        options = {"steps": self._steps(len(data[0])), "batch_size": rows} | options
        try:
            history = train(
                step,
                data,
                variables,
                seed=int(rng.integers(2**31)),
                progress=self.progress,
                checkpoint=self.checkpoint,
                settings=repr(self._saved_parameters()),
                **options,
            )
            self.history_ = vars(history)
        finally:
            self._network = network
            self.weights_ = [weight.numpy().copy() for weight in network.weights]

    def _check_training(self) -> None:
        """ValueError unless epochs, batch size and learning rate can be trained with."""
        self._check_counts("epochs", "batch_size")
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < np.inf:
            raise ValueError(f"learning_rate must be a number above 0, not {rate!r}.")

    def _steps(self, rows: int) -> int:
        """Training steps for a table of so many rows."""
        return max(1, round(self.epochs * rows / min(self.batch_size, rows)))

    @property
    def history(self) -> History:
        """Losses and scores of the fit."""
        return History(**self.history_)

    def _trained(self):
        """The network with its fitted weights, built again in a loaded model."""
        if getattr(self, "_network", None) is None:
            self._network = self._build(np.random.default_rng(0))
            self._network.set_weights(self.weights_)
        return self._network


def seeded(rng: np.random.Generator, scale: float = 1.0):
    """A Keras initialiser (variance scaling, as Glorot and Bengio 2010) with a seed from rng."""
    return keras.initializers.VarianceScaling(
        scale, "fan_avg", "uniform", seed=int(rng.integers(2**31))
    )
