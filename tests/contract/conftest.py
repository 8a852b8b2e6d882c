"""Failures of the shared promises are explained like those of any test module."""

import pytest

for name in ("conditions", "conventions", "files", "promises", "refits", "rows", "tables"):
    pytest.register_assert_rewrite(f"tests.contract.{name}")
