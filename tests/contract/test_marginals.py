"""Marginals without noise keep the contract."""

from typing import ClassVar

from tests.contract.promises import Contract


class TestMarginals(Contract):
    method, bad = "marginals", ("bins", 0)
    planted_options: ClassVar = {"bins": 24}
    band = 0.08
