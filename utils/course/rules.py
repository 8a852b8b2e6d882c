"""House rules for notebooks: a rule is a function that yields a message for each breach."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pandas as pd
from nbformat import NotebookNode

from utils.course import places
from utils.course.notebooks import (
    NOT_COMPARED,
    SKIPPED,
    Page,
    calls,
    holds_image,
    last_name,
    tags,
    text_outputs,
    tree,
)

Rule = Callable[[Page], Iterator[str]]
MAX_BYTES = 400_000
MAX_LINE = 88
MAX_NOT_COMPARED = 0.05
ABSOLUTE_PATH = re.compile(r"/(?:root|work|home|tmp|Users)/|[A-Z]:\\\\")
SILENCED_WARNINGS = re.compile(r"filterwarnings|simplefilter|catch_warnings")
MEMORY_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
MEASURED_TIME = re.compile(r"\d ?(?:ns|µs|ms|s|sec|secs|seconds)\b|\bit/s\b|[Ww]all time")
# Sorts of places; argpartition is never stable.
SORTS = {"argsort", "sort_values", "sort_index", "argpartition"}
DRAWN = ("Figure", "Axes")
DRAWING_CALLS = {"subplots", "figure", "show", "plot"}
LABELLING_CALLS = (
    {"set_xlabel", "xlabel", "supxlabel"},
    {"set_ylabel", "ylabel", "supylabel"},
    {"set_title", "title", "suptitle"},
)
TITLE = re.compile(r"^# (\d\d) · (.+\?)$", re.MULTILINE)
FACTS = re.compile(
    r"^\*\*Read\*\* (?P<read>\d+) min · \*\*Run\*\* (?P<run>\d+) min · "
    r"\*\*Needs\*\* (?P<needs>.+)$",
    re.MULTILINE,
)
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
STUB, CHECK, EXERCISE = "exercise-stub", "exercise-check", "### Exercise "
ANSWERS = "exercise-answers"
RIGHT, WRONG = 2, 3  # answers that are tried on a check, at least


# --- every notebook ---


def code_cells_are_short(page: Page) -> Iterator[str]:
    """Median 5 lines, 90 % at most 12, none over 25."""
    lengths = sorted(page.code_lengths) or [0]
    median, ninetieth = statistics.median(lengths), lengths[int(0.9 * len(lengths))]
    if median > 5:
        yield f"code cells have a median of {median:g} lines; 5 or less are wanted"
    if ninetieth > 12:
        yield f"the 90 % longest code cell has {ninetieth} lines; 12 or less are wanted"
    for cell, length in zip(page.code, page.code_lengths):
        if length > 25:
            yield f"{page.where(cell)} has {length} lines; 25 is the most"


def code_lines_fit_the_page(page: Page) -> Iterator[str]:
    """No line over 88 characters, the set-up cell apart: a page shows no more."""
    for cell in page.code:
        longest = max(map(len, cell.source.splitlines()), default=0)
        if longest > MAX_LINE and cell.source != places.setup_cell():
            yield f"{page.where(cell)} has a line of {longest} characters; {MAX_LINE} fit a page"


def prose_interrupts_code(page: Page) -> Iterator[str]:
    """Never three code cells in a row."""
    kinds = [cell.cell_type for cell in page.cells]
    for i, cell in enumerate(page.cells[2:], start=2):
        if kinds[i - 2 : i + 1] == ["code"] * 3:
            yield f"{page.where(cell)} is the third code cell in a row; put prose between"


def prose_and_code_balance(page: Page) -> Iterator[str]:
    """1.0 to 1.6 prose cells per code cell."""
    ratio = len(page.prose) / max(1, len(page.code))
    if not 1.0 <= ratio <= 1.6:
        yield f"{ratio:.2f} prose cells per code cell; 1.0 to 1.6 are wanted"


def setup_cell_comes_first(page: Page) -> Iterator[str]:
    """The first code cell is the course's four lines, letter by letter."""
    if not page.code or page.code[0].source != places.setup_cell():
        yield "the first code cell is not the setup cell; see `python -m utils.course setup`"


def ends_on_prose(page: Page) -> Iterator[str]:
    """The last cell is prose."""
    if not page.cells or page.cells[-1].cell_type != "markdown":
        yield "the last cell is not prose"


def file_is_small(page: Page) -> Iterator[str]:
    """Under 400 KB."""
    if len(page.raw.encode()) > MAX_BYTES:
        yield f"the file has {len(page.raw.encode()) // 1000} KB; {MAX_BYTES // 1000} is the most"


