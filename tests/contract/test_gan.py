"""The GAN keeps the contract; what it has learned of a chance comes only near."""

from typing import ClassVar

from tests.contract.promises import Contract


class TestGAN(Contract):
    method, options, bad = "gan", {"epochs": 30}, ("penalty", -1.0)
    planted_options: ClassVar = {"group_by": ["app"]}
    band = 0.08
