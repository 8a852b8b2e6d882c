"""The language of rules: right where pandas is the judge, and closed to everything else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.expressions import ExpressionError, evaluate

pytestmark = pytest.mark.filterwarnings("error")

TABLE = pd.DataFrame(
    {
        "Usage": [0, 10, 30, 1440],
        "Times opened": [0, 1, 2, 0],
        "share": [0.5, np.nan, -1.0, 2.0],
        "App": ["X", "Netflix", None, "X"],
        "used": [True, False, True, False],
        "kind": pd.Categorical(["a", "b", None, "a"]),
        "Date": pd.to_datetime(["2024-02-01", "2024-02-02", None, "2024-02-04"]),
        "moment": pd.DatetimeIndex(
            ["2024-02-01 23:30", "2024-02-02 00:00", None, "2024-02-04 00:00"]
        ).tz_localize("Europe/Berlin"),
        "counted": pd.array([1, None, 3, 4], dtype="Int64"),
        "maybe": pd.array([True, None, False, True], dtype="boolean"),
        "word": pd.array(["a", None, "b", "a"], dtype="string"),
        "ä 📱": [1, 2, 3, 4],
    }
)

# expression -> the same in pandas
SAME = {
    "Usage <= 30": TABLE["Usage"] <= 30,
    "`Times opened` >= 1 or Usage == 0": (TABLE["Times opened"] >= 1) | (TABLE["Usage"] == 0),
    "0 < Usage < 100": (TABLE["Usage"] > 0) & (TABLE["Usage"] < 100),
    "not Usage == 0 and used": ~(TABLE["Usage"] == 0) & TABLE["used"],
    "share > 0": TABLE["share"] > 0,
    "share != 0.5": TABLE["share"] != 0.5,
    "App == 'X'": TABLE["App"] == "X",
    "App in ['X', 'Y']": TABLE["App"].isin(["X", "Y"]),
    "App not in ('X', 'Y')": ~TABLE["App"].isin(["X", "Y"]),
    "Usage in [10, 1440]": TABLE["Usage"].isin([10, 1440]),
    "kind == 'a'": TABLE["kind"] == "a",
    "Date >= '2024-02-02'": TABLE["Date"] >= "2024-02-02",
    "'2024-02-02' > Date": TABLE["Date"] < "2024-02-02",
    "moment < '2024-02-02'": TABLE["moment"] < "2024-02-02",
    "counted > 1": (TABLE["counted"] > 1).fillna(False).astype(bool),
    "maybe == False": (TABLE["maybe"] == False).fillna(False).astype(bool),  # noqa: E712
    "maybe or Usage > 1000": TABLE["maybe"].fillna(False).astype(bool) | (TABLE["Usage"] > 1000),
    "not maybe": ~TABLE["maybe"].fillna(False).astype(bool),
    "word == 'a'": (TABLE["word"] == "a").fillna(False).astype(bool),
    "`ä 📱` % 2 == 1": TABLE["ä 📱"] % 2 == 1,
    "Usage + 2 * share - 1": TABLE["Usage"] + 2 * TABLE["share"] - 1,
    "Usage / `Times opened`": TABLE["Usage"] / TABLE["Times opened"],
    "Usage // 7 + -Usage % 7": TABLE["Usage"] // 7 + -TABLE["Usage"] % 7,
    "where(used, Usage, 0)": TABLE["Usage"].where(TABLE["used"], 0),
    "minimum(Usage, 20) + maximum(share, 0)": TABLE["Usage"].clip(upper=20)
    + np.maximum(TABLE["share"], 0),
    "round(Usage / 7, 1)": (TABLE["Usage"] / 7).round(1),
    "floor(share) + ceil(share) + abs(share)": np.floor(TABLE["share"])
    + np.ceil(TABLE["share"])
    + TABLE["share"].abs(),
    "sqrt(Usage) + exp(share) + log(Usage + 1)": np.sqrt(TABLE["Usage"])
    + np.exp(TABLE["share"])
    + np.log(TABLE["Usage"] + 1),
    "weekday(Date)": TABLE["Date"].dt.dayofweek,
    "weekday(moment) == 3": TABLE["moment"].dt.dayofweek == 3,
    "counted * 2": TABLE["counted"].astype("float64") * 2,
}


@pytest.mark.parametrize("expression", SAME)
def test_results_equal_those_of_pandas(expression):
    result = evaluate(expression, TABLE)
    assert isinstance(result, np.ndarray)
    np.testing.assert_array_equal(result, SAME[expression].to_numpy())
    assert (result.dtype == bool) == (SAME[expression].dtype == bool)


@pytest.mark.parametrize(
    ("expression", "value"), [("True", True), ("2 + 3", 5), ("'a' in ['a', 'b']", True)]
)
def test_an_expression_without_columns_is_a_scalar(expression, value):
    assert evaluate(expression, TABLE) == value


numbers = st.one_of(
    st.integers(-20, 20).map(str), st.sampled_from(["Usage", "`Times opened`", "share"])
)
sums = st.recursive(
    numbers,
    lambda part: st.builds("({} {} {})".format, part, st.sampled_from("+-*"), part),
    max_leaves=6,
)
comparisons = st.builds(
    "({} {} {})".format, sums, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), sums
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    expression=st.builds(
        "{} {} {}".format, comparisons, st.sampled_from(["and", "or"]), comparisons
    )
)
def test_any_arithmetic_rule_equals_pandas_eval(expression):
    table = TABLE[["Usage", "Times opened", "share"]]
    expected = np.broadcast_to(table.eval(expression, engine="python"), len(table))
    np.testing.assert_array_equal(
        np.broadcast_to(evaluate(expression, table), len(table)), expected
    )


REFUSED = {
    "attribute": "Usage.max()",
    "dunder": "().__class__.__bases__",
    "import": "__import__('os')",
    "call of a built-in": "open('file')",
    "call of a method": "App.format(Usage)",
    "evaluation": "eval('1')",
    "lambda": "(lambda: 1)()",
    "comprehension": "[value for value in Usage]",
    "generator": "minimum(*(Usage, Usage))",
    "subscript": "Usage[0]",
    "power": "10 ** 10 ** 10",
    "shift": "1 << 1000",
    "conditional": "1 if used else 0",
    "assignment": "(a := 1)",
    "f-string": "f'{Usage}'",
    "dictionary": "{1: 2}",
    "keyword": "round(Usage, decimals=1)",
    "statement": "import os",
    "two statements": "Usage; Usage",
    "empty": " ",
    "nothing at all": "",
    "endless": "(" * 500 + "1" + ")" * 500,
    "endless negation": "not " * 5000 + "used",
    "long text": "'a' * 99999999999",
    "long list": "99999999999 * [1]",
    "text and number": "App + 1",
    "text below number": "App < 3",
    "bad date": "Date > 'yesterday'",
    "division by zero": "1 / 0",
    "too few arguments": "where(used)",
    "a place to write to": "sqrt(share, share)",
}


@pytest.mark.parametrize("case", REFUSED)
def test_everything_else_is_refused_with_one_clear_error(case):
    before = TABLE.copy(deep=True)
    with pytest.raises(ExpressionError, match="(?i)expression"):
        evaluate(REFUSED[case], TABLE)
    pd.testing.assert_frame_equal(TABLE, before)


def test_an_unknown_column_is_named_with_those_that_exist():
    with pytest.raises(
        ExpressionError,
        match="names the column 'usage', which the table does not have. It has: Usage",
    ):
        evaluate("usage > 1", TABLE)


def test_an_unknown_function_is_named_with_those_that_exist():
    with pytest.raises(ExpressionError, match="calls cosine.*Known functions: where, minimum"):
        evaluate("cosine(Usage)", TABLE)


def test_a_rule_that_is_no_text():
    with pytest.raises(ExpressionError, match="Cannot read the expression 3"):
        evaluate(3, TABLE)
