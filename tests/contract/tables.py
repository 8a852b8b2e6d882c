"""The tables that every generator is fitted to, and what a synthetic one must share with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from utils.schema import Schema


def mixed_table(rows: int = 160, seed: int = 5) -> pd.DataFrame:
    """Every column kind in several dtypes, with and without missing cells, under awkward names."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-02-01")
    minutes = np.round(rng.gamma(2, 20, rows), 1)
    table = pd.DataFrame(
        {
            "App": rng.choice(["Netflix", "X", "8 Ball Pool"], rows),
            "mood 📱": pd.Categorical(
                rng.choice(["low", "high"], rows), ["low", "mid", "high"], ordered=True
            ),
            'say "it\'s"': pd.array(rng.choice(["yes", "no"], rows), dtype="string"),
            "used": rng.random(rows) < 0.7,
            "maybe": pd.array(rng.random(rows) < 0.4, dtype="boolean"),
            "opened": rng.poisson(6, rows),
            "small": rng.integers(-3, 4, rows).astype(np.int8),
            "counted": pd.array(rng.integers(0, 50, rows), dtype="Int64"),
            "minutes": np.where(rng.random(rows) < 0.3, 0.0, minutes),
            "share": rng.random(rows).astype(np.float32),
            "day": start + pd.to_timedelta(rng.integers(0, 90, rows), unit="D"),
            "moment": (start + pd.to_timedelta(rng.integers(0, 10**6, rows), unit="s")).tz_localize(
                "Europe/Berlin"
            ),
        }
    )
    for name in ("App", "maybe", "counted", "minutes", "day"):
        table.loc[rng.random(rows) < 0.2, name] = None
    return table


