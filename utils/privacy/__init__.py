"""How privacy is promised: noise, what it costs, and whether the promise is kept."""

from utils.privacy.accounting import (
    ACCOUNTANTS,
    Budget,
    Ledger,
    PrivacyError,
    epsilon_of,
    epsilon_spent,
    noise_multiplier_for,
    noise_of_rho,
    rho_of,
    rho_of_exponential,
    rho_of_gaussian,
)
from utils.privacy.audit import epsilon_from_one_run, epsilon_from_runs
from utils.privacy.gradients import clipped_sum
from utils.privacy.parts import LinearParts, clipped_sum_of_parts
from utils.privacy.study import PrivacyWarning, for_study
from utils.privacy.training import PrivatePlan, RatePlan, add_noise, poisson_sample, train_privately

__all__ = [
    "ACCOUNTANTS",
    "Budget",
    "Ledger",
    "LinearParts",
    "PrivacyError",
    "PrivacyWarning",
    "PrivatePlan",
    "RatePlan",
    "add_noise",
    "clipped_sum",
    "clipped_sum_of_parts",
    "epsilon_from_one_run",
    "epsilon_from_runs",
    "epsilon_of",
    "epsilon_spent",
    "for_study",
    "noise_multiplier_for",
    "noise_of_rho",
    "poisson_sample",
    "rho_of",
    "rho_of_exponential",
    "rho_of_gaussian",
    "train_privately",
]
