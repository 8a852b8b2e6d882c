"""The commands of the course, each run on a small copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from utils.course import notebooks, pages, places, readme, run
from utils.course.memory import peak_bytes
from utils.course.places import ROOT, mentions, read_address, rewrite_address, setup_cell, slug
from utils.course.run import LessonFailed

RECORD = {
    "table": "screen time",
    "lesson": "00",
    "columns": ["c2st"],
    "rows": [
        {"name": "rules", "kind": "generator", "metrics": {"c2st": {"mean": 0.75, "spread": 0.01}}}
    ],
}
OUTPUT = {readme.MIME_TYPE: RECORD, "text/plain": "board"}
SHOW_RECORD = f"from IPython.display import display\ndisplay({OUTPUT!r}, raw=True)"


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook of code cells only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("# 00 · Short?"), *map(new_code_cell, sources)]), path
    )
    return path


def course_command(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """``python -m utils.course`` of the copy in ``folder``, as a person would call it there."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "utils.course", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of the repository's own files, without lessons."""
    folder = tmp_path / "copy"
    shutil.copytree(ROOT / "utils", folder / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "CITATION.cff"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def test_run_goes_in_order_shows_failures_and_keeps_the_rest(repository):
    write_notebook(repository / "notebooks" / "00_first.ipynb", SHOW_RECORD)
    write_notebook(
        repository / "notebooks" / "01_second.ipynb",
        "numerator = 1",
        "numerator / 0  # the failing line",
    )
    write_notebook(repository / "notebooks" / "02_third.ipynb", "print('third ran')")
    before = {path: path.read_bytes() for path in places.lessons(repository)}
    done = course_command(repository, "run", "--record")
    assert done.returncode == 1
    for shown in ("01_second.ipynb, code cell 2 failed", "the failing line", "ZeroDivisionError"):
        assert shown in done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines() if line[:2].isdigit()] == [
        "00_first",
        "01_second",
        "02_third",
    ]
    assert re.search(r"rules +0\.75\d* ± 0\.01", done.stdout)
    assert "third ran" in (repository / "build" / "02_third.html").read_text(encoding="utf-8")
    assert "00_first.html" in (repository / "build" / "index.html").read_text(encoding="utf-8")
    assert before == {path: path.read_bytes() for path in places.lessons(repository)}
    assert not (repository / "data").exists(), "a failed run is not recorded"


def test_a_green_run_is_recorded_when_asked(repository):
    write_notebook(repository / "notebooks" / "00_first.ipynb", "x = 1")
    done = course_command(repository, "run", "--record")
    assert done.returncode == 0, done.stderr
    row = run.recorded(places.results_folder(repository))["00_first"]
    assert float(row["seconds"]) > 0 and int(row["memory_mb"]) > 20 and int(row["cpu_count"]) >= 1
    assert list(row) == ["lesson", "cells", "seconds", "memory_mb", "cpu_count", "python"]


def test_peak_memory_is_the_peak_not_the_end(tmp_path):
    path = write_notebook(
        tmp_path / "00_memory.ipynb", "block = bytearray(300 * 2**20)\ndel block", "x = 1"
    )
    peaks: list[float] = []
    run.execute(notebooks.read(path), path, 60, lambda pid: peaks.append(run.peak_megabytes(pid)))
    if sys.platform == "linux":
        assert peaks[-1] > 300


def test_a_process_that_is_not_there_has_no_peak():
    assert peak_bytes(2**30) is None
    if sys.platform == "linux":
        assert peak_bytes() == peak_bytes(os.getpid()) > 20 * 2**20


def test_links_between_lessons_lead_to_their_pages():
    page = '<a href="01_next.ipynb"> <a href="https://a.org/x.ipynb"> <a href="01_next.ipynb#Fit">'
    assert pages.LINK_TO_NOTEBOOK.sub(r"\1.html", page) == (
        '<a href="01_next.html"> <a href="https://a.org/x.ipynb"> <a href="01_next.html#Fit">'
    )


