"""How rows are judged in the race, and the yardsticks that every method stands between."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tests.benchmarks.tables import Table
from utils.results import COPY, FRESH, SHUFFLED
from utils.schema import Schema
from utils.scoring import shuffle_columns
from utils.scoring.judge import feature_matrices
from utils.scoring.metrics import score
from utils.scoring.utility import trtr

FOLDS, TREES, LEAF = 5, 300, 3


def judge(
    table: Table, train: pd.DataFrame, holdout: pd.DataFrame, rows: pd.DataFrame, seed: int
) -> dict[str, float]:
    """The scoreboard's metrics of rows; on a small table C2ST is that of a forest."""
    schema = table.schema(train)
    scores = score(train, holdout, rows, schema, seed).to_dict()
    return scores | ({"c2st": forest_c2st(holdout, rows, schema, seed)} if table.small else {})


def forest_c2st(real: pd.DataFrame, rows: pd.DataFrame, schema: Schema, seed: int) -> float:
    """Classifier two-sample test for some hundred rows: AUC of a random forest over five folds.

    Boosted trees with scikit-learn's leaves of 20 see little in 200 rows; a forest (300 trees, 3
    rows a leaf) does. As many real rows are drawn as there are others.
    """
    matrices, _ = feature_matrices([real, rows], schema)
    size = min(map(len, matrices))
    generator = np.random.default_rng(seed)
    matrices = [matrix[generator.permutation(len(matrix))[:size]] for matrix in matrices]
    labels = np.repeat([0, 1], size)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    forest = RandomForestClassifier(TREES, min_samples_leaf=LEAF, random_state=seed, n_jobs=1)
    chances = cross_val_predict(
        forest, np.vstack(matrices), labels, cv=folds, method="predict_proba"
    )
    return float(roc_auc_score(labels, chances[:, 1]))


def yardsticks(table: Table, seed: int) -> dict[str, tuple[pd.DataFrame, dict[str, float]]]:
    """Name -> rows and scores: fresh real rows, shuffled columns, a copy of the training rows.

    Where no process makes fresh rows, one half of the holdout is judged by the other; its TSTR is
    that of the training rows, so that it was learned from as many rows as all others.
    """
    train, holdout = table.train(seed), table.holdout(seed)
    found = {
        name: (rows, judge(table, train, holdout, rows, seed))
        for name, rows in {SHUFFLED: shuffle_columns(train, seed), COPY: train}.items()
    }
    if table.fresh:
        fresh = table.fresh(seed)
        return {FRESH: (fresh, judge(table, train, holdout, fresh, seed))} | found
    order = np.random.default_rng(seed).permutation(len(holdout))
    half, other = (holdout.iloc[rows] for rows in np.array_split(order, 2))
    scores = judge(table, train, half, other, seed)
    scores["tstr"] = trtr(train, holdout, table.schema(train), seed)
    return {FRESH: (holdout, scores)} | found
