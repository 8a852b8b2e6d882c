"""Fairness on worlds whose rates are known, beside fairlearn, and on planted tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics
from scipy.stats import binomtest, norm

from utils.fairness import (
    GAPS,
    RATES,
    Decisions,
    Ledger,
    counts_by_cell,
    decide,
    drift_by_group,
    gap_changes,
    gap_intervals,
    groups_of,
    ledger,
    rate_changes,
    rate_intervals,
    sample_by_cell,
)
from utils.fairness.intervals import found_gap
from utils.schema import Schema, TableError
from utils.scoring.judge import boosted_trees
from utils.synthesizers import TreeSynthesizer

WORLDS = 60
PARITY, ODDS = "demographic parity difference", "equalized odds difference"


def world(seed: int, found: dict, false: dict, rows: int = 3000) -> Decisions:
    """Decisions with a known true and false positive rate in each group."""
    rng = np.random.default_rng(seed)
    group = rng.choice(list(found), rows)
    truth = rng.random(rows) < 0.4
    chance = np.where(truth, pd.Series(group).map(found), pd.Series(group).map(false))
    return Decisions(truth, rng.random(rows) < chance, group)


def covered(interval, truth: float) -> int:
    """In how many of 100 worlds the interval (low, high) of a seed holds the truth."""
    ends = [interval(seed) for seed in range(WORLDS)]
    return round(100 / WORLDS * sum(low <= truth <= high for low, high in ends))


# --- groups ---


def test_groups_of_one_column_and_of_two_together():
    table = pd.DataFrame({"sex": ["f", "m", None], "race": ["a", np.nan, "a"], "age": [1, 2, 3]})
    assert list(groups_of(table, "sex")) == ["f", "m", "(missing)"]
    assert list(groups_of(table, ["sex", "race"])) == ["f, a", "m, (missing)", "(missing), a"]
    assert groups_of(table.astype({"sex": "category"}), ["sex", "age"])[0] == "f, 1"


def test_what_makes_no_groups_is_refused():
    table = pd.DataFrame({"age": range(500), "a": ["x, y", "x"] * 250, "b": ["z", "y, z"] * 250})
    with pytest.raises(TableError, match=r"500 groups are too many.*pandas\.cut"):
        groups_of(table, "age")
    with pytest.raises(TableError, match="same name once joined"):
        groups_of(table, ["a", "b"])
    for names in ("sex", [], ["a", "sex"]):
        with pytest.raises(TableError, match="cannot be read off"):
            groups_of(table, names)


# --- decisions: rates and gaps ---


def test_rates_by_hand():
    truth, decided = [1, 1, 0, 0, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0, 0, 1]
    rates = Decisions(truth, decided, list("aaaabbbb"), least=1).rates()
    assert list(rates.index) == ["a", "b"] and list(rates) == list(RATES)
    assert rates.to_numpy() == pytest.approx(np.array([[0.5, 0.5, 0.5], [0.5, 1, 1 / 3]]))


@pytest.mark.parametrize("gap", GAPS)
def test_gaps_are_those_of_fairlearn(gap):
    for seed in range(3):
        one = world(seed, {"a": 0.3, "b": 0.6, "c": 0.9}, {"a": 0.1, "b": 0.1, "c": 0.4}, 400)
        function = getattr(metrics, gap.replace(" ", "_"))
        theirs = function(one.truth, one.decided, sensitive_features=one.group)
        assert one.gap(gap) == theirs
        assert found_gap(one, gap) == pytest.approx(theirs, abs=1e-12)


def test_too_few_persons_have_no_rate_and_make_no_gap():
    truth = np.r_[np.tile([True, False], 50), [True] * 2 + [False] * 60, [True, False]]
    group = np.repeat(["large", "few yes", "tiny"], [100, 62, 2])
    decided = np.r_[truth[:100], [False] * 62, [True, True]]
    one = Decisions(truth, decided, group)
    told = one.rates().notna()
    assert told.loc["large"].all() and not told.loc["tiny"].any()
    assert list(told.loc["few yes"]) == [True, False, True]
    assert one.compared(PARITY) == ["few yes", "large"] and one.gap(PARITY) == 0.5
    with pytest.raises(ValueError, match="two groups of 30 persons"):
        one.gap(ODDS)
    intervals = gap_intervals(one)
    assert np.isnan(intervals.loc[ODDS, "found"]) and intervals.loc[PARITY, "found"] == 0.5
    assert intervals.loc[ODDS, "between"] == "too few persons"
    assert rate_intervals(one, "true positive rate").loc["few yes"].isna().all()
    assert Decisions(truth, decided, group, least=1).gap(ODDS) == 1


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (([1, 0], [1], ["a", "b"]), "needs a truth"),
        (([1, 2], [1, 0], ["a", "b"]), "truth must be True or False"),
        (([1, 0], [np.nan, 0], ["a", "b"]), "decided must be True or False"),
        (([1, 0], [1, 0], ["a", None]), "have no group"),
    ],
)
def test_what_are_no_decisions_is_refused(parts, said):
    with pytest.raises(ValueError, match=said):
        Decisions(*parts)


def test_an_unknown_gap_is_refused():
    with pytest.raises(ValueError, match="no gap 'parity'.*demographic parity difference"):
        world(0, {"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5}).gap("parity")


# --- a model decides ---


def people(rows: int, seed: int) -> pd.DataFrame:
    """Pay follows skill, and is one group's privilege."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"sex": rng.choice(["f", "m"], rows), "skill": rng.normal(size=rows)})
    chance = 1 / (1 + np.exp(-2 * table["skill"] - (table["sex"] == "m") + 1))
    return table.assign(pay=np.where(rng.random(rows) < chance, "high", "low"))


