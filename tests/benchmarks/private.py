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
from tests.benchmarks.runs import Runs, measure_missing, not_of
from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import TABLES, YEAR, digest
from utils.privacy.accounting import Budget, epsilon_of
from utils.privacy.study import for_study
from utils.results import COPY, FRESH, RESULTS
from utils.schema import Schema
from utils.synthesizers import SYNTHESIZERS, MarginalSynthesizer, Synthesizer

PRIVATE = "private"
SEEDS = (0, 1, 2)
DELTA = 1e-5
MARGINALS, ALONE = "marginals", "columns alone"  # the latter learns no dependence: a control
ALONE_EPSILONS = (1.0, np.inf)
# Ranges that are known without the rows: codebooks, the hours of a day, generous bounds.
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
COLUMNS = [*KEY, "delta", "epsilon_spent", *SCORES, "fit_seconds", "source"]
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


def known_schema(name: str) -> Schema:
    """What is taken as public of a table, the same for every seed: the ranges of :data:`DOMAIN`,
    and all else of the published table whole, holdout included, as its documentation lists it:
    names, kinds, categories, and which cells may be missing."""
    table = TABLES[name]
    published = pd.concat([table.train(SEEDS[0]), table.holdout(SEEDS[0])], ignore_index=True)
    schema = table.schema(published)
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
    ready = [task for task in TASKS if task[1] not in PEERS or PEERS[task[1]].python.exists()]
    measure_missing(runs, measure, ready, outdated, jobs)
    if lacking := {task[1] for task in runs.missing(TASKS)}:
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
        rows, fitted = made_by_peer(method, train, known_schema(name), epsilon, DELTA, seed)
    else:
        rows, fitted = _made(train, known_schema(name), method, epsilon, seed)
    learned_from = train if method == FRESH else rows
    scores = judged(train, holdout, unseen, rows, schema, seed, learned_from)
    line = dict.fromkeys(COLUMNS) | dict(zip(KEY, (name, method, epsilon, seed)))
    return [line | fitted | scores | {"source": source(name, method)}]


def _made(train, schema, method, epsilon, seed) -> tuple[pd.DataFrame, dict]:
    """As many rows as in training, what the fit cost in privacy, and in CPU seconds."""
    noisy = np.isfinite(epsilon)
    model = _model(method, epsilon if noisy else None, seed)
    start = time.process_time()
    with for_study():  # the seeds are known, and the codebook of Adult ends where its rows do
        model.fit(train, schema)
    seconds = round(time.process_time() - start, 3)
    spent = {"delta": DELTA, "epsilon_spent": round(_spent(model), 4)} if noisy else {}
    return model.sample(len(train)), spent | {"fit_seconds": seconds}


def _spent(model: Synthesizer) -> float:
    """What a private fit cost at :data:`DELTA`, as it says itself."""
    if isinstance(model, MarginalSynthesizer):
        return epsilon_of(sum(model.spent_.values()), DELTA)
    return model.epsilon(DELTA)


def _model(method: str, epsilon: float | None, seed: int) -> Synthesizer:
    if method in NETWORKS:
        budget = None if epsilon is None else Budget(epsilon, DELTA)
        return SYNTHESIZERS[method](privacy=budget, random_state=seed)
    degree = 0 if method == ALONE else MarginalSynthesizer().degree
    return MarginalSynthesizer(epsilon, DELTA, degree=degree, random_state=seed)


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which rows are of older code, or of a table that is no more."""

    def now(name: str, method: str) -> str | None:
        return source(name, method) if name in DOMAIN else None

    return not_of(now, table, ["table", "method"])
