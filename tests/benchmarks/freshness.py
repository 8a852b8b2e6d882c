"""Which pages show results of older code: README and lessons that read what is out of date."""

from __future__ import annotations

import re
from pathlib import Path

from tests.benchmarks import ablation, race
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
