"""BERT, DistilBERT and RoBERTa to fine-tune: what can be had without a network, or by name from
Hugging Face.

Without a network BERT is MiniLM, with real weights; DistilBERT is three of its layers, which is
how the first DistilBERT began (Sanh et al. 2019, section 3); and RoBERTa (Liu et al. 2019) is its
architecture alone, small and untrained. With ``COURSE_ENCODERS=huggingface`` in the environment
the named checkpoints are fetched instead.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from utils.session import set_for_tensorflow
from utils.text.encoder import Encoder, open_encoder

SWITCH, HUGGING_FACE = "COURSE_ENCODERS", "huggingface"
BERT, DISTILBERT, ROBERTA = "BERT", "DistilBERT", "RoBERTa"
# Name -> class of KerasHub, its preset, and the repository of Hugging Face with its tokenizer.
# KerasHub 0.29 converts no RoBERTa from Hugging Face, so that one is Keras's own copy of it.
NAMED = {
    BERT: ("BertBackbone", "hf://google-bert/bert-base-uncased", "google-bert/bert-base-uncased"),
    DISTILBERT: (
        "DistilBertBackbone",
        "hf://distilbert/distilbert-base-uncased",
        "distilbert/distilbert-base-uncased",
    ),
    ROBERTA: ("RobertaBackbone", "roberta_base_en", "FacebookAI/roberta-base"),
}
KEPT = (0, 2, 4)  # layers of MiniLM that the DistilBERT begins with
LONGEST = 48  # tokens that are read; one sentence in a hundred is longer
PIECES = 1_000  # vocabulary of the small RoBERTa
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def open_model(name: str, texts: Sequence[str] = (), seed: int = 0) -> Encoder:
    """A network to fine-tune, with its tokenizer.

    name : "BERT", "DistilBERT" or "RoBERTa".  texts, seed : the small RoBERTa learns its tokenizer
    from these texts, and draws its weights by this seed; the others need neither.
    """
    if name not in NAMED:
        raise ValueError(f"There is no model {name!r}. Choose from: {', '.join(NAMED)}.")
    if from_hugging_face():
        return _named(name)
    if name == ROBERTA:
        return small_roberta(texts, seed)
    if name == DISTILBERT:
        return short()
    whole = open_encoder()
    return Encoder(whole.backbone, whole.tokenizer, LONGEST)


def from_hugging_face() -> bool:
    """Whether the environment asks for the named checkpoints."""
    return os.environ.get(SWITCH, "") == HUGGING_FACE


def short(layers: Sequence[int] = KEPT) -> Encoder:
    """A DistilBERT of some layers of MiniLM, with its embeddings.

    DistilBERT tells no segments apart: the vector of the only segment is added to every place.
    """
    encoder = open_encoder()
    whole = encoder.backbone
    from keras_hub.models import DistilBertBackbone

    small = DistilBertBackbone(
        whole.vocabulary_size,
        len(layers),
        whole.num_heads,
        whole.hidden_dim,
        whole.intermediate_dim,
        whole.dropout,
        whole.max_sequence_length,
    )
    words, places, segments = (
        whole.get_layer(f"{name}_embedding").get_weights()[0]
        for name in ("token", "position", "segment")
    )
    small.get_layer("token_and_position_embedding").set_weights([words, places + segments[0]])
    kept = {"embeddings_layer_norm": "embeddings_layer_norm"}
    kept |= {f"transformer_layer_{to}": f"transformer_layer_{at}" for to, at in enumerate(layers)}
    for to, at in kept.items():
        small.get_layer(to).set_weights(whole.get_layer(at).get_weights())
    return Encoder(small, encoder.tokenizer, LONGEST)


def small_roberta(texts: Sequence[str], seed: int = 0) -> Encoder:
    """A RoBERTa of two layers and half a million weights, untrained; its tokenizer, byte pairs as
    in the first, learns its pieces from texts."""
    set_for_tensorflow()
    import keras
    from keras_hub.models import RobertaBackbone
    from tokenizers import ByteLevelBPETokenizer, processors

    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(list(texts), PIECES, special_tokens=SPECIAL, show_progress=False)
    begin, end = ((piece, tokenizer.token_to_id(piece)) for piece in ("<s>", "</s>"))
    tokenizer.post_processor = processors.RobertaProcessing(end, begin)
    keras.utils.set_random_seed(seed)
    backbone = RobertaBackbone(
        tokenizer.get_vocab_size(), 2, 4, 128, 512, max_sequence_length=LONGEST
    )
    return Encoder(backbone, tokenizer, LONGEST)


def _named(name: str) -> Encoder:
    set_for_tensorflow()
    import keras_hub
    from tokenizers import Tokenizer

    kind, preset, repository = NAMED[name]
    backbone = getattr(keras_hub.models, kind).from_preset(preset)
    return Encoder(backbone, Tokenizer.from_pretrained(repository), LONGEST)
