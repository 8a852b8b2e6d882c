"""Attribute inference: the attacker knows some of a person's cells and guesses another one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.attacks.neighbours import nearest
from utils.attacks.rates import Rate, Risk
from utils.schema import Schema, TableError
from utils.scoring.judge import as_floats, check_tables, shared_codes

TOLERANCE = 0.05  # a number is guessed when it is met to a twentieth


def attribute_inference(
    train: pd.DataFrame,
    control: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    secret: str,
    known: list[str] | None = None,
) -> Risk:
    """Guess the secret of each row from the synthetic row that is nearest in the known columns.

    (Giomi et al. 2023.) A category is hit when it is equal, a number or date when the
    guess is off by at most a twentieth of it (a date: of the span of both groups' dates).

    Beside ``anonymeter`` 1.1, which counts alike: its distance sums differences over the range of a
    number, ours is that of :func:`nearest`; its twentieth is one of the guess with its sign, so
    that every negative guess is a hit, ours of the truth.

    known : names of columns; None means all but the secret.
    Returns the hits among training rows beside those among rows of ``control``.
    """
    check_tables(schema, train=train, control=control, synthetic=synthetic)
    known = [name for name in schema.names if name != secret] if known is None else list(known)
    if secret in known or not known:
        raise TableError(
            f"The secret {secret!r} cannot be guessed from {known}: name known columns, and leave "
            "the secret out."
        )
    column = schema.select([secret]).columns[0]
    span = _span([train[secret], control[secret]], column)
    rates = []
    for targets in (train, control):
        found = nearest(targets, synthetic, schema.select(known), 1)[:, 0]
        hits = _hits(synthetic[secret].iloc[found], targets[secret], column, span)
        rates.append(Rate(int(hits.sum()), len(targets)))
    return Risk(*rates)


def _span(parts: list[pd.Series], column) -> float:
    """From the first to the last date of both groups; one measure for both."""
    if column.kind != "date":
        return np.nan
    dates = np.concatenate([as_floats(part, column) for part in parts])
    present = dates[~np.isnan(dates)]
    return float(np.ptp(present)) if len(present) else 0.0


def _hits(guesses: pd.Series, truth: pd.Series, column, span: float) -> np.ndarray:
    """Which guesses are right, bool (n,); a missing value is guessed by a missing one."""
    if column.discrete:
        guessed, true = shared_codes([guesses, truth])
        return guessed == true
    guessed, true = (as_floats(values, column) for values in (guesses, truth))
    size = span if column.kind == "date" else np.abs(true)
    near = np.abs(guessed - true) <= TOLERANCE * size  # never, where one is missing
    return near | (np.isnan(guessed) & np.isnan(true))
