"""The site's source: terms linked once, figures described, docstrings as lists, pages in place."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

import utils.scoring
from utils.course import notebooks, places
from utils.course.readme import lesson_facts
from utils.course.site import GLOSSARY, prepared, write_source
from utils.course.site.alternatives import describe_figures, first, titles
from utils.course.site.docstrings import as_lists
from utils.course.site.glossary import Glossary
from utils.course.site.reference import ROOMS, public_names
from utils.course.site.teacher import minutes_by_section, teacher_page


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The source of the site, written beside the repository."""
    return write_source(folder=tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def glossary() -> Glossary:
    """The glossary of the course."""
    return Glossary.read(GLOSSARY)


def linked(text: str, glossary: Glossary) -> str:
    """A prose cell with its terms linked."""
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    glossary.link_first_uses(page)
    return page.cells[0].source


class TestGlossary:
    def test_a_term_is_linked_where_it_is_first_used(self, glossary):
        text = "A seed is a number. Another seed, other rows."
        assert linked(text, glossary) == (
            "A {term}`seed <seed>` is a number. Another seed, other rows."
        )

    def test_other_names_and_plurals_lead_to_the_entry(self, glossary):
        assert linked("Two marginals.", glossary) == (
            "Two {term}`marginals <marginal distribution>`."
        )
        assert "`variational autoencoder <VAE>`" in linked("a variational autoencoder", glossary)

    @pytest.mark.parametrize(
        "text",
        [
            "`seed = 0`",
            "[a seed](x.md)",
            "# A seed",
            "$seed$",
            "<b title='seed'>",
            "| seed |",
            "```\nseed\n```",
            "seedling, reseed, a-seed",
        ],
    )
    def test_code_links_headings_and_parts_of_words_are_left_alone(self, text, glossary):
        assert linked(text, glossary) == text

    def test_each_entry_is_used_by_a_lesson(self, source, glossary):
        lessons = "".join(path.read_text() for path in (source / "notebooks").glob("*.ipynb"))
        unused = [names[0] for names in glossary.terms if f"<{names[0]}>`" not in lessons]
        assert not unused

    def test_no_name_stands_twice(self, glossary):
        names = [name.lower() for entry in glossary.terms for name in entry]
        assert len(names) == len(set(names)) > 50


class TestFigures:
    def test_the_titles_of_a_cell(self):
        code = 'axis.set_title("Rows move apart")\nplots.bars(x, "Two apps lead", title=name)'
        assert titles(code) == ["Rows move apart", "Two apps lead"]

    def test_the_first_sentences_of_the_prose_without_marks(self):
        prose = "### Seen\n\n**Notice** the `left` panel: [it](a.md) falls. Then more. And more."
        assert first(prose) == "Notice the left panel: it falls."
        assert first("One. Two. Three.") == "One. Two."

    def test_every_figure_of_the_course_says_something(self, source):
        for path in sorted((source / "notebooks").rglob("*.ipynb")):
            for cell in notebooks.code_cells(notebooks.read(path)):
                if any("image/png" in output.get("data", {}) for output in cell.outputs):
                    said = cell.metadata["mystnb"]["image"]["alt"]
                    assert len(said.split()) > 4, f"{path.name}: {cell.source[:60]}"

    def test_a_figure_without_words_is_still_named(self):
        output = nbformat.v4.new_output("display_data", {"image/png": "aGVsbG8="})
        cell = nbformat.v4.new_code_cell("draw()", outputs=[output])
        page = nbformat.v4.new_notebook(cells=[cell])
        describe_figures(page)
        assert cell.metadata["mystnb"]["image"]["alt"] == "A figure"


class TestDocstrings:
    def test_entries_become_a_list(self):
        lines = [
            "What it does.",
            "",
            "rows : how many.  seed, other : numbers",
            "    that go on.",
            "",
        ]
        assert as_lists(lines) == [
            "What it does.",
            "",
            "- **rows**: how many",
            "- **seed, other**: numbers that go on.",
            "",
        ]

    def test_sections_and_prose_stay(self):
        lines = ["Returns", "-------", "float64 : a number", "", "A sentence: with a colon."]
        assert as_lists(lines) == [*lines, ""]

    def test_the_library_shows_its_public_names(self):
        assert set(public_names(utils.scoring)) >= {"Scoreboard", "score", "c2st"}
        assert "utils.synthesizers" in ROOMS


class TestTeacher:
    @pytest.mark.parametrize("lesson", places.lessons(), ids=lambda path: path.stem)
    def test_each_lesson_has_a_page_with_notes_minutes_and_five_answers(self, lesson):
        page = teacher_page(lesson)
        for heading in ("What people get wrong", "When time is short", "One thing to try live"):
            assert f"## {heading}" in page
        assert len(re.findall(r"^\d\. \*\*.+\*\* \w", page, re.MULTILINE)) == 5
        minutes, read = minutes_by_section(lesson), int(lesson_facts(lesson)["read"])
        assert "Build" in minutes and abs(sum(minutes.values()) - read) <= len(minutes)


class TestPages:
    def test_pages_stand_where_their_files_stand(self, source):
        for path in places.all_notebooks():
            assert (source / path.relative_to(places.ROOT)).exists()
        assert (source / "data" / "results" / "race.md").exists()

    def test_each_lesson_has_a_card_with_a_picture(self, source):
        front = (source / "index.md").read_text(encoding="utf-8")
        for path in places.lessons():
            assert f":link: notebooks/{path.stem}\n" in front
            assert (source / "_static" / f"{path.stem}.png").exists()

    def test_a_solution_is_behind_a_link_and_outside_the_table_of_contents(self, glossary):
        lesson = places.lessons()[1]
        assert places.solution_of(lesson).name in prepared(lesson, glossary).cells[-1].source
        assert prepared(places.solution_of(lesson), glossary).metadata["orphan"] is True

    def test_links_in_outputs_lead_to_pages(self, source):
        shown = (source / "notebooks" / "00_start_here.ipynb").read_text(encoding="utf-8")
        assert "(05_gan.html)" in shown and "(05_gan.ipynb)" not in shown

    def test_the_setup_cell_is_folded(self, glossary):
        page = prepared(places.lessons()[0], glossary)
        setup = next(cell for cell in page.cells if cell.source == places.setup_cell())
        assert "hide-input" in setup.metadata["tags"]
