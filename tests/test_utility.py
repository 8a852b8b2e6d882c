"""Train on synthetic, test on real: known answers, and targets that go wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from utils.schema import Schema
from utils.scoring import trtr, tstr, utility_measure


def table_of(rows: int, seed: int, classes: int = 2, gap: float = 1.0) -> pd.DataFrame:
    """Classes whose single feature is Gaussian, ``gap`` apart."""
    generator = np.random.default_rng(seed)
    label = generator.integers(classes, size=rows)
    return pd.DataFrame(
        {"x": gap * label + generator.normal(size=rows), "y": np.array([*"abcdefgh"])[label]}
    )


def test_auc_of_two_gaussian_classes_reaches_its_bound():
    train, holdout = table_of(6000, 1), table_of(6000, 2)
    schema = Schema.infer(train, target="y")
    assert utility_measure(schema) == "auc"
    assert tstr(train, holdout, schema) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=0.02)


def test_labels_without_relation_score_a_half_and_swapped_labels_the_mirror():
    train, holdout = table_of(2000, 1, gap=3), table_of(2000, 2, gap=3)
    schema = Schema.infer(train, target="y")
    noise = train.assign(y=np.random.default_rng(3).permutation(train["y"]))
    assert tstr(noise, holdout, schema) == pytest.approx(0.5, abs=0.1)
    swapped = train.assign(y=train["y"].map({"a": "b", "b": "a"}))
    assert tstr(swapped, holdout, schema) < 0.05


def test_accuracy_for_many_classes_and_r_squared_for_numbers():
    train, holdout = table_of(2000, 1, classes=4, gap=20), table_of(1000, 2, classes=4, gap=20)
    assert utility_measure(Schema.infer(train, target="y")) == "accuracy"
    assert tstr(train, holdout, Schema.infer(train, target="y")) > 0.98
    line = pd.DataFrame({"x": np.linspace(0, 1, 2000)}).assign(z=lambda t: 3 * t["x"])
    assert utility_measure(Schema.infer(line, target="z")) == "R2"
    assert tstr(line, line[::7], Schema.infer(line, target="z")) == pytest.approx(1, abs=0.01)


def test_trtr_is_tstr_of_the_training_rows():
    train, holdout = table_of(500, 1), table_of(500, 2)
    schema = Schema.infer(train, target="y")
    assert trtr(train, holdout, schema) == tstr(train, holdout, schema)


def test_constant_or_missing_synthetic_targets_score_like_a_guess():
    train, holdout = table_of(300, 1), table_of(300, 2)
    schema = Schema.infer(train, target="y")
    assert tstr(train.assign(y="a"), holdout, schema) == 0.5
    assert tstr(train.assign(y=np.nan), holdout, schema) == 0.5
    many, held = table_of(300, 1, classes=4), table_of(300, 2, classes=4)
    wide = Schema.infer(many, target="y")
    assert tstr(many.assign(y="a"), held, wide) == pytest.approx((held["y"] == "a").mean())
    assert tstr(many.assign(y=np.nan), held, wide) == 0
    number = Schema.infer(train, target="x")
    assert tstr(train.assign(x=50.0), holdout, number) < 0
    assert tstr(train.assign(x=np.nan), holdout, number) == 0


@pytest.mark.parametrize("target", ["x", "y"])
def test_features_that_say_nothing_score_like_a_guess(target):
    train, holdout = table_of(600, 1, gap=3), table_of(600, 2, gap=3)
    schema, feature = Schema.infer(train, target=target), {"x": "y", "y": "x"}[target]
    guess = {"x": 0.0, "y": 0.5}[target]
    for useless in (train[feature].where(train["x"] > 99), train[feature].iloc[0]):
        assert tstr(train.assign(**{feature: useless}), holdout, schema) <= guess + 0.01
    repeated = train.iloc[[0] * 600].reset_index(drop=True)
    assert tstr(repeated, holdout, schema) <= guess


def test_a_class_with_one_row_and_classes_never_seen_do_not_crash():
    train, holdout = table_of(400, 1, classes=3, gap=9), table_of(400, 2, classes=4, gap=9)
    schema = Schema.infer(pd.concat([train, holdout]), target="y")
    once = pd.concat([train[train["y"] != "c"], train[train["y"] == "c"][:1]])
    assert 0.3 < tstr(once, holdout, schema) < (holdout["y"] != "d").mean()


def test_missing_targets_in_the_holdout_are_not_judged():
    train, holdout = table_of(2000, 1, gap=30), table_of(400, 2, gap=30)
    holdout.loc[::2, "y"] = np.nan
    assert tstr(train, holdout, Schema.infer(train, target="y")) == pytest.approx(1, abs=0.01)


def test_without_target_or_features_there_is_no_score():
    table = table_of(50, 1)
    assert np.isnan(tstr(table, table, Schema.infer(table)))
    assert utility_measure(Schema.infer(table)) is None
    assert np.isnan(tstr(table[["y"]], table[["y"]], Schema.infer(table[["y"]], target="y")))
