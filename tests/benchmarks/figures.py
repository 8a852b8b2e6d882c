"""One measured figure beside its bound, and how figures are shown and stored with the machine."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pandas as pd

LIBRARIES = ("numpy", "pandas", "scikit-learn")
COLUMNS = ["group", "name", "value", "unit", "bound", "met"]


@dataclass(frozen=True)
class Figure:
    """A measured value.

    name : what was measured.  value : None if it could not be.  unit : "s", "MB", "AUC", ...
    at_most, at_least : what the course promises, if anything.
    """

    name: str
    value: float | None
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def bound(self) -> str:
        """The promise as text, such as "<= 0.6"; empty if there is none."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return "" if self.at_least is None else f">= {self.at_least:g}"

    @property
    def met(self) -> str:
        """ "yes", "no", "not measured", or empty where nothing is promised."""
        if not self.bound:
            return ""
        if self.value is None:
            return "not measured"
        kept = self.value >= self.at_least if self.at_most is None else self.value <= self.at_most
        return "yes" if kept else "no"


def as_table(figures: dict[str, list[Figure]]) -> pd.DataFrame:
    """One row a figure, in the order measured; ``figures`` maps a group's name to its figures."""
    rows = [
        [group, figure.name, figure.value, figure.unit, figure.bound, figure.met]
        for group, members in figures.items()
        for figure in members
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"value": float})


def machine() -> str:
    """Cores and versions in one line; nothing that names the machine or its user."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{system()}, {libraries}, OMP_NUM_THREADS {os.environ.get('OMP_NUM_THREADS', 'not set')}"
    )


def system() -> str:
    """Cores, kind of processor, system and Python in one line."""
    cores = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    return f"{cores}, Python {platform.python_version()}"


def as_text(table: pd.DataFrame) -> str:
    """The table for a terminal."""
    return table.to_string(index=False, na_rep="-", float_format="{:.3f}".format)


def store(table: pd.DataFrame, folder: Path) -> None:
    """Write benchmark.csv, and benchmark.md for readers with the machine on top."""
    folder.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(folder / "benchmark.csv", index=False, lineterminator="\n")
    lines = [" | ".join(row) for row in [COLUMNS, ["---"] * len(COLUMNS), *_cells(table)]]
    page = "\n".join(
        ["# What `make bench` measured", "", machine(), ""] + [f"| {line} |" for line in lines]
    )
    (folder / "benchmark.md").write_text(page + "\n", encoding="utf-8")


def _cells(table: pd.DataFrame) -> list[list[str]]:
    shown = table.assign(
        value=["-" if pd.isna(value) else f"{value:.3f}" for value in table["value"]]
    )
    return shown.astype(str).to_numpy().tolist()
