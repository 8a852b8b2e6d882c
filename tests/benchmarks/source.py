"""Which code made a result: a short hash over the code that makes rows and judges them.

It is taken from the syntax trees without docstrings, comments and layout: prose may change.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from utils.course.places import ROOT

# What learns, samples and judges. Reading, saving and showing change no number. A dot at the end:
# the folder itself only hands names on, and its modules count one by one.
COUNTS = (
    "utils.checks",
    "utils.encoding.",
    "utils.expressions",
    "utils.language_model",
    "utils.privacy.",
    "utils.schema",
    "utils.scoring.",
    "utils.synthesizers.",
    "utils.text.",
    "utils.training",
    "tests.benchmarks.ablation_",
    "tests.benchmarks.control",
)
# Functions that read a saved model back and check it: no stored row came through them.
LOADING = {"load", "_check_fitted", "_holds", "fits"}
JUDGES = ("utils.checks", "utils.schema", "utils.scoring.")
DIGITS = 8


def fingerprint(modules: Iterable[str], more: Iterable[str] = (), root: Path = ROOT) -> str:
    """``x`` (to be read as text) and eight digits that change when the code behind modules does.

    more : other text that counts, such as the hash of a table.
    """
    code = hashlib.sha256()
    behind = _behind if root == ROOT else modules_behind
    for name in sorted(set().union(*(behind(module, root) for module in modules))):
        code.update(_meaning(_read(name, root)).encode())
    for text in more:
        code.update(text.encode())
    return "x" + code.hexdigest()[:DIGITS]


def modules_behind(module: str, root: Path = ROOT) -> set[str]:
    """The module and all that it imports, directly or not, among those that count."""
    found, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needs = [*_imports(name, root), *_folder(name, root)]
            waiting += [need for need in needs if need.startswith(COUNTS)]
    return found


# The course's own code stays as it is while a process runs; the roots of tests do not.
_behind = cache(modules_behind)


def told_the_target(modules: Iterable[str], root: Path = ROOT) -> bool:
    """Whether code behind modules that makes rows asks the schema for its target."""
    behind = set().union(*(modules_behind(module, root) for module in modules))
    makers = [name for name in behind if not name.startswith(JUDGES)]
    return any(
        isinstance(node, ast.Attribute) and node.attr == "target"
        for name in makers
        for node in ast.walk(_tree(_read(name, root)))
    )


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _meaning(text: str) -> str:
    """Code as text that only code changes."""
    return _told(_tree(text))


def _told(node) -> str:
    """A syntax tree as text; what is empty is left out, as versions of Python differ in it."""
    if isinstance(node, list):
        told = (_told(part) for part in node if not (_is_prose(part) or _loads(part)))
        return f"[{' '.join(told)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [
        f"{name}={_told(value)}"
        for name, value in ast.iter_fields(node)
        if isinstance(node, ast.Constant) or value not in (None, [])
    ]
    return f"{type(node).__name__}({' '.join(fields)})"


def _is_prose(node) -> bool:
    """A string that stands as a statement: a docstring."""
    value = getattr(node, "value", None)
    return isinstance(node, ast.Expr) and isinstance(getattr(value, "value", None), str)


def _loads(node) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name in LOADING


def _folder(module: str, root: Path) -> list[str]:
    """The folder that a module stands in and, if it is a folder, all that stands in it."""
    place = root.joinpath(*module.split("."))
    inside = [path.stem for path in place.glob("*.py") if path.stem != "__init__"]
    return [module.rpartition(".")[0], *(f"{module}.{name}" for name in inside)]


def _imports(module: str, root: Path) -> list[str]:
    """Modules that a file imports; a name that a folder hands on counts where it is made."""
    needs = []
    for source, name in _named(_read(module, root)):
        needs += [source, f"{source}.{name}", *_handed_on(source, name, root)]
    return [need for need in needs if _file(need, root).exists()]


def _handed_on(folder: str, name: str, root: Path) -> list[str]:
    """The modules that the ``__init__.py`` of a folder takes a name from: one or none."""
    if _file(folder, root).name != "__init__.py" or not _file(folder, root).exists():
        return []
    return [source for source, known in _named(_read(folder, root)) if known == name]


@cache
def _named(text: str) -> list[tuple[str, str]]:
    """What code imports: (module or folder, name in it, "" for itself)."""
    needs = []
    for node in ast.walk(_tree(text)):
        if isinstance(node, ast.Import):
            needs += [(alias.name, "") for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            needs += [(node.module, alias.name) for alias in node.names]
    return needs


def _file(module: str, root: Path) -> Path:
    """The source of a module; of a folder, its ``__init__.py``."""
    path = root.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _read(module: str, root: Path) -> str:
    return _file(module, root).read_text(encoding="utf-8")
