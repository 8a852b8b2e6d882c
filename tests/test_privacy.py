"""Membership inference, copies and distances on tables whose privacy is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from utils.schema import Schema
from utils.scoring import distance_to_closest_record, exact_copies, membership
from utils.scoring.privacy import nearest_distance


def random_table(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    number = generator.normal(size=rows)
    number[generator.random(rows) < 0.1] = np.nan
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(generator.integers(365, size=rows), "D")
    return pd.DataFrame(
        {
            "number": number,
            "heavy": generator.pareto(1.5, rows),
            "kind": generator.choice(["a", "b", None], rows),
            "day": days,
        }
    )


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    train, holdout = random_table(1500, 1), random_table(1500, 2)
    return train, holdout, Schema.infer(train)


def test_a_full_copy_betrays_every_member(tables):
    train, holdout, schema = tables
    found = membership(train, holdout, train, schema)
    assert found["membership_auc"] > 0.999
    assert found["membership_tpr_at_1"] > 0.99 and found["membership_tpr_at_10"] > 0.99


def test_fresh_rows_betray_nobody(tables):
    train, holdout, schema = tables
    found = membership(train, holdout, random_table(1500, 3), schema)
    assert found["membership_auc"] == pytest.approx(0.5, abs=4 * np.sqrt(1 / (6 * 1500)))
    assert found["membership_tpr_at_1"] == pytest.approx(0.01, abs=0.015)
    assert found["membership_tpr_at_10"] == pytest.approx(0.10, abs=0.035)


def test_a_leak_of_a_fifth_is_found_at_its_size(tables):
    """A fifth copied: they rank first, the rest is a guess, so TPR at 1 % is 0.2 + 0.8 * 0.01 and
    AUC 0.6."""
    train, holdout, schema = tables
    leaky = pd.concat([train[:300], random_table(1200, 4)], ignore_index=True)
    found = membership(train, holdout, leaky, schema)
    assert found["membership_auc"] == pytest.approx(0.6, abs=0.04)
    assert found["membership_tpr_at_1"] == pytest.approx(0.208, abs=0.015)


@pytest.mark.parametrize(("others", "known"), [(9, 0), (10, 1), (99, 1), (100, 2)])
def test_a_share_of_less_than_one_record_is_no_number(tables, others, known):
    train, holdout, schema = tables
    found = membership(train[:200], holdout[:others], train[:200], schema)
    assert found.notna().tolist() == [True, known > 1, known > 0]
    assert found["membership_auc"] > 0.999


def test_many_records_are_sampled_with_the_seed():
    train, holdout = random_table(6000, 1), random_table(6000, 2)
    synthetic, schema = random_table(300, 3), Schema.infer(train)
    first = membership(train, holdout, synthetic, schema, random_state=1)
    pd.testing.assert_series_equal(
        first, membership(train, holdout, synthetic, schema, random_state=1)
    )
    assert not first.equals(membership(train, holdout, synthetic, schema, random_state=2))


def test_copies_are_counted_cell_by_cell_missing_included(tables):
    train, _, schema = tables
    assert exact_copies(train, train[::-1], schema) == 1
    changed = train.copy()
    changed.loc[:299, "heavy"] += 1e-9
    assert exact_copies(train, changed, schema) == pytest.approx(0.8)
    assert exact_copies(train, random_table(100, 9), schema) == 0


def test_copies_are_counted_whatever_their_dtype():
    train = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "x": [0.5, np.nan, 2.0],
            "kind": ["a", None, "b"],
            "flag": [True, False, True],
            "day": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
        }
    )
    schema = Schema.infer(train)
    other = pd.DataFrame(
        {
            "n": pd.array([1.0, 2.0, 3.0], "Float64"),
            "x": pd.array([0.5, None, 2], "double[pyarrow]"),
            "kind": pd.Categorical(["a", np.nan, "b"], ["z", "b", "a"]),
            "flag": pd.array([True, False, True], "boolean"),
            "day": train["day"].astype("datetime64[s]"),
        }
    )
    assert exact_copies(train, other, schema) == exact_copies(other, train, schema) == 1
    assert exact_copies(train, other.assign(kind=["a", "a", "b"]), schema) == pytest.approx(2 / 3)
    words = other.assign(kind=pd.array(["a", None, "b"], "string"), n=other["n"].astype(object))
    assert exact_copies(train, words, schema) == 1


def test_distance_is_zero_for_copies_and_one_for_another_category(tables):
    train, _, schema = tables
    assert distance_to_closest_record(train, train, schema) == 0
    assert 0 < distance_to_closest_record(train, random_table(500, 9), schema) < 0.5
    kinds, other = pd.DataFrame({"kind": ["a", "b"]}), pd.DataFrame({"kind": ["c", "c"]})
    assert distance_to_closest_record(kinds, other, Schema.infer(kinds)) == pytest.approx(1)


def test_nearest_distance_equals_brute_force():
    generator = np.random.default_rng(0)
    queries, points = (generator.random((rows, 7), dtype=np.float32) for rows in (1100, 300))
    brute = np.sqrt(((queries[:, None].astype(float) - points[None]) ** 2).sum(axis=2)).min(axis=1)
    np.testing.assert_allclose(nearest_distance(queries, points), brute, rtol=1e-5)
    assert nearest_distance(points, points).max() == 0


def test_ten_thousand_categories_fit_in_memory():
    table = pd.DataFrame({"name": [f"name {number}" for number in range(10_000)]})
    assert (
        0
        <= membership(table[::2], table[1::2], table[::2], Schema.infer(table))["membership_auc"]
        <= 1
    )
