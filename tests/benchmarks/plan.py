"""What is to be run in the race, in which order, and how many epochs fill a budget of seconds."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from tests.benchmarks.methods import KINDS, methods
from tests.benchmarks.tables import TABLES
from utils.results import DEFAULT

ONE_EPOCH = "one epoch"
BUDGETS = {"5 s": 5, "15 s": 15, "60 s": 60}
BEYOND = 1.3  # times the default's own seconds: a budget above that is not tried
BUDGET_SEED = 0
SEEDS = sorted({seed for table in TABLES.values() for seed in table.seeds})


class Run(NamedTuple):
    """What names a run; ``method`` is a name of :func:`methods`."""

    table: str
    method: str
    budget: str
    seed: int


def defaults(tables: Collection[str], names: Collection[str], seeds: Collection[int]) -> list[Run]:
    """Every method at its defaults: quick tables first, ours before the peers, seed by seed."""
    runs = [
        Run(table, name, DEFAULT, seed)
        for table in tables
        for name, method in methods().items()
        if name in names and table in method.tables
        for seed in method.seeds(table)
        if seed in seeds
    ]
    order = {name: place for place, name in enumerate(methods())}
    return sorted(
        runs,
        key=lambda run: (
            not TABLES[run.table].quick,
            KINDS.index(methods()[run.method].kind),
            order[run.method] if methods()[run.method].kind == "peer" else run.seed,
        ),
    )


def budgeted(
    tables: Collection[str], names: Collection[str], budgets: Collection[str]
) -> list[Run]:
    """Methods that learn in epochs, stopped earlier: one seed, and not on a small table."""
    return [
        Run(table, name, budget, BUDGET_SEED)
        for budget in budgets
        for table in tables
        if not TABLES[table].small
        for name, method in methods().items()
        if name in names and method.iterative and table in method.tables
    ]


def epochs_within(seconds: float, one: dict, default: dict) -> int:
    """Epochs that take about so many CPU seconds; 0 where one takes longer or the default is done.

    one, default : the stored runs of one epoch and of the default. ``epochs`` is in passes that
    training made, so that the default's are as many times those of one epoch.
    """
    start, end = one["fit_cpu_seconds"], default["fit_cpu_seconds"]
    epochs = default["epochs"] / one["epochs"]
    an_epoch = (end - start) / max(epochs - 1, 1)
    if not start < seconds < BEYOND * end or an_epoch <= 0:
        return 0
    within = 1 + round((seconds - start) / an_epoch)
    return 0 if within in (1, round(epochs)) else within
