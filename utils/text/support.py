"""The support messages of the course: hand-written ones, those of a language model, and the filters
in a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.tables import DATA, TableError
from utils.text.encoder import Encoder
from utils.text.filters import (
    LabelJudge,
    leaks,
    personal_data,
    repeats_meaning,
    repeats_words,
    toxic_words,
    well_formed,
)
from utils.text.writer import drawn_examples

PARTS = ("shown", "judge", "test")
FILTERS = (
    "form",
    "personal data",
    "toxic word",
    "copy of an example",
    "label",
    "topic",
    "same words",
    "same meaning",
)
SUREST = 0.05  # by how much the label's mean must be nearer than the next, in cosine
NEAREST = 0.4  # cosine with the label's mean; what is farther off belongs to no label


def load_handwritten(part: str | None = None) -> pd.DataFrame:
    """208 support messages of four labels, written by hand (see data/support.md).

    part : "shown" (32, the examples of prompts), "judge" (48, for filters) or "test" (128); None
    for all, with the column ``part``. Returns a DataFrame with ``label`` and ``text``.
    """
    if part not in (None, *PARTS):
        raise TableError(f"There is no part {part!r}. Choose from: {', '.join(PARTS)}, or None.")
    table = pd.read_csv(DATA / "support_handwritten.csv")
    if part is None:
        return table
    return table[table["part"] == part].drop(columns="part").reset_index(drop=True)


def load_support(refused: bool = False) -> pd.DataFrame:
    """Support messages that a language model wrote (see data/support.md).

    refused : False for those that passed all filters, with ``label`` and ``text``. True for all as
    written, with ``prompt`` ("one label" or "mixed"), ``seed`` and ``refused_by`` ("" if kept); of
    mixed prompts none is in the data set.
    """
    table = pd.read_csv(DATA / "support.csv", keep_default_na=False)
    if refused:
        return table
    kept = (table["prompt"] == "one label") & (table["refused_by"] == "")
    return table.loc[kept, ["label", "text"]].reset_index(drop=True)


def load_replies() -> pd.DataFrame:
    """16 support messages with a good and a bad reply, written by hand (see data/support.md).

    Columns: ``label``, ``message``, ``good``, ``bad``, and the ``fault`` of the bad one: "other
    topic", or "empty" where it repeats the customer's words and helps nobody.
    """
    return pd.read_csv(DATA / "support_replies.csv")


def examples_for(prompt: str, label: str, seed: int) -> list[str]:
    """Four examples of a label for a prompt; for a "mixed" one, one of each label. The same seed
    gives the same."""
    shown = load_handwritten("shown")
    pools = shown.groupby("label")["text"].apply(list)
    if prompt == "one label":
        return drawn_examples(pools[label], seed)
    return drawn_examples([drawn_examples(pool, seed, 1)[0] for pool in pools], seed)


def equal_part(rows: pd.DataFrame, each: int, seed: int) -> pd.DataFrame:
    """So many rows of each label, drawn at random; all of a label that has fewer."""
    return rows.sample(frac=1, random_state=seed).groupby("label").head(each)


def load_readings() -> pd.DataFrame:
    """120 messages of :func:`load_support`, read by the author without their labels: ``text`` and
    ``read_as``, one of the labels or "none" where the message fits none (see data/support.md)."""
    return pd.read_csv(DATA / "support_reading.csv")


def losses(messages: pd.DataFrame) -> list[tuple[str, int, str]]:
    """What each filter refused: its name, how many messages, and the last of them ("-" if none).

    messages : with the columns ``refused_by``, ``label`` and ``text``.
    """
    found = []
    for name in FILTERS:
        rows = messages[messages["refused_by"] == name]
        last = f"{rows['text'].iloc[-1]} ({rows['label'].iloc[-1]})" if len(rows) else "-"
        found.append((name, len(rows), last))
    return found


def remembering(encoder: Encoder):
    """A function from texts to vectors, shape (texts, width), which reads each text only once."""
    memory: dict[str, np.ndarray] = {}

    def embed(texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in memory]
        memory.update(zip(new, encoder.embed(new)))
        return np.stack([memory[text] for text in texts])

    return embed


def refused_by(
    texts: Sequence[str],
    labels: Sequence[str],
    examples: Sequence[str],
    judge: LabelJudge,
    encoder: Encoder,
    surest: float = SUREST,
    nearest: float = NEAREST,
) -> np.ndarray:
    """The first of the :data:`FILTERS` that refuses each text, "" for one that passes all.

    labels : that were asked for, one a text.  examples : all that prompts showed.  surest : margin
    of the judge.  nearest : cosine with the nearest mean, at least.  The last two filters compare
    only texts that passed the others.
    """
    texts, labels = np.asarray(texts, object), np.asarray(labels, object)
    vectors = encoder.embed(texts)
    agreed = (judge.label(vectors) == labels) & (judge.margin(vectors) >= surest)
    found = np.full(len(texts), "", object)
    for name, faulty in (
        ("form", [not well_formed(text) for text in texts]),
        ("personal data", [bool(personal_data(text)) for text in texts]),
        ("toxic word", [bool(toxic_words(text)) for text in texts]),
        ("copy of an example", [leaks(text, examples) for text in texts]),
        ("label", ~agreed),
        ("topic", judge.nearness(vectors) < nearest),
    ):
        found[(found == "") & np.asarray(faulty, bool)] = name
    for name, repeats, things in (
        ("same words", repeats_words, texts),
        ("same meaning", repeats_meaning, vectors),
    ):
        left = np.flatnonzero(found == "")
        found[left[repeats(things[left])]] = name
    return found
