"""README's generated parts say what the lessons and the last measured run say."""

from __future__ import annotations

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_output

from utils.course import places, readme, run
from utils.course.places import ROOT
from utils.course.run import LessonRun

RECORD = {
    "table": "screen time",
    "lesson": "00",
    "columns": ["valid", "c2st"],
    "rows": [
        {"name": "rules", "kind": "generator", "metrics": {"valid": {"mean": 1.0, "spread": None}}},
        {"name": "fresh", "kind": "yardstick", "metrics": {"c2st": {"mean": 0.5, "spread": 0.01}}},
    ],
}


@pytest.fixture
def published(course):
    """A course with a README, one measured lesson, and a fresh table."""
    (course / "README.md").write_text(
        "\n".join(
            [
                "# Title",
                *readme.markers("lessons"),
                "Between.",
                *readme.markers("verdicts"),
                *readme.markers("race"),
                "The end.\n",
            ]
        ),
        encoding="utf-8",
    )
    run.record([LessonRun("00_rules", 20, 12.3, 345, 2, "3.11.7")], places.results_folder(course))
    readme.write_readme(course)
    return course


def test_readme_is_fresh():
    assert readme.stale_parts(ROOT) == [], "run `make readme`"


def test_every_lesson_was_measured():
    measured = run.recorded(places.results_folder())
    assert list(measured) == [path.stem for path in places.lessons()], "run `make readme`"


def test_buttons_stand_in_the_first_ten_lines():
    top = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:10])
    assert (
        "https://mybinder.org/v2/gh/" in top and "https://colab.research.google.com/github/" in top
    )


def test_readme_names_the_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(command in text for command in ("make lab", "make course", "make test"))


def test_the_table_tells_each_lesson(published):
    text = (published / "README.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| 00 "))
    for part in (
        "Does this lesson keep the rules?",
        "3 min",
        "12 s",
        "345 MB",
        "nothing",
        "one/course/blob/main/notebooks/00_rules",
    ):
        assert part in row
    assert text.startswith("# Title\n") and text.endswith("The end.\n")
    assert readme.stale_parts(published) == []


def test_a_changed_lesson_makes_the_table_stale(published):
    path = places.lessons(published)[0]
    path.write_text(
        path.read_text(encoding="utf-8").replace("**Read** 3 min", "**Read** 4 min"),
        encoding="utf-8",
    )
    assert readme.stale_parts(published) == ["the tables in README.md"]


def test_lessons_that_did_not_run_keep_their_last_line_unless_all_ran(published):
    folder = places.results_folder(published)
    run.record([LessonRun("01_more", 9, 5.0, 200, 2, "3.11.7")], folder, keep=True)
    run.record([LessonRun("00_rules", 20, 22.0, 345, 2, "3.11.7")], folder, keep=True)
    seconds = {name: row["seconds"] for name, row in run.recorded(folder).items()}
    assert list(seconds.items()) == [("00_rules", "22.0"), ("01_more", "5.0")]
    run.record([LessonRun("00_rules", 20, 23.0, 345, 2, "3.11.7")], folder)
    assert list(run.recorded(folder)) == ["00_rules"]


def race_file(course, runs) -> None:
    columns = ["table", "method", "kind", "seed", "c2st", "tstr", "fit_cpu_seconds"]
    race = pd.DataFrame(runs, columns=columns)
    race = race.assign(budget="default", threads=1, membership_auc=0.5, valid=0.97)
    race.to_csv(places.results_folder(course) / "race.csv", index=False)


def test_the_race_stands_in_the_readme_with_its_means_spreads_and_seeds(published):
    runs = [
        (table, yardstick, "yardstick", seed, 0.5, 0.8, None)
        for table in readme.RACES
        for yardstick in ("fresh real rows", "copy of the training rows")
        for seed in range(3)
    ]
    runs += [
        (table, "gan", "course", seed, 0.5 + seed / 100, 0.6, 20 + seed)
        for table in ("screen time", "screen time, 25 days")
        for seed in range(3)
    ]
    runs += [("Adult", "SDV CTGAN", "peer", 0, 0.99, 0.86, 1234.4)]
    race_file(published, runs)
    assert readme.stale_parts(published) == ["the tables in README.md"]
    readme.write_readme(published)
    rows = (published / "README.md").read_text(encoding="utf-8").splitlines()
    assert rows.count("| gan | 97.0% | 0.510 ± 0.010 | 0.600 ± 0.000 | 0.500 | 21 |") == 1
    assert "| gan | 97.0% | 0.010 ± 0.010 | 0.750 ± 0.000 | 0.500 | 21 |" in rows
    assert "| SDV CTGAN | 97.0% | 0.990 | 0.860 | 0.500 | 1,234 (1 seed) |" in rows
    heads = [row for row in rows if row.endswith("| membership AUC | fit, CPU s |")]
    assert len(heads) == len(readme.RACES)
    assert "| screen time, 25 days | valid | C2ST above fresh | TSTR share | " in heads[1]
    assert readme.stale_parts(published) == []


def test_the_readme_shows_the_sentences_that_the_verdict_makes(published):
    runs = [
        ("Adult", method, "course", seed, c2st + seed / 100, 0.7, 9)
        for method, c2st in {"gan": 0.6, "vae": 0.61, "rules": 0.9}.items()
        for seed in range(3)
    ]
    race_file(published, runs)
    readme.write_readme(published)
    text = (published / "README.md").read_text(encoding="utf-8")
    sentence = (
        "- On Adult, gan is nearest to real rows by C2ST (0.610; membership AUC 0.500); vae cannot "
        "be told apart from it; it beats rules."
    )
    begin, end = readme.markers("verdicts")
    assert f"{begin}\n{sentence}\n{end}" in text
    race_file(published, [(*run[:4], run[4] - 0.2 * (run[1] == "vae"), *run[5:]) for run in runs])
    assert readme.stale_parts(published) == ["the tables in README.md"]


def test_a_changed_score_makes_the_picture_stale(published, lesson):
    lesson.cells[3].outputs = [
        new_output("display_data", data={readme.MIME_TYPE: RECORD, "text/plain": "board"})
    ]
    nbformat.write(lesson, places.lessons(published)[0])
    assert readme.stale_parts(published) == ["the picture of the scoreboard in data/results"]
    readme.write_readme(published)
    assert readme.stale_parts(published) == []
    assert (places.results_folder(published) / readme.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_a_readme_without_its_markers_is_an_error(published):
    (published / "README.md").write_text("# Title\n", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold the lines"):
        readme.stale_parts(published)


def test_a_lesson_without_its_facts_is_an_error(published, lesson):
    lesson.cells[0].source = "# A title"
    path = places.lessons(published)[0]
    nbformat.write(lesson, path)
    with pytest.raises(ValueError, match=r"00_rules\.ipynb: the first cell must hold"):
        readme.lesson_facts(path)
