"""The judge and the attacker of private rows: how like, how useful, who was in training."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.attacks.evidence import Evidence
from utils.attacks.membership import density_ratio_belief
from utils.schema import Schema
from utils.scoring.fidelity import c2st, shape, trend
from utils.scoring.utility import tstr

SCORES = ["tstr", "c2st", "shape", "trend", "membership_auc", "membership_tpr_at_1"]
ATTACKED = 5_000  # members at most, and others


def judged(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    unseen: pd.DataFrame,
    rows: pd.DataFrame,
    schema: Schema,
    seed: int,
    learned_from: pd.DataFrame | None = None,
) -> dict[str, float]:
    """:data:`SCORES` of synthetic rows, rounded to four digits.

    holdout : real rows that a model of the target is tried on.  unseen : real rows that the rows
    are compared with, and that the attacker must not take for members.  learned_from : what that
    model learns from, if not from the rows.
    """
    learned_from = rows if learned_from is None else learned_from
    scores = {
        "tstr": tstr(learned_from, holdout, schema, seed),
        "c2st": c2st(unseen, rows, schema, seed),
        "shape": shape(unseen, rows, schema).mean(),
        "trend": trend(unseen, rows, schema).mean(),
        **membership(train, unseen, rows, schema, seed),
    }
    return {metric: round(float(value), 4) for metric, value in scores.items()}


def membership(
    train: pd.DataFrame, unseen: pd.DataFrame, rows: pd.DataFrame, schema: Schema, seed: int
) -> dict[str, float]:
    """How well the density-ratio attack tells training rows from others.

    One half of the unseen rows is what the attacker knows of the population, the other half are
    the non-members.
    """
    rng = np.random.default_rng(seed)
    reference, others = (
        unseen.iloc[half] for half in np.array_split(rng.permutation(len(unseen)), 2)
    )
    members, others = (part.iloc[rng.permutation(len(part))[:ATTACKED]] for part in (train, others))
    records = pd.concat([members, others], ignore_index=True)
    truth = np.repeat([True, False], [len(members), len(others)])
    found = Evidence(density_ratio_belief(records, rows, reference, schema, seed), truth)
    return {"membership_auc": found.auc, "membership_tpr_at_1": found.true_positive_rate(0.01)}
