"""A language model behind a service that writes any allowed row keeps the contract.

It is trained on nothing, so two promises are kept in part: the margins of the columns that code
draws, and the range of the schema, not that of the training rows.
"""

from typing import ClassVar

import numpy as np
import pytest

from tests.contract.promises import Contract
from tests.contract.tables import TABLES, wider
from tests.fake_service import fake_service
from utils.checks import validate


@pytest.fixture(scope="module", autouse=True)
def service():
    """All requests of this module go to a service in this process."""
    with fake_service() as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", service.address)
        yield service


class TestLanguageModel(Contract):
    method, bad = "language_model", ("rows_per_request", 0)
    options: ClassVar = {"rows_per_request": 100, "unique": False}
    independent = True

    def test_margins_are_about_right(self, fitted):
        table, synthetic = TABLES["narrow"], fitted("narrow").sample(4000)
        assert abs((synthetic["app"] == "X").mean() - (table["app"] == "X").mean()) < 0.04
        assert abs(synthetic["used"].mean() - table["used"].mean()) < 0.04

    def test_rows_stay_in_the_range_of_training_where_the_schema_is_wider(self, fitted):
        schema, synthetic = wider(TABLES["grouped"]), fitted("grouped").sample(1_000)
        validate(synthetic, schema)
        assert np.ptp(synthetic["minutes"].dropna()) > 0
