"""How sure a gap is: the holdout rows are a sample of people, and are drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import norm

from utils.fairness.decisions import GAPS, Decisions

LEVEL = 0.95
REPLICATES = 400  # bootstrap samples
HALF = 0.5  # a person more for yes and for no (Haldane 1956): a rate of 0 has a logarithm, too


def rate_intervals(decisions: Decisions, rate: str, level: float = LEVEL) -> pd.DataFrame:
    """A rate of each group with its interval by the score of Wilson (1927); one row a group:
    ``found``, ``low``, ``high``; NaN where too few persons stand behind it."""
    hits, sizes = _hits_and_sizes(_counts(decisions)[None], rate)
    hits, sizes = hits[0], sizes[0]
    z = norm.ppf((1 + level) / 2)
    middle = (hits + z**2 / 2) / (sizes + z**2)
    share = hits / np.maximum(sizes, 1)
    reach = z / (sizes + z**2) * np.sqrt(hits * (1 - share) + z**2 / 4)
    found = decisions.rates()[rate]
    table = pd.DataFrame({"found": found, "low": middle - reach, "high": middle + reach})
    return table.where(found.notna())


def gap_intervals(
    decisions: Decisions, level: float = LEVEL, random_state: int = 0
) -> pd.DataFrame:
    """Every gap of :data:`GAPS` with its interval, one row a gap: ``found``, ``low``, ``high``, and
    ``between``, the two groups that lie farthest apart.

    A gap is the largest difference of any two groups, so luck alone makes one: the percentiles of
    a bootstrap would never hold 0. Instead each pair of groups gets an interval, all so wide that
    they hold together with the level's confidence: the multiple of the standard error is read off
    the bootstrap's largest deviation of any pair (max-t; Westfall and Young 1993). The largest gap
    then lies between the largest of the lower ends and the largest of the upper ends. Standard
    errors are those of Agresti and Coull (1998), which are not 0 where a rate is 0 or 1; ratios are
    treated by their logarithm.
    """
    draws = resampled([decisions], random_state)[:, 0]
    rows = {gap: _interval(decisions, gap, draws, level) for gap in GAPS}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["found", "low", "high", "between"])


def gap_changes(
    before: Decisions, after: Decisions, level: float = LEVEL, random_state: int = 0
) -> pd.DataFrame:
    """What becomes of each gap when the second model decides about the same rows in place of the
    first; one row a gap: ``before``, ``after``, ``change``, ``low``, ``high``.

    Both decide about the same people in every bootstrap sample, so what is luck of the sample in
    both cancels (paired). The interval is normal, from the bootstrap's standard deviation. A gap
    without two groups that are large enough is NaN, as in :func:`gap_intervals`.
    """
    check_same_rows(before, after)
    draws = resampled([before, after], random_state)
    found, spread = {}, {}
    for gap in GAPS:
        try:
            groups = _places(before, before.compared(gap))
        except ValueError:  # too few persons: no reason to lose the other gaps
            found[gap], spread[gap] = (np.nan, np.nan), np.nan
            continue
        of_draws = [gap_of(draws[:, place], groups, gap) for place in (0, 1)]
        found[gap] = [found_gap(one, gap) for one in (before, after)]
        spread[gap] = np.std(of_draws[1] - of_draws[0], ddof=1)
    return _changes(found, spread, level)


def rate_changes(
    before: Decisions, after: Decisions, rate: str, level: float = LEVEL, random_state: int = 0
) -> pd.DataFrame:
    """What becomes of a rate of each group, as :func:`gap_changes`; one row a group, NaN where too
    few persons stand behind it."""
    check_same_rows(before, after)
    rates = [decisions.rates()[rate] for decisions in (before, after)]
    draws = resampled([before, after], random_state)
    shares = [_shares(draws[:, place], rate) for place in (0, 1)]
    spread = np.std(shares[1] - shares[0], axis=0, ddof=1)
    found = {name: (rates[0][name], rates[1][name]) for name in before.names}
    return _changes(found, dict(zip(before.names, spread)), level)


def _changes(found: dict, spread: dict, level: float) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(found, orient="index", columns=["before", "after"])
    change = table["after"] - table["before"]
    reach = norm.ppf((1 + level) / 2) * pd.Series(spread)
    return table.assign(change=change, low=change - reach, high=change + reach)


def check_same_rows(before: Decisions, after: Decisions) -> None:
    """ValueError unless both decide about the same rows and groups, under the same ``least``."""
    alike = len(before.truth) == len(after.truth) and all(
        np.array_equal(getattr(before, name), getattr(after, name)) for name in ("truth", "group")
    )
    if not alike or before.least != after.least:
        raise ValueError(
            "Only decisions about the same rows, in the same order and groups, can be compared."
        )


# --- counts: persons by group, truth and decision ---


def _counts(decisions: Decisions) -> np.ndarray:
    """Persons, int64 (groups, truth, decision)."""
    groups = len(decisions.names)
    return np.bincount(_codes(decisions), minlength=4 * groups).reshape(groups, 2, 2)


def _codes(decisions: Decisions) -> np.ndarray:
    return 4 * decisions.place + 2 * decisions.truth + decisions.decided


def resampled(
    models: Sequence[Decisions], random_state: int, replicates: int = REPLICATES
) -> np.ndarray:
    """Counts of bootstrap samples, int64 (replicates, models, groups, truth, decision); all models
    see the same people in each sample."""
    codes, groups = [_codes(model) for model in models], len(models[0].names)
    joint = np.zeros(len(codes[0]), np.int64)  # rows of which all models say the same are one kind
    for code in codes:
        joint = np.unique(joint * 4 * groups + code, return_inverse=True)[1]
    first = np.unique(joint, return_index=True)[1]
    rng, shares = np.random.default_rng(random_state), np.bincount(joint) / len(joint)
    kinds = rng.multinomial(len(joint), shares, size=replicates)
    cells = [np.eye(4 * groups, dtype=np.int64)[code[first]] for code in codes]
    counts = np.stack([kinds @ cell for cell in cells], axis=1)
    return counts.reshape(replicates, len(models), groups, 2, 2)


def _hits_and_sizes(counts: np.ndarray, rate: str) -> tuple[np.ndarray, np.ndarray]:
    """Persons with a yes, and persons in all, behind a rate; (samples, groups) each."""
    of_truth = {"true positive rate": slice(1, 2), "false positive rate": slice(0, 1)}
    part = counts[:, :, of_truth.get(rate, slice(0, 2))]
    return part[..., 1].sum(axis=2), part.sum(axis=(2, 3))


def _shares(counts: np.ndarray, rate: str) -> np.ndarray:
    hits, sizes = _hits_and_sizes(counts, rate)
    return hits / np.maximum(sizes, 1)


def _places(decisions: Decisions, names: list[str]) -> np.ndarray:
    return np.flatnonzero(np.isin(decisions.names, names))


def found_gap(decisions: Decisions, gap: str) -> float:
    """:meth:`Decisions.gap`, from counts: fairlearn's function to the last digit, but faster."""
    return float(
        gap_of(_counts(decisions)[None], _places(decisions, decisions.compared(gap)), gap)[0]
    )


