"""How often 95 % intervals of attack figures hold the truth, in worlds whose truth is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from tests.benchmarks.runs import Runs, measure_missing, not_of
from tests.benchmarks.source import fingerprint
from utils.attacks.evidence import Evidence
from utils.attacks.rates import Rate, Risk
from utils.results import RESULTS

COVERAGE = "coverage"
WORLDS = 400
AUC, AT_ONE, AT_TEN, RISK = "AUC", "rate at 1 %", "rate at 10 %", "risk"
MEMBERS, OTHERS = (200, 1_000), (500, 2_000)  # of a small and of a large attack
SHIFTS = (0.0, 0.5, 1.0, 2.0)  # of members' beliefs, in standard deviations of others'
LUCKS = (0.05, 0.3, 0.6)  # hits of guesses about the control
RISKS = (0.0, 0.1, 0.5)  # what training rows are hit beyond that
SOURCE = ("tests.benchmarks.coverage", "utils.attacks.evidence", "utils.attacks.rates")
KEY = ["figure", "world", "members", "others"]
COLUMNS = [*KEY, "truth", "worlds", "held", "width", "source"]


def membership_world(figure: str, shift: float, members: int, others: int) -> tuple:
    """A world of normal beliefs: (rng -> interval, truth)."""
    at = {AT_ONE: 0.01, AT_TEN: 0.1}.get(figure)
    member = np.repeat([True, False], [members, others])

    def interval(rng):
        belief = rng.normal(size=members + others) + shift * member
        evidence = Evidence(belief, member)
        return evidence.true_positive_rate_interval(at) if at else evidence.auc_interval()

    truth = norm.sf(norm.isf(at) - shift) if at else norm.cdf(shift / np.sqrt(2))
    return interval, float(truth)


def risk_world(luck: float, risk: float, members: int, others: int) -> tuple:
    """A world of guesses that hit by chance: (rng -> interval, truth)."""
    hit = luck + risk * (1 - luck)

    def interval(rng):
        rates = Rate(rng.binomial(members, hit), members), Rate(rng.binomial(others, luck), others)
        return Risk(*rates).interval()

    return interval, risk


def worlds() -> dict[tuple, Callable[[], tuple]]:
    """Key of a line -> what makes its world."""
    found = {}
    for size in zip(MEMBERS, OTHERS):
        for figure in (AUC, AT_ONE, AT_TEN):
            for shift in SHIFTS:
                key = figure, f"members believed {shift:g} more", *size
                found[key] = lambda of=(figure, shift, *size): membership_world(*of)
        for luck in LUCKS:
            for risk in RISKS:
                key = RISK, f"risk {risk:g}, luck {luck:g}", *size
                found[key] = lambda of=(luck, risk, *size): risk_world(*of)
    return found


def share_held(interval: Callable, truth: float, count: int = WORLDS) -> tuple[float, float]:
    """Share of so many worlds whose interval holds the truth, and the intervals' mean width."""
    ends = np.array([interval(np.random.default_rng(seed)) for seed in range(count)])
    held = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return float(held.mean()), float((ends[:, 1] - ends[:, 0]).mean())


def source() -> str:
    """Fingerprint of the code that makes worlds and intervals."""
    return fingerprint(SOURCE)


def measure_coverage(jobs: int = 1, folder: Path = RESULTS) -> pd.DataFrame:
    """Measure what is not stored yet; returns all lines. Those of older code are forgotten."""
    runs = Runs(folder / f"{COVERAGE}.csv", COLUMNS, KEY)
    return measure_missing(runs, measure, list(worlds()), outdated, jobs)


def measure(*task) -> list[dict]:
    """The line of a world."""
    interval, truth = worlds()[task]()
    held, width = share_held(interval, truth)
    values = [round(truth, 4), WORLDS, round(held, 4), round(width, 4), source()]
    return [dict(zip(COLUMNS, [*task, *values]))]


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which lines are of older code, or of a world that is no more."""
    known, now = worlds(), source()
    return not_of(lambda *world: now if world in known else None, table, KEY)
