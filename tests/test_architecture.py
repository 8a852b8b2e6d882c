"""The floors of utils: imports point down, nothing goes in circles, importing a module changes
nothing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from utils.course.places import ROOT

# A new module joins by getting a floor here: the lowest one that its imports allow. A folder's files have
# floors of their own inside it; a file that is not named stands on the folder's lowest.
FLOORS = {
    "utils": 0,
    "utils.checks": 1,
    "utils.dtypes": 1,
    "utils.expressions": 1,
    "utils.progress": 1,
    "utils.reading": 1,
    "utils.results": 1,
    "utils.saving": 1,
    "utils.schema": 1,
    "utils.screentime": 1,
    "utils.session": 1,
    "utils.tables": 1,
    "utils.times": 1,
    "utils.encoding": 2,
    "utils.training": 2,
    "utils.synthesizers": 3,
    "utils.scoring": 4,
    "utils.plots": 4,
    "utils.__main__": 5,
    "utils.commands": 5,
    "utils.course": 5,
}
INSIDE = {
    "utils.commands": [
        ["base", "writing", "identifiers"],
        ["kinds", "known", "rules"],
        ["opening"],
        ["conditions"],
        ["compare", "generate"],
    ],
    "utils.reading": [
        ["forms", "sources", "text"],
        ["clocks", "numbers", "times"],
        ["columns"],
        ["parquet"],
    ],
    "utils.encoding": [["columns", "bins", "spikes"], ["codes", "matrix", "scores"]],
    "utils.synthesizers": [
        ["draws", "given"],
        ["base"],
        ["neural"],
        ["mixture", "copula", "trees", "rules", "gan", "vae", "diffusion", "autoregressive"],
    ],
}
SOURCES = sorted((ROOT / "utils").rglob("*.py"))
# One process imports every module in turn and tells what each import changed.
PROBE = """
import importlib, json, os, sys
changes = {}
for module in sys.argv[1:]:
    before = dict(os.environ)
    importlib.import_module(module)
    changes[module] = sorted(name for name in os.environ if os.environ[name] != before.get(name))
    changes[module] += ["loads tensorflow"] * ("tensorflow" in sys.modules)
print(json.dumps(changes))
"""
# Set by scikit-learn and by pandera when they are imported, not by us.
NOT_OURS = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "PYARROW_IGNORE_TIMEZONE", "SPARK_LOCAL_IP"}


def module_name(path: Path) -> str:
    """Dotted name of a source file under the repository."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The part of a module's name that has a floor: utils.scoring for utils.scoring.privacy."""
    return ".".join(module.split(".")[:2])


def imported(path: Path) -> set[str]:
    """Modules of utils that a source file imports at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: write imports from utils in full"
            found |= {_module_of(node.module, alias.name) for alias in node.names}
    return {name for name in found if room(name).split(".")[0] == "utils"}


def _module_of(package: str, name: str) -> str:
    """The module behind one imported name: utils.plots for ``from utils import plots`` too."""
    return f"{package}.{name}" if f"{package}.{name}" in MODULES else package


MODULES = {module_name(path) for path in SOURCES}


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_down_the_floors(path):
    here = room(module_name(path))
    assert here in FLOORS, f"{here} has no floor yet: add it to FLOORS in {Path(__file__).name}"
    for module in imported(path):
        assert FLOORS[room(module)] <= FLOORS[here], (
            f"{here} (floor {FLOORS[here]}) imports {module} from a floor above"
        )


def inner_floor(folder: str, module: str) -> tuple[int, str]:
    """Floor and first name of a module inside its folder; the folder's own __init__ stands on top."""
    name = module.removeprefix(folder).strip(".").split(".")[0]
    floors = [floor for floor, names in enumerate(INSIDE[folder]) if name in names]
    return (floors or [len(INSIDE[folder]) if not name else -1])[0], name


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_down_inside_a_folder(path):
    module = module_name(path)
    if room(module) not in INSIDE:
        return
    floor, name = inner_floor(room(module), module)
    assert floor >= 0, f"{module} has no floor inside {room(module)}: add it to INSIDE"
    for need in imported(path):
        if room(need) == room(module):
            below, other = inner_floor(room(module), need)
            assert below < floor or other == name, f"{module} imports {need}, which is not below it"


def test_no_circles():
    graph = {module_name(path): imported(path) - {module_name(path)} for path in SOURCES}
    for module, needs in graph.items():
        # A package's own __init__ gathers its modules; it is not a floor between them.
        graph[module] = {need for need in needs if not module.startswith(f"{need}.")}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_no_star_imports(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert not [
        node for node in nodes if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    ]


def test_importing_changes_nothing():
    modules = sorted(MODULES - {"utils.__main__", "utils.course.__main__"})
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *modules], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", f"an import writes to stderr: {done.stderr}"
    changed = {
        module: names
        for module, found in json.loads(done.stdout).items()
        if (names := set(found) - NOT_OURS)
    }
    assert not changed, f"importing changes the environment or loads TensorFlow: {changed}"
