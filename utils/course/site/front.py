"""The front page: what you will be able to do, the map of lessons, the two commands, the scores."""

from __future__ import annotations

import base64
import re
from pathlib import Path

from utils.course import notebooks, places
from utils.course.pages import PICTURES, first_figure
from utils.course.readme import lesson_facts

PARTS = {
    "First steps": range(3),
    "Models you can read": range(3, 5),
    "Networks": range(5, 9),
    "Trust": range(9, 13),
    "Language": range(13, 16),
    "Beyond one table": range(16, 19),
    "At work": range(19, 22),
}
TOP = """\
---
html_theme.sidebar_secondary.remove: true
---

# Synthetic data, learned by making it

{pitch}

## What you will be able to do

{abilities}

## Two commands

With Python 3.11, make and git, in a clone of [the repository]({address}):

```
make lab       # sets everything up, then opens the first lesson
make course    # runs every lesson as you would
```

Or without any set-up: [open the first lesson on Binder]({binder}) or [in Colab]({colab}).

"""
BOTTOM = """\
## The scoreboard and the race

Every method meets the same table, the same split and the same judge, between yardsticks that are
known to be good and known to be bad.

{pictures}

All numbers: [the race](data/results/race.md).

```{{toctree}}
:hidden:
:caption: For teachers

{workshop}
```

```{{toctree}}
:hidden:
:caption: To look up

glossary
{pages}
```

```{{toctree}}
:hidden:
:caption: The library

{rooms}
```
"""


def front_page(root: Path, folder: Path) -> str:
    """The page in MyST's Markdown; the cards' pictures are written beside it, into ``_static``."""
    address, readme = places.read_address(root), (root / "README.md").read_text(encoding="utf-8")
    opening = "notebooks/00_start_here.ipynb"
    top = TOP.format(
        pitch=readme.split("\n")[2],
        abilities=_section(readme, "What you will be able to do"),
        address=address,
        binder=places.binder_link(address, opening),
        colab=places.colab_link(address, opening),
    )
    parts = [
        part for title, numbers in PARTS.items() if (part := _part(title, numbers, folder, root))
    ]
    pictures = "\n\n".join(
        f"![{told}](data/results/{name})"
        for name, told in PICTURES.items()
        if (folder / "data" / "results" / name).exists()
    )
    written = {
        "workshop": _written(folder, "notebooks/workshop"),
        "pages": _written(folder, "data"),
        "rooms": _written(folder, "reference"),
    }
    return top + "".join(parts) + BOTTOM.format(pictures=pictures, **written)


def _written(folder: Path, part: str) -> str:
    """The pages that stand in a part of the source, a line each, as a table of contents asks."""
    pages = sorted((folder / part).rglob("*.md"))
    return "\n".join(f"{path.relative_to(folder)}".removesuffix(".md") for path in pages)


def _section(readme: str, heading: str) -> str:
    found = re.search(
        rf"^## {heading}\n\n(.*?)(?=\n\n[^-\n]|\n## )", readme, re.DOTALL | re.MULTILINE
    )
    return found[1].strip()


def _part(title: str, numbers: range, folder: Path, root: Path) -> str:
    """A part of the course: a heading, a card a lesson, and its place in the navigation."""
    lessons = [path for path in places.lessons(root) if int(places.number(path)) in numbers]
    if not lessons:
        return ""
    cards = "\n\n".join(_card(path, folder) for path in lessons)
    order = "\n".join(path.relative_to(root).with_suffix("").as_posix() for path in lessons)
    return (
        f"## {title}\n\n::::{{grid}} 1 2 2 3\n:gutter: 3\n\n{cards}\n::::\n\n"
        f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{order}\n```\n\n"
    )


def _card(path: Path, folder: Path) -> str:
    """A lesson: its question, a picture of it, its minutes and what it needs."""
    facts = lesson_facts(path)
    picture = first_figure(notebooks.read(path))
    image = ""
    if picture:
        (folder / "_static" / f"{path.stem}.png").write_bytes(base64.b64decode(picture))
        image = f":img-top: _static/{path.stem}.png\n:img-alt: a figure of this lesson\n"
    return (
        f":::{{grid-item-card}} {facts['number']} · {facts['question']}\n"
        f":link: notebooks/{path.stem}\n:link-type: doc\n{image}\n"
        f"{facts['read']} min to read, {facts['run']} min to run. Needs: {facts['needs']}\n:::"
    )
