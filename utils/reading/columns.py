"""What the cells of each column are, and what a reader should know about that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from shlex import quote

import numpy as np
import pandas as pd

from utils.reading.clocks import Clock, Phrase
from utils.reading.forms import Choices, Form, Text, Truth
from utils.reading.numbers import LEADING_ZERO, Number, why_codes
from utils.reading.times import Moment
from utils.schema import TableError

FORMS = (Truth, Moment, Clock, Number, Phrase)
MISSING = ["na", "n/a", "#n/a", "nan", "null", "none"]  # as pandas has it
OFTEN_MISSING = ["nil", "unknown", "missing", "-", "--", "?", "."]
OFTEN_MISSING += ["#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"]  # Excel's
OFTEN_MISSING += ["0000-00-00", "0000-00-00 00:00:00"]  # MySQL's
ODD_SHARE = 0.05  # of cells that may be something else than the rest of their column
ROWS_FOR_AN_ODD_CELL = 10  # in so many, one may be odd whatever the share
FEW_WORDS, MANY_VALUES = 3, 20  # so few words among so many numbers or times stand for no value
DATE_IN_WORDS = r"\d{1,2}\.?(?: de)? [^\d\s.,:/-]{3,}\.?(?: de)? \d{4}"  # in any language
MOST = 0.9  # share of cells
SHOWN = 3  # odd cells that a notice names


@dataclass(frozen=True)
class Reading:
    """A table, the form of each column that was read from text, and one line on each decision."""

    table: pd.DataFrame
    forms: dict[str, Form] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Read:
    """One column: its values, form, an example, and what was read as missing."""

    values: pd.Series
    form: Form
    example: str = ""
    notices: tuple[str, ...] = ()


def read_columns(cells: pd.DataFrame, choices: Choices, comma: bool = False) -> Reading:
    """Read columns of text, in which missing cells are "".

    comma : the file is written where a decimal sign is likely a comma.
    """
    read = {name: _read(cells[name], choices) for name in cells}
    settled = _settle([column.form for column in read.values()], choices, comma)
    for name, column in read.items():
        if settled != choices and _may_change(column.form, settled):
            again = _read(cells[name], settled)
            wish = settled.dates if isinstance(column.form, Moment) else settled.decimal
            asked = column.form.ambiguous and wish is None
            read[name] = replace(again, form=replace(again.form, ambiguous=asked))
    table = pd.DataFrame({name: column.values for name, column in read.items()})
    forms = {name: column.form for name, column in read.items()}
    return Reading(table, forms, _notices(read))


def _settle(forms: list[Form], choices: Choices, comma: bool) -> Choices:
    """The choices, with what the other columns of the file say where a column leaves it open."""
    numbers = [form for form in forms if isinstance(form, Number) and not form.ambiguous]
    if choices.decimal is None and not choices.plain:
        signs = {form.decimal for form in numbers if form.decimals and form.decimals != 3}
        if "," in signs or (comma and "." not in signs):
            choices = replace(choices, decimal="comma")
    orders = {form.order for form in forms if isinstance(form, Moment) and not form.ambiguous}
    if choices.dates is None and len(orders - {""}) == 1:
        choices = replace(choices, dates=(orders - {""}).pop())
    return choices


def _may_change(form: Form, settled: Choices) -> bool:
    """Whether a form can be another one, now that the file has said what its signs mean; 1.234 in a
    file of decimal commas is a thousand."""
    thousands = isinstance(form, Number) and settled.decimal == "comma" and form.decimals == 3
    return form.ambiguous or thousands


def _read(cells: pd.Series, choices: Choices) -> _Read:
    stripped = cells.str.strip()
    filled = stripped[stripped != ""]
    marked = filled[_stands_for_missing(filled, choices)]
    candidates = filled.drop(marked.index)
    if filled.empty:
        return _Read(pd.Series(np.nan, cells.index), Number())
    if candidates.empty or cells.name in choices.text:
        return _as_text(cells, choices)
    allowed = max(ODD_SHARE * len(candidates), float(len(candidates) >= ROWS_FOR_AN_ODD_CELL))
    for form in _possible_forms(candidates, choices):
        values = form.read(candidates)
        odd = candidates[values.isna()]
        far = odd[:0] if choices.plain else _far_dates(form, odd)
        odd = odd.drop(far.index)
        if values.notna().any() and len(odd) <= (0 if choices.plain else allowed):
            column = _Read(_spread(values, cells), form, candidates[values.first_valid_index()])
            if isinstance(form, Number) and candidates.str.fullmatch(LEADING_ZERO).any():
                said = f"Read as numbers, which have no zeros in front: {cells.name!r}."
                column = replace(column, notices=(said,))
            return _with_missing(column, marked, far, odd, blank=len(cells) - len(filled))
    return _as_text(cells, choices)


def _possible_forms(cells: pd.Series, choices: Choices) -> Iterator[Form]:
    """The forms that these cells may have, the likeliest first."""
    if cells.name in choices.forms:
        yield choices.forms[cells.name]
    for kind in FORMS:
        form = kind.find(cells, choices)
        if form is not None:
            yield form


def _stands_for_missing(cells: pd.Series, choices: Choices) -> pd.Series:
    """Which cells stand for a missing value, if the others are numbers or times: a word that is
    known for it, or one of a few words, such as "refused", among many values."""
    lower = cells.str.lower()
    if choices.plain:
        return lower.isin(MISSING)
    known = lower.isin([*MISSING, *OFTEN_MISSING])
    if cells.name in choices.forms:
        known |= cells == choices.forms[cells.name].missing
    words = ~known & ~lower.str.contains(r"\d|inf")
    values = cells[~known & ~words]
    few = cells[words].nunique() <= FEW_WORDS and len(values) >= words.sum()
    return known | (words & (few and values.nunique() > MANY_VALUES))


def _far_dates(form: Form, odd: pd.Series) -> pd.Series:
    """The cells that hold one date that stands for none, such as 9999-12-31; TableError where
    several dates lie so far away."""
    if not isinstance(form, Moment) or odd.empty:
        return odd[:0]
    far = odd[form.far(odd).to_numpy()]
    if far.nunique() > 1:
        raise TableError(
            f"Column {far.name!r}, {_place(far)}: the date {far.iloc[0]} lies outside of 1678 to "
            f"2261, like {len(far) - 1} more. Leave the column out: --drop {quote(far.name)}, or "
            f"keep its texts as they are: --category {quote(far.name)}"
        )
    return far


def _place(cells: pd.Series) -> str:
    """Where the first of these cells stands: "line 7"."""
    return f"{cells.index.name or 'row'} {cells.index[0]}"


def _with_missing(column: _Read, marked, far, odd, blank: int) -> _Read:
    """The column with what to say of cells that were read as missing; the commonest of those that
    stand for it is written for missing values."""
    name, notices = column.values.name, [*column.notices]
    for cells, why in ((far, ", because it is far from all others"), (marked, "")):
        if len(cells):
            counts = cells.value_counts()
            shown = ", ".join(f"{text!r} ({count})" for text, count in counts.items())
            known = counts.index.str.lower().isin([*MISSING, *OFTEN_MISSING])
            text = "" if known.all() else f" If it is text: --category {quote(name)}"
            notices.append(f"Read as missing in {name!r}{why}: {shown}.{text}")
            marks = counts[known | (counts > 1)]  # a text that stands once may be anyone's
            if len(marks) and marks.iloc[0] > blank:
                blank = marks.iloc[0]
                column = replace(column, form=replace(column.form, missing=marks.index[0]))
    if len(odd):
        shown = ", ".join(f"{odd.iloc[i]!r} ({_place(odd[i:])})" for i in range(len(odd[:SHOWN])))
        more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
        notices.append(
            f"Read as missing in {name!r}, where all other cells are {column.form.what}: "
            f"{shown}{more}. If it is text: --category {quote(name)}"
        )
    return replace(column, notices=tuple(notices))


def _spread(values: pd.Series, cells: pd.Series) -> pd.Series:
    """The values at the places of all cells, missing where there are none; whole numbers stay
    whole."""
    values = values.rename(cells.name)
    if len(values) == len(cells):
        return values
    if pd.api.types.is_bool_dtype(values.dtype):
        values = values.astype(object)
    if pd.api.types.is_integer_dtype(values.dtype):
        values = values.astype("Int64")
    return values.reindex(cells.index)


def _as_text(cells: pd.Series, choices: Choices) -> _Read:
    words = cells[cells.str.lower().isin([word for word in MISSING if word.isalpha()])]
    notices = []
    if len(words):
        shown = ", ".join(map(repr, words.value_counts().index[:SHOWN]))
        notices.append(f"Read as text, not as missing, in {cells.name!r}: {shown}.")
    if cells[cells != ""].str.fullmatch(DATE_IN_WORDS).mean() >= MOST:
        notices.append(
            f"Read as text, although it looks like dates, in another language: {cells.name!r}. "
            "Write them like 2024-08-07."
        )
    why = why_codes(cells[cells != ""].str.strip(), choices)
    if why and cells.name not in choices.text:
        notices.append(
            f"Read as text, {why}: {cells.name!r}. If it is a quantity: --number "
            f"{quote(cells.name)}"
        )
    return _Read(Text().read(cells), Text(), notices=tuple(notices))


def _notices(read: dict[str, _Read]) -> list[str]:
    """One line for each decision, and one for all columns that share it."""
    shared: dict[tuple, list[str]] = {}
    for name, column in read.items():
        if column.form.notice(column.example):
            shared.setdefault((column.form.style, column.form.ambiguous), []).append(name)
    lines = []
    for (_, ambiguous), names in shared.items():
        form, example = read[names[0]].form, read[names[0]].example
        choice = f" {form.choice(example)}" if ambiguous else ""
        lines.append(f"{form.notice(example)}: {', '.join(map(repr, names))}.{choice}")
    return lines + [notice for column in read.values() for notice in column.notices]
