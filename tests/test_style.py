"""One style of code everywhere: ruff formats and checks every Python file, sorting is stable."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from utils.course import places, style
from utils.course.notebooks import KERNEL
from utils.course.places import ROOT
from utils.course.rules import unstable_sorts

# The code whose results are shown or stored; lessons are held to the same by their house rules.
SOURCES = [
    path for folder in ("utils", "tests/benchmarks") for path in (ROOT / folder).rglob("*.py")
]


def ruff(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """What ruff, with the repository's settings, says of a folder's Python files."""
    command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "--config"]
    return subprocess.run(
        [*command, str(ROOT / "pyproject.toml"), "."], cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize("arguments", [("format", "--check", "--diff"), ("check",)], ids=" ".join)
def test_ruff_has_nothing_to_say(arguments):
    done = ruff(ROOT, *arguments)
    assert done.returncode == 0, f"ruff {arguments[0]} .\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("arguments", "word"), [(("format", "--check", "--diff"), "+x = 1"), (("check",), "F401")]
)
def test_ruff_would_say_it(tmp_path, arguments, word):
    (tmp_path / "untidy.py").write_text("import os\nx=1\n")
    done = ruff(tmp_path, *arguments)
    assert done.returncode == 1 and word in done.stdout


@pytest.mark.parametrize("path", places.all_notebooks(), ids=lambda path: path.stem)
def test_ruff_has_nothing_to_say_of_a_notebook(path):
    said = style.check(path)
    assert not said, f"python -m utils.course style --write {path.name}\n{said}"


class TestNotebookStyle:
    @pytest.fixture
    def untidy(self, tmp_path) -> Path:
        """A notebook whose setup cell alone is in order."""
        sources = [places.setup_cell(), "import os\nx=1\nprint( x )\n", "y = [1,2]"]
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        cells[1].outputs = [nbformat.v4.new_output("stream", text="1\n")]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": KERNEL})
        nbformat.write(notebook, tmp_path / "untidy.ipynb")
        return tmp_path / "untidy.ipynb"

    def test_it_is_told(self, untidy):
        said = style.check(untidy)
        assert "+x = 1" in said and "F401" in said and "google.colab" not in said

    def test_it_is_mended_and_keeps_its_outputs_and_imports(self, untidy):
        style.format_code(untidy)
        cells = nbformat.read(untidy, as_version=4).cells
        assert [cell.source for cell in cells[1:]] == ["import os\n\nx = 1\nprint(x)", "y = [1, 2]"]
        assert cells[0].source == places.setup_cell() and cells[1].outputs[0].text == "1\n"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sorting_is_stable(path):
    unstable = unstable_sorts(ast.parse(path.read_text(encoding="utf-8")))
    assert not unstable, (
        f'{path.relative_to(ROOT)} uses {unstable} without kind="stable": '
        "ties fall differently on another processor"
    )


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("np.argsort(x)", ["argsort"]),
        ("x.argsort(kind='quicksort')", ["argsort"]),
        ("from numpy import argsort\nargsort(x, axis=0)", ["argsort"]),
        ("groups.apply(np.argsort)", ["argsort"]),
        ("np.argpartition(x, 3)", ["argpartition"]),
        ("table.sort_values('Usage').sort_index()", ["sort_index", "sort_values"]),
        ("table.sort_values('Usage', kind='stable')", []),
        ("np.argsort(x, kind='stable')[0]", []),
        ("tf.argsort(x, stable=True)", []),
        ("tf.argsort(x, stable=False)", ["argsort"]),
        ("np.sort(x), sorted(x), x.sort()", []),
    ],
)
def test_unstable_sorts_are_seen(code, found):
    assert sorted(unstable_sorts(ast.parse(code))) == found
