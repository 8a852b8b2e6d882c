"""Numbers by rank within a group: which group, which numbers, there and back, shares of values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, norm

from utils.encoding import to_array
from utils.encoding.groups import MOST_GROUPS, ROWS_PER_GROUP, Groups
from utils.encoding.ranks import GroupRanks, told_share
from utils.encoding.scores import GroupedScores
from utils.schema import Schema
from utils.synthesizers import AutoregressiveSynthesizer, CopulaSynthesizer, VAESynthesizer

LEVELS = {"game": 20, "maps": 60, "film": 200}


def told_table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Minutes and taps hang on the app, weight on nothing; one column tells nothing of them."""
    rng = np.random.default_rng(seed)
    app = rng.choice(list(LEVELS), rows)
    level = np.array([LEVELS[name] for name in app])
    minutes = rng.poisson(level)
    return pd.DataFrame(
        {
            "side": rng.choice(["left", "right"], rows),
            "app": app,
            "minutes": minutes,
            "taps": np.rint(level / 2 + 3 * norm.ppf(rng.random(rows))).astype(int),
            "weight": rng.normal(70, 9, rows),
            "grade": rng.integers(0, 4, rows) + 10 * (app == "game"),
        }
    )


def read(table: pd.DataFrame) -> tuple[dict, GroupRanks]:
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    return columns, GroupRanks.fit(columns, schema.columns)


# --- which group, which numbers ---


def test_the_category_that_tells_most_makes_the_groups_and_only_what_it_tells_is_scored():
    ranks = read(told_table(400))[1]
    assert ranks.group_by == ["app"]
    assert sorted(ranks.scores) == ["minutes", "taps"]


@pytest.mark.parametrize(
    "table",
    [
        told_table(400).drop(columns="app"),
        told_table(3 * ROWS_PER_GROUP - 1),
        told_table(400)[["side", "app", "weight"]],
        told_table(400)[["app", "grade"]],
        told_table(2_000).assign(app=np.arange(2_000) % (MOST_GROUPS + 1)).astype({"app": str}),
        told_table(400)[["app"]],
        told_table(400)[["minutes"]],
    ],
    ids=["no such category", "few rows", "nothing told", "few values", "many groups", "no number",
         "no category"],
)  # fmt: skip
def test_where_no_group_tells_a_number_the_columns_stay_as_they_are(table):
    columns, ranks = read(table)
    assert not ranks.scores and not ranks.group_by
    assert all(
        values is columns[name]
        for name, values in ranks.transform(columns, np.random.default_rng(0)).items()
    )


def test_share_told_is_the_adjusted_share_of_a_regression_on_the_groups():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 5, 300)
    values = groups**2 + rng.normal(0, 4, 300)
    dummies = np.eye(5)[groups]
    left = values - dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
    expected = 1 - (left @ left / 295) / values.var(ddof=1)
    assert told_share(values, groups) == pytest.approx(expected)
    gaps = np.append(values, [np.nan, np.nan])
    assert told_share(gaps, np.append(groups, [0, 4])) == pytest.approx(expected)


def test_share_told_by_chance_is_nothing_however_many_groups():
    rng = np.random.default_rng(1)
    found = [told_share(rng.normal(size=200), np.arange(200) % 40) for _ in range(300)]
    assert abs(np.mean(found)) < 0.01


@pytest.mark.parametrize("values", [np.ones(20), np.full(20, np.nan), np.arange(20.0)])
def test_share_told_where_nothing_can_be_told(values):
    assert told_share(values, np.arange(20)) == 0


# --- there and back ---


def test_scores_are_a_bell_curve_in_every_group_and_numbers_come_back():
    table = told_table(1_500)
    table.loc[::7, "minutes"] = np.nan
    columns, ranks = read(table)
    scored = ranks.transform(columns, np.random.default_rng(0))
    for app in LEVELS:
        of_app = scored["minutes"][(table["app"] == app) & table["minutes"].notna()]
        assert kstest(of_app, norm.cdf).statistic < 0.07
    back = ranks.inverse(scored)
    np.testing.assert_array_equal(np.isnan(back["minutes"]), table["minutes"].isna())
    inner = np.abs(scored["taps"]) < 2
    np.testing.assert_array_equal(np.rint(back["taps"])[inner], table["taps"][inner])


