"""``python -m tests.benchmarks.peers.published FOLDER``: the judge of the published figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sdmetrics.single_table.detection.sklearn import ScikitLearnClassifierDetectionMetric
from xgboost import XGBClassifier

from tests.benchmarks.process import answer


class BoostedDetection(ScikitLearnClassifierDetectionMetric):
    """SDMetrics' detection metric with XGBoost: three folds, AUC at least .5, 2 - 2 AUC."""

    @staticmethod
    def _get_classifier():
        return XGBClassifier(eval_metric="logloss", enable_categorical=True, random_state=0)


def published(request: dict, train: pd.DataFrame, synthetic: pd.DataFrame) -> dict:
    """Synthetic rows against the training rows; the folds come from the seed."""
    np.random.seed(request["seed"])
    return {"published": float(BoostedDetection.compute(train, synthetic))}


if __name__ == "__main__":
    answer(published)