@pytest.fixture(scope="module")
def tables():
    train, holdout = people(2000, 1), people(3000, 2)
    return train, holdout, Schema.infer(train, target="pay")


def test_the_judge_decides_as_scikit_learn_does(tables):
    train, holdout, schema = tables
    one = decide(train, holdout, schema, "sex", positive="high")
    codes = [
        np.column_stack([table["sex"] == "m", table["skill"]]).astype(float)
        for table in (train, holdout)
    ]
    judge = boosted_trees("classify", [True, False], 0).fit(codes[0], train["pay"] == "high")
    assert np.array_equal(one.decided, judge.predict(codes[1]))
    assert np.array_equal(one.truth, holdout["pay"] == "high")
    assert one.rates().loc["m", "selection rate"] > one.rates().loc["f", "selection rate"] + 0.1
    second = decide(train, holdout, schema, "sex")  # the second category, "low"
    assert np.array_equal(second.truth, ~one.truth)
    blind = decide(train, holdout, schema, "sex", without=["sex"], positive="high")
    assert blind.gap(PARITY) < one.gap(PARITY) - 0.05


def test_rows_without_a_target_and_training_rows_of_one_answer(tables):
    train, holdout, schema = tables
    some = holdout.assign(pay=holdout["pay"].where(np.arange(len(holdout)) >= 100))
    one = decide(train[train["pay"] == "high"], some, schema, "sex", positive="high")
    assert len(one.truth) == len(holdout) - 100 and one.decided.all()


def test_what_cannot_be_decided_is_refused(tables):
    train, holdout, schema = tables
    with pytest.raises(TableError, match="target of two values"):
        decide(train, holdout, Schema.infer(train), "sex")
    with pytest.raises(TableError, match="'rich' is no value of 'pay'"):
        decide(train, holdout, schema, "sex", positive="rich")
    for without in (["race"], ["sex", "skill"]):
        with pytest.raises(TableError, match="cannot do without"):
            decide(train, holdout, schema, "sex", without=without)
    with pytest.raises(TableError, match="No row has a value of the target 'pay'"):
        decide(train.assign(pay=None), holdout, schema, "sex")


