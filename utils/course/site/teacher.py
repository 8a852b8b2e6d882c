"""A page for the teacher of each lesson: written notes, with minutes and answers beside them.

The notes stand in ``notebooks/workshop``; how long each section takes is shared out by its words
and its code, and the answers to the lesson's questions are those of its solutions.
"""

from __future__ import annotations

import re
from pathlib import Path

from utils.course import notebooks, places
from utils.course.notebooks import Page
from utils.course.readme import lesson_facts
from utils.course.rules import section

FOLDER = "workshop"  # in the folder of the lessons
SECTION = re.compile(r"## (.+)")
QUESTIONS = "## Questions"
A_LINE_OF_CODE = 6  # words that a line of code takes as long to read as
WITHOUT = ("Next", "Recap", "Questions")  # sections that take no time of their own


def notes_of(lesson: Path) -> Path:
    """Where a lesson's notes for the teacher stand."""
    return lesson.parent / FOLDER / f"{lesson.stem}.md"


def teacher_page(lesson: Path) -> str:
    """The page in Markdown: the notes, a table of minutes, the questions with their answers."""
    facts = lesson_facts(lesson)
    minutes = minutes_by_section(lesson)
    table = "\n".join(f"| {section} | {time} |" for section, time in minutes.items())
    return (
        f"# Teaching {facts['number']} · {facts['question']}\n\n"
        f"[The lesson](../{lesson.name}) takes {facts['read']} minutes to read and "
        f"{facts['run']} to run. It needs: {facts['needs']}.\n\n"
        f"{notes_of(lesson).read_text(encoding='utf-8').strip()}\n\n"
        f"## Minutes\n\n| section | minutes |\n|---|---|\n{table}\n\n"
        f"## The five questions, and their answers\n\n{_questions_and_answers(lesson)}\n"
    )


def minutes_by_section(lesson: Path) -> dict[str, int]:
    """The lesson's minutes of reading, shared out over its sections; at least one each."""
    length, place = {"Opening": 0}, "Opening"
    for cell in notebooks.read(lesson).cells:
        code = cell.cell_type == "code"
        for line in cell.source.splitlines():
            if not code and (found := SECTION.match(line)):
                place = found[1]
            words = A_LINE_OF_CODE if code else len(line.split())
            length[place] = length.get(place, 0) + words
    length = {section: words for section, words in length.items() if section not in WITHOUT}
    whole = int(lesson_facts(lesson)["read"]) / sum(length.values())
    return {section: max(1, round(words * whole)) for section, words in length.items()}


def _questions_and_answers(lesson: Path) -> str:
    questions = _numbered(section(Page.read(lesson), QUESTIONS))
    answers = _numbered(_answers(lesson))
    return "\n".join(
        f"{number}. **{question}** {answer}"
        for number, (question, answer) in enumerate(zip(questions, answers), 1)
    )


def _answers(lesson: Path) -> str:
    """The last prose cell of the solutions that holds a numbered list: it answers the questions."""
    prose = Page.read(places.solution_of(lesson)).prose
    return next((cell.source for cell in reversed(prose) if _numbered(cell.source)), "")


def _numbered(text: str) -> list[str]:
    """The entries of a numbered list, each as one line."""
    return [" ".join(entry.split()) for entry in re.split(r"^\d+\. ", text, flags=re.M)[1:]]
