"""Quality against privacy: what the benchmark runs, and what its stored figures say."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import (
    private,
    private_judging,
    private_peers,
    private_plan,
    private_report,
    process,
)
from tests.benchmarks.freshness import older_rows
from tests.benchmarks.methods import PEERS_FOLDER
from tests.benchmarks.tables import DAYS, TABLES, YEAR
from utils.course.places import ROOT
from utils.privacy.accounting import rho_of
from utils.results import COPY, FRESH, RESULTS, load_results
from utils.synthesizers.promise import refuse_open_ranges


@pytest.fixture
def small(monkeypatch):
    """25 days in place of the year."""
    monkeypatch.setitem(private.TABLES, YEAR, TABLES[DAYS])
    monkeypatch.setattr(private, "source", lambda name, method: "now")


@pytest.mark.parametrize("name", private.DOMAIN)
def test_ranges_are_those_of_the_domain_and_hold_the_rows(name):
    train = TABLES[name].train(0)
    schema = private.known_schema(name)
    refuse_open_ranges(schema, [])
    for column in schema.columns:
        if not column.discrete:
            low, high = private.DOMAIN[name][column.name]
            assert (column.minimum, column.maximum) == (low, high)
            assert low <= train[column.name].min() and train[column.name].max() <= high


@pytest.mark.parametrize("name", private.DOMAIN)
def test_what_is_known_is_the_same_whatever_rows_are_in_training(name, monkeypatch):
    """Categories, too: they are those of the published table, in training or not."""
    schema, table = private.known_schema(name), TABLES[name]
    column = next(column for column in schema.columns if column.kind == "category")
    whole = pd.concat([table.train(0), table.holdout(0)], ignore_index=True)
    rare = whole[column.name] == column.categories[-1]
    moved = replace(table, train=lambda _: whole[~rare], holdout=lambda _: whole[rare])
    monkeypatch.setitem(private.TABLES, name, moved)
    assert private.known_schema(name)[column.name].categories == column.categories


def test_a_private_run_does_not_warn_of_what_it_knows(small, recwarn):
    private.measure(YEAR, "marginals", 1.0, 0)
    assert not recwarn.list


def test_a_run_is_a_line_of_the_file(small):
    (line,) = private.measure(YEAR, "marginals", 1.0, 0)
    assert list(line) == private.COLUMNS
    assert 0 <= line["shape"] <= 1 and 0.4 < line["c2st"] <= 1
    assert line["epsilon_spent"] == pytest.approx(1.0, rel=2e-3)
    assert line["fit_seconds"] > 0 and line["source"] == "now"


@pytest.mark.parametrize("network", private.NETWORKS)
def test_a_network_runs_with_the_budget(small, network, monkeypatch):
    monkeypatch.setattr(private.SYNTHESIZERS[network], "private_passes", 1)
    (line,) = private.measure(YEAR, network, 1.0, 0)
    assert line["method"] == network and 0 <= line["shape"] <= 1
    assert 0.98 < line["epsilon_spent"] <= 1.0


def test_a_copy_is_found_and_fresh_rows_are_not():
    table = TABLES[DAYS]
    train, unseen = table.train(0), table.holdout(0)
    found = [
        private_judging.membership(train, unseen, rows, table.schema(train), 0)["membership_auc"]
        for rows in (train, table.fresh(0))
    ]
    assert found[0] > 0.65 and abs(found[1] - 0.5) < 0.12


def test_it_goes_on_where_it_stopped_and_replaces_old_code(tmp_path, monkeypatch):
    run = []

    def measure(*task):
        run.append(task)
        values = dict.fromkeys(private.COLUMNS, 0.5) | dict(zip(private.KEY, task))
        return [values | {"source": private.source(*task[:2])}]

    monkeypatch.setattr(private, "measure", measure)
    monkeypatch.setattr(private, "source", lambda name, method: "x1")
    ours = [task for task in private.TASKS if task[1] not in private_plan.PEERS]
    tasks = [task for task in ours if task[0] == YEAR and task[3] == 0]
    monkeypatch.setattr(private, "TASKS", tasks)
    table = private.measure_private(folder=tmp_path)
    assert len(table) == len(run) == len(tasks) and not private.outdated(table).any()
    private.measure_private(folder=tmp_path)
    assert len(run) == len(tasks), "also what has no epsilon, or an infinite one, is found again"
    monkeypatch.setattr(private, "source", lambda name, method: "x2")
    assert len(private.measure_private(folder=tmp_path)) == len(tasks)
    assert len(run) == 2 * len(tasks)
    assert older_rows("private", tmp_path) == ""


def test_a_peer_is_told_what_is_known_and_nothing_of_the_rows(monkeypatch):
    train, asked = TABLES[DAYS].train(0), []

    def fit(python, module, request, rows):
        asked.append((python.parts[-3:], module, request))
        assert rows is train
        return {"fit_cpu_seconds": 1.23456}, rows

    monkeypatch.setattr(private_peers, "fit_elsewhere", fit)
    schema = private.known_schema(YEAR)
    rows, cost = private_peers.made_by_peer("opendp AIM", train, schema, 1.0, 1e-5, 2)
    ((place, module, request),) = asked
    assert rows is train and cost == {"delta": 1e-5, "fit_seconds": 1.235}
    assert (place[0], module) == ("opendp", "tests.benchmarks.peers.fit_opendp")
    assert request["ranges"] == {name: list(ends) for name, ends in private.DOMAIN[YEAR].items()}
    assert request["categories"] == {"App": list(schema["App"].categories)}
    assert (request["epsilon"], request["delta"], request["seed"]) == (1.0, 1e-5, 2)
    assert request["rho"] == rho_of(1.0, 1e-5)


@pytest.mark.parametrize("method", private_plan.PEERS)
def test_a_peer_is_pinned_and_its_environment_is_built_by_make(method, tmp_path):
    library = private_plan.PEERS[method].library
    assert private_peers.pins_of(method)[0].startswith(f"{library}==")
    lines = (PEERS_FOLDER / f"requirements_{library}.txt").read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"#|[a-z0-9.-]+==[0-9]\S*$", line) for line in lines)
    assert f"build/{library}" in "".join(lines[:3])
    with pytest.raises(FileNotFoundError, match="`make bench-private` builds it"):
        process.fit_elsewhere(
            tmp_path / library / "bin" / "python", "far", {"threads": 1}, one_row()
        )
    assert "bench-private: " in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_without_its_environment_a_peer_is_named_and_the_others_are_stored(tmp_path, monkeypatch):
    def measure(*task):
        values = dict.fromkeys(private.COLUMNS, 0.5) | dict(zip(private.KEY, task))
        return [values | {"source": private.source(*task[:2])}]

    monkeypatch.setattr(private_plan, "build_folder", lambda: tmp_path)
    monkeypatch.setattr(private, "measure", measure)
    monkeypatch.setattr(private, "source", lambda name, method: "x1")
    tasks = [(YEAR, "dpmm MST", 1.0, 0), (YEAR, "marginals", 1.0, 0)]
    monkeypatch.setattr(private, "TASKS", tasks)
    with pytest.raises(FileNotFoundError, match="dpmm MST: not run.*`make bench-private` builds"):
        private.measure_private(folder=tmp_path)
    assert load_results("private", tmp_path)["method"].tolist() == ["marginals"]


def test_the_report_shows_yardsticks_first_and_spreads(tmp_path):
    rows = [
        ("marginals", 10.0, 0, 0.9),
        ("marginals", 1.0, 0, 0.7),
        ("marginals", 1.0, 1, 0.8),
        (FRESH, np.nan, 0, 0.95),
    ]
    runs = pd.DataFrame(rows, columns=["method", "epsilon", "seed", "tstr"])
    shown = runs.reindex(columns=private.COLUMNS).assign(table=YEAR)
    shown[["c2st", "shape", "trend", "membership_auc", "membership_tpr_at_1"]] = 0.5
    shown.to_csv(tmp_path / "private.csv", index=False)
    private_report.write_private_report(tmp_path)
    page = (tmp_path / "private.md").read_text(encoding="utf-8")
    lines = page.split(f"## {YEAR}")[1].strip().splitlines()[2:]
    assert [line.split(" | ")[:4] for line in lines] == [
        [f"| {FRESH}", "", "1", "0.950"],
        ["| marginals", "1", "2", "0.750 ± 0.071"],
        ["| marginals", "10", "1", "0.900"],
    ]
    assert "dpmm 0." in page and "Delta is 1e-05" in page


def test_the_report_gives_verdicts_at_equal_epsilon():
    rows = [("marginals", 1.0, seed, 0.7, 0.8 + seed / 100) for seed in (0, 1, 2)]
    rows += [("dpmm MST", 1.0, seed, 0.6, 0.8 + seed / 100) for seed in (0, 1, 2)]
    rows += [("marginals", 3.0, 0, 0.9, 0.6), ("dpmm MST", 3.0, 0, 0.6, 0.5)]
    runs = pd.DataFrame(rows, columns=["method", "epsilon", "seed", "tstr", "c2st"])
    assert private_report.private_sentences(runs) == [
        "By TSTR, marginals against dpmm MST: beats it at 1; one seed, so no verdict at 3.\n",
        "By C2ST, marginals against dpmm MST: cannot be told apart from it at 1; "
        "one seed, so no verdict at 3.\n",
    ]


def test_the_stored_report_is_that_of_the_stored_runs(tmp_path):
    stored().to_csv(tmp_path / "private.csv", index=False)
    private_report.write_private_report(tmp_path)
    written = [(folder / "private.md").read_text("utf-8") for folder in (tmp_path, RESULTS)]
    assert written[0] == written[1]


def one_row() -> pd.DataFrame:
    return pd.DataFrame({"a": [1]})


def test_rows_of_a_peer_count_its_code_and_its_pins(monkeypatch):
    stored = private.source("Adult", "dpmm MST")
    assert private.source("Adult", "marginals") == private.source("Adult", FRESH) != stored
    monkeypatch.setattr(private, "pins_of", lambda method: ["dpmm==9"])
    assert private.source.__wrapped__("Adult", "dpmm MST") != stored


# --- the stored figures ---


def stored() -> pd.DataFrame:
    return load_results(private.PRIVATE)


def test_the_stored_runs_are_whole_and_of_this_code():
    runs = stored()
    key = runs[private.KEY].astype(str)
    assert len(runs) == len(private.TASKS) and not key.duplicated().any()
    assert older_rows(private.PRIVATE) == ""


def test_the_stored_costs_are_those_of_the_accountant():
    runs = stored().dropna(subset="epsilon_spent")
    ours = [task for task in private.TASKS if task[1] not in private_plan.PEERS]
    assert len(runs) == sum(np.isfinite(task[2]) for task in ours)
    assert (runs["epsilon_spent"] <= runs["epsilon"]).all(), "no promise is broken"
    used = runs["epsilon_spent"] / runs["epsilon"]
    assert used.min() > 0.97 and used[~runs["method"].isin(private.NETWORKS)].min() > 0.998


def test_adult_rows_with_a_promise_are_of_use():
    runs = stored().query("table == 'Adult'")
    means = runs.groupby(["method", "epsilon"])["tstr"].mean()
    assert means["marginals", 1.0] >= 0.88 and means["marginals", 10.0] >= 0.90
    assert means["columns alone"].max() < 0.7, "a control that learned no dependence"


@pytest.mark.parametrize("name", private.DOMAIN)
def test_a_larger_budget_buys_likeness_and_use(name):
    runs = stored().query("table == @name and method == 'marginals'")
    means = runs.groupby("epsilon")[["c2st", "tstr"]].mean()
    assert means["c2st"].is_monotonic_decreasing and means.index.tolist() == list(private.EPSILONS)
    assert means.at[np.inf, "tstr"] > means.at[1.0, "tstr"] > means.at[0.5, "tstr"]


@pytest.mark.parametrize("method", private_plan.PEERS)
def test_other_libraries_learn_more_from_a_larger_budget_and_give_nobody_away(method):
    runs = stored().query("table == @YEAR and method == @method")
    means = runs.groupby("epsilon")[["c2st", "tstr", "membership_auc"]].mean()
    assert means.index.tolist() == [epsilon for epsilon in private.EPSILONS if epsilon < np.inf]
    assert means.at[10.0, "c2st"] < means.at[0.5, "c2st"] - 0.05
    assert means.at[10.0, "tstr"] > means.at[0.5, "tstr"] > 0.2, "an app by chance: 1 in 8"
    assert means["membership_auc"].max() < 0.55


def test_the_attack_finds_a_copy_and_hardly_anything_else():
    means = stored().groupby(["table", "method", "epsilon"], dropna=False)["membership_auc"].mean()
    for table in private.DOMAIN:
        assert means[table][COPY].item() > means[table]["marginals"].max() + 0.03
        assert means[table, "marginals", 0.5] < means[table, "marginals", np.inf] < 0.55
