"""Metrics that papers and other tools report, to be held beside the course's own on tables whose
defect is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import normalized_mutual_info_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from utils.schema import Schema
from utils.scoring.judge import as_floats, check_tables, feature_matrices, shared_codes
from utils.scoring.metrics import Metric
from utils.scoring.privacy import MOST_RECORDS, _at_most, _points, nearest_distance

LEVELS = 30  # of alpha and of beta, 0 to 1
FOLDS = 5
DECILES = np.linspace(0.1, 0.9, 9)


def precision_and_recall(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, random_state: int = 0
) -> pd.Series:
    """Alpha-precision and beta-recall (Alaa et al., ICML 2022), each as one number, at most 1.

    A ball around the mean real row holds a share alpha of the real rows; a perfect table has the
    same share of its rows in it. A real row is covered at beta if its nearest synthetic row is no
    farther than its nearest real one, and lies in the ball (around the mean synthetic row) that
    holds a share beta of such nearest rows; this is how the authors' code counts. Each number is 1
    less the mean gap between the share found and the level, over 30 levels, divided by the mean
    level. Where many rows stand at the edge of a ball, so many of them are counted in that it holds
    its share. No embedding is learned: numbers count by rank, categories 0 or 1. As many rows of
    both sides are compared, at most 5,000.

    Fresh real rows have a beta-recall near 0.5, not 1: of two equally real rows, either is the
    nearer one half of the time. Only a copy of ``real`` reaches 1.

    Returns
    -------
    Series with ``alpha_precision`` and ``beta_recall``; NaN for a single row.
    """
    check_tables(schema, real=real, synthetic=synthetic)
    tables = _equally_many([real, synthetic], random_state)
    if len(tables[0]) < 2:
        return pd.Series({"alpha_precision": np.nan, "beta_recall": np.nan})
    real_points, points = _points(tables, schema, tables[0])
    center, levels = real_points.mean(axis=0), np.linspace(0, 1, LEVELS)
    inside = _inside(_distance(points, center), _distance(real_points, center), levels)
    to_synthetic, nearest = _nearest(points, real_points)
    to_real, _ = _nearest(real_points)
    out = _distance(points[nearest], points.mean(axis=0))
    covered = (to_synthetic <= to_real)[:, None] * _inside(out, out, levels)
    return pd.Series(
        {
            "alpha_precision": _agreement(inside.mean(axis=0), levels),
            "beta_recall": _agreement(covered.mean(axis=0), levels),
        }
    )


def _equally_many(tables: list[pd.DataFrame], random_state: int) -> list[pd.DataFrame]:
    """The tables cut to the rows of the smallest, and to :data:`MOST_RECORDS`, by chance."""
    generator = np.random.default_rng(random_state)
    most = min(MOST_RECORDS, *map(len, tables))
    return [_at_most(table, most, generator) for table in tables]


def _inside(distances: np.ndarray, among: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How far each row is in the ball that holds a share of ``among``, 0 to 1, (n, levels).

    1 or 0 but for rows at the very edge: of these so large a part is in that the share is met.
    """
    among = np.sort(among)
    below, upto = (
        np.searchsorted(among, distances, side) / len(among) for side in ("left", "right")
    )
    width = np.maximum(upto - below, np.finfo(float).tiny)
    return np.clip((levels - below[:, None]) / width[:, None], 0, 1)


