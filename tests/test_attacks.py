"""Attacks on tables whose secrets are known, and intervals on worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr
from sklearn.base import BaseEstimator
from sklearn.metrics import roc_curve

from utils.attacks import (
    Evidence,
    Rate,
    Risk,
    attribute_inference,
    by_unit,
    calibrated_distance_belief,
    density_ratio_belief,
    distance_belief,
    linkability,
    privacy_report,
    shadow_belief,
    singling_out,
)
from utils.attacks.neighbours import nearest
from utils.schema import Schema, TableError
from utils.scoring import membership, shuffle_columns
from utils.synthesizers import CopulaSynthesizer, TreeSynthesizer

WORLDS = 200


def people(rows: int, seed: int) -> pd.DataFrame:
    """Four linked numbers and a category, no two rows alike."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=rows)
    return pd.DataFrame(
        {
            "weight": size + rng.normal(0, 0.5, rows),
            "height": size + rng.normal(0, 0.5, rows),
            "pay": np.exp(rng.normal(size=rows)),
            "age": rng.uniform(18, 80, rows),
            "kind": rng.choice(list("abcdefgh"), rows),
        }
    )


@pytest.fixture(scope="module")
def tables():
    train, control, reference = (people(400, seed) for seed in (1, 2, 3))
    return train, control, reference, Schema.infer(pd.concat([train, control, reference]))


def asked(train, control):
    """Records of an attack and the truth about them."""
    truth = np.repeat([True, False], [len(train), len(control)])
    return pd.concat([train, control], ignore_index=True), truth


# --- evidence ---


def test_auc_and_its_interval_by_counting_pairs():
    rng = np.random.default_rng(0)
    members, others = rng.integers(0, 12, 40) + 1.0, rng.integers(0, 12, 30)
    evidence = Evidence(np.r_[members, others], np.repeat([True, False], [40, 30]))
    wins = (members[:, None] > others) + 0.5 * (members[:, None] == others)
    assert evidence.auc == pytest.approx(wins.mean())
    error = np.sqrt(wins.mean(axis=1).var(ddof=1) / 40 + wins.mean(axis=0).var(ddof=1) / 30)
    low, high = (np.log(end / (1 - end)) for end in evidence.auc_interval())
    slope = 1 / (wins.mean() * (1 - wins.mean()))
    assert high - low == pytest.approx(2 * norm.ppf(0.975) * error * slope)
    assert low + high == pytest.approx(2 * np.log(wins.mean() / (1 - wins.mean())))


def test_groups_that_part_without_an_error_leave_doubt():
    low, high = Evidence([0, 1, 2, 3, 4, 5], [False] * 3 + [True] * 3).auc_interval()
    assert low == pytest.approx(0.025 ** (1 / 3)) and high == 1
    assert Evidence([5, 4, 3, 2], [False, False, True, True]).auc_interval()[0] == 0


@pytest.mark.parametrize("values", [3, 10, 1000])
@pytest.mark.parametrize("at", [0.01, 0.1, 0.333])
def test_true_positive_rate_is_that_of_the_roc_curve(values, at):
    rng = np.random.default_rng(values)
    belief, member = rng.integers(0, values, 500), rng.random(500) < 0.4
    false_rate, true_rate, _ = roc_curve(member, belief, drop_intermediate=False)
    expected = np.interp(at, false_rate, true_rate)
    assert Evidence(belief, member).true_positive_rate(at) == pytest.approx(expected)


def test_a_share_below_one_unit_is_no_rate():
    evidence = Evidence(np.arange(60), np.arange(60) < 10)
    assert np.isnan(evidence.true_positive_rate(0.01))
    assert np.isnan(evidence.true_positive_rate_interval(0.01)).all()
    assert evidence.true_positive_rate(0.1) == 0


