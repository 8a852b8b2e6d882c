"""Quality against privacy: marginals at several budgets, judged and attacked, seed by seed."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.runs import Runs
from tests.benchmarks.side_by_side import run_all
from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import TABLES, YEAR, digest
from utils.attacks.evidence import Evidence
from utils.attacks.membership import density_ratio_belief
from utils.results import COPY, FRESH, RESULTS
from utils.schema import Schema
from utils.scoring.fidelity import c2st, shape, trend
from utils.scoring.utility import tstr
from utils.synthesizers.marginals import MarginalSynthesizer

PRIVATE = "private"
SEEDS = (0, 1, 2)
EPSILONS = (0.5, 1.0, 3.0, 10.0, np.inf)  # the last: the same method without noise
DELTA = 1e-5
MARGINALS, ALONE = "marginals", "columns alone"  # the latter learns no dependence: a control
ALONE_EPSILONS = (1.0, np.inf)
ATTACKED = 5_000  # members at most, and others
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
SOURCE = (
    "tests.benchmarks.private",
    "utils.attacks.evidence",
    "utils.attacks.membership",
    "utils.scoring.fidelity",
    "utils.scoring.utility",
    "utils.synthesizers.marginals",
)
KEY = ["table", "method", "epsilon", "seed"]
SCORES = ["tstr", "c2st", "shape", "trend", "membership_auc", "membership_tpr_at_1"]
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


@cache
def source(name: str) -> str:
    """Fingerprint of the code that makes, judges and attacks rows, and of a table."""
    return fingerprint(SOURCE, [digest(name)])


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
    """Measure what is not stored yet; returns all runs. Rows of older code are forgotten first."""
    runs = Runs(folder / f"{PRIVATE}.csv", COLUMNS, KEY)
    runs.forget(outdated(runs.table()))
    tasks = [task for task in TASKS if runs.find(**dict(zip(KEY, task))) is None]
    if failed := run_all(runs, measure, tasks, jobs):
        raise RuntimeError(f"{len(failed)} run(s) failed.\n" + "\n".join(failed))
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
    else:
        rows, fitted = _made(train, known_schema(name, train), method, epsilon, seed)
    scores = {
        "tstr": tstr(train if method == FRESH else rows, holdout, schema, seed),
        "c2st": c2st(unseen, rows, schema, seed),
        "shape": shape(unseen, rows, schema).mean(),
        "trend": trend(unseen, rows, schema).mean(),
        **membership(train, unseen, rows, schema, seed),
    }
    line = dict.fromkeys(COLUMNS) | dict(zip(KEY, (name, method, epsilon, seed)))
    rounded = {metric: round(float(value), 4) for metric, value in scores.items()}
    return [line | fitted | rounded | {"source": source(name)}]


def _made(train, schema, method, epsilon, seed) -> tuple[pd.DataFrame, dict]:
    """As many rows as in training, what the fit cost in privacy, and in CPU seconds."""
    noisy = np.isfinite(epsilon)
    model = MarginalSynthesizer(
        epsilon if noisy else None,
        DELTA,
        degree=0 if method == ALONE else MarginalSynthesizer().degree,
        random_state=seed,
    )
    start = time.process_time()
    model.fit(train, schema)
    seconds = round(time.process_time() - start, 3)
    spent = {"delta": DELTA, "rho": round(sum(model.spent_.values()), 6)} if noisy else {}
    return model.sample(len(train)), spent | {"fit_seconds": seconds}


def membership(
    train: pd.DataFrame, unseen: pd.DataFrame, rows: pd.DataFrame, schema: Schema, seed: int
) -> dict[str, float]:
    """How well the density-ratio attack tells training rows from others.

    One half of the unseen rows is what the attacker knows of the population, the other half are
    the non-members.
    """
    rng = np.random.default_rng(seed)
    reference, others = (
        unseen.iloc[half] for half in np.array_split(rng.permutation(len(unseen)), 2)
    )
    members, others = (part.iloc[rng.permutation(len(part))[:ATTACKED]] for part in (train, others))
    records = pd.concat([members, others], ignore_index=True)
    truth = np.repeat([True, False], [len(members), len(others)])
    found = Evidence(density_ratio_belief(records, rows, reference, schema, seed), truth)
    return {"membership_auc": found.auc, "membership_tpr_at_1": found.true_positive_rate(0.01)}


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which rows are of older code, or of a table that is no more."""
    current = [
        name in DOMAIN and stored == source(name)
        for name, stored in zip(table["table"], table["source"])
    ]
    return ~pd.Series(current, index=table.index, dtype=bool)
