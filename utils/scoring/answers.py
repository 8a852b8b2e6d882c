"""Does a metric see a defect? Its scores of a defective table beside those of fresh real rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student

CONFIDENCE = 0.99  # some hundred cells are asked: at 0.95 several would see what is not there
SEES, MISSES, PRAISES, LACKS = "sees", "misses", "praises", "–"


def answer(metric, defect: Sequence[float], fresh: Sequence[float], least: float = 1e-3) -> str:
    """What a metric says of a defect, seed by seed, beside fresh real rows of the same seed.

    "sees": the defect scores worse than fresh rows; "praises": it scores *better*; "misses": they
    cannot be told apart, for 0 lies in the 99 % interval of the mean difference (Student's t over
    the seeds) or the difference is under ``least``; "–" where the metric has no value. For a metric
    without a goal, more counts as better.
    """
    if len(defect) != len(fresh) or not len(fresh):
        raise ValueError(
            f"Each seed needs a score of both: there are {len(defect)} of the defect and "
            f"{len(fresh)} of fresh rows."
        )
    worse = _badness(metric, np.asarray(defect)) - _badness(metric, np.asarray(fresh))
    if np.isnan(worse).any():
        return LACKS
    if abs(worse.mean()) <= max(_half_interval(worse), least):
        return MISSES
    return SEES if worse.mean() > 0 else PRAISES


def _half_interval(values: np.ndarray) -> float:
    if len(values) < 2:
        return np.inf
    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * error)


def _badness(metric, values: np.ndarray) -> np.ndarray:
    """The values so turned that more is worse. A judge or attacker whose area lies below one half
    has only guessed badly, so for these, too, more is worse."""
    return values if metric.direction in ("down", "half") else -values
