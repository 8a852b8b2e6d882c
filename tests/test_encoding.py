"""From a table to numbers and back: nothing is lost, nothing leaves its range, whatever the numbers
were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from utils.encoding import (
    QuantileBins,
    TableEncoder,
    float_range,
    from_codes,
    from_float,
    grid_step,
    to_codes,
    to_float,
)
from utils.schema import Schema, TableError

pytestmark = pytest.mark.filterwarnings("error")


def infer(values):
    return Schema.infer(pd.DataFrame({"a": values}))["a"]


FLOATS = {
    "integers": pd.Series([3, -2, 7]),
    "nullable integers": pd.Series([3, None, 7], dtype="Int64"),
    "small integers": pd.Series([3, -2, 7], dtype="int8"),
    "decimals": pd.Series([0.1, None, 0.7]),
    "float32": pd.Series([0.1, None, 0.7], dtype="float32"),
    "nullable floats": pd.Series([0.1, None, 0.7], dtype="Float64"),
    "days": pd.Series(pd.to_datetime(["2024-02-29", None, "1969-12-31"])),
    "seconds": pd.Series(pd.to_datetime(["2024-02-29 10:00:01", None])),
    "microseconds": pd.Series(pd.to_datetime(["2024-02-29 10:00:01.000001", None])),
    "coarse dates": pd.Series(pd.to_datetime(["2024-02-29", None])).astype("datetime64[s]"),
    "zoned dates": pd.Series(
        pd.DatetimeIndex(["2024-03-31 01:59", "2024-10-27 02:30", None]).tz_localize(
            "Europe/Berlin", ambiguous=[False, True, False]
        )
    ),
}
CODES = {
    "text": pd.Series(["b", "a", None]),
    "string dtype": pd.Series(["b", "a", None], dtype="string"),
    "categorical": pd.Series(
        pd.Categorical(["high", None, "low"], ["low", "mid", "high"], ordered=True)
    ),
    "numbers as categories": pd.Series([3, 1, None], dtype="category"),
    "mixed objects": pd.Series(["b", 1, 2.5, None]),
    "booleans": pd.Series([True, False]),
    "nullable booleans": pd.Series([True, None, False], dtype="boolean"),
    "booleans as objects": pd.Series([True, None, False]),
}


@pytest.mark.parametrize("case", FLOATS)
def test_numbers_and_dates_come_back(case):
    values = FLOATS[case]
    floats = to_float(values, infer(values))
    assert floats.dtype == np.float64 and np.array_equal(np.isnan(floats), values.isna())
    pd.testing.assert_series_equal(pd.Series(from_float(floats, infer(values))), values)


@pytest.mark.parametrize("case", CODES)
def test_categories_and_booleans_come_back(case):
    values = CODES[case]
    codes = to_codes(values, infer(values))
    assert codes.dtype == np.int32 and np.array_equal(codes < 0, values.isna())
    pd.testing.assert_series_equal(
        pd.Series(from_codes(codes, infer(values))),
        values.replace({None: np.nan}) if values.dtype == object else values,
    )


def test_days_count_from_1970():
    values = pd.Series(pd.to_datetime(["1970-01-02", "1969-12-31"]))
    assert to_float(values, infer(values)).tolist() == [1, -1]
    assert float_range(infer(values)) == (-1, 1)


def test_unknown_categories_are_missing():
    assert to_codes(pd.Series(["b", "c"]), infer(["a", "b"])).tolist() == [1, -1]


@pytest.mark.parametrize("dtype", ["int8", "int64", "Int64", "float32", "float64"])
def test_numbers_are_clipped_to_the_range_and_rounded_to_the_grid(dtype):
    column = infer(pd.Series([-3, 5], dtype=dtype))
    assert from_float(np.array([-99, -2.6, 4.4, 1e20]), column).tolist() == [-3, -3, 4, 5]


def test_float32_stays_in_its_range():
    values = pd.Series([0.1, 0.7], dtype="float32")
    result = from_float(np.array([0.0, 0.1, 0.7, 1.0]), infer(values))
    assert result.min() >= values.min() and result.max() <= values.max()


@pytest.mark.parametrize("limit", [2**53 + 1, 2**62 + 1, 2**63 - 1, -(2**63)])
def test_whole_numbers_beyond_float64_stay_in_their_range(limit):
    column = infer([limit, 0])
    result = from_float(np.array([float(limit), float(limit) * 1.5, 0.0]), column)
    assert result.tolist() == [limit, limit, 0]


def test_nanoseconds_stay_in_their_range():
    values = pd.Series(pd.to_datetime([1_700_000_000_000_000_001, 1_700_000_000_000_000_003]))
    result = pd.Series(from_float(to_float(values, infer(values)), infer(values)))
    assert result.between(values.min(), values.max()).all()


@pytest.mark.parametrize(
    "values", [[np.nan] * 2, pd.Series([None] * 2, dtype="Int64"), pd.to_datetime([None] * 2)]
)
def test_a_column_that_is_all_missing_gives_missing(values):
    column = infer(values)
    assert np.isnan(float_range(column)).all()
    assert pd.isna(from_float(np.array([1.0, np.nan]), column)).all()


def test_grid_steps():
    assert [grid_step(infer(values)) for values in ([1, 2], [0.25], [1 / 3])] == [1.0, 0.01, 0.0]


# --- the matrix ---

TABLE = pd.DataFrame(
    {
        "app": ["X", "Y", None, "X"],
        "used": [True, False, True, True],
        "opened": [0, 5, 10, 5],
        "share": [0.5, None, 1.5, 1.0],
        "day": pd.date_range("2024-02-01", periods=4),
    }
)


def test_matrix_lies_between_0_and_1_and_is_named():
    encoder = TableEncoder(Schema.infer(TABLE))
    matrix = encoder.transform(TABLE)
    assert encoder.names == [
        "app=X",
        "app=Y",
        "app is missing",
        "used=False",
        "used=True",
        "opened",
        "share",
        "share is missing",
        "day",
    ]
    assert (
        matrix.dtype == np.float32
        and matrix.shape == (4, 9)
        and matrix.min() == 0
        and matrix.max() == 1
    )
    assert matrix[1].tolist() == [0, 1, 0, 1, 0, 0.5, 0.5, 1, np.float32(1 / 3)]


def test_matrix_comes_back_as_the_table():
    encoder = TableEncoder(Schema.infer(TABLE))
    pd.testing.assert_frame_equal(
        encoder.inverse_transform(encoder.transform(TABLE)), TABLE.replace({None: np.nan})
    )


def test_any_matrix_gives_a_valid_table():
    encoder = TableEncoder(Schema.infer(TABLE))
    table = encoder.inverse_transform(
        np.random.default_rng(0).normal(size=(200, 9)).astype(np.float32)
    )
    assert (table.dtypes == TABLE.dtypes).all()
    assert (
        table["opened"].between(0, 10).all()
        and table["day"].between("2024-02-01", "2024-02-04").all()
    )


def test_constant_and_empty_columns_have_a_place_in_the_matrix():
    table = pd.DataFrame({"one": [7, 7], "none": [np.nan, np.nan], "nothing": [None, None]})
    encoder = TableEncoder(Schema.infer(table))
    matrix = encoder.transform(table)
    assert np.isfinite(matrix).all()
    pd.testing.assert_frame_equal(
        encoder.inverse_transform(matrix),
        table.assign(nothing=pd.Series([np.nan, np.nan], dtype=object)),
    )


def test_wrong_shapes_are_refused():
    encoder = TableEncoder(Schema.infer(TABLE))
    with pytest.raises(TableError, match="lacks the column 'day'"):
        encoder.transform(TABLE.drop(columns="day"))
    with pytest.raises(TableError, match="9 columns, got shape"):
        encoder.inverse_transform(np.zeros((2, 3)))


# --- quantile bins ---


def test_bins_hold_about_equal_mass():
    values = np.random.default_rng(0).normal(size=20_000)
    bins = QuantileBins.fit(values, 50)
    counts = np.bincount(bins.encode(values))
    assert len(bins) == len(counts) == 50
    assert counts.min() > 0.9 * 400 and counts.max() < 1.1 * 400


def test_few_distinct_values_get_a_bin_each_and_come_back():
    values = np.array([0.0, 5.0, 5.0, 9.0, np.nan])
    bins = QuantileBins.fit(values[:4], 50)
    codes = bins.encode(values)
    assert codes.tolist() == [0, 1, 1, 2, -1]
    np.testing.assert_array_equal(bins.draw(codes, np.random.default_rng(0)), values)


def test_a_spike_gets_a_bin_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(10_000) < 0.4, 0.0, rng.normal(size=10_000))
    bins = QuantileBins.fit(values, 20)
    code = bins.encode(np.zeros(1))[0]
    assert np.isclose((bins.encode(values) == code).mean(), (values == 0).mean())
    assert (bins.draw(np.full(50, code), rng) == 0).all()


def test_drawn_values_follow_the_distribution_and_stay_in_their_bin():
    rng = np.random.default_rng(0)
    values = rng.gamma(2, 30, 20_000)
    bins = QuantileBins.fit(values, 40)
    codes = bins.encode(values)
    drawn = bins.draw(codes, rng)
    np.testing.assert_array_equal(bins.encode(drawn), codes)
    assert drawn.min() >= values.min() and drawn.max() <= values.max()
    assert ks_2samp(drawn, values).statistic < 0.005


def test_bins_are_saved_as_arrays():
    bins = QuantileBins.fit(np.arange(100.0), 10)
    again = QuantileBins.from_dict(bins.to_dict())
    np.testing.assert_array_equal(again.encode(np.arange(100.0)), bins.encode(np.arange(100.0)))
