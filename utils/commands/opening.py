"""Open a table of one's own: read it, leave out identifiers, check its rules, infer the schema."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from shlex import quote

import numpy as np
import pandas as pd
from pandas.api import types

from utils.commands.base import Wishes, one_of
from utils.commands.identifiers import has_own_values, identifiers, may_be_persons
from utils.commands.kinds import categories, looks_like_class
from utils.commands.known import ORDINARY, Kind, kind_of
from utils.commands.rules import found_rules, read_rules
from utils.commands.values import spellings
from utils.commands.writing import Style
from utils.expressions import columns_of
from utils.reading import Choices, OwnFile, Reading, open_file
from utils.schema import DISCRETE, LARGEST, Schema, TableError

TARGET_VALUES = range(2, 51)
LONGEST_TEXT = 60  # characters of a name or list of values that are shown


@dataclass(frozen=True)
class OwnTable:
    """A table ready to fit.

    table, schema : without the columns that were left out.  notices : what a reader should know.
    left_out : name -> why.  holdout : rows set apart by the table's authors, if there are any.
    style : how the file is written.
    """

    table: pd.DataFrame
    schema: Schema
    notices: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    holdout: pd.DataFrame | None = None
    style: Style = field(default_factory=Style)

    def __str__(self) -> str:
        shape = f"{len(self.table):,} rows, {len(self.schema.columns)} columns"
        return "\n".join([shape, *(f"- {notice}" for notice in self.notices), "", self._columns()])

    def _columns(self) -> str:
        """The columns as text, aligned at the left, without units where there are none."""
        shown = self.schema.describe().reset_index()
        shown = shown.drop(columns="unit" if (shown["unit"] == "-").all() else [])
        long = shown.map(len) > LONGEST_TEXT
        shown = shown.where(~long, shown.map(lambda text: text[: LONGEST_TEXT - 1] + "…"))
        shown = shown.T.reset_index().T.replace(r"\s", " ", regex=True)
        widths = shown.map(len).max()
        return "\n".join(
            "  ".join(map(str.ljust, row, widths)).rstrip() for row in shown.to_numpy()
        )


def open_table(source: str, asked: Wishes = Wishes()) -> OwnTable:  # noqa: B008 - frozen
    """Read and prepare a table for any command.

    source : path or address.  asked : what the options of the command ask for.

    Raises TableError for a table that cannot be used, a usage error for a column that is not there.
    """
    file = open_file(source, asked.encoding)
    doubts = []
    for kind in (kind_of(file.names), ORDINARY):
        try:
            wishes = _in_course_names(asked, file, kind)
            table, reading, renamed = _read(source, file, kind, wishes)
            break
        except TableError as error:
            if kind is ORDINARY:
                raise
            doubts = [f"Named like a table of the course, but read as any other: {error}"]
    _check_finite(table)
    numbers = {*wishes.number} - {*wishes.category}
    _check_numbers(table[[name for name in table if name in numbers]])
    found = identifiers(table)
    measured = {name: why for name, why in found.items() if name in numbers}
    found = {name: why for name, why in found.items() if name not in measured}
    wanted = {*wishes.keep, *wishes.category, wishes.target}
    kept = {name: why for name, why in found.items() if name in wanted}
    left_out = {name: why for name, why in found.items() if name not in wanted}
    names = [name for name in table.columns if name not in left_out]
    persons = dict.fromkeys((name for name in names if may_be_persons(table[name])), "")
    if not names:
        hint = f"Keep one: --keep {quote(table.columns[0])}"
        why = [*reading.notices, *_said(left_out, "Left out {names}: {why}.")]
        raise TableError(" ".join([f"No column of {source} is left.", *why, hint]))
    if wishes.target is not None:
        one_of(wishes.target, names, "--target", "column")
    others = dict.fromkeys((name for name in file.names if kind.rename(name) is None), "")
    held = [] if kind.schema or wishes.rule else found_rules(table[names])
    opened = _with_schema(kind, table[names].reset_index(drop=True), wishes, {*kept})
    style = _style(file, kind, reading, renamed)
    rules = read_rules(wishes.rule, table[names], opened.schema, style, left_out)
    schema = replace(opened.schema, rules=opened.schema.rules | rules)
    notices = [
        *doubts,
        *([kind.notice] if kind.notice else []),
        *_said(others, "Columns that do not belong to such a table are left out: {names}."),
        *reading.notices,
        *_said(left_out, "Left out {names}: {why}. To keep it, with real values: --keep {first}"),
        *_said(kept, "Kept {names}, although {why}: real values will be written."),
        *_said(measured, "Kept {names} as a quantity, although {why}."),
        *_said(persons, "Real values of {names} are copied. To leave it out: --drop {first}"),
        *opened.notices,
        *_said(dict(zip(held, held)), "In every row {why}. To keep it so: --rule {first}"),
    ]
    return replace(opened, schema=schema, notices=tuple(notices), left_out=left_out, style=style)


def _in_course_names(wishes: Wishes, file: OwnFile, kind: Kind) -> Wishes:
    """The wishes with columns by the course's names, which a file may spell in its own way; a usage
    error for a column that is not there."""
    headers = _headers(file, kind)
    known = spellings(headers, headers)

    def ours(option: str, names: list[str]) -> list[str]:
        return [known[one_of(name, known, option, "column")] for name in names]

    target = ours("--target", [wishes.target])[0] if wishes.target else None
    several = ("drop", "keep", "category", "number")
    return replace(
        wishes, target=target, **{o: ours(f"--{o}", getattr(wishes, o)) for o in several}
    )


def _read(source, file, kind, wishes) -> tuple[pd.DataFrame, Reading, dict[str, str]]:
    """The table in the course's names, how it was read, and the file's name -> the course's."""
    renamed = {name: ours for name in file.names if (ours := kind.rename(name)) is not None}
    left = {name: ours for name, ours in renamed.items() if ours not in wishes.drop}
    if not left:
        raise TableError(f"No column of {source} is left. Drop fewer.")
    text, numbers = (
        frozenset(name for name, ours in renamed.items() if ours in asked)
        for asked in (wishes.category, wishes.number)
    )
    choices = Choices(wishes.dates, wishes.decimal, text, numbers)
    reading = file.read(list(renamed if kind.whole else left), choices)
    table = kind.load(reading.table.rename(columns=renamed), source)
    return table[list(left.values())], reading, left


