"""The encoder against a BERT written out in numpy, and what becomes of awkward sentences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from utils.text import open_encoder
from utils.text.encoder import PACKAGE
from utils.weights import find_weights

SENTENCES = ["The internet is slow again.", "My connection drops every evening.", "Please cancel."]


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(find_weights(PACKAGE, "model.safetensors"))


def bert(weights: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The vectors of one sentence's tokens (Devlin et al. 2019, section 3), with 12 heads."""

    def linear(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def normed(name, x):
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def heads(x):
        return x.reshape(len(x), 12, -1).transpose(1, 0, 2)

    words, places, kinds = (
        weights[f"embeddings.{name}_embeddings.weight"]
        for name in ("word", "position", "token_type")
    )
    x = normed("embeddings.LayerNorm", words[ids] + places[: len(ids)] + kinds[0])
    for layer in range(6):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            heads(linear(f"{name}.attention.self.{part}", x)) for part in ("query", "key", "value")
        )
        heard = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]), axis=-1) @ value
        heard = heard.transpose(1, 0, 2).reshape(len(x), -1)
        x = normed(
            f"{name}.attention.output.LayerNorm",
            x + linear(f"{name}.attention.output.dense", heard),
        )
        wide = linear(f"{name}.intermediate.dense", x)
        # KerasHub takes the tanh form of the GELU, as the first BERT did.
        wide = wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3))) / 2
        x = normed(f"{name}.output.LayerNorm", x + linear(f"{name}.output.dense", wide))
    return x


def test_vectors_are_those_of_a_bert_in_numpy(weights):
    encoder = open_encoder()
    for sentence, vector in zip(SENTENCES, encoder.embed(SENTENCES)):
        read = encoder.tokens([sentence])
        mean = bert(weights, list(read["token_ids"][0])).mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-5)


def test_like_sentences_lie_nearer():
    slow, drops, cancel = open_encoder().embed(SENTENCES)
    assert slow @ drops > slow @ cancel + 0.1


def test_a_vector_does_not_hang_on_its_neighbours():
    encoder = open_encoder()
    together = encoder.embed([*SENTENCES, "One much longer sentence " * 12])
    np.testing.assert_allclose(together[:3], encoder.embed(SENTENCES), atol=1e-5)


def test_awkward_sentences():
    vectors = open_encoder().embed(["", "🦜 ¿qué?", "word " * 5_000])
    assert vectors.shape == (3, 384) and np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert open_encoder().embed([]).shape == (0, 384)


def test_a_long_sentence_is_cut_off():
    assert open_encoder().tokens(["word " * 5_000])["token_ids"].shape == (1, 128)
