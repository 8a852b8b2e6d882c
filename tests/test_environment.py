"""One truth for versions: environment.yml, the lock, binder/, the Makefile and CI say the same."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from utils.course import lock, places
from utils.course.lock import direct_pins, python_version
from utils.course.notebooks import Page, tree
from utils.course.places import ROOT


def requirements(text: str) -> list[Requirement]:
    """The lines of a lock, without their hashes."""
    lines = [line for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return [Requirement(line.rstrip(" \\")) for line in lines]


LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
LINES = requirements(LOCK)
LOCKED = {
    line.name: str(line.specifier)
    for line in LINES
    if line.marker is None or line.marker.evaluate()
}
PINS = [Requirement(line) for line in direct_pins()]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Written in pieces, so that this file does not hold what it forbids.
MACHINE_PATHS = re.compile(
    "|".join(f"(?<![\\w.>-])/{name}/" for name in ("root", "work", "home", "Users"))
)
REGISTRY_HOSTS = re.compile(
    r"[a-z-]*(?:pypi|pythonhosted)\.(?:org|io)|index-url|find-links", re.IGNORECASE
)
OWN_PACKAGES = {"utils", "tests"}
STAMPED = ("requirements.txt", "binder/weights.txt", "pyproject.toml")  # what make builds from
# Scripts that compare with other libraries run in an environment of their own, never in the
# course's.
COMPARED_LIBRARIES = {
    *("anonymeter", "dpmm", "mostlyai", "opendp", "polars"),
    *("sdmetrics", "sdv", "torch", "xgboost"),
    *("axe_playwright_python", "playwright"),  # they drive the browser that looks at the site
}
COMPARING_SCRIPTS = ("tests/reference/", "tests/benchmarks/", "tests/browser/")


def tracked_texts() -> list[Path]:
    """Text files that git tracks."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.exists() and b"\0" not in path.read_bytes()[:8000]]


@pytest.mark.parametrize("pin", PINS, ids=str)
def test_each_pin_equals_the_lock(pin):
    assert LOCKED.get(canonicalize_name(pin.name)) == str(pin.specifier), "run `make lock`"


def test_each_pin_says_what_it_is_for():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    bare = [line for line in lines if "==" in line and not re.search(r"# \w+ ?\w+", line)]
    assert not bare, f"say which lessons need them: {bare}"


def test_the_lock_has_hashes_and_nothing_of_a_machine():
    assert LOCK.count("--hash=sha256:") >= len(LOCKED)
    assert LOCK.splitlines()[1] == "#    make lock"


def test_this_environment_is_the_locked_one():
    different = {name: pin for name, pin in LOCKED.items() if f"=={metadata.version(name)}" != pin}
    assert not different, f"the lock wants {different}; run `make test`, which installs it"


def test_the_package_asks_for_what_the_environment_pins():
    optional = PROJECT["optional-dependencies"]["course"]
    asked = {
        canonicalize_name(Requirement(line).name) for line in [*PROJECT["dependencies"], *optional]
    }
    assert asked == {canonicalize_name(pin.name) for pin in PINS}


@pytest.mark.parametrize("name", lock.OTHERS)
def test_the_other_locks_hold_all_that_the_package_asks_for(name):
    folder = ROOT / lock.PORTABLE
    text = (folder / f"{name}.txt").read_text(encoding="utf-8")
    held = {line.name: str(line.specifier).removeprefix("==") for line in requirements(text)}
    listed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["course"]]
    asked = [Requirement(line) for line in listed]
    if name == "colab":
        asked += requirements((folder / "colab_versions.txt").read_text(encoding="utf-8"))
    wrong = [str(a) for a in asked if held.get(canonicalize_name(a.name), "") not in a.specifier]
    assert not wrong and text.count("--hash=sha256:") >= len(held), f"run `make lock`: {wrong}"


def test_python_is_the_same_everywhere():
    version = python_version()
    assert python_version(file="binder/environment.yml") == version
    assert f"PYTHON ?= python{version}" in MAKEFILE
    assert PROJECT["requires-python"] == f">={version}"


def import_names(source: ast.AST) -> set[str]:
    """Top-level packages that a piece of code imports."""
    nodes = list(ast.walk(source))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    return {name.split(".")[0] for name in names}


