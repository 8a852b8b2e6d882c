"""Drawing by chances, drawing by weight, and the order in which columns are drawn."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from utils.schema import Column, Schema
from utils.synthesizers.draws import draw_from_tables, drawing_order, resample
from utils.synthesizers.gaussians import draw_gaussians
from utils.synthesizers.given import log_step, nearness, read_given


def test_draws_follow_their_table():
    tables = np.array([[0.0, 0.2, 0.8, 0.0], [0.5, 0.0, 0.0, 0.5]], dtype=np.float32)
    rows = np.repeat([0, 1], 50_000)
    drawn = draw_from_tables(tables, rows, np.random.default_rng(0))
    for row in (0, 1):
        shares = np.bincount(drawn[rows == row], minlength=4) / 50_000
        np.testing.assert_allclose(shares, tables[row], atol=0.006)
        assert (shares[tables[row] == 0] == 0).all()


def test_resampling_draws_each_candidate_floor_or_ceiling_of_its_share():
    with np.errstate(divide="ignore"):
        log_weights = np.log([0.05, 0.0, 0.33, 0.62])
    counts = np.bincount(resample(log_weights, 100, np.random.default_rng(0)), minlength=4)
    assert counts.tolist() == [5, 0, 33, 62]


def test_weights_count_by_their_ratio_however_small():
    drawn = resample(np.log([1.0, 3.0]) - 5_000, 4_000, np.random.default_rng(0))
    assert np.bincount(drawn).tolist() == [1_000, 3_000]


def test_what_is_kept_comes_in_random_order():
    kept = resample(np.zeros(1_000), 1_000, np.random.default_rng(0))
    assert abs(np.corrcoef(kept, np.arange(1_000))[0, 1]) < 0.1


def test_columns_come_by_their_number_of_values_or_as_asked():
    sizes = {"many": 9, "two": 2, "also two": 2, "one": 1}
    assert drawing_order(None, sizes) == ["one", "two", "also two", "many"]
    asked = ["many", "one", "two", "also two"]
    assert drawing_order(asked, sizes) == asked


@pytest.mark.parametrize("order", [["a"], ["a", "b", "b"], ["a", "b", "c"], []])
def test_an_order_that_is_no_order_of_the_columns_is_refused(order):
    with pytest.raises(ValueError, match=r"order must name each column once: a, b\. It names: "):
        drawing_order(order, {"a": 1, "b": 2})


# --- conditions on categories ---


def test_a_category_is_read_from_its_text_and_a_date_from_a_day():
    days = pd.to_datetime(["2024-02-01", "2024-02-02"])
    table = pd.DataFrame({"a": [1, 2], "b": days, "c": np.array([0.1, 0.5], dtype="float32")})
    schema = Schema.infer(table, categories=["a", "b", "c"])
    found = read_given({"a": "2", "b": "2024-02-02", "c": 0.1}, schema, {})
    assert found == {"a": 1, "b": 1, "c": 0}
    assert read_given({"b": date(2024, 2, 1)}, schema, {}) == {"b": 0}


def test_a_category_that_training_never_saw_is_not_its_own_remedy():
    schema = Schema.infer(pd.DataFrame({"a": [1, 2]}), categories=["a"])
    with pytest.raises(ValueError, match="no category '1' in the training table. Known: 2"):
        read_given({"a": "1"}, schema, {"a": np.array([1])})


# --- how well a number matches ---

WHOLE = Column("number", "integer", "int64", 0, 100)
TENTHS = Column("number", "number", "float64", 0.0, 100.0, decimals=1)
REAL = Column("number", "number", "float64", 0.0, 100.0)


def test_equal_numbers_match_alone_where_there_are_enough():
    values = np.append(np.full(30, 0.3), [0.2, 0.4, np.nan])
    assert nearness(values, 0.1 + 0.2, TENTHS).tolist() == [1.0] * 30 + [0.0] * 3


def test_near_numbers_match_where_equal_ones_are_few():
    values = np.append(np.linspace(0, 100, 101), np.nan)
    found = nearness(values, 50.0, WHOLE)
    assert found[50] == 1 and found[-1] == 0
    assert 1 > found[51] == found[49] > found[60] > found[90]


def test_a_missing_number_matches_a_missing_one_alone():
    assert nearness(np.array([np.nan, 0.0, 3.0]), np.nan, REAL).tolist() == [1, 0, 0]


def test_a_value_takes_a_step_of_its_grid_or_of_its_float():
    assert log_step(WHOLE, 50.0) == 0
    assert log_step(TENTHS, 50.0) == pytest.approx(np.log(0.1))
    assert log_step(REAL, 50.0) == pytest.approx(np.log(np.spacing(50.0)))
    assert np.isfinite(log_step(REAL, 0.0))


def test_a_long_tail_does_not_widen_what_is_near():
    values = np.append(np.random.default_rng(0).uniform(0, 100, 999), 1e5)
    column = Schema.infer(pd.DataFrame({"x": values}))["x"]
    weights = nearness(values, 20.0, column)
    near = np.abs(values - 20) < 30
    assert weights[near].sum() > 0.95 * weights.sum()


def test_few_rows_that_are_a_spike_match_alone():
    values = np.append(np.zeros(24), np.random.default_rng(0).uniform(0.1, 5, 96).round(1))
    column = Schema.infer(pd.DataFrame({"x": values}))["x"]
    assert np.array_equal(nearness(values, 0.0, column), (values == 0).astype(float))


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_nearness_does_not_depend_on_the_unit(unit):
    values = np.random.default_rng(0).normal(size=200)
    expected = nearness(values, 0.3, REAL)
    np.testing.assert_allclose(nearness(values * unit, 0.3 * unit, REAL), expected, rtol=1e-6)


def test_components_of_a_mixture_come_in_random_order():
    weights, means = np.array([0.5, 0.5]), np.array([[-9.0], [9.0]])
    points, component = draw_gaussians(
        weights, means, np.ones((2, 1, 1)), 2_000, np.random.default_rng(0)
    )
    assert ((points[:, 0] > 0) == (component == 1)).all()
    assert component[:1_000].mean() == pytest.approx(0.5, abs=0.06)
