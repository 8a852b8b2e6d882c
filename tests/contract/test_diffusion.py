"""Diffusion keeps the contract."""

from typing import ClassVar

from tests.contract.promises import Contract


class TestDiffusion(Contract):
    method, bad = "diffusion", ("looks", 0)
    options: ClassVar = {"epochs": 60, "units": 64, "layers": 1}
    planted_options: ClassVar = {"epochs": 150}
    band = 0.08
    keeps_group_ranges = True