def one_clean_run(page: Page) -> Iterator[str]:
    """Execution counts are 1..n: nbval compares nothing for a cell without one."""
    counts = [cell.execution_count for cell in page.code if cell.source.strip()]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}, not 1..{len(counts)}; run `make notebooks`"


def no_empty_cells(page: Page) -> Iterator[str]:
    """No cell without content."""
    for cell in page.cells:
        if not cell.source.strip():
            yield f"{page.where(cell)} has no content"


def no_stderr_or_errors(page: Page) -> Iterator[str]:
    """Stored outputs hold no stderr and no error."""
    for cell in page.code:
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"{page.where(cell)} stores stderr: {output.text[:80]!r}"
            if output.output_type == "error":
                yield f"{page.where(cell)} stores an error: {output.ename}"


def numbers_are_shown(page: Page) -> Iterator[str]:
    """No printed line ends in True or False, which teaches nothing; checks of exercises may."""
    for cell in page.code:
        if {CHECK, ANSWERS}.intersection(tags(cell)):
            continue
        for line in text_outputs(cell).splitlines():
            if line.rstrip().endswith(("True", "False")):
                yield f"{page.where(cell)} prints {line[:60]!r}: print the number"


def figures_are_stored(page: Page) -> Iterator[str]:
    """A cell that draws stores its PNG: nbval does not compare pictures, nor miss them."""
    for cell in page.code:
        if calls(cell) & (DRAWING_CALLS | _plot_helpers()) and not holds_image(cell):
            yield f"{page.where(cell)} draws a figure but stores no PNG"


def figures_are_labelled(page: Page) -> Iterator[str]:
    """A figure comes from a helper of the course or sets both axis labels and a title."""
    for cell in page.code:
        called = calls(cell)
        by_helper = called & _plot_helpers()
        by_hand = all(called & names for names in LABELLING_CALLS) or _sets_labels(tree(cell))
        if holds_image(cell) and not by_helper and not by_hand:
            yield (
                f"{page.where(cell)} has a figure without both axis labels and a title; "
                "use utils.plots"
            )


@cache
def _plot_helpers() -> frozenset[str]:
    """What draws a labelled figure: functions of utils.plots that return one, a board's picture."""
    source = (places.ROOT / "utils" / "plots.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    drawing = [f.name for f in functions if f.returns and ast.unparse(f.returns) in DRAWN]
    return frozenset(name for name in drawing if not name.startswith("_")) | {"picture"}


def _sets_labels(module: ast.Module) -> bool:
    """True when some call is like ``axes.set(xlabel=..., ylabel=..., title=...)``."""
    keywords = [
        {keyword.arg for keyword in node.keywords}
        for node in ast.walk(module)
        if isinstance(node, ast.Call)
    ]
    return any({"xlabel", "ylabel", "title"} <= names for names in keywords)


def figures_are_told(page: Page) -> Iterator[str]:
    """Prose follows a figure; the cell, or the code cell beside it, prints the numbers."""
    for i, cell in enumerate(page.cells):
        if cell.cell_type == "code" and holds_image(cell):
            if i + 1 == len(page.cells) or page.cells[i + 1].cell_type != "markdown":
                yield f"{page.where(cell)} shows a figure; the next cell must say what to notice"
            position = page.code.index(cell)
            neighbours = page.code[max(0, position - 1) : position + 2]
            if not any(re.search(r"\d", text_outputs(neighbour)) for neighbour in neighbours):
                yield f"{page.where(cell)} shows a figure, but no cell beside it prints its numbers"


def plain_python(page: Page) -> Iterator[str]:
    """Code cells are plain Python: no magics, no shell lines, no star imports."""
    for cell in page.code:
        try:
            nodes = list(ast.walk(ast.parse(cell.source)))
        except SyntaxError:
            yield f"{page.where(cell)} is not plain Python (a magic or a shell line?)"
            continue
        if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in nodes):
            yield f"{page.where(cell)} has a star import"


def warnings_stay_on(page: Page) -> Iterator[str]:
    """No cell silences warnings."""
    for cell in page.code:
        if SILENCED_WARNINGS.search(cell.source):
            yield f"{page.where(cell)} silences warnings; mend their cause"


def sorts_are_stable(page: Page) -> Iterator[str]:
    """Sorting is stable: ties fall differently on another processor."""
    for cell in page.code:
        for name in unstable_sorts(tree(cell)):
            yield f'{page.where(cell)} uses {name} without kind="stable"'


