"""The chain of trees keeps the contract."""

from tests.contract.promises import Contract


class TestTrees(Contract):
    method, bad = "trees", ("min_samples_leaf", 0)
