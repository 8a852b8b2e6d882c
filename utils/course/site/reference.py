"""The library's reference: each public name with its docstring, a section a room."""

from __future__ import annotations

from importlib import import_module
from inspect import isclass, isfunction
from types import ModuleType

ROOMS = (
    *("utils.tables", "utils.schema", "utils.reading", "utils.screentime", "utils.session"),
    *("utils.synthesizers", "utils.scoring", "utils.attacks", "utils.privacy", "utils.fairness"),
    *("utils.plots", "utils.results", "utils.training", "utils.language_model", "utils.text"),
)


def reference_pages() -> dict[str, str]:
    """Name of a file -> its text, in MyST's Markdown for Sphinx's autodoc to fill: a page a
    room."""
    return {f"{name}.md": _room(import_module(name)) for name in ROOMS}


def _room(module: ModuleType) -> str:
    summary = (module.__doc__ or "").strip().partition("\n\n")[0]
    entries = "\n".join(_entry(module, name) for name in public_names(module))
    return f"# {module.__name__}\n\n{summary}\n\n```{{eval-rst}}\n{entries}\n```\n"


def public_names(module: ModuleType) -> list[str]:
    """The classes and functions that a module offers, classes first: those in ``__all__``, or those
    that it defines itself."""
    names = getattr(module, "__all__", None) or [
        name for name in vars(module) if not name.startswith("_")
    ]
    shown = [name for name in names if _is_shown(getattr(module, name), module.__name__)]
    return sorted(shown, key=lambda name: (not isclass(getattr(module, name)), name))


def _is_shown(value: object, room: str) -> bool:
    """Whether it is a class or a function of this room; what it borrows stands in another."""
    home = getattr(value, "__module__", "")
    return (isclass(value) or isfunction(value)) and f"{home}.".startswith(f"{room}.")


def _entry(module: ModuleType, name: str) -> str:
    if isclass(getattr(module, name)):
        return f".. autoclass:: {module.__name__}.{name}\n   :members:\n"
    return f".. autofunction:: {module.__name__}.{name}\n"
