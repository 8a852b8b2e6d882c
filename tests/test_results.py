"""Stored results: read by name, averaged over seeds, and a clear word where there are none."""

from __future__ import annotations

import pandas as pd
import pytest

from utils.results import RESULTS, as_markdown, load_results, means_over_seeds, race_table
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
    run = {"table": "Adult", "budget": "default", "seed": 0, "threads": 1}
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


def test_a_table_as_markdown():
    table = pd.DataFrame({"C2ST": ["0.5"]}, index=pd.Index(["gan"], name="method"))
    assert as_markdown(table).splitlines() == [
        "| method | C2ST |",
        "| --- | --- |",
        "| gan | 0.5 |",
    ]
