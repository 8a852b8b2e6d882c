"""Docstrings of the library, as Sphinx reads them: ``name : meaning`` lines become a list."""

from __future__ import annotations

import re

NAME = r"[*\w`]+(?:, [*\w`]+)*"
STARTS = re.compile(rf"^(?P<name>{NAME}) : (?P<meaning>.*)$")
NEXT = re.compile(rf"\.?\s{{2,}}(?={NAME} : )")  # two blanks part entries that share a line
UNDERLINE = re.compile(r"^-{3,}$")


def as_lists(lines: list[str]) -> list[str]:
    """The lines of a docstring in which each paragraph of entries is a list of reStructuredText.

    A section with its name underlined (``Returns``, ``Raises``) keeps its form up to its end.
    """
    shown: list[str] = []
    for paragraph in _paragraphs(lines):
        listed = STARTS.match(paragraph[0]) and not any(map(UNDERLINE.match, paragraph))
        shown += [*(_list(paragraph) if listed else paragraph), ""]
    return shown


def _paragraphs(lines: list[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line)
        elif found[-1]:
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _list(paragraph: list[str]) -> list[str]:
    """Bullets: an entry begins where a line does, or after two blanks; the rest goes on with it."""
    text = ""
    for line in paragraph:
        parted = "\n" if STARTS.match(line) else " "
        text += parted + line.strip()
    entries = [entry for line in text.strip().splitlines() for entry in NEXT.split(line)]
    shown = []
    for entry in entries:
        name, _, meaning = entry.partition(" : ")
        shown.append(f"- **{name.strip()}**: {meaning.strip()}")
    return shown
