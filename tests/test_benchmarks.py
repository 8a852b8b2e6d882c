"""The benchmark's bookkeeping; its measurements are made by ``make bench`` only."""

from __future__ import annotations

import json
import re
import sys
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from tests.benchmarks import ablation, judging, measures, methods, process, race, report
from tests.benchmarks.control import Control
from tests.benchmarks.figures import Figure, as_table, as_text, machine, store
from tests.benchmarks.fit_course import CourseMethod
from tests.benchmarks.freshness import (
    missing_ablations,
    missing_budgets,
    missing_runs,
    older_rows,
    results_read,
    still_to_run,
)
from tests.benchmarks.judging import forest_c2st, yardsticks
from tests.benchmarks.methods import Method
from tests.benchmarks.plan import Run, budgeted, defaults, epochs_within
from tests.benchmarks.process import fit_elsewhere
from tests.benchmarks.prose import wrong_figures
from tests.benchmarks.race import COLUMNS, MEASURED
from tests.benchmarks.runs import Runs, measure_missing, not_of
from tests.benchmarks.side_by_side import run_all
from tests.benchmarks.source import fingerprint, modules_behind, told_the_target
from tests.benchmarks.tables import DAYS, TABLES, YEAR, Table, digest
from utils.course import notebooks
from utils.course.places import ROOT, all_notebooks
from utils.encoding import to_array
from utils.results import CONTROL, COPY, DEFAULT, FRESH, RESULTS, SHUFFLED, WHOLE, load_results
from utils.scoring import METRICS
from utils.synthesizers import (
    SYNTHESIZERS,
    DiffusionSynthesizer,
    GANSynthesizer,
    MixtureSynthesizer,
    RuleSynthesizer,
)
from utils.synthesizers.diffusion.rows import DiffusionRows
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


def test_the_attack_suite_asks_every_attack_and_finds_a_copy(monkeypatch):
    monkeypatch.setattr(measures, "TreeSynthesizer", Copier)
    train, holdout = (TABLES[DAYS].train(seed)[:100] for seed in (0, 1))
    found = measures.attack_suite(train, holdout, screentime_schema(train))
    assert list(found) == [
        *("distance", "calibrated distance", "density ratio", "shadow models"),
        *(f"guessing {name}" for name in train),
        *("linking", "singling out", "report"),
    ]
    assert found["distance"][0] > 0.6 and "away" in found["report"].verdict


