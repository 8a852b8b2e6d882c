"""The glossary, and its links from the lessons: each term from its first use in each lesson."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

# What no link may stand in: code, mathematics, links, pictures, tags, headings, tables.
PROTECTED = (
    r"```.*?```|``.*?``|`[^`]*`|\$\$.*?\$\$|\$[^$\n]*\$|!?\[[^\]]*\]\([^)]*\)|<[^>]*>"
    r"|^#.*?$|^\|.*?$"
)
ENTRY = re.compile(r"^(?P<names>(?:[^\s`].*\n)+)(?P<text>(?:  .+\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Glossary:
    """Terms with their definitions; ``text`` is its page, in MyST's form."""

    text: str
    terms: tuple[tuple[str, ...], ...]  # the names of each entry, its chief name first

    @classmethod
    def read(cls, path: Path) -> Glossary:
        """Read the page that holds the glossary."""
        text = path.read_text(encoding="utf-8")
        body = text.split("```{glossary}\n", 1)[1].split("\n```", 1)[0] + "\n"
        entries = [found["names"].splitlines() for found in ENTRY.finditer(body)]
        return cls(text, tuple(tuple(names) for names in entries))

    def page(self) -> str:
        """The page of the glossary."""
        return self.text

    def link_first_uses(self, page: NotebookNode) -> None:
        """Link each term from the place where a notebook's prose first uses it."""
        chief = {name.lower(): names[0] for names in self.terms for name in names}
        words = "|".join(re.escape(name) for name in sorted(chief, key=len, reverse=True))
        pattern = re.compile(
            rf"(?P<kept>{PROTECTED})|(?<![\w-])(?P<term>{words})(?:s|es)?(?![\w-])",
            re.MULTILINE | re.DOTALL | re.IGNORECASE,
        )
        linked: set[str] = set()

        def link(found: re.Match) -> str:
            name = found["kept"] is None and chief[found["term"].lower()]
            if not name or name in linked:
                return found[0]
            linked.add(name)
            return f"{{term}}`{found[0]} <{name}>`"

        for cell in page.cells:
            if cell.cell_type == "markdown":
                cell.source = pattern.sub(link, cell.source)
