"""The metrics of the scoreboard, and one row of them for a synthetic table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from utils.schema import Schema
from utils.scoring.fidelity import c2st, shape, trend
from utils.scoring.judge import check_tables
from utils.scoring.privacy import distance_to_closest_record, exact_copies, membership
from utils.scoring.utility import tstr
from utils.scoring.validity import valid


@dataclass(frozen=True)
class Metric:
    """How a metric is read.

    question : "valid?", "similar?", "useful?" or "private?".  label : short column heading.
    direction : "up" (more is better), "down", "half" (0.5 is best) or "none" (neither).
    perfect : value of a perfect table; None where only the yardsticks tell.  yardstick : the one
        whose value stands for perfect, then.  percent : shown as a percentage.
    digits : shown after the point.  meaning : one line.  compute : (train, holdout, synthetic,
    schema, random_state) -> float, or a Series that holds this metric by name (metrics may share
    one function).
    """

    question: str
    label: str
    direction: str
    perfect: float | None
    meaning: str
    compute: Callable
    yardstick: str = ""
    percent: bool = False
    digits: int = 1

    @property
    def arrow(self) -> str:
        """Direction in one sign."""
        return {"up": "↑", "down": "↓", "half": "→", "none": ""}[self.direction]

    @property
    def goal(self) -> str:
        """Direction and perfect value in short, such as "↑ 1", "↓ 10%" or "↓ fresh"; "(no goal)"
        for neither."""
        perfect = self.yardstick
        if self.perfect is not None:
            perfect = self.format(self.perfect, short=True)
        return f"{self.arrow} {perfect}".strip() or "(no goal)"

    def format(self, value: float, short: bool = False) -> str:
        """The value as text; "–" if there is none."""
        if np.isnan(value):
            return "–"
        scaled = value * 100 if self.percent else value
        text = f"{scaled:g}" if short else f"{scaled:.{self.digits}f}"
        return text + ("%" if self.percent else "")


METRICS: dict[str, Metric] = {
    "valid": Metric(
        "valid?",
        "valid rows",
        "up",
        1.0,
        "share of rows with right types, ranges, categories and rules",
        lambda train, holdout, synthetic, schema, seed: valid(synthetic, schema),
        percent=True,
    ),
    "shape": Metric(
        "similar?",
        "shape",
        "up",
        1.0,
        "each column's distribution (SDMetrics Column Shapes)",
        lambda train, holdout, synthetic, schema, seed: shape(holdout, synthetic, schema).mean(),
        digits=3,
    ),
    "trend": Metric(
        "similar?",
        "trend",
        "up",
        1.0,
        "each pair of columns (SDMetrics Column Pair Trends)",
        lambda train, holdout, synthetic, schema, seed: trend(holdout, synthetic, schema).mean(),
        digits=3,
    ),
    "c2st": Metric(
        "similar?",
        "C2ST",
        "half",
        0.5,
        "AUC of boosted trees that tell synthetic from real",
        lambda train, holdout, synthetic, schema, seed: c2st(holdout, synthetic, schema, seed),
        digits=3,
    ),
    "tstr": Metric(
        "useful?",
        "TSTR",
        "up",
        None,
        "train on synthetic, test on real",
        lambda train, holdout, synthetic, schema, seed: tstr(synthetic, holdout, schema, seed),
        digits=3,
    ),
    "membership_auc": Metric(
        "private?",
        "membership AUC",
        "half",
        0.5,
        "AUC of guessing who was in training",
        membership,
        digits=3,
    ),
    "membership_tpr_at_1": Metric(
        "private?",
        "found at 1%",
        "down",
        0.01,
        "training rows found when 1% of others are accused",
        membership,
        percent=True,
    ),
    "membership_tpr_at_10": Metric(
        "private?",
        "found at 10%",
        "down",
        0.10,
        "training rows found when 10% of others are accused",
        membership,
        percent=True,
    ),
    "copies": Metric(
        "private?",
        "copies",
        "down",
        None,
        "synthetic rows equal to a training row: fresh rows have some, too",
        lambda train, holdout, synthetic, schema, seed: exact_copies(train, synthetic, schema),
        yardstick="fresh",
        percent=True,
    ),
    "distance": Metric(
        "private?",
        "distance",
        "none",
        None,
        "median distance to the closest training row; proves nothing",
        lambda train, holdout, synthetic, schema, seed: distance_to_closest_record(
            train, synthetic, schema, seed
        ),
        digits=2,
    ),
}


def score(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    random_state: int = 0,
) -> pd.Series:
    """One row of the scoreboard: every metric of :data:`METRICS`, in order.

    Likeness and usefulness are judged against holdout, rows that no generator has seen; train
    serves the privacy attacks only.

    Returns
    -------
    float64 Series; NaN where a metric does not apply, such as ``tstr`` without a target.

    Raises
    ------
    TableError : an empty table, a missing column, or a column whose values are of another kind.
    """
    check_tables(schema, train=train, holdout=holdout, synthetic=synthetic)
    results = {
        metric.compute: metric.compute(train, holdout, synthetic, schema, random_state)
        for metric in METRICS.values()
    }
    values = {name: _pick(results[metric.compute], name) for name, metric in METRICS.items()}
    return pd.Series(values, name="score", dtype=np.float64)


def _pick(result, name: str) -> float:
    return result[name] if isinstance(result, pd.Series) else result
