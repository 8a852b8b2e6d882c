"""The benchmark's bookkeeping; its measurements are made by ``make bench`` only."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.benchmarks import ablation, measures, race, report
from tests.benchmarks.figures import Figure, as_table, as_text, machine, store
from tests.benchmarks.process import fit_elsewhere
from tests.benchmarks.prose import wrong_figures
from tests.benchmarks.race import COLUMNS, MEASURED, Method, _epochs
from tests.benchmarks.runs import Runs
from tests.benchmarks.source import fingerprint, modules_behind
from utils.course import notebooks
from utils.course.places import ROOT, all_notebooks
from utils.results import load_results
from utils.scoring import METRICS
from utils.synthesizers import SYNTHESIZERS, MixtureSynthesizer, RuleSynthesizer
from utils.synthesizers.neural import NeuralSynthesizer
from utils.tables import load_screentime, screentime_schema


@pytest.mark.parametrize(
    "figure, bound, met",
    [
        (Figure("a", 0.6, "AUC", at_most=0.6), "<= 0.6", "yes"),
        (Figure("a", 0.601, "AUC", at_most=0.6), "<= 0.6", "no"),
        (Figure("a", 0.9, "AUC", at_least=0.91), ">= 0.91", "no"),
        (Figure("a", 0.92, "AUC", at_least=0.91), ">= 0.91", "yes"),
        (Figure("a", None, "s", at_most=180), "<= 180", "not measured"),
        (Figure("a", 1.0, "s"), "", ""),
    ],
)
def test_bounds(figure, bound, met):
    assert (figure.bound, figure.met) == (bound, met)


def test_figures_are_stored_with_the_machine_and_nothing_of_its_owner(tmp_path):
    table = as_table(
        {
            "lessons": [
                Figure("00", 12.34567, "s", at_most=180),
                Figure("01", None, "s", at_most=180),
            ]
        }
    )
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

    assert (
        1e6
        < measures._peak_of_chunks(Rows(), 1000)
        < 1.1 * measures._peak_of_chunks(Rows(), 200)
        < 3e6
    )


def test_lessons_without_a_recorded_run_are_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(measures, "results_folder", lambda: tmp_path)
    assert {figure.met for figure in measures.lessons()} == {"not measured"}


# --- runs that resume, and ablations ---


def test_runs_are_stored_one_by_one_and_found_again(tmp_path):
    runs = Runs(
        tmp_path / "runs.csv", ["method", "budget", "seed", "c2st"], ["method", "budget", "seed"]
    )
    assert runs.table().empty and runs.find(method="gan", budget="default", seed=0) is None
    runs.add({"method": "gan", "budget": "default", "seed": 0, "c2st": 0.6})
    runs.add({"method": "gan", "budget": "5 s", "seed": 0, "c2st": 0.7})
    assert runs.find(method="gan", budget="5 s", seed=0)["c2st"] == 0.7
    assert runs.find(method="gan", budget="default", seed=0)["c2st"] == 0.6
    assert runs.find(method="gan", budget="5 s", seed=1) is None
    assert (
        runs.forget(runs.table()["c2st"] > 0.65) == 1
        and runs.find(method="gan", budget="5 s", seed=0) is None
    )
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


def test_the_fingerprint_covers_each_file_of_a_folder(tmp_path):
    folder = tmp_path / "utils" / "synthesizers" / "mine"
    folder.mkdir(parents=True)
    parts = [folder / name for name in ("__init__.py", "network.py", "unused.py")]
    for part in parts:
        part.write_text("")
    for module in ("utils.synthesizers.mine", "utils.synthesizers.mine.network"):
        for part in parts:
            before = fingerprint(module, tmp_path)
            part.write_text(part.read_text() + "# changed\n")
            assert fingerprint(module, tmp_path) != before, f"{part.name} is not behind {module}"


@pytest.mark.parametrize("name", SYNTHESIZERS)
def test_what_learns_and_encodes_is_behind_a_method_and_nothing_else_is(name):
    behind = modules_behind(SYNTHESIZERS[name].__module__)
    folder = ROOT / "utils" / "synthesizers" / name
    own = {f"utils.synthesizers.{name}.{path.stem}" for path in folder.glob("[!_]*.py")}
    encoding = {
        f"utils.encoding.{path.stem}" for path in (ROOT / "utils/encoding").glob("[!_]*.py")
    }
    assert own | encoding | {"utils.encoding", "utils.synthesizers.base"} <= behind
    assert ("utils.training" in behind) == issubclass(SYNTHESIZERS[name], NeuralSynthesizer)
    assert not behind & {"utils.saving", "utils.tables", "utils.scoring", "utils.synthesizers"}
    others = {method.__module__ for method in SYNTHESIZERS.values() if method.method != name}
    assert not behind & others


def test_the_code_behind_a_generator_is_found_through_its_name_too(tmp_path):
    (tmp_path / "tests" / "benchmarks").mkdir(parents=True)
    (tmp_path / "utils" / "synthesizers").mkdir(parents=True)
    (tmp_path / "utils" / "synthesizers" / "copula.py").write_text("")
    (tmp_path / "tests" / "benchmarks" / "ablation_mine.py").write_text(
        "from utils.synthesizers import CopulaSynthesizer\n"
    )
    found = modules_behind("tests.benchmarks.ablation_mine", tmp_path)
    assert found == {"tests.benchmarks.ablation_mine", "utils.synthesizers.copula"}


def test_an_ablation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    fitted = []

    def rules(train, schema, seed):
        fitted.append(seed)
        return RuleSynthesizer(random_state=seed).fit(train, schema=schema)

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(
        ablation, "import_module", lambda name: SimpleNamespace(VARIANTS={"rules": rules})
    )
    monkeypatch.setattr(ablation, "fingerprint", lambda name: "x1")
    monkeypatch.setattr(ablation, "SEEDS", (0, 1))
    means = ablation.ablate("mine", folder=tmp_path)
    assert (
        fitted == [0, 1] and means.loc["rules", "seeds"] == 2 and means.loc["rules", "c2st"] > 0.9
    )
    ablation.ablate("mine", folder=tmp_path)
    assert fitted == [0, 1], "what is stored is not measured again"
    monkeypatch.setattr(ablation, "fingerprint", lambda name: "x2")
    ablation.ablate("mine", folder=tmp_path)
    assert fitted == [0, 1], "older code is told, not measured again unasked"
    ablation.ablate("mine", again=True, folder=tmp_path)
    assert fitted == [0, 1, 0, 1]
    stored = load_results("ablation_mine", tmp_path)
    assert list(stored) == ablation.COLUMNS and set(stored["source"]) == {"x2"}


# --- the race ---


def runs_of_a_race() -> pd.DataFrame:
    """Two methods and a yardstick on one table, as race.csv holds them: made up."""
    empty = dict.fromkeys(COLUMNS, 0.5) | {
        "table": "Adult",
        "budget": "default",
        "threads": 1,
        "versions": "v 1",
    }
    yardstick = dict.fromkeys([*MEASURED, "threads", "versions"]) | {
        "method": "fresh real rows",
        "kind": "yardstick",
        "seed": 0,
    }
    course = {
        "method": "gan",
        "kind": "course",
        "c2st": 0.6,
        "fit_seconds": 20.0,
        "fit_cpu_seconds": 10.0,
    }
    peer = {
        "method": "SDV CTGAN",
        "kind": "peer",
        "c2st": 0.9,
        "fit_seconds": 40.0,
        "fit_cpu_seconds": 40.0,
    }
    early = {"budget": "5 s", "c2st": 0.8, "fit_cpu_seconds": 4.0}
    return pd.DataFrame(
        [
            empty | yardstick,
            empty | peer | {"seed": 0},
            empty | course | {"seed": 0},
            empty | course | {"seed": 1, "c2st": 0.7},
            empty | course | early | {"seed": 0},
        ]
    )


def test_epochs_of_a_budget_come_from_two_fits():
    one, default = {"fit_cpu_seconds": 4.0}, {"fit_cpu_seconds": 103.0, "epochs": 100}
    assert _epochs(15, one, default) == 12 and _epochs(60, one, default) == 57
    assert _epochs(3, one, default) == 0, "less than one epoch"
    assert _epochs(4.2, one, default) == 0, "that is the fit of one epoch"
    assert _epochs(300, one, default) == 0 and _epochs(130, one, default) == 127, (
        "little beyond the default only"
    )


def test_a_fit_elsewhere_is_measured_and_its_rows_come_back():
    train = load_screentime().drop(columns="Date").iloc[:200]
    request = {
        "method": "mixture",
        "seed": 0,
        "epochs": None,
        "threads": 1,
        "speed": True,
        "table": "screen time",
    }
    result, synthetic = fit_elsewhere(
        Path(sys.executable), "tests.benchmarks.fit_course", request, train
    )
    expected = (
        MixtureSynthesizer(random_state=0).fit(train, schema=screentime_schema(train)).sample(200)
    )
    assert synthetic.equals(expected)
    assert result["fit_seconds"] > 0 and result["rows_per_second"] > 0 and result["epochs"] is None
    assert 50 < result["peak_mb"] < 2_000 and "numpy" in result["versions"]
    with pytest.raises(RuntimeError, match="nobody failed"):
        fit_elsewhere(
            Path(sys.executable),
            "tests.benchmarks.fit_course",
            request | {"method": "nobody"},
            train,
        )


def test_the_race_goes_on_where_it_stopped_and_forgets_old_code_when_asked(tmp_path, monkeypatch):
    measured = []

    def fit(python, module, request, train):
        measured.append((request["method"], request["epochs"]))
        seconds = {None: 10.0, 1: 1.0}.get(request["epochs"], 5.0)
        return dict.fromkeys(MEASURED, seconds) | {
            "epochs": request["epochs"] or 10,
            "versions": "v 1",
        }, train

    scores = {name: 0.5 for name in METRICS}
    methods = {
        "slow": Method("course", "slow", Path(sys.executable), "", True, "x1"),
        "quick": Method("course", "quick", Path(sys.executable), "", False, "x1"),
    }
    monkeypatch.setattr(race, "methods", lambda: methods)
    monkeypatch.setattr(race, "fit_elsewhere", fit)
    monkeypatch.setattr(race, "score", lambda *arguments: scores)
    monkeypatch.setattr(race, "_yardsticks", lambda table, seed: [])
    runs = race.race(["screen time"], methods, [0], folder=tmp_path)
    assert measured == [("slow", None), ("quick", None), ("slow", 1), ("slow", 5)]
    assert runs.table()["budget"].tolist() == ["default", "default", "one epoch", "5 s"]
    race.race(["screen time"], methods, [0], folder=tmp_path)
    assert len(measured) == 4, "what is stored is not run again"
    methods["quick"] = Method("course", "quick", Path(sys.executable), "", False, "x2")
    race.race(["screen time"], methods, [0], folder=tmp_path)
    assert len(measured) == 4, "older code is told, not run again unasked"
    race._outdated(runs, ["Adult"], list(methods), [0], again=True)
    assert len(runs.table()) == 4, "what was not asked for stays"
    race.race(["screen time"], methods, [0], again=True, folder=tmp_path)
    assert measured[4:] == [("quick", None)] and len(runs.table()) == 4


def test_a_method_without_its_environment_says_what_builds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(
        race, "methods", lambda: {"far": Method("peer", "far", tmp_path / "no", "", False, "1")}
    )
    monkeypatch.setattr(race, "_yardsticks", lambda table, seed: [])
    with pytest.raises(FileNotFoundError, match="make bench"):
        race.race(["screen time"], ["far"], [0], folder=tmp_path)


def test_the_report_shows_means_their_seeds_and_the_budgets(tmp_path):
    runs_of_a_race().to_csv(tmp_path / "race.csv", index=False)
    report.write_report(tmp_path)
    page = (tmp_path / "race.md").read_text(encoding="utf-8")
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    table = {line[0].removeprefix("| "): line[1:] for line in lines[:5]}
    assert list(table) == ["method", "---", "fresh real rows", "gan", "SDV CTGAN"], (
        "the best C2ST first"
    )
    assert table["gan"][table["method"].index("C2ST")] == "0.650" and table["gan"][0] == "2"
    assert "| gan | 1 |  | 0.800 (4 s) |  |  |  | 0.650 (10 s) |" in page
    assert (tmp_path / "race.png").exists() and str(tmp_path) not in page


def test_promises_stand_beside_what_the_race_measured(tmp_path, monkeypatch):
    runs_of_a_race().to_csv(tmp_path / "race.csv", index=False)
    monkeypatch.setattr(measures, "results_folder", lambda: tmp_path)
    met = {figure.name: figure.met for figure in measures.quality()}
    assert met["Adult, gan: C2ST"] == "yes" and met["Adult, gan: TSTR"] == "no"
    assert met["Adult, SDV CTGAN: C2ST"] == "" and "Adult, fresh real rows: fit" not in met


def test_every_promised_method_and_table_is_there():
    assert set(measures.BOUNDS) == set(race.TABLES)
    promised = {method for bounds in measures.BOUNDS.values() for method in bounds}
    assert promised <= set(race.methods())


def test_each_peer_is_pinned_and_what_it_needs_too():
    pins = (race.PEERS_FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(
        re.match(r"#|[a-z0-9-]+==[0-9]\S*( ; sys_platform == \"linux\")?$", pin) for pin in pins
    )
    names = {pin.split("==")[0] for pin in pins}
    assert {"sdv", "ctgan", "torch", "pyarrow"} <= names


# --- figures in prose ---


def test_marked_figures_are_compared_with_the_digits_they_are_written_with(tmp_path):
    runs_of_a_race().to_csv(tmp_path / "race.csv", index=False)
    pd.DataFrame({"variant": ["one row"], "seed": [0], "c2st": [0.581]}).to_csv(
        tmp_path / "ablation_gan.csv", index=False
    )
    true = """.65<!-- race: Adult / gan / c2st --> and 0.650<!-- race: Adult / gan / c2st -->;
        20 s<!-- race: Adult / gan / fit_seconds -->; .8<!-- race: Adult / gan / 5 s / c2st -->;
        50 %<!-- race: Adult / gan / copies --> copies; .58<!-- ablation_gan: one row / c2st -->"""
    assert wrong_figures(true, tmp_path) == []
    false = true.replace(".65<", ".66<").replace("50 %", "5 %").replace("one row", "two rows")
    sentences = wrong_figures(false, tmp_path)
    assert len(sentences) == 3 and "says .66, and 0.65 was measured" in sentences[0]
    assert "holds nothing of 'two rows / c2st'" in sentences[2]
    assert wrong_figures("much<!-- race: Adult / gan / c2st -->", tmp_path) == [
        "a mark stands behind no figure"
    ]


@pytest.mark.parametrize("path", [ROOT / "README.md", *all_notebooks()], ids=lambda path: path.stem)
def test_figures_in_prose_are_those_of_the_stored_results(path):
    text = (
        path.read_text(encoding="utf-8")
        if path.suffix == ".md"
        else "\n".join(
            cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown"
        )
    )
    assert not wrong_figures(text)
