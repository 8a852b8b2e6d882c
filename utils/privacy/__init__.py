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

__all__ = [
    "ACCOUNTANTS",
    "Budget",
    "Ledger",
    "PrivacyError",
    "epsilon_of",
    "epsilon_spent",
    "noise_multiplier_for",
    "noise_of_rho",
    "rho_of",
    "rho_of_exponential",
    "rho_of_gaussian",
]
