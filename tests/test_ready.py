"""Is the machine ready, and how far has the learner come: each step can say that it is not."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import nbformat
import pytest

from utils.course import places, ready
from utils.course.progress import progress
from utils.course.ready import NotReady


def test_what_is_missing_is_named_in_one_line_at_the_end(monkeypatch):
    def broken() -> str:
        raise NotReady("Only 0.2 GB are free.")

    monkeypatch.setattr(ready, "steps", lambda: {"Python": lambda: "3.11", "memory": broken})
    said: list[str] = []
    assert ready.look(said.append) is False
    assert said[-2].startswith("memory") and "Only 0.2 GB" in said[-2]
    assert said[-1] == "Not ready: memory (see above)."


def test_a_machine_where_all_is_well_is_ready(monkeypatch):
    monkeypatch.setattr(ready, "steps", lambda: {"Python": ready.python, "disk": ready.disk})
    said: list[str] = []
    assert ready.look(said.append) is True and said[-1] == "Ready."


def test_every_method_is_fitted():
    from utils.synthesizers import SYNTHESIZERS

    assert {f"fit of {method}" for method in SYNTHESIZERS} <= set(ready.steps())
    assert ready.steps()["fit of copula"]() == "5 rows drawn"


def test_packages_of_another_version_are_told(monkeypatch):
    monkeypatch.setattr(ready, "_version", lambda name: "0.0.1")
    with pytest.raises(NotReady, match=r"packages are missing .* such as .*==.* Run `make lab`"):
        ready.packages()


@pytest.mark.parametrize(
    ("step", "module", "name", "value"),
    [
        ("memory", "psutil", "virtual_memory", SimpleNamespace(available=5e8)),
        ("disk", "shutil", "disk_usage", SimpleNamespace(free=5e8)),
    ],
)
def test_too_little_room_is_told(monkeypatch, step, module, name, value):
    monkeypatch.setattr(f"{module}.{name}", lambda *arguments: value)
    with pytest.raises(NotReady, match=r"Only 0\.5 GB"):
        getattr(ready, step)()


def test_a_kernel_starts():
    assert ready.kernel() == "it says 42"


class TestProgress:
    def test_a_check_that_passed_counts(self, tmp_path):
        lesson = places.lessons()[0]
        page = nbformat.read(lesson, as_version=4)
        checks = [c for c in page.cells if "exercise-check" in c.metadata.get("tags", [])]
        checks[1].outputs = [nbformat.v4.new_output("stream", text="a line\npass: well done\n")]
        nbformat.write(page, tmp_path / lesson.name)
        shutil.copy(places.lessons()[1], tmp_path)
        assert progress(tmp_path)["passed"].to_list() == [1, 0]
        assert progress(tmp_path)["exercises"].to_list() == [3, 3]

    def test_the_stubs_pass_nothing(self):
        assert progress(places.notebooks_folder())["passed"].sum() == 0

    def test_a_folder_without_lessons_and_a_broken_file_are_told(self, tmp_path):
        with pytest.raises(ValueError, match="No lesson was found"):
            progress(tmp_path)
        (tmp_path / "00_start_here.ipynb").write_text("{")
        with pytest.raises(ValueError, match=r"00_start_here\.ipynb cannot be read as a notebook"):
            progress(tmp_path)
