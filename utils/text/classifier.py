"""Fine-tuning: an encoder's upper layers and a new last layer learn to tell labels apart.

The layers below are not trained, so they read each sentence once, not in every pass (the frozen
lower layers of Howard and Ruder 2018, section 3.3, kept frozen). Devlin et al. 2019, section 4,
train all; here that would take three times as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from utils.text.encoder import Encoder

if TYPE_CHECKING:
    import keras

BATCH = 16  # sentences that are read at once; more would only take more memory
ALIKE = 8  # batches whose sentences are sorted by length among them


class Classifier:
    """An encoder whose ``trained`` uppermost layers are fine-tuned, with a softmax over labels.

    encoder : its weights are copied, and stay as they are.  classes : how many labels.  trained :
        layers that learn; None: the whole network, embeddings too.  steps, batch : updates of
        AdamW, and sentences of each.  rate : its first learning rate, which falls to zero in a
        line.
    """

    def __init__(
        self,
        encoder: Encoder,
        classes: int = 2,
        trained: int | None = 2,
        steps: int = 75,
        batch: int = 8,
        rate: float = 2e-4,
    ):
        self.encoder, self.steps, self.batch = encoder, steps, batch
        self._lower, self._upper = _parts(encoder.backbone, trained, classes)
        import keras

        schedule = keras.optimizers.schedules.PolynomialDecay(rate, steps, 0.0)
        self._upper.compile(
            keras.optimizers.AdamW(schedule),
            "sparse_categorical_crossentropy",
            jit_compile=False,  # each length of a batch would be compiled anew
        )
        self._upper.optimizer.build(self._upper.trainable_variables)
        self._start = [variable.numpy() for variable in self._variables()]

    def read(self, texts: Sequence[str]) -> list[np.ndarray]:
        """What the lower layers make of each text: float32 (tokens, width); its ids, int32
        (tokens,), where the whole network is trained."""
        order = np.argsort([len(text) for text in texts], kind="stable")
        found = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            read = self.encoder.tokens([texts[row] for row in rows])
            lengths, states = read["padding_mask"].sum(axis=1), read["token_ids"]
            if self._lower is not None:
                states = np.asarray(self._lower(_asked(self._lower, read), training=False))
            for row, length, state in zip(rows, lengths, states):
                found[row] = state[:length]
        return found

    def fit(self, read: Sequence[np.ndarray], labels: Sequence[int], seed: int = 0) -> Classifier:
        """Begin anew and learn from what :meth:`read` returned and labels 0, 1, ...

        seed : of the last layer's weights, the order of sentences, and dropout.
        """
        rng = np.random.default_rng(seed)
        self._begin(rng)
        labels = np.asarray(labels)
        lengths = np.array([len(states) for states in read])
        for rows in self._batches(lengths, rng):
            self._upper.train_on_batch(_padded([read[row] for row in rows]), labels[rows])
        return self

    def predict(self, read: Sequence[np.ndarray]) -> np.ndarray:
        """The chance of each label, float32 of shape (texts, classes)."""
        order = np.argsort([len(states) for states in read], kind="stable")
        found = np.zeros((len(read), self._upper.output_shape[-1]), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            found[rows] = self._upper.predict_on_batch(_padded([read[row] for row in rows]))
        return found

    def head(self) -> list[np.ndarray]:
        """Weights (width, classes) and biases (classes,) of the last layer."""
        return self._upper.layers[-1].get_weights()

    def _variables(self) -> list[keras.Variable]:
        return [*self._upper.variables, *self._upper.optimizer.variables]

    def _begin(self, rng: np.random.Generator) -> None:
        """Weights, the optimiser's memory and dropout's chances as they were at first; the last
        layer is drawn by rng."""
        for variable, value in zip(self._variables(), self._start):
            if variable.path.endswith("seed_generator_state"):
                value = rng.integers(2**31, size=value.shape).astype(value.dtype)
            variable.assign(value)
        kernel = self._upper.layers[-1].kernel
        kernel.assign(rng.normal(0, 0.02, kernel.shape))

    def _batches(self, lengths: np.ndarray, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """``steps`` batches of places. In each pass over the sentences they are dealt anew to
        groups of ALIKE batches, in each of which those of like length go together: little is
        padded, and a batch still holds chance company."""
        batches = []
        for _ in range(self.steps):
            if not batches:
                order = rng.permutation(len(lengths))
                for start in range(0, len(order), ALIKE * self.batch):
                    group = order[start : start + ALIKE * self.batch]
                    group = group[np.argsort(lengths[group], kind="stable")]
                    batches += [
                        group[at : at + self.batch] for at in range(0, len(group), self.batch)
                    ]
                batches = [batches[place] for place in rng.permutation(len(batches))]
            yield batches.pop()


def _parts(backbone: keras.Model, trained: int | None, classes: int) -> tuple:
    """(What stays as it is, or None; what learns: states or ids, and mask, in, chances out.)"""
    import keras

    mask = keras.Input((None,), dtype="int32", name="mask")
    if trained is None:
        lower, states = None, keras.Input((None,), dtype="int32", name="states")
        output = _copied(backbone)({"token_ids": states, "padding_mask": mask})
    else:
        places = range(backbone.num_layers - trained, backbone.num_layers)
        below = f"transformer_layer_{places[0] - 1}" if places[0] else "embeddings_dropout"
        lower = keras.Model(backbone.input, backbone.get_layer(below).output)
        states = output = keras.Input((None, backbone.hidden_dim), name="states")
        for place in places:
            layer = backbone.get_layer(f"transformer_layer_{place}")
            copy = type(layer).from_config(layer.get_config())
            output = copy(output, padding_mask=mask)
            copy.set_weights(layer.get_weights())
    mean = keras.layers.GlobalAveragePooling1D()(output, mask=mask)
    chances = keras.layers.Dense(classes, "softmax")(mean)
    return lower, keras.Model([states, mask], chances)


def _copied(network: keras.Model) -> keras.Model:
    copy = network.from_config(network.get_config())
    copy.set_weights(network.get_weights())
    return copy


def _asked(network, read: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: read[name] for name in network.input}


def _padded(states: list[np.ndarray]) -> list[np.ndarray]:
    """Sentences of one batch filled up with zeros, and the mask that tells what is theirs."""
    longest = max(map(len, states))
    filled = np.zeros((len(states), longest, *states[0].shape[1:]), states[0].dtype)
    mask = np.zeros((len(states), longest), np.int32)
    for row, state in enumerate(states):
        filled[row, : len(state)], mask[row, : len(state)] = state, 1
    return [filled, mask]