def _distance(points: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Distance from the center, float64 (n,); rounded, so that equal rows tie on any processor."""
    return np.linalg.norm(points.astype(np.float64) - center, axis=1).round(9)


def _nearest(points: np.ndarray, queries: np.ndarray | None = None) -> tuple:
    """Distance to, and place of, the nearest of the points, each (n,), for each query; without
    queries for each point itself, which is not its own neighbour.

    The distance to the point found is computed anew, so that equal rows are at exactly 0.
    """
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points)
    places = search.kneighbors(queries, return_distance=False)[:, 0]
    gaps = (points if queries is None else queries).astype(np.float64) - points[places]
    return np.linalg.norm(gaps, axis=1), places


def _agreement(found: np.ndarray, levels: np.ndarray) -> float:
    return float(1 - np.abs(found - levels).mean() / levels.mean())


def closer_to_train(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    random_state: int = 0,
) -> float:
    """Share of synthetic rows that lie closer to a training row than to any holdout row.

    0.5 is what fresh rows give, for as many rows of both are compared; a tie counts half. (Share of
    Platzer and Reutterer, Frontiers in Big Data 2021; the "DCR score" of several papers.)
    """
    check_tables(schema, train=train, holdout=holdout, synthetic=synthetic)
    tables = _equally_many([train, holdout], random_state)
    (sample,) = _equally_many([synthetic], random_state)
    *targets, points = _points([*tables, sample], schema, pd.concat(tables))
    to_train, to_holdout = (nearest_distance(points, target) for target in targets)
    return float((to_train < to_holdout).mean() + (to_train == to_holdout).mean() / 2)


def linear_c2st(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, random_state: int = 0
) -> float:
    """Classifier two-sample test by logistic regression: mean AUC of five folds, 0.5 cannot tell.

    Numbers are standardised, missing ones flagged and set to the mean; categories are one-hot. The
    model sees each column alone, no pair: this is the judge behind "logistic detection". NaN with
    fewer than five rows a side.
    """
    check_tables(schema, real=real, synthetic=synthetic)
    tables = _equally_many([real, synthetic], random_state)
    size = len(tables[0])
    if size < FOLDS:
        return np.nan
    matrices, categorical = feature_matrices(tables, schema)
    numbers = make_pipeline(
        SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler()
    )
    judge = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), np.array(categorical)),
            (numbers, ~np.array(categorical)),
        ),
        LogisticRegression(max_iter=1000),
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=random_state)
    rows, truth = np.vstack(matrices), np.repeat([0, 1], size)
    return float(cross_val_score(judge, rows, truth, cv=folds, scoring="roc_auc").mean())


def mutual_information_error(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, random_state: int = 0
) -> float:
    """Mean absolute difference, over all pairs of columns, of their normalised mutual information
    in the two tables: 0 is perfect.

    Mutual information says how much one column tells about the other; it is divided by the mean of
    their entropies. Numbers are cut at the deciles of the real table; missing is a value of its
    own. NaN for a schema of one column. (The pairs that DataSynthesizer draws as heat maps, Ping et
    al., SSDBM 2017.)
    """
    check_tables(schema, real=real, synthetic=synthetic)
    tables = _equally_many([real, synthetic], random_state)  # few rows tell too much, by chance
    columns = {
        column.name: _coarse([table[column.name] for table in tables], column)
        for column in schema.columns
    }
    gaps = [
        abs(np.subtract(*map(_information, columns[first], columns[second])))
        for first, second in combinations(schema.names, 2)
    ]
    return float(np.mean(gaps)) if gaps else np.nan


def _information(first: np.ndarray, second: np.ndarray) -> float:
    """Normalised mutual information; a constant tells nothing, not even about another one."""
    if min(len(np.unique(first)), len(np.unique(second))) < 2:
        return 0.0
    return normalized_mutual_info_score(first, second)


def _coarse(parts: list[pd.Series], column) -> list[np.ndarray]:
    """Both sides as codes: categories as they are, numbers by the real side's deciles."""
    if column.discrete:
        return shared_codes(parts)
    real, synthetic = (as_floats(part, column) for part in parts)
    present = real[~np.isnan(real)]
    if not len(present):
        return [np.isnan(side).astype(int) for side in (real, synthetic)]
    edges = np.unique(np.quantile(present, DECILES))
    return [
        np.where(np.isnan(side), -1, np.searchsorted(edges, side)) for side in (real, synthetic)
    ]


LITERATURE: dict[str, Metric] = {
    "linear_c2st": Metric(
        "similar?",
        "linear C2ST",
        "half",
        0.5,
        "AUC of logistic regression that tells synthetic from real",
        lambda train, holdout, synthetic, schema, seed: linear_c2st(
            holdout, synthetic, schema, seed
        ),
        digits=3,
    ),
    "alpha_precision": Metric(
        "similar?",
        "α-precision",
        "up",
        1.0,
        "synthetic rows lie where real ones do, near and far from the middle",
        lambda train, holdout, synthetic, schema, seed: precision_and_recall(
            holdout, synthetic, schema, seed
        )["alpha_precision"],
        digits=3,
    ),
    "beta_recall": Metric(
        "similar?",
        "β-recall",
        "up",
        None,
        "real rows have a synthetic one as near as a real one",
        lambda train, holdout, synthetic, schema, seed: precision_and_recall(
            holdout, synthetic, schema, seed
        )["beta_recall"],
        digits=3,
    ),
    "information": Metric(
        "similar?",
        "MI error",
        "down",
        0.0,
        "error of the mutual information, mean over the pairs of columns",
        lambda train, holdout, synthetic, schema, seed: mutual_information_error(
            holdout, synthetic, schema, seed
        ),
        digits=3,
    ),
    "closer_to_train": Metric(
        "private?",
        "DCR share",
        "half",
        0.5,
        "synthetic rows that lie closer to training rows than to others",
        closer_to_train,
        percent=True,
    ),
}


def literature_scores(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    random_state: int = 0,
) -> pd.Series:
    """Every metric of :data:`LITERATURE`, in order, float64; NaN where one has no value.

    The arguments are those of :func:`utils.scoring.score`.
    """
    values = {
        name: metric.compute(train, holdout, synthetic, schema, random_state)
        for name, metric in LITERATURE.items()
    }
    return pd.Series(values, dtype=np.float64)