def covered(interval_and_truth) -> int:
    """In how many of 100 worlds the interval holds the truth."""
    found = [interval_and_truth(np.random.default_rng(seed)) for seed in range(WORLDS)]
    return round(100 / WORLDS * sum(low <= truth <= high for (low, high), truth in found))


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_intervals_hold_the_truth_as_often_as_they_say(shift):
    """Of the AUC; the rates take longer: one world here, all in data/results/coverage.csv."""

    def world(rng):
        return Evidence(
            np.r_[rng.normal(shift, size=120), rng.normal(size=200)],
            np.repeat([True, False], [120, 200]),
        )

    auc = norm.cdf(shift / np.sqrt(2))
    assert 90 <= covered(lambda rng: (world(rng).auc_interval(), auc)) <= 99
    if shift != 1:
        return
    found = norm.sf(norm.isf(0.1) - shift)
    assert 90 <= covered(lambda rng: (world(rng).true_positive_rate_interval(0.1), found)) <= 99


@pytest.mark.parametrize(("shift", "at"), [(4.0, 0.1), (0.0, 0.02)])
def test_intervals_hold_the_truth_at_shares_near_none_and_all(shift, at):
    def world(rng):
        belief = np.r_[rng.normal(shift, size=120), rng.normal(size=200)]
        evidence = Evidence(belief, np.repeat([True, False], [120, 200]))
        return evidence.true_positive_rate_interval(at), norm.sf(norm.isf(at) - shift)

    assert covered(world) >= 88


