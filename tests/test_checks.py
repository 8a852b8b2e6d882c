"""Is a cell, is a row allowed? One answer, whoever asks: each fault, each kind, each dtype."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from utils.checks import allowed, cell_faults, rule_faults, validate
from utils.schema import Column, Schema, TableError
from utils.scoring import valid, validity_report
from utils.synthesizers import TreeSynthesizer

pytestmark = pytest.mark.filterwarnings("error")

TABLE = pd.DataFrame(
    {
        "pay": [10.5, np.nan, 12.0],
        "year": [1, 2, 3],
        "team": ["red", "blue", None],
        "new": [True, False, True],
        "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
    }
)
SCHEMA = Schema.infer(TABLE, rules={"early": "year <= 3 and pay <= 12"})
BERLIN = pd.Series(pd.date_range("2024-03-01", periods=90, tz="Europe/Berlin"))


def infer(values, **options) -> Column:
    return Schema.infer(pd.DataFrame({"a": values}), **options)["a"]


def series(values, dtype=None) -> pd.Series:
    return pd.Series(values, dtype=dtype)


ZERO_BY_ZERO = series([0.0, 0.5], "Float64") / series([0.0, 1.0], "Float64")
ALLOWED = {
    "range": (infer([1, 3]), series([0, 1, 3, 4]), [0, 1, 1, 0]),
    "range of numbers": (infer([0.5, 1.5]), series([0.4, 0.5, 1.5, np.inf]), [0, 1, 1, 0]),
    "missing": (infer([0.5, 1.5]), series([0.5, None]), [1, 0]),
    "missing is known": (infer([0.5, None]), series([0.5, None]), [1, 1]),
    "NaN beside NA": (infer([0.5, 1.5]), ZERO_BY_ZERO, [0, 1]),
    "NaN beside NA is known": (infer(ZERO_BY_ZERO), ZERO_BY_ZERO, [1, 1]),
    "whole numbers are numbers": (infer([0.5, 3.0]), series([1, 3, 9]), [1, 1, 0]),
    "nullable whole numbers too": (infer([0.5, 3.0]), series([1, 9], "Int8"), [1, 0]),
    "decimals are numbers": (infer([0.1, 3.0]), series([Decimal("0.1"), Decimal("4")]), [1, 0]),
    "numbers are no integers": (infer([1, 3]), series([1.0, 2.0]), [0, 0]),
    "nullable integers": (infer([1, 3]), series([1, 4], "Int64"), [1, 0]),
    "integers of arrow": (infer([1, 3]), series([1, 4], "int64[pyarrow]"), [1, 0]),
    "booleans are no numbers": (infer([0, 1]), series([True, False]), [0, 0]),
    "text is no number": (infer([1, 3]), series(["1", "2"]), [0, 0]),
    "large integers": (
        infer([2**62 + 1, 2**62 + 3]),
        series([2**62, 2**62 + 1, 2**62 + 3, 2**62 + 4]),
        [0, 1, 1, 0],
    ),
    "unsigned integers": (
        infer(series([2**64 - 9, 2**64 - 5], "uint64")),
        series([0, 2**64 - 9, 2**64 - 1], "uint64"),
        [0, 1, 0],
    ),
    "nothing known": (infer(series([None, None], object)), series([None, "a"]), [1, 0]),
    "no number known": (infer([np.nan, np.nan]), series([np.nan, 1.0]), [1, 0]),
    "no limit below": (Column("a", "integer", "int64", None, 3), series([-(10**9), 4]), [1, 0]),
    "no limit above": (Column("a", "number", "float64", 0.0), series([-0.1, 1e300]), [0, 1]),
    "category": (infer(["a", "b", None]), series(["a", "c", None, 1]), [1, 0, 1, 0]),
    "category in another dtype": (infer(["a", "b"]), series(["a", "c"], "category"), [1, 0]),
    "numbers as categories": (infer([1, 2], categories=["a"]), series([1, 3]), [1, 0]),
    "days as categories": (
        infer(BERLIN, categories=["a"]),
        series([BERLIN[0], BERLIN[0] + pd.Timedelta("1h")]),
        [1, 0],
    ),
    "booleans": (infer([True, False]), series([True, False], "boolean"), [1, 1]),
    "booleans as objects": (infer([True, None]), series([True, None]), [1, 1]),
    "text is no boolean": (infer([True, None]), series(["True", None]), [0, 0]),
    "dates": (
        infer(TABLE["day"]),
        series(pd.DatetimeIndex(["2023-12-31", "2024-01-01", "2024-01-03 00:00:01"])),
        [0, 1, 0],
    ),
    "dates as objects": (infer(TABLE["day"]), series([date(2024, 1, 2), date(2025, 1, 1)]), [1, 0]),
    "dates beyond pandas' nanoseconds": (
        infer(TABLE["day"]),
        series(np.array(["2024-01-02", "9999-12-31"], dtype="datetime64[s]")),
        [1, 0],
    ),
    "and as objects": (infer(TABLE["day"]), series([date(2024, 1, 2), date(9999, 12, 31)]), [1, 0]),
    "text is no date": (infer(TABLE["day"]), series(["2024-01-01"]), [0]),
    "nanoseconds": (
        infer(series(pd.to_datetime([1_700_000_000_000_000_001, 1_700_000_000_000_000_003]))),
        series(pd.to_datetime([1_700_000_000_000_000_000, 1_700_000_000_000_000_003])),
        [0, 1],
    ),
    "a zone": (infer(BERLIN), BERLIN[[0, 89]].dt.tz_convert("UTC"), [1, 1]),
    "a zone, too late": (infer(BERLIN[:89]), BERLIN[[88, 89]], [1, 0]),
    "no zone where one belongs": (infer(BERLIN), BERLIN.dt.tz_localize(None)[:1], [0]),
    "days where a zone belongs": (infer(BERLIN), series([date(2024, 3, 2)]), [0]),
    "a zone where none belongs": (infer(TABLE["day"]), BERLIN[:1], [0]),
}


@pytest.mark.parametrize("name", ALLOWED)
def test_cells_that_are_allowed(name):
    column, values, expected = ALLOWED[name]
    found = allowed(values, column)
    assert found.dtype == bool and found.tolist() == [bool(cell) for cell in expected]


@pytest.mark.parametrize("name", ALLOWED)
def test_all_who_ask_get_the_same_answer(name):
    column, values, expected = ALLOWED[name]
    table, schema = values.rename("a").to_frame(), Schema((column,))
    assert valid(table, schema) == pytest.approx(np.mean(expected))
    if all(expected):
        validate(table, schema)
    else:
        with pytest.raises(TableError, match="column 'a'"):
            validate(table, schema)


def test_each_fault_has_its_rows():
    column = replace(infer([1, 3]), dtype="Int64")
    faults = cell_faults(series([0, None, 2], "Int64"), column)
    assert {name: rows.tolist() for name, rows in faults.items()} == {
        "wrong type": [False, False, False],
        "missing": [False, True, False],
        "out of range": [True, False, False],
    }
    faults = cell_faults(series(["b", None]), infer(["a"]))
    assert faults["unseen category"].tolist() == [True, False]
    assert list(cell_faults(series(["b", None]), column)) == ["wrong type", "missing"]


def test_a_drawn_column_is_checked_fast():
    rng = np.random.default_rng(0)
    names = np.array([f"category {number}" for number in range(1000)], dtype=object)
    columns = [
        series(rng.integers(0, 99, 100_000)),
        series(rng.normal(size=100_000)),
        series(names[rng.integers(0, 1000, 100_000)]),
        series(
            pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 999, 100_000), unit="D")
        ),
    ]
    start = time.perf_counter()
    for values in columns:
        assert allowed(values, infer(values[:50_000])).mean() > 0.9
    assert time.perf_counter() - start < 2


def test_failures_are_listed_by_row_and_counted():
    table = TABLE.assign(year=[9, 2, 0], team=["green", None, "red"], day=pd.NaT)
    with pytest.raises(TableError) as error:
        validate(table, SCHEMA)
    lines = str(error.value).splitlines()
    assert lines[0] == "The table cannot be used:"
    assert [line.split(":")[0] for line in lines[1:-1]] == [
        "- column 'year', row 0",
        "- column 'team', row 0",
        "- column 'day', row 0",
        "- column 'day', row 1",
        "- column 'year', row 2",
    ]
    assert lines[-1] == "... and 1 more."


def test_failures_name_the_index_and_the_open_range():
    table = pd.DataFrame({"a": [5, -1]}, index=pd.Index([2, 3], name="line"))
    with pytest.raises(TableError, match="column 'a', line 3: -1 is outside 0 or more: correct"):
        validate(table, Schema((Column("a", "integer", "int64", 0),)))


def test_what_is_no_table_no_rows_or_no_schema_is_refused():
    with pytest.raises(TableError, match=r"Expected a pandas DataFrame, got list"):
        validate([1], SCHEMA)
    with pytest.raises(TableError, match=r"Expected a Schema, got NoneType.*Schema.infer\(table\)"):
        validate(TABLE, None)
    with pytest.raises(TableError, match="The table is empty"):
        validate(TABLE[:0], SCHEMA)


@pytest.mark.parametrize("table", [[1], TABLE[:0], None])
def test_a_fit_that_cannot_be_leaves_the_earlier_one(table):
    synthesizer = TreeSynthesizer().fit(TABLE, SCHEMA)
    before = synthesizer.sample(5)
    with pytest.raises(TableError, match="DataFrame|empty"):
        synthesizer.fit(table, SCHEMA)
    pd.testing.assert_frame_equal(synthesizer.sample(5), before)


def test_a_column_named_twice_is_refused():
    twice = pd.concat([TABLE, TABLE[["pay"]]], axis=1)
    with pytest.raises(TableError, match="column name 'pay' stands twice"):
        validate(twice, SCHEMA)


def test_a_rule_that_names_a_column_of_a_wrong_type_is_not_asked():
    rules = {"team": "team != 'blue'", "year": "year <= 2"}
    schema = replace(SCHEMA, rules=rules)
    assert list(rule_faults(TABLE, schema)) == ["team", "year"]
    broken = rule_faults(TABLE.assign(year=["1", "2", "3"]), schema)
    assert broken["team"].tolist() == [False, True, False] and list(broken) == ["team"]
    report = validity_report(TABLE.assign(year=["1", "2", "3"]), schema)
    assert report.to_dict() == {"year: wrong type": 1.0, "rule: team": pytest.approx(1 / 3)}


def test_a_rule_holds_where_a_column_that_it_names_is_missing():
    assert valid(TABLE, SCHEMA) == 1  # pay <= 12 is asked in the second row, where pay is missing
    validate(TABLE, SCHEMA)


def test_a_column_that_lost_all_its_values_is_a_fault_of_every_row():
    table = pd.DataFrame({"a": [1.0, None] * 50, "b": [None, None] * 50})
    schema = Schema.infer(table)
    lost = table.assign(a=np.nan)
    assert validity_report(lost, schema).to_dict() == {"a: all missing": 1.0}
    assert valid(lost, schema) == 0 and valid(table, schema) == 1
    assert valid(lost[:19], schema) == 1 and valid(lost[:20], schema) == 0  # 0.5 ** 20 < 1e-6
