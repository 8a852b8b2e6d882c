"""The public address of the course: it stands in pyproject.toml, everything else is written from
it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from utils.course.places import ROOT

ADDRESS = re.compile(r"https://github\.com/(?P<slug>[A-Za-z0-9][\w.-]*/[\w.-]*[\w-])")
FILES_WITH_LINKS = ("*.md", "*.cff", "notebooks/**/*.ipynb", "data/**/*.md")
SETUP_TEMPLATE = Path(__file__).with_name("setup_cell.txt")


def read_address(root: Path = ROOT) -> str:
    """The repository's address, ``https://github.com/owner/name``, as pyproject.toml gives it."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["course"]["address"]


def slug(address: str) -> str:
    """``owner/name`` of an address; ValueError when it is not one that Colab and Binder can
    open."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(
            f"{address!r} is not an address that Colab and Binder can open. "
            "Give it as https://github.com/owner/name, without .git and without a slash at the end."
        )
    return found["slug"]


def setup_cell(address: str | None = None) -> str:
    """The four lines that open every lesson and every solutions notebook."""
    template = SETUP_TEMPLATE.read_text(encoding="utf-8").rstrip("\n")
    return template.replace("ADDRESS", address or read_address())


def colab_link(address: str, path: str) -> str:
    """Link that opens the notebook at ``path`` (relative to the repository) in Colab."""
    return f"https://colab.research.google.com/github/{slug(address)}/blob/main/{path}"


def binder_link(address: str, path: str) -> str:
    """Link that opens the notebook at ``path`` (relative to the repository) in JupyterLab on
    Binder."""
    return f"https://mybinder.org/v2/gh/{slug(address)}/main?urlpath=lab/tree/{path}"


def rewrite_address(new: str, root: Path = ROOT) -> list[Path]:
    """Write ``new`` wherever the present address stands; returns the files that changed."""
    old_slug, new_slug = slug(read_address(root)), slug(new)
    pattern = mentions(old_slug)
    files = [
        root / "pyproject.toml",
        *(path for glob in FILES_WITH_LINKS for path in sorted(root.glob(glob))),
    ]
    return [path for path in files if _rewrite(path, pattern, new_slug)]


def mentions(name: str) -> re.Pattern[str]:
    """Pattern that finds ``owner/name`` where a link to GitHub, Colab or Binder holds it."""
    return re.compile(rf"(?P<before>github\.com/|/github/|/gh/){re.escape(name)}(?![\w-])")


def _rewrite(path: Path, pattern: re.Pattern[str], new_slug: str) -> bool:
    text = path.read_bytes().decode("utf-8")
    changed = pattern.sub(rf"\g<before>{new_slug}", text)
    if changed != text:
        path.write_bytes(changed.encode("utf-8"))
    return changed != text
