"""How far a synthetic table drifts within each group: a mean over all rows hides the small ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.fairness.groups import groups_of
from utils.schema import Schema
from utils.scoring.fidelity import c2st, shape, trend
from utils.scoring.judge import check_tables

LEAST_ROWS = 100  # of a group, on both sides, below which nothing is said about its distribution


def drift_by_group(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    columns: str | Sequence[str],
    rows: int | None = None,
    least: int = LEAST_ROWS,
    random_state: int = 0,
) -> pd.DataFrame:
    """Shape, trend and C2ST within each group, and how large a share of the rows the group is.

    A judge finds more in many rows than in few, and luck alone makes small groups differ: so all
    groups are judged on as many rows, drawn by chance. Real rows that stand in for the synthetic
    table say what luck alone makes.

    columns : the sensitive columns, see :func:`groups_of`; within a group they say nothing, so they
    are left out.  rows : of each group and side; None takes as many as the smallest group has that
    has ``least``.  Returns one row a group of either table: ``real rows``, ``synthetic rows``,
    ``real share``, ``synthetic share``, ``shape``, ``trend``, ``c2st``; the last three NaN where a
    side has fewer than ``least`` rows, or fewer than ``rows``.
    """
    check_tables(schema, real=real, synthetic=synthetic)
    names = [columns] if isinstance(columns, str) else list(columns)
    groups = [groups_of(table, names) for table in (real, synthetic)]
    counts = pd.DataFrame(
        {place: pd.Series(group).value_counts() for place, group in enumerate(groups)}
    )
    counts = counts.fillna(0).astype("int64").sort_index(kind="stable")
    smaller = counts.min(axis=1)
    enough = smaller[smaller >= max(least, rows or 0)]
    size = rows or (enough.min() if len(enough) else 0)
    others = schema.select([name for name in schema.names if name not in names])
    found = {
        name: _within(
            [table[group == name] for table, group in zip((real, synthetic), groups)],
            others,
            size,
            random_state,
        )
        for name in enough.index
    }
    table = pd.DataFrame(
        {
            "real rows": counts[0],
            "synthetic rows": counts[1],
            "real share": counts[0] / len(real),
            "synthetic share": counts[1] / len(synthetic),
        }
    )
    scores = pd.DataFrame.from_dict(found, orient="index", columns=["shape", "trend", "c2st"])
    return table.join(scores).rename_axis("group")


def _within(tables, schema: Schema, size: int, random_state: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(random_state)
    real, synthetic = (table.iloc[rng.permutation(len(table))[:size]] for table in tables)
    return (
        shape(real, synthetic, schema).mean(),
        trend(real, synthetic, schema).mean(),
        c2st(real, synthetic, schema, random_state),
    )
