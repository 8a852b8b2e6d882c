"""The benchmark's bookkeeping: bounds are held as they are written. Its measurements run by ``make bench`` only."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from tests.benchmarks import ablation, measures
from tests.benchmarks.figures import Figure, as_table, as_text, machine, store
from tests.benchmarks.runs import Runs
from tests.benchmarks.source import fingerprint, modules_behind
from utils.results import load_results
from utils.synthesizers import RuleSynthesizer


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

# --- runs that resume, and ablations ---


def test_runs_are_stored_one_by_one_and_found_again(tmp_path):
    runs = Runs(tmp_path / "runs.csv", ["method", "budget", "seed", "c2st"], ["method", "budget", "seed"])
    assert runs.table().empty and runs.find(method="gan", budget="default", seed=0) is None
    runs.add({"method": "gan", "budget": "default", "seed": 0, "c2st": 0.6})
    runs.add({"method": "gan", "budget": "5 s", "seed": 0, "c2st": 0.7})
    assert runs.find(method="gan", budget="5 s", seed=0)["c2st"] == 0.7
    assert runs.find(method="gan", budget="default", seed=0)["c2st"] == 0.6
    assert runs.find(method="gan", budget="5 s", seed=1) is None
    assert runs.forget(runs.table()["c2st"] > 0.65) == 1 and runs.find(method="gan", budget="5 s", seed=0) is None
    assert [path.name for path in tmp_path.iterdir()] == ["runs.csv"]
    with pytest.raises(ValueError, match="has the columns"):
        runs.add({"method": "gan"})


def test_the_fingerprint_follows_the_code_that_makes_rows(tmp_path):
    synthesizers = tmp_path / "utils" / "synthesizers"
    synthesizers.mkdir(parents=True)
    (synthesizers / "base.py").write_text("import os\n")
    (synthesizers / "mine.py").write_text("from utils.synthesizers.base import Synthesizer\n")
    before = fingerprint("utils.synthesizers.mine", tmp_path)
    assert len(before) == 9 and before == fingerprint("utils.synthesizers.mine", tmp_path)
    (synthesizers / "base.py").write_text("import sys\n")
    assert fingerprint("utils.synthesizers.mine", tmp_path) != before


def test_the_code_behind_a_generator_is_found_through_its_name_too(tmp_path):
    (tmp_path / "tests" / "benchmarks").mkdir(parents=True)
    (tmp_path / "utils" / "synthesizers").mkdir(parents=True)
    (tmp_path / "utils" / "synthesizers" / "copula.py").write_text("")
    (tmp_path / "tests" / "benchmarks" / "ablation_mine.py").write_text(
        "from utils.synthesizers import CopulaSynthesizer\n")
    found = modules_behind("tests.benchmarks.ablation_mine", tmp_path)
    assert found == {"tests.benchmarks.ablation_mine", "utils.synthesizers.copula"}


def test_an_ablation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    fitted = []

    def rules(train, schema, seed):
        fitted.append(seed)
        return RuleSynthesizer(random_state=seed).fit(train, schema=schema)

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(ablation, "import_module", lambda name: SimpleNamespace(VARIANTS={"rules": rules}))
    monkeypatch.setattr(ablation, "fingerprint", lambda name: "x1")
    monkeypatch.setattr(ablation, "SEEDS", (0, 1))
    means = ablation.ablate("mine", folder=tmp_path)
    assert fitted == [0, 1] and means.loc["rules", "seeds"] == 2 and means.loc["rules", "c2st"] > 0.9
    ablation.ablate("mine", folder=tmp_path)
    assert fitted == [0, 1], "what is stored is not measured again"
    monkeypatch.setattr(ablation, "fingerprint", lambda name: "x2")
    ablation.ablate("mine", folder=tmp_path)
    assert fitted == [0, 1], "older code is told, not measured again unasked"
    ablation.ablate("mine", again=True, folder=tmp_path)
    assert fitted == [0, 1, 0, 1]
    stored = load_results("ablation_mine", tmp_path)
    assert list(stored) == ablation.COLUMNS and set(stored["source"]) == {"x2"}
