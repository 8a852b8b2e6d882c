"""Tables whose defect is known, to learn which metric sees it: a metric that has only been tried on
generators has never been wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from utils.results import COPY, FRESH, SHUFFLED
from utils.schema import Schema
from utils.scoring.yardsticks import shuffle_columns

PERTURBED = 0.3  # share of cells
HALF = 0.5  # of the variance, and of the rows that are there twice


@dataclass(frozen=True)
class Spots:
    """Where a table is to be hurt.

    group : table -> bool (n,), the rows of a large group.  rare : the same for a rare class.
    missing : the column that will hold nothing.  broken : (table, generator) -> the table with a
    rule broken in some rows.
    """

    group: Callable[[pd.DataFrame], pd.Series]
    rare: Callable[[pd.DataFrame], pd.Series]
    missing: str
    broken: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def defective_tables(
    train: pd.DataFrame, fresh: pd.DataFrame, schema: Schema, spots: Spots, random_state: int = 0
) -> dict[str, pd.DataFrame]:
    """Eleven tables and what is wrong with each, by name.

    train : rows that a generator would have learned from.  fresh : real rows that neither it nor
    the judge knows. Copies, perturbed and shuffled rows are made of ``train``, all others of
    ``fresh``, so that each table has one defect; the first, fresh rows, has none. Each has as many
    rows as its source but those with rows deleted.
    """
    rng = np.random.default_rng(random_state)
    return {
        FRESH: fresh,
        COPY: train,
        "bootstrap of training rows": train.iloc[rng.integers(len(train), size=len(train))],
        "30 % of cells perturbed": perturbed(train, PERTURBED, rng),
        SHUFFLED: shuffle_columns(train, random_state),
        "one group deleted": fresh[_others(spots.group, fresh)],
        "a rare class dropped": fresh[_others(spots.rare, fresh)],
        "one rule broken": spots.broken(fresh, rng),
        "variance halved": narrowed(fresh, schema, HALF),
        "half of the rows twice": repeated(fresh, HALF, rng),
        "one column all missing": emptied(fresh, spots.missing),
    }


def _others(rows: Callable[[pd.DataFrame], pd.Series], table: pd.DataFrame) -> np.ndarray:
    """The rows that are not meant; a missing answer means no row."""
    return ~np.asarray(rows(table).fillna(False), bool)


def perturbed(table: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """The table with a share of its cells replaced by cells of other rows of the same column."""
    columns = {}
    for name in table.columns:
        other = rng.integers(len(table), size=len(table))
        place = np.where(rng.random(len(table)) < share, other, np.arange(len(table)))
        columns[name] = table[name].array[place]
    return pd.DataFrame(columns)


def narrowed(table: pd.DataFrame, schema: Schema, share: float) -> pd.DataFrame:
    """Each number drawn towards its column's mean, so that a share of the variance is left (less
    exactly where rounding to the column's decimals is coarse); a row that would break a rule by it
    stays as it is."""
    columns = {}
    for column in schema.columns:
        values = table[column.name]
        if not column.discrete and column.kind != "date":
            closer = values.mean() + np.sqrt(share) * (values - values.mean())
            decimals = 0 if column.kind == "integer" else column.decimals
            values = (closer if decimals is None else closer.round(decimals)).astype(values.dtype)
        columns[column.name] = values
    closer = pd.DataFrame(columns)
    broken = schema.broken_rules(closer).any(axis=1).to_numpy(bool)
    return pd.DataFrame({name: closer[name].mask(broken, table[name]) for name in closer})


def repeated(table: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """A share of the rows, drawn by chance, so often that the table has its size again."""
    kept = rng.permutation(len(table))[: max(1, round(share * len(table)))]
    return table.iloc[np.resize(kept, len(table))]


def emptied(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The table with a column that holds nothing; its dtype can hold nothing, too."""
    nothing = pd.array([pd.NA] * len(table), dtype=table[name].convert_dtypes().dtype)
    return table.assign(**{name: nothing})
