"""Which rows are judged, by which others, and what has to be said about them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from utils.schema import Schema, TableError
from utils.scoring import exact_copies
from utils.scoring.judge import check_tables
from utils.tables import split

FEWEST = 10  # rows of a table, below which there is nothing to report
ENOUGH = 50  # rows on each side, below which no score says anything
FEW = 200  # rows to judge by, below which only gross differences show
MOST = 20_000  # rows a side: enough for three digits, in minutes
BY_CHANCE = 0.01  # less likely than this, a difference of shares is no accident
NOT_SEEN, SEEN, OVERLAPS = "not seen", "seen", "overlaps"


@dataclass(frozen=True)
class Rows:
    """The tables of a report, all with the columns of the schema.

    real : all rows that the generator may have learned from.  train, holdout : real rows; nothing
    is fitted to the holdout.  synthetic : all of them.  compared : of them, as many as train has.
    state : of the holdout: "not seen" by the generator, "seen" (a part of ``real``), or "overlaps"
    (a file of its own that shares rows with ``real``).
    overlap : holdout rows that stand in ``real`` too, 0 where the holdout is a part of it.
    """

    real: pd.DataFrame
    train: pd.DataFrame
    holdout: pd.DataFrame
    synthetic: pd.DataFrame
    compared: pd.DataFrame
    schema: Schema
    state: str
    overlap: int
    notes: tuple[str, ...] = ()

    @property
    def enough(self) -> bool:
        """Whether there are so many rows on each side that a score means something."""
        return min(len(self.train), len(self.holdout), len(self.compared)) >= ENOUGH

    @property
    def few(self) -> int:
        """Rows on the smaller side of the comparison of real with synthetic rows."""
        return min(len(self.holdout), len(self.compared))

    @property
    def too_few(self) -> str:
        """Why nothing is said where :attr:`enough` is False."""
        return (
            f"{len(self.train):,} real rows to learn from, {len(self.holdout):,} to judge by and "
            f"{len(self.compared):,} synthetic ones are too few: a score needs {ENOUGH} of each"
        )


def choose_rows(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    holdout: pd.DataFrame | None = None,
    random_state: int = 0,
) -> Rows:
    """Set the rows of a report side by side.

    Without a holdout a third of the real rows, drawn at random, is what others are judged by,
    although the generator may have seen them.

    Raises TableError for fewer than ten real or synthetic rows, and what
    :func:`utils.scoring.judge.check_tables` refuses.
    """
    check_tables(schema, real=real, synthetic=synthetic)
    for role, table in (("real", real), ("synthetic", synthetic)):
        if len(table) < FEWEST:
            raise TableError(
                f"The {role} table has {len(table)} rows; nothing can be said about fewer than "
                f"{FEWEST}."
            )
    real, synthetic = real[schema.names], synthetic[schema.names]
    if holdout is None:
        (train, judges), state, overlap = parted(real, random_state), SEEN, 0
        notes = [
            f"There is no holdout: {len(judges):,} of the {len(real):,} real rows, drawn at "
            "random, are what is compared, and the generator may have seen them."
        ]
    else:
        check_tables(schema, holdout=holdout)
        train, judges = real, holdout[schema.names]
        overlap = round(exact_copies(real, judges, schema) * len(judges))
        state = OVERLAPS if more_than(overlap, len(judges), repeated(real), len(real)) else NOT_SEEN
        notes = []
        if state == OVERLAPS:
            notes.append(
                f"{overlap:,} of the {len(judges):,} holdout rows stand in the real table too, "
                "more than rows repeat within it: they are not unseen. Part the two by chance, "
                "each row in one of them."
            )
    parts = {"real rows to learn from": train, "holdout rows": judges}
    parts["synthetic rows"] = synthetic
    most = {"synthetic rows": min(MOST, len(train))}
    used = {}
    for name, table in parts.items():
        used[name] = at_most(table, most.get(name, MOST), random_state)
        if len(used[name]) < len(table):
            notes.append(f"Of {len(table):,} {name}, {len(used[name]):,} are scored, by chance.")
    return Rows(
        real,
        *list(used.values())[:2],
        synthetic,
        used["synthetic rows"],
        schema,
        state,
        overlap,
        tuple(notes),
    )


def parted(table: pd.DataFrame, random_state: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, holdout) as :func:`utils.tables.split` draws them, each row with its old label."""
    places = split(pd.DataFrame({"place": np.arange(len(table))}), random_state=random_state)
    train, holdout = (table.iloc[part["place"]] for part in places)
    return train, holdout


def learned_from(train: pd.DataFrame, table: pd.DataFrame, schema: Schema) -> Schema:
    """A table's schema, but with the ranges and categories of some of its rows only, where they
    were read off the rows; what is known otherwise stays."""
    named = [column.name for column in schema.columns if column.kind == "category"]
    of_all, of_train = (
        Schema.infer(rows[schema.names], categories=named) for rows in (table, train)
    )
    columns = tuple(
        replace(of_train[column.name], unit=column.unit)
        if column == replace(of_all[column.name], unit=column.unit)
        else column
        for column in schema.columns
    )
    return replace(schema, columns=columns)


def more_than(count: int, rows: int, other: int, others: int) -> bool:
    """Whether ``count`` of ``rows`` is a larger share than ``other`` of ``others``, beyond chance
    (Fisher's exact test, one-sided)."""
    counts = [[count, rows - count], [other, others - other]]
    return bool(fisher_exact(counts, alternative="greater").pvalue < BY_CHANCE)


def repeated(table: pd.DataFrame) -> int:
    """How many rows equal another row of the same table."""
    return int(table.astype(object).duplicated(keep=False).sum())


def at_most(table: pd.DataFrame, rows: int, random_state: int) -> pd.DataFrame:
    """The table, or so many of its rows, drawn at random, each with its old label."""
    if len(table) <= rows:
        return table
    order = np.random.default_rng(random_state).permutation(len(table))[:rows]
    return table.iloc[order]
