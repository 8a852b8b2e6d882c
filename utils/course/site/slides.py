"""Slides made from a lesson: its headings, its figures and its short functions; prose is notes.

A slide is a section's heading with what stands first under it, a figure with the sentence that
says what to notice, or a function of few lines. All other prose goes into the speaker's notes
(key S), so that a teacher has the lesson's words at hand.
"""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from utils.course import notebooks, places
from utils.course.site.alternatives import alternative, first, noticed

TEMPLATES = Path(__file__).resolve().parent / "templates"
MOST_WORDS = 110  # of a list that is shown whole
MOST_LINES = 16  # of a function that is shown
HEADING = re.compile(r"^(?=#{1,3} )", flags=re.MULTILINE)
ENTRY = re.compile(r"- |\d+\. ")  # of a list
PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
REVEAL = "reveal.js"  # the folder beside the pages
PARTS = ("dist", "plugin/notes", "LICENSE")  # of reveal.js


def slides_of(page: NotebookNode) -> NotebookNode:
    """The slides of a lesson as a notebook whose cells say what they are (``slideshow``)."""
    shown: list[NotebookNode] = []
    section = part = ""
    for cell, after in zip(page.cells, [*page.cells[1:], None]):
        if cell.cell_type == "markdown":
            for text in filter(None, map(str.strip, HEADING.split(cell.source))):
                if text.startswith("## "):
                    section, part = _heading(text), ""
                elif text.startswith("### "):
                    part = _heading(text)
                shown += _of_prose(text, section if part else "")
            continue
        above = f"*{' · '.join(filter(None, (section, part)))}*\n\n"
        said = noticed(after)
        pictures = _pictures(cell, alternative(cell, said))
        shown += [_slide(f"{above}{said}\n\n{picture}") for picture in pictures]
        if code := _short_functions(cell.source):
            shown.append(_slide(f"{above}```python\n{code}\n```"))
    return new_notebook(cells=shown, metadata=page.metadata)


def _heading(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")


def _of_prose(text: str, section: str) -> list[NotebookNode]:
    """A heading with what stands first under it; the whole as notes."""
    notes = new_markdown_cell(PICTURE.sub(r"\1", text))
    notes.metadata["slideshow"] = {"slide_type": "notes"}
    _, _, below = text.partition("\n")
    if not (text.startswith("#") and below.strip()):
        return [notes]
    level = "#" if text.startswith("# ") else "##"
    listed = "\n".join(line for line in below.splitlines() if ENTRY.match(line))
    lead = listed if 0 < len(listed.split()) <= MOST_WORDS else first(below)
    above = f"*{section}*\n\n" if section else ""
    return [_slide(f"{above}{level} {_heading(text)}\n\n{lead}"), notes]


def _pictures(cell: NotebookNode, alternative: str) -> list[str]:
    """The figures of a cell in Markdown, with their text alternative."""
    alternative = alternative.replace("]", "")
    data = [output.get("data", {}).get("image/png") for output in cell.outputs]
    return [f"![{alternative}](data:image/png;base64,{''.join(d.split())})" for d in data if d]


def _short_functions(code: str) -> str:
    """The functions that a cell defines; empty if there are none or they are long."""
    lines = code.splitlines()
    functions = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)]
    texts = ["\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in functions]
    text = "\n\n".join(texts)
    return text if len(text.splitlines()) <= MOST_LINES else ""


def _slide(text: str) -> NotebookNode:
    return new_markdown_cell(text, metadata={"slideshow": {"slide_type": "slide"}})


def write_slides(reveal: Path, root: Path = places.ROOT, folder: Path | None = None) -> Path:
    """Write each lesson's slides as a page into ``build/slides``; returns the folder.

    Parameters
    ----------
    reveal : the folder of reveal.js (MIT licence), which is copied beside the pages.
    """
    from nbconvert import SlidesExporter

    folder = folder or places.build_folder(root) / "slides"
    shutil.rmtree(folder, ignore_errors=True)
    for part in PARTS:
        target = folder / REVEAL / part
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (reveal / part).is_dir() else shutil.copy
        copy(reveal / part, target)
    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(TEMPLATES)],
        reveal_url_prefix=REVEAL,
        reveal_theme="white",
    )
    for lesson in places.lessons(root):
        names = {"metadata": {"name": lesson.stem}}
        page, _ = exporter.from_notebook_node(slides_of(notebooks.read(lesson)), resources=names)
        (folder / f"{lesson.stem}.html").write_text(page, encoding="utf-8")
    return folder
