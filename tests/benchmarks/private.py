"""Quality against privacy: marginals, networks and other libraries at several budgets, judged and
attacked, seed by seed."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.private_judging import SCORES, judged
from tests.benchmarks.private_peers import PEERS, code_of, made_by_peer, pins_of
from tests.benchmarks.private_plan import EPSILONS, NETWORK_RUNS, NETWORKS
from tests.benchmarks.runs import Runs
from tests.benchmarks.side_by_side import run_all
from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import TABLES, YEAR, digest
from utils.privacy.accounting import Budget
from utils.results import COPY, FRESH, RESULTS
from utils.schema import Schema
from utils.synthesizers import SYNTHESIZERS, MarginalSynthesizer, Synthesizer

PRIVATE = "private"
SEEDS = (0, 1, 2)
DELTA = 1e-5
MARGINALS, ALONE = "marginals", "columns alone"  # the latter learns no dependence: a control
ALONE_EPSILONS = (1.0, np.inf)
# What is known of the columns without the rows: codebooks, the hours of a day, generous bounds.
DOMAIN = {
    "Adult": {
        "age": (17, 90),
        "final_weight": (0, 2_000_000),
        "education_years": (1, 16),
        "capital_gain": (0, 99_999),
        "capital_loss": (0, 10_000),
        "hours_per_week": (1, 99),
    },
    YEAR: {"Usage": (0, 1_440), "Notifications": (0, 1_000), "Times opened": (0, 1_000)},
}
JUDGES = (
    "tests.benchmarks.private_judging",
    "utils.attacks.evidence",
    "utils.attacks.membership",
    "utils.scoring.fidelity",
    "utils.scoring.utility",
)
KEY = ["table", "method", "epsilon", "seed"]
COLUMNS = [*KEY, "delta", "rho", *SCORES, "fit_seconds", "source"]
TASKS = [
    (table, method, epsilon, seed)
    for table in (YEAR, "Adult")
    for seed in SEEDS
    for method, epsilons in {
        FRESH: (np.nan,),
        COPY: (np.nan,),
        ALONE: ALONE_EPSILONS,
        MARGINALS: EPSILONS,
    }.items()
    for epsilon in epsilons
]
TASKS += [
    (table, network, epsilon, seed)
    for table, (epsilons, seeds) in NETWORK_RUNS.items()
    for seed in seeds
    for network in NETWORKS
    for epsilon in epsilons
]
TASKS += [
    (table, peer, epsilon, seed)
    for peer, about in PEERS.items()
    for table, seeds in about.seeds.items()
    for seed in seeds
    for epsilon in EPSILONS
    if np.isfinite(epsilon)
]


@cache
def source(name: str, method: str) -> str:
    """Fingerprint of the code that makes, judges and attacks rows, of a table and of what is known
    of it."""
    known = [digest(name), repr(DOMAIN[name])]
    if method in PEERS:
        return fingerprint([*JUDGES, *code_of(method)], [*known, *pins_of(method)])
    kind = SYNTHESIZERS[method if method in NETWORKS else MARGINALS]
    return fingerprint([*JUDGES, "tests.benchmarks.private", kind.__module__], known)


def known_schema(name: str, train: pd.DataFrame) -> Schema:
    """The schema of a table with the ranges of :data:`DOMAIN` in place of those of its rows."""
    schema = TABLES[name].schema(train)
    columns = [
        replace(column, minimum=limits[0], maximum=limits[1])
        if (limits := DOMAIN[name].get(column.name))
        else column
        for column in schema.columns
    ]
    return replace(schema, columns=tuple(columns))


def measure_private(jobs: int = 1, folder: Path = RESULTS) -> pd.DataFrame:
    """Measure what is not stored yet; returns all runs. Rows of older code are forgotten first.

    FileNotFoundError at the end, if other libraries are still to be run and are not installed.
    """
    runs = Runs(folder / f"{PRIVATE}.csv", COLUMNS, KEY)
    runs.forget(outdated(runs.table()))
    tasks = [task for task in TASKS if runs.find(**dict(zip(KEY, task))) is None]
    ready = [task for task in tasks if task[1] not in PEERS or PEERS[task[1]].python.exists()]
    if failed := run_all(runs, measure, ready, jobs):
        raise RuntimeError(f"{len(failed)} run(s) failed.\n" + "\n".join(failed))
    if lacking := {task[1] for task in tasks} - {task[1] for task in ready}:
        raise FileNotFoundError(
            f"{', '.join(sorted(lacking))}: not run, because an environment is not there. "
            "`make bench-private` builds it. All else is stored."
        )
    return runs.table()


def measure(name: str, method: str, epsilon: float, seed: int) -> list[dict]:
    """The line of a method at a budget: rows as many as in training, judged and attacked."""
    table = TABLES[name]
    train, holdout = table.train(seed), table.holdout(seed)
    schema, unseen, fitted = table.schema(train), holdout, {}
    if method == FRESH:
        order = np.random.default_rng(seed).permutation(len(holdout))
        rows, unseen = (holdout.iloc[half] for half in np.array_split(order, 2))
    elif method == COPY:
        rows = train
    elif method in PEERS:
        rows, fitted = made_by_peer(method, train, known_schema(name, train), epsilon, DELTA, seed)
    else:
        rows, fitted = _made(train, known_schema(name, train), method, epsilon, seed)
    learned_from = train if method == FRESH else rows
    scores = judged(train, holdout, unseen, rows, schema, seed, learned_from)
    line = dict.fromkeys(COLUMNS) | dict(zip(KEY, (name, method, epsilon, seed)))
    return [line | fitted | scores | {"source": source(name, method)}]


def _made(train, schema, method, epsilon, seed) -> tuple[pd.DataFrame, dict]:
    """As many rows as in training, what the fit cost in privacy, and in CPU seconds."""
    noisy = np.isfinite(epsilon)
    model = _model(method, epsilon if noisy else None, seed)
    start = time.process_time()
    model.fit(train, schema)
    seconds = round(time.process_time() - start, 3)
    spent = {"delta": DELTA, "rho": round(sum(model.spent_.values()), 6)} if noisy else {}
    return model.sample(len(train)), spent | {"fit_seconds": seconds}


def _model(method: str, epsilon: float | None, seed: int) -> Synthesizer:
    if method in NETWORKS:
        budget = None if epsilon is None else Budget(epsilon, DELTA)
        return SYNTHESIZERS[method](privacy=budget, random_state=seed)
    degree = 0 if method == ALONE else MarginalSynthesizer().degree
    return MarginalSynthesizer(epsilon, DELTA, degree=degree, random_state=seed)


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which rows are of older code, or of a table that is no more."""
    current = [
        name in DOMAIN and stored == source(name, method)
        for name, method, stored in zip(table["table"], table["method"], table["source"])
    ]
    return ~pd.Series(current, index=table.index, dtype=bool)