def gap_of(counts: np.ndarray, groups: np.ndarray, gap: str) -> np.ndarray:
    """A gap from counts (samples, groups, truth, decision) among some groups, float64
    (samples,)."""
    _, rates, divides = GAPS[gap]
    values = []
    for rate in rates:
        shares = _shares(counts, rate)[:, groups]
        low, high = shares.min(axis=1), shares.max(axis=1)
        values.append(low / np.where(high > 0, high, np.nan) if divides else high - low)
    return np.min(values, axis=0) if divides else np.max(values, axis=0)


# --- the interval of one gap ---


def _interval(decisions: Decisions, gap: str, draws: np.ndarray, level: float) -> tuple:
    try:
        names = decisions.compared(gap)
    except ValueError:  # too few persons: no reason to lose the other gaps
        return np.nan, np.nan, np.nan, "too few persons"
    groups = _places(decisions, names)
    counts, divides = _counts(decisions)[None], GAPS[gap][2]
    pairs = [
        _pairs(*(_hits_and_sizes(part[:, groups], rate) for part in (counts, draws)), divides)
        for rate in GAPS[gap][1]
    ]
    found, error, deviation = (np.concatenate(part, axis=-1) for part in zip(*pairs))
    multiple = np.quantile(np.max(np.abs(deviation) / error, axis=1), level)
    multiple = max(multiple, norm.ppf((1 + level) / 2))  # a rate of 0 or 1 never deviates
    low = max(0.0, (np.abs(found) - multiple * error).max())
    high = (np.abs(found) + multiple * error).max()
    value, farthest = found_gap(decisions, gap), np.abs(found).argmax()
    two = list(combinations(names, 2)) * len(GAPS[gap][1])
    ends = (np.exp(-high), np.exp(-low)) if divides else (low, min(1.0, high))
    return value, min(ends[0], value), max(ends[1], value), " and ".join(two[farthest])


def _pairs(known, drawn, divides: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each pair of groups: difference, its standard error, and the bootstrap's deviations."""
    scale = _logarithm if divides else _plain
    value, variance = (part[0] for part in scale(*known))
    values, _ = scale(*drawn)
    first, second = np.array(list(combinations(range(len(value)), 2))).T
    found = value[first] - value[second]
    deviation = values[:, first] - values[:, second] - found
    return found, np.sqrt(variance[first] + variance[second]), deviation


def _plain(hits: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = norm.ppf((1 + LEVEL) / 2)
    pulled = (hits + z**2 / 2) / (sizes + z**2)
    return hits / np.maximum(sizes, 1), pulled * (1 - pulled) / (sizes + z**2)


def _logarithm(hits: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of a rate, and its variance by the delta method."""
    hits, sizes = hits + HALF, sizes + 2 * HALF
    return np.log(hits / sizes), 1 / hits - 1 / sizes