def test_shares_around_values_are_their_chances_in_the_group():
    rows = 4_000
    rng, app = np.random.default_rng(0), np.repeat([0, 1], rows).astype(np.int32)
    even, pile = rng.integers(0, 25, rows), 50 + rng.integers(1, 41, rows)
    pile[rng.random(rows) < 0.4] = 50
    scores = GroupedScores.fit(np.append(even, pile).astype(float), app, 1.0, piles=True)
    ranks = GroupRanks(["app"], Groups.fit(app[:, None]), {"x": scores})
    asked = {"app": np.repeat([0, 1], 101).astype(np.int32), "x": np.tile(np.arange(101.0), 2)}
    shares = ranks.shares_around(asked, {"x": 0.5})["x"]
    chances = np.diff(shares)[:, 0].reshape(2, 101)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(chances[0, 2:23], 1 / 25, atol=0.012)
    assert chances[1, 50] == pytest.approx(0.4, abs=0.02)
    np.testing.assert_allclose(chances[1, 53:88], 0.6 / 40, atol=0.006)


# --- what the methods make of it ---


@pytest.mark.parametrize("method", [CopulaSynthesizer, VAESynthesizer, AutoregressiveSynthesizer])
def test_each_group_keeps_its_own_numbers_after_one_step_of_training(method):
    """What is counted needs no training; without it the numbers of all apps are one heap."""
    options = {} if method is CopulaSynthesizer else {"epochs": 1}
    table = told_table(200)
    model = method(**options).fit(table)
    rows = pd.concat([model.sample(300, given={"app": app}) for app in LEVELS])
    means = rows.groupby("app")["minutes"].mean()
    np.testing.assert_allclose(means, table.groupby("app")["minutes"].mean()[means.index], rtol=0.1)
    plain = method(**options, ranks_within_groups=False).fit(table)
    assert not plain.ranks_.scores


@pytest.mark.parametrize("wanted", ["yes", 1, None])
def test_ranks_within_groups_is_true_or_false(wanted):
    with pytest.raises(ValueError, match="ranks_within_groups must be True or False, not"):
        CopulaSynthesizer(ranks_within_groups=wanted).fit(told_table(30))


def near_table(rows: int) -> pd.DataFrame:
    """Two apps whose minutes overlap: bell curves around 50 and 65."""
    rng = np.random.default_rng(0)
    app = rng.choice(["a", "b"], rows)
    return pd.DataFrame({"app": app, "x": np.rint(rng.normal(np.where(app == "a", 50, 65), 10))})


@pytest.mark.parametrize("method", [CopulaSynthesizer, VAESynthesizer, AutoregressiveSynthesizer])
@pytest.mark.parametrize("wanted", [45.0, 60.0, 75.0])
def test_a_given_number_makes_groups_likely_by_bayes_rule(method, wanted):
    options = {} if method is CopulaSynthesizer else {"epochs": 1}
    rows = method(**options).fit(near_table(20_000)).sample(4_000, given={"x": wanted})
    assert (rows["x"] == wanted).all()
    first, second = norm.pdf(wanted, 50, 10), norm.pdf(wanted, 65, 10)
    assert (rows["app"] == "a").mean() == pytest.approx(first / (first + second), abs=0.06)


def test_a_number_that_the_group_never_had_is_met_by_its_nearest_rows():
    table = told_table(600)
    given = {"app": "game", "minutes": int(table["minutes"].max())}
    rows = CopulaSynthesizer().fit(table).sample(500, given=given)
    assert (rows[list(given)] == pd.Series(given)).all(axis=None)