def test_a_share_of_none_or_all_is_not_certain_and_lies_in_its_interval():
    for first in (0, 50):
        evidence = Evidence(np.arange(60), (np.arange(60) - first) // 10 == 0)
        rate, (low, high) = (
            evidence.true_positive_rate(0.1),
            evidence.true_positive_rate_interval(0.1),
        )
        assert rate == first // 50 and low <= rate <= high and high - low > 0.2
    assert Evidence([1, 2, 3, 4], [True, True, False, False]).auc_interval()[0] == 0
    for share in (0, 1, 1.5):
        with pytest.raises(ValueError, match="between 0 and 1"):
            evidence.true_positive_rate(share)
    exact = Evidence(np.arange(99), np.arange(99) >= 50)
    assert exact.true_positive_rate(1 / 50) == 1


def test_beliefs_about_persons_are_means_of_their_rows():
    persons, belief = by_unit(np.array([1.0, 5.0, 2.0, 3.0]), np.array(["b", "a", "b", "b"]))
    assert list(persons) == ["a", "b"] and list(belief) == [5.0, 2.0]


def test_the_most_exposed_are_members():
    evidence = Evidence([9, 1, 5, 7, 3], [False, True, True, True, False])
    assert list(evidence.most_exposed(2)) == [3, 2]


@pytest.mark.parametrize(
    ("belief", "member", "message"),
    [
        ([1, 2, 3], [True, False], "one belief and one truth"),
        ([1, np.nan, 3, 4], [True, True, False, False], "Belief 1 is nan"),
        ([1, 2, 3], [True, True, False], "2 members and 1 non-members"),
    ],
)
def test_evidence_that_is_none_is_refused(belief, member, message):
    with pytest.raises(ValueError, match=message):
        Evidence(belief, member)


# --- rates ---


def test_a_rate_and_its_interval():
    assert Rate(8, 10).value == 0.8
    assert Rate(8, 10).interval() == pytest.approx((0.4902, 0.9433), abs=1e-4)
    with pytest.raises(ValueError, match="0 guesses"):
        Rate(0, 0)


def test_risk_is_what_luck_leaves_open():
    assert Risk(Rate(60, 100), Rate(20, 100)).value == pytest.approx(0.5)
    assert Risk(Rate(20, 100), Rate(20, 100)).value == 0
    sure = Risk(Rate(5, 10), Rate(10, 10))
    assert np.isnan(sure.value) and np.isnan(sure.interval()).all()


def test_a_risk_far_below_luck_has_an_interval_below_it():
    low, high = Risk(Rate(50, 100), Rate(99, 100)).interval()
    assert low < -49 < high < 0
    sure = Risk(Rate(100, 100), Rate(50, 100))
    assert sure.value == 1 and sure.interval()[1] == 1 and sure.interval()[0] > 0.9


@pytest.mark.parametrize(("hit", "luck"), [(0.3, 0.3), (0.6, 0.1), (0.02, 0.01), (0.95, 0.5)])
def test_the_interval_of_a_risk_holds_the_truth_as_often_as_it_says(hit, luck):
    truth = (hit - luck) / (1 - luck)

    def world(rng):
        risk = Risk(Rate(rng.binomial(150, hit), 150), Rate(rng.binomial(100, luck), 100))
        return risk.interval(), truth

    assert 90 <= covered(world) <= 99


# --- membership ---


def test_distance_belief_is_the_attack_of_the_scoreboard(tables):
    train, control, reference, schema = tables
    records, member = asked(train, control)
    synthetic = pd.concat([train[:100], reference[100:]], ignore_index=True)
    evidence = Evidence(distance_belief(records, synthetic, schema), member)
    found = membership(train, control, synthetic, schema)
    assert evidence.auc == pytest.approx(found["membership_auc"])
    assert evidence.true_positive_rate(0.01) == pytest.approx(found["membership_tpr_at_1"])


def beliefs(tables, synthetic):
    train, control, reference, schema = tables
    records, member = asked(train, control)
    rest = records, synthetic, reference, schema
    trees = TreeSynthesizer(min_samples_leaf=1)
    return {
        "calibrated": Evidence(calibrated_distance_belief(*rest), member),
        "density": Evidence(density_ratio_belief(*rest), member),
        "shadow": Evidence(shadow_belief(records, synthetic, schema, trees, shadows=4), member),
    }


def test_every_attack_finds_the_members_of_a_copy_and_none_of_fresh_rows(tables):
    train, *_ = tables
    for name, evidence in beliefs(tables, train).items():
        assert evidence.auc_interval()[0] > 0.75, name
    for name, evidence in beliefs(tables, people(400, 9)).items():
        low, high = evidence.auc_interval(0.999)
        assert low < 0.5 < high, name


def test_density_ratio_is_that_of_two_known_densities():
    rng = np.random.default_rng(0)
    narrow, wide = (pd.DataFrame({"x": rng.normal(0, s, 4000)}) for s in (1, 2))
    records = pd.DataFrame({"x": np.linspace(-4, 4, 81)})
    schema = Schema.infer(pd.concat([narrow, wide]))
    belief = density_ratio_belief(records, narrow, wide, schema)
    truth = norm.logpdf(records["x"]) - norm.logpdf(records["x"], scale=2)
    assert spearmanr(belief, truth).statistic > 0.95
    assert np.median(np.abs(belief - truth)[20:61]) < 0.2


def test_a_density_ratio_does_not_depend_on_how_many_rows_are_known():
    rng = np.random.default_rng(1)
    many, few = (pd.DataFrame({"x": rng.normal(size=size)}) for size in (4000, 1000))
    belief = density_ratio_belief(many[:500], many, few, Schema.infer(many))
    assert abs(np.mean(belief)) < 0.3  # the log of the sizes' ratio is 1.4


class Copier(BaseEstimator):
    """A method that hands out rows: those it was fitted on, or always the same."""

    def __init__(self, always=None, random_state=None):
        self.always, self.random_state = always, random_state

    def fit(self, table, schema=None):
        self.rows_ = table if self.always is None else self.always
        return self

    def sample(self, n):
        return self.rows_.sample(n, replace=True, random_state=self.random_state)


def test_shadows_say_what_seeing_a_record_does_and_nothing_where_it_does_nothing():
    train, others, fixed = (people(60, seed) for seed in (50, 51, 52))
    records, member = asked(train, others)
    schema = Schema.infer(pd.concat([records, fixed]))
    deaf = Copier(always=fixed.iloc[:1])
    assert not shadow_belief(records, train, schema, deaf, shadows=4).any()
    belief = shadow_belief(records, train, schema, Copier(), shadows=8)
    assert Evidence(belief, member).auc > 0.99 and (belief[member] > 0).mean() > 0.95


def test_calibration_pardons_a_row_in_a_crowd():
    crowd = pd.DataFrame({"x": np.r_[np.linspace(0, 1, 200), 50.0]})
    records = pd.DataFrame({"x": [0.5, 50.0, *np.linspace(0, 60, 60)]})
    schema = Schema.infer(crowd)
    both = calibrated_distance_belief(records, crowd, crowd[:200], schema)[:2]
    assert both[1] > both[0] + 1  # both rows stand in the synthetic table


def test_shadows_are_even_and_records_can_be_halved(tables):
    train, _, _, schema = tables
    for shadows in (3, 2, 5):
        with pytest.raises(ValueError, match="even number"):
            shadow_belief(train, train, schema, CopulaSynthesizer(), shadows)
    with pytest.raises(TableError, match="(?s)off all rows that the attacker knows.*column 'pay'"):
        narrow = Schema.infer(train[train["pay"] < 2])
        shadow_belief(train, train, narrow, CopulaSynthesizer())
    with pytest.raises(TableError, match="cannot be halved"):
        shadow_belief(train[:1], train, schema, CopulaSynthesizer())


# --- linkage, attributes, singling out ---


def attacks(train, control, synthetic, schema) -> dict[str, Risk]:
    tables = train, control, synthetic, schema
    return {
        "number": attribute_inference(*tables, secret="pay"),
        "category": attribute_inference(*tables, secret="kind"),
        "linkage": linkability(*tables, columns=(["weight", "pay"], ["height", "age", "kind"])),
        "singling out": singling_out(*tables, guesses=200),
    }


def test_a_copy_gives_everything_away_and_shuffled_columns_nothing(tables):
    train, control, _, schema = tables
    for name, risk in attacks(train, control, train, schema).items():
        assert risk.main.value == 1 and risk.interval()[0] > 0.5, name
    found = attacks(train, control, shuffle_columns(train, 0), schema)
    del found["singling out"]  # one pair of tables decides too much: see the next test
    for name, risk in found.items():
        assert abs(risk.value) < 0.1 and risk.main.value < 0.6, name


def test_sentences_from_shuffled_columns_fit_training_no_more_than_others():
    values = []
    for seed in range(0, 24, 2):
        train, control = people(200, 100 + seed), people(200, 101 + seed)
        schema = Schema.infer(pd.concat([train, control]))
        shuffled = shuffle_columns(train, seed)
        values.append(singling_out(train, control, shuffled, schema, guesses=150).value)
    assert abs(np.mean(values)) < 0.06 and np.std(values) < 0.15


def test_a_row_that_was_moved_a_little_is_still_found():
    """A plain rank lies half-way between two synthetic numbers, however near it is to one."""
    train, control = people(300, 60), people(300, 61)
    numbers = train.select_dtypes("number")
    moved = train.assign(**(numbers + 1e-7 * (1 + np.arange(300)[:, None] % 3 - 1)))
    schema, rows = Schema.infer(pd.concat([train, control, moved])), np.arange(300)
    for name in numbers:
        assert np.array_equal(nearest(train, moved, schema.select([name]), 1)[:, 0], rows)
    tables = train, control, moved, schema
    assert linkability(*tables, columns=(["age"], ["weight"])).main.value == 1
    assert attribute_inference(*tables, "kind", known=["age"]).main.value == 1


def test_missing_numbers_are_near_missing_ones():
    rows = pd.DataFrame({"x": [np.nan, 0.4, 9.0, -9.0], "y": [1.0, 2.0, 3.0, 4.0]})
    among = pd.DataFrame({"x": [0.0, np.nan, 1.0], "y": [np.nan] * 3})
    schema = Schema.infer(pd.concat([rows, among]))
    found = nearest(rows, among, schema.select(["x"]), 3)
    assert found.shape == (4, 3) and list(found[:, 0]) == [1, 0, 2, 0]
    assert nearest(rows, among, schema, 9).shape == (4, 3)  # y is known of nobody


def test_where_few_sentences_fit_one_row_many_are_tried(tables):
    train, control, reference, schema = tables
    asked = 60
    risk = singling_out(train, control, reference, schema, guesses=asked)
    assert risk.main.guesses == asked  # one try in thirty makes a claim


def test_luck_is_as_large_as_the_share_of_the_commonest_guess(tables):
    train, control, reference, schema = tables
    risk = attribute_inference(train, control, reference, schema, "kind", known=["age"])
    assert 0.05 < risk.main.value < 0.25 and 0.05 < risk.control.value < 0.25  # one in eight


def test_missing_cells_are_guessed_by_missing_ones():
    train = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [np.nan, 5.0, np.nan, 8.0]})
    guesses = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [np.nan, 5.2, 7.0, 7.0]})
    risk = attribute_inference(train, train, guesses, Schema.infer(train), "y")
    assert (risk.main.hits, risk.main.guesses) == (2, 4)  # 5.2 is near 5, 7 is not near 8


