"""What the cells of each column are, and what a reader should know about that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from utils.reading.clocks import Clock, Phrase
from utils.reading.forms import Choices, Form, Text, Truth, quoted
from utils.reading.numbers import LEADING_ZERO, Number
from utils.reading.times import Moment
from utils.schema import TableError

FORMS = (Truth, Moment, Clock, Number, Phrase)
MISSING = ["na", "n/a", "nan", "null", "none", "nil", "unknown", "missing", "-", "--", "?", "."]
MISSING += ["#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"]  # Excel's
MISSING += ["0000-00-00", "0000-00-00 00:00:00"]  # MySQL's
ODD_SHARE = 0.05  # of cells that may be something else than the rest of their column
FEW_WORDS, MANY_VALUES = 3, 20  # so few words among so many numbers or times stand for no value
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


def read_columns(
    cells: Callable[[str], pd.Series], names: list[str], choices: Choices, comma: bool = False
) -> Reading:
    """Read columns of text.

    cells : gives the texts of a column by name; missing ones are "".  comma : the file is written
    where a decimal sign is likely a comma.
    """
    read = {name: _read(cells(name), choices) for name in names}
    settled = _settle([column.form for column in read.values()], choices, comma)
    for name, column in read.items():
        if settled != choices and _may_change(column.form, settled):
            again = _read(cells(name), settled)
            asked = column.form.ambiguous and not _is_settled(column.form, settled)
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


def _is_settled(form: Form, settled: Choices) -> bool:
    return (settled.dates if isinstance(form, Moment) else settled.decimal) is not None


def _read(cells: pd.Series, choices: Choices) -> _Read:
    if cells.name in choices.text:
        return _as_text(cells)
    stripped = cells.str.strip()
    filled = stripped[stripped != ""]
    marked = filled.str.lower().isin(MISSING)
    marked |= _are_words_for_missing(filled[~marked], choices).reindex(
        filled.index, fill_value=False
    )
    candidates = filled[~marked]
    if filled.empty:
        return _Read(pd.Series(np.nan, cells.index), Number())
    if candidates.empty:
        return _as_text(cells)
    for kind in FORMS:
        form = kind.find(candidates, choices)
        if form is None:
            continue
        values = form.read(candidates)
        odd = candidates[values.isna()]
        if isinstance(form, Moment) and len(odd):
            form, odd = _without_far(form, odd)
        allowed = 0 if choices.plain else int(ODD_SHARE * len(candidates))
        if values.notna().any() and len(odd) <= allowed:
            return _accepted(cells, form, values, odd, filled[marked])
    return _as_text(cells)


def _are_words_for_missing(cells: pd.Series, choices: Choices) -> pd.Series:
    """Which cells are one of a few words, such as "refused", among many numbers or times."""
    words = ~cells.str.contains(r"\d|inf", case=False)
    values = cells[~words]
    few = not choices.plain and 0 < cells[words].nunique() <= FEW_WORDS
    few = few and len(values) >= len(cells) / 2 and values.nunique() > MANY_VALUES
    return words & few


def _without_far(form: Moment, odd: pd.Series) -> tuple[Moment, pd.Series]:
    """The form and the odd cells without a date such as 9999-12-31 that stands for no date."""
    far = odd[form.far(odd).to_numpy()]
    if far.nunique() > 1:
        label = f"{far.index.name or 'row'} {far.index[0]}"
        raise TableError(
            f"Column {far.name!r}, {label}: the date {far.iloc[0]} lies outside of 1678 to 2261, "
            f"like {len(far) - 1} more. Leave the column out: --drop {quoted(far.name)}, or keep "
            f"its texts as they are: --category {quoted(far.name)}"
        )
    if far.empty:
        return form, odd
    return replace(form, missing=far.iloc[0]), odd.drop(far.index)


def _accepted(cells, form, values, odd, marked) -> _Read:
    """A column that is read by a form, although some of its cells are not."""
    name, stripped, notices = cells.name, cells.str.strip(), []
    if form.missing:
        count = int((stripped == form.missing).sum())
        notices.append(
            f"Read as missing in {name!r}, because it is far from all others: {form.missing} "
            f"({count})."
        )
    if len(marked):
        shown = ", ".join(f"{text!r} ({count})" for text, count in marked.value_counts().items())
        notices.append(f"Read as missing in {name!r}: {shown}.")
    if len(odd):
        shown = ", ".join(
            f"{text!r} ({odd.index.name or 'row'} {label})" for label, text in odd[:SHOWN].items()
        )
        more = f" and {len(odd) - SHOWN} more" if len(odd) > SHOWN else ""
        notices.append(
            f"Read as missing in {name!r}, where all other cells are {form.what}: {shown}{more}. "
            f"If it is text: --category {quoted(name)}"
        )
    if not form.missing and len(marked) > (stripped == "").sum():
        form = replace(form, missing=marked.mode().iloc[0])
    example = str(stripped[values.first_valid_index()])
    return _Read(_spread(values, cells.index), form, example, tuple(notices))


def _spread(values: pd.Series, index: pd.Index) -> pd.Series:
    """The values at all rows, missing where there are none; whole numbers stay whole."""
    if len(values) == len(index):
        return values.set_axis(index)
    if pd.api.types.is_bool_dtype(values.dtype):
        values = values.astype(object)
    if pd.api.types.is_integer_dtype(values.dtype):
        values = values.astype("Int64")
    return values.reindex(index)


def _as_text(cells: pd.Series) -> _Read:
    words = cells[cells.str.lower().isin([word for word in MISSING if word.isalpha()])]
    notices = []
    if len(words):
        shown = ", ".join(map(repr, words.value_counts().index[:SHOWN]))
        notices.append(f"Read as text, not as missing, in {cells.name!r}: {shown}.")
    if cells.str.fullmatch(LEADING_ZERO).any():
        notices.append(f"Read as text, for its leading zeros: {cells.name!r}.")
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
