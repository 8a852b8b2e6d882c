"""What noise costs: epsilon of a noisy run, the noise for a wanted epsilon, and a ledger of what is
spent.

Two tables are neighbours if one has a row more (add or remove one row). A method is (epsilon,
delta)-private if, for all neighbours and every set of outcomes, its chance under one is at most
exp(epsilon) times that under the other, plus delta (Dwork and Roth 2014, definition 2.4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import dp_accounting
import numpy as np
from dp_accounting import pld, rdp

from utils.saving import savable

CLASSIC, RDP, PLD = "rdp, classic", "rdp", "pld"
ACCOUNTANTS = (CLASSIC, RDP, PLD)
MOST_NOISE, LEAST_RHO = 1e6, 1e-18  # where a search begins
CLOSE = 1e-3  # what is searched for is found to so much of itself, on the private side
STRIDE = 1.25  # by which a search divides at first; then by its square, and so on
COARSE, FINE = 1e-3, 1e-4  # steps of the losses that the PLD accountant sums; both err upwards
WHOLE_ORDERS = (*range(2, 64), 80, 96, 128, 192, 256, 512, 1024)
FAR_ORDERS = (2048, 4096, 8192, 16384, 32768, 65536)  # slow, and best for a small epsilon alone
TENTHS = [tenth / 10 for tenth in range(-9, 10) if tenth]
ZCDP_ORDERS = 1 + np.geomspace(1e-2, 1e6, 2_000)
ROUNDING = 1e-9


class PrivacyError(ValueError):
    """A promise of privacy that cannot be made or kept: says what is asked too much, and the
    cure."""


@savable
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
        check_positive("rho", rho)
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
    check_positive("rho", rho)
    _check_delta(delta)
    return _spent(rdp.RdpAccountant(ZCDP_ORDERS), dp_accounting.ZCDpEvent(float(rho)), delta)


def rho_of(epsilon: float, delta: float) -> float:
    """The largest rho whose :func:`epsilon_of` is at most epsilon at delta (to 0.1 %, below)."""
    inverse = _calibrated(
        lambda: rdp.RdpAccountant(ZCDP_ORDERS),
        lambda inverse: dp_accounting.ZCDpEvent(1 / inverse),
        Budget(epsilon, delta),
        1 / LEAST_RHO,
    )
    return 1 / inverse


def rho_of_gaussian(noise_multiplier: float) -> float:
    """Cost of one Gaussian mechanism: 1 / (2 m²) (Bun and Steinke 2016, proposition 1.6).

    noise_multiplier : standard deviation of the noise by the largest Euclidean distance that one
        row can move the answer.
    """
    check_positive("noise_multiplier", noise_multiplier)
    return 1 / (2 * noise_multiplier**2)


def noise_of_rho(rho: float) -> float:
    """Noise multiplier of a Gaussian mechanism that costs rho; undoes :func:`rho_of_gaussian`."""
    check_positive("rho", rho)
    return float(1 / np.sqrt(2 * rho))


def rho_of_exponential(epsilon: float) -> float:
    """Cost of one exponential mechanism with parameter epsilon: epsilon² / 8 (Cesar and Rogers
    2021)."""
    check_positive("epsilon", epsilon)
    return epsilon**2 / 8


# --- noisy steps on Poisson samples: DP-SGD ---


def epsilon_spent(
    noise_multiplier: float,
    sampling_rate: float,
    steps: int,
    delta: float,
    accountant: str = PLD,
    rho_besides: float = 0.0,
) -> float:
    """Epsilon of so many noisy steps, each on a sample that every row joins by the same chance.

    noise_multiplier : standard deviation of the noise by the bound to which a row's gradient is
        clipped.  sampling_rate : the chance, above 0, at most 1.
    accountant : all three are proven bounds of the same run. "rdp, classic": Renyi divergences
        (Mironov, Talwar and Zhang 2019) converted by Mironov 2017, proposition 3, as the first
        publications did. "rdp": the same divergences, converted by Canonne, Kamath and Steinke
        2020, proposition 12. "pld": the distribution of the privacy loss itself, summed
        numerically (Koskela, Jälkö and Honkela 2020; Doroshenko and others 2022): the tightest,
        but for an epsilon so small that its rounding, upwards at each step, weighs more. So of
        "pld" and "rdp" it tells the smaller.
    rho_besides : cost of Gaussian mechanisms on the same rows besides, 0 for none. Together they
        are one Gaussian mechanism (costs 1 / (2 m²) add up), so each accountant adds just that.
    """
    check_run(noise_multiplier, sampling_rate, steps)
    _check_delta(delta)
    event = _noisy_run(noise_multiplier, sampling_rate, steps, rho_besides)
    names = (PLD, RDP) if accountant == PLD else (accountant,)
    return min(_spent(_summing(name, FINE), event, delta) for name in names)


def noise_multiplier_for(
    epsilon: float,
    delta: float,
    sampling_rate: float,
    steps: int,
    accountant: str = PLD,
    rho_besides: float = 0.0,
) -> float:
    """The least noise multiplier with which the run of :func:`epsilon_spent` keeps a budget.

    Found to 0.1 %, never below what is needed. "pld" sums losses in coarse steps, which ask for a
    little more noise than the fine ones of :func:`epsilon_spent`; in fine ones where the coarse
    cannot keep the budget; and where neither can, the noise is that of "rdp". Raises PrivacyError
    where no noise multiplier up to a million keeps it.
    """
    budget = Budget(epsilon, delta)
    check_run(1.0, sampling_rate, steps)

    def search(accountants: Sequence[Callable], most: float) -> float:
        return _first_calibrated(
            accountants,
            lambda noise: _noisy_run(noise, sampling_rate, steps, rho_besides),
            budget,
            most,
        )

    asked = [partial(_summing, accountant, COARSE)]
    asked[0]()  # refuses an unknown name
    if accountant == PLD:  # losses rounded up at each step may weigh more than a small epsilon
        asked += [partial(_summing, PLD, FINE), partial(_summing, RDP, FINE)]
    convert = _classic if accountant == CLASSIC else rdp.compute_epsilon
    orders = (WHOLE_ORDERS, FAR_ORDERS)
    quick = [partial(_RenyiAccountant, convert, some, refined=False) for some in orders]
    return search(asked, search(quick, MOST_NOISE))


def _noisy_run(noise: float, rate: float, steps: int, rho_besides: float):
    gaussian = dp_accounting.GaussianDpEvent(float(noise))
    sampled = dp_accounting.PoissonSampledDpEvent(float(rate), gaussian)
    run = dp_accounting.SelfComposedDpEvent(sampled, int(steps))
    if not rho_besides:
        return run
    besides = dp_accounting.GaussianDpEvent(noise_of_rho(rho_besides))
    return dp_accounting.ComposedDpEvent([besides, run])


class _RenyiAccountant(rdp.RdpAccountant):
    """Renyi divergences at whole orders, then, if refined, at tenths near the best one: tenths far
    from it take long, may not converge, and are never the best. If the best is the last, at orders
    far beyond it.

    convert : (orders, divergences, delta) -> epsilon, best order.
    """

    def __init__(self, convert, orders=WHOLE_ORDERS, refined: bool = True):
        super().__init__(orders)
        self._convert, self._refined = convert, refined

    def get_epsilon(self, target_delta: float) -> float:
        """Epsilon at the best of all orders that were tried."""
        epsilon, order = self._convert(self.orders, self.rdp, target_delta)
        if not self._refined:
            return float(epsilon)
        near = [order + tenth for tenth in TENTHS if order + tenth > 2]
        more = rdp.RdpAccountant(FAR_ORDERS if order == WHOLE_ORDERS[-1] else near)
        more.compose(self.ledger)
        return min(epsilon, self._convert(more.orders, more.rdp, target_delta)[0])


def _classic(orders, divergences, delta: float) -> tuple[float, float]:
    """Conversion of the first publications (Mironov 2017, proposition 3), and the best order."""
    orders = np.asarray(orders)
    epsilons = np.asarray(divergences) - np.log(delta) / (orders - 1)
    return float(epsilons.min()), float(orders[epsilons.argmin()])


def _summing(accountant: str, step_of_loss: float):
    """A fresh accountant of a name."""
    if accountant == PLD:
        return pld.PLDAccountant(value_discretization_interval=step_of_loss)
    if accountant in (RDP, CLASSIC):
        return _RenyiAccountant(rdp.compute_epsilon if accountant == RDP else _classic)
    raise ValueError(f"accountant must be one of {', '.join(ACCOUNTANTS)}, not {accountant!r}.")


# --- searching and checking ---


def _spent(accountant, event, delta: float) -> float:
    return float(accountant.compose(event).get_epsilon(delta))


def _first_calibrated(accountants: Sequence[Callable], event, budget: Budget, most: float) -> float:
    """As :func:`_calibrated`, by the first of some accountants that can keep the budget."""
    *others, last = accountants
    for accountant in others:
        try:
            return _calibrated(accountant, event, budget, most)
        except PrivacyError:
            continue
    return _calibrated(last, event, budget, most)


def _calibrated(accountant, event, budget: Budget, most: float) -> float:
    """The least number up to another (to 0.1 %, from above) whose event keeps a budget.

    accountant : makes a fresh one.  event : of a number; the larger, the less it costs.
    """

    def kept(number: float) -> bool:
        return _spent(accountant(), event(number), budget.delta) <= budget.epsilon

    if not kept(most):
        raise PrivacyError(
            f"No noise up to {most:.3g} keeps epsilon = {budget.epsilon:.3g} at delta = "
            f"{budget.delta:.3g}. Allow a larger epsilon or delta, or make fewer steps."
        )
    low, stride = most, STRIDE
    while kept(low / stride):
        low, stride = low / stride, stride**2
    bracket = dp_accounting.ExplicitBracketInterval(np.log(low / stride), np.log(low))
    logarithm = dp_accounting.calibrate_dp_mechanism(
        accountant,
        lambda logarithm: event(np.exp(logarithm)),
        budget.epsilon,
        budget.delta,
        bracket,
        tol=CLOSE,
    )
    return float(np.exp(logarithm))


def check_run(noise_multiplier, sampling_rate, steps) -> None:
    """PrivacyError or ValueError for a run of noisy steps that cannot be."""
    check_positive("noise_multiplier", noise_multiplier)
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


def check_positive(name: str, value) -> None:
    """PrivacyError unless a value is a finite number above 0."""
    if not _is_number(value) or not 0 < value < np.inf:
        raise PrivacyError(f"{name} must be a finite number above 0, not {value!r}.")


def _is_number(value) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
