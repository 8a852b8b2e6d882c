"""The mixtures keep the contract."""

from typing import ClassVar

from tests.contract.promises import Contract


class TestGaussian(Contract):
    method, options, bad = "mixture", {"kind": "gaussian"}, ("components", 0)
    keeps_group_ranges = True


class TestLatentClass(Contract):
    method, options, bad = "mixture", {"kind": "latent_class"}, ("bins", 0)
    planted_options: ClassVar = {"classes": 12, "bins": 24}
    band = 0.08
