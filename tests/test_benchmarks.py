"""The benchmark's bookkeeping: bounds are held as they are written. Its measurements run by ``make bench`` only."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.benchmarks import measures
from tests.benchmarks.figures import Figure, as_table, as_text, machine, store


@pytest.mark.parametrize("figure, bound, met", [
    (Figure("a", 0.6, "AUC", at_most=0.6), "<= 0.6", "yes"),
    (Figure("a", 0.601, "AUC", at_most=0.6), "<= 0.6", "no"),
    (Figure("a", 0.9, "AUC", at_least=0.91), ">= 0.91", "no"),
    (Figure("a", 0.92, "AUC", at_least=0.91), ">= 0.91", "yes"),
    (Figure("a", None, "s", at_most=180), "<= 180", "not measured"),
    (Figure("a", 1.0, "s"), "", ""),
])
def test_bounds(figure, bound, met):
    assert (figure.bound, figure.met) == (bound, met)


def test_figures_are_stored_with_the_machine_and_nothing_of_its_owner(tmp_path):
    table = as_table({"lessons": [Figure("00", 12.34567, "s", at_most=180), Figure("01", None, "s", at_most=180)]})
    store(table, tmp_path)
    stored = pd.read_csv(tmp_path / "benchmark.csv")
    assert stored["value"].tolist()[0] == 12.3457
    assert stored["met"].tolist() == ["yes", "not measured"]
    page = (tmp_path / "benchmark.md").read_text(encoding="utf-8")
    assert machine() in page
    assert "| lessons | 01 | - | s | <= 180 | not measured |" in page
    assert str(tmp_path) not in page
    assert "12.346" in as_text(table)


def test_memory_of_chunks_is_that_of_one_chunk():
    class Rows:
        chunk = 100

        def sample_chunks(self, rows):
            for _ in range(rows // self.chunk):
                yield bytearray(1_000_000)

    assert 1e6 < measures._peak_of_chunks(Rows(), 1000) < 1.1 * measures._peak_of_chunks(Rows(), 200) < 3e6


def test_lessons_without_a_recorded_run_are_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(measures, "results_folder", lambda: tmp_path)
    assert {figure.met for figure in measures.lessons()} == {"not measured"}
