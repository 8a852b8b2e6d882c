"""A whole table as codes: sizes, missing values, exact round trips."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from utils import saving
from utils.encoding import to_array
from utils.encoding.codes import TableCodes, count_of_bins
from utils.schema import Schema


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "app": rng.choice(["X", "Netflix", "Maps"], 500),
            "used": rng.random(500) < 0.5,
            "opened": rng.integers(0, 9, 500),
            "minutes": np.where(rng.random(500) < 0.4, 0.0, rng.gamma(2, 20, 500)),
            "nothing": np.full(500, np.nan),
        }
    )
    table.loc[::5, ["app", "minutes"]] = None
    return table


def made(table, **options):
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    return TableCodes.fit(columns, schema, **options), columns, schema


def test_sizes_count_values_bins_and_one_for_missing(table):
    codes, _, _ = made(table, most_bins=16)
    assert dict(zip(codes.names, codes.sizes)) == {
        "app": 4,
        "used": 2,
        "opened": 9,
        "minutes": len(codes.bins["minutes"]) + 1,
        "nothing": 1,
    }
    assert codes.missing.tolist() == [True, False, False, True, True]
    assert 8 <= len(codes.bins["minutes"]) <= 16


def test_codes_lie_below_their_sizes_and_all_are_used(table):
    codes, columns, _ = made(table, most_bins=16)
    matrix = codes.encode(columns)
    assert matrix.dtype == np.int32
    for place, size in enumerate(codes.sizes):
        assert np.array_equal(np.unique(matrix[:, place]), np.arange(size))


def test_decode_returns_categories_integers_spikes_and_missing_exactly(table):
    codes, columns, schema = made(table, most_bins=16)
    matrix = codes.encode(columns)
    back = codes.decode(matrix, schema, {}, np.random.default_rng(0))
    for name in ("app", "used", "opened", "nothing"):
        np.testing.assert_array_equal(back[name], columns[name])
    np.testing.assert_array_equal(np.isnan(back["minutes"]), np.isnan(columns["minutes"]))
    np.testing.assert_array_equal(back["minutes"] == 0, columns["minutes"] == 0)
    np.testing.assert_array_equal(codes.encode(back), matrix)


def test_given_values_stand_as_they_are_and_find_their_codes(table):
    codes, columns, schema = made(table)
    given = {"app": -1, "opened": 4.0, "minutes": 37.123}
    found = codes.encode_given(given)
    assert found[0] == codes.sizes[0] - 1
    assert found[2] == 4
    back = codes.decode(codes.encode(columns)[:7], schema, given, np.random.default_rng(0))
    assert back["app"].tolist() == [-1] * 7
    assert back["minutes"].tolist() == [37.123] * 7
    lower = codes.bins["minutes"].lower
    assert lower[found[3]] <= 37.123
    assert found[3] == len(lower) - 1 or lower[found[3] + 1] > 37.123


def test_a_missing_value_where_fit_knew_none_is_refused(table):
    codes, columns, _ = made(table)
    for name, absent in (("used", -1), ("opened", np.nan)):
        values = columns[name].copy()
        values[3] = absent
        with pytest.raises(ValueError, match=f"'{name}' had no missing values in training"):
            codes.encode(columns | {name: values})


def test_codes_can_be_saved(table, tmp_path):
    codes, columns, _ = made(table)
    saving.write(tmp_path / "codes", {"codes": codes})
    loaded = saving.read(tmp_path / "codes")["codes"]
    np.testing.assert_array_equal(loaded.encode(columns), codes.encode(columns))


@pytest.mark.parametrize(
    ("rows", "most", "bins"),
    [(8, 64, 16), (200, 64, 16), (240, 64, 20), (768, 64, 64), (50_000, 64, 64), (50_000, 8, 8)],
)
def test_a_number_that_few_rows_know_gets_few_bins(rows, most, bins):
    assert count_of_bins(rows, most) == bins