def test_dates_are_met_within_one_span_for_both_groups():
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01", "ns") + rng.integers(20, size=(3, 200)).astype("m8[D]")
    train, control, synthetic = (pd.DataFrame({"x": np.arange(200.0), "day": d}) for d in days)
    train.loc[0, "day"] = pd.Timestamp("2029-06-23")
    schema = Schema.infer(pd.concat([train, control, synthetic]))
    risk = attribute_inference(train, control, synthetic, schema, "day")
    assert abs(risk.main.value - risk.control.value) < 0.05
    hits = attribute_inference(control, control, control, schema, "day")
    assert hits.main.value == 1
    empty = control.assign(day=pd.NaT)
    assert attribute_inference(empty, empty, empty, schema, "day").main.value == 1
    apart = synthetic.assign(day=synthetic["day"] + pd.Timedelta(3000, "D"))
    assert attribute_inference(control, control, apart, schema, "day").main.hits == 0


def test_more_neighbours_link_more_and_missing_cells_single_out():
    train, control, synthetic = (people(200, seed) for seed in (40, 41, 42))
    schema = Schema.infer(pd.concat([train, control, synthetic]))
    columns = (["weight", "pay"], ["height", "age", "kind"])
    few, many = (
        linkability(train, control, synthetic, schema, columns, neighbours).main.hits
        for neighbours in (1, 20)
    )
    assert many > few + 10
    hole = pd.DataFrame({"x": [1.0] * 30 + [np.nan]})
    found = singling_out(hole, hole, hole, Schema.infer(hole), guesses=20, columns=1)
    assert (found.main.hits, found.main.guesses) == (1, 1)  # the same claim is made once


