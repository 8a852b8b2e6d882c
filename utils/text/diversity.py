"""How much a set of texts repeats itself; only sets of equal size can be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.text.filters import words


def distinct(texts: Sequence[str], length: int = 2) -> float:
    """Different runs of so many words, as a share of all such runs (Li et al. 2016, distinct-n)."""
    found = [
        tuple(cut[place : place + length])
        for cut in map(words, texts)
        for place in range(len(cut) - length + 1)
    ]
    return len(set(found)) / max(1, len(found))


def self_similarity(vectors: np.ndarray) -> float:
    """The mean cosine of a text (a vector of length 1) and the text nearest to it."""
    near = vectors @ vectors.T
    np.fill_diagonal(near, -1)
    return float(near.max(axis=1).mean())
