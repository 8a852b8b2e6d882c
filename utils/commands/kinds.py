"""Numbers that are names of things: classes, status codes, product numbers. None is made up."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from utils.commands.identifiers import is_long_number, words_of

MOST_CLASSES = 20  # a label of 0, 1, 2, ... has no more
MOST_CODES = 1000
ROWS_A_VALUE = 5  # values that are measured seldom repeat as often
CLASS_WORDS = ("label", "class", "target", "outcome", "category", "type", "code", "status", "group")
CODE_WORDS = ("zip", "zipcode", "postal", "postcode", "code", "article", "product", "item", "sku")
CODE_WORDS += ("account", "id", "uuid", "key", "plz")
NUMBER_WORDS = ("id", "no", "nr", "num", "number", "code", "key")  # behind a word for a code

TWO_VALUES = "Two values, read as two classes"
NAMED_CLASS = "Read as classes, by name and values"
FAR_APART = "Few values far apart, kept as they are"
NAMED_CODES = "Codes by their name, kept as they are: the output holds real ones"
LONG_CODES = "Long numbers, kept as they are: the output holds real ones"


def categories(table: pd.DataFrame, target: str | None) -> dict[str, str]:
    """Name -> why, of the columns of numbers whose values are names of things."""
    found = {name: _why(table[name], name == target) for name in table.columns}
    return {name: why for name, why in found.items() if why}


def looks_like_class(name: str) -> bool:
    """True for label, class_name, TargetGroup and the like."""
    return any(word in CLASS_WORDS for word in words_of(name))


def _looks_like_code(name: str) -> bool:
    """True for zip, postal_code, Product, itemNo and the like; not for item_count."""
    words = [word for word in words_of(name) if word not in NUMBER_WORDS or word in CODE_WORDS]
    return bool(words) and words[-1] in CODE_WORDS


def _why(values: pd.Series, is_target: bool) -> str:
    present = values.dropna()
    if not types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(values.dtype):
        return ""
    distinct = np.unique(present.to_numpy())
    whole = types.is_integer_dtype(values.dtype)
    if whole and is_long_number(values):
        return LONG_CODES
    if len(distinct) > MOST_CLASSES and not (distinct % 1).any() and _looks_like_code(values.name):
        return NAMED_CODES
    if len(distinct) == 2 and not (distinct % 1).any() and len(present) > 2 * len(distinct):
        return TWO_VALUES
    if len(distinct) < 2 or len(distinct) * ROWS_A_VALUE > len(present):
        return ""
    if whole and len(distinct) <= MOST_CLASSES and (is_target or looks_like_class(values.name)):
        return NAMED_CLASS
    return FAR_APART if len(distinct) <= MOST_CODES and _far_apart(distinct, whole) else ""


def _far_apart(distinct: np.ndarray, whole: bool) -> bool:
    """Whether most values have no neighbour on their grid: 1 for whole numbers or, of many values,
    what they are all multiples of (amounts in hundreds are amounts); else one decimal."""
    gaps = np.diff(distinct)
    if whole:
        step = 1 if len(distinct) <= MOST_CLASSES else np.gcd.reduce(gaps)
    elif len(distinct) <= MOST_CLASSES:
        decimals = next((d for d in range(7) if np.allclose(distinct, np.round(distinct, d))), 7)
        step = 10.0**-decimals
    else:
        return False
    return bool(np.median(gaps) > 1.5 * step)
