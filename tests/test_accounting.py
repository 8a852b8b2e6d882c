"""What noise costs: known figures of three accountants, budgets, and lower bounds from audits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from utils.privacy import (
    ACCOUNTANTS,
    Budget,
    Ledger,
    PrivacyError,
    epsilon_from_one_run,
    epsilon_from_runs,
    epsilon_of,
    epsilon_spent,
    noise_multiplier_for,
    noise_of_rho,
    rho_of,
    rho_of_exponential,
    rho_of_gaussian,
)

DELTA = 1e-5
# 60,000 rows, 256 expected in a step, noise multiplier 1.1, 60 epochs
PUBLISHED = {"noise_multiplier": 1.1, "sampling_rate": 256 / 60_000, "steps": 14_062}


# --- three accountants ---


@pytest.mark.parametrize(
    ("accountant", "epsilon"), [("rdp, classic", 3.008), ("rdp", 2.597), ("pld", 2.382)]
)
def test_the_published_run_costs_what_is_known(accountant, epsilon):
    spent = epsilon_spent(**PUBLISHED, delta=DELTA, accountant=accountant)
    assert spent == pytest.approx(epsilon, abs=5e-4)


@pytest.mark.parametrize("accountant", ACCOUNTANTS)
def test_no_accountant_is_below_the_exact_cost_of_one_whole_step(accountant):
    """One step on all rows is the Gaussian mechanism, whose delta is known exactly."""
    noise = 1.5
    spent = epsilon_spent(noise, 1.0, 1, DELTA, accountant)
    exact = norm.cdf(0.5 / noise - spent * noise) - math.exp(spent) * norm.cdf(
        -0.5 / noise - spent * noise
    )
    assert exact <= DELTA * (1 + 1e-9)
    assert (accountant == "pld") == (exact > 0.9 * DELTA)


@pytest.mark.parametrize("accountant", ["rdp, classic", "pld"])
def test_the_noise_for_a_budget_keeps_it_and_no_more(accountant):
    run = {"sampling_rate": 0.2, "steps": 20, "delta": DELTA, "accountant": accountant}
    noise = noise_multiplier_for(1.5, **run)
    assert 1.49 < epsilon_spent(noise, **run) <= 1.5


def test_a_small_epsilon_is_kept_where_coarse_sums_would_refuse_it():
    """Losses rounded up by 0.001 at each of 1,000 steps weigh more than 0.05."""
    run = {"sampling_rate": 0.05, "steps": 1_000, "delta": DELTA}
    noise = noise_multiplier_for(0.05, **run)
    assert 0.0495 < epsilon_spent(noise, **run) <= 0.05


def test_where_no_sum_is_fine_enough_renyi_divergences_tell_the_noise():
    run = {"sampling_rate": 0.01, "steps": 10_000, "delta": DELTA}
    noise = noise_multiplier_for(0.02, **run)
    assert 0.0198 < epsilon_spent(noise, **run, accountant="rdp") <= 0.02
    assert epsilon_spent(noise, **run) <= 0.02


def test_orders_far_up_tell_a_small_epsilon():
    """Up to 1,024 none is below 0.004 at this delta, whatever the noise."""
    assert epsilon_spent(2_000.0, 0.01, 10_000, DELTA, accountant="rdp") < 0.0015


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise_multiplier": 0}, "noise_multiplier must be a finite number above 0"),
        ({"sampling_rate": 1.5}, "sampling_rate is the chance"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"delta": 0}, "delta must be a number above 0 and below 1"),
        ({"accountant": "mine"}, "accountant must be one of rdp, classic, rdp, pld"),
    ],
)
def test_a_run_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        epsilon_spent(**PUBLISHED | {"delta": DELTA} | change)


def test_an_unknown_accountant_finds_no_noise():
    with pytest.raises(ValueError, match="accountant must be one of"):
        noise_multiplier_for(1.0, DELTA, 0.1, 10, accountant="mine")


# --- budgets ---


@pytest.mark.parametrize("epsilon", [0, -1, math.inf, math.nan, "1", None, True])
def test_an_epsilon_that_no_noise_keeps_is_refused(epsilon):
    with pytest.raises(PrivacyError, match="epsilon must be a finite number above 0"):
        Budget(epsilon, DELTA)


@pytest.mark.parametrize("delta", [0, 1, -0.1, 2, math.nan, None])
def test_a_delta_that_no_noise_keeps_is_refused(delta):
    with pytest.raises(PrivacyError, match="delta must be a number above 0 and below 1"):
        Budget(1.0, delta)


def test_a_budget_out_of_reach_is_refused():
    with pytest.raises(PrivacyError, match="No noise up to 1e.06 keeps epsilon = 1e-09"):
        noise_multiplier_for(1e-9, 1e-30, 0.1, 100)


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 1, 3, 10, 100])
def test_rho_of_a_budget_is_the_largest_that_keeps_it(epsilon):
    rho = rho_of(epsilon, DELTA)
    assert Budget(epsilon, DELTA).rho == rho
    assert epsilon_of(rho, DELTA) <= epsilon < epsilon_of(1.003 * rho, DELTA)
    # never above the exact cost of a Gaussian mechanism, never below the textbook's conversion
    noise = noise_of_rho(rho)
    exact = norm.cdf(0.5 / noise - epsilon * noise) - math.exp(epsilon) * norm.cdf(
        -0.5 / noise - epsilon * noise
    )
    assert exact <= DELTA
    assert epsilon_of(rho, DELTA) < rho + 2 * math.sqrt(rho * math.log(1 / DELTA))


def test_costs_in_rho():
    assert rho_of_gaussian(2.0) == 0.125
    assert noise_of_rho(rho_of_gaussian(3.7)) == pytest.approx(3.7)
    assert rho_of_exponential(0.4) == pytest.approx(0.02)


def test_a_ledger_adds_up_and_refuses_what_is_too_much():
    ledger = Ledger(0.3)
    for _ in range(3):
        ledger.spend("a table", 0.1)  # 0.1 + 0.1 + 0.1 is a little above 0.3 in binary
    assert ledger.left == pytest.approx(0, abs=1e-12)
    assert ledger.spent == pytest.approx(0.3)
    with pytest.raises(PrivacyError, match="'one more' would cost rho = 0.001, but of 0.3 only"):
        ledger.spend("one more", 0.001)
    with pytest.raises(PrivacyError, match="rho must be a finite number above 0"):
        ledger.spend("nothing", 0)
    assert [what for what, _ in ledger.entries] == ["a table"] * 3


# --- audits ---


def laplace_runs(epsilon: float, runs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A count with noise for that epsilon, with and without one row more."""
    noise = np.random.default_rng(seed).laplace(0, 1 / epsilon, (2, runs))
    return noise[0] + 1, noise[1]


