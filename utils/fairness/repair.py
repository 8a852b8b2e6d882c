"""One repair: draw so many rows of each group and answer that the answer does not tell the
group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.schema import TableError, check_table


def counts_by_cell(
    table: pd.DataFrame, columns: str | Sequence[str], target: str, n: int, strength: float = 1.0
) -> pd.Series:
    """How many of n rows each group and answer gets when groups and answers become independent.

    A group's share of the rows stays, an answer's share stays; at full strength each answer is as
    frequent in each group as in the whole table (Kamiran and Calders 2012, section 5.3: expected
    over observed counts). Strength 0 keeps the table's counts, and what lies between mixes both.
    Fractions are rounded so that the counts add up to n (largest remainders).

    columns : the sensitive columns.  target : the column to predict.  Rows with a missing cell in
    one of these do not count.  Returns int64, indexed by the columns and the target; a cell that
    the table does not have is left out unless independence gives it rows.

    Raises TableError for a column that is not there, ValueError for a strength beyond 0 and 1.
    """
    check_table(table)
    names = [columns] if isinstance(columns, str) else list(columns)
    unknown = [name for name in [*names, target] if name not in table.columns]
    if unknown or not names or target in names:
        raise TableError(
            f"Groups of {names} and the target {target!r} cannot be counted: choose different "
            f"columns of {', '.join(table.columns)}."
        )
    if not 0 <= strength <= 1:
        raise ValueError(f"The strength lies between 0 and 1, not at {strength!r}.")
    known = table[[*names, target]].dropna().astype(object)
    observed = known.groupby(names)[target].value_counts().unstack(fill_value=0)
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / max(len(known), 1)
    wanted = ((1 - strength) * observed + strength * expected).stack()
    wanted = wanted[wanted > 0] * n / max(len(known), 1)
    return _rounded(wanted, n)


def _rounded(wanted: pd.Series, n: int) -> pd.Series:
    """Whole numbers near these that add up to n; the largest fractions are rounded up."""
    whole = np.floor(wanted).astype("int64")
    order = np.argsort(-(wanted - whole).to_numpy(), kind="stable")
    whole.iloc[order[: n - whole.sum()]] += 1
    return whole.rename("rows")


def sample_by_cell(synthesizer, counts: pd.Series, random_state: int = 0) -> pd.DataFrame:
    """Draw so many rows of each cell from a fitted synthesizer, by conditions (``given=``), in a
    random order.

    counts : rows of each cell; the index names the columns, as from :func:`counts_by_cell`.

    Raises what ``sample`` raises for a value that training never saw.
    """
    rng = np.random.default_rng(random_state)
    seeds = rng.integers(2**31, size=len(counts))
    parts = [
        synthesizer.sample(int(rows), given=_condition(counts.index, cell), random_state=int(seed))
        for (cell, rows), seed in zip(counts.items(), seeds)
        if rows > 0
    ]
    if not parts:
        return synthesizer.sample(0)
    drawn = pd.concat(parts, ignore_index=True)
    return drawn.iloc[rng.permutation(len(drawn))].reset_index(drop=True)


def _condition(index: pd.Index, cell) -> dict:
    values = cell if isinstance(index, pd.MultiIndex) else (cell,)
    return dict(zip(index.names, values))
