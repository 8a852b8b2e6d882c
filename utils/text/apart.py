"""Sentences from the local language model in a process of its own, whose memory is free again when
they are written."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd

from utils.language_model import open_language_model
from utils.text.sentences import write_sentence


def write_apart(seeds: pd.DataFrame, labels: Sequence[tuple[str, str]]) -> list[str]:
    """A new sentence for each label, by the local model; empty where the reply was cut off.

    seeds : real sentences with text, domain and mood.  labels : (domain, mood) of each sentence;
        five seeds of that label are shown, others in each prompt.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
        return apart.submit(_written, seeds, list(labels)).result()


def _written(seeds: pd.DataFrame, labels: list[tuple[str, str]]) -> list[str]:
    model = open_language_model({})
    return [
        write_sentence(model, seeds, domain, mood, seed=place)
        for place, (domain, mood) in enumerate(labels)
    ]
