"""What is read off a table: kinds, ranges, categories, decimals, rules; and how a schema is kept
and cut."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

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
    assert infer([2**63 - 1, 0]).maximum == 2**63 - 1
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
        ([1 / 3], None),
        ([1e30, 0.5], 1),
        ([1e-12], None),
    ],
)
def test_decimals(values, decimals):
    assert infer(values).decimals == decimals


@pytest.mark.parametrize(
    ("text", "resolution"),
    [
        ("2024-02-01", "D"),
        ("2024-02-01 10:00", "s"),
        ("2024-02-01 10:00:00.001", "us"),
        ("2024-02-01 00:00:00.000000001", "ns"),
    ],
)
def test_resolution_of_dates(text, resolution):
    assert infer(pd.to_datetime(["2024-02-01", text], format="ISO8601")).resolution == resolution


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
    with pytest.raises(TableError, match="no column 'usage'. The columns are: Usage, App, Opened"):
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


def test_a_schema_survives_json():
    table = pd.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, None],
            "c": pd.Categorical(["a", "b"], ["a", "b", "c"]),
            "w": ["ä", "📱"],
            "d": pd.to_datetime(["2024-02-01", None]),
            "t": [True, False],
        }
    )
    schema = Schema.infer(table, rules={"n": "n > 0"}, target="w", units={"n": "minutes"})
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


@pytest.mark.parametrize(
    "data", [{}, {"columns": [{}]}, {"columns": [{"name": "a"}], "rules": {}, "target": None}, []]
)
def test_what_is_no_schema_is_refused(data):
    with pytest.raises(TableError, match="not a saved schema"):
        Schema.from_dict(data)


def test_description_has_a_row_a_column():
    table = pd.DataFrame(
        {
            "n": [1, 20],
            "w": list("ab"),
            "d": pd.to_datetime(["2024-02-01", None]),
            "e": [None, np.nan],
        }
    )
    described = Schema.infer(table, units={"n": "minutes"}).describe()
    assert described.index.tolist() == ["n", "w", "d", "e"]
    assert described.loc["n"].tolist() == ["integer", "1 to 20", "0.0%", "minutes"]
    assert described.loc["w", "values"] == "2: a, b"
    assert described.loc["d", ["values", "missing"]].tolist() == [
        "2024-02-01 to 2024-02-01",
        "50.0%",
    ]


def test_an_unknown_target_is_refused():
    with pytest.raises(TableError, match="target 'b' is not a column. Choose one of: a"):
        Schema.infer(pd.DataFrame({"a": [1]}), target="b")
