"""House rules for lessons: the spine, the opening cells, the exercises."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator

from utils.course import places
from utils.course.exercises import CHECK, STUB, exercise_texts, tagged
from utils.course.page import Page, tree
from utils.course.readme import FACTS, TITLE

SPINE = (
    "## Data",
    "## The idea in one picture",
    "## Build",
    "## Fit",
    "## Sample",
    "## Score",
    "## Where it fails",
    "## Try it",
    "## Recap",
    "## Questions",
    "## Next",
)
PREDICT = "predict before you run"
BULLET = re.compile(r"^[-*] ", re.MULTILINE)
NUMBERED = re.compile(r"^\d+\. ", re.MULTILINE)


def cell_count(page: Page) -> Iterator[str]:
    """30 to 60 cells."""
    if not 30 <= len(page.cells) <= 60:
        yield f"{len(page.cells)} cells; 30 to 60 are wanted"


def prose_cells_say_enough(page: Page) -> Iterator[str]:
    """Prose cells have a median of 25 to 60 words."""
    median = statistics.median([len(cell.source.split()) for cell in page.prose] or [0])
    if not 25 <= median <= 60:
        yield f"prose cells have a median of {median:g} words; 25 to 60 are wanted"


def first_cell_tells(page: Page) -> Iterator[str]:
    """Title as a question, minutes and needs, three things that the reader will be able to do."""
    first = page.cells[0].source if page.cells else ""
    title = TITLE.match(first)
    if title is None or title[1] != places.number(page.path):
        yield f"the first cell must begin '# {places.number(page.path)} · Title as a question?'"
    if not FACTS.search(first):
        yield "the first cell needs the line '**Read** X min · **Run** Y min · **Needs** ...'"
    bullets = len(BULLET.findall(first.partition("You will be able to:")[2]))
    if bullets != 3:
        yield f"the first cell needs 'You will be able to:' and 3 bullets, not {bullets}"


def parameters_come_second(page: Page) -> Iterator[str]:
    """After the setup cell (and cells that only import) comes one cell of upper-case parameters."""
    rest = [cell for cell in page.code[1:] if not all(map(_is_import, tree(cell).body))]
    body = [node for node in tree(rest[0]).body if not _is_import(node)] if rest else []
    if not body or not all(map(_is_parameter, body)):
        yield "the second code cell must hold the parameters: only upper-case names and their values"


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom))


def _is_parameter(node: ast.stmt) -> bool:
    names = node.targets if isinstance(node, ast.Assign) else []
    return bool(names) and all(isinstance(name, ast.Name) and name.id.isupper() for name in names)


def spine_is_in_order(page: Page) -> Iterator[str]:
    """Exactly the headings of the spine, in order; one title."""
    lines = [line.strip() for cell in page.prose for line in _outside_fences(cell.source)]
    found = tuple(line for line in lines if line.startswith("## "))
    if found != SPINE:
        missing = [heading for heading in SPINE if heading not in found]
        extra = [heading for heading in found if heading not in SPINE]
        yield f"headings are not the spine in order: missing {missing}, extra {extra}, found {list(found)}"
    titles = [line for line in lines if line.startswith("# ")]
    if len(titles) != 1:
        yield f"{len(titles)} titles ('# ...'); one is wanted"


def _outside_fences(text: str) -> list[str]:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).splitlines()


def section(page: Page, heading: str) -> str:
    """All prose from a heading of the spine to the next one."""
    prose = "\n".join(cell.source for cell in page.prose)
    after = re.split(rf"^{re.escape(heading)}\s*$", prose, flags=re.MULTILINE)[1:]
    return re.split(r"^## ", after[0], flags=re.MULTILINE)[0] if after else ""


def ends_as_agreed(page: Page) -> Iterator[str]:
    """Recap has bullets, Questions has five numbered questions, Next has a link or a name."""
    if not BULLET.search(section(page, "## Recap")):
        yield "## Recap has no bullets"
    questions = len(NUMBERED.findall(section(page, "## Questions")))
    if questions != 5:
        yield f"## Questions has {questions} numbered questions; 5 are wanted"
    if not section(page, "## Next").strip():
        yield "## Next is empty"


def three_exercises(page: Page) -> Iterator[str]:
    """Three exercises, one of them a prediction; each has a stub, a folded hint and a check."""
    texts = exercise_texts(page)
    if len(texts) != 3:
        yield f"{len(texts)} exercises ('### Exercise n · ...'); 3 are wanted"
    if not any(PREDICT in text.splitlines()[0].lower() for text in texts):
        yield f"no exercise is titled with '{PREDICT}'"
    for tag in (STUB, CHECK):
        if len(tagged(page, tag)) != 3:
            yield f"{len(tagged(page, tag))} cells tagged {tag}; 3 are wanted"
    hints = section(page, "## Try it").count("<details>")
    if hints != 3:
        yield f"{hints} hints in <details>; 3 are wanted, one an exercise"


def solutions_exist(page: Page) -> Iterator[str]:
    """The lesson has its solutions notebook."""
    if not places.solution_of(page.path).exists():
        yield f"solutions/{places.solution_of(page.path).name} is missing"


LESSON_RULES: list[Callable[[Page], Iterator[str]]] = [
    cell_count,
    prose_cells_say_enough,
    first_cell_tells,
    parameters_come_second,
    spine_is_in_order,
    ends_as_agreed,
    three_exercises,
    solutions_exist,
]
