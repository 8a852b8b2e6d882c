"""The race: generators of the course and of SDV on three tables, one judge, a process for each fit.

Every run is one line of data/results/race.csv, written as it ends; what is there is not run again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from tests.benchmarks.fit_course import SCHEMAS
from tests.benchmarks.process import fit_elsewhere
from tests.benchmarks.runs import Runs
from tests.benchmarks.source import fingerprint
from utils.course.places import build_folder
from utils.results import DEFAULT, RESULTS
from utils.schema import Schema
from utils.scoring import METRICS, Scoreboard, score
from utils.scoring.scoreboard import FRESH, HALF
from utils.screentime import simulate_screentime
from utils.synthesizers import SYNTHESIZERS
from utils.tables import load_adult, load_flights, load_screentime

SEEDS = (0, 1, 2)
FRESH_YEAR = 1_000  # added to the seed: years that the stored table does not hold
ONE_EPOCH = "one epoch"
BUDGETS = {"5 s": 5, "15 s": 15, "60 s": 60, "300 s": 300}
BEYOND = 1.3  # times the default's own seconds: a budget above that is not tried
MEASURED = [
    "epochs",
    "fit_seconds",
    "fit_cpu_seconds",
    "sample_seconds",
    "sample_cpu_seconds",
    "rows_per_second",
    "peak_mb",
]
KEY = ["table", "method", "budget", "seed"]
COLUMNS = [*KEY, "kind", *MEASURED, *METRICS, "threads", "versions", "source"]
DIGITS = 4
PEERS_FOLDER = Path(__file__).parent / "peers"
PEERS_PYTHON = build_folder() / "peers" / "bin" / "python"


@dataclass(frozen=True)
class Table:
    """A table of the race: rows to fit, and for each seed rows to be judged against.

    train : () -> rows.  holdout : seed -> real rows that no method sees.  fresh : (n,
    seed) -> more real rows, where the process is known.
    """

    train: Callable[[], pd.DataFrame]
    holdout: Callable[[int], pd.DataFrame]
    fresh: Callable[[int, int], pd.DataFrame] | None = None


@dataclass(frozen=True)
class Method:
    """Who races: where it runs, whether it learns in epochs, and which code or version it is."""

    kind: str
    name: str
    python: Path
    module: str
    iterative: bool
    source: str


def _fresh_year(seed: int) -> pd.DataFrame:
    return simulate_screentime(random_state=FRESH_YEAR + seed).drop(columns="Date")


TABLES = {
    "screen time": Table(
        lambda: load_screentime().drop(columns="Date"),
        _fresh_year,
        lambda n, seed: _fresh_year(seed + len(SEEDS)),
    ),
    "Adult": Table(lambda: load_adult("train"), lambda seed: load_adult("test")),
    "flights": Table(lambda: load_flights("train"), lambda seed: load_flights("test")),
}


@cache
def _train(table: str) -> tuple[pd.DataFrame, Schema]:
    """The rows to fit, and their schema."""
    train = TABLES[table].train()
    return train, SCHEMAS[table](train)


@cache
def methods() -> dict[str, Method]:
    """Name -> method: the generators of the course, then SDV's."""
    found = {
        name: Method(
            "course",
            name,
            Path(sys.executable),
            "tests.benchmarks.fit_course",
            "epochs" in method().get_params(),
            fingerprint(method.__module__),
        )
        for name, method in sorted(SYNTHESIZERS.items())
    }
    pins = (PEERS_FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    version = next(pin for pin in pins if pin.startswith("sdv=="))
    return found | {
        f"SDV {name}": Method(
            "peer", name, PEERS_PYTHON, "tests.benchmarks.peers.fit_sdv", iterative, version
        )
        for name, iterative in {"GaussianCopula": False, "TVAE": True, "CTGAN": True}.items()
    }


def race(
    tables: Iterable[str],
    names: Iterable[str],
    seeds: Iterable[int],
    budgets: bool = True,
    again: bool = False,
    threads: int = 1,
    folder: Path = RESULTS,
) -> Runs:
    """Run what is not stored yet: each seed's yardsticks and methods' defaults, then the budgets.

    again : first forget the runs with older code, among those asked for.
    """
    runs = Runs(folder / "race.csv", COLUMNS, KEY)
    tables, names, seeds = list(tables), list(names), list(seeds)
    _outdated(runs, tables, names, seeds, again)
    plan = [
        (table, name, DEFAULT, seed)
        for seed in seeds
        for table in tables
        for name in [FRESH, *names]
    ]
    if budgets:
        plan += [
            (table, name, budget, seed)
            for seed in seeds
            for table in tables
            for name in names
            if methods()[name].iterative
            for budget in (ONE_EPOCH, *BUDGETS)
        ]
    for table, name, budget, seed in (bar := tqdm(plan, unit="run", dynamic_ncols=True)):
        bar.set_description(f"{table}: {name}, {budget}, seed {seed}")
        if runs.find(table=table, method=name, budget=budget, seed=seed) is None:
            _run(runs, table, name, budget, seed, threads)
    return runs


def _outdated(
    runs: Runs, tables: list[str], names: list[str], seeds: list[int], again: bool
) -> None:
    """Forget the runs of older code, or tell of them; runs that were not asked for stay."""
    table = runs.table()
    current = table["method"].map({name: method.source for name, method in methods().items()})
    asked = table["table"].isin(tables) & table["method"].isin(names) & table["seed"].isin(seeds)
    old = asked & (table["source"] != current)
    if again:
        runs.forget(old)
    elif old.any():
        which = ", ".join(table.loc[old, "method"].unique())
        tqdm.write(
            f"{old.sum()} stored runs are of older code ({which}); measure them again with --again."
        )


def _run(runs: Runs, table: str, name: str, budget: str, seed: int, threads: int) -> None:
    if name == FRESH:
        for row in _yardsticks(table, seed):
            runs.add(row)
        return
    epochs = {DEFAULT: None, ONE_EPOCH: 1}.get(budget)
    if budget in BUDGETS:
        one, default = (
            runs.find(table=table, method=name, budget=known, seed=seed)
            for known in (ONE_EPOCH, DEFAULT)
        )
        epochs = _epochs(BUDGETS[budget], one, default)
    if epochs != 0:
        runs.add(_measure(table, methods()[name], budget, seed, epochs, threads) | {"method": name})


def _epochs(seconds: float, one: dict, default: dict) -> int:
    """Epochs that take about so many seconds, from fits of one epoch and the default; 0 for none.

    CPU seconds, which other programs on the machine do not stretch.
    """
    start, end = one["fit_cpu_seconds"], default["fit_cpu_seconds"]
    an_epoch = (end - start) / max(default["epochs"] - 1, 1)
    if not start < seconds < BEYOND * end or an_epoch <= 0:
        return 0
    epochs = 1 + round((seconds - start) / an_epoch)
    return 0 if epochs in (1, round(default["epochs"])) else epochs


def _measure(
    table: str, method: Method, budget: str, seed: int, epochs: int | None, threads: int
) -> dict:
    """One run: fit and sample elsewhere, judge here."""
    if not method.python.exists():
        raise FileNotFoundError(
            f"{method.name} needs an environment that is not there. `make bench` builds it."
        )
    train, schema = _train(table)
    request = {
        "method": method.name,
        "seed": seed,
        "epochs": epochs,
        "threads": threads,
        "table": table,
        "kinds": {column.name: column.kind for column in schema.columns},
        "speed": budget == DEFAULT,
    }
    result, synthetic = fit_elsewhere(method.python, method.module, request, train)
    scores = score(train, TABLES[table].holdout(seed), synthetic, schema, seed)
    row = {
        "table": table,
        "budget": budget,
        "seed": seed,
        "kind": method.kind,
        "threads": threads,
        "source": method.source,
        **result,
        **scores,
    }
    return {name: _rounded(value) for name, value in row.items()}


def _yardsticks(table: str, seed: int) -> list[dict]:
    """Fresh real rows (half of the holdout where nothing makes them), shuffled columns, a copy."""
    train, schema = _train(table)
    board = Scoreboard(
        train, TABLES[table].holdout(seed), schema, seeds=(seed,), fresh=TABLES[table].fresh
    )
    empty = dict.fromkeys([*MEASURED, "threads", "versions", "source"])
    return [
        {name: _rounded(value) for name, value in scores[0].items()}
        | empty
        | {
            "table": table,
            "method": FRESH if name == HALF else name,
            "budget": DEFAULT,
            "seed": seed,
            "kind": "yardstick",
        }
        for name, scores in board.yardsticks().items()
    ]


def _rounded(value):
    return round(float(value), DIGITS) if isinstance(value, float) else value
