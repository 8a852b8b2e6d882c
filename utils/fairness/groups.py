"""Who is compared with whom: the groups of a sensitive column, or of several together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from utils.schema import TableError, check_table

LEAST = 30  # persons that a rate needs, or it is not told
MOST_GROUPS = 60
MISSING = "(missing)"
BETWEEN = ", "


def groups_of(table: pd.DataFrame, columns: str | Sequence[str]) -> np.ndarray:
    """The group of each row as text, object (n,): of one column, or of several together.

    columns : a name, or several for their intersection, such as ["sex", "race"]: "Female, Black".
    A missing cell is a group of its own, "(missing)".

    Raises TableError for a column that is not there, one of so many values that it makes no groups,
    or names that cannot be told apart when they are joined.
    """
    check_table(table)
    names = [columns] if isinstance(columns, str) else list(columns)
    unknown = [name for name in names if name not in table.columns]
    if unknown or not names:
        raise TableError(
            f"The groups cannot be read off {names}: choose one or more of "
            f"{', '.join(table.columns)}."
        )
    cells = pd.DataFrame({name: _as_text(table[name]) for name in names})
    found = len(cells.drop_duplicates())
    if found > MOST_GROUPS:
        raise TableError(
            f"{' and '.join(names)}: {found} groups are too many to compare, {MOST_GROUPS} are the "
            "most. Cut numbers into few classes first (pandas.cut), or join rare values."
        )
    joined = cells[names[0]].str.cat([cells[name] for name in names[1:]], sep=BETWEEN)
    if joined.nunique() < found:
        raise TableError(
            f"Groups of {' and '.join(names)} have the same name once joined by a comma. Rename "
            "one of their values."
        )
    return joined.to_numpy(object)


def _as_text(values: pd.Series) -> pd.Series:
    return values.astype(object).map(str, na_action="ignore").fillna(MISSING)
