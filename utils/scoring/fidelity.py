"""Similar? Shape of each column, trend of each pair, and a classifier that tells real from
synthetic."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from utils.schema import Schema
from utils.scoring.judge import (
    as_floats,
    boosted_trees,
    check_tables,
    feature_matrices,
    one_thread,
    shared_codes,
)

CORRELATION_THRESHOLD = 0.5  # |Pearson correlation| above which SDMetrics counts a pair of numbers
ASSOCIATION_THRESHOLD = 0.3  # Cramer's V above which it counts any other pair
BINS = 10  # equal-width bins for a number that meets a category
FOLDS = 5


def shape(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> pd.Series:
    """How alike the columns are, each on its own: 1 is equal, 0 is disjoint.

    Numbers, dates: 1 - Kolmogorov-Smirnov statistic. Categories, booleans: 1 - total variation
    distance. Missing values are left out. A column without any value scores 0 if the other side has
    some, and NaN if it has none either. The mean equals "Column Shapes" of SDMetrics 0.32's
    QualityReport, which leaves out a column without values: there a generator gains by returning
    nothing.

    Returns
    -------
    float64 Series, one value a column.
    """
    check_tables(schema, real=real, synthetic=synthetic)
    scores = {
        column.name: _column_shape(column, real[column.name], synthetic[column.name])
        for column in schema.columns
    }
    return pd.Series(scores, name="shape", dtype=np.float64)


def _column_shape(column, real, synthetic) -> float:
    parts = [values.dropna() for values in (real, synthetic)]
    if not all(map(len, parts)):
        return 0.0 if any(map(len, parts)) else np.nan
    if column.discrete:
        codes = shared_codes(parts)
        return _overlap(*codes, size=1 + max(map(np.max, codes)))
    return _kolmogorov_smirnov_complement(*(as_floats(values, column) for values in parts))


def _kolmogorov_smirnov_complement(real: np.ndarray, synthetic: np.ndarray) -> float:
    real, synthetic = np.sort(real), np.sort(synthetic)
    points = np.concatenate([real, synthetic])
    gaps = np.searchsorted(real, points, side="right") / len(real) - np.searchsorted(
        synthetic, points, side="right"
    ) / len(synthetic)
    return float(1 - np.abs(gaps).max())


def _overlap(real: np.ndarray, synthetic: np.ndarray, size: int) -> float:
    """1 - total variation distance of two samples of codes below ``size``."""
    shares = [np.bincount(codes, minlength=size) / len(codes) for codes in (real, synthetic)]
    return float(1 - np.abs(shares[0] - shares[1]).sum() / 2)


def trend(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    correlation_threshold: float = CORRELATION_THRESHOLD,
    association_threshold: float = ASSOCIATION_THRESHOLD,
) -> pd.Series:
    """How alike the columns are in pairs: 1 is equal, 0 is opposite.

    Two numbers or dates: 1 - half the difference of their Pearson correlations. Any other pair: 1 -
    total variation distance of their joint table, numbers cut into ten equal-width bins between the
    extremes of *each* table. A pair whose correlation, or Cramer's V, in the real table is not
    above its threshold gives NaN: only pairs with a trend to keep are judged. A judged pair scores
    0 where the synthetic table has no correlation, because a column is constant, or no value at
    all. The mean equals "Column Pair Trends" of SDMetrics 0.32's QualityReport, which leaves out
    what has no correlation (there a generator gains by a constant column) and draws 50,000 rows at
    random from larger tables where this uses all.

    Returns
    -------
    float64 Series indexed by (first column, second column).
    """
    check_tables(schema, real=real, synthetic=synthetic)
    numbers = {
        column.name: [as_floats(table[column.name], column) for table in (real, synthetic)]
        for column in schema.columns
        if not column.discrete
    }
    codes = {
        column.name: _codes([real[column.name], synthetic[column.name]], numbers.get(column.name))
        for column in schema.columns
    }
    pairs = list(combinations(schema.names, 2))
    scores = [
        _correlation_similarity(numbers[first], numbers[second], correlation_threshold)
        if first in numbers and second in numbers
        else _contingency_similarity(codes[first], codes[second], association_threshold)
        for first, second in pairs
    ]
    index = pd.MultiIndex.from_tuples(pairs, names=["first", "second"]) if pairs else None
    result = pd.Series(scores, index=index, name="trend", dtype=np.float64)
    nothing = {name for name in schema.names if synthetic[name].isna().all()}
    lost = np.array([not nothing.isdisjoint(pair) for pair in pairs], dtype=bool)
    return result.mask(lost & result.notna(), 0.0)


def _codes(parts: list[pd.Series], numbers: list[np.ndarray] | None) -> list[np.ndarray]:
    """Non-negative codes of both tables: bins for numbers, shared codes (0 for missing) for
    categories."""
    return (
        [_bin(values) for values in numbers]
        if numbers
        else [codes + 1 for codes in shared_codes(parts)]
    )


def _bin(values: np.ndarray) -> np.ndarray:
    """Codes 1 to 10, and 11 for the largest value and for missing ones (so np.digitize, and so
    SDMetrics)."""
    return np.digitize(values, np.histogram_bin_edges(values[~np.isnan(values)], bins=BINS)).astype(
        np.int64
    )


def _correlation_similarity(
    first: list[np.ndarray], second: list[np.ndarray], threshold: float
) -> float:
    real, synthetic = (_correlation(*pair) for pair in zip(first, second))
    if np.isnan(real) or abs(real) <= threshold:
        return np.nan
    return 0.0 if np.isnan(synthetic) else float(1 - abs(real - synthetic) / 2)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    both = ~(np.isnan(first) | np.isnan(second))
    first, second = first[both], second[both]
    if len(first) < 2 or (first == first[0]).all() or (second == second[0]).all():
        return np.nan
    first, second = first - first.mean(), second - second.mean()
    return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _contingency_similarity(
    first: list[np.ndarray], second: list[np.ndarray], threshold: float
) -> float:
    width = 1 + max(codes.max() for codes in second)
    joint = [one * width + two for one, two in zip(first, second)]
    if _cramers_v(first[0], second[0], joint[0]) <= threshold:
        return np.nan
    cells, position = np.unique(np.concatenate(joint), return_inverse=True)
    return _overlap(position[: len(joint[0])], position[len(joint[0]) :], size=len(cells))


def _cramers_v(first: np.ndarray, second: np.ndarray, joint: np.ndarray) -> float:
    """Cramer (1946) association, 0 to 1, from the cells that occur; 0 where a side is constant."""
    first_counts, second_counts = np.bincount(first), np.bincount(second)
    degrees = min((first_counts > 0).sum(), (second_counts > 0).sum()) - 1
    if degrees == 0:
        return 0.0
    _, where, observed = np.unique(joint, return_index=True, return_counts=True)
    expected = first_counts[first[where]] * second_counts[second[where]].astype(np.float64)
    return float(np.sqrt(max((observed**2 / expected).sum() - 1, 0) / degrees))


@one_thread
def c2st(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    random_state: int = 0,
    early_stopping: bool | str = False,
) -> float:
    """Classifier two-sample test (Lopez-Paz and Oquab, ICLR 2017): can boosted trees tell the
    tables apart?

    Equal numbers of rows from both sides (the larger is sampled down), five stratified folds, each
    judged by a classifier that has not seen it. The classifier keeps scikit-learn's defaults but
    one: it does all of its rounds. With ``early_stopping="auto"`` it would stop early above 10,000
    rows and be about .01 milder on good copies of Adult.

    Returns
    -------
    mean over the folds of the area under the ROC curve: 0.5 cannot tell, 1 always tells. Folds are
    averaged rather than pooled, because five classifiers need not share one scale. Below 0.5
    happens by chance, and when synthetic rows repeat the very rows they are compared with, or were
    drawn in step with them. NaN with fewer than two rows a fold and side.
    """
    check_tables(schema, real=real, synthetic=synthetic)
    matrices, categorical = feature_matrices([real, synthetic], schema)
    size = min(len(real), len(synthetic))
    if size < 2 * FOLDS:
        return np.nan
    generator = np.random.default_rng(random_state)
    rows = np.vstack([matrix[generator.permutation(len(matrix))[:size]] for matrix in matrices])
    labels = np.repeat([0, 1], size)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=random_state).split(rows, labels)
    judge = boosted_trees("classify", categorical, random_state, early_stopping=early_stopping)
    return float(
        np.mean([_fold_auc(rows, labels, fit, held_out, judge) for fit, held_out in folds])
    )


def _fold_auc(rows, labels, fit, held_out, judge) -> float:
    judge.fit(rows[fit], labels[fit])
    return roc_auc_score(labels[held_out], judge.decision_function(rows[held_out]))
