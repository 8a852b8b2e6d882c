"""Is the promise kept? Lower bounds on epsilon, from how well planted rows are found.

A bound above the epsilon that was promised proves a mistake; one below it proves nothing.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import beta, binom

LEVEL = 0.95
QUANTILES = np.linspace(0.01, 0.99, 99)  # of the scores, where a cut is tried
FEWEST_RUNS = 40
MOST_EPSILON, CLOSE = 60.0, 1e-4


def epsilon_from_runs(
    with_canary: np.ndarray, without: np.ndarray, delta: float = 0.0, level: float = LEVEL
) -> float:
    """Lower bound on epsilon from many runs with and as many without a planted row.

    An attacker who says "it was in" where his score exceeds a cut is right with a chance TPR and
    wrong with a chance FPR; under (epsilon, delta)-privacy TPR <= exp(epsilon) FPR + delta, and the
    same for saying "it was not" (Kairouz, Oh and Viswanath 2015, theorem 2.1). The first half of
    the runs chooses cut and side; the second half gives exact binomial bounds of both rates
    (Clopper and Pearson 1934), each at half the error, as Jagielski, Ullman and Oprea 2020.

    with_canary, without : float64 (runs,), a score of each run, larger where the row was rather in;
    40 runs or more each, in random order.
    Returns the bound, 0 where there is none; it is too high in at most 1 - level of all audits.
    """
    first, second = zip(*[np.array_split(_scores(runs), 2) for runs in (with_canary, without)])
    cuts = np.unique(np.quantile(np.concatenate(first), QUANTILES))
    said_in, said_out = _bounds(*first, cuts, delta, level)
    side = 0 if said_in.max() >= said_out.max() else 1
    cut = cuts[[said_in, said_out][side].argmax()]
    return float(_bounds(*second, np.array([cut]), delta, level)[side][0])


def _scores(values) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or len(values) < FEWEST_RUNS or not np.isfinite(values).all():
        raise ValueError(
            f"An audit needs one finite score a run, of {FEWEST_RUNS} runs or more with the "
            f"planted row and as many without; here is an array of shape {values.shape}."
        )
    return values


def _bounds(with_canary, without, cuts, delta, level) -> tuple[np.ndarray, np.ndarray]:
    """Bounds by saying "it was in" above each cut, and "it was not" elsewhere, float64 (cuts,)."""
    above, false_above = [
        len(runs) - np.searchsorted(np.sort(runs), cuts, side="right")
        for runs in (with_canary, without)
    ]
    runs, others = len(with_canary), len(without)
    return (
        _log_ratio(above, runs, false_above, others, delta, level),
        _log_ratio(others - false_above, others, runs - above, runs, delta, level),
    )


def _log_ratio(hits, guesses, alarms, others, delta, level) -> np.ndarray:
    """log((lower end of the hits' rate - delta) / upper end of the false alarms' rate), or 0."""
    error = (1 - level) / 2
    hit = np.where(hits > 0, beta.ppf(error, np.maximum(hits, 1), guesses - hits + 1), 0)
    alarm = beta.ppf(1 - error, alarms + 1, np.maximum(others - alarms, 1))
    alarm = np.where(alarms < others, alarm, 1)
    return np.log(np.maximum((hit - delta) / alarm, 1))


def epsilon_from_one_run(
    correct: int, guesses: int, canaries: int, delta: float = 0.0, level: float = LEVEL
) -> float:
    """Lower bound on epsilon from one run with many planted rows.

    Each of the canaries was put in by a coin of its own, and the attacker guessed the coins of
    those that he was surest about; so many guesses were correct. Under epsilon-privacy no more of
    them are than so many coins that fall rightly with the chance exp(epsilon) / (1 + exp(epsilon));
    delta adds to that (Steinke, Nasr and Jagielski 2023, theorem 5.2).

    Returns the largest epsilon at which so many correct guesses had a chance below 1 - level, or 0.
    """
    if not 0 <= correct <= guesses <= canaries or guesses < 1:
        raise ValueError(
            f"{correct} correct of {guesses} guesses about {canaries} canaries cannot be: there "
            "must be a guess, and neither more correct ones than guesses nor more than canaries."
        )

    def refuted(epsilon: float) -> bool:
        return _chance(correct, guesses, canaries, epsilon, delta) < 1 - level

    low, high = 0.0, MOST_EPSILON
    if not refuted(low):
        return 0.0
    while high - low > CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if refuted(middle) else (low, middle)
    return low


def _chance(correct: int, guesses: int, canaries: int, epsilon: float, delta: float) -> float:
    """Largest chance of so many correct guesses or more under (epsilon, delta)-privacy."""
    right = 1 / (1 + np.exp(-epsilon))
    tail = binom.sf(correct - 1, guesses, right)
    if not delta or not correct:
        return float(tail)
    fewer = np.arange(1, correct + 1)
    gained = (binom.sf(correct - fewer - 1, guesses, right) - tail) / fewer
    return float(min(1.0, tail + 2 * canaries * delta * gained.max()))
