"""Sentences that the language model wrote after real ones: made once, read by lesson 15."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pandas as pd

from tests.benchmarks.runs import Runs, measure_missing
from tests.benchmarks.source import fingerprint
from utils.language_model import LanguageModel, open_language_model
from utils.results import RESULTS
from utils.text.sentences import DOMAINS, MOODS, real_sentences, write_sentence

SENTENCES = "sentences"
DRAWS = (0, 1, 2, 3, 4)
SEEDS = 120  # real sentences that a draw's prompts are taken from
WRITTEN = 120  # of each draw
LABELS = [(domain, mood) for domain in DOMAINS for mood in MOODS]
KEY = ["draw", "number"]
COLUMNS = [*KEY, "domain", "mood", "text", "model", "source"]


def write_sentences(folder: Path = RESULTS) -> pd.DataFrame:
    """Have the sentences written that are not stored yet; returns all. Those of older code are
    forgotten first. Cut-off replies are stored too, without a text."""
    runs = Runs(folder / f"{SENTENCES}.csv", COLUMNS, KEY)
    tasks = [(draw, number) for number in range(WRITTEN) for draw in DRAWS]
    return measure_missing(runs, write, tasks, outdated, jobs=1)


def write(draw: int, number: int) -> list[dict]:
    """The line of a sentence; labels come in turn."""
    model, (domain, mood) = _model(), LABELS[number % len(LABELS)]
    seed = 10_000 * draw + number
    text = write_sentence(model, _seeds(draw), domain, mood, seed)
    return [dict(zip(COLUMNS, [draw, number, domain, mood, text, model.name, source()]))]


@cache
def _model() -> LanguageModel:
    return open_language_model()


@cache
def _seeds(draw: int) -> pd.DataFrame:
    return real_sentences(draw, SEEDS)


@cache
def source() -> str:
    """Fingerprint of the code that asks for sentences."""
    return fingerprint(["utils.text.sentences"], [str(SEEDS), str(LABELS)])


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which sentences are of older code."""
    return table["source"] != source()