def _headers(file: OwnFile, kind: Kind) -> dict[str, str]:
    """What the file's header says of each column, by the course's names."""
    said = file.layout.headers if file.layout else {}
    return {kind.rename(name) or name: said.get(name, name) for name in file.names}


def _style(file: OwnFile, kind: Kind, reading: Reading, renamed: dict[str, str]) -> Style:
    """How the file is written, by the course's names."""
    headers = _headers(file, kind)
    return Style(
        {ours: headers[ours] for ours in renamed.values()},
        {renamed[name]: form for name, form in reading.forms.items() if name in renamed},
        file.layout,
        file.schema,
    )


def _check_finite(table: pd.DataFrame) -> None:
    for name in table.columns[[types.is_float_dtype(dtype) for dtype in table.dtypes]]:
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
        large = np.abs(values) > LARGEST
        if large.any():
            raise TableError(
                f"Column {name!r}, {table.index.name} {table.index[large][0]}: "
                f"{values[large][0]} is infinite, or beyond {LARGEST:g}. Replace it by a smaller "
                f"number, leave the cell empty, or leave the column out: --drop {quote(name)}. If "
                f"it holds codes: --category {quote(name)}"
            )


def _check_numbers(table: pd.DataFrame) -> None:
    for name, cells in table.select_dtypes(exclude="number").astype(str).items():
        row = pd.to_numeric(cells[table[name].notna()], errors="coerce").isna().idxmax()
        raise TableError(
            f"Column {name!r}, {table.index.name} {row}: {cells[row]!r} is no number that is known "
            f"here. Write it like 1234.5, or leave out --number {quote(name)}."
        )


def _with_schema(kind: Kind, table: pd.DataFrame, wishes: Wishes, kept: set[str]) -> OwnTable:
    """The table with its schema, split where its authors split it; no value of the columns that are
    ``kept`` although they point to persons is made up."""
    notices, holdout = [], None
    if kind.part in table and set(table[kind.part]) == {"train", "test"}:
        parts = table[kind.part]
        facts = table.drop(columns=kind.part)
        table, holdout = (facts[parts == part].reset_index(drop=True) for part in ("train", "test"))
        notices.append(
            f"The column {kind.part!r} is its authors' split: methods see the train rows, the test "
            "rows judge them."
        )
    found = {} if kind.schema else categories(table, wishes.target)
    found = {name: why for name, why in found.items() if name not in {*kept, *wishes.number}}
    forced = [name for name in table.columns if name in {*found, *wishes.category, *kept}]
    named = Schema.infer(table, categories=forced)
    known = kind.schema(table) if kind.schema else named
    columns = tuple(named[c.name] if c.name in forced else c for c in known.columns)
    notices += _said(found, "{why}: {names}. If it is a quantity: --number {first}")
    schema = replace(known, columns=columns, target=wishes.target or known.target)
    return OwnTable(table, schema, tuple(notices), holdout=holdout)


def with_default_target(opened: OwnTable) -> OwnTable:
    """The table with a target: its own, or a category or boolean of 2 to 50 values: that which is
    named as a class, else the last."""
    if opened.schema.target is not None:
        return opened
    fitting = [
        column.name
        for column in opened.schema.columns
        if column.kind in DISCRETE and len(column.categories) in TARGET_VALUES
    ]
    if not fitting:
        notice = "No column has 2 to 50 categories to predict, so TSTR is left out. "
        return replace(opened, notices=(*opened.notices, f"{notice}Name one with --target."))
    named = [name for name in fitting if looks_like_class(name)]
    chosen = (named or fitting)[-1]
    which = "named as a class" if named else "the last column of 2 to 50 categories"
    notice = f"TSTR predicts {chosen!r}, {which}. Name another with --target."
    schema = replace(opened.schema, target=chosen)
    return replace(opened, schema=schema, notices=(*opened.notices, notice))


def without_model(opened: OwnTable, given: Iterable[str] = ()) -> list[str]:
    """The columns that no model can learn from: categories in which each row has a value of its
    own, and that no rule, target or condition (``given``) needs."""
    used = {opened.schema.target, *given}.union(*map(columns_of, opened.schema.rules.values()))
    found = [
        column.name
        for column in opened.schema.columns
        if column.kind == "category"
        and column.name not in used
        and has_own_values(opened.table[column.name])
    ]
    return found if len(found) < len(opened.schema.columns) else []


def stem(source: str) -> str:
    """Name of the table without folder and suffixes."""
    return PurePath(source.split("?")[0]).name.split(".")[0] or "table"


# --- what to say ---


def _said(reasons: dict[str, str], text: str) -> list[str]:
    """One line for each reason. text : with {why}, the {names} that share it, and the {first} of
    them as a shell takes it."""
    shared: dict[str, list[str]] = {}
    for name, why in reasons.items():
        shared.setdefault(why, []).append(name)
    return [
        text.format(why=why, names=", ".join(map(repr, names)), first=quote(names[0]))
        for why, names in shared.items()
    ]
