"""A file of runs that grows by a line as each run ends: an interrupted benchmark goes on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from utils.saving import whole_file


class Runs:
    """Runs stored as CSV, one a line.

    path : the file; made with the first run.  columns : its header, in order.  key : the columns
    that name a run; a run is measured once, until :meth:`forget` drops it.
    """

    def __init__(self, path: Path, columns: list[str], key: list[str]):
        self.path, self.columns, self.key = path, columns, key

    def table(self) -> pd.DataFrame:
        """All stored runs in the order measured, with :attr:`columns`; without a file no rows."""
        empty = pd.DataFrame(columns=self.columns)
        return pd.read_csv(self.path).reindex(columns=self.columns) if self.path.exists() else empty

    def find(self, **run) -> dict | None:
        """The stored run of these values of the key, or None."""
        table = self.table()
        return next(
            (row for row in table.to_dict("records") if self._named(row) == self._named(run)), None
        )

    def add(self, run: dict) -> None:
        """Append a run; one write of one line, so that a file never holds half of one."""
        if set(run) != set(self.columns):
            raise ValueError(
                f"A run of {self.path.name} has the columns {self.columns}, not {list(run)}."
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = pd.DataFrame([run], columns=self.columns)
        text = line.to_csv(index=False, header=not self.path.exists(), lineterminator="\n")
        with self.path.open("ab", buffering=0) as file:
            file.write(text.encode())

    def forget(self, drop: pd.Series) -> int:
        """Drop the runs where ``drop`` is True; returns how many. The file is replaced at once."""
        if drop.any():
            with whole_file(self.path) as kept:
                self.table()[~drop].to_csv(kept, index=False, lineterminator="\n")
        return int(drop.sum())

    def _named(self, run: dict) -> list[str]:
        return [str(run[name]) for name in self.key]
