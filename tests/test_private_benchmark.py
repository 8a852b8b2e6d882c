"""Quality against privacy: what the benchmark runs, and what its stored figures say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import private
from tests.benchmarks.freshness import older_rows
from tests.benchmarks.tables import DAYS, TABLES, YEAR
from utils.privacy.accounting import rho_of
from utils.results import COPY, load_results
from utils.synthesizers.marginals.margins import refuse_open_ranges


@pytest.fixture
def small(monkeypatch):
    """25 days in place of the year."""
    monkeypatch.setitem(private.TABLES, YEAR, TABLES[DAYS])
    monkeypatch.setattr(private, "source", lambda name: "now")


@pytest.mark.parametrize("name", private.DOMAIN)
def test_ranges_are_those_of_the_domain_and_hold_the_rows(name):
    train = TABLES[name].train(0)
    schema = private.known_schema(name, train)
    refuse_open_ranges(schema, [])
    for column in schema.columns:
        if not column.discrete:
            low, high = private.DOMAIN[name][column.name]
            assert (column.minimum, column.maximum) == (low, high)
            assert low <= train[column.name].min() and train[column.name].max() <= high


def test_a_run_is_a_line_of_the_file(small):
    (line,) = private.measure(YEAR, "marginals", 1.0, 0)
    assert list(line) == private.COLUMNS
    assert 0 <= line["shape"] <= 1 and 0.4 < line["c2st"] <= 1
    assert line["rho"] == pytest.approx(rho_of(1.0, private.DELTA), rel=2e-3)
    assert line["fit_seconds"] > 0 and line["source"] == "now"


def test_a_copy_is_found_and_fresh_rows_are_not():
    table = TABLES[DAYS]
    train, unseen = table.train(0), table.holdout(0)
    found = [
        private.membership(train, unseen, rows, table.schema(train), 0)["membership_auc"]
        for rows in (train, table.fresh(0))
    ]
    assert found[0] > 0.65 and abs(found[1] - 0.5) < 0.12


def test_it_goes_on_where_it_stopped_and_replaces_old_code(tmp_path, monkeypatch):
    run = []

    def measure(*task):
        run.append(task)
        values = dict.fromkeys(private.COLUMNS, 0.5) | dict(zip(private.KEY, task))
        return [values | {"source": private.source(YEAR)}]

    monkeypatch.setattr(private, "measure", measure)
    monkeypatch.setattr(private, "source", lambda name: "x1")
    tasks = [task for task in private.TASKS if task[0] == YEAR and task[3] == 0]
    monkeypatch.setattr(private, "TASKS", tasks)
    table = private.measure_private(folder=tmp_path)
    assert len(table) == len(run) == 9 and not private.outdated(table).any()
    private.measure_private(folder=tmp_path)
    assert len(run) == 9, "also what has no epsilon, or an infinite one, is found again"
    monkeypatch.setattr(private, "source", lambda name: "x2")
    assert len(private.measure_private(folder=tmp_path)) == 9 and len(run) == 18
    assert older_rows("private", tmp_path) == ""


# --- the stored figures ---


def stored() -> pd.DataFrame:
    return load_results(private.PRIVATE)


def test_the_stored_runs_are_whole_and_of_this_code():
    runs = stored()
    key = runs[private.KEY].astype(str)
    assert len(runs) == len(private.TASKS) and not key.duplicated().any()
    assert older_rows(private.PRIVATE) == ""


def test_the_stored_costs_are_those_of_the_accountant():
    runs = stored().dropna(subset="rho")
    assert len(runs) == 2 * 3 * 5
    for epsilon, rows in runs.groupby("epsilon"):
        np.testing.assert_allclose(rows["rho"], rho_of(epsilon, private.DELTA), rtol=2e-3)


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


def test_the_attack_finds_a_copy_and_hardly_anything_else():
    means = stored().groupby(["table", "method", "epsilon"], dropna=False)["membership_auc"].mean()
    for table in private.DOMAIN:
        assert means[table][COPY].item() > means[table]["marginals"].max() + 0.03
        assert means[table, "marginals", 0.5] < means[table, "marginals", np.inf] < 0.55
