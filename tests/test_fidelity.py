"""Shape, trend and the classifier two-sample test on data whose scores are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from tests.reference.make_sdmetrics_reference import CASES, VALUES, read_case
from utils.schema import Schema, TableError
from utils.scoring import c2st, shape, trend

REFERENCE = json.loads(VALUES.read_text(encoding="utf-8"))


def gaussian_table(rows: int, shift: float, seed: int) -> pd.DataFrame:
    return pd.DataFrame({"x": np.random.default_rng(seed).normal(shift, 1, rows)})


def case_schema(name: str, real: pd.DataFrame) -> Schema:
    """The schema with the kinds that SDMetrics was told."""
    columns = [
        replace(column, kind=CASES[name][column.name]) for column in Schema.infer(real).columns
    ]
    return Schema(tuple(columns))


@pytest.mark.parametrize("name", CASES)
def test_shape_equals_sdmetrics(name):
    real, synthetic = read_case(name)
    scores, expected = shape(real, synthetic, case_schema(name, real)), REFERENCE[name]
    reference = pd.Series(expected["shape"], dtype=float)
    pd.testing.assert_series_equal(scores, reference, rtol=0, atol=1e-6, check_names=False)
    assert scores.mean() == pytest.approx(expected["shape mean"], abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_trend_equals_sdmetrics(name):
    real, synthetic = read_case(name)
    scores, expected = trend(real, synthetic, case_schema(name, real)), REFERENCE[name]
    reference = pd.Series(
        {(first, second): value for first, second, value in expected["trend"]}, dtype=float
    )
    pd.testing.assert_series_equal(scores, reference, rtol=0, atol=1e-6, check_names=False)
    assert scores.mean() == pytest.approx(expected["trend mean"], abs=1e-6)


def test_reference_covers_both_similarities_and_excluded_pairs():
    real, synthetic = read_case("awkward")
    scores = trend(real, synthetic, case_schema("awkward", real))
    assert (
        scores["amount", "twice"] > 0
        and scores["amount", "kind"] > 0
        and scores["day", "moment"] > 0
    )
    assert scores.isna().sum() > 50  # no trend to keep, constants, all missing


def test_shape_of_numbers_is_one_minus_kolmogorov_smirnov():
    real, synthetic = (
        pd.DataFrame({"x": np.arange(100.0)}),
        pd.DataFrame({"x": np.arange(100.0) + 25}),
    )
    assert shape(real, synthetic, Schema.infer(real))["x"] == pytest.approx(0.75)


def test_shape_of_categories_is_one_minus_total_variation():
    real, synthetic = pd.DataFrame({"x": list("aaab")}), pd.DataFrame({"x": list("abcc")})
    assert shape(real, synthetic, Schema.infer(real))["x"] == pytest.approx(1 - (0.5 + 0 + 0.5) / 2)


def test_trend_of_opposite_lines_is_zero():
    real = pd.DataFrame({"x": np.arange(50.0), "y": np.arange(50.0)})
    assert trend(real, real.assign(y=-real["y"]), Schema.infer(real)).item() == pytest.approx(0)


def test_trend_of_a_broken_table_of_categories_is_a_half():
    real = pd.DataFrame({"x": list("aabb") * 10, "y": list("ccdd") * 10})
    broken = pd.DataFrame({"x": list("aabb") * 10, "y": list("cdcd") * 10})
    assert trend(real, broken, Schema.infer(real)).item() == pytest.approx(0.5)


def test_pairs_without_a_trend_are_not_judged_unless_asked():
    generator = np.random.default_rng(0)
    real = pd.DataFrame(generator.normal(size=(500, 2)), columns=["x", "y"])
    assert trend(real, real, Schema.infer(real)).isna().all()
    assert trend(real, real, Schema.infer(real), correlation_threshold=0).item() == pytest.approx(1)


# --- tables that would flatter themselves ---


def related(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Two numbers, a date and a category that all go together."""
    generator = np.random.default_rng(seed)
    base = generator.normal(size=rows)
    return pd.DataFrame(
        {
            "x": base,
            "y": base + 0.1 * generator.normal(size=rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta((20 * base + 99).astype(int), "D"),
            "kind": np.where(base > 0, "high", "low"),
        }
    )


@pytest.mark.parametrize("name", ["x", "day", "kind"])
def test_a_column_that_is_all_missing_scores_nothing(name):
    real = related()
    schema, empty = Schema.infer(real), real.assign(**{name: real[name].where(real["x"] > 9)})
    assert shape(real, empty, schema)[name] == 0
    assert shape(empty, real, schema)[name] == 0
    assert np.isnan(shape(empty, empty, schema)[name])
    judged = trend(real, empty, schema)
    assert judged.notna().all()
    assert all((judged[pair] == 0) == (name in pair) for pair in judged.index)


@pytest.mark.parametrize("name", ["x", "day"])
def test_a_constant_column_has_no_trend_to_show(name):
    real = related()
    constant = real.assign(**{name: real[name].iloc[0]})
    judged = trend(real, constant, Schema.infer(real))
    numbers = [pair for pair in judged.index if name in pair and "kind" not in pair]
    assert len(numbers) == 2 and (judged[numbers] == 0).all()
    assert judged.drop(numbers).gt(0).all()  # beside a category SDMetrics counts the cells


def test_one_row_repeated_is_seen_by_every_score():
    real = related()
    repeated = real.iloc[np.zeros(len(real), dtype=int)].reset_index(drop=True)
    schema = Schema.infer(real)
    assert shape(real, repeated, schema).max() < 0.6
    assert trend(real, repeated, schema).fillna(0).mean() < 0.4
    assert c2st(real, repeated, schema) > 0.95


def test_a_table_of_missing_values_is_told_at_once():
    real = related()
    schema, empty = Schema.infer(real), real.where(real["x"] > 9)
    assert c2st(real, empty, schema) == 1
    assert shape(real, empty, schema).mean() == trend(real, empty, schema).mean() == 0


def test_numbers_as_text_are_no_categories_of_the_real_table():
    real = pd.DataFrame({"kind": pd.Categorical([1, 2, 2, 3] * 20)})
    schema = Schema.infer(real)
    assert shape(real, real.astype(str), schema)["kind"] == 0
    assert shape(real, real.astype(int).astype(float), schema)["kind"] == 1


@pytest.mark.parametrize("metric", [shape, trend, c2st])
def test_an_infinite_value_is_named(metric):
    real = related()
    infinite = real.assign(x=real["x"].where(real.index != 7, np.inf))
    with pytest.raises(TableError, match="Column 'x' holds an infinite value in row 7"):
        metric(real, infinite, Schema.infer(real))


def test_category_dtype_with_unused_categories_scores_like_text():
    real = pd.DataFrame({"x": list("aabb") * 10, "y": list("ccdd") * 10})
    typed = real.astype(pd.CategoricalDtype(list("abcdefg")))
    assert trend(typed, typed, Schema.infer(typed)).item() == pytest.approx(1)
    assert shape(typed, real, Schema.infer(real)).tolist() == [1, 1]


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.5])
def test_c2st_of_two_gaussians_is_phi_of_shift_over_root_two(shift):
    """The best judge reaches Phi(shift / sqrt 2); one that learns from 6,000 rows stays a little
    below."""
    rows = 3000
    real, synthetic = gaussian_table(rows, 0, 1), gaussian_table(rows, shift, 2)
    score, bound = c2st(real, synthetic, Schema.infer(real)), norm.cdf(shift / np.sqrt(2))
    sampling_error = np.sqrt(
        1 / (6 * rows)
    )  # of an AUC of 0.5 with as many rows on each side; smaller above
    assert bound - 0.04 < score < bound + 4 * sampling_error


