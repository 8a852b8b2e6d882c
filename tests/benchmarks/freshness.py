"""What of the stored results is of older code, what is still to be run, and which pages show it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.benchmarks import (
    ablation,
    anonymeter,
    coverage,
    language,
    private,
    race,
    sentences,
    text,
    truth,
)
from tests.benchmarks.methods import methods
from tests.benchmarks.plan import BUDGETS, SEEDS, defaults
from tests.benchmarks.tables import TABLES
from utils.results import ABLATION, DEFAULT, RESULTS, load_results

# How a page reads stored results: in code, as a marked figure, or as a picture or page of the race.
READS = re.compile(
    rf"load_results\([\"'](?P<code>\w+)[\"']|<!-- (?P<mark>race|{ABLATION}\w+):"
    r"|(?P<race>race_table\(|results/race\.)"
)
# Stored result, ablations apart -> the module that tells its outdated rows, their column of names.
JUDGED_BY = {
    "race": (race, "method"),
    truth.TRUTH: (truth, "table"),
    private.PRIVATE: (private, "table"),
    anonymeter.ANONYMETER: (anonymeter, "table"),
    coverage.COVERAGE: (coverage, "figure"),
    sentences.SENTENCES: (sentences, "model"),
    text.TEXT: (text, "model"),
    language.LANGUAGE: (language, "line"),
}


def results_read(text: str) -> set[str]:
    """Names of the stored results with a fingerprint that a page reads."""
    found = {match["code"] or match["mark"] or "race" for match in READS.finditer(text)}
    return {name for name in found if name in JUDGED_BY or name.startswith(ABLATION)}


def older_rows(name: str, folder: Path = RESULTS) -> str:
    """What of stored results was made by older code, as text; empty if nothing was."""
    runs = load_results(name, folder)
    if name in JUDGED_BY:
        module, column = JUDGED_BY[name]
        old = module.outdated(runs)
    else:
        old, column = ablation.outdated(name.removeprefix(ABLATION), runs), "variant"
    which = ", ".join(runs.loc[old, column].unique())
    return (
        f"{name}.csv: {old.sum()} of {len(runs)} rows are of older code: {which}" if which else ""
    )


def missing_runs(folder: Path = RESULTS) -> list[str]:
    """Runs at the defaults that race.csv lacks, as text: one line a table and method."""
    stored = load_results("race", folder)
    stored = set(zip(stored["table"], stored["method"], stored["budget"], stored["seed"]))
    planned = defaults(TABLES, methods(), SEEDS)
    counts = Counter((run.table, run.method) for run in planned if tuple(run) not in stored)
    return [
        f"{method} on {table}: {count} of {len(methods()[method].seeds(table))} seeds are missing"
        for (table, method), count in counts.items()
    ]


def missing_budgets(folder: Path = RESULTS) -> list[str]:
    """Tables on which no network was stopped earlier, as text: one line a table."""
    runs = load_results("race", folder)
    done = set(runs.loc[runs["budget"] != DEFAULT, "table"])
    return [
        f"budgets of {', '.join(BUDGETS)} on {name}: none was run"
        for name, table in TABLES.items()
        if not table.small and name not in done
    ]


def missing_ablations(folder: Path = RESULTS) -> list[str]:
    """Runs that the stored ablations lack, as text: one line an ablation and table."""
    lines = []
    for name in _ablations(folder):
        runs = load_results(f"{ABLATION}{name}", folder)
        stored = set(zip(runs["table"], runs["variant"], runs["seed"]))
        planned = ablation.planned(name)
        of_table = Counter(table for table, _, _ in planned)
        missing = Counter(run[0] for run in planned if run not in stored)
        lines += [
            f"ablation of {name} on {table}: {count} of {of_table[table]} runs are missing"
            for table, count in missing.items()
        ]
    return lines


def still_to_run(folder: Path = RESULTS) -> list[str]:
    """What a reader of the results must know to be missing or of older code, one line each."""
    names = [name for name in JUDGED_BY if name == "race" or (folder / f"{name}.csv").exists()]
    names += [f"{ABLATION}{name}" for name in _ablations(folder)]
    older = [text for name in names if (text := older_rows(name, folder))]
    return missing_runs(folder) + missing_budgets(folder) + missing_ablations(folder) + older


def _ablations(folder: Path) -> list[str]:
    """Names of the ablations that are stored."""
    return sorted(path.stem.removeprefix(ABLATION) for path in folder.glob(f"{ABLATION}*.csv"))