def test_the_index_has_a_card_for_each_lesson_and_the_pictures_that_there_are(course):
    (lesson,) = places.lessons(course)
    page = notebooks.read(lesson)
    page.cells[-1:] = [new_code_cell("1"), page.cells[-1]]
    page.cells[-2].outputs = [new_output("display_data", {"image/png": "QUJD"})]
    results = places.results_folder(course)
    results.mkdir(parents=True, exist_ok=True)
    (results / "race.png").write_bytes(b"picture")
    pages.write_pages({lesson: page}, course)
    build = places.build_folder(course)
    index = (build / "index.html").read_text(encoding="utf-8")
    facts = readme.lesson_facts(lesson)
    assert index.count("<li>") == 1 and "data:image/png;base64,QUJD" in index
    assert f'<a href="{lesson.stem}.html">{facts["number"]} · {facts["question"]}</a>' in index
    assert f"{facts['read']} min to read, {facts['run']} min to run" in index
    assert f'href="solutions/{lesson.stem}_solutions.html"' in index
    assert (build / "race.png").read_bytes() == b"picture"
    assert "race.png" in index and "scoreboard.png" not in index


def test_a_refreshed_notebook_is_equal_to_the_byte(course):
    (path,) = places.lessons(course)
    run.refresh(path)
    first = path.read_bytes()
    run.refresh(path)
    assert path.read_bytes() == first
    stored = notebooks.read(path)
    assert stored.metadata == {"kernelspec": notebooks.KERNEL, "language_info": {"name": "python"}}
    assert all("execution" not in cell.metadata for cell in stored.cells)


def test_a_slider_is_stored_as_its_first_picture(tmp_path):
    sources = (
        "from utils import plots\nfrom utils.session import start_lesson; start_lesson()",
        "def draw(at):\n    plots.curves({'a': [at, 1]}, ('x', 'y'))\n    print('drawn at', at)",
        "plots.slider(draw, 'at', range(3))",
    )
    path = write_notebook(tmp_path / "00_slider.ipynb", *sources)
    run.refresh(path, 60)
    stored = notebooks.code_cells(notebooks.read(path))[-1]
    assert notebooks.holds_image(stored) and "drawn at 0" in notebooks.text_outputs(stored)
    assert "widget" not in path.read_text(encoding="utf-8")


def test_a_failing_notebook_is_left_as_it_was(tmp_path):
    path = write_notebook(tmp_path / "00_fails.ipynb", "print(1)", "undefined_name")
    before = path.read_bytes()
    with pytest.raises(LessonFailed, match="code cell 2 failed"):
        run.refresh(path)
    assert path.read_bytes() == before


def test_a_cell_that_hangs_is_named(tmp_path):
    path = write_notebook(tmp_path / "00_hangs.ipynb", "import time; time.sleep(60)")
    with pytest.raises(LessonFailed, match="code cell 1 failed"):
        run.execute(notebooks.read(path), path, timeout=1)


def test_ids_stay_when_a_cell_is_added():
    cells = [new_markdown_cell("one"), new_markdown_cell("two"), new_markdown_cell("two")]
    notebook = new_notebook(cells=cells)
    notebooks.normalise(notebook)
    before = [cell.id for cell in notebook.cells]
    notebook.cells.insert(0, new_markdown_cell("new"))
    notebooks.normalise(notebook)
    assert [cell.id for cell in notebook.cells][1:] == before
    assert len(set(before)) == 3