def unstable_sorts(module: ast.AST) -> list[str]:
    """Names of the sorts by place that code uses without ``kind="stable"`` (or ``stable=True``)."""
    stable = {
        node.func
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and any(map(_asks_for_stable, node.keywords))
    }
    named = [(last_name(node), node) for node in ast.walk(module)]
    return [name for name, node in named if name in SORTS and node not in stable]


def _asks_for_stable(keyword: ast.keyword) -> bool:
    value = getattr(keyword.value, "value", None)
    return (keyword.arg, value) in {("kind", "stable"), ("stable", True)}


def holdout_stays_unknown(page: Page) -> Iterator[str]:
    """The schema is learned from training rows, not from a table that is also split."""
    nodes = [node for cell in page.code for node in ast.walk(tree(cell))]
    called = [node for node in nodes if isinstance(node, ast.Call) and node.args]
    whole = {ast.unparse(node.args[0]) for node in called if last_name(node.func) == "split"}
    for node in called:
        learns = last_name(node.func) == "infer" or last_name(node.func).endswith("_schema")
        if learns and whole & {last_name(part) for part in ast.walk(node.args[0])}:
            yield f"{ast.unparse(node)} sees the holdout; learn the schema from training rows"


def no_absolute_paths(page: Page) -> Iterator[str]:
    """No path of the author's machine."""
    for found in sorted({match[0] for match in ABSOLUTE_PATH.finditer(page.raw)}):
        yield f"holds an absolute path ({found})"


def outputs_can_repeat(page: Page) -> Iterator[str]:
    """No memory addresses and no measured times in outputs that are compared."""
    for cell in page.code:
        shown = text_outputs(cell)
        if MEMORY_ADDRESS.search(shown):
            yield f"{page.where(cell)} shows a memory address"
        found = MEASURED_TIME.search(shown)
        if found and NOT_COMPARED not in tags(cell):
            yield f"{page.where(cell)} shows a time ({found[0]!r}), which never repeats"


def comparison_is_strict(page: Page) -> Iterator[str]:
    """No skipped cell; a cell that is not compared says why in its metadata (``reason``)."""
    for cell in page.code:
        if SKIPPED in tags(cell) or re.search(r"NBVAL_(SKIP|IGNORE|RAISES|CHECK)", cell.source):
            yield (
                f"{page.where(cell)} is skipped or marked by a comment; "
                f"only the tag {NOT_COMPARED} may"
            )
        if NOT_COMPARED in tags(cell) and not cell.metadata.get("reason"):
            yield f"{page.where(cell)} is not compared and gives no reason in its metadata"


# --- lessons: the spine, the opening cells, the exercises ---


def cell_count(page: Page) -> Iterator[str]:
    """30 to 90 cells."""
    if not 30 <= len(page.cells) <= 90:
        yield f"{len(page.cells)} cells; 30 to 90 are wanted"


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
        yield "the second code cell must hold the parameters: upper-case names and their values"


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
        yield (
            f"headings are not the spine in order: missing {missing}, extra {extra}, "
            f"found {list(found)}"
        )
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


def exercise_texts(page: Page) -> list[str]:
    """Source of the prose cells that set an exercise, in order."""
    return [cell.source for cell in page.prose if cell.source.startswith(EXERCISE)]


def tagged(page: Page, tag: str) -> list[NotebookNode]:
    """Code cells with a tag, in order."""
    return [cell for cell in page.code if tag in tags(cell)]


# --- solutions notebooks: the same exercises and the same checks as the lesson ---


def same_exercises(page: Page) -> Iterator[str]:
    """Exercise texts and check cells equal the lesson's, byte by byte; stubs are filled."""
    lesson_path = places.lesson_of(page.path)
    if not lesson_path.exists():
        yield f"there is no lesson {lesson_path.name}"
        return
    lesson = Page.read(lesson_path)
    yield from _differences("exercise text", exercise_texts(lesson), exercise_texts(page))
    checks = [[cell.source for cell in tagged(each, CHECK)] for each in (lesson, page)]
    yield from _differences("check cell", *checks)
    for cell in tagged(page, STUB):
        yield f"{page.where(cell)} is still a stub"


def checks_pass(page: Page) -> Iterator[str]:
    """No check says "not yet" of the answer that the solutions give."""
    for cell in tagged(page, CHECK):
        if "not yet" in text_outputs(cell):
            yield f"{page.where(cell)} prints 'not yet': the exercise's own answer fails its check"