def imports_by_file() -> dict[str, set[str]]:
    """Top-level packages that each source file and notebook imports."""
    sources = [
        path
        for folder in ("utils", "tests", "data")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    found = {
        str(path.relative_to(ROOT)): import_names(ast.parse(path.read_text(encoding="utf-8")))
        for path in sources
    }
    for path in places.all_notebooks():
        found[path.name] = set().union(*(import_names(tree(cell)) for cell in Page.read(path).code))
    return found


def test_every_import_is_in_the_environment():
    providers = metadata.packages_distributions()
    pinned = {canonicalize_name(pin.name) for pin in PINS}
    for file, names in imports_by_file().items():
        if file.startswith(COMPARING_SCRIPTS):
            beside = {path.stem for path in (ROOT / file).parent.glob("*.py")}
            names = names - COMPARED_LIBRARIES - beside
        for name in names - set(sys.stdlib_module_names) - OWN_PACKAGES - {"google"}:
            given_by = {canonicalize_name(provider) for provider in providers.get(name, [])}
            assert given_by & pinned, f"{file} imports {name}, which environment.yml does not list"


def test_no_machine_path_and_no_registry_in_tracked_files():
    for path in tracked_texts():
        text = path.read_text(encoding="utf-8")
        if path != Path(__file__).resolve():
            assert not REGISTRY_HOSTS.search(text), (
                f"{path.relative_to(ROOT)} names a package registry"
            )
        found = MACHINE_PATHS.search(text)
        assert not found, f"{path.relative_to(ROOT)} holds a path of one machine: {found[0]}"


def test_help_lists_every_target():
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert re.findall(r"^make ([\w-]+)", shown, re.MULTILINE) == phony


def test_continuous_integration_runs_the_readme_command():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert lines[0] == "#!/usr/bin/env bash" and "set -euo pipefail" in lines
    assert commands == ["make test"]
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["binder/start", "binder/postBuild", ".ci/run"])
def test_scripts_can_be_run(name):
    assert os.access(ROOT / name, os.X_OK)


def test_binder_scripts_stop_on_errors_and_hand_over():
    start = (ROOT / "binder" / "start").read_text(encoding="utf-8")
    assert start.rstrip().endswith('exec "$@"')
    assert all(f"{name}_NUM_THREADS=" in start for name in ("OMP", "OPENBLAS", "MKL"))
    after = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8").splitlines()
    assert after[1].startswith("set -e")


def test_binder_would_build_from_its_own_folder(tmp_path):
    """The dry run of repo2docker prints the Dockerfile without needing Docker."""
    environment = {**os.environ, "JUPYTER_PLATFORM_DIRS": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--no-run", "--debug", "."],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert f"Building conda environment for python={python_version()}" in printed
    assert '--file "binder/environment.yml"' in printed
    assert "RUN ./binder/postBuild" in printed
    assert 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in printed


def make(folder: Path, target: str, *settings: str) -> subprocess.CompletedProcess:
    """What make would do for a target in a folder (a dry run)."""
    return subprocess.run(
        ["make", "-n", target, *settings], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """What decides whether the environment is built again, and a finished .venv."""
    (tmp_path / "binder").mkdir()
    for name in ("Makefile", *STAMPED):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    stamp = re.search(r"touch (\.venv/\.ready-\d+)", make(tmp_path, "lab").stdout)[1]
    (tmp_path / ".venv").mkdir()
    (tmp_path / stamp).touch()
    return tmp_path


def test_touching_the_lock_builds_nothing(workshop):
    os.utime(workshop / "requirements.txt", (2_000_000_000, 2_000_000_000))
    assert "pip install" not in make(workshop, "lab").stdout


@pytest.mark.parametrize("name", STAMPED)
def test_another_lock_builds_the_environment(workshop, name):
    with (workshop / name).open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert "pip install" in make(workshop, "lab").stdout


def test_a_missing_python_is_said_plainly(tmp_path):
    (tmp_path / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    (tmp_path / "binder").mkdir()
    for name in STAMPED:
        (tmp_path / name).touch()
    done = subprocess.run(
        ["make", "lab", "PYTHON=python3.99"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "This course needs Python 3.11" in done.stderr


def test_the_workflow_is_one_that_the_forge_reads():
    command = [sys.executable, "-m", "check_jsonschema"]
    command += ["--builtin-schema", "vendor.github-workflows", ".github/workflows/course.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_workflow_calls_make_as_readme_does():
    workflow = (ROOT / ".github/workflows/course.yml").read_text(encoding="utf-8")
    called = set(re.findall(r"make ([a-z]+)", workflow))
    assert called == {"test", "site"} and all(f"\n{name}: " in MAKEFILE for name in called)
