"""What of the stored results is of older code, what is still to be run, and which pages show it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.benchmarks import ablation, race
from tests.benchmarks.methods import methods
from tests.benchmarks.plan import SEEDS, defaults
from tests.benchmarks.tables import TABLES
from utils.results import ABLATION, RESULTS, load_results

# How a page reads stored results: in code, as a marked figure, or as a picture or page of the race.
READS = re.compile(
    rf"load_results\([\"'](?P<code>\w+)[\"']|<!-- (?P<mark>race|{ABLATION}\w+):"
    r"|(?P<race>race_table\(|results/race\.)"
)


def results_read(text: str) -> set[str]:
    """Names of the stored results of the race and of ablations that a page reads."""
    found = {match["code"] or match["mark"] or "race" for match in READS.finditer(text)}
    return {name for name in found if name == "race" or name.startswith(ABLATION)}


def older_rows(name: str, folder: Path = RESULTS) -> str:
    """What of stored results was made by older code, as text; empty if nothing was."""
    runs = load_results(name, folder)
    if name == "race":
        old, column = race.outdated(runs), "method"
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


def still_to_run(folder: Path = RESULTS) -> list[str]:
    """What a reader of the results must know to be missing or of older code, one line each."""
    names = sorted(path.stem for path in folder.glob(f"{ABLATION}*.csv"))
    older = [text for name in ["race", *names] if (text := older_rows(name, folder))]
    return missing_runs(folder) + older
