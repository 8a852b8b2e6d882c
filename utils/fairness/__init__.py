"""Does it treat groups alike? What a model trained on a table decides about each group, how far a
synthetic table drifts within each, where the gap comes from, and one repair."""

from utils.fairness.decisions import GAPS, RATES, Decisions, decide
from utils.fairness.drift import drift_by_group
from utils.fairness.groups import LEAST, groups_of
from utils.fairness.intervals import gap_changes, gap_intervals, rate_changes, rate_intervals
from utils.fairness.ledger import Ledger, ledger
from utils.fairness.repair import counts_by_cell, sample_by_cell

__all__ = [
    "GAPS",
    "LEAST",
    "RATES",
    "Decisions",
    "Ledger",
    "counts_by_cell",
    "decide",
    "drift_by_group",
    "gap_changes",
    "gap_intervals",
    "groups_of",
    "ledger",
    "rate_changes",
    "rate_intervals",
    "sample_by_cell",
]
