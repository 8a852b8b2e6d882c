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

    (Giomi et al. 2023, section 3.3.) A category is hit when it is equal, a number or date when the
    guess is off by at most a twentieth of it (a date: of the span of the rows' dates).

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
    rates = []
    for targets in (train, control):
        found = nearest(targets, synthetic, schema.select(known), 1)[:, 0]
        hits = _hits(synthetic[secret].iloc[found], targets[secret], column)
        rates.append(Rate(int(hits.sum()), len(targets)))
    return Risk(*rates)


def _hits(guesses: pd.Series, truth: pd.Series, column) -> np.ndarray:
    """Which guesses are right, bool (n,); a missing value is guessed by a missing one."""
    if column.discrete:
        guessed, true = shared_codes([guesses, truth])
        return guessed == true
    guessed, true = (as_floats(values, column) for values in (guesses, truth))
    size = np.abs(true) if column.kind != "date" else np.nanmax(true) - np.nanmin(true)
    near = np.abs(guessed - true) <= TOLERANCE * size  # never, where one is missing
    return near | (np.isnan(guessed) & np.isnan(true))
