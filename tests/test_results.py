"""Stored results: read by name, averaged over seeds, and a clear word where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from utils.results import (
    BEATEN,
    BEATS,
    LEVEL,
    ONE_SEED,
    RESULTS,
    ablation_table,
    as_markdown,
    load_results,
    mean_and_half,
    means_over_seeds,
    race_runs,
    race_sentences,
    race_table,
    seconds_as_text,
    spreads_over_seeds,
    verdict,
    verdicts,
)
from utils.schema import TableError


def test_results_are_read_by_name():
    assert load_results("lessons").equals(pd.read_csv(RESULTS / "lessons.csv"))


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("race", "make bench"),
        ("ablation_gan", "python -m tests.benchmarks ablation gan"),
        ("lessons", "make readme"),
    ],
)
def test_results_that_are_not_there_name_the_command_that_measures_them(tmp_path, name, command):
    with pytest.raises(TableError, match="Stored are: nothing") as error:
        load_results(name, tmp_path)
    assert f"Measure them with: {command}." in str(error.value)
    (tmp_path / "other.csv").write_text("seed\n0\n")
    with pytest.raises(TableError, match="Stored are: other"):
        load_results(name, tmp_path)


def test_means_keep_the_order_of_the_file_and_count_the_seeds():
    runs = pd.DataFrame(
        {
            "variant": ["textbook", "cured", "cured"],
            "seed": [0, 0, 1],
            "c2st": [0.9, 0.5, 0.7],
            "note": ["", "", ""],
        }
    )
    means = means_over_seeds(runs, "variant")
    assert means.index.tolist() == ["textbook", "cured"]
    assert means["seeds"].tolist() == [1, 2] and means["c2st"].round(9).tolist() == [0.9, 0.6]
    assert means.columns.tolist() == ["seeds", "c2st"]


def test_a_run_that_has_no_budget_is_a_group_too():
    runs = pd.DataFrame(
        {"method": ["gan", "gan"], "budget": [5.0, None], "seed": [0, 0], "c2st": [0.9, 0.5]}
    )
    assert means_over_seeds(runs, ["method", "budget"])["c2st"].tolist() == [0.9, 0.5]


def test_the_race_on_a_table_has_yardsticks_first_then_the_best(tmp_path):
    run = {"table": "Adult", "budget": "default", "seed": 0, "threads": 1, "tstr": 0.5}
    pd.DataFrame(
        [
            run | {"method": "gan", "kind": "course", "c2st": 0.7},
            run | {"method": "copy", "kind": "yardstick", "c2st": 0.6},
            run | {"method": "vae", "kind": "course", "c2st": 0.5},
            run | {"method": "vae", "kind": "course", "c2st": 0.9, "budget": "5 s"},
            run | {"method": "vae", "kind": "course", "c2st": 0.7, "seed": 1},
        ]
    ).to_csv(tmp_path / "race.csv", index=False)
    means = race_table("Adult", tmp_path)
    assert means.index.tolist() == ["copy", "vae", "gan"]
    assert means["c2st"].tolist() == [0.6, 0.6, 0.7] and means["seeds"].tolist() == [1, 2, 1]
    with pytest.raises(TableError, match="not run on 'Iris', but on Adult"):
        race_table("Iris", tmp_path)


def test_spreads_are_sample_deviations_and_none_for_one_seed():
    runs = pd.DataFrame({"variant": ["a", "a", "b"], "seed": [0, 1, 0], "c2st": [0.5, 0.7, 0.9]})
    spreads = spreads_over_seeds(runs, "variant")["c2st"]
    assert round(spreads["a"], 9) == round(0.02**0.5, 9) and pd.isna(spreads["b"])


# --- ablations ---


def ablation_runs(**scores):
    """Runs of variants, one seed a C2ST; TSTR is a tenth of it."""
    return pd.DataFrame(
        [
            {"variant": name.replace("_", " "), "seed": seed, "c2st": c2st, "tstr": c2st / 10}
            for name, of_seeds in scores.items()
            for seed, c2st in enumerate(of_seeds)
        ]
    )


def test_an_ablation_tells_what_the_whole_generator_beats():
    runs = ablation_runs(
        textbook=[0.9, 0.9], all_cures=[0.5, 0.5], more=[0.4, 0.4], same=[0.5, 0.5], once=[0.9]
    )
    table = ablation_table(runs)
    assert table["all cures"].to_dict() == {
        "textbook": BEATS,
        "all cures": "",
        "more": BEATEN,
        "same": LEVEL,
        "once": ONE_SEED,
    }
    assert table["seeds"].tolist() == [2, 2, 2, 2, 1]
    assert table["tstr"].round(9).tolist() == [0.09, 0.05, 0.04, 0.05, 0.09]
    assert table["spread"].iloc[0] == 0 and pd.isna(table["spread"]["once"])


@pytest.mark.parametrize("scores", [{"textbook": [0.9]}, {}])
def test_an_ablation_without_the_whole_generator_is_refused(scores):
    runs = ablation_runs(**scores).reindex(columns=["variant", "seed", "c2st", "tstr"])
    with pytest.raises(TableError, match="No run is of 'all cures'"):
        ablation_table(runs)


# --- the verdict ---


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        # standard errors of .01 / sqrt(3) each: two spreads of the difference are .0163
        ([0.50, 0.51, 0.52], [0.517, 0.527, 0.537], BEATS),
        ([0.50, 0.51, 0.52], [0.516, 0.526, 0.536], LEVEL),
        ([0.517, 0.527, 0.537], [0.50, 0.51, 0.52], BEATEN),
        ([0.50, 0.51, 0.52], [0.50, 0.51, 0.52], LEVEL),
        ([0.50, 0.51, 0.52], [0.99], ONE_SEED),
        ([0.50], [0.99, 0.98], ONE_SEED),
        ([0.5, 0.5], [0.5002, 0.5002], LEVEL),
        ([0.5, 0.5], [0.5003, 0.5003], BEATS),
    ],
)
def test_a_verdict_needs_two_spreads_of_the_difference(ours, theirs, expected):
    assert verdict(ours, theirs) == expected
    opposite = {BEATS: BEATEN, BEATEN: BEATS}.get(expected, expected)
    assert verdict(theirs, ours) == opposite
    assert verdict(ours, theirs, lower_is_better=False) == opposite


def test_five_seeds_tell_more_than_three():
    ours, theirs = [0.50, 0.51, 0.52], [0.515, 0.525, 0.535]
    assert verdict(ours, theirs) == LEVEL
    assert verdict([*ours, 0.505, 0.515], [*theirs, 0.52, 0.53]) == BEATS


def test_verdicts_sort_the_others():
    scores = {"a": [0.5, 0.51], "b": [0.5, 0.52], "c": [0.8, 0.81], "d": [0.9], "e": [0.1, 0.11]}
    found = verdicts(scores, "a")
    assert found == {BEATS: ["c"], BEATEN: ["e"], LEVEL: ["b"], ONE_SEED: ["d"]}


def raced(folder, runs: dict[str, list[float]], **more) -> None:
    """Store runs of one table: method -> its C2ST, one a seed."""
    pd.DataFrame(
        [
            {"table": "Iris", "budget": "default", "kind": "course", "method": method, "seed": seed}
            | {"threads": 1, "c2st": c2st, "tstr": 0.6, "membership_auc": 0.52}
            | (more.get(method.split()[0], {}))
            for method, scores in runs.items()
            for seed, c2st in enumerate(scores)
        ]
    ).to_csv(folder / "race.csv", index=False)


def test_the_sentences_of_a_table_say_who_beats_whom(tmp_path):
    runs = {
        "fresh real rows": [0.4, 0.41],
        "vae": [0.60, 0.61],
        "gan": [0.5, 0.51],
        "mixture": [0.51, 0.505],
        "CTGAN": [0.49],
        "control without learning": [0.60, 0.62],
    }
    raced(tmp_path, runs, fresh={"kind": "yardstick"}, control={"kind": "control"})
    assert race_sentences("Iris", tmp_path) == [
        "On Iris, gan is nearest to real rows by C2ST (0.505, fresh rows 0.405; membership AUC "
        "0.520); mixture cannot be told apart from it; it beats vae and the control without "
        "learning (one seed, so no verdict: CTGAN).",
        "The control without learning reaches 0.610 there; vae cannot be told apart from it; it is "
        "beaten by gan and mixture (one seed, so no verdict: CTGAN).",
    ]
    raced(tmp_path, {"gan": [0.5], "vae": [0.7]})
    assert race_sentences("Iris", tmp_path) == [
        "On Iris no method has two seeds yet, so there is no verdict."
    ]


def test_runs_are_compared_with_the_yardsticks_of_their_own_seed(tmp_path):
    yardstick = {"kind": "yardstick"}
    raced(
        tmp_path,
        {
            "fresh real rows": [0.5, 0.4],
            "copy of the training rows": [0.4, 0.4],
            "gan": [0.6, 0.6, 0.7],
        },
        fresh=yardstick,
        copy=yardstick | {"tstr": 0.8},
    )
    runs = race_runs("Iris", tmp_path).query("method == 'gan'")
    assert runs["c2st_above"].round(9).tolist()[:2] == [0.1, 0.2]
    assert runs["tstr_share"].round(9).tolist()[:2] == [0.75, 0.75]
    assert runs[["c2st_above", "tstr_share"]].iloc[2].isna().all(), "no yardstick of that seed"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.008, "0.01"), (0.43, "0.4"), (4.26, "4.3"), (53.4, "53"), (1446.9, "1,447"), (np.nan, "")],
)
def test_seconds_have_about_two_digits(seconds, text):
    assert seconds_as_text(seconds) == text


def test_a_table_as_markdown():
    table = pd.DataFrame({"C2ST": ["0.5"]}, index=pd.Index(["gan"], name="method"))
    assert as_markdown(table).splitlines() == [
        "| method | C2ST |",
        "| --- | --- |",
        "| gan | 0.5 |",
    ]


def test_the_half_of_an_interval_is_that_of_students_t():
    mean, half = mean_and_half([1, 2, 3, 4, 5])
    low, high = stats.ttest_1samp([1, 2, 3, 4, 5], 0).confidence_interval(0.95)
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert mean_and_half([1, 2, 3], chance=0.5)[1] < mean_and_half([1, 2, 3])[1]
    assert mean_and_half([2])[0] == 2 and np.isnan(mean_and_half([2])[1])
    assert np.isnan(mean_and_half([])).all()
