"""Columns that point to a person: names, addresses, account numbers. They are left out."""

from __future__ import annotations

import re

import pandas as pd
from pandas.api import types

FEWEST_ROWS = 10  # in fewer rows, values that all differ say nothing about the column
OWN_VALUES = 0.9  # share of rows with a text of their own, from which it is taken to name people
FEW_ROWS_A_VALUE = 5  # a text that stands in fewer rows points to few people
FEW_VALUES = 30  # so few texts are kinds of things, however few rows there are
FEW_NUMBERS = 0.2  # share of cells that look like numbers, up to which a column is of words
LONG_NUMBER = 10**12  # cards, accounts, users: nothing that is counted or measured has more digits
PHONE_NUMBER = 10**9  # with fewer digits, but all of one length and each in one row only
ID_WORDS = ("id", "uuid", "guid", "key", "ssn", "number", "no", "nr", "phone", "card", "account")
ID_NAMES = ("", "id", "index", "row", "unnamed")  # "Unnamed: 0" is what pandas makes of no name
DATE = r"\d{1,4}[-/]\d{1,2}[-/]\d{2,4}\b"
CONTACT = rf"(?:(?:https?://|www\.)\S+|(?!{DATE})[+(]?\d[\d ()/-]{{8,}}\d)"  # if most cells are so
ONE_PERSON = (  # in any cell
    r"[^@\s<>]+@[^@\s<>]+\.\w"  # e-mail
    r"|(?<![\d-])\d{3}-\d\d-\d{4}(?![\d-])"  # social security
    r"|\b[A-Z]{2}\d\d(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b"  # IBAN
    r"|\b[\dA-Fa-f]{2}(?:[:-][\dA-Fa-f]{2}){5}\b"  # MAC
    r"|(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])"  # IP
    r"|(?<!\d)\d{4}(?:[ -]?\d{4}){3}(?!\d)"  # card
    r"|(?<!\d)\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)"  # American phone
    r"|\+\d(?:[ ()/-]{0,2}\d){7,14}(?!\d)"  # phone with its country
)
PERSON_WORDS = ("name", "surname", "firstname", "lastname", "fullname", "username", "person")
PERSON_WORDS += ("patient", "customer", "client", "employee", "student", "user", "member")
PERSON_WORDS += ("email", "mail", "address", "street", "phone")
CODE = r"[-+]?\d+"
LONG_CODE = r"[-+]?\d{10,}"
UNREAD = (
    r"[-+(~<>≈'#]{0,2}[€$£¥₹₩]?\s?\d[\d\s.,:/'年月-]*\S{0,3}(?: \w)?|0x[\dA-Fa-f]+"
    r"|\d{4}-\d\d-\d\d.*|\d{1,2}\.? [^\W\d]+\.? \d{2,4}.*"
    r"|P[\dYMWDTHS.]+|\d{8}T\d{4,6}\w*"
    r"|.{0,12}(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec).{0,24}(?:19|20)\d\d.{0,16}"
)

OWN_TEXT = "nearly every row has a text of its own, as with names and addresses"
OWN_NUMBER = "each row has a whole number of its own, and the name is that of an identifier"
LONG_NUMBERS = "its long numbers point to one card, account or user each"
RARE_TEXT = "most of its texts stand in a few rows only, as with names and addresses"
CONTACTS = "it holds addresses, or numbers of phones, cards or accounts"
UNREAD_NUMBERS = (
    "it looks like numbers or times in a form that is not known here. Write them like 1234.5 or "
    "2024-08-07 10:05"
)
MIXED = "it mixes numbers or times with other text, and most stand in a few rows only"


def identifiers(table: pd.DataFrame) -> dict[str, str]:
    """Name -> why, of the columns that tell few rows from all others."""
    found = {name: _why(table[name]) for name in table.columns}
    return {name: why for name, why in found.items() if why}


def is_long_number(values: pd.Series) -> bool:
    """True for whole numbers of so many digits that they are names of something: 13 or more, or 10
    or more where all have as many and each is one row's own.

    Seconds and milliseconds since 1970 are not.
    """
    present = values.dropna()
    if not types.is_integer_dtype(values.dtype) or present.empty:
        return False
    first, last = pd.Timestamp("1990").timestamp(), pd.Timestamp("2100").timestamp()
    if any(present.between(first * unit, last * unit).all() for unit in (1, 1000)):
        return False
    if (present.abs() >= LONG_NUMBER).mean() >= OWN_VALUES:
        return True
    one_length = present.astype(str).str.len().nunique() == 1
    return bool(present.min() >= PHONE_NUMBER and one_length and present.is_unique)


def has_own_values(values: pd.Series) -> bool:
    """True where nearly every row that is not missing has a value that no other row has."""
    present = values.dropna()
    own = ~present.duplicated(keep=False)
    return len(present) >= FEWEST_ROWS and own.mean() >= OWN_VALUES


def may_be_persons(values: pd.Series) -> bool:
    """True for text in a column named Customer, patient_name, E-Mail and the like, or of many
    values, whatever its name."""
    named = any(word in PERSON_WORDS for word in words_of(values.name))
    return _is_text(values) and (named or values.nunique() >= FEW_VALUES)


def words_of(name: str) -> list[str]:
    """The words of a column's name in small letters: ["customer", "id"] of CustomerId."""
    return re.findall(r"[^\W\d_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())


def _why(values: pd.Series) -> str:
    present = values.dropna()
    if _is_text(values) and present.astype(str).str.contains(ONE_PERSON).any():
        return CONTACTS
    if len(present) < FEWEST_ROWS:
        return ""
    if _is_text(values):
        return _why_text(present.astype(str), values.name)
    if is_long_number(values):
        return LONG_NUMBERS
    if present.is_unique and _is_whole(present) and _sounds_like_id(values.name):
        return OWN_NUMBER
    return ""


def _why_text(texts: pd.Series, name: str) -> str:
    own = has_own_values(texts)
    rare = (texts.map(texts.value_counts()) < FEW_ROWS_A_VALUE).mean() > 1 / 2
    if texts.str.fullmatch(CODE).all():
        if texts.str.fullmatch(LONG_CODE).mean() >= OWN_VALUES:
            return LONG_NUMBERS
        # other codes, such as of places, tell little, and none is made up
        return OWN_NUMBER if own and _sounds_like_id(name) else ""
    if texts.nunique() > 1 and texts.str.fullmatch(CONTACT).mean() >= OWN_VALUES:
        return CONTACTS
    if not own and not (rare and texts.nunique() >= FEW_VALUES):
        return ""
    unread = texts.str.fullmatch(UNREAD).mean()
    if unread > FEW_NUMBERS:
        return UNREAD_NUMBERS if unread >= OWN_VALUES else MIXED
    return OWN_TEXT if own else RARE_TEXT


def _is_text(values: pd.Series) -> bool:
    return values.dtype == object or isinstance(values.dtype, (pd.CategoricalDtype, pd.StringDtype))


def _is_whole(present: pd.Series) -> bool:
    if types.is_bool_dtype(present.dtype) or not types.is_numeric_dtype(present.dtype):
        return False
    return bool((present % 1 == 0).all())


def _sounds_like_id(name: str) -> bool:
    """True for customer_id, PassengerId, Account No (last word), id_code (first word) and no name
    at all."""
    words = words_of(name) or [name.strip()]
    return words[-1] in ID_WORDS or words[0] in ID_NAMES
