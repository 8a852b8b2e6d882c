"""Scores of a synthetic table (valid, similar, useful, private) and the scoreboard that adds
yardsticks."""

from utils.scoring.fidelity import c2st, shape, trend
from utils.scoring.metrics import METRICS, Metric, score
from utils.scoring.privacy import _points as gower_points
from utils.scoring.privacy import (
    distance_to_closest_record,
    exact_copies,
    membership,
    nearest_distance,
)
from utils.scoring.scoreboard import Scoreboard
from utils.scoring.utility import trtr, tstr, utility_measure
from utils.scoring.validity import valid, validity_report
from utils.scoring.yardsticks import shuffle_columns

__all__ = [
    "METRICS",
    "Metric",
    "Scoreboard",
    "c2st",
    "distance_to_closest_record",
    "exact_copies",
    "gower_points",
    "membership",
    "nearest_distance",
    "score",
    "shape",
    "shuffle_columns",
    "trend",
    "trtr",
    "tstr",
    "utility_measure",
    "valid",
    "validity_report",
]