def narrow_table(rows: int = 300, seed: int = 6) -> pd.DataFrame:
    """One column of each kind, for conditions."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "app": rng.choice(["Netflix", "X"], rows),
            "used": rng.random(rows) < 0.5,
            "opened": rng.integers(0, 9, rows),
            "minutes": np.round(rng.gamma(2, 20, rows), 1),
            "day": pd.Timestamp("2024-02-01")
            + pd.to_timedelta(rng.integers(0, 20, rows), unit="D"),
        }
    )
    table.loc[rng.random(rows) < 0.2, "minutes"] = np.nan
    return table


def dates_of_any_unit() -> pd.DataFrame:
    moments = pd.Series(
        pd.Timestamp("2024-02-01 10:00:00.123456") + pd.to_timedelta(range(40), unit="h")
    )
    units = ("s", "ms", "us", "ns")
    return pd.DataFrame(
        {unit: moments.astype(f"datetime64[{unit}]") for unit in units} | {"number": range(40)}
    )


def numbers_of_any_dtype() -> pd.DataFrame:
    dtypes = ("Float64", "float32", "float16", "UInt8", "uint64", "Int16")
    columns = {dtype: pd.Series(np.arange(40) % 17, dtype=dtype) for dtype in dtypes}
    return pd.DataFrame(columns | {"word": ["a", "b"] * 20})


def extreme_numbers() -> pd.DataFrame:
    large = 2**63 - 1
    return pd.DataFrame(
        {
            "identifier": np.linspace(2**53, 2**53 + 40, 30).astype(np.int64) + 1,
            "edge": np.array([-large - 1, 0, large] * 10, dtype=np.int64),
            "unsigned": np.array([0, 2**64 - 1, 5] * 10, dtype=np.uint64),
            "heavy": 10.0 ** np.arange(-15, 15),
            "tiny": np.arange(30) * 1e-310,
            "exact": pd.date_range("2024-01-01", periods=30, freq="123456789ns"),
        }
    )


def nothing_of_any_dtype() -> pd.DataFrame:
    dtypes = ("float64", "object", "string", "Int64", "boolean", pd.CategoricalDtype(["a"]))
    dates = ("datetime64[ns]", "datetime64[ns, UTC]")
    columns = {str(dtype): pd.Series([None] * 30, dtype=dtype) for dtype in (*dtypes, *dates)}
    return pd.DataFrame({"number": range(30)} | columns)


def constant_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "word": ["a"] * 20,
            "whole": [3] * 20,
            "real": [0.1] * 20,
            "day": pd.Timestamp("2024-02-29"),
            "yes": [True] * 20,
        }
    )


def strangers_table() -> pd.DataFrame:
    """Cells that never meet, and a number with nothing between its two values."""
    return pd.DataFrame(
        {
            "app": ["a", "b"] * 30,
            "phone": ["x", "z"] * 30,
            "minutes": [0, 90] * 30,
            "opened": np.where(np.arange(60) % 4 == 1, np.nan, np.arange(60) / 4),
        }
    )


def lone_group() -> pd.DataFrame:
    """Apps of another scale each; one of them has one row."""
    app = np.repeat(["Netflix", "X", "Maps"], [40, 39, 1])
    scale = pd.Series(app).map({"Netflix": 90.0, "X": 5.0, "Maps": 1_000.0})
    return pd.DataFrame({"app": app, "minutes": scale + np.arange(80) / 10})


def a_value_a_row() -> pd.DataFrame:
    """A category that no two rows share, and numbers."""
    numbers = np.random.default_rng(0).normal(size=(40, 2)).round(2)
    return pd.DataFrame({"name": [f"name {i}" for i in range(40)], "a": numbers[:, 0], "b": 3})


AWKWARD = {
    "one row": mixed_table(40).dropna().head(1).reset_index(drop=True),
    "two rows": mixed_table(40).tail(2).reset_index(drop=True),
    "three rows": mixed_table(40).tail(3).reset_index(drop=True),
    "a group of one row": lone_group(),
    "a value a row": a_value_a_row(),
    "foreign index": mixed_table(40).set_index(np.arange(40) * 7 % 40 + 100).drop(columns="maybe"),
    "one category column": pd.DataFrame({"word": ["a", "b", "b"] * 5}),
    "one number column": pd.DataFrame({"number": np.arange(30) / 7}),
    "one date column": pd.DataFrame({"day": pd.date_range("2024-02-01", periods=30)}),
    "only booleans": pd.DataFrame({"one": [True, False] * 9, "two": [False] * 18}),
    "only missing values": pd.DataFrame({"one": [np.nan] * 4, "two": [None] * 4}),
    "objects of several types": pd.DataFrame(
        {"cell": ["a", 1, 2.5, None] * 5, "truth": [True, None] * 10}
    ),
    "numbers as categories": pd.DataFrame(
        {"grade": pd.Categorical([3, 1, 2] * 6), "number": range(18)}
    ),
}


# --- planted tables: chances that are known, and a schema wider than the rows ---

APPS, SHARES = np.array(["a", "b", "c"]), np.array([0.5, 0.3, 0.2])
PHONES = np.array(["x", "y", "z"])
PHONE_CHANCES = np.array([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.3, 0.6]])
MISSING, ZERO = np.array([0.30, 0.10, 0.05]), np.array([0.10, 0.40, 0.20])
MEANS, SPREADS = np.array([30.0, 60.0, 50.0]), np.array([5.0, 10.0, 10.0])


def grouped_table(rows: int = 3_000, seed: int = 8) -> pd.DataFrame:
    """An app, which says how likely a phone, missing minutes and 0 minutes are, and their mean."""
    rng = np.random.default_rng(seed)
    app = rng.choice(3, rows, p=SHARES)
    phone = (rng.random(rows)[:, None] > np.cumsum(PHONE_CHANCES[app], axis=1)).sum(axis=1)
    minutes = rng.normal(MEANS[app], SPREADS[app]).round(1).clip(0.1)
    draw = rng.random(rows)
    minutes[draw < MISSING[app] + ZERO[app]] = 0.0
    minutes[draw < MISSING[app]] = np.nan
    return pd.DataFrame({"app": APPS[app], "phone": PHONES[phone], "minutes": minutes})


CORRELATION, CUTS = 0.7, np.array([-0.6, 0.6])


def ordered_table(rows: int = 6_000, seed: int = 8) -> pd.DataFrame:
    """The same columns out of normal scores with a correlation of .7: all a copula can say."""
    rng = np.random.default_rng(seed)
    first, noise = rng.standard_normal((2, rows))
    second = CORRELATION * first + np.sqrt(1 - CORRELATION**2) * noise
    third = CORRELATION * first + np.sqrt(1 - CORRELATION**2) * rng.standard_normal(rows)
    minutes = (50 + 10 * second).round(1)
    minutes[second < -0.5] = 0.0
    minutes[second < -1.2] = np.nan
    return pd.DataFrame(
        {
            "app": APPS[np.digitize(first, CUTS)],
            "phone": PHONES[np.digitize(third, CUTS)],
            "minutes": minutes,
        }
    )


def wider(table: pd.DataFrame) -> Schema:
    """The planted table's schema: more apps, missing phones and a wider range than in its rows."""
    app, phone, minutes = Schema.infer(table).columns
    app = replace(app, categories=(*app.categories, "ghost"))
    minutes = replace(minutes, minimum=-1_000.0, maximum=1_000.0)
    return Schema((app, replace(phone, missing=0.1), minutes))


TABLES = {
    "mixed": mixed_table(),
    "narrow": narrow_table(),
    "grouped": grouped_table(),
    "ordered": ordered_table(),
    "dates of any unit": dates_of_any_unit(),
    "numbers of any dtype": numbers_of_any_dtype(),
    "extreme numbers": extreme_numbers(),
    "nothing of any dtype": nothing_of_any_dtype(),
    "constant columns": constant_table(),
    "strangers": strangers_table(),
} | AWKWARD
WIDE = ("grouped", "ordered")


def assert_valid(synthetic: pd.DataFrame, table: pd.DataFrame, rows: int) -> None:
    """Same columns, order, dtypes; nothing out of range, no unseen category, no new missing
    values."""
    assert list(synthetic.columns) == list(table.columns)
    assert synthetic.dtypes.to_dict() == table.dtypes.to_dict()
    assert synthetic.index.equals(pd.RangeIndex(rows))
    for name in table.columns:
        real, made = table[name].dropna(), synthetic[name].dropna()
        assert len(made) == rows or table[name].isna().any(), f"{name}: missing out of nowhere"
        if isinstance(table[name].dtype, pd.CategoricalDtype) or table[name].dtype == object:
            assert set(made) <= set(real), name
        elif len(made):
            assert made.min() >= real.min() and made.max() <= real.max(), name
