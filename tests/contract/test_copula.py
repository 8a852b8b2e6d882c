"""The copula keeps the contract."""

from tests.contract.promises import Contract


class TestCopula(Contract):
    method, bad = "copula", ("sweeps", 0)
    planted = "ordered"
