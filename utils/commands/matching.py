"""Read a table that belongs beside a real one as that one was read: same columns, forms, types."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from shlex import quote

import numpy as np
import pandas as pd
from pandas.api import types

from utils.checks import is_of_kind
from utils.commands.base import Wishes
from utils.commands.identifiers import OWN_NUMBER
from utils.commands.known import kind_of
from utils.commands.opening import OwnTable
from utils.commands.values import spellings
from utils.dtypes import dtype_of, is_missing
from utils.reading import Choices, OwnFile, open_file
from utils.schema import Column, TableError

GUESSED = "cp1252"  # what text that is not UTF-8 is taken for, if nobody says
SHOWN = 8  # column names in a message
NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Companion:
    """A table with the columns of a real one, in its order and types.

    table : its rows.  notices : what a reader should know about how it was read.  spare : columns
    that it alone has.  persons : of the columns that were left out because they point to persons,
    the share of its cells that stand in the real table.
    """

    table: pd.DataFrame
    notices: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    persons: dict[str, float] = field(default_factory=dict)


def open_companion(
    source: str,
    real: OwnTable,
    real_source: str,
    role: str,
    asked: Wishes = Wishes(),  # noqa: B008 - frozen
) -> Companion:
    """Read a synthetic table, or a holdout, by the decisions that were made about the real one.

    A cell is read in the form that its column has in the real table; where that form does not fit,
    as with dates that another program wrote, the form is found anew.

    source, real_source : path or address.  role : what the table is called in messages.

    Raises TableError for a column that is not there, and for one whose values are of another type.
    """
    file = _open(source, asked.encoding)
    found = _columns(file, real)
    _refuse_lacking(found, file, real, f"The {role} table {source}")
    by_file = {found[name]: real.schema[name] for name in real.schema.names}
    forms = {theirs: real.style.forms.get(column.name) for theirs, column in by_file.items()}
    texts = {
        theirs
        for theirs, column in by_file.items()
        if (forms[theirs].what == "text" if forms[theirs] else column.dtype == "object")
    }
    numbers = {theirs for theirs, column in by_file.items() if column.kind in NUMBERS}
    known = {name: form for name, form in forms.items() if form and name not in texts}
    choices = Choices(asked.dates, asked.decimal, frozenset(texts), frozenset(numbers), forms=known)
    reading = file.read(list(by_file), choices)
    table = pd.DataFrame({c.name: reading.table[theirs] for theirs, c in by_file.items()})
    typed, odd = {}, []
    for column in real.schema.columns:
        typed[column.name] = _typed(table[column.name], column, real.table[column.name])
        if typed[column.name] is None:
            odd.append(_difference(table[column.name], column, real.table[column.name]))
    if odd:
        raise TableError(
            f"The {role} table {source} holds values of other types than the real one: "
            f"{'; '.join(odd[:SHOWN])}. Write them as in the real table, or leave the column out "
            f"of both: --drop {quote(_first_odd(typed))}"
        )
    said = {_plain(notice) for notice in real.notices}
    unused = {*found.values(), *asked.drop}
    spare = tuple(name for name in file.names if name not in unused)
    return Companion(
        pd.DataFrame(typed).reset_index(drop=True),
        tuple(notice for notice in reading.notices if _plain(notice) not in said),
        spare,
        _persons(file, _open(real_source, asked.encoding), real) if real.left_out else {},
    )


def _open(source: str, encoding: str | None) -> OwnFile:
    """The file; an encoding that was named for the real table holds where the file is no UTF-8."""
    if encoding is None:
        return open_file(source)
    try:
        file = open_file(source)
    except TableError:
        return open_file(source, encoding)
    guessed = file.layout is not None and file.layout.encoding == GUESSED
    return open_file(source, encoding) if guessed else file


def _columns(file: OwnFile, real: OwnTable) -> dict[str, str]:
    """Column of the real table, or one left out of it -> its name in the file."""
    known = spellings([*real.schema.names, *real.left_out], real.style.headers)
    rename, found = kind_of(file.names).rename, {}
    for theirs in file.names:
        called = [name for name in (theirs, theirs.strip(), rename(theirs)) if name in known]
        if called:
            found.setdefault(known[called[0]], theirs)
    return found


def _refuse_lacking(found: dict[str, str], file: OwnFile, real: OwnTable, what: str) -> None:
    lacking = [name for name in real.schema.names if name not in found]
    if not lacking:
        return
    spare = [name for name in file.names if name not in found.values()]
    instead = f" It alone has {_listed(spare)}." if spare else ""
    raise TableError(
        f"{what} lacks {len(lacking)} of the {len(real.schema.names)} columns of the real one: "
        f"{_listed(lacking)}.{instead} Give both tables the same columns, or leave some out: "
        f"--drop {quote(lacking[0])}"
    )


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(map(repr, names[:SHOWN])) + more


def _plain(notice: str) -> str:
    """A notice without its examples, which differ from table to table."""
    return re.sub(r" \(.*?\)", "", notice)


def _persons(file: OwnFile, real_file: OwnFile, real: OwnTable) -> dict[str, float]:
    """Share of the cells that stand in the real table, of columns that point to persons; running
    numbers are everybody's, so they are not asked."""
    shares = {}
    ours, theirs = _columns(real_file, real), _columns(file, real)
    for name, why in real.left_out.items():
        if why == OWN_NUMBER or name not in theirs:
            continue
        known, cells = (
            _as_text(part, names[name]) for part, names in ((real_file, ours), (file, theirs))
        )
        if len(cells):
            shares[name] = float(cells.isin(set(known)).mean())
    return shares


