"""Filters for texts that a model wrote: each looks for one fault, and says where it found it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

FEWEST_WORDS, MOST_WORDS = 4, 25
SHARED_RUN = 4  # words in a row that a text may not share with an example
WORDS_ALIKE = 0.3  # Jaccard of word pairs
MEANINGS_ALIKE = 0.8  # cosine of two vectors
WORD = re.compile(r"[a-z0-9']+")

# Patterns of personal data, roughly as they are written in Europe and the United States.
PERSONAL = {
    "e-mail": re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.I),
    "account": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "card": re.compile(r"\b\d{4}(?:[ -]?\d{4}){3}\b"),
    "phone": re.compile(r"(?<![\w.])(?:\+|00|0)\d{1,3}[ /-]?(?:\d[ -]?){6,11}\d\b"),
    "name": re.compile(r"\b[Mm]y name is [A-Z]\w+|\b(?:Mr|Mrs|Ms|Dr)\.? [A-Z]\w+"),
    "street": re.compile(
        r"\b\d+ [A-Z]\w+ (?:Street|Road|Avenue|Lane)\b|\b[A-Z]\w*stra(?:ß|ss)e \d+"
    ),
}
# Words that a message of this data set should not hold. A list knows words, not what is meant.
TOXIC = frozenset(
    {
        "arse",
        "arsehole",
        "ass",
        "bastard",
        "bitch",
        "bloody",
        "bollocks",
        "bullshit",
        "crap",
        "cunt",
        "damn",
        "dick",
        "dickhead",
        "dumb",
        "fuck",
        "fucking",
        "hell",
        "idiot",
        "idiots",
        "imbecile",
        "jerk",
        "loser",
        "losers",
        "moron",
        "morons",
        "piss",
        "scum",
        "shit",
        "slut",
        "stupid",
        "suck",
        "sucks",
        "whore",
        "wanker",
    }
)


def words(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return WORD.findall(text.lower())


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """All runs of so many words that stand in a text."""
    found = words(text)
    return {tuple(found[place : place + length]) for place in range(len(found) - length + 1)}


def well_formed(text: str) -> bool:
    """One whole sentence: 4 to 25 words, a capital first, an end mark last and nowhere else, no
    word three times in a row."""
    found = words(text)
    stutters = any(len(set(found[i : i + 3])) == 1 for i in range(len(found) - 2))
    return (
        FEWEST_WORDS <= len(found) <= MOST_WORDS
        and text[:1].isupper()
        and re.fullmatch(r"[^.?!]*[^.?! ,'][.?!]", text) is not None
        and not stutters
    )


def personal_data(text: str) -> list[str]:
    """The kinds of personal data whose pattern a text holds."""
    return [kind for kind, pattern in PERSONAL.items() if pattern.search(text)]


def toxic_words(text: str) -> list[str]:
    """The words of a text that stand on the list."""
    return [word for word in words(text) if word in TOXIC]


def leaks(text: str, examples: Sequence[str], length: int = SHARED_RUN) -> bool:
    """Whether a text repeats so many words in a row of an example, or a whole shorter example."""
    found = runs(text, length)
    return any(
        found & runs(example, length) or words(example) == words(text) for example in examples
    )


def jaccard(one: str, other: str, length: int = 2) -> float:
    """Runs of words in both texts, as a share of those in either; 0 where there are none."""
    mine, theirs = runs(one, length), runs(other, length)
    return len(mine & theirs) / max(1, len(mine | theirs))


def pairs_within(rows) -> list[tuple[str, str]]:
    """All pairs of texts of one label; ``rows`` has columns ``label`` and ``text``."""
    groups = [group["text"].tolist() for _, group in rows.groupby("label")]
    return [(a, b) for group in groups for place, a in enumerate(group) for b in group[:place]]


def news(message: str, reply: str) -> float:
    """The share of a reply's words that the message did not say."""
    said, heard = words(reply), set(words(message))
    return sum(word not in heard for word in said) / max(1, len(said))


def repeats_words(texts: Sequence[str], alike: float = WORDS_ALIKE) -> np.ndarray:
    """Which texts repeat the words of one that was kept before them, bool of shape (texts,)."""
    return _repeats(len(texts), lambda one, kept: jaccard(texts[one], texts[kept]) >= alike)


def repeats_meaning(vectors: np.ndarray, alike: float = MEANINGS_ALIKE) -> np.ndarray:
    """Which vectors of length 1 lie near one that was kept before them, bool of shape (texts,)."""
    near = vectors @ vectors.T >= alike
    return _repeats(len(vectors), lambda one, kept: near[one, kept])


def _repeats(count: int, alike) -> np.ndarray:
    kept: list[int] = []
    for one in range(count):
        if not any(alike(one, other) for other in kept):
            kept.append(one)
    return ~np.isin(np.arange(count), kept)


class LabelJudge:
    """Says which label a text has: that of the nearest mean of the examples' vectors.

    vectors : of length 1, shape (examples, width).  labels : one an example.
    """

    def __init__(self, vectors: np.ndarray, labels: Sequence[str]):
        labels = np.asarray(labels)
        self.labels = np.unique(labels)
        means = np.stack([vectors[labels == label].mean(axis=0) for label in self.labels])
        self._means = means / np.linalg.norm(means, axis=1, keepdims=True)

    def label(self, vectors: np.ndarray) -> np.ndarray:
        """The label of each vector, shape (texts,)."""
        return self.labels[(vectors @ self._means.T).argmax(axis=1)]

    def nearness(self, vectors: np.ndarray) -> np.ndarray:
        """The cosine of each vector with the nearest mean, shape (texts,)."""
        return (vectors @ self._means.T).max(axis=1)

    def margin(self, vectors: np.ndarray) -> np.ndarray:
        """By how much the nearest mean is nearer (in cosine) than the second, shape (texts,)."""
        near = np.sort(vectors @ self._means.T, axis=1)
        return near[:, -1] - near[:, -2]