def test_an_audit_of_many_runs_comes_close_and_seldom_above():
    bounds = [epsilon_from_runs(*laplace_runs(1.0, 4_000, seed)) for seed in range(60)]
    assert np.median(bounds) > 0.75
    assert np.mean(np.array(bounds) > 1.0) <= 0.1


def test_an_audit_of_many_runs_takes_either_side_and_delta():
    inside, outside = laplace_runs(1.0, 20_000, 0)
    assert epsilon_from_runs(-outside, -inside) == pytest.approx(
        epsilon_from_runs(inside, outside), abs=0.15
    )
    assert epsilon_from_runs(inside, inside[::-1]) == 0
    told = np.where(np.random.default_rng(0).random(20_000) < 0.01, 5.0, 0.0)
    nothing = np.zeros(20_000)
    assert epsilon_from_runs(told, nothing, delta=0.02) == 0
    assert epsilon_from_runs(told, nothing) > 2


def test_a_mistake_is_found_by_many_runs():
    assert epsilon_from_runs(*laplace_runs(2.0, 20_000, 1)) > 1.5


def test_an_audit_of_one_run_is_the_binomial_test_where_delta_is_0():
    """100 coins that fall rightly by e / (1 + e) at epsilon 1."""
    rng = np.random.default_rng(0)
    correct = rng.binomial(1_000, 1 / (1 + math.exp(-1)), 200)
    bounds = np.array([epsilon_from_one_run(int(c), 1_000, 1_000) for c in correct])
    assert 0.02 <= np.mean(bounds > 1) <= 0.09
    assert epsilon_from_one_run(100, 100, 100) == pytest.approx(
        -math.log(0.05 ** (-1 / 100) - 1), abs=1e-3
    )
    assert epsilon_from_one_run(55, 100, 100) == 0


def test_an_audit_of_one_run_allows_for_delta():
    bounds = [epsilon_from_one_run(190, 200, 1_000, delta) for delta in (0, 1e-6, 1e-5, 1e-3)]
    assert sorted(bounds, reverse=True) == bounds and bounds[0] > bounds[2] > bounds[3]
    # delta = 1 / (2 canaries): the chance that one of them is told adds to every tail
    assert epsilon_from_one_run(3, 3, 3, delta=0.5) == 0


@pytest.mark.parametrize("numbers", [(3, 2, 5), (1, 6, 5), (0, 0, 5), (-1, 2, 5)])
def test_impossible_guesses_are_refused(numbers):
    with pytest.raises(ValueError, match="cannot be"):
        epsilon_from_one_run(*numbers)


def test_too_few_runs_are_refused():
    with pytest.raises(ValueError, match="40 runs or more"):
        epsilon_from_runs(np.zeros(39), np.zeros(39))


@pytest.mark.parametrize(("rate", "noise", "steps"), [(0.5, 27.0, 400), (0.25, 0.8, 10)])
def test_large_samples_are_accounted_for_without_a_warning(rate, noise, steps, caplog):
    """dp-accounting says at each order that does not converge that it leaves it out."""
    spent = [epsilon_spent(noise, rate, steps, DELTA, name) for name in ACCOUNTANTS]
    assert spent == sorted(spent, reverse=True)
    assert not caplog.records