def test_later_lessons_replace_rows_of_the_same_name():
    later = {
        **RECORD,
        "lesson": "03",
        "rows": [
            {
                "name": "rules",
                "kind": "generator",
                "metrics": {"c2st": {"mean": 0.6, "spread": None}},
            },
            {"name": "mixture", "kind": "generator", "metrics": {}},
        ],
    }
    other = {**RECORD, "table": "adult"}
    merged = readme.merge([RECORD, later, other])
    assert [record["table"] for record in merged] == ["screen time", "adult"]
    assert [(row["name"], row["lesson"]) for row in merged[0]["rows"]] == [
        ("rules", "03"),
        ("mixture", "03"),
    ]
    nearer = {"name": "near", "kind": "generator", "metrics": {"c2st": {"mean": 0.55}}}
    ordered = readme.merge([RECORD, {**RECORD, "rows": [*later["rows"], nearer]}])[0]["rows"]
    assert [row["name"] for row in ordered] == ["near", "rules", "mixture"]
    text = readme.as_text(merged[0], width=80)
    assert "0.60" in text and "0.75" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_no_old_address_is_left_after_a_move(working_tree):
    folder = working_tree
    write_notebook(folder / "notebooks" / "99_probe.ipynb", setup_cell())
    old = slug(read_address(folder))
    changed = rewrite_address("https://github.com/teacher/my-course", folder)
    assert {"README.md", "pyproject.toml", "CITATION.cff", "99_probe.ipynb"} <= {
        path.name for path in changed
    }
    assert read_address(folder) == "https://github.com/teacher/my-course"
    texts = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in {".py", ".parquet", ".png", ".gz"}
    ]
    assert not [path for path in texts if mentions(old).search(path.read_text(encoding="utf-8"))]
    assert notebooks.read(folder / "notebooks" / "99_probe.ipynb").cells[1].source == setup_cell(
        read_address(folder)
    )


@pytest.mark.parametrize(
    "address",
    [
        "teacher/course",
        "https://github.com/teacher",
        "https://github.com/a/b.git/",
        "http://x.y/a/b",
    ],
)
def test_an_address_that_no_badge_can_use_is_refused(repository, address):
    before = (repository / "pyproject.toml").read_bytes()
    done = course_command(repository, "address", address)
    assert done.returncode == 2 and "https://github.com/owner/name" in " ".join(done.stderr.split())
    assert (repository / "pyproject.toml").read_bytes() == before


# --- a new lesson between others ---


def test_lessons_move_up_wherever_they_are_named(repository):
    lessons, solutions = repository / "notebooks", repository / "notebooks" / "solutions"
    write_notebook(lessons / "01_a.ipynb", 'Scoreboard(lesson="01")')
    write_notebook(lessons / "02_b.ipynb", 'Scoreboard(lesson="02", rows=[1, 2, 03.5])')
    write_notebook(lessons / "03_c.ipynb", "open('02_b.ipynb')")
    write_notebook(solutions / "03_c_solutions.ipynb", "[03 · C](../03_c.ipynb), lesson 03's")
    (repository / "README.md").write_text("Lessons 00, 02 and 03, lesson 01; 02_b, 03 apples.")
    (repository / "data" / "results").mkdir(parents=True)
    (repository / "data" / "results" / "x.json").write_text('{"lesson": "02", "seed": "02"}')
    done = course_command(repository, "room", "2")
    assert done.returncode == 0, done.stderr
    names = [path.name for path in sorted(lessons.rglob("*.ipynb"))]
    assert names == ["01_a.ipynb", "03_b.ipynb", "04_c.ipynb", "04_c_solutions.ipynb"]
    cells = {path.stem: notebooks.read(path).cells for path in lessons.rglob("*.ipynb")}
    assert cells["01_a"][1].source == 'Scoreboard(lesson="01")'
    assert cells["03_b"][1].source == 'Scoreboard(lesson="03", rows=[1, 2, 03.5])'
    assert cells["04_c"][1].source == "open('03_b.ipynb')"
    assert cells["04_c_solutions"][1].source == "[04 · C](../04_c.ipynb), lesson 04's"
    readme = (repository / "README.md").read_text()
    assert readme == "Lessons 00, 03 and 04, lesson 01; 03_b, 03 apples."
    stored = (repository / "data" / "results" / "x.json").read_text()
    assert stored == '{"lesson": "03", "seed": "02"}'
    assert "03_c.ipynb" in done.stdout and "01_a" not in done.stdout


def test_room_where_no_lesson_stands_is_refused(repository):
    lesson = write_notebook(repository / "notebooks" / "01_a.ipynb", "1")
    before = lesson.read_bytes()
    done = course_command(repository, "room", "7")
    assert done.returncode == 2 and "No lesson has the number 07" in " ".join(done.stderr.split())
    assert lesson.read_bytes() == before
