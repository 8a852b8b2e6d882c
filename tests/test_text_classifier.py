"""Fine-tuning against the whole network written out, and the three models to fine-tune."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from utils.text import Classifier, open_encoder, open_model
from utils.text.models import KEPT, NAMED, SPECIAL, SWITCH, short, small_roberta

TEXTS = ["Great phone.", "The film was dull, and far too long for me.", "We will not be back."]
WORDS = (["good", "fine", "lovely"], ["bad", "poor", "awful"])


def toy(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Sentences whose label one word tells, at a random place."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=count)
    texts = []
    for label in labels:
        words = ["it", "was", "the", "day", "again"]
        words.insert(rng.integers(6), rng.choice(WORDS[label]))
        texts.append(" ".join(words))
    return texts, labels


@pytest.fixture(scope="module")
def small() -> Classifier:
    """A small untrained RoBERTa that learns as a whole."""
    return Classifier(small_roberta(toy(120)[0]), trained=None, steps=30, rate=2e-3)


@pytest.mark.parametrize("trained", [2, 6])
def test_lower_and_upper_layers_are_the_whole_network(trained):
    encoder = open_encoder()
    classifier = Classifier(encoder, trained=trained, steps=1, rate=0.0)
    classifier.fit(classifier.read(TEXTS), [0, 1, 0], seed=1)  # the rate is 0
    kernel, bias = (np.asarray(part) for part in classifier.head())
    read = encoder.tokens(TEXTS)
    states = np.asarray(encoder.backbone(read, training=False)["sequence_output"])
    mask = read["padding_mask"][..., None]
    logits = (states * mask).sum(axis=1) / mask.sum(axis=1) @ kernel + bias
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict(classifier.read(TEXTS)), chances, atol=1e-4)


def test_it_learns_what_can_be_learned(small):
    texts, labels = toy(120)
    asked, truth = toy(100, seed=1)
    small.fit(small.read(texts), labels)
    assert (small.predict(small.read(asked)).argmax(axis=1) == truth).mean() > 0.95
    small.fit(small.read(texts), np.random.default_rng(2).permutation(labels))
    assert (small.predict(small.read(asked)).argmax(axis=1) == truth).mean() < 0.75


def test_each_fit_begins_anew_and_a_seed_repeats(small):
    texts, labels = toy(40)
    read = small.read(texts)
    first = small.fit(read, labels, seed=3).predict(read)
    other = small.fit(read, labels, seed=4).predict(read)
    np.testing.assert_array_equal(small.fit(read, labels, seed=3).predict(read), first)
    assert abs(other - first).max() > 1e-3


def test_the_encoder_stays_as_it_is():
    encoder = open_encoder()
    layer = encoder.backbone.get_layer("transformer_layer_5")
    before = [weights.copy() for weights in layer.get_weights()]
    classifier = Classifier(encoder, trained=1, steps=3)
    start = classifier.predict(classifier.read(TEXTS))
    after = classifier.fit(classifier.read(TEXTS), [0, 1, 0]).predict(classifier.read(TEXTS))
    assert abs(after - start).max() > 1e-3
    assert all(np.array_equal(*pair) for pair in zip(before, layer.get_weights()))


def test_each_pass_holds_each_sentence_once_and_batches_are_of_like_length(small):
    lengths = np.random.default_rng(0).integers(3, 40, 160)
    batches = [next(found) for found in [small._batches(lengths, np.random.default_rng(0))] * 20]
    assert sorted(np.concatenate(batches)) == list(range(160))
    padded = np.mean([lengths[batch].max() - lengths[batch].mean() for batch in batches])
    assert padded < 5  # by chance 15


def test_a_short_bert_of_all_layers_is_the_whole_one():
    whole, all_layers = open_encoder(), short(range(6))
    read = whole.tokens(TEXTS)
    mask = read["padding_mask"][..., None]
    theirs = np.asarray(whole.backbone(read)["sequence_output"]) * mask
    read.pop("segment_ids")
    # DistilBERT takes the exact GELU, BERT its tanh form.
    np.testing.assert_allclose(np.asarray(all_layers.backbone(read)) * mask, theirs, atol=0.02)


def test_a_distilbert_begins_with_every_other_layer():
    whole, half = open_encoder().backbone, open_model("DistilBERT").backbone
    for to, at in enumerate(KEPT):
        pairs = zip(
            *(
                n.get_layer(f"transformer_layer_{p}").get_weights()
                for n, p in ((half, to), (whole, at))
            )
        )
        assert all(np.array_equal(*pair) for pair in pairs)


def test_the_small_roberta_has_a_tokenizer_of_its_own():
    encoder = small_roberta(["the phone is great", "the phone is bad"] * 20)
    read = encoder.tokens(["the phone is new"])
    ids = read["token_ids"][0]
    assert ids[0] == SPECIAL.index("<s>") and ids[-1] == SPECIAL.index("</s>")
    assert encoder.tokenizer.decode(ids.tolist()).strip() == "the phone is new"
    assert encoder.backbone.count_params() < 700_000


def test_the_switch_asks_for_the_named_checkpoints(monkeypatch):
    import keras_hub
    import tokenizers

    asked = []
    fake = SimpleNamespace(from_preset=asked.append)
    monkeypatch.setattr(
        keras_hub,
        "models",
        SimpleNamespace(BertBackbone=fake, DistilBertBackbone=fake, RobertaBackbone=fake),
    )
    monkeypatch.setattr(tokenizers, "Tokenizer", SimpleNamespace(from_pretrained=asked.append))
    monkeypatch.setenv(SWITCH, "huggingface")
    for name in NAMED:
        open_model(name)
    assert asked == [part for _, *parts in NAMED.values() for part in parts]


def test_an_unknown_model_is_named():
    with pytest.raises(ValueError, match=r"'GPT'.*BERT, DistilBERT, RoBERTa"):
        open_model("GPT")
