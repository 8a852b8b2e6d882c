"""Useful? Train on synthetic, test on real (TSTR), beside train on real, test on real (TRTR)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from utils.encoding import to_codes
from utils.schema import Schema
from utils.scoring.judge import as_floats, boosted_trees, check_tables, feature_matrices, one_thread

TREES = 1000  # at most: a round grows one tree a class, so many classes get fewer rounds


@one_thread
def tstr(
    synthetic: pd.DataFrame, holdout: pd.DataFrame, schema: Schema, random_state: int = 0
) -> float:
    """Train on synthetic rows, test on real ones (Esteban, Hyland and Raetsch 2017), with boosted
    trees.

    Returns
    -------
    area under the ROC curve for a target of two values (the second category is the positive one; a
    model that learned nothing scores 0.5), accuracy for more, R squared for numbers and dates (0
    predicts the mean, no lower bound). NaN if the schema has no target, or holdout offers nothing
    to rank. Synthetic rows of one class only, or without any target, score as the constant
    prediction they lead to.
    """
    check_tables(schema, synthetic=synthetic, holdout=holdout)
    if schema.target is None or len(schema.columns) < 2:
        return np.nan
    features = schema.select([name for name in schema.names if name != schema.target])
    (train_rows, test_rows), categorical = feature_matrices([synthetic, holdout], features)
    train_target, test_target = _target(synthetic, schema), _target(holdout, schema)
    known, present = train_target >= 0, holdout[schema.target].notna().to_numpy()
    if not schema[schema.target].discrete:
        known = ~np.isnan(train_target)
    empty = np.isnan(train_rows).all(axis=0)  # which scikit-learn 1.9 cannot sort into bins
    train_rows = np.where(empty, 0.0, train_rows)
    judge = {"auc": _auc, "accuracy": _accuracy, "R2": _r_squared}[utility_measure(schema)]
    return float(
        judge(
            train_rows[known],
            train_target[known],
            test_rows[present],
            test_target[present],
            categorical,
            random_state,
        )
    )


def trtr(
    train: pd.DataFrame, holdout: pd.DataFrame, schema: Schema, random_state: int = 0
) -> float:
    """Train on real rows, test on real ones: what :func:`tstr` can hope for."""
    return tstr(train, holdout, schema, random_state)


def utility_measure(schema: Schema) -> str | None:
    """What :func:`tstr` measures for the schema's target: "auc", "accuracy", "R2", or None without
    one."""
    if schema.target is None:
        return None
    target = schema[schema.target]
    if not target.discrete:
        return "R2"
    return "auc" if len(target.categories) == 2 else "accuracy"


def _target(table: pd.DataFrame, schema: Schema) -> np.ndarray:
    target = schema[schema.target]
    return (
        to_codes(table[target.name], target)
        if target.discrete
        else as_floats(table[target.name], target)
    )


def _auc(train_rows, train_target, test_rows, test_target, categorical, random_state) -> float:
    judged = test_target >= 0
    if len(np.unique(test_target[judged])) < 2:
        return np.nan
    if len(np.unique(train_target)) < 2:
        return 0.5
    model = boosted_trees("classify", categorical, random_state).fit(train_rows, train_target)
    return roc_auc_score(test_target[judged], model.decision_function(test_rows[judged]))


def _accuracy(train_rows, train_target, test_rows, test_target, categorical, random_state) -> float:
    if not len(test_target):
        return np.nan
    classes = np.unique(train_target)
    if len(classes) < 2:
        return np.mean(np.isin(test_target, classes))
    rounds = min(100, max(1, TREES // len(classes)))
    model = boosted_trees("classify", categorical, random_state, rounds).fit(
        train_rows, train_target
    )
    return accuracy_score(test_target, model.predict(test_rows))


def _r_squared(
    train_rows, train_target, test_rows, test_target, categorical, random_state
) -> float:
    if len(test_target) < 2 or np.ptp(test_target) == 0:
        return np.nan
    if not len(train_target):
        return 0.0
    if np.ptp(train_target) == 0:
        return r2_score(test_target, np.full(len(test_target), train_target[0]))
    model = boosted_trees("regress", categorical, random_state).fit(train_rows, train_target)
    return r2_score(test_target, model.predict(test_rows))
