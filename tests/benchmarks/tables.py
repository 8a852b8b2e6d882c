"""The tables of the race: rows to fit, real rows to be judged by, what their columns are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pandas as pd

from utils.schema import Schema
from utils.screentime import simulate_screentime
from utils.tables import (
    adult_schema,
    flights_schema,
    load_adult,
    load_flights,
    load_screentime,
    screentime_schema,
)

YEAR, DAYS = "screen time", "screen time, 25 days"


@dataclass(frozen=True)
class Table:
    """A table of the race; what depends on the seed takes it.

    train : seed -> rows to fit.  holdout : seed -> real rows that no method sees.  schema : rows to
    fit -> what the columns are.  fresh : seed -> as many more real rows as were fitted, where the
    process is known.  seeds : of the race.  quick : raced first, and ``small``: too few rows for
    boosted trees to tell them apart.  published : judged by the published judge, too.
    """

    train: Callable[[int], pd.DataFrame]
    holdout: Callable[[int], pd.DataFrame]
    schema: Callable[[pd.DataFrame], Schema]
    fresh: Callable[[int], pd.DataFrame] | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    quick: bool = False
    small: bool = False
    published: bool = False


def simulated(first: int, days: int = 366) -> Callable[[int], pd.DataFrame]:
    """seed -> rows of the course's process without dates, drawn with the number first + seed."""
    return lambda seed: simulate_screentime(days, random_state=first + seed).drop(columns="Date")


# No two sources below share a number of the process, nor does the stored year.
TABLES = {
    YEAR: Table(
        lambda seed: load_screentime().drop(columns="Date"),
        simulated(1_000),
        screentime_schema,
        simulated(1_100),
        quick=True,
    ),
    DAYS: Table(
        simulated(2_000, days=25),
        simulated(2_100),
        screentime_schema,
        simulated(2_200, days=25),
        seeds=(0, 1, 2, 3, 4),
        quick=True,
        small=True,
    ),
    "Adult": Table(
        lambda seed: load_adult("train"),
        lambda seed: load_adult("test"),
        adult_schema,
        published=True,
    ),
    "flights": Table(
        lambda seed: load_flights("train"), lambda seed: load_flights("test"), flights_schema
    ),
}


@cache
def digest(name: str) -> str:
    """Hash of a table's rows with its first seed and of their schema: changes when the data do."""
    table, seed = TABLES[name], TABLES[name].seeds[0]
    train = table.train(seed)
    sources = [train, table.holdout(seed), *([table.fresh(seed)] if table.fresh else [])]
    text = "".join(rows.to_csv(index=False) for rows in sources) + repr(table.schema(train))
    return hashlib.sha256(text.encode()).hexdigest()
