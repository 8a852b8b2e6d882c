"""Tables with one defect each: each has it, has no other, and metrics are read as they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import truth
from tests.benchmarks.tables import YEAR
from tests.benchmarks.truth import ADULT_RULE, CASES, half_bachelors, unopened_minutes
from utils.scoring import METRICS, exact_copies, valid, validity_report
from utils.scoring.answers import LACKS, MISSES, PRAISES, SEES, answer
from utils.scoring.defects import defective_tables, emptied, narrowed, perturbed, repeated
from utils.screentime import simulate_screentime
from utils.tables import load_adult, screentime_schema

ROWS = 800


@pytest.fixture(scope="module")
def years():
    train, fresh = (simulate_screentime(100, random_state=seed) for seed in (1, 2))
    return train.drop(columns="Date"), fresh.drop(columns="Date")


@pytest.fixture(scope="module")
def tables(years):
    train, fresh = years
    before = train.copy(), fresh.copy()
    found = defective_tables(train, fresh, screentime_schema(train), CASES[YEAR].spots, 0)
    assert train.equals(before[0]) and fresh.equals(before[1])  # the sources stay as they are
    return found


def test_each_defect_keeps_columns_and_kinds(tables, years):
    schema = screentime_schema(years[0])
    for name, table in tables.items():
        assert list(table.columns) == schema.names, name
        wrong = [fault for fault in validity_report(table, schema).index if "type" in fault]
        assert not wrong, name


def test_what_betrays_is_made_of_training_rows_and_what_is_unlike_is_not(tables, years):
    train, fresh = years
    schema = screentime_schema(train)
    by_chance = exact_copies(train, fresh, schema)
    assert exact_copies(train, tables["bootstrap of training rows"], schema) == 1
    assert exact_copies(train, tables["copy of the training rows"], schema) == 1
    assert exact_copies(train, tables["one group deleted"], schema) < by_chance + 0.05
    drawn = tables["bootstrap of training rows"].index.value_counts()
    assert 0.55 < len(drawn) / len(train) < 0.7  # 1 - 1/e of the rows come at all


def test_shuffling_and_perturbing_take_the_links_in_part_or_whole(tables, years):
    def link(table):
        return table["Notifications"].corr(table["Times opened"])

    whole = link(years[0])
    assert abs(link(tables["shuffled columns"])) < 0.1
    assert 0.3 * whole < link(tables["30 % of cells perturbed"]) < 0.8 * whole
    assert tables["half of the rows twice"].index.value_counts().median() == 2


def test_only_what_breaks_rules_or_columns_is_invalid(tables, years):
    schema = screentime_schema(years[0])
    whole = ["fresh real rows", "one group deleted", "a rare class dropped", "variance halved"]
    assert [valid(tables[name], schema) for name in whole] == [1, 1, 1, 1]
    assert valid(tables["one rule broken"], schema) == pytest.approx(0.95, abs=0.03)
    assert valid(tables["one column all missing"], schema) == 0


def test_deleted_rows_are_gone_and_no_others(tables, years):
    fresh = years[1]
    assert set(fresh["App"]) - set(tables["one group deleted"]["App"]) == {"WhatsApp"}
    assert len(tables["one group deleted"]) == (fresh["App"] != "WhatsApp").sum()
    assert (tables["a rare class dropped"]["Times opened"] > 0).all()


def test_a_share_of_the_cells_is_perturbed_and_the_columns_keep_their_values():
    table = pd.DataFrame({"a": np.arange(5000), "b": np.arange(5000.0)})
    changed = perturbed(table, 0.3, np.random.default_rng(0))
    assert (changed != table).mean().to_numpy() == pytest.approx(0.3, abs=0.03)
    assert changed.isin(range(5000)).all(axis=None)
    assert changed.dtypes.equals(table.dtypes)


def test_half_of_the_variance_is_left_and_the_mean_stays(years):
    schema = screentime_schema(years[0])
    closer = narrowed(years[0], schema, 0.5)
    for name in ("Usage", "Notifications", "Times opened"):
        assert closer[name].mean() == pytest.approx(years[0][name].mean(), abs=0.1)
        assert closer[name].var() == pytest.approx(years[0][name].var() / 2, rel=0.02)
    assert closer["App"].equals(years[0]["App"])


def test_a_row_that_would_break_a_rule_is_not_narrowed():
    adult = load_adult("test").head(2000)
    schema = CASES["Adult"].schema(adult)
    closer = narrowed(adult.drop(columns="part", errors="ignore"), schema, 0.5)
    assert valid(closer, schema) == 1
    assert closer["age"].var() < 0.7 * adult["age"].var()


def test_a_missing_answer_deletes_no_row(years):
    train, fresh = years
    holes = fresh.assign(**{"Times opened": fresh["Times opened"].astype("Int64")})
    holes.loc[holes.index[:5], "Times opened"] = pd.NA
    found = defective_tables(train, holes, screentime_schema(train), CASES[YEAR].spots, 0)
    assert found["a rare class dropped"]["Times opened"].isna().sum() == 5


def test_half_of_the_rows_stand_there_twice():
    table = pd.DataFrame({"a": np.arange(101)})
    counts = repeated(table, 0.5, np.random.default_rng(0))["a"].value_counts()
    assert len(counts) == 50 and counts.sum() == 101 and counts.max() <= 3


def test_an_emptied_column_holds_nothing(years):
    assert emptied(years[0], "Usage")["Usage"].isna().all()
    assert not emptied(years[0], "Usage")["App"].isna().any()


def test_the_broken_rules_are_those_that_are_meant(years):
    rng = np.random.default_rng(0)
    report = validity_report(unopened_minutes(years[0], rng), screentime_schema(years[0]))
    assert list(report.index) == ["rule: minutes only with an opening"]
    adult = load_adult("test").head(3000)
    schema = CASES["Adult"].schema(adult)
    assert valid(adult, schema) == 1
    report = validity_report(half_bachelors(adult, rng), schema)
    assert list(report.index) == [f"rule: {next(iter(ADULT_RULE))}"]
    assert report.item() == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    ("metric", "defect", "fresh", "said"),
    [
        ("shape", [0.7, 0.71, 0.72], [0.9, 0.91, 0.9], SEES),
        ("shape", [0.98, 0.97, 0.98], [0.9, 0.91, 0.9], PRAISES),
        ("shape", [0.91, 0.9, 0.9], [0.9, 0.91, 0.9], MISSES),
        ("c2st", [0.53, 0.54, 0.53], [0.47, 0.48, 0.47], SEES),  # below a half is luck
        ("c2st", [0.5, 0.5, 0.5], [0.53, 0.53, 0.53], PRAISES),
        ("copies", [1.0, 1.0, 1.0], [0.2, 0.2, 0.2], SEES),
        ("distance", [0.0, 0.0, 0.0], [0.2, 0.21, 0.2], SEES),
        ("tstr", [np.nan] * 3, [0.2, 0.21, 0.2], LACKS),
        ("shape", [0.7], [0.9], MISSES),  # one seed knows no spread
        ("shape", [0.9002, 0.9002, 0.9002], [0.9, 0.9, 0.9], MISSES),  # too small to matter
    ],
)
def test_a_metric_sees_misses_or_praises(metric, defect, fresh, said):
    assert answer(METRICS[metric], defect, fresh) == said


def test_chance_is_seldom_taken_for_a_defect():
    rng = np.random.default_rng(0)
    said = [
        answer(METRICS["shape"], rng.normal(0.9, 0.01, 5), rng.normal(0.9, 0.01, 5), least=0)
        for _ in range(1000)
    ]
    assert 2 <= 1000 - said.count(MISSES) <= 20  # 99 % intervals: about ten


def test_each_seed_needs_both_scores():
    with pytest.raises(ValueError, match="there are 1 of the defect and 3 of fresh rows"):
        answer(METRICS["shape"], [0.9], [0.9, 0.9, 0.9])


def test_the_truth_table_goes_on_where_it_stopped(tmp_path, monkeypatch):
    case = truth.CASES[YEAR]
    small = replace(case, parts=lambda seed: [part.head(160) for part in case.parts(seed)])
    monkeypatch.setattr(truth, "CASES", {"small": small})
    monkeypatch.setattr(truth, "SEEDS", (0, 1))
    monkeypatch.setattr(truth, "source", lambda name: "now")
    worth = {name: 0.5 for name in METRICS}
    monkeypatch.setattr(truth, "score", lambda *asked: pd.Series(worth))
    whole = truth.measure_truth(folder=tmp_path)
    assert len(whole) == 2 * truth.DEFECTS and not truth.outdated(whole).any()
    path = tmp_path / "truth.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:6]) + "\n")  # stopped in seed 0
    again = truth.measure_truth(folder=tmp_path)
    pd.testing.assert_frame_equal(again, whole)
    monkeypatch.setattr(truth, "source", lambda name: "later")
    assert truth.outdated(again).all()
