"""The variational autoencoder keeps the contract."""

from typing import ClassVar

from tests.contract.promises import Contract


class TestVAE(Contract):
    method, options, bad = "vae", {"units": 64}, ("latent", 0)
    # Conditions are weighed by the chances that the model gives: nearest to Bayes' rule where it is
    # trained by the bound itself, at its own width.
    planted_options: ClassVar = {"units": 128, "beta": 1.0}
    band = 0.1
