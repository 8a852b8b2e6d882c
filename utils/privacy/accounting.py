"""What noise costs: epsilon of a noisy run, the noise for a wanted epsilon, and a ledger of what is
spent.

Two tables are neighbours if one has a row more (add or remove one row). A method is (epsilon,
delta)-private if, for all neighbours and every set of outcomes, its chance under one is at most
exp(epsilon) times that under the other, plus delta (Dwork and Roth 2014, definition 2.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import dp_accounting
import numpy as np
from dp_accounting import pld, rdp

CLASSIC, RDP, PLD = "rdp, classic", "rdp", "pld"
ACCOUNTANTS = (CLASSIC, RDP, PLD)
LEAST_NOISE, MOST_NOISE = 1e-2, 1e6  # noise multipliers among which one is looked for
CLOSE = 1e-3  # a noise multiplier is found to so much of itself, on the private side
COARSE, FINE = 1e-3, 1e-4  # steps of the losses that the PLD accountant sums; both err upwards
ZCDP_ORDERS = 1 + np.geomspace(1e-2, 1e6, 2_000)
ROUNDING = 1e-9


class PrivacyError(ValueError):
    """A promise of privacy that cannot be made or kept: says what is asked too much, and the
    cure."""


@dataclass(frozen=True)
class Budget:
    """What may be given away at most about any one row.

    epsilon : above 0, finite.  delta : above 0, below 1; it should be far below 1 / rows, for
        publishing a row chosen by chance is already (0, 1 / rows)-private.

    Raises PrivacyError for a budget that no noise can keep.
    """

    epsilon: float
    delta: float

    def __post_init__(self):
        if not _is_number(self.epsilon) or not 0 < self.epsilon < np.inf:
            raise PrivacyError(
                f"epsilon must be a finite number above 0, not {self.epsilon!r}: 0 would let "
                "nothing be learned, infinity promises nothing. Usual values lie from 0.5 to 10."
            )
        _check_delta(self.delta)

    @property
    def rho(self) -> float:
        """The same budget as zero-concentrated differential privacy, see :func:`rho_of`."""
        return rho_of(self.epsilon, self.delta)


@dataclass
class Ledger:
    """A budget of zero-concentrated differential privacy, and who has spent what of it.

    rho : what may be spent in all. Costs add up (Bun and Steinke 2016, lemma 1.7), also where a
        step and its cost are chosen by what earlier ones gave, as long as their sum stays below a
        bound that was fixed beforehand (Feldman and Zrnic 2021).  entries : (what for, rho).
    """

    rho: float
    entries: list[tuple[str, float]] = field(default_factory=list)

    @property
    def spent(self) -> float:
        """Sum of the costs so far."""
        return float(sum(cost for _, cost in self.entries))

    @property
    def left(self) -> float:
        """What may still be spent, never below 0."""
        return max(0.0, self.rho - self.spent)

    def spend(self, what: str, rho: float) -> None:
        """Note a cost before the data are touched; PrivacyError if it exceeds what is left."""
        _check_positive("rho", rho)
        if rho > self.left + ROUNDING * self.rho:
            raise PrivacyError(
                f"{what!r} would cost rho = {rho:.4g}, but of {self.rho:.4g} only {self.left:.4g} "
                "is left. Use more noise, fewer measurements, or a larger epsilon."
            )
        self.entries.append((what, float(rho)))


# --- zero-concentrated differential privacy: one number, rho, that simply adds up ---


def epsilon_of(rho: float, delta: float) -> float:
    """The epsilon that rho-zero-concentrated differential privacy implies at a delta.

    By its Renyi divergences rho * order (Bun and Steinke 2016), converted by Canonne, Kamath and
    Steinke 2020, proposition 12; smaller than rho + 2 sqrt(rho ln(1 / delta)).
    """
    _check_positive("rho", rho)
    _check_delta(delta)
    return _spent(rdp.RdpAccountant(ZCDP_ORDERS), dp_accounting.ZCDpEvent(float(rho)), delta)


def rho_of(epsilon: float, delta: float) -> float:
    """The largest rho whose :func:`epsilon_of` is at most epsilon at delta (to 0.1 %, below)."""
    Budget(epsilon, delta)
    return float(np.exp(_largest(lambda log_rho: epsilon_of(np.exp(log_rho), delta), epsilon)))


def rho_of_gaussian(noise_multiplier: float) -> float:
    """Cost of one Gaussian mechanism: 1 / (2 m²) (Bun and Steinke 2016, proposition 1.6).

    noise_multiplier : standard deviation of the noise by the largest Euclidean distance that one
        row can move the answer.
    """
    _check_positive("noise_multiplier", noise_multiplier)
    return 1 / (2 * noise_multiplier**2)


def noise_of_rho(rho: float) -> float:
    """Noise multiplier of a Gaussian mechanism that costs rho; undoes :func:`rho_of_gaussian`."""
    _check_positive("rho", rho)
    return float(1 / np.sqrt(2 * rho))


def rho_of_exponential(epsilon: float) -> float:
    """Cost of one exponential mechanism with parameter epsilon: epsilon² / 8 (Cesar and Rogers
    2021)."""
    _check_positive("epsilon", epsilon)
    return epsilon**2 / 8


def _largest(rising: Callable[[float], float], bound: float) -> float:
    """The largest x at which a rising function is at most a bound, to CLOSE, from below."""
    low, high = 2 * np.log(ROUNDING), np.log(bound) + 1
    while high - low > CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) <= bound else (low, middle)
    return low


# --- noisy steps on Poisson samples: DP-SGD ---


def epsilon_spent(
    noise_multiplier: float, sampling_rate: float, steps: int, delta: float, accountant: str = PLD
) -> float:
    """Epsilon of so many noisy steps, each on a sample that every row joins by the same chance.

    noise_multiplier : standard deviation of the noise by the bound to which a row's gradient is
        clipped.  sampling_rate : the chance, above 0, at most 1.
    accountant : all three are proven bounds of the same run. "rdp, classic": Renyi divergences
        (Mironov, Talwar and Zhang 2019) converted by Mironov 2017, proposition 3, as the first
        publications did. "rdp": the same divergences, converted by Canonne, Kamath and Steinke
        2020, proposition 12. "pld": the distribution of the privacy loss itself, summed
        numerically (Koskela, Jälkö and Honkela 2020; Doroshenko and others 2022): the tightest.
    """
    _check_run(noise_multiplier, sampling_rate, steps, delta)
    return _epsilon(noise_multiplier, sampling_rate, steps, delta, accountant, FINE)


def noise_multiplier_for(
    epsilon: float, delta: float, sampling_rate: float, steps: int, accountant: str = PLD
) -> float:
    """The least noise multiplier with which the run of :func:`epsilon_spent` keeps a budget.

    Found to 0.1 %, never below what is needed.
    Raises PrivacyError where no noise multiplier up to a million keeps it.
    """
    Budget(epsilon, delta)
    _check_run(1.0, sampling_rate, steps, delta)
    search = RDP if accountant == PLD else accountant
    noise = _calibrated(search, epsilon, delta, sampling_rate, steps, LEAST_NOISE, MOST_NOISE)
    if accountant != PLD:
        return noise
    # PLD needs less noise than RDP, which is quick: so the slow search is over a short range
    return _calibrated(PLD, epsilon, delta, sampling_rate, steps, noise / 2, noise)


def _calibrated(accountant, epsilon, delta, rate, steps, least, most) -> float:
    """Noise multiplier between two others, by bisection of its logarithm."""

    def kept(noise: float) -> bool:
        return _epsilon(noise, rate, steps, delta, accountant, COARSE) <= epsilon

    if not kept(most):
        raise PrivacyError(
            f"No noise multiplier up to {most:.4g} keeps epsilon = {epsilon:.4g} at delta = "
            f"{delta:.4g} over {steps} steps at sampling rate {rate:.4g}. Allow a larger epsilon, "
            "or make fewer steps."
        )
    low, high = np.log(least), np.log(most)
    while high - low > CLOSE:
        middle = (low + high) / 2
        low, high = (low, middle) if kept(np.exp(middle)) else (middle, high)
    return float(np.exp(high))


def _epsilon(noise, rate, steps, delta, accountant, step_of_loss) -> float:
    gaussian = dp_accounting.GaussianDpEvent(float(noise))
    sampled = dp_accounting.PoissonSampledDpEvent(float(rate), gaussian)
    event = dp_accounting.SelfComposedDpEvent(sampled, int(steps))
    if accountant == PLD:
        summing = pld.PLDAccountant(value_discretization_interval=step_of_loss)
        return _spent(summing, event, delta)
    if accountant == RDP:
        return _spent(rdp.RdpAccountant(), event, delta)
    if accountant == CLASSIC:
        divergences = rdp.RdpAccountant().compose(event)
        orders = np.asarray(divergences.orders)
        return float(np.min(np.asarray(divergences.rdp) - np.log(delta) / (orders - 1)))
    raise ValueError(f"accountant must be one of {', '.join(ACCOUNTANTS)}, not {accountant!r}.")


def _spent(accountant, event, delta) -> float:
    return float(accountant.compose(event).get_epsilon(delta))


# --- checks ---


def _check_run(noise_multiplier, sampling_rate, steps, delta) -> None:
    _check_positive("noise_multiplier", noise_multiplier)
    _check_delta(delta)
    if not _is_number(sampling_rate) or not 0 < sampling_rate <= 1:
        raise ValueError(
            f"sampling_rate is the chance of a row to join a step, above 0 and at most 1, not "
            f"{sampling_rate!r}: the batch size by the number of rows."
        )
    if not isinstance(steps, (int, np.integer)) or steps < 1:
        raise ValueError(f"steps must be a whole number, 1 or more, not {steps!r}.")


def _check_delta(delta) -> None:
    if not _is_number(delta) or not 0 < delta < 1:
        raise PrivacyError(
            f"delta must be a number above 0 and below 1, not {delta!r}: no Gaussian noise keeps "
            "0, and 1 promises nothing. Usual is a tenth of 1 / rows, or less."
        )


def _check_positive(name: str, value) -> None:
    if not _is_number(value) or not 0 < value < np.inf:
        raise PrivacyError(f"{name} must be a finite number above 0, not {value!r}.")


def _is_number(value) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