class Copier(BaseEstimator):
    """Gives back what it was fitted to. No synthesizer by birth: it would join the register."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, table, schema=None):
        self.table_ = table
        return self

    def sample(self, n):
        return self.table_[:n]


def test_seconds_of_work_are_not_those_of_the_clock():
    assert measures.cpu_seconds_of(lambda: time.sleep(0.2)) < 0.1


def test_lessons_without_a_recorded_run_are_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(measures, "results_folder", lambda: tmp_path)
    assert {figure.met for figure in measures.lessons()} == {"not measured"}


# --- runs that resume ---


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


@pytest.mark.parametrize("jobs", [1, 2])
def test_runs_side_by_side_are_stored_although_one_fails(tmp_path, jobs):
    runs = Runs(tmp_path / "runs.csv", ["number"], ["number"])
    tasks = [('[{"number": 0}]',), ("no JSON",), ('[{"number": 2}, {"number": 3}]',)]
    failed = run_all(runs.add, json.loads, tasks, jobs)
    assert sorted(runs.table()["number"]) == [0, 2, 3]
    assert len(failed) == 1 and failed[0].startswith("('no JSON',): JSONDecodeError: Expecting")


def test_what_is_missing_torn_or_of_older_code_is_measured_and_nothing_else(tmp_path):
    key = ["table", "attack"]
    runs, asked, code = Runs(tmp_path / "runs.csv", [*key, "source"], key), [], {"a": "x1"}

    def measure(table: str) -> list[dict]:
        asked.append(table)
        if table == "c":
            raise ValueError("no such table")
        return [{"table": table, "attack": n, "source": code.get(table, "x1")} for n in range(2)]

    def outdated(stored):
        return not_of(lambda table: code.get(table, "x1"), stored, ["table"])

    def go_on(*tables):
        tasks = [(table,) for table in tables]
        return measure_missing(runs, measure, tasks, outdated, 1, ["table"], lambda table: 2)

    assert len(go_on("a", "b")) == 4 and asked == ["a", "b"]
    assert len(go_on("a", "b")) == 4 and asked == ["a", "b"]
    runs.forget((runs.table()["table"] == "b") & (runs.table()["attack"] == 1))
    code["a"] = "x2"
    whole = go_on("a", "b")
    assert not whole.duplicated(key).any() and len(whole) == 4 and asked[2:] == ["a", "b"]
    with pytest.raises(RuntimeError, match=r"(?s)1 run.*no such table"):
        go_on("c", "d")
    assert set(runs.table()["table"]) == {"a", "b", "d"}, "the others are stored"
    assert runs.missing([("c",), ("d",)], ["table"], lambda table: 2) == [("c",)]


def test_an_interrupted_benchmark_keeps_what_ended_and_starts_no_more(tmp_path):
    runs, started = Runs(tmp_path / "runs.csv", ["number"], ["number"]), []

    def work(number: int) -> list[dict]:
        started.append(number)
        time.sleep(0.02)
        if number == 1:
            raise KeyboardInterrupt
        return [{"number": number}]

    with pytest.raises(KeyboardInterrupt):
        run_all(runs.add, work, [(number,) for number in range(50)], jobs=1)
    assert runs.table()["number"].tolist() == [0] and len(started) < 10


# --- which code made a run ---


@pytest.fixture
def code(tmp_path):
    """A synthesizer of three files in a repository of its own: name -> path."""
    folder = tmp_path / "utils" / "synthesizers"
    (folder / "mine").mkdir(parents=True)
    files = {
        "base.py": "STEPS = 3\n",
        "mine/__init__.py": (
            '"""Mine."""\nfrom utils.synthesizers.base import STEPS\n\n\n'
            'def fit():\n    """Fit."""\n    return STEPS + 1  # a step more\n'
        ),
        "mine/network.py": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in files}


def of_mine(code) -> str:
    return fingerprint(["utils.synthesizers.mine"], root=code["base.py"].parents[2])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("base.py", "3", "4"),
        ("base.py", "3", "None"),
        ("mine/__init__.py", "STEPS + 1", "STEPS - 1"),
        ("mine/__init__.py", "STEPS + 1", "''"),
        ("mine/__init__.py", "def fit()", "def fit(_=False)"),
        ("mine/network.py", "", "UNUSED = 1"),
    ],
)
def test_the_fingerprint_changes_with_the_code(code, name, old, new):
    before = of_mine(code)
    assert re.fullmatch("x[0-9a-f]{8}", before) and before == of_mine(code)
    code[name].write_text(code[name].read_text().replace(old, new, 1))
    assert of_mine(code) != before


def test_the_fingerprint_stays_when_prose_and_layout_change(code):
    before, file = of_mine(code), code["mine/__init__.py"]
    text = file.read_text()
    for old, new in {
        "Mine.": "Yours.",
        "Fit.": "Learn.",
        "# a step more": "",
        "STEPS + 1": "(\n        STEPS + 1\n    )",
    }.items():
        text = text.replace(old, new)
    file.write_text(text)
    assert of_mine(code) == before
    more = fingerprint(["utils.synthesizers.mine"], ["rows"], file.parents[3])
    assert more != before, "the rows of the table count, too"


def test_the_fingerprint_stays_when_a_model_is_read_back_in_another_way(code):
    before, file = of_mine(code), code["mine/__init__.py"]
    for text, stays in {
        "class Mine:\n    def load(path):\n        return path": False,
        "class Mine:\n    def load(path):\n        return path + 1": True,
        "class Mine:\n    def fit(path):\n        return path + 1": False,
    }.items():
        file.write_text(text)
        now = of_mine(code)
        assert (now == before) == stays, text
        before = now


def test_a_constant_keeps_its_kind_in_the_fingerprint(code):
    found = set()
    for constant in ("1", "True", "1.0", "0", "False", "''", "None"):
        code["base.py"].write_text(f"STEPS = {constant}\n")
        found.add(of_mine(code))
    assert len(found) == 7


def test_the_digest_of_a_table_follows_its_rows(monkeypatch):
    table = TABLES[DAYS]
    changed = {
        "rows": Table(lambda seed: table.train(seed) * 1, table.holdout, table.schema, table.fresh),
        "other": Table(lambda seed: table.train(seed)[1:], table.holdout, table.schema),
        "judged": Table(table.train, lambda seed: table.holdout(seed)[1:], table.schema),
    }
    for name, other in changed.items():
        monkeypatch.setitem(TABLES, name, other)
    assert digest("rows") == digest(DAYS)
    assert len({digest(name) for name in (DAYS, "other", "judged", YEAR)}) == 4


SCORING = ("fidelity", "judge", "metrics", "privacy", "utility", "validity", "yardsticks")


def test_a_method_of_its_own_outdates_its_own_rows_only(monkeypatch):
    judges, before = (
        set(methods.JUDGES),
        {name: methods.source(DAYS, name) for name in methods.methods()},
    )
    network = "utils.synthesizers.gan.networks"
    behind = {
        name
        for name, method in methods.methods().items()
        if network in set().union(*map(modules_behind, {*judges, *method.code}))
    }
    assert behind == {"gan"}
    judged_by = set().union(*map(modules_behind, judges))
    assert {f"utils.scoring.{name}" for name in SCORING} | {"utils.schema"} <= judged_by
    assert not judged_by & {"utils.plots", "utils.scoring.page", "utils.scoring.scoreboard"}
    encoding = {name for name in judged_by if name.startswith("utils.encoding")}
    assert encoding == {"utils.encoding.columns"}, "how networks encode changes no judgement"
    assert before[CONTROL] != before[FRESH] == methods.source(DAYS, COPY)
    assert before["SDV TVAE"] == before["SDV CTGAN"] != before["TabularARGN"]
    assert methods.source("Adult", "gan") != methods.source("flights", "gan") != before["gan"]


@pytest.mark.parametrize("name", SYNTHESIZERS)
def test_what_learns_and_encodes_is_behind_a_method_and_nothing_else_is(name):
    behind = modules_behind(SYNTHESIZERS[name].__module__)
    folder = ROOT / "utils" / "synthesizers" / name
    own = {f"utils.synthesizers.{name}.{path.stem}" for path in folder.glob("[!_]*.py")}
    assert own | {"utils.encoding.columns", "utils.synthesizers.base"} <= behind
    assert ("utils.training" in behind) == issubclass(SYNTHESIZERS[name], NeuralSynthesizer)
    assert not behind & {"utils.saving", "utils.tables", "utils.scoring", "utils.synthesizers"}
    others = {method.__module__ for method in SYNTHESIZERS.values() if method.method != name}
    assert not behind & others


def test_encodings_are_behind_the_methods_that_use_them():
    codes = {
        name
        for name, kind in SYNTHESIZERS.items()
        if "utils.encoding.codes" in modules_behind(kind.__module__)
    }
    assert {"vae", "autoregressive"} <= codes and not codes & {"copula", "rules", "trees"}


def test_the_code_behind_a_generator_is_found_through_its_name_too(tmp_path):
    (tmp_path / "tests" / "benchmarks").mkdir(parents=True)
    (tmp_path / "utils" / "synthesizers").mkdir(parents=True)
    for name, text in {
        "copula.py": "",
        "vae.py": "",
        "__init__.py": "from utils.synthesizers.copula import CopulaSynthesizer\n"
        "from utils.synthesizers.vae import VAESynthesizer\n",
    }.items():
        (tmp_path / "utils" / "synthesizers" / name).write_text(text)
    (tmp_path / "tests" / "benchmarks" / "ablation_mine.py").write_text(
        "from utils.synthesizers import CopulaSynthesizer\n"
    )
    found = modules_behind("tests.benchmarks.ablation_mine", tmp_path)
    assert found == {"tests.benchmarks.ablation_mine", "utils.synthesizers.copula"}


def test_variants_of_an_ablation_do_not_take_the_place_of_a_method():
    before = dict(SYNTHESIZERS)
    for name in ablation.names():
        assert WHOLE in ablation.variants(name)
    assert before == SYNTHESIZERS
    assert all(kind.__module__.startswith("utils.") for kind in SYNTHESIZERS.values())


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


def test_no_two_sources_of_rows_share_a_draw():
    tables = [
        source(seed)
        for table in [*TABLES.values(), *ablation.VALIDATION.values()]
        for source in (table.train, table.holdout, table.fresh)
        if source is not None and table.schema is screentime_schema
        for seed in table.seeds
    ]
    starts = [tuple(rows["Usage"][:40]) for rows in tables]
    stored = tuple(load_screentime()["Usage"][:40])  # one year, the same with every seed
    assert starts.count(stored) == 3
    assert len(set(starts)) == len(starts) - 2


def test_the_small_table_has_200_rows_and_another_draw_a_seed():
    table = TABLES[DAYS]
    draws = [table.train(seed) for seed in table.seeds]
    assert len(draws) == 5 and {rows.shape for rows in draws} == {(200, 4)}
    assert {rows["App"].nunique() for rows in draws} == {8}
    assert {len(table.holdout(0)), len(table.fresh(0))} == {2928, 200}


def test_adult_and_flights_are_chosen_on_parts_of_their_training_rows():
    for name in ("Adult", "flights"):
        table, whole = ablation.VALIDATION[name], TABLES[name].train(0)
        parts = [table.train(0), table.holdout(0)]
        assert all(abs(len(rows) - len(whole) / 3) < 2 for rows in parts)
        keys = [pd.util.hash_pandas_object(rows, index=False) for rows in [*parts, whole]]
        assert keys[0].isin(keys[2]).all() and keys[1].isin(keys[2]).all()
        assert keys[0].isin(keys[1]).mean() < 0.01


@pytest.fixture
def few_trees(monkeypatch):
    """A forest that is quick."""
    monkeypatch.setattr(judging, "TREES", 30)


def test_the_forest_sees_in_200_rows_what_is_there_and_no_more(few_trees):
    table = TABLES[DAYS]
    schema, real = table.schema(table.train(0)), table.holdout(0)
    same = [forest_c2st(real, table.fresh(seed), schema, seed) for seed in range(3)]
    assert 0.42 < np.mean(same) < 0.58
    assert forest_c2st(real, table.fresh(0).assign(Usage=1), schema, 0) > 0.9


def test_yardsticks_stand_beside_a_table(few_trees):
    found = yardsticks(TABLES[DAYS], 0)
    assert list(found) == [FRESH, SHUFFLED, COPY]
    scores = {name: score for name, (_, score) in found.items()}
    assert scores[COPY]["copies"] == 1 and scores[FRESH]["copies"] < 0.1
    assert scores[SHUFFLED]["c2st"] > 0.8 > 0.6 > scores[FRESH]["c2st"]
    flights = TABLES["flights"]
    few = Table(
        lambda seed: flights.train(seed)[:500],
        lambda seed: flights.holdout(seed)[:400],
        flights.schema,
    )
    halves = {name: score for name, (_, score) in yardsticks(few, 0).items()}
    assert halves[FRESH]["tstr"] == halves[COPY]["tstr"] and halves[FRESH]["copies"] == 0


def test_the_control_learns_nothing_and_keeps_the_kinds():
    table = TABLES[DAYS]
    train = table.train(0)
    model = Control(0).fit(train, table.schema(train))
    rows = model.sample(4_000)
    assert rows.dtypes.equals(train.dtypes) and list(rows) == list(train)
    assert rows.equals(Control(0).fit(train, table.schema(train)).sample(4_000))
    medians, real = (one.groupby("App")["Usage"].median() for one in (rows, train))
    assert (abs(medians - real) < 0.25 * real + 1).all()
    assert rows["Notifications"].min() >= 0
    within = [
        one.query("App == 'WhatsApp'")[["Notifications", "Times opened"]] for one in (rows, train)
    ]
    drawn, counted = (part.corr(method="spearman").iloc[0, 1] for part in within)
    assert abs(drawn - counted) < 0.2
    assert len(set(map(tuple, rows.to_numpy())) - set(map(tuple, train.to_numpy()))) > 2_000


# --- what is run, and in which order ---


def test_defaults_come_quick_tables_first_ours_before_the_slowest_peer():
    names, seeds = list(methods.methods()), range(5)
    runs = defaults(TABLES, names, seeds)
    assert len(runs) == len(set(runs))
    quick = [TABLES[run.table].quick for run in runs]
    assert quick == sorted(quick, reverse=True)
    first = [run.method for run in runs if TABLES[run.table].quick]
    assert first[0] == FRESH and first[-1] == "SDV CTGAN" and set(names) == set(first)
    large = [run.method for run in runs if not TABLES[run.table].quick]
    last_of_ours = max(place for place, name in enumerate(large) if name in SYNTHESIZERS)
    assert last_of_ours < large.index("SDV GaussianCopula") < large.index("SDV CTGAN")
    seeds_of = pd.DataFrame(runs).groupby(["table", "method"])["seed"].agg(list)
    assert seeds_of[DAYS, "gan"] == [0, 1, 2, 3, 4] and seeds_of["Adult", "gan"] == [0, 1, 2]
    assert seeds_of["Adult", "SDV CTGAN"] == seeds_of["flights", "SDV CTGAN"] == [0]
    assert seeds_of[YEAR, "SDV CTGAN"] == [0, 1, 2] and seeds_of[YEAR, "TabularARGN"] == [0]
    assert ("Adult", CONTROL) not in seeds_of and (YEAR, CONTROL) in seeds_of


def test_budgets_are_for_what_learns_in_epochs_on_tables_that_are_large_enough():
    runs = budgeted(TABLES, list(methods.methods()), ["5 s", "60 s"])
    networks = {name for name, kind in SYNTHESIZERS.items() if issubclass(kind, NeuralSynthesizer)}
    assert {run.method for run in runs} == networks | {"SDV TVAE", "SDV CTGAN"}
    assert {run.table for run in runs} == {YEAR, "Adult", "flights"}
    assert {run.seed for run in runs} == {0} and len(runs) == len(set(runs)) == 36


def test_epochs_of_a_budget_come_from_two_fits():
    one, default = {"fit_cpu_seconds": 4.0, "epochs": 0.9}, {"fit_cpu_seconds": 103.0, "epochs": 90}
    assert epochs_within(15, one, default) == 12 and epochs_within(60, one, default) == 57
    assert epochs_within(3, one, default) == 0, "less than one epoch"
    assert epochs_within(4.2, one, default) == 0, "that is the fit of one epoch"
    assert epochs_within(300, one, default) == 0 and epochs_within(130, one, default) == 127, (
        "little beyond the default only"
    )


def test_epochs_are_the_passes_that_training_made():
    train = load_screentime().drop(columns="Date").iloc[:100]
    request = {"method": "gan", "seed": 0, "epochs": 3, "table": YEAR}
    model = CourseMethod(request, train)
    assert model.epochs is None, "nothing was trained yet"
    model.fit(train)
    gan = model._model
    steps, batch = gan.history.steps, min(gan.batch_size, 100)
    assert isinstance(gan, GANSynthesizer) and model.epochs == round(steps * batch / 100, 2) > 1


# --- a run ---


def test_a_fit_elsewhere_is_measured_and_its_rows_come_back():
    train = load_screentime().drop(columns="Date").iloc[:200]
    request = {
        "method": "mixture",
        "seed": 0,
        "epochs": None,
        "threads": 1,
        "speed": True,
        "table": YEAR,
    }
    fit = (Path(sys.executable), "tests.benchmarks.fit_course")
    result, synthetic = fit_elsewhere(*fit, request, train)
    expected = (
        MixtureSynthesizer(random_state=0).fit(train, schema=screentime_schema(train)).sample(200)
    )
    assert synthetic.equals(expected)
    assert result["fit_seconds"] > 0 and result["rows_per_second"] > 0 and result["epochs"] is None
    assert 50 < result["peak_mb"] < 2_000 and "numpy" in result["versions"]
    with pytest.raises(RuntimeError, match="nobody failed"):
        fit_elsewhere(*fit, request | {"method": "nobody"}, train)


def test_a_method_without_its_environment_says_what_builds_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="make bench"):
        fit_elsewhere(tmp_path / "no", "far", {"threads": 1}, pd.DataFrame({"a": [1]}))


def test_the_published_judge_is_asked_with_files(monkeypatch):
    """The other environment is not there in tests: this one answers in its place."""
    asked = []

    def ask(python, module, request, folder):
        asked.append((python, module, request["seed"]))
        rows = [pd.read_parquet(folder / name) for name in (process.TRAIN, process.SYNTHETIC)]
        return {"published": float(len(rows[0]) - len(rows[1]))}

    monkeypatch.setattr(process, "_ask", ask)
    rows = TABLES["Adult"].train(0)[:-7]
    assert race._published(Run("Adult", "gan", "default", 2), rows) == 7
    assert asked == [(methods.PEERS_PYTHON, "tests.benchmarks.peers.published", 2)]
    assert race._published(Run("Adult", "gan", "5 s", 2), rows) is None
    assert race._published(Run("flights", "gan", "default", 2), rows) is None and len(asked) == 1


@pytest.fixture
def raced(monkeypatch):
    """A race of two made-up methods on screen time; a list of what was fitted."""
    fitted = []

    def fit(python, module, request, train):
        fitted.append((request["method"], request["epochs"]))
        seconds = {None: 10.0, 1: 1.0}.get(request["epochs"], 5.0)
        epochs = {"epochs": request["epochs"] or 10, "versions": "v 1"}
        return dict.fromkeys(MEASURED, seconds) | epochs, train

    known = {
        "quick": Method("course", "quick"),
        "slow": Method("peer", "slow", iterative=True, once=(YEAR,)),
    }
    sources = dict.fromkeys(known, "x1")
    for module in ("tests.benchmarks.race", "tests.benchmarks.plan"):
        monkeypatch.setattr(f"{module}.methods", lambda: known)
    monkeypatch.setattr(race, "source", lambda table, method: sources[method])
    monkeypatch.setattr(race, "fit_elsewhere", fit)
    monkeypatch.setattr(race, "judge", lambda *arguments: dict.fromkeys(METRICS, 0.5))
    return SimpleNamespace(fitted=fitted, methods=known, sources=sources)


def test_the_race_goes_on_where_it_stopped_and_replaces_old_code(tmp_path, raced):
    race.race([YEAR], raced.methods, [0, 1], folder=tmp_path)
    everything = [("quick", None), ("quick", None), ("slow", None), ("slow", 1), ("slow", 5)]
    assert raced.fitted == everything
    runs = race.race([YEAR], raced.methods, [0, 1], folder=tmp_path)
    assert raced.fitted == everything, "what is stored is not run again"
    assert runs.table()["budget"].tolist() == ["default"] * 3 + ["one epoch", "5 s"]
    raced.sources["quick"] = "x2"
    race.race([YEAR], ["slow"], [0, 1], folder=tmp_path)
    race.race([DAYS], raced.methods, [9], folder=tmp_path)
    assert raced.fitted == everything, "what was not asked for stays"
    table = race.race([YEAR], raced.methods, [0, 1], folder=tmp_path).table()
    assert raced.fitted[len(everything) :] == [("quick", None)] * 2
    assert table.groupby("method")["source"].unique().map(list).to_dict() == {
        "slow": ["x1"],
        "quick": ["x2"],
    }


def test_old_yardsticks_stay_until_yardsticks_are_asked_for(tmp_path, raced):
    raced.methods[FRESH] = Method("yardstick", FRESH)
    raced.sources |= {FRESH: "x1", COPY: "x1"}
    old = dict.fromkeys(COLUMNS) | {"table": YEAR, "kind": "yardstick", "seed": 0, "source": "x0"}
    rows = [old | {"method": name, "budget": "default"} for name in (FRESH, COPY)]
    pd.DataFrame(rows).to_csv(tmp_path / "race.csv", index=False)
    table = race.race([YEAR], ["quick"], [0], folder=tmp_path).table()
    assert table["method"].tolist() == [FRESH, COPY, "quick"]


def test_one_run_that_fails_does_not_stop_the_race(tmp_path, raced, monkeypatch):
    fit = race.fit_elsewhere

    def fails(python, module, request, train):
        if request["method"] == "quick":
            raise RuntimeError("quick failed")
        return fit(python, module, request, train)

    monkeypatch.setattr(race, "fit_elsewhere", fails)
    with pytest.raises(RuntimeError, match=r"2 run\(s\) failed"):
        race.race([YEAR], raced.methods, [0, 1], budgets=False, folder=tmp_path)
    assert load_results("race", tmp_path)["method"].tolist() == ["slow"]


def test_rows_of_a_table_or_method_that_is_no_more_are_old(raced):
    rows = pd.DataFrame(
        [
            (YEAR, "quick", "course", "x1"),
            (YEAR, "quick", "course", "x0"),
            ("Iris", "quick", "course", "x1"),
            (YEAR, "gone", "course", "x1"),
        ],
        columns=["table", "method", "kind", "source"],
    )
    assert race.outdated(rows).tolist() == [False, True, True, True]


# --- the report ---


def test_the_report_shows_means_spreads_verdicts_and_budgets(tmp_path):
    runs_of_a_race().to_csv(tmp_path / "race.csv", index=False)
    report.write_report(tmp_path)
    page = (tmp_path / "race.md").read_text(encoding="utf-8")
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    table = {line[0].removeprefix("| "): line[1:] for line in lines[:5]}
    assert list(table) == ["method", "---", "fresh real rows", "gan", "SDV CTGAN"], (
        "the best C2ST first"
    )
    cells = dict(zip(table["method"], table["gan"]))
    assert cells["C2ST"] == "0.650 ± 0.071" and cells["seeds"] == "2" and "found at 1%" not in cells
    assert cells["fit, wall s"] == "20" and cells["fit, CPU s"] == "10"
    assert {"valid rows", "TSTR", "membership AUC", "copies", "published judge", "epochs"} <= set(
        cells
    )
    assert "TSTR share" not in cells, "that is for the small table"
    assert "On Adult, gan is nearest to real rows by C2ST (0.650, fresh rows 0.500; membe" in page
    assert "| gan |  | 0.800 (4 s) |  |  | 0.650 (10 s) |" in page
    assert (tmp_path / "race.png").exists() and str(tmp_path) not in page


def test_the_report_says_who_is_told_the_target(tmp_path):
    runs_of_a_race().to_csv(tmp_path / "race.csv", index=False)
    report.write_report(tmp_path)
    page = " ".join((tmp_path / "race.md").read_text(encoding="utf-8").split())
    told = re.search(r"and use it: ([^.]*)\. The others, all peers among them", page)[1].split(", ")
    assert told[0] == CONTROL and "mixture" in told and not {"trees", "copula"} & set(told)
    assert told[1:] == [
        name for name, kind in sorted(SYNTHESIZERS.items()) if told_the_target([kind.__module__])
    ]


@pytest.mark.parametrize("name", ["Adult", "flights"])
def test_diffusion_is_masked_tokens_only_where_the_report_says_so(name):
    train = TABLES[name].train(0)
    schema = TABLES[name].schema(train)
    columns = {column.name: to_array(train[column.name], column) for column in schema.columns}
    model = DiffusionSynthesizer()
    assert not DiffusionRows.fit(columns, schema, model.numbers, model.bins).scores


def test_promises_stand_beside_what_the_race_measured(tmp_path, monkeypatch):
    runs = runs_of_a_race().assign(published=0.9)
    runs.to_csv(tmp_path / "race.csv", index=False)
    monkeypatch.setattr(measures, "results_folder", lambda: tmp_path)
    figures = {figure.name: figure for figure in measures.quality()}
    gan = figures["Adult, gan: published judge"]
    assert (gan.bound, gan.met) == (">= 0.86", "yes") and figures["Adult, gan: TSTR"].met == "no"
    assert figures["Adult, SDV CTGAN: C2ST"].met == figures["Adult, gan: C2ST"].met == ""
    assert "Adult, fresh real rows: fit" not in figures


def test_every_promised_method_and_table_is_there():
    assert set(measures.BOUNDS) == set(TABLES)
    promised = {method for bounds in measures.BOUNDS.values() for method in bounds}
    assert promised <= set(methods.methods())


def test_each_peer_is_pinned_and_what_it_needs_too():
    pins = (methods.PEERS_FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert all(
        re.match(r"#|[a-z0-9-]+==[0-9]\S*( ; sys_platform == \"linux\")?$", pin) for pin in pins
    )
    names = {pin.split("==")[0] for pin in pins}
    assert {"sdv", "ctgan", "torch", "pyarrow", "sdmetrics", "xgboost-cpu"} <= names
    for method in methods.methods().values():
        assert len(methods.pins(method.pins)) == len(method.pins)


# --- figures in prose ---


def test_marked_figures_are_compared_with_the_digits_they_are_written_with(tmp_path):
    runs_of_a_race().to_csv(tmp_path / "race.csv", index=False)
    variants = {"table": [YEAR, "Adult"], "variant": ["one row"] * 2, "seed": [0, 0]}
    pd.DataFrame(variants | {"c2st": [0.581, 0.7]}).to_csv(
        tmp_path / "ablation_gan.csv", index=False
    )
    true = """.65<!-- race: Adult / gan / c2st --> and 0.650<!-- race: Adult / gan / c2st -->;
        20 s<!-- race: Adult / gan / fit_seconds -->; .8<!-- race: Adult / gan / 5 s / c2st -->;
        50 %<!-- race: Adult / gan / copies --> copies; .58<!-- ablation_gan: one row / c2st -->;
        .7<!-- ablation_gan: Adult / one row / c2st -->"""
    assert wrong_figures(true, tmp_path) == []
    false = true.replace(".65<", ".66<").replace("50 %", "5 %").replace(": one row", ": two rows")
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


# --- pages and the code behind what they show ---


@cache
def pages() -> dict[str, str]:
    """README and every notebook: name -> all its text."""
    found = {path.stem: notebooks.read(path).cells for path in all_notebooks()}
    return {"README": (ROOT / "README.md").read_text(encoding="utf-8")} | {
        name: "\n".join(cell.source for cell in cells) for name, cells in found.items()
    }


@pytest.mark.parametrize("page", sorted(pages()))
def test_a_page_shows_no_results_of_older_code(page):
    older = [text for name in results_read(pages()[page]) if (text := older_rows(name))]
    assert not older, "measure again: make bench"


def test_the_page_of_the_race_says_what_is_missing_and_what_is_older():
    page = (RESULTS / "race.md").read_text(encoding="utf-8")
    said = "\n".join(report.still_to_run_section())
    assert said in page and ("## Still to run" in page) == bool(said), "run write_report again"


def test_what_is_still_to_run_is_counted_by_table_and_method(tmp_path):
    runs = load_results("race")
    gone = (runs["method"] == CONTROL) & (runs["table"] == DAYS) & (runs["seed"] < 2)
    runs[~gone].to_csv(tmp_path / "race.csv", index=False)
    line = f"{CONTROL} on {DAYS}: 2 of 5 seeds are missing"
    assert line in missing_runs(tmp_path) and line not in missing_runs()
    assert f"- {line}." in "".join(report.still_to_run_section(tmp_path))


def test_a_table_without_a_budget_is_still_to_run(tmp_path):
    runs = load_results("race").assign(budget=DEFAULT)
    runs.loc[runs.index[runs["table"] == "Adult"][0], "budget"] = "5 s"
    runs.to_csv(tmp_path / "race.csv", index=False)
    lines = [f"budgets of 5 s, 15 s, 60 s on {table}: none was run" for table in (YEAR, "flights")]
    assert sorted(missing_budgets(tmp_path)) == sorted(lines)
    assert set(lines) <= set(still_to_run(tmp_path))


def test_runs_that_an_ablation_lacks_are_counted_by_table(tmp_path):
    planned = ablation.planned("vae")
    of_days = sum(table == DAYS for table, _, _ in planned)
    stored = pd.DataFrame(planned, columns=["table", "variant", "seed"])
    gone = (stored["table"] == DAYS) & (stored["seed"] == 4)
    stored[~gone].to_csv(tmp_path / "ablation_vae.csv", index=False)
    line = f"ablation of vae on {DAYS}: {gone.sum()} of {of_days} runs are missing"
    assert gone.sum() == len(ablation.variants("vae")) and missing_ablations(tmp_path) == [line]
    stored.to_csv(tmp_path / "ablation_vae.csv", index=False)
    assert missing_ablations(tmp_path) == []


def test_what_a_page_reads_is_found():
    assert results_read('runs = load_results("ablation_gan")') == {"ablation_gan"}
    assert results_read(".5<!-- race: Adult / gan / c2st -->") == {"race"}
    assert results_read("![The race](../data/results/race.png)") == {"race"}
    assert results_read('race_table("Adult"); load_results("lessons")') == {"race"}
    assert "race" in results_read(pages()["README"])


def test_older_rows_are_named(tmp_path, raced):
    columns = ["table", "method", "kind", "source"]
    rows = [(YEAR, "quick", "course", "x1"), (YEAR, "slow", "peer", "x0")]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "race.csv", index=False)
    assert older_rows("race", tmp_path) == "race.csv: 1 of 2 rows are of older code: slow"
    raced.sources["slow"] = "x0"
    assert older_rows("race", tmp_path) == ""


# --- ablations ---


@pytest.fixture
def ablated(monkeypatch, few_trees):
    """An ablation of two variants on 25 days; a list of what was fitted."""
    fitted = []

    def rules(train, schema, seed):
        fitted.append(("rules", seed))
        return RuleSynthesizer(random_state=seed).fit(train, schema=schema)

    state = SimpleNamespace(fitted=fitted, source="x1")
    days = ablation.VALIDATION[DAYS]
    two = Table(days.train, days.holdout, days.schema, seeds=(0, 1), small=True)
    monkeypatch.setattr(ablation, "VALIDATION", {DAYS: two})
    monkeypatch.setattr(ablation, "variants", lambda name: {"rules": rules})
    monkeypatch.setattr(ablation, "source", lambda name, table: state.source)
    return state


def test_an_ablation_goes_on_where_it_stopped(tmp_path, ablated):
    means = ablation.ablate("mine", folder=tmp_path)
    assert sorted(ablated.fitted) == [("rules", 0), ("rules", 1)]
    assert means.loc[(DAYS, "rules"), "seeds"] == 2 and means.loc[(DAYS, "rules"), "c2st"] > 0.9
    ablation.ablate("mine", folder=tmp_path, tables=[DAYS])
    assert len(ablated.fitted) == 2, "what is stored is not measured again"
    ablated.source = "x2"
    ablation.ablate("mine", folder=tmp_path)
    assert len(ablated.fitted) == 4
    stored = load_results("ablation_mine", tmp_path)
    assert list(stored) == ablation.COLUMNS and set(stored["source"]) == {"x2"}


def test_only_tables_that_are_asked_for_are_run(tmp_path, ablated, monkeypatch):
    monkeypatch.setattr(ablation, "VALIDATION", ablation.VALIDATION | {YEAR: None})
    ablation.ablate("mine", folder=tmp_path, tables=[DAYS])
    assert len(ablated.fitted) == 2


def test_an_ablation_stored_with_other_columns_is_measured_anew(tmp_path, ablated):
    file = tmp_path / "ablation_mine.csv"
    file.write_text(f"table,variant,seed,c2st,source\n{YEAR},rules,0,0.5,x0\n")
    ablation.ablate("mine", folder=tmp_path)
    stored = load_results("ablation_mine", tmp_path)
    assert list(stored) == ablation.COLUMNS and list(stored["seed"]) == [0, 1]
    assert set(stored["source"]) == {"x1"} and stored["membership_auc"].notna().all()


@pytest.mark.parametrize("name", ablation.names())
def test_two_controls_join_each_ablation(name):
    variants = ablation.variants(name)
    assert {WHOLE, ablation.UNTRAINED, ablation.COPULA} <= set(variants)


def test_the_untrained_control_is_a_generator_whose_rate_is_nothing():
    train = TABLES[DAYS].train(0)
    model = ablation.variants("autoregressive")[ablation.UNTRAINED](
        train, screentime_schema(train), 0
    )
    assert model.history.total_steps < 50 and model.sample(5).shape == (5, 4)


def test_a_part_that_costs_less_than_two_spreads_on_every_table_is_named(tmp_path):
    steady = {"tstr": 0.7, "membership_auc": 0.5}
    runs = [
        {"table": table, "variant": variant, "seed": seed, "c2st": c2st + seed / 100} | steady
        for table, worse in (("Adult", 0.0), ("flights", 0.2))
        for variant, c2st in {
            "all cures": 0.5,
            "without much": 0.5 + worse,
            "without nothing": 0.501,
        }.items()
        for seed in range(3)
    ]
    pd.DataFrame(runs).to_csv(tmp_path / "ablation_mine.csv", index=False)
    assert ablation.verdicts("mine", tmp_path) == [
        "without much: is worse in c2st on flights",
        "without nothing: costs less than two spreads on every table",
    ]
