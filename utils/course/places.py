"""Where things stand: files in the repository, found by looking, and the repository on the net."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"https://github\.com/(?P<slug>[A-Za-z0-9][\w.-]*/[\w.-]*[\w-])")
FILES_WITH_LINKS = ("pyproject.toml", "*.md", "*.cff", "notebooks/**/*.ipynb", "data/**/*.md")
# Four lines in every lesson, however long they are.
SETUP_CELL = """\
import os, subprocess, sys
if "google.colab" in sys.modules and not os.path.isdir("../utils"):  # only on Colab: fetch the \
course, step into it
    os.path.isdir("course") or subprocess.run(["git", "clone", "--quiet", "--depth=1", "ADDRESS", \
"course"], check=True); os.chdir("course/notebooks"); sys.path.insert(0, os.path.abspath(".."))
from utils.session import start_lesson; start_lesson()"""


def notebooks_folder(root: Path = ROOT) -> Path:
    """Folder of the lessons."""
    return root / "notebooks"


def build_folder(root: Path = ROOT) -> Path:
    """Folder of what can be made again: executed pages, the table of a run."""
    return root / "build"


def results_folder(root: Path = ROOT) -> Path:
    """Folder of what long runs measured and the repository keeps."""
    return root / "data" / "results"


def lessons(root: Path = ROOT) -> list[Path]:
    """The lessons' notebooks in reading order."""
    return sorted(notebooks_folder(root).glob("[0-9][0-9]_*.ipynb"))


def solutions(root: Path = ROOT) -> list[Path]:
    """The solutions notebooks in reading order."""
    return sorted((notebooks_folder(root) / "solutions").glob("*.ipynb"))


def all_notebooks(root: Path = ROOT) -> list[Path]:
    """Every notebook that a test covers: lessons, then solutions."""
    return lessons(root) + solutions(root)


def solution_of(lesson: Path) -> Path:
    """Where the worked exercises of a lesson stand (the file may be missing)."""
    return lesson.parent / "solutions" / f"{lesson.stem}_solutions.ipynb"


def lesson_of(solution: Path) -> Path:
    """The lesson that a solutions notebook belongs to (the file may be missing)."""
    return solution.parent.parent / f"{solution.stem.removesuffix('_solutions')}.ipynb"


def number(notebook: Path) -> str:
    """The two digits a notebook's name begins with."""
    return notebook.name[:2]


# --- the public address: it stands in pyproject.toml, everything else is written from it ---


def read_address(root: Path = ROOT) -> str:
    """The repository's address, ``https://github.com/owner/name``, as pyproject.toml gives it."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings["tool"]["course"]["address"]


def slug(address: str) -> str:
    """``owner/name`` of an address; ValueError when Colab and Binder cannot open it."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(
            f"{address!r} is not an address that Colab and Binder can open. "
            "Give it as https://github.com/owner/name, without .git and without a slash at the end."
        )
    return found["slug"]


def setup_cell(address: str | None = None) -> str:
    """The four lines that open every lesson and every solutions notebook."""
    return SETUP_CELL.replace("ADDRESS", address or read_address())


def colab_link(address: str, path: str) -> str:
    """Link that opens the notebook at ``path`` (relative to the repository) in Colab."""
    return f"https://colab.research.google.com/github/{slug(address)}/blob/main/{path}"


def binder_link(address: str, path: str) -> str:
    """Link that opens the notebook at ``path`` in JupyterLab on Binder."""
    return f"https://mybinder.org/v2/gh/{slug(address)}/main?urlpath=lab/tree/{path}"


def rewrite_address(new: str, root: Path = ROOT) -> list[Path]:
    """Write ``new`` wherever the present address stands; returns the files that changed."""
    pattern, new_slug = mentions(slug(read_address(root))), slug(new)
    files = [path for glob in FILES_WITH_LINKS for path in sorted(root.glob(glob))]
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
