"""Models that tell moods and apps apart, trained on real and on synthetic sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline

from tests.benchmarks import sentences, text_rows
from tests.benchmarks.runs import Runs, measure_missing, not_of
from tests.benchmarks.source import fingerprint
from utils.results import RESULTS, load_results
from utils.tables import load_screentime, load_sentences
from utils.text import open_encoder
from utils.text.agreement import judge_written, mood_model
from utils.text.classifier import Classifier
from utils.text.models import BERT, DISTILBERT, ROBERTA, open_model
from utils.text.sentences import real_sentences

TEXT = "text"
DRAWS = sentences.DRAWS
WORDS, VECTORS, NUMBERS = "bag of words", "embeddings", "numbers, no text"
REVIEWS, SCREEN_TIME = "reviews", "screen time"
MODELS = {
    REVIEWS: (WORDS, VECTORS, BERT, DISTILBERT, ROBERTA),
    SCREEN_TIME: (NUMBERS, WORDS, VECTORS, BERT),
}
MAIN = (
    "real 120",
    "real 360",
    "as written",
    "as written, as few",  # as many as pass the filters: what is gained beside the lost number
    "filtered",
    "real 120 + as written",
    "real 120 + filtered",
    "real 360 + filtered",
    "labels shuffled",
)
# Parts, for the curves. Those of BERT are fewer: each of its runs takes ten seconds.
SIZES = (15, 30, 60, 90)
PARTS = tuple(f"{kind} {size}" for kind in ("real", "filtered") for size in SIZES)
WANTED = {
    WORDS: MAIN + PARTS,
    VECTORS: MAIN + PARTS,
    BERT: (*MAIN, "real 30", "real 60", "real 90"),
    DISTILBERT: MAIN,
    ROBERTA: MAIN,
}
KEY = ["corpus", "model", "training", "draw"]
COLUMNS = [*KEY, "real", "synthetic", "accuracy", "macro_f1", "source"]


# --- what is trained on: name -> (sentences with text and label, real ones among them) ---


def trainings(corpus: str, draw: int) -> dict[str, tuple[pd.DataFrame, int]]:
    """Name -> (rows with ``text`` and ``label``, how many are real)."""
    return _reviews(draw) if corpus == REVIEWS else text_rows.trainings(draw)


@cache
def _reviews(draw: int) -> dict[str, tuple[pd.DataFrame, int]]:
    real = _labelled(real_sentences(draw, 360))
    written = written_sentences(draw)
    filtered = written[written["kept"]]
    mixed = np.random.default_rng(draw).permutation(360)
    found = {
        "real 120": (real[:120], 120),
        "real 360": (real, 360),
        "as written": (written, 0),
        "as written, as few": (written[: len(filtered)], 0),
        "filtered": (filtered, 0),
        "real 120 + as written": (pd.concat([real[:120], written]), 120),
        "real 120 + filtered": (pd.concat([real[:120], filtered]), 120),
        "real 360 + filtered": (pd.concat([real, filtered]), 360),
        "labels shuffled": (real.assign(label=real["label"].to_numpy()[mixed]), 360),
    }
    for size in SIZES:
        found[f"real {size}"] = (real[:size], size)
        found[f"filtered {size}"] = (filtered[:size], 0)
    return found


@cache
def written_sentences(draw: int) -> pd.DataFrame:
    """What was written for a draw, ``label``, and ``kept``: whether it passes all filters."""
    stored = load_results(sentences.SENTENCES)
    written = stored[(stored["draw"] == draw) & stored["text"].notna()].reset_index(drop=True)
    seeds = real_sentences(draw, sentences.SEEDS)
    passed = judge_written(written, vectors(written["text"]), seeds, vectors(seeds["text"]))
    return _labelled(written).assign(kept=passed.all(axis=1))


@cache
def tested(corpus: str) -> pd.DataFrame:
    """Real rows that no training holds, with text and label."""
    return _labelled(load_sentences("test")) if corpus == REVIEWS else text_rows.tested()


def _labelled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(label=rows["mood"])


# --- what learns: (training rows, test rows, seed) -> labels of the test rows ---


def _words(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
    features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = make_pipeline(features, LogisticRegression(C=10, max_iter=2_000))
    return model.fit(train["text"], train["label"]).predict(test["text"])


def _vectors(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
    return mood_model(vectors(train["text"]), train["label"]).predict(vectors(test["text"]))


def _fine_tuned(name: str) -> Callable[..., np.ndarray]:
    def learn(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
        labels = np.unique(test["label"])
        classifier, read = _classifier(name, len(labels), seed if name == ROBERTA else 0)
        codes = np.searchsorted(labels, train["label"].astype(str))
        classifier.fit(read(train["text"]), codes, seed)
        return labels[classifier.predict(read(test["text"])).argmax(axis=1)]

    return learn


LEARNERS = {WORDS: _words, VECTORS: _vectors, NUMBERS: text_rows.by_numbers}
LEARNERS |= {name: _fine_tuned(name) for name in (BERT, DISTILBERT, ROBERTA)}


@lru_cache(maxsize=1)
def _classifier(name: str, classes: int, seed: int) -> tuple[Classifier, Callable]:
    """A classifier, and its reading, which reads no sentence twice."""
    encoder = open_model(name, real_sentences(0, 1_800)["text"], seed)
    scratch = {"trained": None, "rate": 1e-3, "steps": 150, "batch": 16}
    classifier = Classifier(encoder, classes, **(scratch if name == ROBERTA else {}))
    known = {}

    def read(texts: pd.Series) -> list[np.ndarray]:
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(fresh, classifier.read(fresh)))
        return [known[text] for text in texts]

    return classifier, read


_VECTORS: dict[str, np.ndarray] = {}


def vectors(texts: pd.Series) -> np.ndarray:
    """MiniLM's vectors of sentences, each embedded once."""
    fresh = [text for text in dict.fromkeys(texts) if text not in _VECTORS]
    _VECTORS.update(zip(fresh, open_encoder().embed(fresh)))
    return np.array([_VECTORS[text] for text in texts])


