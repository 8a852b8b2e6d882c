"""Linkage: two tables without names hold different columns of the same people; does the synthetic
table tell which rows belong together?"""

from __future__ import annotations

import pandas as pd

from utils.attacks.neighbours import nearest
from utils.attacks.rates import Rate, Risk
from utils.schema import Schema, TableError
from utils.scoring.judge import check_tables


def linkability(
    train: pd.DataFrame,
    control: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    columns: tuple[list[str], list[str]],
    neighbours: int = 1,
) -> Risk:
    """Whether both halves of a row lie nearest to the same synthetic row (Giomi et al.
    2023).

    Beside ``anonymeter`` 1.1, which counts alike: its distance sums differences over the range of a
    number, ours is that of :func:`nearest`; where many rows are equally near, the two pick others.

    columns : the two tables' columns; none may stand in both.
    neighbours : a link is claimed when the sets of so many nearest rows meet.
    Returns the links found among training rows beside those among rows of ``control``.
    """
    check_tables(schema, train=train, control=control, synthetic=synthetic)
    first, second = (list(part) for part in columns)
    if not first or not second or set(first) & set(second):
        raise TableError(
            f"Linkage needs two sets of columns that share none, not {first} and {second}."
        )
    rates = []
    for targets in (train, control):
        sides = [
            nearest(targets, synthetic, schema.select(part), neighbours) for part in (first, second)
        ]
        meet = (sides[0][:, :, None] == sides[1][:, None, :]).any(axis=(1, 2))
        rates.append(Rate(int(meet.sum()), len(targets)))
    return Risk(*rates)
