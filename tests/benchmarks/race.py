"""The race: generators of the course and of other libraries on four tables, one judge.

Every run is one line of data/results/race.csv, written as it ends; what is there is not run again,
unless the code behind it has changed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from tests.benchmarks.judging import judge, yardsticks
from tests.benchmarks.methods import PEERS_PYTHON, PUBLISHED, methods, source
from tests.benchmarks.plan import BUDGETS, ONE_EPOCH, Run, budgeted, defaults, epochs_within
from tests.benchmarks.process import fit_elsewhere, judge_elsewhere
from tests.benchmarks.runs import Runs, not_of
from tests.benchmarks.side_by_side import THREADS, run_all
from tests.benchmarks.tables import TABLES
from utils.results import DEFAULT, FRESH, RESULTS
from utils.scoring import METRICS

MEASURED = [
    "epochs",
    "fit_seconds",
    "fit_cpu_seconds",
    "sample_seconds",
    "sample_cpu_seconds",
    "rows_per_second",
    "peak_mb",
]
KEY = list(Run._fields)
COLUMNS = [*KEY, "kind", *MEASURED, *METRICS, "published", "threads", "versions", "source"]
DIGITS = 4


def race(
    tables: Collection[str],
    names: Collection[str],
    seeds: Collection[int],
    budgets: bool = True,
    jobs: int = 1,
    folder: Path = RESULTS,
) -> Runs:
    """Run what is not stored yet, so many runs side by side: defaults first, then budgets.

    Runs of older code are forgotten first, among those asked for. RuntimeError at the end, if runs
    failed; all others are stored.
    """
    runs = Runs(folder / "race.csv", COLUMNS, KEY)
    stored = runs.table()
    of_method = stored["method"].mask(stored["kind"] == "yardstick", FRESH)  # they run together
    asked = of_method.isin(names) & stored["table"].isin(tables) & stored["seed"].isin(seeds)
    runs.forget(asked & outdated(stored))
    stages = [defaults(tables, names, seeds)]
    if budgets:
        stages += [budgeted(tables, names, chosen) for chosen in ([ONE_EPOCH], BUDGETS)]
    failed = []
    for stage in stages:
        tasks = [(run, epochs) for run in stage if (epochs := _epochs(runs, run)) != 0]
        failed += run_all(runs.add, measure, tasks, jobs)
    if failed:
        raise RuntimeError(f"{len(failed)} run(s) failed.\n" + "\n".join(failed))
    return runs


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which rows of race.csv are of older code or data, or of what races no more."""
    racing = set(methods()) | set(table.loc[table["kind"] == "yardstick", "method"])

    def now(name: str, method: str) -> str | None:
        return source(name, method) if name in TABLES and method in racing else None

    return not_of(now, table, ["table", "method"])


def _epochs(runs: Runs, run: Run) -> int | None:
    """Epochs to run with, None for the default; 0 if the run is stored or not worth running."""
    if runs.find(**run._asdict()) is not None:
        return 0
    if run.budget not in BUDGETS:
        return {DEFAULT: None, ONE_EPOCH: 1}[run.budget]
    known = [runs.find(**run._replace(budget=budget)._asdict()) for budget in (ONE_EPOCH, DEFAULT)]
    return epochs_within(BUDGETS[run.budget], *known) if all(known) else 0


def measure(run: Run, epochs: int | None) -> list[dict]:
    """The lines of race.csv that a run gives: one, or one a yardstick."""
    method, table = methods()[run.method], TABLES[run.table]
    if method.kind == "yardstick":
        return [
            _line(run, {"method": name, "published": _published(run, rows)} | scores)
            for name, (rows, scores) in yardsticks(table, run.seed).items()
        ]
    train, holdout = table.train(run.seed), table.holdout(run.seed)
    request = {
        "method": method.name,
        "seed": run.seed,
        "epochs": epochs,
        "threads": THREADS,
        "table": run.table,
        "kinds": {column.name: column.kind for column in table.schema(train).columns},
        "speed": run.budget == DEFAULT,
    }
    result, rows = fit_elsewhere(method.python, method.module, request, train)
    scores = judge(table, train, holdout, rows, run.seed)
    extra = {"threads": THREADS, "published": _published(run, rows)}
    return [_line(run, result | scores | extra)]


def _line(run: Run, values: dict) -> dict:
    kind, made_by = methods()[run.method].kind, source(run.table, run.method)
    known = dict.fromkeys(COLUMNS) | run._asdict() | {"kind": kind, "source": made_by}
    return {name: _rounded(value) for name, value in (known | values).items()}


def _published(run: Run, rows: pd.DataFrame) -> float | None:
    """The published judge's score of rows, on a table and at a budget where it is asked for."""
    table = TABLES[run.table]
    if not table.published or run.budget != DEFAULT:
        return None
    request = {"seed": run.seed, "threads": THREADS}
    train = table.train(run.seed)
    return judge_elsewhere(PEERS_PYTHON, PUBLISHED, request, train, rows)["published"]


def _rounded(value):
    return round(float(value), DIGITS) if isinstance(value, float) else value
