"""The course as a site: its source is written here from stored notebooks, Sphinx builds it.

Nothing is executed. Pages stand where their files stand in the repository, so that links hold and
launch buttons find them.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from utils.course import notebooks, places
from utils.course.pages import LINK_TO_NOTEBOOK
from utils.course.site.alternatives import describe_figures
from utils.course.site.front import front_page
from utils.course.site.glossary import Glossary
from utils.course.site.reference import reference_pages
from utils.course.site.teacher import FOLDER, notes_of, teacher_page

HERE = Path(__file__).resolve().parent
SETTINGS = HERE / "conf.py"
GLOSSARY = HERE / "glossary.md"
STATIC = HERE / "static"
PAGES = ("data/*.md", "data/results/*.md")
PICTURES = "data/results/*.png"
MARKDOWN_LINK = re.compile(r"(\]\([^):]*?)\.ipynb(?=[)#])")
OWN_OUTPUT = "application/vnd.course"  # MIME types that no page shows


def source_folder(root: Path = places.ROOT) -> Path:
    """Where the source of the site is written."""
    return places.build_folder(root) / "site_source"


def write_source(root: Path = places.ROOT, folder: Path | None = None) -> Path:
    """Write what Sphinx builds the site from, into ``build/`` by default; returns its folder."""
    folder = folder or source_folder(root)
    shutil.rmtree(folder, ignore_errors=True)
    glossary = Glossary.read(GLOSSARY)
    for path in places.all_notebooks(root):
        page = prepared(path, glossary)
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        notebooks.store(page, target)
    _write_workshop(root, folder / "notebooks" / FOLDER)
    for pattern in (*PAGES, PICTURES):
        for path in sorted(root.glob(pattern)):
            target = folder / path.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    shutil.copytree(STATIC, folder / "_static")
    shutil.copy(SETTINGS, folder)
    (folder / "address.json").write_text(json.dumps(places.read_address(root)), encoding="utf-8")
    (folder / "glossary.md").write_text(glossary.page(), encoding="utf-8")
    (folder / "reference").mkdir()
    for name, text in reference_pages().items():
        (folder / "reference" / name).write_text(text, encoding="utf-8")
    (folder / "index.md").write_text(front_page(root, folder), encoding="utf-8")
    return folder


def _write_workshop(root: Path, folder: Path) -> None:
    """The teacher's pages: one a lesson, and those that stand for themselves."""
    folder.mkdir(parents=True)
    lessons = {notes_of(lesson): lesson for lesson in places.lessons(root)}
    for path in sorted((places.notebooks_folder(root) / FOLDER).glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path in lessons:
            text = teacher_page(lessons[path])
        (folder / path.name).write_text(text, encoding="utf-8")


def prepared(path: Path, glossary: Glossary) -> notebooks.NotebookNode:
    """A notebook as the site shows it: terms linked, figures described, the setup cell folded, the
    solutions behind a link."""
    page = notebooks.read(path)
    describe_figures(page)
    glossary.link_first_uses(page)
    for cell in notebooks.code_cells(page):
        for output in cell.outputs:
            _show(output.get("data", {}))
        if cell.source == places.setup_cell():
            cell.metadata.setdefault("tags", []).append("hide-input")
    if path.parent.name == "solutions":
        page.metadata["orphan"] = True
        for cell in page.cells:
            if cell.cell_type == "markdown":  # nothing stands between the title and an exercise
                cell.source = re.sub("^### ", "## ", cell.source, flags=re.MULTILINE)
    elif (solved := places.solution_of(path)).exists():
        page.cells.append(_link_to_solutions(solved))
    return page


def _show(data: dict) -> None:
    """Leave out what no page shows; links to notebooks lead to their pages."""
    for kind in [kind for kind in data if kind.startswith(OWN_OUTPUT)]:
        del data[kind]
    for kind, link in (("text/html", LINK_TO_NOTEBOOK), ("text/markdown", MARKDOWN_LINK)):
        if kind in data:
            data[kind] = link.sub(r"\1.html", data[kind])


def _link_to_solutions(solved: Path) -> notebooks.NotebookNode:
    import nbformat

    text = (
        "```{dropdown} Solutions\n"
        f"Try the exercises first. Then: [the worked solutions](solutions/{solved.name}).\n```"
    )
    return nbformat.v4.new_markdown_cell(text)
