"""Which code made a result: a short hash over the files that learn and sample for a module."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

from utils.course.places import ROOT
from utils.synthesizers import SYNTHESIZERS

# What makes rows. The floors below load, check and save; scoring judges, and is the same for all.
MAKES_ROWS = (
    "utils.encoding",
    "utils.training",
    "utils.synthesizers.",
    "tests.benchmarks.ablation_",
)
DIGITS = 8


def fingerprint(module: str, root: Path = ROOT) -> str:
    """``x`` (to be read as text) and eight digits that change when the code behind it does."""
    code = hashlib.sha256()
    for name in sorted(modules_behind(module, root)):
        code.update(_file(name, root).read_bytes())
    return "x" + code.hexdigest()[:DIGITS]


def modules_behind(module: str, root: Path = ROOT) -> set[str]:
    """The module and all that it imports, directly or not, among those that make rows."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needs = [*_imports(name, root), *_folder(name, root)]
            waiting += [need for need in needs if need.startswith(MAKES_ROWS)]
    return found


def _folder(module: str, root: Path) -> list[str]:
    """The folder that a module stands in and, if it is a folder, all that stands in it."""
    place = root.joinpath(*module.split("."))
    inside = [path.stem for path in place.glob("*.py") if path.stem != "__init__"]
    return [module.rpartition(".")[0], *(f"{module}.{name}" for name in inside)]


def _imports(module: str, root: Path) -> list[str]:
    """Modules that a file imports; a name from a package may be a module of it, or a generator."""
    needs, generators = [], {method.__name__: method.__module__ for method in SYNTHESIZERS.values()}
    for node in ast.walk(ast.parse(_file(module, root).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            needs += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            needs += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            needs += [generators[alias.name] for alias in node.names if alias.name in generators]
    return [need for need in needs if _file(need, root).exists()]


def _file(module: str, root: Path) -> Path:
    """The source of a module; of a folder, its ``__init__.py``."""
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
