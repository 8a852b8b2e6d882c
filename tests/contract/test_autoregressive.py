"""The autoregressive network keeps the contract."""

from tests.contract.promises import Contract


class TestAutoregressive(Contract):
    method, options, bad = "autoregressive", {"epochs": 20, "units": 64}, ("smoothing", -1.0)
    band = 0.06
