"""From a table to numbers and back: nothing is lost, nothing leaves its range, whatever the numbers
were."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp

from utils import saving
from utils.encoding import (
    QuantileBins,
    TableEncoder,
    float_range,
    from_codes,
    from_float,
    grid_step,
    to_code,
    to_codes,
    to_float,
    to_number,
)
from utils.schema import Column, Schema, TableError
from utils.tables import screentime_schema

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
    column = Column("a", "integer", "int64", min(0, limit), max(0, limit))
    low, high = float_range(column)
    result = from_float(np.array([low, high, high * 1.5, low - 1e9]), column)
    assert result.tolist() == [min(0, limit), max(0, limit), max(0, limit), min(0, limit)]


LARGE = {
    "identifiers": pd.Series([2**53 + 1, 2**53 + 3, 2**53 + 2]),
    "nullable": pd.Series([2**62 + 1, None, 2**62 + 2], dtype="Int64"),
    "of arrow": pd.Series([2**62 + 1, None, 2**62 + 2], dtype="int64[pyarrow]"),
    "unsigned": pd.Series([2**64 - 1, 2**64 - 2**53, 2**64 - 7], dtype="uint64"),
    "negative": pd.Series([-(2**63), -(2**63) + 1]),
    "nanoseconds": pd.Series(
        pd.to_datetime([1_700_000_000_000_000_001, 1_700_000_000_000_000_003, None])
    ),
    "nanoseconds in a zone": pd.Series(
        pd.to_datetime([1_700_000_000_000_000_001, 1_700_000_000_000_000_003])
    ).dt.tz_localize("Asia/Tokyo"),
    "microseconds": pd.Series(
        pd.to_datetime(["2024-02-29 10:00:01.123457", "1990-01-01"], format="ISO8601")
    ),
}


@pytest.mark.parametrize("case", LARGE)
def test_large_whole_numbers_and_exact_times_come_back_unchanged(case):
    values = LARGE[case]
    column = infer(values)
    floats = to_float(values, column)
    known = floats[~np.isnan(floats)]
    assert (known == np.rint(known)).all() and len(set(known)) == values.nunique()
    assert (np.min(known), np.max(known)) == float_range(column)
    pd.testing.assert_series_equal(pd.Series(from_float(floats, column)), values)


@pytest.mark.parametrize("case", LARGE)
def test_one_value_is_the_number_of_its_cell(case):
    values = LARGE[case].dropna()
    column = infer(values)
    numbers = [to_number(value, column) for value in values]
    assert numbers == to_float(values, column).tolist()
    assert numbers == [to_number(str(value), column) for value in values]


def test_other_values_are_counted_from_the_same_offset():
    column = infer(pd.Series([2**63 + 5, 2**63 + 7], dtype="uint64"))
    assert to_float(pd.Series([0, 2**63 + 6], dtype="uint64"), column).tolist() == [
        -float(2**63 + 5),
        1,
    ]
    assert to_number(2**63 + 6, column) == 1


def test_nanoseconds_stay_in_their_range():
    values = pd.Series(pd.to_datetime([1_700_000_000_000_000_001, 1_700_000_000_000_000_003]))
    result = pd.Series(from_float(np.array([-1e20, 0.4, 1.0, 1e20]), infer(values)))
    assert (result.astype("int64") - 1_700_000_000_000_000_000).tolist() == [1, 1, 2, 3]


def test_daily_midnights_of_a_zone_come_back_as_midnights():
    days = pd.Series(pd.date_range("2024-01-01", "2024-12-31", tz="Europe/Berlin"))
    column = infer(days)
    floats = to_float(days, column)
    assert (np.diff(floats) == 1).all()
    pd.testing.assert_series_equal(pd.Series(from_float(floats, column)), days)
    drawn = pd.Series(
        from_float(np.random.default_rng(0).uniform(*float_range(column), 500), column)
    )
    assert (drawn == drawn.dt.normalize()).all() and drawn.between(days.min(), days.max()).all()


def test_hours_of_a_zone_are_exact_across_its_leaps():
    hours = pd.Series(pd.date_range("2024-10-26", periods=72, freq="h", tz="Europe/Berlin"))
    floats = to_float(hours, infer(hours))
    assert (np.diff(floats) == 1).all()
    pd.testing.assert_series_equal(pd.Series(from_float(floats, infer(hours))), hours)


@pytest.mark.parametrize("zone", ["America/St_Johns", "Australia/Adelaide", "Asia/Kolkata"])
def test_hours_of_a_half_hour_zone_come_back_where_the_clock_shows_one_twice(zone):
    hours = pd.Series(pd.date_range("2024-01-01", "2024-12-31", freq="h", tz=zone))
    pd.testing.assert_series_equal(
        pd.Series(from_float(to_float(hours, infer(hours)), infer(hours))), hours
    )


def test_the_second_of_two_midnights_comes_back():
    hours = ["2024-11-01 04:00", "2024-11-02 04:00", "2024-11-03 05:00", "2024-11-04 05:00"]
    days = pd.Series(pd.DatetimeIndex(hours).tz_localize("UTC").tz_convert("America/Havana"))
    assert (days.dt.hour == 0).all()
    column = infer(days)
    assert (column.resolution, column.clock) == ("h", "UTC")
    pd.testing.assert_series_equal(pd.Series(from_float(to_float(days, column), column)), days)


def test_dates_without_a_zone_are_no_numbers_of_a_column_with_one():
    for values in (pd.Series([date(2024, 2, 1)]), pd.Series(pd.to_datetime(["2024-02-01"]))):
        with pytest.raises(ValueError, match="without a zone.*Europe/Berlin"):
            to_float(values, BERLIN)
    with pytest.raises(ValueError, match="with a zone"):
        to_float(pd.Series(pd.to_datetime(["2024-02-01"])).dt.tz_localize("UTC"), DAYS)


def test_a_local_time_that_is_leapt_over_moves_on_and_one_shown_twice_is_the_first():
    days = pd.Series(pd.to_datetime(["2018-11-03", "2018-11-05"])).dt.tz_localize(
        "America/Sao_Paulo"
    )
    leapt = from_float(to_float(days, infer(days))[:1] + 1, infer(days))[0]
    assert str(leapt) == "2018-11-04 01:00:00-02:00"
    days = pd.Series(pd.to_datetime(["2024-11-02", "2024-11-04"])).dt.tz_localize("America/Havana")
    twice = from_float(to_float(days, infer(days))[:1] + 1, infer(days))[0]
    assert str(twice) == "2024-11-03 00:00:00-04:00"


OPEN = {
    "int8": (Column("a", "integer", "int8", 0), [0, 127, 4]),
    "uint8": (Column("a", "integer", "UInt8"), [0, 255, 4]),
    "int64": (Column("a", "integer", "int64", None, 7), [-(2**63), 7, 4]),
    "uint64": (Column("a", "integer", "uint64"), [0, 2**64 - 1, 4]),
    "uint64 from 0": (Column("a", "integer", "UInt64", 0), [0, 2**64 - 1, 4]),
    "large uint64": (
        Column("a", "integer", "uint64", 2**63 + 5),
        [2**63 + 5, 2**64 - 1, 2**63 + 9],
    ),
    "float64": (Column("a", "number", "float64", 0.0, decimals=1), [0.0, 1e300, 3.6]),
    "float32": (
        Column("a", "number", "float32"),
        [-np.finfo("float32").max, np.finfo("float32").max, np.float32(3.6)],
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_without_a_limit_the_dtype_is_the_limit(case):
    column, expected = OPEN[case]
    assert from_float(np.array([-1e300, 1e300, 3.6]), column).tolist() == expected


def test_whole_numbers_above_int64_come_back_where_the_top_is_open():
    values = pd.Series([0, 2**63 + 2**20], dtype="uint64")
    column = Column("a", "integer", "uint64", 0)
    assert from_float(to_float(values, column), column).tolist() == values.tolist()


def test_an_open_end_is_infinite_and_dates_without_a_limit_end_with_pandas():
    column = Column("a", "date", "datetime64[ns]", "2024-01-01T00:00:00", resolution="D")
    assert float_range(column) == (19_723, np.inf)
    drawn = from_float(np.array([-1e300, 19_724.4, 1e300]), column).astype(str)
    assert [text[:10] for text in drawn] == ["2024-01-01", "2024-01-02", "2262-04-11"]
    assert float_range(Column("a", "number", "float64")) == (-np.inf, np.inf)


@pytest.mark.parametrize(
    "values", [[np.nan] * 2, pd.Series([None] * 2, dtype="Int64"), pd.to_datetime([None] * 2)]
)
def test_a_column_that_is_all_missing_gives_missing(values):
    column = infer(values)
    assert np.isnan(float_range(column)).all()
    assert pd.isna(from_float(np.array([1.0, np.nan]), column)).all()


def test_grid_steps():
    assert [grid_step(infer(values)) for values in ([1, 2], [0.25], [1 / 3])] == [1.0, 0.01, 0.0]


# --- one value ---

COORDINATES = infer(np.round(np.random.default_rng(0).uniform(-180, 180, 999), 7))
HUNDREDTHS = infer(pd.Series([0.25, 1e9]))
BERLIN = infer(pd.Series(pd.date_range("2024-01-01", periods=200, tz="Europe/Berlin")))
BERLIN_HOURS = replace(BERLIN, resolution="h", clock="UTC")
DAYS = infer(pd.to_datetime(["2024-01-01", "2024-12-31"]))


@pytest.mark.parametrize(
    ("value", "column", "number"),
    [
        (2, infer([1, 3]), 2),
        ("2", infer([1, 3]), 2),
        (np.int8(2), infer([1, 3]), 2),
        (99, infer([1, 3]), 99),  # the range is not asked for
        (2.0, infer([1, 3]), 2),
        (52.5162751, COORDINATES, 52.5162751),
        (-179.9999999, COORDINATES, -179.9999999),
        (0.1 + 0.2, infer([0.1]), 0.3),
        (123_456_789.1, infer([0.1, 1e9]), 123_456_789.1),
        (999_999_999.99, HUNDREDTHS, 999_999_999.99),
        (Decimal("0.30"), infer([0.1]), 0.3),
        (1 / 3, infer([1 / 7]), 1 / 3),
        (0.1, infer(pd.Series([0.1, 0.7], dtype="float32")), float(np.float32(0.1))),
        (np.float16(0.1), infer(pd.Series([0.1, 0.7], dtype="float16")), float(np.float16(0.1))),
        (1.5, infer(pd.Series([Decimal("1.50")], dtype=object)), 1.5),
        ("2024-02-01", infer(pd.to_datetime(["2024-01-01"])), 19_754),
        (date(2024, 2, 1), infer(pd.to_datetime(["2024-01-01"])), 19_754),
        (np.datetime64("2024-02-01"), infer(pd.to_datetime(["2024-01-01"])), 19_754),
        ("2024-07-01", BERLIN, 19_905),
        (pd.Timestamp("2024-06-30 22:00", tz="UTC"), BERLIN, 19_905),
    ],
)
def test_one_value_on_the_scale_of_its_column(value, column, number):
    assert to_number(value, column) == number


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32", "float64"])
def test_one_float_is_the_number_of_its_cell(dtype):
    values = pd.Series([0.1, 0.7, 12.3], dtype=dtype)
    column = infer(values)
    assert [to_number(value, column) for value in (0.1, 0.7, 12.3)] == to_float(
        values, column
    ).tolist()


def test_a_time_of_a_zone_is_read_on_its_clock():
    moment = to_number("2024-07-01 02:00", BERLIN_HOURS)
    assert moment == to_number("2024-07-01 00:00Z", BERLIN_HOURS)
    assert moment == pd.Timestamp("2024-07-01").timestamp() / 3600
    # shown twice: the first of the two
    assert to_number("2024-10-27 02:00", BERLIN_HOURS) == to_number("2024-10-27", BERLIN_HOURS) + 2


def test_a_whole_number_may_miss_its_step_by_a_rounding_error_only():
    assert to_number(2 + 1e-7, infer([1, 3])) == 2
    for value in (2 + 1e-5, 1.99999):
        with pytest.raises(ValueError, match="moves in steps of 1"):
            to_number(value, infer([1, 3]))


@pytest.mark.parametrize(
    ("value", "column", "words"),
    [
        ("two", infer([1, 3]), "'a' holds integer values; 'two' is none"),
        (np.inf, infer([1, 3]), "holds integer values; inf is none"),
        (np.inf, infer([0.5]), "holds number values; inf is none"),
        ([1], infer([0.5]), r"holds number values; \[1\] is none"),
        (2.5, infer([1, 3]), "moves in steps of 1; 2.5 lies between"),
        (20.05, infer([20.1]), "moves in steps of 0.1; 20.05 lies between"),
        (52.51627512, COORDINATES, "moves in steps of 1e-07; 52.51627512 lies between"),
        ("soon", BERLIN, "holds date values; 'soon' is none"),
        (5, BERLIN, "holds date values; 5 is none"),
        ("NaT", BERLIN, "holds date values; 'NaT' is none"),
        ("9999-12-31", BERLIN, "holds date values; '9999-12-31' is none"),
        ("now", DAYS, "holds date values; 'now' is none"),
        ("today", DAYS, "holds date values; 'today' is none"),
        ("10:00", DAYS, "holds date values; '10:00' is none"),
        ("2024", DAYS, "holds date values; '2024' is none"),
        ("01/02/2024", DAYS, "holds date values; '01/02/2024' is none"),
        (True, DAYS, "holds date values; True is none"),
        (True, infer([1, 3]), "holds integer values; True is none"),
        (np.True_, infer([0.5]), "holds number values; np.True_ is none"),
        ("1e2000000", infer([1, 3]), "holds integer values; '1e2000000' is none"),
        ("1e2000000", infer([0.5]), "holds number values; '1e2000000' is none"),
        (
            "2024-03-31 02:00",
            BERLIN_HOURS,
            "'a': the clocks of Europe/Berlin leap over 2024-03-31 02:00:00. Ask for a time before "
            "or after, or give the offset from UTC too",
        ),
        (
            "2024-02-01T00:00Z",
            DAYS,
            "'a' holds times without a zone; 2024-02-01 00:00:00.00:00 has one. Leave the zone out",
        ),
        (pd.Timestamp("2024-02-01", tz="UTC"), DAYS, "holds times without a zone"),
        ("2024-02-10 12:00", BERLIN, "moves in steps of 1 day; '2024-02-10 12:00' lies between"),
        (pd.Timestamp("2024-02-10", tz="UTC"), BERLIN, "steps of 1 day"),
    ],
)
def test_one_value_that_is_none_of_its_column_is_refused(value, column, words):
    with pytest.raises(ValueError, match=words):
        to_number(value, column)


CATEGORIES = {
    "text": (["a", "1"], {"1": 0, "a": 1, 1: -1, "b": -1}),
    "whole numbers": ([1, 2], {"1": 0, 2: 1, "2.0": 1, "1.5": -1, 1.5: -1, "a": -1}),
    "float32": (pd.Series([0.1, 0.5], dtype="float32"), {0.1: 0, "0.1": 0, 0.5: 1, 0.2: -1}),
    "days": (
        pd.to_datetime(["2024-02-01", "2024-02-02"]),
        {"2024-02-02": 1, date(2024, 2, 1): 0, "2024-02-01T00:00:00": 0, "today": -1},
    ),
    "days in a zone": (
        pd.to_datetime(["2024-02-01", "2024-02-02"]).tz_localize("Europe/Berlin"),
        {"2024-02-02": 1, date(2024, 2, 1): 0, "2024-01-31T23:00Z": 0, "2024-02-01T00:00Z": -1},
    ),
    "days as objects": (
        pd.Series([date(2024, 2, 1)], dtype=object),
        {"2024-02-01": 0, pd.Timestamp("2024-02-01"): 0, "2024-02-01 10:00": -1},
    ),
    "levels": (pd.Categorical([7, 3]), {"3": 0, 7: 1, 4: -1}),
    "decimals": (pd.Series([Decimal("1.50")], dtype=object), {"1.5": 0, 1.5: 0, "1.50": 0, 2: -1}),
}


@pytest.mark.parametrize("case", CATEGORIES)
def test_one_category_is_read_as_one_number_is(case):
    values, expected = CATEGORIES[case]
    column = Schema.infer(pd.DataFrame({"a": values}), categories=["a"])["a"]
    assert {value: to_code(value, column) for value in expected} == expected


def test_a_missing_value_is_refused_where_the_dtype_has_none():
    for dtype in ("int64", "uint8"):
        column = infer(pd.Series([1, 3], dtype=dtype))
        with pytest.raises(ValueError, match=f"'a' holds {dtype} values, of which none can be"):
            from_float(np.array([1.0, np.nan]), column)
    for column in (infer([True, False]), Column("a", "category", "int64", categories=(1, 2))):
        with pytest.raises(ValueError, match="none can be missing"):
            from_codes(np.array([0, -1]), column)


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
    encoder = TableEncoder(Schema.infer(TABLE)).fit(TABLE)
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
    encoder = TableEncoder(Schema.infer(TABLE)).fit(TABLE)
    pd.testing.assert_frame_equal(
        encoder.inverse_transform(encoder.transform(TABLE)), TABLE.replace({None: np.nan})
    )


def test_any_matrix_gives_a_valid_table():
    encoder = TableEncoder(Schema.infer(TABLE)).fit(TABLE)
    table = encoder.inverse_transform(
        np.random.default_rng(0).normal(size=(200, 9)).astype(np.float32)
    )
    assert (table.dtypes == TABLE.dtypes).all()
    assert (
        table["opened"].between(0, 10).all()
        and table["day"].between("2024-02-01", "2024-02-04").all()
    )


def test_a_cell_that_the_schema_does_not_know_is_refused():
    encoder = TableEncoder(Schema.infer(TABLE)).fit(TABLE)
    unknown = TABLE.assign(app=["X", "Z", None, "X"])
    with pytest.raises(TableError, match="'app', row 1: the value is none of the categories"):
        encoder.transform(unknown)
    for name, values in (("opened", [0, None, 10, 5]), ("used", [True, None, True, True])):
        with pytest.raises(TableError, match=f"'{name}', row 1: the value is missing"):
            encoder.transform(TABLE.assign(**{name: values}))


def test_constant_and_empty_columns_have_a_place_in_the_matrix():
    table = pd.DataFrame({"one": [7, 7], "none": [np.nan, np.nan], "nothing": [None, None]})
    encoder = TableEncoder(Schema.infer(table)).fit(table)
    matrix = encoder.transform(table)
    assert np.isfinite(matrix).all()
    pd.testing.assert_frame_equal(
        encoder.inverse_transform(matrix),
        table.assign(nothing=pd.Series([np.nan, np.nan], dtype=object)),
    )


def test_wrong_shapes_are_refused():
    encoder = TableEncoder(Schema.infer(TABLE)).fit(TABLE)
    with pytest.raises(TableError, match="lacks the column 'day'"):
        encoder.transform(TABLE.drop(columns="day"))
    for use in (encoder.fit, encoder.transform):
        with pytest.raises(TableError, match="Expected a pandas DataFrame, got list"):
            use([[1]])
    with pytest.raises(TableError, match="9 columns, got shape"):
        encoder.inverse_transform(np.zeros((2, 3)))


def test_an_encoder_that_knows_no_ranges_says_so():
    encoder = TableEncoder(Schema.infer(TABLE))
    for use in (
        lambda: encoder.transform(TABLE),
        lambda: encoder.inverse_transform(np.zeros((1, 9))),
    ):
        with pytest.raises(TableError, match=r"Fit it first: TableEncoder\(schema\).fit\(table\)"):
            use()
    with pytest.raises(TableError, match="lacks the column 'day'"):
        encoder.fit(TABLE.drop(columns="day"))


def test_the_scale_is_the_range_of_the_fitted_table_where_the_schema_has_no_limit():
    table = pd.DataFrame({"Usage": [30, 60], "Notifications": [0, 20]})
    encoder = TableEncoder(screentime_schema(table)).fit(table)
    assert encoder.transform(table).tolist() == [[0, 0], [1, 1]]
    assert encoder.inverse_transform(np.array([[0.5, 1.5], [99, -1]])).to_numpy().tolist() == [
        [45, 30],
        [1440, 0],
    ]


# --- quantile bins ---


def test_bins_hold_about_equal_mass():
    values = np.random.default_rng(0).normal(size=20_000)
    bins = QuantileBins.fit(values, 50)
    counts = np.bincount(bins.encode(values))
    assert len(bins) == len(counts) == 50
    assert counts.min() > 0.9 * 400 and counts.max() < 1.1 * 400


def test_spikes_that_cut_bins_make_more_of_them_but_no_more_than_one_each():
    values = np.sort(np.random.default_rng(0).normal(size=6_000))
    values[:3_000] = np.repeat(values[::200], 100)
    bins = QuantileBins.fit(values, 64)
    assert 64 < len(bins) <= 64 + 30


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


def test_bins_are_saved_as_arrays(tmp_path):
    bins = QuantileBins.fit(np.arange(100.0), 10)
    saving.write(tmp_path / "bins", {"bins": bins})
    again = saving.read(tmp_path / "bins")["bins"]
    np.testing.assert_array_equal(again.encode(np.arange(100.0)), bins.encode(np.arange(100.0)))


def test_bins_need_one_bin_or_more():
    with pytest.raises(ValueError, match="most_bins must be a whole number of 1 or more, not 0"):
        QuantileBins.fit(np.arange(100.0), 0)


def test_a_matrix_may_be_a_list_and_must_have_the_shape():
    table = pd.DataFrame({"x": [1.0, 3.0], "word": ["a", "b"]})
    encoder = TableEncoder(Schema.infer(table)).fit(table)
    pd.testing.assert_frame_equal(encoder.inverse_transform([[0, 1, 0], [1, 0, 1]]), table)
    with pytest.raises(TableError, match=r"3 columns, got shape \(2,\)"):
        encoder.inverse_transform([1, 0])


def test_what_is_drawn_within_a_bin_is_no_training_value():
    values = np.random.default_rng(0).gamma(2, 20, 4_000)
    bins = QuantileBins.fit(values, 16)
    drawn = bins.draw(bins.encode(values), np.random.default_rng(1))
    assert not np.isin(drawn, bins.knots).any()
    assert ks_2samp(drawn, values).statistic < 0.02