def test_c2st_of_disjoint_tables_is_one_and_repeats_with_its_seed():
    real, synthetic = pd.DataFrame({"x": list("ab") * 50}), pd.DataFrame({"x": list("cd") * 200})
    schema = Schema.infer(real)
    assert c2st(real, synthetic, schema) == 1
    near, far = gaussian_table(200, 0, 1), gaussian_table(300, 0.3, 2)
    schema = Schema.infer(near)
    assert c2st(near, far, schema, random_state=5) == c2st(near, far, schema, random_state=5)
    assert c2st(near, far, schema, random_state=5) != c2st(near, far, schema, random_state=6)


def test_c2st_sees_missing_values_and_takes_many_categories():
    generator = np.random.default_rng(3)
    names = np.array([f"name {number}" for number in range(2000)])
    real = pd.DataFrame({"name": generator.choice(names, 1000), "x": generator.normal(size=1000)})
    holes = real.assign(x=real["x"].mask(generator.random(1000) < 0.5))
    assert c2st(real, holes, Schema.infer(real)) > 0.65


def test_c2st_of_too_few_rows_is_not_a_number():
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    assert np.isnan(c2st(table, table, Schema.infer(table)))


@pytest.mark.parametrize("metric", [shape, trend, c2st])
def test_unusable_tables_are_named(metric):
    real = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})
    schema = Schema.infer(real)
    with pytest.raises(TableError, match="synthetic table has no rows"):
        metric(real, real[:0], schema)
    with pytest.raises(TableError, match="synthetic table lacks the column 'y'"):
        metric(real, real[["x"]], schema)
    with pytest.raises(TableError, match="'x' should hold number values"):
        metric(real, real.assign(x=["one", "two"]), schema)
