"""The house that utils is: imports point down its floors, never in circles, and change nothing."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import utils.synthesizers
from utils.course.places import ROOT

# A new module joins by getting a floor here: the lowest one that its imports allow.
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
    "utils.weights": 1,
    "utils.encoding": 2,
    "utils.language_model": 2,
    "utils.privacy": 2,
    "utils.text": 2,
    "utils.training": 2,
    "utils.synthesizers": 3,
    "utils.attacks": 4,
    "utils.fairness": 4,
    "utils.report": 4,
    "utils.scoring": 4,
    "utils.plots": 4,
    "utils.__main__": 5,
    "utils.commands": 5,
    "utils.course": 5,
}
# The floors inside a folder, lowest first; its __init__ stands on top. The parts of a method stand
# on their method's floor and see each other, but no other method.
INSIDE = {
    "utils.commands": [
        ["base", "writing", "identifiers"],
        ["kinds", "known", "values"],
        ["rules"],
        ["opening"],
        ["conditions", "matching", "schema_file"],
        ["compare", "generate"],
        ["report"],
    ],
    "utils.reading": [
        ["forms", "sources"],
        ["clocks", "numbers", "times"],
        ["columns"],
        ["parquet", "text"],
    ],
    "utils.attacks": [
        ["contamination", "evidence", "rates", "neighbours", "membership", "white_box"],
        ["attribute", "linkage", "singling_out"],
        ["report"],
    ],
    "utils.report": [
        ["rows", "section"],
        ["board", "valid", "private", "fair", "unchecked", "page"],
        ["similar", "useful"],
    ],
    "utils.fairness": [["groups"], ["decisions", "drift", "repair"], ["intervals"], ["ledger"]],
    "utils.text": [
        ["encoder", "sentences", "agreement", "rows", "filters", "writer"],
        ["apart", "classifier", "models", "diversity", "grounded", "planted", "templates"],
        ["support"],
    ],
    "utils.encoding": [
        ["columns", "bins", "spikes", "groups"],
        ["codes", "matrix", "scores"],
        ["ranks"],
    ],
    "utils.privacy": [
        ["accounting", "audit", "gradients", "study"],
        ["mechanisms", "parts", "training"],
    ],
    "utils.synthesizers": [
        ["draws", "gaussians", "margins", "promise"],
        ["given"],
        ["base"],
        ["neural"],
        ["private"],
        [
            *("mixture", "copula", "trees", "rules", "marginals"),
            *("gan", "vae", "diffusion", "autoregressive", "language_model"),
        ],
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
# Names that only their author understood: say what a thing is instead.
PRIVATE_WORDS = re.compile(r"players|anchored[_ ]?rows|mixed[_ ]?cells|\bblame\b|\bpraise\b", re.I)
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


def inner_place(module: str) -> tuple[int, str]:
    """Floor and first name of a module in its folder; KeyError where INSIDE does not name it."""
    folder, name = room(module), ".".join(module.split(".")[2:3])
    floors = {name: floor for floor, names in enumerate(INSIDE[folder]) for name in names}
    return (floors | {"": len(INSIDE[folder])})[name], name


def not_below(module: str, needs: set[str]) -> set[str]:
    """Of what a module in a folder of INSIDE imports, that of its folder which is not below it."""
    floor, name = inner_place(module)
    inside = {need: inner_place(need) for need in needs if room(need) == room(module)}
    return {need for need, (below, other) in inside.items() if below >= floor and other != name}


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if room(module_name(p)) in INSIDE], ids=module_name
)
def test_imports_point_down_inside_a_folder(path):
    module = module_name(path)
    assert not (wrong := not_below(module, imported(path))), f"{module} is not above {wrong}"


@pytest.mark.parametrize(
    ("module", "need", "allowed"),
    [
        ("gan.rows", "base", True),
        ("gan.rows", "gan.networks", True),
        ("gan.rows", "vae.networks", False),
        ("gan", "mixture", False),
        ("trees", "copula", False),
        ("draws", "base", False),
        ("base", "neural", False),
        ("gan", "", False),
    ],
)
def test_methods_share_only_what_stands_below_them(module, need, allowed):
    here, there = (f"utils.synthesizers.{name}".rstrip(".") for name in (module, need))
    assert not_below(here, {there, "utils.schema"}) == (set() if allowed else {there})


def test_a_module_without_a_floor_inside_its_folder_is_seen():
    with pytest.raises(KeyError, match="stray"):
        not_below("utils.synthesizers.stray", set())


def test_no_circles():
    TopologicalSorter({module_name(path): imported(path) for path in SOURCES}).prepare()


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


# --- methods: each is found by being imported in utils/synthesizers/__init__.py ---


def methods_in(folder: Path) -> dict[str, str]:
    """Method -> class, of the classes that name their ``method`` anywhere under a folder."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and (method := _method_of(node)):
                found[method] = node.name
    return found


def _method_of(node: ast.ClassDef) -> str | None:
    """What a class's body gives the name ``method``."""
    for line in node.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "method":
            return ast.literal_eval(line.value)
    return None


def test_no_method_is_forgotten():
    written = methods_in(ROOT / "utils" / "synthesizers")
    registered = utils.synthesizers.SYNTHESIZERS.items()
    gathered = {name: cls.__name__ for name, cls in registered if cls.__module__ in MODULES}
    assert gathered == written, "import each method in utils/synthesizers/__init__.py"
    assert set(written.values()) <= set(utils.synthesizers.__all__), "name each in __all__ too"
    assert all(getattr(utils.synthesizers, name).method == key for key, name in written.items())


def test_a_forgotten_method_is_seen(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text(
        'class Part:\n    size = 1\nclass MineSynthesizer:\n    """Mine."""\n    method = "mine"\n'
    )
    assert methods_in(tmp_path) == {"mine": "MineSynthesizer"}


# --- names ---


@pytest.mark.parametrize("folder", ["synthesizers", "encoding"])
def test_names_say_what_a_thing_is(folder):
    found = []
    for path in sorted((ROOT / "utils" / folder).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        words = PRIVATE_WORDS.findall(f"{name}\n{path.read_text(encoding='utf-8')}")
        found += [f"{name}: {word}" for word in sorted(set(words))]
    assert not found, "words that only their author understood: " + ", ".join(found)


@pytest.mark.parametrize("text", ["players.py", "AnchoredRows", "mixed cells", "def blame():"])
def test_private_words_are_seen(text):
    assert PRIVATE_WORDS.search(text) and not PRIVATE_WORDS.search("blameless displayer of rows")
