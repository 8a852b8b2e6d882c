"""Loading, validating, splitting: good files of both public formats, and an error for every bad
one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from utils.tables import (
    SCREENTIME_COLUMNS,
    SCREENTIME_RULES,
    Schema,
    TableError,
    adult_schema,
    flights_schema,
    load_adult,
    load_flights,
    load_screentime,
    screentime_schema,
    split,
    validate,
)

HEADER = "Date,App,Usage,Notifications,Times opened\n"
ISO_FORMAT = """Date,App,Usage (minutes),Notifications,Times Opened
2024-08-07,Instagram,81,24,57
2024-08-07,Instagram,90,30,53
2024-08-26,Netflix,0,0,0
"""
SLASH_FORMAT = """ App , Times opened,Notifications ,Usage,Date
WhatsApp,51, 77,38,8/26/2022
Instagram ,20,9,244,08/27/2022
"""


def refusal(tmp_path, text: str) -> str:
    path = tmp_path / "mine.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableError) as error:
        load_screentime(path)
    assert [item.name for item in tmp_path.iterdir()] == ["mine.csv"], "nothing is written"
    assert str(path) in str(error.value)
    return str(error.value)


# --- screen time ---


def test_the_course_table():
    table = load_screentime()
    assert list(table.columns) == SCREENTIME_COLUMNS and len(table) == 366 * 8
    assert list(table.dtypes.astype(str)) == ["datetime64[ns]", "object", "int64", "int64", "int64"]
    assert table["Date"].agg(["min", "max"]).dt.strftime("%Y-%m-%d").tolist() == [
        "2024-01-01",
        "2024-12-31",
    ]
    assert table.index.equals(pd.RangeIndex(2928))


def test_public_format_with_iso_dates_and_repeats(tmp_path):
    (tmp_path / "public.csv").write_text(ISO_FORMAT)
    table = load_screentime(tmp_path / "public.csv")
    expected = pd.DataFrame(
        {
            "Date": pd.to_datetime(["2024-08-07", "2024-08-07", "2024-08-26"]).astype(
                "datetime64[ns]"
            ),
            "App": ["Instagram", "Instagram", "Netflix"],
            "Usage": [81, 90, 0],
            "Notifications": [24, 30, 0],
            "Times opened": [57, 53, 0],
        }
    )
    assert_frame_equal(table, expected.astype({"App": object}))  # whatever pandas makes of text


def test_public_format_with_month_day_year_any_order_and_spaces(tmp_path):
    (tmp_path / "public.csv").write_text(SLASH_FORMAT)
    table = load_screentime(str(tmp_path / "public.csv"))
    expected = pd.DataFrame(
        {
            "Date": pd.to_datetime(["2022-08-26", "2022-08-27"]).astype("datetime64[ns]"),
            "App": ["WhatsApp", "Instagram"],
            "Usage": [38, 244],
            "Notifications": [77, 9],
            "Times opened": [51, 20],
        }
    )
    assert_frame_equal(table, expected.astype({"App": object}))  # whatever pandas makes of text


def test_parquet_and_further_columns(tmp_path):
    table = load_screentime()
    table.assign(Mood="fine", Date=table["Date"].dt.date).to_parquet(tmp_path / "mine.parquet")
    assert_frame_equal(load_screentime(tmp_path / "mine.parquet"), table)


ROW = "2024-08-07,X,24,27,11\n"
BAD_CELLS = {
    "text in a number": (
        "2024-08-07,X,many,27,11\n",
        ["'Usage'", "line 3", "'many'", "not a number", "digits"],
    ),
    "text in a count": (
        "2024-08-07,X,24,27,often\n",
        ["'Times opened'", "line 3", "'often'", "digits"],
    ),
    "infinite": ("2024-08-07,X,24,inf,11\n", ["'Notifications'", "line 3", "not a number"]),
    "negative minutes": (
        "2024-08-07,X,-5,27,11\n",
        ["'Usage'", "line 3", "-5", "negative", "0 for no use"],
    ),
    "too many minutes": (
        "2024-08-07,X,1441,27,11\n",
        ["'Usage'", "line 3", "1441", "1,440", "seconds"],
    ),
    "absurd count": (
        "2024-08-07,X,24,1e300,11\n",
        ["'Notifications'", "line 3", "million", "correct"],
    ),
    "part of a count": (
        "2024-08-07,X,24,2.5,11\n",
        ["'Notifications'", "line 3", "2.5", "whole number", "round"],
    ),
    "impossible date": (
        "2024-02-30,X,24,27,11\n",
        ["'Date'", "line 3", "2024-02-30", "calendar", "2024-08-26"],
    ),
    "not a date": ("yesterday,X,24,27,11\n", ["'Date'", "line 3", "yesterday", "8/26/2024"]),
    "day before month": (
        "26/8/2024,X,24,27,11\n",
        ["'Date'", "line 3", "26/8/2024", "month/day/year", "year-month-day"],
    ),
    "missing number": (
        "2024-08-07,X,24,,11\n",
        ["'Notifications'", "line 3", "missing", "fill it in"],
    ),
    "missing date": (",X,24,27,11\n", ["'Date'", "line 3", "missing"]),
    "missing app": ("2024-08-07,,24,27,11\n", ["'App'", "line 3", "missing"]),
    "blank app": ("2024-08-07, ,24,27,11\n", ["'App'", "line 3", "blank"]),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_a_bad_cell_is_named_with_column_line_and_cure(tmp_path, name):
    row, words = BAD_CELLS[name]
    message = refusal(tmp_path, HEADER + ROW + row + ROW)
    assert all(word in message for word in words), message
    assert message.count("\n- ") == 1, "one cell, one message"


def test_the_line_is_that_of_the_file_blank_lines_included(tmp_path):
    assert "line 4" in refusal(tmp_path, HEADER + "\n" + ROW + "2024-08-07,X,-5,27,11\n")


def test_many_failures_are_listed_by_line_and_cut_short(tmp_path):
    message = refusal(tmp_path, HEADER + "2024-08-07,X,a,-1,1.5\n" * 4)
    assert message.count("\n- ") == 5 and "and 7 more" in message
    assert message.index("line 2") < message.index("line 3")


def test_more_minutes_than_a_day_in_all_apps_together(tmp_path):
    rows = "2024-08-06,X,700,1,1\n2024-08-07,X,700,1,1\n8/7/2024,Netflix,741,1,1\n"
    message = refusal(tmp_path, HEADER + rows)
    assert all(
        word in message for word in ["'Usage'", "line 3", "1441", "all apps", "1,440", "correct"]
    )
    (tmp_path / "mine.csv").write_text(HEADER + rows.replace("741", "740"))
    assert len(load_screentime(tmp_path / "mine.csv")) == 3


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Date,App,Usage,Notifications", ["'Times opened' is missing", "the file has Date, App"]),
        (
            "Date,App,Usge,Notifications,Times opened",
            ["'Usage' is missing", "Is it 'Usge'?", "Rename"],
        ),
        (
            "Date,App,Usage,Usage (minutes),Notifications,Times opened",
            ["two columns for 'Usage'", "Keep one"],
        ),
    ],
)
def test_wrong_columns_are_named(tmp_path, header, words):
    row = ",".join("1" for _ in header.split(","))
    message = refusal(tmp_path, f"{header}\n{row}\n")
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["is empty"]),
        (HEADER, ["no rows"]),
        (HEADER.replace(",", ";") + "1;2;3;4;5;6\n", ["line 2", "6 values", "semicolon"]),
        ("<!doctype html><html>", ["web page"]),
        (HEADER + "2024-08-07,X,24,27\n", ["line 2", "4 values"]),
    ],
)
def test_what_is_no_table_is_refused_by_the_loader_too(tmp_path, text, words):
    message = refusal(tmp_path, text)
    assert all(word in message for word in words), message


def test_the_schema_of_screen_time():
    table = load_screentime()
    schema = screentime_schema(table)
    assert (
        schema.target == "App"
        and schema.rules == SCREENTIME_RULES
        and schema["Usage"].unit == "minutes"
    )
    assert not schema.broken_rules(table).any(axis=None)
    ranges = {column.name: (column.minimum, column.maximum) for column in schema.columns}
    assert ranges["Usage"] == (0, 1440)  # what a day allows, not what this table happens to hold
    assert ranges["Notifications"] == ranges["Times opened"] == (0, None)
    assert ranges["Date"] == (table["Date"].min().isoformat(), table["Date"].max().isoformat())
    part = screentime_schema(table[["Usage", "Notifications"]])
    assert part.target is None and list(part.rules) == ["a day has 1,440 minutes"]


# --- Adult ---


def test_adult_has_the_published_rows_and_types():
    whole, train, test = load_adult(), load_adult("train"), load_adult("test")
    assert (len(whole), len(train), len(test)) == (48_842, 32_561, 16_281)
    assert "part" in whole and "part" not in train and list(train.columns) == list(test.columns)
    assert (
        set(train.dtypes.astype(str)) == {"int64", "object"}
        and train.select_dtypes("int64").shape[1] == 6
    )
    assert set(whole["income"]) == {"<=50K", ">50K"} and (whole["income"] == ">50K").sum() == 11_687
    assert test.index.equals(pd.RangeIndex(16_281))


def test_adult_text_is_clean_and_missing_values_are_nan():
    text = load_adult().select_dtypes(object)
    cells = pd.unique(text.to_numpy().ravel())
    assert all(
        isinstance(cell, str) and cell == cell.strip() != "?" for cell in cells if not pd.isna(cell)
    )
    assert text["workclass"].isna().sum() == 2_799 and not any(cell is None for cell in cells)


def test_adult_schema_predicts_income():
    schema = adult_schema(load_adult("train"))
    assert schema.target == "income" and schema["age"].label == "age (years)"


@pytest.mark.parametrize("load", [load_adult, load_flights])
def test_an_unknown_part_is_refused(load):
    with pytest.raises(TableError, match=r"train.*test"):
        load("validation")


# --- flights ---


def test_flights_have_their_parts_types_and_gaps():
    whole, train, test = load_flights(), load_flights("train"), load_flights("test")
    assert (len(whole), len(train), len(test)) == (20_000, 14_000, 6_000)
    assert "part" in whole and "part" not in train and list(train.columns) == list(test.columns)
    assert (
        train.select_dtypes("int64").shape[1] == 3 and train.select_dtypes("float64").shape[1] == 4
    )
    assert whole["destination"].nunique() == 102 and not any(cell is None for cell in whole["late"])
    assert whole["late"].isna().equals(whole["air_time"].isna())
    assert test.index.equals(pd.RangeIndex(6_000))


def test_the_schema_of_the_flights():
    train = load_flights("train")
    schema = flights_schema(train)
    assert schema.target == "late" and schema["air_time"].label == "air_time (minutes)"
    assert schema["plane_seats"].missing > 0.1 and schema["late"].categories == ("no", "yes")
    validate(train, schema)


# --- validate ---


def sample() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pay": [10.5, np.nan, 12.0],
            "year": [1, 2, 3],
            "team": ["red", "blue", None],
            "new": [True, False, True],
            "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"]),
        },
        index=[10, 20, 30],
    )


def schema() -> Schema:
    return Schema.infer(sample(), rules={"days after years": "year <= 3"})


def test_a_table_that_fits_comes_back_unchanged():
    table = sample()
    assert validate(table, schema()) is table
    assert_frame_equal(table, sample())
    validate(sample()[["day", "new", "team", "year", "pay"]].iloc[:1], schema())
    adult = load_adult("train")
    validate(adult, adult_schema(adult))


CHANGES = {
    "missing column": (
        lambda table: table.drop(columns="year"),
        ["'year' is missing", "add or rename"],
    ),
    "extra column": (
        lambda table: table.assign(more=1),
        ["'more' is not in the schema", "drop or rename"],
    ),
    "wrong kind": (
        lambda table: table.assign(year=["a", "b", "c"]),
        ["'year'", "not of kind integer", "convert"],
    ),
    "text for dates": (lambda table: table.assign(day="2024-01-01"), ["'day'", "not of kind date"]),
    "numbers for truth": (
        lambda table: table.assign(new=[0, 1, 2]),
        ["'new'", "not of kind boolean"],
    ),
    "below the range": (
        lambda table: table.assign(year=[1, 0, 3]),
        ["'year', row 20: 0", "outside 1 to 3", "correct"],
    ),
    "above the range": (
        lambda table: table.assign(pay=[99.0, 11, 12]),
        ["'pay', row 10: 99.0", "outside 10.5 to 12.0"],
    ),
    "late": (
        lambda table: table.assign(day=pd.Timestamp("2025-01-01")),
        ["'day', row 10", "outside 2024-01-01"],
    ),
    "unknown category": (
        lambda table: table.assign(team=["red", "green", None]),
        ["'team', row 20: 'green'", "none of"],
    ),
    "unexpected gap": (
        lambda table: table.assign(day=[pd.NaT, *table["day"][1:]]),
        ["'day', row 10", "missing"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_table_that_does_not_fit_is_refused(name):
    change, words = CHANGES[name]
    with pytest.raises(TableError) as error:
        validate(change(sample()), schema())
    assert all(word in str(error.value) for word in words), str(error.value)


def test_dates_of_a_time_zone_are_checked_too():
    table = pd.DataFrame({"when": pd.date_range("2024-01-01", periods=9, tz="Asia/Tokyo")})
    validate(table, Schema.infer(table))
    with pytest.raises(TableError, match="'when', row 8"):
        validate(table, Schema.infer(table.iloc[:8]))


def test_a_broken_rule_is_named_with_its_row():
    strict = Schema(schema().columns, {"early": "year <= 2"})
    with pytest.raises(TableError, match=r"row 30 breaks the rule 'early' \(year <= 2\)"):
        validate(sample(), strict)


# --- split ---


@given(rows=st.integers(2, 200), holdout=st.floats(0.01, 0.99), random_state=st.integers(0, 9))
def test_split_is_a_partition_of_exact_sizes(rows, holdout, random_state):
    table = pd.DataFrame({"number": np.arange(rows)})
    train, kept = split(table, holdout, random_state)
    assert (
        len(kept) == min(max(round(rows * holdout), 1), rows - 1) and len(train) + len(kept) == rows
    )
    assert sorted([*train["number"], *kept["number"]]) == list(range(rows))
    assert train.index.equals(pd.RangeIndex(len(train))) and kept.index.equals(
        pd.RangeIndex(len(kept))
    )
    again, _ = split(table, holdout, random_state)
    assert_frame_equal(train, again)


def test_split_shuffles_both_parts_and_follows_the_seed():
    table = load_screentime()
    train, holdout = split(table)
    assert (len(train), len(holdout)) == (1952, 976)
    assert not train["Date"].is_monotonic_increasing and not holdout["Date"].is_monotonic_increasing
    assert not split(table, random_state=1)[0].equals(train)
    assert list(train.dtypes) == list(table.dtypes)


@pytest.mark.parametrize("holdout", [0, 1, -0.1, 1.5, float("nan")])
def test_split_refuses_a_share_that_is_none(holdout):
    with pytest.raises(TableError, match="between 0 and 1"):
        split(load_screentime(), holdout)


@pytest.mark.parametrize("rows", [0, 1])
def test_split_refuses_tables_too_short(rows):
    with pytest.raises(TableError, match="at least 2"):
        split(load_screentime().iloc[:rows])
