"""Which written sentences are worth keeping: whole, new, and of the mood that was asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

SAME = 0.95  # cosine from which two sentences count as one
STRENGTH = 3.0  # of the logistic regression (its C), chosen on the validation sentences


def mood_model(vectors: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    """Logistic regression on the vectors of real sentences, to judge others by."""
    return LogisticRegression(C=STRENGTH, max_iter=2_000).fit(vectors, labels)


def judge_written(
    written: pd.DataFrame, vectors: np.ndarray, seeds: pd.DataFrame, seed_vectors: np.ndarray
) -> pd.DataFrame:
    """One line a written sentence: which filters it passes.

    written, seeds : text and mood.  vectors, seed_vectors : theirs, of length 1, (rows, width).
    Returns booleans: ``whole`` (not cut off), ``new`` (no near copy of a seed), ``first`` (none of
    one written before it), ``agrees`` (a model of the seeds' moods finds the mood asked for).
    """
    like = vectors @ vectors.T
    before = np.tril(like, -1).max(axis=1, initial=0)
    found = mood_model(seed_vectors, seeds["mood"]).predict(vectors)
    return pd.DataFrame(
        {
            "whole": written["text"].fillna("").ne(""),
            "new": (vectors @ seed_vectors.T).max(axis=1) < SAME,
            "first": before < SAME,
            "agrees": found == written["mood"],
        },
        index=written.index,
    )
