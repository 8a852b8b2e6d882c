"""What the race found, for readers: data/results/race.md and race.png, made from race.csv."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.benchmarks.figures import system
from tests.benchmarks.race import BUDGETS, ONE_EPOCH, TABLES
from utils.plots import quality_against_seconds, use_course_style
from utils.results import DEFAULT, RESULTS, as_markdown, load_results, means_over_seeds, race_table
from utils.scoring import METRICS

# heading, column, how its numbers are written
SHOWN = [
    *((metric.label, name, metric.format) for name, metric in METRICS.items()),
    ("fit, s", "fit_seconds", "{:.1f}".format),
    ("fit, CPU s", "fit_cpu_seconds", "{:.1f}".format),
    ("sample, s", "sample_seconds", "{:.2f}".format),
    ("rows/s", "rows_per_second", "{:,.0f}".format),
    ("peak, MB", "peak_mb", "{:,.0f}".format),
]
PLACES = {table: place for place, table in enumerate(TABLES)}
INTRODUCTION = """\
# The race

Generators of the course and of SDV at their defaults, and between yardsticks. Written by
`make bench` from `race.csv`, which holds one line a run. Numbers are means over so many seeds as
the column says.

- Screen time: fitted to the stored year without dates (2,928 rows), judged on a fresh year a seed.
  Adult: 32,561 rows, judged on the 16,281 of the test part. Flights: 14,000 rows, judged on the
  6,000 of the test part.
- Every fit ran in a process of its own that may use {threads} thread(s). "fit, s" are seconds on
  the clock, which other programs on the machine may have stretched; "fit, CPU s" are seconds of
  work, which they do not. Libraries were loaded before the clock started. "sample, s" is for as
  many rows as were fitted; "rows/s" for 100,000 rows more.
- "peak, MB" is the most memory the process held, with its libraries.
- "fresh real rows" are another fresh year on screen time, and one half of the test part against the
  other elsewhere.

Machine: {system}. {versions}
"""
AFTER = """\
C2ST AUC after so many CPU seconds, with the seconds it really took in brackets; the last column is
the default. A gap: even one epoch takes longer, or the default is done before.
"""


def write_report(folder: Path = RESULTS) -> None:
    """Write race.md and race.png beside race.csv."""
    runs = load_results("race", folder).sort_values(
        "table", key=lambda names: names.map(PLACES), kind="stable"
    )
    parts = [_introduction(runs)]
    for table in runs["table"].unique():
        parts += [f"## {table}\n", as_markdown(results_table(table, folder)) + "\n"]
        if runs.loc[runs["table"] == table, "budget"].ne(DEFAULT).any():
            parts += [AFTER, as_markdown(budgets_table(runs[runs["table"] == table])) + "\n"]
    (folder / "race.md").write_text("\n".join(parts), encoding="utf-8")
    use_course_style()
    figure = quality_against_seconds(
        _means(runs), "Closer to real rows, sooner: lower and further left is better"
    )
    figure.savefig(folder / "race.png", dpi=110, metadata={"Software": None})


def results_table(table: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The race on one table as text, one row a method."""
    means = race_table(table, folder)
    shown = {"seeds": means["seeds"]}
    shown |= {
        heading: [_text(value, write) for value in means[name]] for heading, name, write in SHOWN
    }
    return pd.DataFrame(shown, index=means.index)


def budgets_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Quality after a time, on one table: a row a method with epochs, a column a budget."""
    iterative = runs.loc[runs["budget"] != DEFAULT, "method"].unique()
    means = means_over_seeds(runs[runs["method"].isin(iterative)], ["method", "budget"])
    cells = (
        means["c2st"].map("{:.3f}".format) + means["fit_cpu_seconds"].map(" ({:.0f} s)".format)
    ).unstack()
    seeds = means["seeds"].unstack().drop(columns=DEFAULT).max(axis=1).astype(int)
    cells = cells.reindex(columns=[ONE_EPOCH, *BUDGETS, DEFAULT]).fillna("").assign(seeds=seeds)
    return cells[["seeds", ONE_EPOCH, *BUDGETS, DEFAULT]].loc[list(iterative)]


def _means(runs: pd.DataFrame) -> pd.DataFrame:
    return means_over_seeds(runs, ["table", "method", "kind", "budget"]).reset_index()


def _introduction(runs: pd.DataFrame) -> str:
    threads = " or ".join(f"{count:.0f}" for count in sorted(runs["threads"].dropna().unique()))
    versions = "; ".join(runs["versions"].dropna().drop_duplicates())
    return INTRODUCTION.format(threads=threads, system=system(), versions=versions)


def _text(value: float, write) -> str:
    return "" if pd.isna(value) else write(value)
