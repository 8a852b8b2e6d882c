"""Slides: each cell says what it is, figures carry what to notice, prose stands in the notes."""

from __future__ import annotations

import re

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from utils.course import notebooks, places
from utils.course.site.slides import MOST_LINES, MOST_WORDS, slides_of, write_slides

LONG = "\n".join(["def long():", *["    pass"] * MOST_LINES])
FETCHED = re.compile(r"""<(?:script|link|img)[^>]*(?:src|href)=["']https?:""")


def kinds(page: NotebookNode) -> list[str]:
    return [cell.metadata["slideshow"]["slide_type"] for cell in page.cells]


def shown(*cells: NotebookNode) -> tuple[list[str], str]:
    """What stands on the slides of some cells, and all notes."""
    page = slides_of(new_notebook(cells=list(cells)))
    texts = [cell.source for cell, kind in zip(page.cells, kinds(page)) if kind == "slide"]
    return texts, "\n".join(c.source for c, k in zip(page.cells, kinds(page)) if k == "notes")


def figure() -> NotebookNode:
    cell = new_code_cell("axis.set_title('It rises')")
    cell.outputs = [new_output("display_data", {"image/png": "aGk=\n"})]
    return cell


def test_a_heading_shows_what_stands_first_under_it():
    slides, notes = shown(new_markdown_cell("## Build\n\n### One\n\nFirst. Second. Third."))
    assert slides == ["*Build*\n\n## One\n\nFirst. Second."]
    assert "Third." in notes and "## Build" in notes


def test_a_list_is_shown_whole_unless_it_is_long():
    slides, _ = shown(new_markdown_cell("## Recap\n\nIn short. This: so.\n\n- one\n- two"))
    assert slides == ["## Recap\n\n- one\n- two"]
    slides, _ = shown(new_markdown_cell("## Recap\n\nIn short.\n\n- " + "word " * MOST_WORDS))
    assert slides[0].startswith("## Recap\n\nIn short.")


def test_a_figure_stands_with_the_sentence_after_it():
    above = new_markdown_cell("## Build\n\n### One\n\nFirst.")
    slides, notes = shown(above, figure(), new_markdown_cell("Notice the end. It is up. More."))
    assert slides[1].startswith("*Build · One*\n\nNotice the end. It is up.\n\n![It rises")
    assert slides[1].endswith("(data:image/png;base64,aGk=)") and "More." in notes


def test_only_short_functions_are_shown():
    code = new_code_cell("rows = 3\n\n\ndef f(x):\n    return x\n\n\nprint(f(rows))")
    slides, _ = shown(new_markdown_cell("## Build\n\nText."), code, new_code_cell(LONG))
    assert slides[1:] == ["*Build*\n\n```python\ndef f(x):\n    return x\n```"]


@pytest.mark.parametrize("lesson", places.lessons(), ids=lambda path: path.stem)
def test_each_lesson_makes_slides(lesson):
    page = slides_of(notebooks.read(lesson))
    assert kinds(page)[0] == "slide" and set(kinds(page)) == {"slide", "notes"}
    slides = [
        cell.source for cell in page.cells if cell.metadata["slideshow"]["slide_type"] != "notes"
    ]
    words = [len(re.split(r"!\[|```", text)[0].split()) for text in slides]
    assert 15 < len(slides) < 60 and max(words) <= MOST_WORDS + 20
    figures = [text for text in slides if "data:image" in text]
    assert figures and all(len(text.partition("![")[0].split()) > 5 for text in figures)


def test_a_page_asks_no_other_machine(tmp_path):
    reveal = tmp_path / "reveal"
    for name in ("dist/reveal.js", "plugin/notes/notes.js", "LICENSE"):
        (reveal / name).parent.mkdir(parents=True, exist_ok=True)
        (reveal / name).write_text("", encoding="utf-8")
    folder = write_slides(reveal, folder=tmp_path / "slides")
    pages = sorted(folder.glob("*.html"))
    assert [page.stem for page in pages] == [lesson.stem for lesson in places.lessons()]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not FETCHED.search(text) and '<aside class="notes">' in text
    assert (folder / "reveal.js" / "LICENSE").exists()