def test_a_person_with_many_rows_is_singled_out_as_one():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"age": np.arange(50) * 1.0, "pay": rng.permutation(50) * 1.0})
    twice = pd.concat([table, table], ignore_index=True)
    schema, person = Schema.infer(table), np.tile(np.arange(50), 2)
    options = {"guesses": 50, "columns": 2}
    by_row = singling_out(twice, twice, table, schema, **options)
    by_person = singling_out(twice, twice, table, schema, **options, unit=(person, person))
    assert by_row.main.hits == 0 and by_person.main.value == 1


def test_groups_are_compared_in_equal_number(tables):
    _, control, reference, schema = tables
    risk = singling_out(control, control[:50], reference, schema, guesses=300)
    low, high = risk.interval(0.999)
    assert low <= 0 <= high


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (lambda t: attribute_inference(*t, "pay", ["pay", "age"]), "leave the secret out"),
        (lambda t: attribute_inference(*t, "pay", []), "name known columns"),
        (lambda t: linkability(*t, (["pay"], ["pay", "age"])), "share none"),
        (lambda t: linkability(*t, ([], ["age"])), "share none"),
        (
            lambda t: singling_out(*t[:2], t[2][["kind"]].iloc[[0, 0]], t[3].select(["kind"])),
            "No sentence fits",
        ),
        (lambda t: singling_out(*t, guesses=0), "needs a guess and a column"),
        (lambda t: singling_out(*t, columns=0), "needs a guess and a column"),
    ],
)
def test_an_attack_that_makes_no_sense_is_refused(tables, attack, message):
    train, control, reference, schema = tables
    with pytest.raises(ValueError, match=message):
        attack((train, control, reference, schema))


