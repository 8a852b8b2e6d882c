"""Metrics of the literature against known answers, and against loops that follow their
definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from utils.schema import Schema, TableError
from utils.scoring import c2st
from utils.scoring.literature import (
    LITERATURE,
    closer_to_train,
    linear_c2st,
    literature_scores,
    mutual_information_error,
    precision_and_recall,
)
from utils.scoring.privacy import _points
from utils.screentime import simulate_screentime
from utils.tables import screentime_schema


def normals(rows: int, seed: int, shift: float = 0.0, correlation: float = 0.0) -> pd.DataFrame:
    cloud = np.random.default_rng(seed).multivariate_normal(
        [shift, 0], [[1, correlation], [correlation, 1]], rows
    )
    return pd.DataFrame(cloud, columns=["x", "y"])


def screentime(seed: int, days: int = 40) -> pd.DataFrame:
    return simulate_screentime(days, random_state=seed).drop(columns="Date")


def precision_and_recall_by_loops(real, synthetic, schema) -> tuple[float, float]:
    """The balls of Alaa et al. (2022), level by level and row by row: a row is in the ball of a
    level if no larger share of those that define it is nearer to the middle."""
    first, second = (points.astype(float) for points in _points([real, synthetic], schema, real))

    def gaps(queries, points):
        return [[np.sqrt(((query - point) ** 2).sum()) for point in points] for query in queries]

    levels = np.linspace(0, 1, 30)
    real_out = np.sqrt(((first - first.mean(axis=0)) ** 2).sum(axis=1))
    synthetic_out = np.sqrt(((second - first.mean(axis=0)) ** 2).sum(axis=1))
    across, among = np.array(gaps(first, second)), np.array(gaps(first, first))
    np.fill_diagonal(among, np.inf)
    nearest = across.argmin(axis=1)
    out = np.sqrt(((second[nearest] - second.mean(axis=0)) ** 2).sum(axis=1))
    precision, recall = [], []
    for level in levels:
        precision.append(np.mean([np.mean(real_out < d) <= level for d in synthetic_out]))
        inside = np.array([np.mean(out < d) + 1 / len(out) <= level for d in out])
        recall.append(np.mean(inside & (across.min(axis=1) <= among.min(axis=1))))
    agree = [1 - sum(abs(np.array(found) - levels)) / sum(levels) for found in (precision, recall)]
    return tuple(agree)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_precision_and_recall_follow_their_definitions(shift):
    real, synthetic = normals(80, 1), normals(80, 2, shift)
    found = precision_and_recall(real, synthetic, Schema.infer(real))
    expected = precision_and_recall_by_loops(real, synthetic, Schema.infer(real))
    assert tuple(found) == pytest.approx(expected, abs=0.02)  # parts of a row at the edges


def test_precision_and_recall_of_the_same_rows_are_one():
    table = screentime(3)  # rows that occur twice, too
    found = precision_and_recall(table, table, screentime_schema(table))
    assert found.to_numpy() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("column", [["x"] * 60, [True, False] * 30])
def test_rows_at_the_edge_of_a_ball_are_counted_by_their_share(column):
    table = pd.DataFrame({"a": column})
    found = precision_and_recall(table, table, Schema.infer(table))
    assert found.to_numpy() == pytest.approx(1, abs=1e-9)


def test_fresh_rows_cover_half_of_the_real_rows_whatever_the_sizes():
    real = normals(600, 30)
    for rows in (600, 3000):
        found = precision_and_recall(real, normals(rows, 31), Schema.infer(real))
        assert found["beta_recall"] == pytest.approx(0.5, abs=0.1)


def test_precision_is_lost_in_the_middle_alone_and_recall_at_one_place():
    real = normals(1000, 4)
    schema = Schema.infer(real)
    narrow = precision_and_recall(real, real / 4, schema)
    one_place = precision_and_recall(real, real.iloc[[0] * 1000], schema)
    assert narrow["alpha_precision"] < 0.6
    assert one_place["beta_recall"] < 0.05


def test_rows_of_training_are_closer_to_it_and_those_of_the_holdout_are_not():
    train, holdout = normals(300, 5), normals(300, 6)
    schema = Schema.infer(pd.concat([train, holdout]))
    both = pd.concat([train, holdout])
    assert closer_to_train(train, holdout, train, schema) == 1
    assert closer_to_train(train, holdout, holdout, schema) == 0
    assert closer_to_train(train, holdout, both, schema) == 0.5
    assert closer_to_train(train, train, normals(50, 7), schema) == 0.5  # all are ties


def test_a_larger_training_table_is_not_closer_by_its_size():
    train, holdout, fresh = normals(3000, 8), normals(300, 9), normals(2000, 10)
    assert closer_to_train(train, holdout, fresh, Schema.infer(train)) == pytest.approx(
        0.5, abs=0.06
    )


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_linear_c2st_of_two_gaussians_is_phi_of_shift_over_root_two(shift):
    real, synthetic = normals(2000, 11), normals(2000, 12, shift)
    found = linear_c2st(real, synthetic, Schema.infer(real))
    assert found == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.03)


def test_linear_c2st_is_blind_to_a_lost_correlation_that_trees_see():
    real, synthetic = normals(1000, 13, correlation=0.95), normals(1000, 14)
    schema = Schema.infer(real)
    assert linear_c2st(real, synthetic, schema) < 0.55
    assert c2st(real, synthetic, schema) > 0.8


def test_linear_c2st_sees_categories_and_missing_values():
    real = pd.DataFrame({"x": np.arange(200.0), "kind": ["a", "b"] * 100})
    schema = Schema.infer(real)
    assert linear_c2st(real, real.assign(kind="a"), schema) > 0.7
    assert linear_c2st(real, real.assign(x=np.nan), schema) == pytest.approx(1)


def test_mutual_information_is_one_for_equal_columns_and_none_for_independent_ones():
    x = pd.Series(np.random.default_rng(15).normal(size=5000))
    equal = pd.DataFrame({"x": x, "y": x})
    independent = equal.assign(y=x.sample(frac=1, random_state=16).to_numpy())
    schema = Schema.infer(equal)
    assert mutual_information_error(equal, independent, schema) == pytest.approx(1, abs=0.02)
    assert mutual_information_error(equal, equal, schema) == 0
    assert np.isnan(mutual_information_error(equal, equal, schema.select(["x"])))


def test_constants_tell_nothing_about_each_other_and_sizes_do_not_count():
    independent = normals(2000, 32)
    constant = independent.assign(x=0.0, y=0.0)
    schema = Schema.infer(independent)
    assert mutual_information_error(independent, constant, schema) < 0.02
    rng = np.random.default_rng(33)
    many = pd.DataFrame(rng.integers(50, size=(10_200, 2)).astype(str), columns=["a", "b"])
    found = mutual_information_error(many[:200], many[200:], Schema.infer(many))
    assert found < 0.05


def test_each_name_stands_for_its_own_metric():
    train, holdout = screentime(34), screentime(35)
    schema = screentime_schema(train)
    scores = literature_scores(train, holdout, train, schema, 7)
    both = precision_and_recall(holdout, train, schema, 7)
    assert scores["alpha_precision"] == both["alpha_precision"]
    assert scores["beta_recall"] == both["beta_recall"]
    assert scores["information"] == mutual_information_error(holdout, train, schema, 7)
    assert scores["linear_c2st"] == linear_c2st(holdout, train, schema, 7)
    assert scores["closer_to_train"] > 0.8


def test_every_metric_of_the_literature_has_a_value_although_a_column_is_lost():
    train, holdout = screentime(17), screentime(18)
    synthetic = screentime(19).assign(Notifications=pd.array([pd.NA] * len(train), dtype="Int64"))
    scores = literature_scores(train, holdout, synthetic, screentime_schema(train))
    assert list(scores.index) == list(LITERATURE)
    assert scores.notna().all()
    assert scores["linear_c2st"] == pytest.approx(1)


def test_too_few_rows_have_no_value():
    one = screentime(20).head(1)
    schema = screentime_schema(screentime(20))
    assert precision_and_recall(one, one, schema).isna().all()
    assert np.isnan(linear_c2st(one, one, schema))


@pytest.mark.parametrize("metric", [precision_and_recall, linear_c2st, mutual_information_error])
def test_a_missing_column_is_named(metric):
    table = screentime(21)
    with pytest.raises(TableError, match="The synthetic table lacks the column 'Usage'"):
        metric(table, table.drop(columns="Usage"), screentime_schema(table))
