"""The simulated process: its invariants for any seed, its calibration, its determinism."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from utils.screentime import PROCESS, fresh_days, simulate_screentime
from utils.tables import load_screentime, screentime_schema, validate

COUNTS = ["Usage", "Notifications", "Times opened"]
PUBLIC_MEDIANS = pd.DataFrame(
    {
        "Instagram": (81, 56, 43),
        "Netflix": (78, 0, 2),
        "WhatsApp": (51, 105, 73),
        "Facebook": (32, 38, 28),
        "X": (24, 27, 11),
        "8 Ball Pool": (20, 4, 6),
        "LinkedIn": (16, 10, 5),
        "Safari": (12, 1, 5),
    },
    index=COUNTS,
).T


def busy(factor: float):
    """The process with every app's minutes multiplied."""
    return replace(
        PROCESS, apps=tuple(replace(app, minutes=app.minutes * factor) for app in PROCESS.apps)
    )


@settings(max_examples=30, deadline=None)
@given(
    days=st.integers(1, 60), random_state=st.integers(0, 2**32), factor=st.sampled_from([1, 4, 50])
)
def test_invariants_hold_for_every_seed_even_on_absurdly_busy_days(days, random_state, factor):
    table = simulate_screentime(days, random_state, process=busy(factor))
    assert list(table.columns) == ["Date", "App", *COUNTS]
    text = str(pd.Series(["a"]).dtype)  # object, or str from pandas 3 on
    assert list(table.dtypes.astype(str)) == ["datetime64[ns]", text, "int64", "int64", "int64"]
    assert len(table) == 8 * days and (table[COUNTS] >= 0).all(axis=None)
    assert ((table["Usage"] == 0) == (table["Times opened"] == 0)).all()
    assert table.groupby("Date")["Usage"].sum().max() <= PROCESS.waking_minutes <= 1440


def test_days_too_long_are_cut_in_proportion():
    table = simulate_screentime(50, process=busy(50))
    used = table[table["Usage"] > 0]
    assert used.groupby("Date")["Usage"].sum().min() > PROCESS.waking_minutes - 20
    assert (
        used.groupby("App")["Usage"].median()["Instagram"]
        > 2 * used.groupby("App")["Usage"].median()["X"]
    )


def test_a_used_app_keeps_at_least_a_minute_on_a_day_cut_short():
    greedy = replace(PROCESS, apps=(replace(PROCESS.apps[0], minutes=1e6), *PROCESS.apps[1:]))
    table = simulate_screentime(50, process=greedy)
    assert ((table["Usage"] == 0) == (table["Times opened"] == 0)).all()
    assert table.groupby("Date")["Usage"].sum().max() <= PROCESS.waking_minutes


def test_same_seed_same_rows_and_another_seed_other_rows():
    assert_frame_equal(
        simulate_screentime(30, random_state=5), simulate_screentime(30, random_state=5)
    )
    assert not simulate_screentime(30, random_state=5).equals(
        simulate_screentime(30, random_state=6)
    )


def test_start_and_days_are_kept():
    table = simulate_screentime(3, start="2023-12-31")
    assert table["Date"].dt.strftime("%Y-%m-%d").unique().tolist() == [
        "2023-12-31",
        "2024-01-01",
        "2024-01-02",
    ]
    assert table["App"].tolist()[:8] == [app.name for app in PROCESS.apps]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"days": 0}, "at least 1 day"),
        ({"days": 10**6}, "2262"),
        ({"start": "yesterweek"}, "2024-01-01"),
    ],
)
def test_impossible_requests_say_what_to_do(arguments, words):
    with pytest.raises(ValueError, match=words):
        simulate_screentime(**arguments)


def test_medians_of_every_app_are_close_to_the_public_table():
    medians = load_screentime().groupby("App")[COUNTS].median().loc[PUBLIC_MEDIANS.index]
    assert ((medians - PUBLIC_MEDIANS).abs() <= np.maximum(2, 0.08 * PUBLIC_MEDIANS)).all(
        axis=None
    ), medians


def test_correlations_are_close_to_the_public_table():
    correlation = load_screentime()[COUNTS].corr()
    assert correlation.loc["Usage", "Notifications"] == pytest.approx(0.28, abs=0.04)
    assert correlation.loc["Usage", "Times opened"] == pytest.approx(0.32, abs=0.04)
    assert correlation.loc["Notifications", "Times opened"] == pytest.approx(0.80, abs=0.04)


def test_what_real_use_adds_is_there():
    table = simulate_screentime(8000, random_state=1)
    usage = table.pivot(index="Date", columns="App", values="Usage")
    assert 0.08 < (usage["Netflix"] == 0).mean() < 0.12 and (usage["WhatsApp"] > 0).all()
    yearly = [usage.iloc[start : start + 366].max().max() for start in range(0, 366 * 20, 366)]
    assert 200 < np.median(yearly) < 280 and max(yearly) < 480, "a heavy right tail"
    openings = table.pivot(index="Date", columns="App", values="Times opened").drop(
        columns="Netflix"
    )
    assert openings.corr("spearman").to_numpy()[np.triu_indices(7, 1)].min() > 0.04, (
        "busy in all apps at once"
    )
    weekend = usage.index.day_of_week >= 5
    assert usage["Netflix"][weekend].mean() > usage["Netflix"][~weekend].mean()
    assert usage["LinkedIn"][weekend].mean() < usage["LinkedIn"][~weekend].mean()


def weekly_openings(process) -> np.ndarray:
    table = simulate_screentime(7 * 1000, random_state=1, process=process)
    return table["Times opened"].to_numpy().reshape(1000, 7 * 8).sum(axis=1)


def test_some_weeks_are_quiet():
    without = weekly_openings(replace(PROCESS, quiet_week=0.0))
    assert 0.04 < (weekly_openings(PROCESS) < np.quantile(without, 0.01)).mean() < 0.09


def test_openings_drive_minutes_within_an_app():
    table = simulate_screentime(2000, random_state=1)
    used = table[table["Usage"] > 0]
    for app, rows in used.groupby("App"):
        assert rows["Usage"].corr(rows["Times opened"], method="spearman") > 0.1, app


def test_a_fresh_year_obeys_the_rules_of_the_course_table():
    fresh = simulate_screentime(366, random_state=1)
    assert not screentime_schema(load_screentime()).broken_rules(fresh).any(axis=None)
    assert_frame_equal(validate(fresh, screentime_schema(fresh)), fresh)


@pytest.mark.parametrize("n", [1, 8, 801])
def test_fresh_days_are_days_of_the_process_that_the_course_table_does_not_hold(n):
    rows, course = fresh_days(n, 0), load_screentime()
    year = simulate_screentime(n // 8 + 1, random_state=1000)
    assert_frame_equal(rows, year.drop(columns="Date").head(n))
    assert not year["Usage"].equals(course["Usage"].head(len(year)))


def test_fresh_days_are_repeated_by_the_seed():
    assert_frame_equal(fresh_days(80, 3), fresh_days(80, 3))
    assert not fresh_days(80, 3).equals(fresh_days(80, 4))
