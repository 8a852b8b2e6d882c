"""What long runs measured and data/results keeps: read it, and average it over seeds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from utils.schema import TableError
from utils.tables import DATA

RESULTS = DATA / "results"
ABLATION = "ablation_"
DEFAULT = "default"  # the budget of a run that was not asked to stop earlier
REBUILT_BY = {"lessons": "make readme"}


def load_results(name: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The stored results of a name, such as "race" or "ablation_gan": one row a run, as measured.

    Raises TableError for a name that is not stored; it says which command measures it.
    """
    path = Path(folder) / f"{name}.csv"
    if not path.exists():
        stored = ", ".join(sorted(file.stem for file in Path(folder).glob("*.csv"))) or "nothing"
        raise TableError(
            f"There are no stored results {name!r}. Measure them with: {rebuilt_by(name)}. "
            f"Stored are: {stored}."
        )
    return pd.read_csv(path)


def rebuilt_by(name: str) -> str:
    """The command that measures the results of a name again."""
    if name.startswith(ABLATION):
        return f"python -m tests.benchmarks ablation {name.removeprefix(ABLATION)}"
    return REBUILT_BY.get(name, "make bench")


def means_over_seeds(results: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """One row a group of ``by``, in the order of the file: each number's mean, how many seeds ran.

    results : a column ``seed``, one row a run.  Returns the means (float64), and ``seeds`` (int64)
        in front.
    """
    groups = results.groupby(by, sort=False, dropna=False)
    means = groups.mean(numeric_only=True).drop(columns="seed")
    means.insert(0, "seeds", groups["seed"].nunique())
    return means


def race_table(table: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The race on one table: a row a yardstick or method at its defaults, means over the seeds.

    table : "screen time", "Adult" or "flights".  Yardsticks come first, then the best C2ST.
    Columns: ``kind`` ("yardstick", "course" or "peer"), ``seeds``, the scoreboard's metrics,
    ``fit_seconds``, ``fit_cpu_seconds``, ``sample_seconds``, ``rows_per_second``, ``peak_mb``.
    """
    runs = load_results("race", folder)
    if table not in set(runs["table"]):
        raise TableError(
            f"The race was not run on {table!r}, but on {', '.join(runs['table'].unique())}."
        )
    raced = runs[(runs["table"] == table) & (runs["budget"] == DEFAULT)]
    means = means_over_seeds(raced.drop(columns="threads"), ["method", "kind"]).reset_index("kind")
    means["racing"] = means["kind"] != "yardstick"
    return means.sort_values(["racing", "c2st"], kind="stable").drop(columns="racing")


def as_markdown(table: pd.DataFrame) -> str:
    """A table of text as a table in Markdown; the index comes first, under its name."""
    text = table.reset_index().astype(str)
    rows = [list(text), ["---"] * text.shape[1], *text.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
