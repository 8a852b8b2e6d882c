"""Private? Does the synthetic table betray who was in training: membership inference, copies,
distances."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve

from utils.schema import Column, Schema
from utils.scoring.judge import MOST_CATEGORIES, as_floats, check_tables, shared_codes

MOST_RECORDS = 5_000  # attacked records, members and non-members alike: enough for three digits
CHUNK = 512  # records whose distances are held at once: 512 x 32,561 float32 are 67 MB


def membership(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    random_state: int = 0,
) -> pd.Series:
    """Distance-based membership inference (Chen et al., GAN-Leaks, CCS 2020; full black-box
    attack).

    The attacker believes that a record was in training if some synthetic record lies close to it.
    Members are rows of train, non-members rows of holdout, at most 5,000 of each.

    Returns
    -------
    Series with ``membership_auc`` (area under the ROC curve: 0.5 is a guess) and
    ``membership_tpr_at_1``, ``membership_tpr_at_10``: share of members found where 1 % or 10 % of
    non-members are accused (a guess finds 0.01 and 0.10; interpolated on the ROC curve). NaN where
    so small a share of them is less than one record: below 100 and below 10 non-members.
    """
    check_tables(schema, train=train, holdout=holdout, synthetic=synthetic)
    generator = np.random.default_rng(random_state)
    members, others = (_at_most(table, MOST_RECORDS, generator) for table in (train, holdout))
    *records, targets = _points([members, others, synthetic], schema, pd.concat([members, others]))
    belief = -np.concatenate([nearest_distance(points, targets) for points in records])
    truth = np.repeat([1, 0], [len(members), len(others)])
    false_rate, true_rate, _ = roc_curve(truth, belief, drop_intermediate=False)
    found = partial(np.interp, xp=false_rate, fp=true_rate)
    return pd.Series(
        {
            "membership_auc": roc_auc_score(truth, belief),
            "membership_tpr_at_1": found(0.01) if len(others) >= 100 else np.nan,
            "membership_tpr_at_10": found(0.10) if len(others) >= 10 else np.nan,
        }
    )


def exact_copies(train: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Share of synthetic rows, 0 to 1, that equal a training row in every cell.

    Missing equals missing, and dtypes do not count: 1 equals 1.0, a date itself in another zone.
    """
    check_tables(schema, train=train, synthetic=synthetic)
    columns = {column.name: _cell_codes(column, train, synthetic) for column in schema.columns}
    keys = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False)
    return float(keys[len(train) :].isin(keys[: len(train)]).mean())


def _cell_codes(column: Column, *tables: pd.DataFrame) -> np.ndarray:
    """Equal codes for equal cells of a column, the tables one below the other; -1 if missing."""
    parts = [table[column.name] for table in tables]
    if column.discrete:
        return np.concatenate(shared_codes(parts))
    return pd.factorize(np.concatenate([as_floats(part, column) for part in parts]))[0]


def distance_to_closest_record(
    train: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, random_state: int = 0
) -> float:
    """Median distance from a synthetic row to its closest training row: 0 for copies; proves
    nothing.

    One column that differs fully counts 1 (see :func:`_points`); at most 5,000 synthetic rows are
    measured.
    """
    check_tables(schema, train=train, synthetic=synthetic)
    sample = _at_most(synthetic, MOST_RECORDS, np.random.default_rng(random_state))
    return float(np.median(nearest_distance(*_points([sample, train], schema, train))))


def nearest_distance(queries: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Euclidean distance from each query (m, d) to its nearest point (n, d), float64 (m,).

    Exact search in chunks by float32 matrix products; the distance to the point found is computed
    anew, so that a copy is at exactly 0.
    """
    found = np.empty(len(queries), dtype=np.int64)
    squares = np.einsum("ij,ij->i", points, points) / 2
    for start in range(0, len(queries), CHUNK):
        closeness = queries[start : start + CHUNK] @ points.T
        closeness -= squares
        found[start : start + CHUNK] = closeness.argmax(axis=1)
    gaps = queries.astype(np.float64) - points[found]
    return np.sqrt(np.einsum("ij,ij->i", gaps, gaps))


def _points(
    tables: list[pd.DataFrame], schema: Schema, reference: pd.DataFrame
) -> list[np.ndarray]:
    """The tables as float32 points (rows, width), close to Gower (1971): numbers by rank,
    categories one-hot.

    A number or date is its rank in the reference table, 0 to 1, so that heavy tails do not hide the
    rest; a category is one-hot at weight 1/2 a square, so that two different ones are at distance
    1. A missing number stands at the middle with a flag of its own.
    """
    blocks = [
        _category_block([table[column.name] for table in tables])
        if column.discrete
        else _number_block(
            [as_floats(table[column.name], column) for table in tables],
            as_floats(reference[column.name], column),
        )
        for column in schema.columns
    ]
    return [np.hstack([block[part] for block in blocks]) for part in range(len(tables))]


def _category_block(parts: list[pd.Series]) -> list[np.ndarray]:
    codes = shared_codes(parts, MOST_CATEGORIES)
    unit = np.sqrt(np.float32(0.5)) * np.eye(
        2 + max(part.max() for part in codes), dtype=np.float32
    )
    return [unit[part + 1] for part in codes]  # row 0 stands for missing


def _number_block(parts: list[np.ndarray], reference: np.ndarray) -> list[np.ndarray]:
    reference = np.sort(reference[~np.isnan(reference)])
    flagged = any(np.isnan(part).any() for part in parts)
    return [_ranks(part, reference, flagged) for part in parts]


def _ranks(values: np.ndarray, reference: np.ndarray, flagged: bool) -> np.ndarray:
    below, upto = (np.searchsorted(reference, values, side=side) for side in ("left", "right"))
    missing = np.isnan(values)
    rank = np.where(missing, 0.5, (below + upto) / (2 * max(len(reference), 1)))
    return np.column_stack([rank, missing] if flagged else [rank]).astype(np.float32)


def _at_most(table: pd.DataFrame, rows: int, generator: np.random.Generator) -> pd.DataFrame:
    return table if len(table) <= rows else table.iloc[generator.permutation(len(table))[:rows]]
