"""Real sentences, those written after them, and what is kept; the stored runs of lesson 15."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import sentences, text, text_rows
from tests.benchmarks.freshness import older_rows
from utils.language_model import open_language_model
from utils.results import RESULTS, load_results
from utils.tables import load_screentime, load_sentences
from utils.text import (
    judge_written,
    real_sentences,
    row_as_sentence,
    validation_sentences,
    write_apart,
    write_sentence,
)

SIDES = np.eye(4)  # vectors that have nothing in common


class FakeModel:
    """Keeps what it is asked, and replies with one sentence."""

    def __init__(self, whole: bool = True):
        self.asked, self.whole = [], whole

    def continue_text(self, prompt, grammar, most_tokens, seed):
        self.asked.append((prompt, seed))
        return SimpleNamespace(text=" A new one.\n", whole=self.whole)


def test_draws_share_nothing_and_none_is_for_choices_or_the_test():
    draws = [set(real_sentences(draw, 360)["text"]) for draw in range(5)]
    others = set(validation_sentences()["text"]) | set(load_sentences("test")["text"])
    assert len(set.union(*draws)) == 5 * 360 and not set.union(*draws) & others
    assert real_sentences(2, 120).equals(real_sentences(2, 360)[:120])


def test_five_sentences_of_the_label_are_shown_and_no_other():
    model, seeds = FakeModel(), real_sentences(0, 120)
    assert write_sentence(model, seeds, "film", "negative", seed=3) == "A new one."
    lines = model.asked[0][0].splitlines()
    alike = seeds[(seeds["domain"] == "film") & (seeds["mood"] == "negative")]
    assert len(lines) == 6 and lines[-1] == "Bad film:" and model.asked[0][1] == 3
    shown = {line.removeprefix("Bad film: ") for line in lines[:-1]}
    assert len(shown) == 5 and shown <= set(alike["text"])


def test_a_reply_that_was_cut_off_is_no_sentence():
    assert (
        write_sentence(FakeModel(whole=False), real_sentences(0, 120), "film", "negative", 3) == ""
    )


def test_a_process_of_its_own_writes_the_same_sentences():
    seeds, labels = real_sentences(0, 120), [("film", "negative"), ("product", "positive")]
    apart = write_apart(seeds, labels)
    model = open_language_model({})
    assert apart == [write_sentence(model, seeds, *label, i) for i, label in enumerate(labels)]
    assert all(apart)


def test_each_filter_finds_what_it_is_for():
    seeds = pd.DataFrame({"text": ["s", "t"], "mood": ["positive", "negative"]})
    near = SIDES[2] + 0.2 * SIDES[0]
    near /= np.linalg.norm(near)
    leans = (SIDES[3] + SIDES[0]) / np.sqrt(2)  # towards the positive seed
    written = pd.DataFrame({"text": ["a", "", "c", "d", "e"], "mood": ["positive"] * 5})
    vectors = np.array([near, SIDES[0], SIDES[0], near, leans])
    found = judge_written(written, vectors, seeds, SIDES[:2])
    assert found["whole"].tolist() == [True, False, True, True, True]
    assert found["new"].tolist() == [True, False, False, True, True]
    assert found["first"].tolist() == [True, True, False, False, True]
    wrong = judge_written(written.assign(mood="negative"), vectors, seeds, SIDES[:2])
    assert found["agrees"].all() and not wrong["agrees"].any()


def test_a_row_in_words_does_not_say_its_app():
    row = load_screentime().iloc[0].to_dict()
    said = row_as_sentence(row)
    assert all(str(row[name]) in said for name in ("Usage", "Notifications", "Times opened"))
    assert row["App"] not in said


# --- what is stored ---


def test_the_stored_sentences_are_those_that_were_planned():
    written = load_results(sentences.SENTENCES)
    keys = {(draw, number) for draw in sentences.DRAWS for number in range(sentences.WRITTEN)}
    assert set(written[sentences.KEY].itertuples(index=False, name=None)) == keys
    assert len(written) == len(keys) and older_rows(sentences.SENTENCES) == ""


@pytest.mark.skipif(
    not (RESULTS / f"{text.TEXT}.csv").exists(),
    reason="`python -m tests.benchmarks text` has not run",
)
def test_the_stored_runs_are_those_that_were_planned():
    runs = load_results(text.TEXT)
    assert not runs.duplicated(text.KEY).any() and older_rows(text.TEXT) == ""
    stored = runs[["corpus", "model", "draw"]].drop_duplicates()
    assert set(stored.itertuples(index=False, name=None)) == set(text.planned())
    reviews = runs[(runs["corpus"] == text.REVIEWS) & (runs["draw"] == 0)]
    for model, wanted in text.WANTED.items():
        assert set(reviews.loc[reviews["model"] == model, "training"]) == set(wanted)


@pytest.mark.skipif(
    not (RESULTS / f"{text.TEXT}.csv").exists(),
    reason="`python -m tests.benchmarks text` has not run",
)
def test_what_learned_nothing_is_a_coin():
    runs = load_results(text.TEXT)
    shuffled = runs[runs["training"] == "labels shuffled"]
    assert abs(shuffled["accuracy"].mean() - 0.5) < 0.05


def test_writing_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(sentences, "DRAWS", (0, 1))
    monkeypatch.setattr(sentences, "WRITTEN", 2)
    model = FakeModel()
    model.name = "fake"
    monkeypatch.setattr(sentences, "_model", lambda: model)
    assert len(sentences.write_sentences(tmp_path)) == 4 and len(model.asked) == 4
    monkeypatch.setattr(sentences, "WRITTEN", 3)
    assert len(sentences.write_sentences(tmp_path)) == 6 and len(model.asked) == 6
    monkeypatch.setattr(sentences, "source", lambda: "newer")
    sentences.write_sentences(tmp_path)
    assert len(model.asked) == 12


def test_measuring_goes_on_where_it_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "planned", lambda: [(text.REVIEWS, text.WORDS, 0)])
    rows = real_sentences(0, 60).assign(label=lambda found: found["mood"])
    monkeypatch.setattr(text, "trainings", lambda corpus, draw: {"real 120": (rows, 60)})
    calls = []
    words = text.LEARNERS[text.WORDS]
    monkeypatch.setitem(text.LEARNERS, text.WORDS, lambda *given: calls.append(1) or words(*given))
    monkeypatch.setattr(text, "source", lambda corpus: "now")
    monkeypatch.setattr(text, "lines", lambda *task: 1)
    first = text.measure_text(tmp_path)
    assert first["real"].tolist() == [60] and 0.4 < first["accuracy"][0] < 0.8
    text.measure_text(tmp_path)
    assert len(calls) == 1


@pytest.mark.parametrize("model", [text.WORDS, text.NUMBERS])
def test_cheap_models_tell_apps_apart(model):
    rows = text_rows.told(load_screentime()[:300])
    test = text_rows.told(load_screentime()[300:500])
    found = text.LEARNERS[model](rows, test, 0)
    assert (found == test["label"]).mean() > 0.3
