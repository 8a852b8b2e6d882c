"""Rules written from a table keep the contract."""

from tests.contract.promises import Contract


class TestRules(Contract):
    method, bad = "rules", ("most_tries", 0)
    independent = True
