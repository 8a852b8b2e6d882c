"""Known answers for the chain of trees: scikit-learn's leaves, the shares in them, and exact
posteriors."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from utils.synthesizers import TreeSynthesizer, trees
from utils.synthesizers.trees import _leaf

pytestmark = pytest.mark.filterwarnings("error")


def discrete_table(rows: int = 20_000) -> pd.DataFrame:
    """Three columns, each of which depends on the ones before."""
    rng = np.random.default_rng(0)
    a = rng.choice(3, rows, p=[0.2, 0.3, 0.5])
    b = (rng.random(rows) < np.array([0.1, 0.5, 0.9])[a]).astype(int)
    c = (rng.random(rows) < np.array([[0.8, 0.3], [0.5, 0.2], [0.4, 0.05]])[a, b]).astype(int)
    return pd.DataFrame({"a": a.astype(str), "b": b.astype(bool), "c": c})


def test_leaves_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    features = np.column_stack(
        [rng.normal(size=500), rng.integers(0, 4, 500), rng.exponential(size=500)]
    ).astype(np.float32)
    tree = DecisionTreeRegressor(min_samples_leaf=3, random_state=0).fit(
        features, features[:, 0] * features[:, 1]
    )
    nodes = tree.tree_
    arrays = nodes.children_left, nodes.children_right, nodes.feature, nodes.threshold
    fresh = rng.normal(size=(2000, 3)).astype(np.float32)
    np.testing.assert_array_equal(_leaf(*arrays, fresh), tree.apply(fresh))


@pytest.mark.parametrize("least", [1, 7, 40])
def test_no_leaf_is_smaller_than_asked(least):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=300),
            "b": rng.choice(list("abc"), 300),
            "c": rng.exponential(size=300),
        }
    )
    for tree in TreeSynthesizer(min_samples_leaf=least).fit(table).trees_:
        counts = np.diff(tree.starts)
        assert counts[counts > 0].min() >= least and counts.sum() == 300
        assert ((counts > 0) == (tree.left < 0)).all(), "values stand at leaves only"


def test_all_joint_shares_come_back():
    table = discrete_table()
    drawn = TreeSynthesizer().fit(table).sample(40_000)
    real, made = (frame.value_counts(normalize=True) for frame in (table, drawn))
    assert real.sub(made, fill_value=0).abs().max() < 0.01


def test_a_spread_that_depends_on_the_group_is_seen():
    rng = np.random.default_rng(0)
    group = rng.choice(["calm", "wild"], 2000)
    table = pd.DataFrame(
        {"group": group, "number": rng.normal(0, np.where(group == "wild", 10.0, 1.0))}
    )
    drawn = (
        TreeSynthesizer(order=["group", "number"])
        .fit(table)
        .sample(6000)
        .groupby("group")["number"]
        .std()
    )
    assert abs(drawn["calm"] - 1) < 0.2 and abs(drawn["wild"] - 10) < 0.8


CONDITIONS = [
    dict(zip(names, values))
    for names, values in [
        (("a",), ("0",)),
        (("b",), (True,)),
        (("c",), (1,)),
        (("b", "c"), (True, 1)),
        (("a", "c"), ("2", 1)),
        (("c", "a", "b"), (0, "1", False)),
    ]
]


@pytest.mark.parametrize("wanted", CONDITIONS, ids=str)
@pytest.mark.parametrize("order", [["a", "b", "c"], ["c", "b", "a"]], ids="".join)
def test_condition_gives_the_exact_posterior(wanted, order):
    table = discrete_table()
    drawn = TreeSynthesizer(order=order).fit(table).sample(20_000, given=wanted)
    members = table[np.logical_and.reduce([table[name] == value for name, value in wanted.items()])]
    exact, made = (frame.value_counts(normalize=True) for frame in (members, drawn))
    assert exact.sub(made, fill_value=0).abs().max() < 0.025


def test_condition_on_a_number_weighs_its_neighbourhood():
    rng = np.random.default_rng(0)
    group = rng.choice(["low", "high"], 4000, p=[0.7, 0.3])
    table = pd.DataFrame(
        {"group": group, "number": rng.normal(np.where(group == "high", 2.0, 0.0), 1.0).round(2)}
    )
    drawn = (
        TreeSynthesizer(order=["group", "number"]).fit(table).sample(8000, given={"number": 1.0})
    )
    assert abs((drawn["group"] == "high").mean() - 0.3) < 0.05  # both densities are equal at 1


def test_missing_values_have_leaves_of_their_own():
    rng = np.random.default_rng(0)
    number = np.where(rng.random(3000) < 0.3, np.nan, rng.normal(size=3000))
    table = pd.DataFrame({"number": number, "word": np.where(np.isnan(number), "none", "some")})
    drawn = TreeSynthesizer(order=["number", "word"]).fit(table).sample(4000)
    assert ((drawn["word"] == "none") == drawn["number"].isna()).mean() > 0.999


def test_order_is_by_distinct_values_unless_given():
    table = discrete_table(200)
    assert TreeSynthesizer().fit(table).order_ == ["b", "c", "a"]
    assert TreeSynthesizer(order=["c", "a", "b"]).fit(table).order_ == ["c", "a", "b"]
    assert list(TreeSynthesizer(order=["c", "a", "b"]).fit(table).sample(3)) == ["a", "b", "c"]


@pytest.mark.parametrize("order", [["a"], ["a", "b", "b"], ["a", "b", "d"], []])
def test_an_order_that_is_no_order_of_the_columns_is_refused(order):
    with pytest.raises(ValueError, match="order must name each column once: a, b, c"):
        TreeSynthesizer(order=order).fit(discrete_table(50))


@pytest.mark.parametrize("order", ["abc", 5, ["a", "b", 1]])
def test_an_order_that_is_no_list_of_names_is_refused(order):
    with pytest.raises(ValueError, match="order must be a list of column names, or None"):
        TreeSynthesizer(order=order).fit(pd.DataFrame({"a": [1], "b": [1], "c": [1]}))


@pytest.mark.parametrize("least", [0, -1, "many"])
def test_wrong_leaf_sizes_are_refused(least):
    with pytest.raises(ValueError, match="min_samples_leaf"):
        TreeSynthesizer(min_samples_leaf=least).fit(discrete_table(50))


def test_joint_enumeration_of_a_tiny_table():
    """Every cell of a table of 2 x 2 rows that repeat often enough is drawn at its own share."""
    cells = list(itertools.product("xy", [1, 2]))
    table = pd.DataFrame(
        list(
            itertools.chain.from_iterable(
                [cell] * count for cell, count in zip(cells, (10, 20, 30, 40))
            )
        ),
        columns=["word", "number"],
    )
    made = TreeSynthesizer().fit(table).sample(20_000).value_counts(normalize=True)
    for cell, share in zip(cells, (0.1, 0.2, 0.3, 0.4)):
        assert abs(made[cell] - share) < 0.012


def test_times_a_millisecond_apart_are_told_apart():
    moments = pd.Timestamp("2024-02-01") + pd.to_timedelta(np.arange(600), unit="ms")
    table = pd.DataFrame({"late": np.arange(600) >= 300, "moment": moments})
    rows = TreeSynthesizer(order=["moment", "late"]).fit(table).sample(600)
    assert ((rows["moment"] >= moments[300]) == rows["late"]).mean() > 0.98


def test_a_fit_that_stops_half_way_leaves_the_earlier_one(monkeypatch):
    table = pd.DataFrame({"a": [1, 2] * 20, "b": [1, 2] * 20})
    synthesizer = TreeSynthesizer().fit(table)
    before, grown = synthesizer.sample(10), iter([None])

    def interrupted(*arguments):
        next(grown)  # the first tree
        return grow(*arguments)

    grow = trees._grow
    monkeypatch.setattr(trees, "_grow", interrupted)
    with pytest.raises(StopIteration):
        synthesizer.fit(table.rename(columns={"a": "q"}))
    pd.testing.assert_frame_equal(synthesizer.sample(10), before)


def test_a_column_without_a_value_can_be_asked_for_none():
    table = pd.DataFrame({"a": [1, 2] * 10, "nothing": [np.nan] * 20})
    model = TreeSynthesizer().fit(table)
    with pytest.raises(ValueError, match="'nothing' held nothing but missing values.*Ask for None"):
        model.sample(3, given={"nothing": 3})
    assert model.sample(3, given={"nothing": None})["nothing"].isna().all()


def test_a_value_between_two_of_training_lies_between_their_places():
    model = TreeSynthesizer().fit(pd.DataFrame({"x": [1.0, 3.0] * 10, "y": range(20)}))
    places = model._feature("x", np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    assert (np.diff(places) > 0).all()


def test_the_rank_tells_what_lies_between_two_thresholds():
    x = np.random.default_rng(0).random(2_000)
    drawn = TreeSynthesizer(order=["x", "y"]).fit(pd.DataFrame({"x": x, "y": x})).sample(2_000)
    assert (drawn["y"] - drawn["x"]).abs().mean() < 0.01  # thresholds alone leave a 13th apart


@pytest.mark.parametrize("rows, least", [(8, 5), (120, 12), (900, 20)])
def test_leaves_hold_a_tenth_of_the_rows_from_5_to_20(rows, least):
    table = pd.DataFrame({"a": np.arange(rows) % 2, "b": np.random.default_rng(0).random(rows)})
    grown = TreeSynthesizer(ranks_within_groups=False).fit(table).trees_
    by_hand = TreeSynthesizer(min_samples_leaf=least, ranks_within_groups=False).fit(table).trees_
    for mine, other in zip(grown, by_hand):
        np.testing.assert_array_equal(mine.starts, other.starts)


def piled_table() -> pd.DataFrame:
    """A number with a pile at 0, one of few values, a category and missing cells."""
    rng = np.random.default_rng(0)
    free = (100 + rng.exponential(50, 2000)).round(3)
    number = np.where(rng.random(2000) < 0.3, 0.0, free)
    number[rng.random(2000) < 0.1] = np.nan
    return pd.DataFrame(
        {"number": number, "few": rng.choice([1, 10, 100], 2000), "word": rng.choice([*"ab"], 2000)}
    )


def test_numbers_move_and_piles_few_values_and_missing_ones_stay():
    table = piled_table()
    drawn = TreeSynthesizer(min_samples_leaf=20).fit(table).sample(4000)
    number, known = drawn["number"].dropna(), table["number"].dropna()
    free = number[number != 0]
    assert free.isin(known).mean() < 0.3 and free.between(100, known.max()).all()
    assert abs((drawn["number"] == 0).mean() - (table["number"] == 0).mean()) < 0.03
    assert abs(drawn["number"].isna().mean() - table["number"].isna().mean()) < 0.03
    assert set(drawn["few"]) == {1, 10, 100}
    for share in (0.1, 0.5, 0.9):
        middle = known[known != 0].quantile(share)
        assert abs(free.quantile(share) - middle) < 0.1 * middle


def test_without_smoothing_every_cell_is_one_of_training():
    table = piled_table()
    options = {"smooth": False, "ranks_within_groups": False}
    drawn = TreeSynthesizer(**options).fit(table).sample(2000)
    assert all(drawn[name].dropna().isin(table[name]).all() for name in table)


def test_numbers_move_to_neighbours_of_their_own_leaf_only():
    values, leaves = np.array([1.0, 3.0, 9.0, np.nan, 5.0]), np.array([0, 0, 0, 2, 2])
    free = np.array([True, True, True, False, True])
    expected = [[0, 1, 3, 0, 0], [1, 3, 0, 0, 0]]
    np.testing.assert_array_equal(trees._gaps(values, leaves, free), expected)
    free[1] = False
    assert not trees._gaps(values, leaves, free).any()


@pytest.mark.parametrize("wanted", [None, 1, "yes"])
def test_smooth_is_true_or_false(wanted):
    with pytest.raises(ValueError, match="smooth must be True or False, not"):
        TreeSynthesizer(smooth=wanted).fit(discrete_table(50))


def test_a_number_told_by_a_category_is_sharp_in_large_leaves():
    rng = np.random.default_rng(0)
    group = np.repeat([*"abcdefgh"], 25)
    number = np.repeat(10 * np.arange(8), 25) + rng.random(200)
    table = pd.DataFrame({"number": number, "other": rng.random(200), "group": group})
    drawn = TreeSynthesizer().fit(table).sample(800)
    assert (drawn["number"] // 10 == drawn["group"].map(dict(zip("abcdefgh", range(8))))).all()
