"""What the race found, for readers: data/results/race.md and race.png, made from race.csv."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.benchmarks.figures import system
from tests.benchmarks.freshness import still_to_run
from tests.benchmarks.methods import methods
from tests.benchmarks.notes import NOTES
from tests.benchmarks.plan import BUDGETS, ONE_EPOCH
from tests.benchmarks.source import told_the_target
from tests.benchmarks.tables import DAYS, TABLES
from utils.plots import quality_against_seconds, use_course_style
from utils.results import (
    CONTROL,
    DEFAULT,
    RESULTS,
    as_markdown,
    load_results,
    means_over_seeds,
    race_runs,
    race_sentences,
    race_table,
    seconds_as_text,
    spreads_over_seeds,
)
from utils.scoring import METRICS

SCORES = ("valid", "shape", "trend", "c2st", "tstr", "membership_auc", "copies")
# heading, column, how its numbers are written
SHOWN = [
    *((METRICS[name].label, name, METRICS[name].format) for name in SCORES),
    ("C2ST above fresh", "c2st_above", "{:.3f}".format),
    ("TSTR share", "tstr_share", "{:.3f}".format),
    ("published judge", "published", "{:.3f}".format),
    ("epochs", "epochs", "{:,.1f}".format),
    ("fit, wall s", "fit_seconds", seconds_as_text),
    ("fit, CPU s", "fit_cpu_seconds", seconds_as_text),
    ("sample, wall s", "sample_seconds", seconds_as_text),
    ("rows/s", "rows_per_second", "{:,.0f}".format),
    ("peak, MB", "peak_mb", "{:,.0f}".format),
]
ONLY_ON = {"c2st_above": [DAYS], "tstr_share": [DAYS], "published": ["Adult"]}
SPREAD = {*SCORES, "c2st_above", "tstr_share", "published"}
AFTER = """\
C2ST AUC after so many CPU seconds (one seed), with the seconds it really took in brackets; the last
column is the default. A gap: even one epoch takes longer, or the default is done before.
"""
PICTURE_TITLE = "Closer to real rows, sooner: lower and further left is better"


def write_report(folder: Path = RESULTS) -> None:
    """Write race.md and race.png beside race.csv."""
    runs = load_results("race", folder)
    tables = [table for table in TABLES if table in set(runs["table"])]
    parts = [_introduction(runs), *still_to_run_section(folder)]
    for table in tables:
        parts += [f"## {table}\n", " ".join(race_sentences(table, folder)) + "\n"]
        parts += [as_markdown(results_table(table, folder)) + "\n"]
        of_table = runs[runs["table"] == table]
        if of_table["budget"].ne(DEFAULT).any():
            parts += [AFTER, as_markdown(budgets_table(of_table)) + "\n"]
    (folder / "race.md").write_text("\n".join(parts), encoding="utf-8")
    use_course_style()
    groups = ["table", "method", "kind", "budget"]
    spread = spreads_over_seeds(runs, groups)["c2st"]
    means = means_over_seeds(runs, groups).assign(spread=spread).reset_index()
    order = means["table"].map({table: place for place, table in enumerate(tables)})
    figure = quality_against_seconds(
        means.loc[order.sort_values(kind="stable").index], PICTURE_TITLE
    )
    figure.savefig(folder / "race.png", dpi=110, metadata={"Software": None})


def still_to_run_section(folder: Path = RESULTS) -> list[str]:
    """A heading and a list of what is missing or of older code; nothing if all was run."""
    lines = still_to_run(folder)
    return ["## Still to run\n", "\n".join(f"- {line}." for line in lines) + "\n"] if lines else []


def results_table(table: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The race on one table as text, one row a method: means, and spreads over the seeds."""
    means = race_table(table, folder)
    spreads = spreads_over_seeds(race_runs(table, folder), "method")
    shown = {"seeds": means["seeds"]} | {
        heading: [
            _text(
                means.at[method, name], spreads.at[method, name] if name in SPREAD else None, write
            )
            for method in means.index
        ]
        for heading, name, write in SHOWN
        if table in ONLY_ON.get(name, [table])
    }
    return pd.DataFrame(shown, index=means.index)


def budgets_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Quality after a time, on one table: a row a method with epochs, a column a budget."""
    iterative = runs.loc[runs["budget"] != DEFAULT, "method"].unique()
    means = means_over_seeds(runs[runs["method"].isin(iterative)], ["method", "budget"])
    cells = (
        means["c2st"].map("{:.3f}".format) + means["fit_cpu_seconds"].map(" ({:.0f} s)".format)
    ).unstack()
    return cells.reindex(columns=[ONE_EPOCH, *BUDGETS, DEFAULT]).fillna("").loc[list(iterative)]


def _introduction(runs: pd.DataFrame) -> str:
    told = [CONTROL, *(name for name, method in methods().items() if told_the_target(method.code))]
    return NOTES.format(
        told=", ".join(dict.fromkeys(told)),
        system=system(),
        versions="; ".join(runs["versions"].dropna().drop_duplicates()),
    )


def _text(mean: float, spread: float | None, write) -> str:
    if pd.isna(mean):
        return ""
    return write(mean) + ("" if spread is None or pd.isna(spread) else f" ± {write(spread)}")
