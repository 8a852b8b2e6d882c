"""The tables of the course: load, validate, split."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from utils.reading import read_table
from utils.schema import Column, Schema, TableError

DATA = Path(__file__).resolve().parent.parent / "data"
SCREENTIME_UNITS = {"Usage": "minutes", "Notifications": "count per day", "Times opened": "count per day"}
SCREENTIME_RULES = {
    "minutes only with an opening": "Usage == 0 or `Times opened` >= 1",
    "an opening takes a minute": "`Times opened` == 0 or Usage >= 1",
    "a day has 1,440 minutes": "Usage <= 1440",
}


def load_screentime(source=None) -> pd.DataFrame:
    """The screen-time table."""
    table = read_table(DATA / "screentime.csv" if source is None else source)
    return table.assign(Date=pd.to_datetime(table["Date"]))


def load_adult(part: str | None = None) -> pd.DataFrame:
    """The Adult census table: all of it with its ``part`` column, or the "train" or "test" rows without it."""
    table = read_table(DATA / "adult.parquet")
    if part is None:
        return table
    return table[table["part"] == part].drop(columns="part").reset_index(drop=True)


def screentime_schema(table: pd.DataFrame) -> Schema:
    """Schema of a screen-time table: target App, the rules that its columns allow."""
    target = "App" if "App" in table.columns else None
    schema = Schema.infer(table, rules=SCREENTIME_RULES, target=target, units=SCREENTIME_UNITS)
    return schema.select(list(table.columns))


def adult_schema(table: pd.DataFrame) -> Schema:
    """Schema of the Adult table: target income."""
    return Schema.infer(table, target="income", units={"age": "years", "hours_per_week": "hours"})


def split(table: pd.DataFrame, holdout: float = 1 / 3, random_state: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows at random into (train, holdout), both with a fresh index."""
    order = np.random.default_rng(random_state).permutation(len(table))
    size = round(len(table) * holdout)
    return (table.iloc[order[size:]].reset_index(drop=True), table.iloc[order[:size]].reset_index(drop=True))