# --- intervals ---


@pytest.mark.parametrize(
    ("found", "gap", "truth"),
    [
        ({"a": 0.6, "b": 0.6}, ODDS, 0.1),  # the false positive rates of ``false`` decide
        ({"a": 0.5, "b": 0.8}, ODDS, 0.3),
        ({"a": 0.5, "b": 0.8, "c": 0.7}, "equalized odds ratio", 0.5),
    ],
)
def test_intervals_hold_the_gap_as_often_as_they_say(found, gap, truth):
    false = {"a": 0.1, "b": 0.2, "c": 0.15}
    ends = ["low", "high"]
    held = covered(
        lambda seed: gap_intervals(world(seed, found, false, 1200)).loc[gap, ends], truth
    )
    assert 91 <= held <= 100


def test_an_interval_holds_a_gap_of_nothing_and_narrows_with_the_rows():
    same = {"a": 0.3, "b": 0.3, "c": 0.3}
    ends = ["low", "high"]
    held = covered(lambda s: gap_intervals(world(s, same, same, 600)).loc[PARITY, ends], 0.0)
    assert held >= 91
    wide, narrow = (
        gap_intervals(world(0, {"a": 0.2, "b": 0.6}, {"a": 0.1, "b": 0.3}, rows)).loc[PARITY]
        for rows in (500, 50_000)
    )
    assert narrow["between"] == "a and b" and narrow["found"] > 0.2
    assert wide["high"] - wide["low"] > 8 * (narrow["high"] - narrow["low"])


def all_and_none(sizes: dict[str, int]) -> Decisions:
    """Everybody of group a is found, nobody of the others: no bootstrap sample differs, so the
    multiple of the standard error is that of the normal distribution."""
    group = np.repeat(list(sizes), list(sizes.values()))
    return Decisions(np.ones(len(group), bool), group == "a", group)


@pytest.mark.parametrize("sizes", [{"a": 40, "b": 400}, {"a": 400, "b": 40}])
def test_the_error_of_a_pair_is_that_of_both_groups(sizes):
    """By hand: Agresti and Coull (1998) for a difference, the delta method for a ratio."""
    found, z = gap_intervals(all_and_none(sizes)), norm.ppf(0.975)
    pulled = {name: (n * (name == "a") + z**2 / 2) / (n + z**2) for name, n in sizes.items()}
    variance = sum(p * (1 - p) / (sizes[name] + z**2) for name, p in pulled.items())
    assert found.loc[PARITY, "low"] == pytest.approx(1 - z * np.sqrt(variance))
    half = {name: n * (name == "a") + 0.5 for name, n in sizes.items()}
    distance = np.log(half["a"] / (sizes["a"] + 1)) - np.log(half["b"] / (sizes["b"] + 1))
    error = np.sqrt(sum(1 / half[name] - 1 / (n + 1) for name, n in sizes.items()))
    ratio = found.loc["demographic parity ratio", "high"]
    assert ratio == pytest.approx(np.exp(z * error - distance))


def test_of_three_groups_the_pair_that_is_surest_sets_the_lower_end():
    sizes, z = {"a": 200, "b": 30, "c": 2000}, norm.ppf(0.975)
    ends = []
    for name in "bc":
        variance = 0
        for n, hits in ((sizes["a"], sizes["a"]), (sizes[name], 0)):
            pulled = (hits + z**2 / 2) / (n + z**2)
            variance += pulled * (1 - pulled) / (n + z**2)
        ends.append(1 - z * np.sqrt(variance))
    assert gap_intervals(all_and_none(sizes)).loc[PARITY, "low"] == pytest.approx(max(ends))


