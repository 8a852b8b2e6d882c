"""Conditions: what ``given=`` asks for, as codes and floats, and rows that meet it.

A condition is met by Bayes' rule: rows are drawn in proportion to how likely they are *and* make
the given cells. Where a method cannot draw so directly, it draws more rows than asked for,
sets the given cells, and keeps rows by the chance that each had of these cells (:func:`candidates`,
:func:`utils.synthesizers.draws.resample`). Cells that never came together are set in the rows
nearest to them.
"""

from __future__ import annotations

import difflib

import numpy as np
import pandas as pd

from utils.encoding import float_range, from_float, grid_step, to_code, to_number
from utils.encoding.spikes import SPIKE_SHARE
from utils.schema import Column, Schema

CANDIDATES, FEWEST_CANDIDATES = 8, 16_384
EXACT_MATCHES = 30  # so many rows with the very number are preferred to many with a near one
SHOWN = 10


def what_was_seen(columns: dict[str, np.ndarray], schema: Schema) -> dict[str, np.ndarray]:
    """What training held of each column: its codes (-1: missing), or smallest and largest number.

    Numbers with missing cells have a NaN as third entry. Kept with a fit, for :func:`read_given`.
    """
    seen = {}
    for column in schema.columns:
        values = columns[column.name]
        if column.discrete:
            seen[column.name] = np.unique(values)
        else:
            known = values[~np.isnan(values)]
            ends = [known.min(), known.max()] if len(known) else [np.inf, -np.inf]
            seen[column.name] = np.array(ends + [np.nan] * (len(known) < len(values)))
    return seen


def read_given(given: dict, schema: Schema, seen: dict[str, np.ndarray]) -> dict[str, int | float]:
    """Each given value as a code or float, on the scale of :meth:`Synthesizer._fit`.

    Raises ValueError for what is no dictionary, names no column, is no value of the column, or was
    not in the training rows: about what training never saw, a model knows nothing.
    """
    if not isinstance(given, dict):
        raise ValueError(f"given must be a dictionary such as {{'App': 'Netflix'}}, not {given!r}.")
    return {name: _read_value(schema[name], value, seen.get(name)) for name, value in given.items()}


def _read_value(column: Column, value, seen: np.ndarray | None) -> int | float:
    if not pd.api.types.is_scalar(value):
        raise ValueError(f"Column {column.name!r} can be given one value, not {value!r}.")
    if pd.isna(value):
        found = -1 if column.discrete else np.nan
        possible = column.missing > 0 and (seen is None or found in seen or np.isnan(seen).any())
        if not possible:
            raise ValueError(
                f"Column {column.name!r} had no missing values in training, so none can be asked "
                "for."
            )
        return found
    return (
        _read_category(column, value, seen)
        if column.discrete
        else _read_number(column, value, seen)
    )


def _read_category(column: Column, value, seen) -> int:
    code = to_code(value, column)
    if code >= 0 and (seen is None or code in seen):
        return code
    known = [item for code, item in enumerate(column.categories) if seen is None or code in seen]
    named = {str(item): item for item in known}
    close = difflib.get_close_matches(str(value), named, n=1)
    hint = (
        f"Did you mean {named[close[0]]!r}?"
        if close and code < 0
        else f"Known: {', '.join(map(str, known[:SHOWN]))}."
    )
    raise ValueError(
        f"Column {column.name!r} has no category {value!r} in the training table. {hint}"
    )


def _read_number(column: Column, value, seen) -> float:
    number = to_number(value, column)
    low, high = float_range(column) if seen is None else seen[:2]
    if column.empty or low > high:
        raise ValueError(
            f"Column {column.name!r} held nothing but missing values in training, so {value!r} "
            "cannot be asked for. Ask for None."
        )
    if not low <= number <= high:
        shown = pd.Series(from_float(np.array([low, high]), column)).astype(str)
        raise ValueError(
            f"Column {column.name!r} runs from {shown[0]} to {shown[1]} in the training table; "
            f"{value!r} lies outside."
        )
    return number


def candidates(n: int) -> int:
    """How many rows to draw so that n of them can be kept by weight."""
    return max(CANDIDATES * n, FEWEST_CANDIDATES)


def nearness(
    values: np.ndarray, wanted: float, column: Column, matches: int = EXACT_MATCHES
) -> np.ndarray:
    """How well each number (n,) matches a wanted one, 0 to 1, float64.

    Equal numbers count 1 and others 0 where so many ``matches`` or 5 % of them are equal; else a
    Gaussian kernel with the width of Silverman's rule (1986, section 3.4.2). A missing number
    matches a missing one only.
    """
    if np.isnan(wanted):
        return np.isnan(values).astype(float)
    equal = np.abs(values - wanted) <= grid_step(column) / 2
    if equal.sum() >= min(matches, max(2, SPIKE_SHARE * len(values))):
        return equal.astype(float)
    known = values[~np.isnan(values)]
    width = (1.06 * _spread(known) * len(known) ** -0.2 if len(known) else 0.0) or 1.0
    return np.exp(-0.5 * (np.nan_to_num(values - wanted, nan=np.inf) / width) ** 2)


def _spread(known: np.ndarray) -> float:
    """Standard deviation; where a long tail rules it, what the middle half says of it."""
    low, high = np.quantile(known, [0.25, 0.75])
    return min(known.std(), (high - low) / 1.34) or known.std()


def log_step(column: Column, value: float) -> float:
    """Logarithm of how much of a density one value takes: a step of its grid, or of its float.

    So a value that many rows share outweighs a density that merely passes through it.
    """
    return float(np.log(grid_step(column) or max(np.spacing(abs(value)), np.finfo(float).tiny)))
