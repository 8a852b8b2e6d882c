"""The setup cell, run offline as Colab would: fake google.colab, fake pip, a local clone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from utils.course.places import read_address, setup_cell

FAKE_PIP = """
import json, os, sys
constraints = open(sys.argv[sys.argv.index("--constraint") + 1]).read()
with open(os.environ["PIP_LOG"], "a") as log:
    log.write(json.dumps({"arguments": sys.argv[1:], "constraints": constraints}) + "\\n")
"""
# What runs before the cell: the packages named in MISSING look as if they were not installed.
PREPARE = """
import importlib.metadata, json, os, sys
if os.environ.get("ON_COLAB"):
    import google.colab
find_version, missing = importlib.metadata.version, os.environ["MISSING"].split()
def version(name):
    if name in missing:
        raise importlib.metadata.PackageNotFoundError(name)
    return find_version(name)
importlib.metadata.version = version
"""
REPORT = """
import utils
left = {"folder": os.getcwd(), "utils": utils.__file__, "tensorflow": "tensorflow" in sys.modules}
print(json.dumps(left))
"""


@dataclass
class Machine:
    """A folder to start in, and the environment that stands for Colab's machine."""

    content: Path
    environment: dict[str, str]

    def run(self, *cells: str, missing: str = "") -> subprocess.CompletedProcess:
        """Run cells in one fresh Python, as a kernel that was just started would."""
        script = "\n".join([PREPARE, *cells, REPORT])
        environment = {**self.environment, "MISSING": missing}
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, cwd=self.content, env=environment, capture_output=True, text=True, timeout=120
        )

    def pip_calls(self) -> list[dict]:
        """What was handed to pip so far."""
        log = Path(self.environment["PIP_LOG"])
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder with a name of its own."""
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def colab(tmp_path: Path, working_tree: Path) -> Machine:
    """An empty /content with google.colab loaded; the address leads to a local bare clone."""
    (working_tree / "notebooks").mkdir(exist_ok=True)
    (working_tree / "notebooks" / ".keep").touch()
    git(working_tree, "init", "--quiet")
    git(working_tree, "add", "--all")
    git(working_tree, "commit", "--quiet", "--no-verify", "-m", "as it is now")
    git(tmp_path, "clone", "--quiet", "--bare", str(working_tree), "public.git")
    for module, text in {
        "google/colab/__init__.py": "",
        "pip/__init__.py": "",
        "pip/__main__.py": FAKE_PIP,
    }.items():
        (tmp_path / "fakes" / module).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fakes" / module).write_text(text, encoding="utf-8")
    (tmp_path / "content").mkdir()
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GIT_", "TF_", "KERAS_"))
        },
        "ON_COLAB": "yes",
        "PYTHONPATH": str(tmp_path / "fakes"),
        "PIP_LOG": str(tmp_path / "pip.log"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'public.git').as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": read_address(),
    }
    return Machine(tmp_path / "content", environment)


def report(done: subprocess.CompletedProcess) -> dict:
    """What the cell left behind; the cell itself must have printed nothing."""
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and done.stdout.count("\n") == 1, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_colab_clones_steps_into_it_and_loads_utils_from_there(colab):
    course = colab.content.resolve() / "course"
    assert report(colab.run(setup_cell())) == {
        "folder": str(course / "notebooks"),
        "utils": str(course / "utils" / "__init__.py"),
        "tensorflow": False,
    }
    assert colab.pip_calls() == []


def test_running_the_cell_again_changes_nothing(colab):
    twice = report(colab.run(setup_cell(), setup_cell()))
    assert twice["folder"] == str(colab.content.resolve() / "course" / "notebooks")
    assert not (colab.content / "course" / "notebooks" / "course").exists()


def test_a_restarted_kernel_uses_the_clone_that_is_there(colab):
    first = report(colab.run(setup_cell()))
    (colab.content / "course" / "mine.txt").write_text("a learner's file", encoding="utf-8")
    assert report(colab.run(setup_cell())) == first
    assert (colab.content / "course" / "mine.txt").exists()


def test_only_what_is_missing_is_installed_and_never_the_engines(colab):
    report(colab.run(setup_cell(), missing="pandera numpy pandas tensorflow keras"))
    (call,) = colab.pip_calls()
    assert call["arguments"][:2] == ["install", "--quiet"]
    assert call["arguments"][4:] == ["pandera"]


def test_installing_may_not_change_the_engines(colab):
    report(colab.run(setup_cell(), missing="pandera"))
    held = colab.pip_calls()[0]["constraints"]
    assert [line.split("==")[0] for line in held.splitlines()] == [
        "numpy",
        "pandas",
        "tensorflow",
        "keras",
    ]


def test_an_address_that_cannot_be_cloned_is_an_error(colab):
    colab.environment["GIT_CONFIG_KEY_0"] = "url.file:///nowhere.insteadOf"
    done = colab.run(setup_cell())
    assert done.returncode != 0 and "CalledProcessError" in done.stderr
    assert list(colab.content.iterdir()) == []


def test_elsewhere_the_cell_only_starts_the_lesson(colab):
    del colab.environment["ON_COLAB"]
    done = report(colab.run(setup_cell(), missing="pandera"))
    assert done["folder"] == str(colab.content.resolve())
    assert list(colab.content.iterdir()) == [] and colab.pip_calls() == []


def test_the_cell_has_four_lines():
    assert len(setup_cell().splitlines()) == 4
    assert read_address() in setup_cell()
