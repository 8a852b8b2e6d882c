"""What is read off a table: kinds, ranges, categories, decimals, rules; and how a schema is kept
and cut."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from utils.encoding import from_array, to_array
from utils.schema import Column, Schema, TableError

pytestmark = pytest.mark.filterwarnings("error")

KINDS = [
    (pd.Series([1, 2, 3]), "integer"),
    (pd.Series([1, None], dtype="Int8"), "integer"),
    (pd.Series([1, 2], dtype="uint64"), "integer"),
    (pd.Series([1.5, None]), "number"),
    (pd.Series([1.5, None], dtype="Float32"), "number"),
    (pd.Series([None, None], dtype=float), "number"),
    (pd.Series([True, False]), "boolean"),
    (pd.Series([True, None], dtype="boolean"), "boolean"),
    (pd.Series([True, None]), "boolean"),
    (pd.Series(["a", None]), "category"),
    (pd.Series(["a", None], dtype="string"), "category"),
    (pd.Series([None, None]), "category"),
    (pd.Series(["a", 1, 2.5]), "category"),
    (pd.Series([3, 1], dtype="category"), "category"),
    (pd.Series(pd.to_datetime(["2024-02-01", None])), "date"),
    (pd.Series(pd.to_datetime(["2024-02-01"])).dt.tz_localize("UTC"), "date"),
    (pd.Series(pd.to_datetime(["2024-02-01"])).astype("datetime64[s]"), "date"),
]


def infer(values, **options) -> Column:
    return Schema.infer(pd.DataFrame({"a b": values}), **options)["a b"]


@pytest.mark.parametrize(
    ("values", "kind"),
    KINDS,
    ids=[f"{kind}-{values.dtype}-{i}" for i, (values, kind) in enumerate(KINDS)],
)
def test_kinds(values, kind):
    column = infer(values)
    assert (column.kind, column.dtype, column.missing) == (
        kind,
        str(values.dtype),
        values.isna().mean(),
    )


def test_ranges():
    assert (infer([3, -1]).minimum, infer([3, -1]).maximum) == (-1, 3)
    assert (infer([0.5, None, 2.25]).minimum, infer([0.5, None, 2.25]).maximum) == (0.5, 2.25)
    assert infer([2**63 - 1, 2**63 - 5]).maximum == 2**63 - 1
    days = infer(pd.to_datetime(["2024-02-03", "2024-02-01"]))
    assert (days.minimum, days.maximum) == ("2024-02-01T00:00:00", "2024-02-03T00:00:00")
    berlin = infer(pd.DatetimeIndex(["2024-02-01 00:30"]).tz_localize("Europe/Berlin"))
    assert berlin.minimum == "2024-01-31T23:30:00"  # in UTC


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([1.0, 2.0], 0),
        ([0.1, 2.0], 1),
        ([0.25], 2),
        ([0.123456], 6),
        ([52.5162756, 13.3776601], 7),
        ([1 / 3], None),
        ([1e30, 0.5], 1),
        ([1e-12], 12),
        ([1e-13], None),
        ([123_456_789.123456789, 1 / 3], None),
        ([1e7 / 3, 2e7 / 3, 1e8 / 3], None),  # ten decimals fit any float64 of this size
    ],
)
def test_decimals(values, decimals):
    assert infer(values).decimals == decimals


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32", "float[pyarrow]"])
def test_short_floats_have_their_own_decimals(dtype):
    assert infer(pd.Series([0.1, 0.25], dtype=dtype)).decimals == 2
    assert infer(pd.Series([0.1, 1 / 3], dtype=dtype)).decimals is None
    assert infer(pd.Series([3.0, 100.0], dtype=dtype)).decimals == 0


def test_decimals_of_decimal_objects_are_those_written():
    prices = [Decimal("1.50"), None, Decimal("2")]
    column = infer(pd.Series(prices, dtype=object))
    assert (column.kind, column.dtype, column.decimals) == ("number", "object[decimal]", 2)
    assert (column.minimum, column.maximum) == (1.5, 2.0)
    in_arrow = pd.Series(prices, dtype=pd.ArrowDtype(pa.decimal128(9, 4)))
    assert infer(in_arrow).decimals == 1  # Arrow fills up with zeros
    with pytest.raises(TableError, match=r"more digits.*astype\(float\)"):
        infer(pd.Series([Decimal("12345678901234.5678")], dtype=object))


@pytest.mark.parametrize(
    ("text", "resolution"),
    [
        ("2024-02-01", "D"),
        ("2024-02-01 10:00", "h"),
        ("2024-02-01 10:05", "min"),
        ("2024-02-01 10:05:07", "s"),
        ("2024-02-01 10:00:00.001", "ms"),
        ("2024-02-01 10:00:00.000001", "us"),
        ("2024-02-01 00:00:00.000000001", "ns"),
    ],
)
def test_resolution_of_dates(text, resolution):
    column = infer(pd.to_datetime(["2024-02-01", text], format="ISO8601"))
    assert (column.resolution, column.clock) == (resolution, "")


@pytest.mark.parametrize(
    ("zone", "freq", "resolution", "clock", "minimum"),
    [
        ("Europe/Berlin", "D", "D", "local", "2024-03-01T00:00:00"),
        ("Europe/Berlin", "h", "h", "UTC", "2024-02-29T23:00:00"),
        ("Asia/Kolkata", "h", "h", "local", "2024-03-01T00:00:00"),
        ("Asia/Kolkata", "min", "min", "UTC", "2024-02-29T18:30:00"),
        ("UTC", "D", "D", "UTC", "2024-03-01T00:00:00"),
    ],
)
def test_the_grid_is_read_on_the_clock_that_shows_the_coarser_one(
    zone, freq, resolution, clock, minimum
):
    column = infer(pd.date_range("2024-03-01", periods=90, freq=freq, tz=zone))
    assert (column.resolution, column.clock, column.minimum) == (resolution, clock, minimum)


def test_times_too_exact_for_their_span_are_refused_with_a_cure_that_works():
    moments = pd.Series(
        pd.to_datetime(["2024-01-01 00:00:00.000000001", "2024-04-15"], format="ISO8601")
    )
    with pytest.raises(TableError, match=r"'a b'.*exact to ns.*dt.floor\(\"us\"\)"):
        infer(moments)
    assert infer(moments.dt.floor("us")).resolution == "D"
    assert infer(moments - pd.to_timedelta([0, 1], unit="D")).resolution == "ns"  # 104 days


def test_whole_numbers_too_far_apart_are_codes_where_they_repeat():
    column = infer(pd.Series([2**63, 5, 5, 2**63], dtype="uint64"))
    assert (column.kind, column.dtype) == ("category", "uint64")
    assert column.categories == (5, 2**63)
    with pytest.raises(TableError, match=r"'a b' runs from 5 to 9223372036854775808.*categories="):
        infer(pd.Series([2**63, 5, 5], dtype="uint64"))
    assert infer([-(2**52), 2**52]).kind == "integer"
    with pytest.raises(TableError, match="counted exactly"):
        infer([-(2**52), 2**52 + 1])


def test_a_column_is_a_category_where_it_is_named_so():
    table = pd.DataFrame(
        {"n": [3, 1, 1], "x": [0.5, None, 0.25], "d": pd.to_datetime(["2024-02-01"] * 3)}
    ).astype({"d": "datetime64[ns]"})
    schema = Schema.infer(table, categories=["n", "x", "d"])
    assert [column.kind for column in schema.columns] == ["category"] * 3
    assert [column.dtype for column in schema.columns] == ["int64", "float64", "datetime64[ns]"]
    assert (schema["n"].categories, schema["x"].categories) == ((1, 3), (0.25, 0.5))
    assert schema["d"].categories == ("2024-02-01T00:00:00",)
    with pytest.raises(TableError, match=r"category 'm' is not a column. Choose one of: n, x, d"):
        Schema.infer(table, categories=["m"])
    with pytest.raises(TableError, match="lists"):
        Schema.infer(pd.DataFrame({"a": [[1], [2]]}), categories=["a"])


def test_a_column_says_whether_it_is_empty_and_how_far_it_runs():
    assert infer([None, np.nan]).empty and infer([np.nan]).empty and not infer([1.0, None]).empty
    column = infer([1, 3])
    assert column.span() == "1 to 3"
    assert replace(column, maximum=None).span() == "1 or more"
    assert replace(column, minimum=None).span() == "3 or less"
    assert replace(column, minimum=None, maximum=None).span() == "any"


def test_categories_are_sorted_text_and_keep_the_order_of_a_categorical():
    assert infer(["b", "a", None, "b"]).categories == ("a", "b")
    assert set(infer([1, "a", 2.5]).categories) == {1, "a", 2.5}
    column = infer(pd.Categorical(["high", "low"], ["low", "mid", "high"], ordered=True))
    assert (column.categories, column.levels, column.ordered) == (
        ("low", "high"),
        ("low", "mid", "high"),
        True,
    )


def test_names_labels_and_selection():
    table = pd.DataFrame({"Usage": [1, 2], "App": ["X", "Y"], "Opened": [0, 1]})
    rules = {"opened": "Usage == 0 or Opened >= 0", "day": "Usage <= 1440"}
    schema = Schema.infer(table, rules=rules, target="App", units={"Usage": "minutes"})
    assert schema.names == ["Usage", "App", "Opened"]
    assert (schema["Usage"].label, schema["App"].label) == ("Usage (minutes)", "App")
    part = schema.select(["App", "Usage"])
    assert (part.names, part.rules, part.target) == (
        ["App", "Usage"],
        {"day": "Usage <= 1440"},
        "App",
    )
    assert schema.select(["Usage"]).target is None
    with pytest.raises(TableError, match=r"no column 'usage'. The columns are: Usage, App, Opened"):
        schema.select(["usage"])


def test_rules_survive_selection_where_a_column_is_all_missing():
    table = pd.DataFrame({"a": [np.nan, np.nan], "b": pd.to_datetime([None, None])})
    rules = {"a": "a > 0 or a <= 0", "b": "weekday(b) < 7"}
    assert Schema.infer(table, rules=rules).select(["a", "b"]).rules == rules


def test_broken_rules():
    table = pd.DataFrame({"Usage": [1, 2000, 5]}, index=[4, 5, 6])
    broken = Schema.infer(table, rules={"day": "Usage <= 1440", "always": "True"}).broken_rules(
        table
    )
    pd.testing.assert_frame_equal(
        broken, pd.DataFrame({"day": [False, True, False], "always": False}, index=[4, 5, 6])
    )


def test_a_rule_is_not_broken_where_a_column_that_it_names_is_missing():
    table = pd.DataFrame(
        {"low": [1, None, 5], "high": [2.0, 1.0, None], "team": ["a", None, "b"], "n": [1, 2, 3]}
    )
    rules = {
        "order": "low <= high",
        "team": "team == 'c'",
        "n": "n > 1",
        "either": "low > 9 or n > 1",
    }
    broken = Schema.infer(table, rules=rules).broken_rules(table)
    assert broken["order"].tolist() == [False, False, False]
    assert broken["team"].tolist() == [True, False, True]
    assert broken["n"].tolist() == [True, False, False]
    assert broken["either"].tolist() == [True, False, False]


def test_description_has_a_row_a_column():
    table = pd.DataFrame(
        {
            "n": [1, 20],
            "w": list("ab"),
            "d": pd.to_datetime(["2024-02-01", None]),
            "e": [None, np.nan],
            "t": pd.to_datetime(["2024-02-01 10:05", None]).tz_localize("Europe/Berlin"),
            "l": pd.to_datetime(["2024-02-01", "2024-07-01"]).tz_localize("Europe/Berlin"),
        }
    )
    described = Schema.infer(table, units={"n": "minutes"}).describe()
    assert described.index.tolist() == ["n", "w", "d", "e", "t", "l"]
    assert described.loc["e", "values"] == "all missing"
    assert described.loc["t", "values"] == "2024-02-01 09:05:00 to 2024-02-01 09:05:00 (UTC time)"
    assert described.loc["l", "values"] == "2024-02-01 to 2024-07-01 (local time)"
    assert described.loc["n"].tolist() == ["integer", "1 to 20", "0.0%", "minutes"]
    large = pd.DataFrame({"n": [1, 1_234_567], "x": [0.5, 1_234_567.125]})
    assert Schema.infer(large).describe()["values"].tolist() == [
        "1 to 1,234,567",
        "0.5 to 1.23457e+06",
    ]
    assert described.loc["w", "values"] == "2: a, b"
    assert described.loc["d", ["values", "missing"]].tolist() == [
        "2024-02-01 to 2024-02-01",
        "50.0%",
    ]


WRONG_COLUMNS = {
    "name": ({"name": 3}, "name 3 of a column is no text"),
    "kind": ({"kind": "numeric"}, "'a'.*kind 'numeric'. Choose one of: number, integer, category"),
    "dtype": ({"dtype": "int65"}, "'a'.*dtype 'int65'"),
    "dtype that is no text": ({"dtype": int}, "'a'.*dtype <class 'int'>"),
    "text as limit": ({"minimum": "1"}, "'a'.*minimum.*'1'"),
    "truth as limit": ({"maximum": True}, "'a'.*maximum.*True"),
    "half as limit of integers": ({"minimum": 0.5}, "'a'.*minimum.*0.5"),
    "not a number": ({"kind": "number", "minimum": np.nan}, "'a'.*minimum.*nan"),
    "order": ({"minimum": 3, "maximum": 1}, "'a'.*3 to 1"),
    "limit of a category": ({"kind": "category", "minimum": 1}, "'a'.*minimum.*1"),
    "number as limit of dates": (
        {"kind": "date", "dtype": "datetime64[ns]", "resolution": "D", "minimum": 1},
        "'a'.*minimum.*1",
    ),
    "no date": (
        {"kind": "date", "dtype": "datetime64[ns]", "resolution": "D", "minimum": "soon"},
        "'a'.*minimum.*'soon'",
    ),
    "zone in a limit": (
        {"kind": "date", "dtype": "datetime64[ns]", "resolution": "D", "minimum": "2024-01-01Z"},
        "'a'.*minimum.*'2024-01-01Z'",
    ),
    "resolution": ({"kind": "date", "dtype": "datetime64[ns]", "resolution": "week"}, "'week'"),
}


@pytest.mark.parametrize("case", WRONG_COLUMNS)
def test_a_column_checks_itself(case):
    parts, words = WRONG_COLUMNS[case]
    with pytest.raises(TableError, match=words):
        Column(**({"name": "a", "kind": "integer", "dtype": "int64"} | parts))


def test_a_schema_is_made_of_columns():
    for columns in ((1,), 3, None, ({"name": "a"},)):
        with pytest.raises(TableError, match=r"A schema is made of columns.*Schema.infer\(table\)"):
            Schema(columns)


def test_rules_targets_and_units_that_name_nothing_are_refused():
    table = pd.DataFrame({"n": [1, 2]})
    wrong = [
        ({"target": ["n"]}, r"target \['n'\] is not a column. Choose one of: n"),
        ({"categories": [["n"]]}, r"category \['n'\] is not a column"),
        ({"units": {"nn": "km"}}, "unit 'nn' is not a column"),
        ({"rules": {"few": "nn > 1"}}, "rule 'few' .*nn.*The columns are: n"),
        ({"rules": {"few": "n >"}}, "rule 'few'"),
        ({"rules": {"few": 3}}, "rule 'few'"),
        ({"rules": ["n > 1"]}, "rules must be a dictionary"),
    ]
    for options, words in wrong:
        with pytest.raises(TableError, match=words):
            Schema.infer(table, **options)


@pytest.mark.parametrize("kind", ["decimal32", "decimal64", "decimal128"])
def test_short_decimals_of_arrow_are_numbers(kind):
    dtype = pd.ArrowDtype(getattr(pa, kind)(5, 2))
    values = pd.Series([Decimal("1.50"), None, Decimal("-2.00")], dtype=dtype)
    column = infer(values)
    assert (column.kind, column.minimum, column.maximum) == ("number", -2.0, 1.5)
    back = pd.Series(from_array(to_array(values, column), column))
    pd.testing.assert_series_equal(back, values)


REFUSED = {
    "sparse": (pd.Series(pd.arrays.SparseArray([0.0, 1.5])), r"\.sparse\.to_dense\(\)"),
    "string view": (
        pd.Series(pa.array(["a"], pa.string_view()), dtype=pd.ArrowDtype(pa.string_view())),
        r'string_view.*astype\("string"\)',
    ),
    "signalling NaN": (
        pd.Series([Decimal("1"), Decimal("sNaN")], dtype=object),
        "holds Decimal.'sNaN'.*Leave these cells empty",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_cells_that_nothing_can_compute_with_are_refused_with_a_cure(case):
    values, words = REFUSED[case]
    with pytest.raises(TableError, match=f"'a b'.*{words}"):
        infer(values)


def test_an_unknown_target_is_refused():
    with pytest.raises(TableError, match=r"target 'b' is not a column. Choose one of: a"):
        Schema.infer(pd.DataFrame({"a": [1]}), target="b")