# --- the runs ---


def planned() -> list[tuple[str, str, int]]:
    """Corpus, model and draw of each task; a task has a line for each training."""
    return [
        (corpus, model, draw)
        for corpus, models in MODELS.items()
        for model in models
        for draw in DRAWS
    ]


def measure_text(folder: Path = RESULTS) -> pd.DataFrame:
    """Measure what is not stored yet; returns all runs. Those of older code are forgotten."""
    runs = Runs(folder / f"{TEXT}.csv", COLUMNS, KEY)
    by = ["corpus", "model", "draw"]
    return measure_missing(runs, measure, planned(), outdated, 1, by, lines)


def lines(corpus: str, model: str, draw: int) -> int:
    """How many trainings a task has."""
    return len(WANTED[model]) if corpus == REVIEWS else len(text_rows.TRAININGS)


def measure(corpus: str, model: str, draw: int) -> list[dict]:
    """The lines of a model and draw, one a training."""
    test, found_lines = tested(corpus), []
    for training, (rows, real) in trainings(corpus, draw).items():
        if corpus == SCREEN_TIME or training in WANTED[model]:
            found = LEARNERS[model](rows.reset_index(drop=True), test, draw)
            scores = [accuracy_score(test["label"], found)]
            scores.append(f1_score(test["label"], found, average="macro"))
            named = [corpus, model, training, draw, real, len(rows) - real]
            found_lines.append(dict(zip(COLUMNS, [*named, *np.round(scores, 4), source(corpus)])))
    return found_lines


@cache
def source(corpus: str) -> str:
    """Fingerprint of the code that trains and judges, and of the rows that it reads."""
    if corpus == SCREEN_TIME:
        modules, rows = ["tests.benchmarks.text", "tests.benchmarks.text_rows"], [load_screentime()]
    else:
        written = load_results(sentences.SENTENCES)[["draw", "number", "domain", "mood", "text"]]
        modules = ["tests.benchmarks.text"]
        rows = [load_sentences(), written.sort_values(sentences.KEY, kind="stable")]
    read = "".join(table.to_csv(index=False) for table in rows)
    return fingerprint(modules, [hashlib.sha256(read.encode()).hexdigest()])


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which runs are of older code or sentences."""
    return not_of(lambda corpus: source(corpus) if corpus in MODELS else None, table, ["corpus"])
