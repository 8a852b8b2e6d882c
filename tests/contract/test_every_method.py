"""No method escapes the contract: one that is registered without a test module is found here."""

from __future__ import annotations

from importlib import import_module, util

from tests.contract.promises import Contract
from utils.synthesizers import SYNTHESIZERS


def untested(methods) -> list[str]:
    """Methods without a class of promises in ``tests/contract/test_<method>.py``."""
    return [method for method in methods if not _contracts(f"tests.contract.test_{method}", method)]


def _contracts(module: str, method: str) -> list[type]:
    if util.find_spec(module) is None:
        return []
    found = vars(import_module(module)).items()
    return [
        thing
        for name, thing in found
        if name.startswith("Test") and issubclass(thing, Contract) and thing.method == method
    ]


def test_every_registered_method_keeps_the_contract():
    assert untested(SYNTHESIZERS) == []


def test_a_method_without_a_module_is_found():
    assert untested([*SYNTHESIZERS, "magic"]) == ["magic"]
