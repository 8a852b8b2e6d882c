"""Membership inference: was this row in training? The attacker sees the synthetic table, and other
rows of the population."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.base import clone
from tqdm import tqdm

from utils.checks import validate
from utils.schema import Schema, TableError
from utils.scoring import gower_points, nearest_distance
from utils.scoring.judge import boosted_trees, check_tables, feature_matrices, one_thread

LEAST_DISTANCE = 1e-3  # a copy lies at 0; ratios need more


def distance_belief(records: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Less the distance to the closest synthetic row (Chen et al. 2020, GAN-Leaks, full black box).

    Returns float64 (records,): the nearer, the rather in training. The distance is that of
    :func:`utils.scoring.membership`: numbers by rank among the records, categories 0 or 1.
    """
    check_tables(schema, records=records, synthetic=synthetic)
    return -_distance(records, synthetic, schema)


def calibrated_distance_belief(
    records: pd.DataFrame, synthetic: pd.DataFrame, reference: pd.DataFrame, schema: Schema
) -> np.ndarray:
    """Logarithm of how much closer a synthetic row is than a row of the population, float64
    (records,).

    A row in a crowd has near neighbours whether it was in training or not: the distance to
    reference rows, which were not in training, says how near. (The calibration of Chen et al. 2020,
    with real rows in place of a reference generator's.)
    """
    check_tables(schema, records=records, synthetic=synthetic, reference=reference)
    return _log_distance(records, reference, schema) - _log_distance(records, synthetic, schema)


@one_thread
def density_ratio_belief(
    records: pd.DataFrame,
    synthetic: pd.DataFrame,
    reference: pd.DataFrame,
    schema: Schema,
    random_state: int = 0,
) -> np.ndarray:
    """How much denser the synthetic table is than the population at a row, as a log ratio.

    A generator that overfits puts too much mass around training rows (van Breugel et al. 2023,
    DOMIAS). Boosted trees learn to tell synthetic from reference rows; their log odds, less those
    of the two sizes, estimate the ratio. Returns float64 (records,).
    """
    check_tables(schema, records=records, synthetic=synthetic, reference=reference)
    (attacked, *sides), categorical = feature_matrices([records, synthetic, reference], schema)
    truth = np.repeat([1, 0], [len(synthetic), len(reference)])
    judge = boosted_trees("classify", categorical, random_state).fit(np.vstack(sides), truth)
    chances = judge.predict_proba(attacked)[:, 1]
    return logit(np.clip(chances, 1e-9, 1 - 1e-9)) - logit(truth.mean())


def shadow_belief(
    records: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    synthesizer,
    shadows: int = 16,
    random_state: int = 0,
    progress: bool = False,
) -> np.ndarray:
    """Likelihood ratio of a row's distance to the synthetic table with and without it in training.

    The attacker knows the method. He trains it himself, on random halves of the records that he
    asks about, and notes the logarithm of each record's distance to what it then draws: once from
    the shadows that saw the record, once from those that did not. Two normal distributions of equal
    spread are fitted to the two, and the belief is the log ratio of their densities at the distance
    to the real synthetic table (the likelihood ratio attack of Carlini et al. 2022, with one spread
    for all records as they advise for few shadows). One set of shadows serves all records, so the
    cost is ``shadows`` fits.

    schema : must allow every record, for each is trained on.
    synthesizer : unfitted; cloned.
    shadows : even, 4 or more, so that every record is seen by half of them.
    Returns float64 (records,).
    """
    check_tables(schema, records=records, synthetic=synthetic)
    if shadows < 4 or shadows % 2:
        raise ValueError(f"shadows must be an even number, 4 or more, not {shadows!r}.")
    if len(records) < 2:
        raise TableError("One record cannot be halved. Attack two or more.")
    _allow_all(records, schema)
    rng = np.random.default_rng(random_state)
    seen = _halves(len(records), shadows, rng)
    distances = np.empty((shadows, len(records)))
    for shadow in tqdm(range(shadows), desc="shadows", disable=not progress):
        model = clone(synthesizer).set_params(random_state=int(rng.integers(2**31)))
        drawn = model.fit(records[seen[shadow]], schema=schema).sample(len(synthetic))
        distances[shadow] = _log_distance(records, drawn, schema)
    within = np.ma.masked_array(distances, ~seen).mean(axis=0).data
    without = np.ma.masked_array(distances, seen).mean(axis=0).data
    spread = np.where(seen, distances - within, distances - without)
    variance = (spread**2).sum() / (spread.size - 2 * len(records))
    noted = _log_distance(records, synthetic, schema)
    return ((noted - without) ** 2 - (noted - within) ** 2) / (2 * max(variance, 1e-12))


def _distance(records: pd.DataFrame, table: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Distance from each record to the closest row of a table, float64 (records,)."""
    return nearest_distance(*gower_points([records, table], schema, records))


def _log_distance(records: pd.DataFrame, table: pd.DataFrame, schema: Schema) -> np.ndarray:
    return np.log(np.maximum(_distance(records, table, schema), LEAST_DISTANCE))


def _allow_all(records: pd.DataFrame, schema: Schema) -> None:
    """TableError where the schema refuses a record, as one read off the training rows may."""
    try:
        validate(records[schema.names], schema)
    except TableError as refusal:
        raise TableError(
            "Shadow models train on every record, but the schema does not allow them all. Read it "
            f"off all rows that the attacker knows: Schema.infer(records).\n{refusal}"
        ) from None


def _halves(records: int, shadows: int, rng: np.random.Generator) -> np.ndarray:
    """Which record is in which shadow's training, bool (shadows, records): pairs of shadows share
    the records between them, so each is seen by half of the shadows."""
    seen = np.zeros((shadows, records), bool)
    for pair in range(0, shadows, 2):
        order = rng.permutation(records)
        seen[pair, order[: records // 2]] = True
        seen[pair + 1] = ~seen[pair]
    return seen
