"""The variational autoencoder keeps the contract."""

from tests.contract.promises import Contract


class TestVAE(Contract):
    method, options, bad = "vae", {"units": 64}, ("latent", 0)
    band = 0.1
