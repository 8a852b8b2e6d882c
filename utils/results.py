"""What long runs measured and the repository keeps in data/results: read it, and average it over seeds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from utils.schema import TableError
from utils.tables import DATA

RESULTS = DATA / "results"
ABLATION = "ablation_"
REBUILT_BY = {"lessons": "make readme"}


def load_results(name: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The stored results of a name, such as "race" or "ablation_gan": one row a run, as it was measured.

    Raises TableError for a name that is not stored; it says which command measures it.
    """
    path = Path(folder) / f"{name}.csv"
    if not path.exists():
        stored = ", ".join(sorted(file.stem for file in Path(folder).glob("*.csv"))) or "nothing"
        raise TableError(
            f"There are no stored results {name!r}. Measure them with: {rebuilt_by(name)}. Stored are: {stored}."
        )
    return pd.read_csv(path)


def rebuilt_by(name: str) -> str:
    """The command that measures the results of a name again."""
    if name.startswith(ABLATION):
        return f"python -m tests.benchmarks ablation {name.removeprefix(ABLATION)}"
    return REBUILT_BY.get(name, "make bench")


def means_over_seeds(results: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """One row a group of ``by``, in the order of the file: the mean of each number, and how many seeds ran.

    results : a column ``seed``, one row a run.  Returns the means (float64), and ``seeds`` (int64) in front.
    """
    groups = results.groupby(by, sort=False, dropna=False)
    means = groups.mean(numeric_only=True).drop(columns="seed")
    means.insert(0, "seeds", groups["seed"].nunique())
    return means
