"""Singling out: a sentence learned from the synthetic table that fits one person in training and no
other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.attacks.rates import Rate, Risk
from utils.schema import Schema
from utils.scoring.judge import as_floats, check_tables, shared_codes

EXTREME_COLUMNS = 3  # in one sentence of several columns
TRIES = 40  # sentences tried for each that is to be claimed: in a crowd few fit one row only


def singling_out(
    train: pd.DataFrame,
    control: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    guesses: int = 500,
    columns: int = EXTREME_COLUMNS,
    unit: tuple[np.ndarray, np.ndarray] | None = None,
    random_state: int = 0,
) -> Risk:
    """Sentences that fit a single synthetic row, tried on the real ones (Giomi et al. 2023).

    A sentence is made of one synthetic row and ``columns`` columns drawn by chance: a category (or
    missing value) must be the row's, a number or date must be at least the row's where that lies
    above the column's median, at most where below. Only sentences that fit no other synthetic row
    are claimed. A claim hits when exactly one person fits it.

    Training rows and control rows are compared in equal number, since what is unique among few may
    not be among many: the larger group is cut down by chance.

    Beside ``anonymeter`` 1.1: the sentences of several columns are the same. With one column its
    "univariate" attack also claims that a number equals a value that a single synthetic row has;
    ours claims the largest and the smallest only. It divides by the claims that were asked for,
    ours by those that were made; it drops repeated rows, ours lets each be a person; it corrects
    for a control of another size by a fitted curve, ours cuts the larger group.

    The interval of the risk tells how other claims would fare on these very tables, not what
    another control group would give.

    guesses : most claims; there may be fewer, for none is made twice.  unit : the persons that the
    rows of train and of control belong to; None means that each row is a person.
    ValueError where no sentence fits a single synthetic row.
    """
    check_tables(schema, train=train, control=control, synthetic=synthetic)
    if guesses < 1 or columns < 1:
        raise ValueError(
            f"A claim needs a guess and a column: guesses={guesses}, columns={columns}."
        )
    rng = np.random.default_rng(random_state)
    persons = [np.arange(len(rows)) for rows in (train, control)] if unit is None else unit
    groups = _equal_numbers([train, control], persons, rng)
    tables = [rows for rows, _ in groups]
    cells = _Cells([synthetic, *tables], schema)
    claims = _claims(cells, guesses, min(columns, len(schema.columns)), rng)
    if not claims:
        raise ValueError(
            "No sentence fits a single synthetic row. Name more columns, or give more guesses."
        )
    rates = []
    for place, (_, people) in enumerate(groups, start=1):
        alone = [len(np.unique(people[cells.fit(place, *claim)])) == 1 for claim in claims]
        rates.append(Rate(sum(alone), len(alone)))
    return Risk(*rates)


def _equal_numbers(tables, persons, rng):
    """Tables with their persons, cut to as many persons as the smaller one has."""
    most = min(len(np.unique(people)) for people in persons)
    groups = []
    for table, people in zip(tables, persons):
        people = np.asarray(people)
        kept = np.isin(people, rng.permutation(np.unique(people))[:most])
        groups.append((table[kept], people[kept]))
    return groups


class _Cells:
    """The tables as numbers: codes for categories, NaN for missing numbers."""

    def __init__(self, tables: list[pd.DataFrame], schema: Schema):
        self.columns = [
            _codes(parts) if column.discrete else [as_floats(part, column) for part in parts]
            for column in schema.columns
            for parts in [[table[column.name] for table in tables]]
        ]
        self.discrete = [column.discrete for column in schema.columns]
        self.medians = [
            np.nan if np.isnan(parts[0]).all() else np.nanmedian(parts[0]) for parts in self.columns
        ]

    def fit(self, table: int, row: int, columns: np.ndarray) -> np.ndarray:
        """Which rows of a table the sentence about a synthetic row fits, bool (n,)."""
        fits = np.ones(len(self.columns[0][table]), bool)
        for column in columns:
            values, value = self.columns[column][table], self.columns[column][0][row]
            if np.isnan(value):
                fits &= np.isnan(values)
            elif self.discrete[column]:
                fits &= values == value
            elif value > self.medians[column]:
                fits &= values >= value
            else:
                fits &= values <= value
        return fits


def _codes(parts: list[pd.Series]) -> list[np.ndarray]:
    return [codes.astype(float) for codes in shared_codes(parts)]


def _claims(cells: _Cells, guesses: int, columns: int, rng) -> list[tuple[int, np.ndarray]]:
    """Sentences that fit one synthetic row; as many tries as forty a guess."""
    claims, rows = {}, len(cells.columns[0][0])
    for _ in range(TRIES * guesses):
        row = int(rng.integers(rows))
        chosen = np.sort(rng.choice(len(cells.columns), columns, replace=False))
        if cells.fit(0, row, chosen).sum() == 1:
            claims[row, *chosen] = (row, chosen)
        if len(claims) == guesses:
            break
    return list(claims.values())