def test_a_gap_that_lacks_persons_does_not_cost_the_others_their_change():
    before, after = paired(0)
    few = [Decisions(one.truth, one.decided, one.group, least=700) for one in (before, after)]
    changes, whole = gap_changes(*few), gap_changes(before, after)
    assert changes.loc[[ODDS, "equalized odds ratio"]].isna().all(axis=None)
    parity = [PARITY, "demographic parity ratio"]
    pd.testing.assert_frame_equal(changes.loc[parity], whole.loc[parity])


def test_rates_of_none_and_all_leave_doubt():
    one = world(0, {"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.0}, 300)
    odds = gap_intervals(one)
    assert odds.loc[ODDS, "found"] == 0 == odds.loc[ODDS, "low"] < odds.loc[ODDS, "high"]
    low, high = rate_intervals(one, "false positive rate").loc["a", ["low", "high"]]
    assert low == pytest.approx(0) and 0.01 < high < 0.1


def test_intervals_of_rates_are_wilsons():
    one = world(0, {"a": 0.3, "b": 0.6}, {"a": 0.1, "b": 0.1}, 300)
    ours = rate_intervals(one, "true positive rate").loc["a"]
    asked = one.truth & (one.group == "a")
    theirs = binomtest(int(one.decided[asked].sum()), int(asked.sum())).proportion_ci(
        method="wilson"
    )
    assert list(ours[["low", "high"]]) == pytest.approx([theirs.low, theirs.high])


def paired(seed: int, flips: float = 0.1) -> tuple[Decisions, Decisions]:
    """A model, and one that says yes to some more persons of group a."""
    one = world(seed, {"a": 0.4, "b": 0.7}, {"a": 0.1, "b": 0.1})
    rng = np.random.default_rng(1000 + seed)
    more = (one.group == "a") & one.truth & (rng.random(len(one.truth)) < flips)
    return one, Decisions(one.truth, one.decided | more, one.group)


def test_changes_are_paired_and_hold_the_truth():
    def interval(seed):
        return gap_changes(*paired(seed)).loc[ODDS, ["low", "high"]]

    assert 90 <= covered(interval, -0.06) <= 99
    before, after = paired(0)
    rate = rate_changes(before, after, "true positive rate")
    assert rate.loc["b", "change"] == 0 == rate.loc["b", "high"]
    assert rate.loc["a", "low"] < 0.06 < rate.loc["a", "high"]
    separate = gap_intervals(before).loc[ODDS]
    low, high = interval(0)
    assert high - low < 0.5 * (separate["high"] - separate["low"])
    assert (gap_changes(before, before)[["low", "change", "high"]] == 0).all(axis=None)


def test_only_decisions_about_the_same_rows_are_compared():
    one, other = paired(0)[0], paired(1)[0]
    with pytest.raises(ValueError, match="same rows"):
        gap_changes(one, other)
    with pytest.raises(ValueError, match="same rows"):
        rate_changes(one, Decisions(one.truth, one.decided, one.group, 5), "selection rate")


# --- ledger ---


def with_rate(base: Decisions, rate: float, seed: int) -> Decisions:
    """A model that finds this share of group a, and seven of ten of group b."""
    rng = np.random.default_rng(seed)
    chance = np.where(base.group == "a", rate, 0.7)
    return Decisions(base.truth, base.truth & (rng.random(len(chance)) < chance), base.group)


def test_the_ledger_finds_planted_causes_and_adds_up():
    base = world(0, {"a": 0.5, "b": 0.5}, {"a": 0.1, "b": 0.1}, 20_000)
    real = with_rate(base, 0.6, 1)
    fits = [with_rate(base, 0.5 + shift, 2) for shift in (-0.01, 0, 0.01)]
    private = [with_rate(base, 0.3 + shift, 3) for shift in (-0.05, 0, 0.05)]
    found = ledger(real, fits, private, published=2)
    assert found.whole == private[2].gap(ODDS)
    assert found.parts["part"].sum() == pytest.approx(found.whole, abs=1e-12)
    assert list(found.parts["part"]) == pytest.approx([0.1, 0.1, 0.2, -0.05], abs=0.04)
    assert (found.parts["low"] < found.parts["part"]).all()
    assert found.parts.loc["privacy noise", "low"] > 0.1  # beyond luck
    without = ledger(real, fits, published=0).parts
    assert (without.loc["privacy noise"] == 0).all()
    assert without["part"].sum() == pytest.approx(fits[0].gap(ODDS), abs=1e-12)
    assert "equalized odds difference: 0.3" in repr(found)


def test_tables_that_differ_widen_the_ledger():
    base = world(0, {"a": 0.5, "b": 0.5}, {"a": 0.1, "b": 0.1}, 20_000)
    real = with_rate(base, 0.6, 1)

    def width(shift):
        fits = [with_rate(base, 0.4 + by, 2) for by in (-shift, 0, shift)]
        part = ledger(real, fits).parts.loc["generator"]
        return part["high"] - part["low"]

    assert width(0.1) > 2 * width(0.0)


def test_what_makes_no_ledger_is_refused():
    one, other = paired(0)
    with pytest.raises(ValueError, match="two of a kind"):
        ledger(one, [other])
    with pytest.raises(ValueError, match="two of a kind"):
        ledger(one, [other, other], [other])
    with pytest.raises(ValueError, match="same rows"):
        ledger(one, [other, paired(1)[0]])
    with pytest.raises(ValueError, match="do not add up|add up to"):
        Ledger(pd.DataFrame({"part": [0.1, 0.1]}), 0.3, ODDS)


# --- drift ---


def linked(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    group = rng.choice(["large", "small", "tiny"], rows, p=[0.7, 0.28, 0.02])
    return pd.DataFrame({"group": group, "x": x, "y": x + rng.normal(0, 0.3, rows)})


def test_drift_is_found_in_the_group_that_has_it():
    real, synthetic = linked(3000, 1), linked(2500, 2)
    small = (synthetic["group"] == "small").to_numpy()
    synthetic.loc[small, "y"] = np.random.default_rng(3).permutation(synthetic.loc[small, "y"])
    schema = Schema.infer(real)
    found = drift_by_group(real, synthetic, schema, "group")
    assert found.loc["small", "c2st"] > 0.8 and found.loc["large", "c2st"] < 0.6
    assert found.loc["small", "trend"] < 0.7 < 0.95 < found.loc["large", "trend"]
    assert (found.loc[["large", "small"], "shape"] > 0.9).all()
    assert found.loc["tiny", ["shape", "trend", "c2st"]].isna().all()
    assert found["real rows"].sum() == 3000 and found["synthetic share"].sum() == pytest.approx(1)
    with_rows = drift_by_group(real, synthetic, schema, "group", rows=1000)
    assert with_rows["c2st"].notna().to_dict() == {"large": True, "small": False, "tiny": False}


def cells(**groups: list[tuple[str, str, int]]) -> pd.DataFrame:
    """A table of two categories: of each group, so many rows of each pair."""
    rows = [(name, x, y) for name, of in groups.items() for x, y, n in of for _ in range(n)]
    return pd.DataFrame(rows, columns=["group", "x", "y"])


def test_drift_by_hand():
    both = [("p", "u", 100), ("q", "v", 100)]
    free = [(x, y, 50) for x in "pq" for y in "uv"]
    uneven = [("p", "u", 140), ("q", "v", 60)]
    real = cells(same=both, unlinked=both, uneven=both, apart=[("p", "u", 200)], few=both[:1])
    synthetic = cells(
        same=both, unlinked=free, uneven=uneven, apart=[("q", "v", 400)], few=[("p", "u", 99)]
    )
    found = drift_by_group(real, synthetic, Schema.infer(real), "group")
    shape = {"same": 1, "unlinked": 1, "uneven": 0.8, "apart": 0}  # less the shares that differ
    trend = {"same": 1, "unlinked": 0.5, "uneven": 0.8}  # the same, of pairs; none of constants
    assert found["shape"].dropna().to_dict() == pytest.approx(shape)
    assert found["trend"].dropna().to_dict() == pytest.approx(trend)
    assert found.loc["apart", "c2st"] == 1 and abs(found.loc["same", "c2st"] - 0.5) < 0.1
    assert found["real rows"].to_dict() == {**dict.fromkeys(shape, 200), "few": 100}
    assert found["synthetic rows"].to_dict() == {**dict.fromkeys(shape, 200)} | {
        "apart": 400,
        "few": 99,
    }
    assert found["real share"].to_dict() == pytest.approx(
        {**dict.fromkeys(shape, 2 / 9), "few": 1 / 9}
    )
    assert found.loc["apart", "synthetic share"] == pytest.approx(400 / 1099)


def test_a_group_that_vanished_is_told():
    real = linked(1500, 1)
    found = drift_by_group(
        real, real[real["group"] != "small"], Schema.infer(real), ["group"], least=2000
    )
    assert found.loc["small", "synthetic rows"] == 0 and found["c2st"].isna().all()


# --- repair ---


def test_counts_make_group_and_answer_independent():
    table = pd.DataFrame(
        {
            "sex": ["f"] * 40 + ["m"] * 60,
            "pay": ["high"] * 4 + ["low"] * 36 + ["high"] * 36 + ["low"] * 24,
        }
    )
    counts = counts_by_cell(table, "sex", "pay", 100)
    assert counts.to_dict() == {
        ("f", "high"): 16,
        ("f", "low"): 24,
        ("m", "high"): 24,
        ("m", "low"): 36,
    }
    assert counts_by_cell(table, "sex", "pay", 100, strength=0)["f", "high"] == 4
    assert counts_by_cell(table, "sex", "pay", 100, strength=0.5)["f", "high"] == 10
    for n in (0, 1, 7, 1234):
        assert counts_by_cell(table, "sex", "pay", n).sum() == n
    assert counts.index.names == ["sex", "pay"] and counts.dtype == "int64"
    gone = counts_by_cell(
        table.assign(sex=table["sex"].where(table["sex"] == "m")), "sex", "pay", 9
    )
    assert set(gone.index.get_level_values("sex")) == {"m"}


@pytest.mark.parametrize(
    ("names", "target", "strength", "said"),
    [
        ("race", "pay", 1, "cannot be counted"),
        ("sex", "sex", 1, "cannot be counted"),
        ([], "pay", 1, "cannot be counted"),
        ("sex", "pay", 1.5, "between 0 and 1"),
    ],
)
def test_what_cannot_be_counted_is_refused(names, target, strength, said):
    with pytest.raises(ValueError, match=said):
        counts_by_cell(people(50, 0), names, target, 50, strength)


def test_rows_are_drawn_by_cell_and_help_the_worst_group(tables):
    train, holdout, schema = tables
    model = TreeSynthesizer(random_state=0).fit(train, schema=schema)
    counts = counts_by_cell(train, ["sex"], "pay", 2000)
    repaired = sample_by_cell(model, counts, random_state=1)
    assert repaired.groupby(["sex", "pay"]).size().to_dict() == counts.to_dict()
    assert repaired.equals(sample_by_cell(model, counts, random_state=1))
    assert not repaired.equals(sample_by_cell(model, counts, random_state=2))
    assert list(repaired) == list(train) and repaired.dtypes.equals(train.dtypes)
    assert repaired["sex"].head(200).nunique() == 2  # in a random order
    found = [
        decide(rows, holdout, schema, "sex", positive="high").rates()
        for rows in (model.sample(2000), repaired)
    ]
    before, after = (rates.loc["f", "true positive rate"] for rates in found)
    assert after > before + 0.05
    assert len(sample_by_cell(model, counts * 0)) == 0
