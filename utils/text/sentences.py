"""Sentences with a label: real ones to learn from, and new ones that a language model writes after
them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from utils.tables import load_sentences

MOODS = {"positive": "Good", "negative": "Bad"}
DOMAINS = ("product", "film", "restaurant")
# One sentence: letters, digits and the usual signs, ended by a stop. A line that may begin with a
# digit mostly does, and then goes on as a list of numbers.
GRAMMAR = r"""root ::= " " [A-Z] [A-Za-z0-9 ,';:&$%-]{8,140} [.!?] "\n" """
LONGEST = 60  # tokens; enough for the longest that the grammar allows
SHOWN = 5  # real sentences in a prompt
VALIDATION = 300  # real sentences for choices: no training, no test
APART = 360  # so many sentences of a draw stand in no other of the first five draws


def validation_sentences() -> pd.DataFrame:
    """Real sentences to choose by, with text, domain and mood: no draw holds one of them."""
    return _training_part().iloc[:VALIDATION].reset_index(drop=True)


def real_sentences(draw: int, count: int) -> pd.DataFrame:
    """The first so many real sentences of a draw, to train on or to show to a language model.

    draw : 0, 1, ...: each begins elsewhere in the same order, so that draws 0 to 4 share none of
        their first 360.  Returns text, domain and mood.
    """
    pool = _training_part().iloc[VALIDATION:]
    places = (draw * APART + np.arange(count)) % len(pool)
    return pool.iloc[places].reset_index(drop=True)


def _training_part() -> pd.DataFrame:
    sentences = load_sentences("train")
    return sentences.iloc[np.random.default_rng(0).permutation(len(sentences))]


def prompt(examples: Iterable[str], label: str) -> str:
    """A line for each example, "label: example", and the label once more for the model to go on."""
    return "".join(f"{label}: {example}\n" for example in examples) + f"{label}:"


def write_sentence(model, seeds: pd.DataFrame, domain: str, mood: str, seed: int) -> str:
    """A new sentence of a domain and a mood; empty where the reply was cut off.

    model : a ``LanguageModel`` of ``utils.language_model``.  seeds : real sentences with text,
        domain and mood; five of that domain and mood are shown.
    seed : of which five, and of the model's draws.
    """
    alike = seeds[(seeds["domain"] == domain) & (seeds["mood"] == mood)]
    shown = np.random.default_rng(seed).permutation(alike["text"].to_numpy())[:SHOWN]
    text = prompt(shown, f"{MOODS[mood]} {domain}")
    reply = model.continue_text(text, grammar=GRAMMAR, most_tokens=LONGEST, seed=seed)
    return reply.text.strip() if reply.whole else ""
