"""The variational autoencoder keeps the contract."""

from typing import ClassVar

from tests.contract.promises import Contract


class TestVAE(Contract):
    method, options, bad = "vae", {"units": 64}, ("latent", 0)
    planted_options: ClassVar = {"units": 128}  # its own: its chances weigh conditions
    band = 0.1