def answers_are_tried(page: Page) -> Iterator[str]:
    """After each check a cell tries two right and three wrong answers on it, or more."""
    code = page.code
    for cell, after in zip(code, [*code[1:], None]):
        if CHECK not in tags(cell):
            continue
        if after is None or ANSWERS not in tags(after):
            yield f"{page.where(cell)} is not followed by a cell tagged {ANSWERS}"
            continue
        verdicts = [line.split(" ")[0] for line in text_outputs(after).splitlines()]
        right, wrong = verdicts.count("passed"), verdicts.count("refused")
        if right < RIGHT or wrong < WRONG:
            yield (
                f"{page.where(after)} tries {right} right and {wrong} wrong answers; "
                f"{RIGHT} and {WRONG} are wanted"
            )


def _differences(kind: str, wanted: list[str], found: list[str]) -> Iterator[str]:
    if len(wanted) != len(found):
        yield f"{len(found)} of the lesson's {len(wanted)} pieces of kind '{kind}'"
    for i, (mine, theirs) in enumerate(zip(found, wanted), start=1):
        if mine != theirs:
            yield f"{kind} {i} differs from the lesson's"


# --- the lists of rules, and what holds over all notebooks ---

PAGE_RULES: list[Rule] = [
    code_cells_are_short,
    code_lines_fit_the_page,
    prose_interrupts_code,
    prose_and_code_balance,
    setup_cell_comes_first,
    ends_on_prose,
    file_is_small,
    one_clean_run,
    no_empty_cells,
    no_stderr_or_errors,
    numbers_are_shown,
    figures_are_stored,
    figures_are_labelled,
    figures_are_told,
    plain_python,
    warnings_stay_on,
    sorts_are_stable,
    holdout_stays_unknown,
    no_absolute_paths,
    outputs_can_repeat,
    comparison_is_strict,
]
LESSON_RULES: list[Rule] = [
    cell_count,
    prose_cells_say_enough,
    first_cell_tells,
    parameters_come_second,
    spine_is_in_order,
    ends_as_agreed,
    three_exercises,
    solutions_exist,
]
SOLUTION_RULES: list[Rule] = [same_exercises, checks_pass, answers_are_tried]


def rules_for(path: Path) -> list[Rule]:
    """The rules that hold for a notebook at this path: a lesson's or a solutions notebook's."""
    return PAGE_RULES + (SOLUTION_RULES if path.parent.name == "solutions" else LESSON_RULES)


def broken_rules(path: Path) -> list[str]:
    """All messages of all rules for one notebook, each beginning with its file name."""
    page = Page.read(path)
    return [f"{path.name}: {message}" for rule in rules_for(path) for message in rule(page)]


def copied_helpers(paths: list[Path]) -> list[str]:
    """Functions that two lessons define alike: they belong in utils."""
    seen: dict[str, str] = {}
    messages = []
    for page in map(Page.read, paths):
        nodes = [node for cell in page.code for node in tree(cell).body]
        for node in nodes:
            first = seen.setdefault(ast.dump(node), page.path.name)
            if isinstance(node, ast.FunctionDef) and first != page.path.name:
                messages.append(
                    f"{page.path.name} copies {node.name}() from {first}; move it to utils"
                )
    return messages


def comparison(paths: list[Path]) -> pd.DataFrame:
    """How far the strict comparison reaches: one row a notebook, the last for all of them.

    Columns (int64): ``cells`` of code, those ``left out`` by a tag, those with ``outputs``, and
    those of them that are ``compared``, because they show more than a picture; and of these the
    ones that say ``about`` (≈), whose numbers after it are left out of the comparison.
    """
    counts = {path.stem: _reach(Page.read(path).code) for path in paths}
    table = pd.DataFrame.from_dict(counts, orient="index")
    return pd.concat([table, table.sum().rename("all notebooks").to_frame().T])


def _reach(code: list[NotebookNode]) -> dict[str, int]:
    compared = [
        cell
        for cell in code
        if NOT_COMPARED not in tags(cell)
        and any("image/png" not in o.get("data", {}) for o in cell.outputs)
    ]
    return {
        "cells": len(code),
        "left out": sum(NOT_COMPARED in tags(cell) for cell in code),
        "outputs": sum(bool(cell.outputs) for cell in code),
        "compared": len(compared),
        "about": sum(any("≈" in o.get("text", "") for o in cell.outputs) for cell in compared),
    }