def test_surprise_is_the_chance_of_numbers_told_by_rank():
    table = told_table(900)[["app", "minutes"]]
    model = AutoregressiveSynthesizer(epochs=3, units=8).fit(table)
    assert list(model.ranks_.scores) == ["minutes"]
    every = pd.DataFrame({"app": "game", "minutes": range(table["minutes"].max() + 1)})
    given_app = -model.surprise(every)["minutes"]
    chances = np.exp(given_app).to_numpy()
    assert chances.sum() == pytest.approx(1, abs=2e-3)
    drawn = model.sample(40_000, given={"app": "game"})["minutes"]
    shares = np.bincount(drawn, minlength=len(chances)) / 40_000
    assert np.abs(chances - shares).max() < 0.01
    beyond = every.tail(1).assign(minutes=10**6)
    assert 1e5 < model.surprise(beyond)["minutes"].iloc[0] < np.inf


def test_surprise_of_a_continuous_number_told_by_rank_is_a_density():
    table = near_table(3_000)
    table["x"] += np.random.default_rng(1).random(3_000)
    model = AutoregressiveSynthesizer(epochs=3, units=8).fit(table)
    for low, high in ((5, 95), (40, 50), (50, 70)):
        places = np.linspace(low, high, 2_000)
        nats = model.surprise(pd.DataFrame({"app": "a", "x": places}))["x"]
        expected = np.diff(norm.cdf([low, high], 50.5, 10))[0]
        assert np.exp(-nats).mean() * (high - low) == pytest.approx(expected, abs=0.03)


def test_missing_groups_are_drawn_by_the_numbers_that_are_known():
    table = near_table(4_000)
    model = AutoregressiveSynthesizer(epochs=3, units=8).fit(table)
    filled = model.impute(pd.DataFrame({"x": [60.0] * 2_000}))
    first, second = norm.pdf(60, 50, 10), norm.pdf(60, 65, 10)
    assert (filled["app"] == "a").mean() == pytest.approx(first / (first + second), abs=0.06)
    assert (filled["x"] == 60).all()
    back = model.impute(pd.DataFrame({"app": ["b"] * 2_000}))["x"]
    assert back.mean() == pytest.approx(65, abs=1) and back.std() == pytest.approx(10, abs=1)


@pytest.fixture(scope="module")
def idle():
    """An app told by its side, and minutes told by the app: two fifths of days are idle in one."""
    rng, rows = np.random.default_rng(0), 3_000
    app = rng.choice(["a", "b", "c"], rows, p=[0.1, 0.45, 0.45])
    busy = np.where(rng.random(rows) < 0.4, 0, rng.integers(10, 30, rows))
    minutes = np.select(
        [app == "a", app == "b"], [busy, rng.integers(0, 60, rows)], rng.integers(60, 120, rows)
    )
    table = pd.DataFrame({"side": np.where(app == "c", "l", "r"), "app": app, "minutes": minutes})
    model = AutoregressiveSynthesizer(epochs=30, units=32, learning_rate=5e-3)
    return table, model.fit(table)


def test_what_is_filled_in_together_goes_together(idle):
    table, model = idle
    filled = model.impute(table[["minutes"]].head(800))
    assert ((filled["side"] == "l") == (filled["app"] == "c")).mean() > 0.97


def test_a_missing_group_beside_a_pile_at_an_end_follows_bayes_rule(idle):
    table, model = idle
    truth = (table.loc[table["minutes"] == 0, "app"] == "a").mean()
    filled = model.impute(pd.DataFrame({"minutes": np.zeros(1_500, int)}))
    asked = model.sample(1_500, given={"minutes": 0})
    for rows in (filled, asked):
        assert (rows["app"] == "a").mean() == pytest.approx(truth, abs=0.08)


def test_a_long_tail_does_not_widen_what_counts_as_a_number():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 2, 4_000).astype(np.int32)
    values = np.exp(rng.normal(3.0 * group, 2.5))
    scores = GroupedScores.fit(values, group, 0.0, piles=True)
    ranks = GroupRanks(["g"], Groups.fit(group[:, None]), {"x": scores})
    assert 0 < ranks.reach("x", 0.0) < 1e-4 < values.max() * 1e-6
    assert ranks.reach("x", 1.0) == 0.5
