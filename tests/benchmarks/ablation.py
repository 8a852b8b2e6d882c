"""Ablations: what each part of a neural generator brings, taken away alone, on four tables.

The author of a generator writes ``tests/benchmarks/ablation_<name>.py`` with ``VARIANTS``, a
dictionary in the order of the table: name of the variant -> callable(train, schema, seed) -> fitted
synthesizer. The one named :data:`utils.results.WHOLE` is the generator as it is. Two controls join
it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from importlib import import_module
from pathlib import Path

import pandas as pd

from tests.benchmarks.judging import judge
from tests.benchmarks.runs import Runs
from tests.benchmarks.side_by_side import THREADS, run_all
from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import DAYS, TABLES, YEAR, Table, digest, simulated
from utils.results import ABLATION, BEATS, RESULTS, WHOLE, load_results, means_over_seeds, verdict
from utils.synthesizers import SYNTHESIZERS, CopulaSynthesizer
from utils.tables import split

TEXTBOOK = "textbook"  # variants that begin so stand for the lesson's table, and run on no other
UNTRAINED, COPULA = "control: no training at all", "control: a Gaussian copula in each group"
NO_RATE = 1e-12
LOWER_IS_BETTER = {"c2st": True, "tstr": False, "membership_auc": True}
COLUMNS = [
    "table",
    "variant",
    "seed",
    *LOWER_IS_BETTER,
    "seconds",
    "cpu_seconds",
    "threads",
    "source",
]


def _third(name: str, part: int) -> Callable[[int], pd.DataFrame]:
    """seed -> one of three equal parts of the training rows."""

    def rows(seed: int) -> pd.DataFrame:
        rest, first = split(TABLES[name].train(seed), 1 / 3)
        return [first, *split(rest, 1 / 2)][part]

    return rows


# Tables for choices: real rows come from the training rows, never from the holdout that the race
# reports. Adult and flights: a third, judged by another third. Screen time: rows of the process
# that no race sees, judged by years of their own.
VALIDATION = {
    YEAR: Table(simulated(3_000), simulated(3_100), TABLES[YEAR].schema, seeds=(0, 1, 2, 3, 4)),
    DAYS: Table(
        simulated(3_200, days=25),
        simulated(3_300),
        TABLES[DAYS].schema,
        seeds=(0, 1, 2, 3, 4),
        small=True,
    ),
} | {
    name: Table(_third(name, 0), _third(name, 1), TABLES[name].schema)
    for name in ("Adult", "flights")
}


def names() -> list[str]:
    """The ablations that are written."""
    return sorted(
        path.stem.removeprefix(ABLATION) for path in Path(__file__).parent.glob(f"{ABLATION}*.py")
    )


def variants(name: str) -> dict[str, Callable]:
    """The variants of an ablation, its controls last."""
    method = SYNTHESIZERS[name]

    def untrained(train, schema, seed):
        model = method(random_state=seed, learning_rate=NO_RATE, epochs=1)
        return model.fit(train, schema=schema)

    def copula(train, schema, seed):
        return CopulaSynthesizer(random_state=seed).fit(train, schema=schema)

    return _module(name).VARIANTS | {UNTRAINED: untrained, COPULA: copula}


def _module(name: str):
    return import_module(f"tests.benchmarks.{ABLATION}{name}")


def source(name: str, table: str) -> str:
    """Fingerprint of what decides about the runs of an ablation on a table."""
    modules = [f"tests.benchmarks.{ABLATION}{name}", "utils.synthesizers.copula"]
    return fingerprint([*modules, "tests.benchmarks.judging"], [digest(table)])


def ablate(
    name: str, jobs: int = 1, folder: Path = RESULTS, tables: Collection[str] = ()
) -> pd.DataFrame:
    """Run what is not stored yet of tables, variants and seeds, and store each run as it ends.

    tables : all without any.  Runs of older code, and of variants that are no more, are forgotten
    first. Returns the means over the seeds, one row a table and variant.
    """
    runs = Runs(folder / f"{ABLATION}{name}.csv", COLUMNS, ["table", "variant", "seed"])
    runs.forget(outdated(name, runs.table()))
    tasks = [
        (name, table, variant, seed)
        for table, variant, seed in planned(name, tables)
        if runs.find(table=table, variant=variant, seed=seed) is None
    ]
    if failed := run_all(runs.add, measure, tasks, jobs):
        raise RuntimeError(f"{len(failed)} run(s) failed.\n" + "\n".join(failed))
    return means_over_seeds(_in_order(runs.table(), list(variants(name))), ["table", "variant"])


def planned(name: str, tables: Collection[str] = ()) -> list[tuple[str, str, int]]:
    """Table, variant and seed of each run of an ablation; of all tables without any."""
    return [
        (table, variant, seed)
        for table in tables or VALIDATION
        for variant in variants(name)
        for seed in VALIDATION[table].seeds
        if table in (YEAR, DAYS) or not variant.startswith(TEXTBOOK)
    ]


def outdated(name: str, table: pd.DataFrame) -> pd.Series:
    """Which rows of an ablation are of older code or data, or of what is no more."""
    known, columns = variants(name), ("table", "variant", "source")
    current = [
        table in VALIDATION and variant in known and stored == source(name, table)
        for table, variant, stored in zip(*(table.get(column, table.index) for column in columns))
    ]
    return ~pd.Series(current, index=table.index, dtype=bool)


def measure(name: str, table: str, variant: str, seed: int) -> list[dict]:
    """The line of a run: fit, sample as many rows as were fitted, judge."""
    import_module("keras")  # seconds to fit are not seconds to load TensorFlow
    rows = VALIDATION[table]
    train, holdout = rows.train(seed), rows.holdout(seed)
    start, start_of_work = time.perf_counter(), time.process_time()
    model = variants(name)[variant](train, rows.schema(train), seed)
    seconds, work = time.perf_counter() - start, time.process_time() - start_of_work
    scores = judge(rows, train, holdout, model.sample(len(train)), seed)
    return [
        {
            "table": table,
            "variant": variant,
            "seed": seed,
            **{column: round(scores[column], 4) for column in LOWER_IS_BETTER},
            "seconds": round(seconds, 2),
            "cpu_seconds": round(work, 2),
            "threads": THREADS,
            "source": source(name, table),
        }
    ]


def verdicts(name: str, folder: Path = RESULTS) -> list[str]:
    """A sentence for each variant: on which tables the whole generator beats it, and in what.

    A part whose removal the whole generator beats on no table costs less than two spreads, and
    does not earn its lines.
    """
    runs = load_results(f"{ABLATION}{name}", folder)
    sentences = []
    for variant in runs["variant"].unique():
        if variant != WHOLE:
            costs = [
                f"{column} on {table}"
                for table, rows in runs.groupby("table", sort=False)
                for column, lower in LOWER_IS_BETTER.items()
                if _beats(rows, variant, column, lower)
            ]
            told = f"is worse in {', '.join(costs)}" if costs else "costs less than two spreads"
            sentences.append(f"{variant}: {told}{'' if costs else ' on every table'}")
    return sentences


def _beats(rows: pd.DataFrame, variant: str, column: str, lower: bool) -> bool:
    ours, theirs = (rows.loc[rows["variant"] == one, column] for one in (WHOLE, variant))
    return verdict(ours, theirs, lower) == BEATS


def _in_order(runs: pd.DataFrame, known: list[str]) -> pd.DataFrame:
    place = {
        (table, variant): number
        for number, (table, variant) in enumerate((t, v) for t in VALIDATION for v in known)
    }
    keys = pd.Series(list(zip(runs["table"], runs["variant"])), index=runs.index)
    return runs.iloc[keys.map(place).argsort(kind="stable")]