def _as_text(file: OwnFile, name: str) -> pd.Series:
    """The cells of a column as they are written, without those that are empty."""
    cells = file.read([name], Choices(text=frozenset([name]))).table[name]
    return cells.dropna().astype(str)


# --- types ---


def _typed(values: pd.Series, column: Column, real: pd.Series) -> pd.Series | None:
    """The values in the real column's type, None where they are of another one.

    Fractions in a column of whole numbers are kept: they are compared, and count as not valid.
    """
    missing = is_missing(values)
    if missing.all():
        return _no_values(values.index, column)
    if column.kind == "category":
        return values if _is_number(values) == _is_number(real) or _is_all_missing(real) else None
    if column.kind in NUMBERS:
        return _as_number(values, column) if _is_number(values) else None
    return values if is_of_kind(values, column) else None


def _is_all_missing(values: pd.Series) -> bool:
    return bool(is_missing(values).all())


def _is_number(values: pd.Series) -> bool:
    """Numbers, also as categories of pandas or as objects; truth values are none."""
    kind = types.infer_dtype(values, skipna=True)
    if kind == "categorical":
        kind = types.infer_dtype(values.cat.categories, skipna=True)
    return kind in ("integer", "floating", "mixed-integer-float", "decimal")


def _as_number(values: pd.Series, column: Column) -> pd.Series:
    numbers = values
    if types.is_object_dtype(values.dtype):
        numbers = pd.to_numeric(values)
    if column.kind == "integer" and types.is_float_dtype(numbers.dtype):
        present = numbers.dropna()
        if (present % 1 == 0).all() and (present.abs() < 2**53).all():
            return numbers.astype("Int64" if numbers.isna().any() else "int64")
    return numbers


def _no_values(index: pd.Index, column: Column) -> pd.Series:
    """A column without any value, in a type that can be compared with the real one."""
    dtype = dtype_of(column.dtype)
    if column.kind == "integer" and isinstance(dtype, np.dtype):
        dtype = pd.Int64Dtype()
    elif column.discrete and not isinstance(dtype, pd.CategoricalDtype):
        dtype = np.dtype(object)
    return pd.Series(np.nan if types.is_object_dtype(dtype) else None, index, dtype=dtype)


def _difference(values: pd.Series, column: Column, real: pd.Series) -> str:
    """In words: "column 'age' holds whole numbers (34) in the real table, and text ('young')"."""
    theirs, ours = values.dropna(), real.dropna()
    there = f"{_words(real)} ({_shown(ours.iloc[0])})" if len(ours) else "no value"
    where = f"{values.index.name or 'row'} {theirs.index[0]}"
    return (
        f"column {column.name!r} holds {there} in the real table and {_words(values)} "
        f"({_shown(theirs.iloc[0])}, {where}) here"
    )


def _words(values: pd.Series) -> str:
    if types.is_datetime64_any_dtype(values.dtype):
        zone = getattr(values.dtype, "tz", None)
        return "dates" if zone is None else f"dates with the zone {zone}"
    if types.infer_dtype(values, skipna=True) == "boolean":
        return "true and false"
    return "numbers" if _is_number(values) else "text"


def _shown(value) -> str:
    return repr(value) if isinstance(value, str) else str(value)


def _first_odd(typed: dict[str, pd.Series | None]) -> str:
    return next(name for name, values in typed.items() if values is None)
