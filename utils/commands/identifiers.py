"""Columns that point to a person: names, addresses, account numbers. They are left out."""

from __future__ import annotations

import re

import pandas as pd
from pandas.api import types

FEWEST_ROWS = 10  # in fewer rows, values that all differ say nothing about the column
OWN_VALUES = 0.9  # share of rows with a text of their own, from which it is taken to name people
FEW_ROWS_A_VALUE = 5  # a text that stands in fewer rows points to few people
FEW_VALUES = 30  # so few texts are kinds of things, however few rows there are
LONG_NUMBER = 10**12  # cards, accounts, users: nothing that is counted or measured has more digits
ID_WORDS = ("id", "uuid", "guid", "key", "ssn", "number", "no", "nr", "phone", "card", "account")
ID_NAMES = ("", "id", "index", "row", "unnamed")  # "Unnamed: 0" is what pandas makes of no name
CONTACT = r"[^@\s]+@[^@\s]+\.\w+|(?:https?://|www\.)\S+|\+?\d[\d ()/-]{8,}\d"
CODE = r"[-+]?\d+"

OWN_TEXT = "nearly every row has a text of its own, as with names and addresses"
OWN_NUMBER = "each row has a whole number of its own, and the name is that of an identifier"
OWN_LONG_NUMBER = "its long numbers point to one card, account or user each"
RARE_TEXT = "most of its texts stand in a few rows only, as with names and addresses"
CONTACTS = "it holds addresses or phone numbers of people"


def identifiers(table: pd.DataFrame) -> dict[str, str]:
    """Name -> why, of the columns that tell few rows from all others."""
    found = {name: _why(table[name]) for name in table.columns}
    return {name: why for name, why in found.items() if why}


def is_long_number(values: pd.Series) -> bool:
    """True for whole numbers of 13 digits or more that are no times counted in milliseconds."""
    present = values.dropna()
    if not types.is_integer_dtype(values.dtype) or present.empty:
        return False
    clock = present.between(
        pd.Timestamp("1990").value // 10**6, pd.Timestamp("2100").value // 10**6
    )
    return bool((present.abs() >= LONG_NUMBER).mean() >= OWN_VALUES and not clock.all())


def _why(values: pd.Series) -> str:
    present = values.dropna()
    if len(present) < FEWEST_ROWS:
        return ""
    if _is_text(values):
        return _why_text(present.astype(str), values.name)
    if is_long_number(values):
        return OWN_LONG_NUMBER
    if present.is_unique and _is_whole(present) and _sounds_like_id(values.name):
        return OWN_NUMBER
    return ""


def _why_text(texts: pd.Series, name: str) -> str:
    rows = texts.map(texts.value_counts())
    if texts.str.fullmatch(CONTACT).mean() >= OWN_VALUES and texts.nunique() > 1:
        return CONTACTS
    if texts.str.fullmatch(CODE).all() and not (rows.eq(1).all() and _sounds_like_id(name)):
        return ""  # codes, such as of places, tell little and are not made up
    if rows.eq(1).mean() >= OWN_VALUES:
        return OWN_TEXT
    rare = (rows < FEW_ROWS_A_VALUE).mean() > 1 / 2
    return RARE_TEXT if rare and texts.nunique() >= FEW_VALUES else ""


def _is_text(values: pd.Series) -> bool:
    return values.dtype == object or isinstance(values.dtype, (pd.CategoricalDtype, pd.StringDtype))


def _is_whole(present: pd.Series) -> bool:
    if types.is_bool_dtype(present.dtype) or not types.is_numeric_dtype(present.dtype):
        return False
    return bool((present % 1 == 0).all())


def _sounds_like_id(name: str) -> bool:
    """True for customer_id, PassengerId, Account No (last word), id_code (first word) and no name
    at all."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    words = words or [name.strip()]
    return words[-1] in ID_WORDS or words[0] in ID_NAMES
