"""Open a table of one's own: recognise the course's tables, leave out identifiers, infer the
schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np
import pandas as pd
from pandas.api import types

from utils.commands.base import one_of
from utils.schema import DISCRETE, Schema, TableError
from utils.tables import ADULT_UNITS, load_screentime, read_table, screentime_schema

FEWEST_ROWS = 10  # in fewer rows, values that all differ say nothing about the column
OWN_VALUES = (
    0.9  # share of rows with a value of their own from which a text column is taken to name people
)
ID_WORDS = ("id", "uuid", "guid", "key", "ssn", "number", "no", "nr", "phone")
ID_NAMES = ("", "id", "index", "row", "unnamed")  # "Unnamed: 0" is what pandas makes of no name
TARGET_VALUES = range(2, 51)
LONGEST_TEXT = 60  # characters of a name or list of values that are shown


@dataclass(frozen=True)
class OwnTable:
    """A table ready to fit.

    table, schema : without the columns that were left out.  notices : what a reader should know.
    left_out : name -> why.  holdout : rows set apart by the table's authors, if there are any.
    """

    table: pd.DataFrame
    schema: Schema
    notices: tuple[str, ...] = ()
    left_out: dict[str, str] | None = None
    holdout: pd.DataFrame | None = None

    def __str__(self) -> str:
        shape = f"{len(self.table):,} rows, {len(self.schema.columns)} columns"
        return "\n".join([shape, *(f"- {notice}" for notice in self.notices), "", self._columns()])

    def _columns(self) -> str:
        """The columns as text, aligned at the left, without units where there are none."""
        shown = self.schema.describe().reset_index()
        shown = shown.drop(columns="unit" if (shown["unit"] == "-").all() else [])
        shown = shown.map(lambda text: shorten(text, LONGEST_TEXT)).T.reset_index().T
        widths = shown.map(len).max()
        return "\n".join(
            "  ".join(map(str.ljust, row, widths)).rstrip() for row in shown.to_numpy()
        )


def shorten(text: str, most: int) -> str:
    """The text, cut to ``most`` characters with an ellipsis at the end."""
    return text if len(text) <= most else text[: most - 1] + "…"


def open_table(
    source: str, target: str | None, drop: list[str] | None, keep: list[str] | None
) -> OwnTable:
    """Read and prepare a table for any command.

    source : path or address.  target : column to predict; None for that of a recognised table, if
        it is one.
    drop, keep : columns to leave out, and columns to keep although they look like identifiers.

    Raises TableError for a table that cannot be used, a usage error for a column that is not there.
    """
    kind, table, notices = _recognise(source)
    for option, names in (
        ("--drop", drop),
        ("--keep", keep),
        ("--target", [target] if target else None),
    ):
        for name in names or []:
            one_of(name, table.columns, option, "column")
    left_out = _identifiers(table.drop(columns=drop or []), {*(keep or []), target})
    names = [name for name in table.columns if name not in {*(drop or []), *left_out}]
    if not names:
        raise TableError(
            f"No column of {source} is left. Keep one: --keep {_quote(table.columns[0])}"
        )
    opened = kind.prepare(table[names])
    if target is not None:
        one_of(target, names, "--target", "column")
        opened = replace(opened, schema=replace(opened.schema, target=target))
    about_columns = _notices(source, table.drop(columns=drop or []), left_out)
    return replace(opened, notices=(*notices, *opened.notices, *about_columns), left_out=left_out)


def with_default_target(opened: OwnTable) -> OwnTable:
    """The table with a target: its own, or the last category or boolean of 2 to 50 values."""
    if opened.schema.target is not None:
        return opened
    fitting = [
        column.name
        for column in opened.schema.columns
        if column.kind in DISCRETE and len(column.categories) in TARGET_VALUES
    ]
    if not fitting:
        notice = "No column has 2 to 50 categories to predict, so TSTR is left out. Name one with --target."
        return replace(opened, notices=(*opened.notices, notice))
    chosen = fitting[-1]
    notice = f"TSTR predicts {chosen!r}, the last column of 2 to 50 categories. Name another with --target."
    schema = replace(opened.schema, target=chosen)
    return replace(opened, schema=schema, notices=(*opened.notices, notice))


def stem(source: str) -> str:
    """Name of the table without folder and suffixes."""
    return PurePath(source.split("?")[0]).name.split(".")[0] or "table"


# --- tables that the course knows ---


@dataclass(frozen=True)
class Kind:
    """A kind of table: how columns tell it, how it is loaded and prepared, what to say about it."""

    matches: Callable[[set[str]], bool]
    load: Callable[[str, pd.DataFrame], pd.DataFrame]
    prepare: Callable[[pd.DataFrame], OwnTable]
    notice: str = ""


def _is_screentime(names: set[str]) -> bool:
    plain = {name.strip().lower() for name in names}
    others = {"date", "app", "notifications", "times opened"}
    return others <= plain and not plain.isdisjoint({"usage", "usage (minutes)"})


def _is_adult(names: set[str]) -> bool:
    return {*ADULT_UNITS, "income"} <= names


def _prepare_adult(table: pd.DataFrame) -> OwnTable:
    """Split as its authors did, where the column that tells is there; it is no fact about a
    person."""
    split = "part" in table and set(table["part"]) == {"train", "test"}
    facts = table.drop(columns="part") if split else table
    schema = Schema.infer(facts, target="income" if "income" in facts else None, units=ADULT_UNITS)
    if not split:
        return OwnTable(facts, schema)
    train, test = (
        facts[table["part"] == part].reset_index(drop=True) for part in ("train", "test")
    )
    notice = "The column 'part' is its authors' split: methods see the train rows, the test rows judge them."
    return OwnTable(train, schema, (notice,), holdout=test)


def _plain(values: pd.Series) -> pd.Series:
    """A text column with NaN for missing: Parquet gives None, CSV gives NaN."""
    return values.where(values.notna(), np.nan) if values.dtype == object else values


KINDS = (
    Kind(
        _is_screentime,
        lambda source, table: load_screentime(source),
        lambda table: OwnTable(table, screentime_schema(table)),
        "Recognised as a screen-time table by its columns: read with the course's loader, units and rules.",
    ),
    Kind(
        _is_adult,
        lambda source, table: table.apply(_plain),
        _prepare_adult,
        "Recognised as the Adult census table by its columns: units and target are known.",
    ),
    Kind(
        lambda names: True,
        lambda source, table: table.apply(_plain),
        lambda table: OwnTable(table, Schema.infer(table)),
    ),
)


def _recognise(source: str) -> tuple[Kind, pd.DataFrame, list[str]]:
    """The kind of a table, the table as that kind is loaded, and what to say about both."""
    table = read_table(source)
    table.columns = table.columns.map(str)
    kind = next(kind for kind in KINDS if kind.matches(set(table.columns)))
    loaded = kind.load(source, table)
    notices = [kind.notice] if kind.notice else []
    others = table.shape[1] - loaded.shape[1]
    if others:
        notices.append(
            f"Columns of the file that do not belong to such a table are left out: {others}."
        )
    return kind, loaded, notices


# --- columns that identify ---


def _identifiers(table: pd.DataFrame, kept: set[str | None]) -> dict[str, str]:
    """Name -> why, of the columns that tell one row from all others."""
    found = {name: _why_identifier(table[name]) for name in table.columns if name not in kept}
    return {name: why for name, why in found.items() if why}


def _why_identifier(values: pd.Series) -> str:
    present = values.dropna()
    if len(present) < FEWEST_ROWS:
        return ""
    own = (
        1 - present.duplicated(keep=False).mean() if _is_text(values) else float(present.is_unique)
    )
    if _is_text(values) and own >= OWN_VALUES:
        return "nearly every row has a text of its own, as with names and addresses"
    if own == 1 and _is_whole(present) and _sounds_like_id(values.name):
        return "each row has a whole number of its own, and the name is that of an identifier"
    return ""


def _is_text(values: pd.Series) -> bool:
    return values.dtype == object or isinstance(values.dtype, (pd.CategoricalDtype, pd.StringDtype))


def _is_whole(present: pd.Series) -> bool:
    if types.is_bool_dtype(present.dtype) or not types.is_numeric_dtype(present.dtype):
        return False
    return bool((present % 1 == 0).all())


def _sounds_like_id(name: str) -> bool:
    """True for customer_id, PassengerId, Account No (last word), id_code (first word) and no name
    at all."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()) or [
        name.strip()
    ]
    return words[-1] in ID_WORDS or words[0] in ID_NAMES


# --- what to say ---


def _notices(source: str, table: pd.DataFrame, left_out: dict[str, str]) -> list[str]:
    notices = []
    for why in dict.fromkeys(left_out.values()):
        names = [name for name, reason in left_out.items() if reason == why]
        notices.append(f"Left out {_listed(names)}: {why}. To keep it: --keep {_quote(names[0])}")
    dates = [name for name in table.columns if types.is_datetime64_any_dtype(table[name].dtype)]
    if dates and ".csv" in source.lower():
        notices.append(f"Read as dates: {_listed(dates)}.")
    unread = [name for name in table.columns if _looks_like_dates(table[name])]
    if unread:
        notices.append(
            f"Read as text: {_listed(unread)}. Only dates such as 2024-08-07 are read as dates."
        )
    return notices


def _looks_like_dates(values: pd.Series) -> bool:
    present = values.dropna()
    pattern = r"\s*\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b.*"
    return (
        _is_text(values) and len(present) > 0 and present.astype(str).str.fullmatch(pattern).all()
    )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _quote(name: str) -> str:
    return f'"{name}"' if re.search(r"\W", name) else name
