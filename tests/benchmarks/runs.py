"""A file of runs that grows by a line as each run ends: an interrupted benchmark goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from tests.benchmarks.side_by_side import run_all
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

    def missing(
        self,
        tasks: Sequence[tuple],
        by: Sequence[str] | None = None,
        lines: Callable[..., int] = lambda *task: 1,
    ) -> list[tuple]:
        """Tasks of which fewer lines are stored than they give.

        by : the columns that name a task; None for the key.  lines : of a task, how many it gives.
        """
        stored = Counter(_names(self.table(), by or self.key))
        return [task for task in tasks if stored[_as_text(task)] < lines(*task)]

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


def measure_missing(
    runs: Runs,
    measure: Callable[..., list[dict]],
    tasks: Sequence[tuple],
    outdated: Callable[[pd.DataFrame], pd.Series],
    jobs: int,
    by: Sequence[str] | None = None,
    lines: Callable[..., int] = lambda *task: 1,
) -> pd.DataFrame:
    """``measure(*task)`` each task that is not stored whole; returns all stored runs.

    outdated : says of the stored runs which are forgotten first. So are lines of a task that was
    interrupted between them.  by, lines : as in :meth:`Runs.missing`.

    RuntimeError at the end, if tasks failed; all others are stored.
    """
    runs.forget(outdated(runs.table()))
    missing = runs.missing(tasks, by, lines)
    begun, stored = {_as_text(task) for task in missing}, runs.table()
    torn = [name in begun for name in _names(stored, by or runs.key)]
    runs.forget(pd.Series(torn, index=stored.index, dtype=bool))
    if failed := run_all(runs.add, measure, missing, jobs):
        raise RuntimeError(f"{len(failed)} run(s) failed.\n" + "\n".join(failed))
    return runs.table()


def not_of(source: Callable[..., str | None], table: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """Which stored runs are of older code, or of what is no more.

    source : of the values of the columns ``by``, the fingerprint of the code as it is; None where
    such a run is no more.
    """
    told = zip(*(table[name] for name in (*by, "source")))
    current = [stored == source(*names) for *names, stored in told]
    return ~pd.Series(current, index=table.index, dtype=bool)


def _names(table: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, ...]]:
    """What each line is called, as text: as it is in the file, where no number has a type."""
    return [_as_text(line) for line in zip(*(table[name] for name in by))]


def _as_text(task: Sequence) -> tuple[str, ...]:
    return tuple(map(str, task))
