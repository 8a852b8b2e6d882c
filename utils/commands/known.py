"""The tables that the course knows by their columns: how they are loaded, what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from utils.schema import Schema
from utils.tables import ADULT_UNITS, SCREENTIME_UNITS, as_screentime, screentime_schema

SCREENTIME_NAMES = {name.lower(): name for name in ("Date", "App", *SCREENTIME_UNITS)}


@dataclass(frozen=True)
class Kind:
    """A kind of table.

    matches : tells it by its column names.  rename : a file's name -> the course's, None for a
    column that does not belong.  load : table as it was read and its source -> as it is learned.
    whole : load needs all columns.  schema : gives what is known.  part : column with its authors'
    split.  notice : what to say.
    """

    matches: Callable[[list[str]], bool]
    rename: Callable[[str], str | None] = lambda name: name
    load: Callable[[pd.DataFrame, str], pd.DataFrame] = lambda table, source: table
    schema: Callable[[pd.DataFrame], Schema] | None = None
    whole: bool = False
    part: str = ""
    notice: str = ""


def kind_of(names: list[str]) -> Kind:
    """The kind of a table with these columns."""
    return next(kind for kind in KINDS if kind.matches(names))


def _course_name(name: str) -> str | None:
    plain = " ".join(name.lower().replace("(minutes)", "").split())
    return SCREENTIME_NAMES.get(plain)


def _is_screentime(names: list[str]) -> bool:
    return set(SCREENTIME_NAMES.values()) <= {_course_name(name) for name in names}


def _is_adult(names: list[str]) -> bool:
    return {*ADULT_UNITS, "income"} <= set(names)


def _adult_schema(table: pd.DataFrame) -> Schema:
    return Schema.infer(table, target="income" if "income" in table else None, units=ADULT_UNITS)


ORDINARY = Kind(lambda names: True)
KINDS = (
    Kind(
        _is_screentime,
        _course_name,
        as_screentime,
        screentime_schema,
        whole=True,
        notice="Recognised as a screen-time table by its columns: read with the course's loader, "
        "units and rules.",
    ),
    Kind(
        _is_adult,
        schema=_adult_schema,
        part="part",
        notice="Recognised as the Adult census table by its columns: units and target are known.",
    ),
    ORDINARY,
)