# --- the report ---


def test_the_report_finds_the_copy_by_every_attack_and_nothing_in_fresh_rows(tables):
    train, control, reference, schema = tables
    copy = privacy_report(train, control, train, schema, secret="kind")
    fresh = privacy_report(train, control, reference, schema, secret="kind")
    assert list(copy.attacks["verdict"]) == ["leak found"] * 4 + ["shown, not judged"]
    assert copy.verdict.startswith("The table gives its training rows away: membership")
    assert list(fresh.attacks["verdict"]) == ["no leak found"] * 4 + ["shown, not judged"]
    assert "No attack of this report found a leak. That is no promise" in fresh.verdict
    assert all(limit in repr(fresh) for limit in fresh.limits)


def test_false_alarms_of_the_report_are_as_rare_as_it_says():
    schema = Schema.infer(people(3000, 0))
    alarms = [
        (
            privacy_report(
                people(200, seed), people(200, 100 + seed), people(200, 200 + seed), schema
            ).attacks["verdict"]
            == "leak found"
        ).any()
        for seed in range(1, 21)
    ]
    assert sum(alarms) <= 4  # of 20 at 5 %: one is expected, more than four once in 400 runs


def test_the_exposed_rows_are_training_rows_whose_copies_are_there(tables):
    train, control, reference, schema = tables
    stolen = pd.concat([reference, train.iloc[[7, 250, 399]]], ignore_index=True)
    exposed = privacy_report(train, control, stolen, schema, exposed=4).exposed
    assert list(exposed.index[:3]) == [7, 250, 399]
    pd.testing.assert_frame_equal(exposed, train.loc[exposed.index])


@pytest.mark.parametrize(
    ("columns", "unknown"),
    [
        (["kind"], ["guessing kind", "linking halves of the columns", "singling out"]),
        (["kind", "same"], ["guessing same", "singling out"]),
    ],
)
def test_an_attack_that_cannot_be_made_does_not_cost_the_others(tables, columns, unknown):
    train, control, reference = (table.assign(same="x")[columns] for table in tables[:3])
    report = privacy_report(train, control, reference)
    words = report.attacks["verdict"]
    assert list(words.index[words == "cannot be asked"]) == unknown
    assert "No attack of this report found a leak" in report.verdict


def test_what_is_no_table_or_no_column_is_named_before_any_work(tables):
    train, control, reference, schema = tables
    with pytest.raises(TableError, match="The train table is a list"):
        privacy_report([1], control, reference)
    with pytest.raises(TableError, match="wage"):
        privacy_report(train, control, reference, schema, secret="wage")


def test_too_few_rows_are_said_and_no_number_is_given(tables):
    train, control, reference, schema = tables
    report = privacy_report(train, control.head(49), reference, schema)
    assert (
        report.verdict
        == "Nothing can be said: attacks need 50 training and 50 holdout rows or more."
    )
    assert report.attacks[["found", "low", "high"]].isna().all(axis=None)


def test_the_report_names_a_missing_column(tables):
    train, control, reference, schema = tables
    with pytest.raises(TableError, match="The synthetic table lacks the column 'pay'"):
        privacy_report(train, control, reference.drop(columns="pay"), schema)
