"""House rules for every notebook: a rule is a function that yields a message for each breach."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from utils.course import places
from utils.course.address import setup_cell
from utils.course.lesson_rules import LESSON_RULES
from utils.course.page import (
    NOT_COMPARED,
    SKIPPED,
    Page,
    calls,
    holds_image,
    tags,
    text_outputs,
    tree,
)
from utils.course.solution_rules import SOLUTION_RULES

MAX_BYTES = 400_000
MAX_NOT_COMPARED = 0.05
ABSOLUTE_PATH = re.compile(r"/(?:root|work|home|tmp|Users)/|[A-Z]:\\\\")
SILENCED_WARNINGS = re.compile(r"filterwarnings|simplefilter|catch_warnings")
MEMORY_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
MEASURED_TIME = re.compile(r"\d ?(?:ns|µs|ms|s|sec|secs|seconds)\b|\bit/s\b|[Ww]all time")
DRAWING_CALLS = {"subplots", "figure", "show", "plot"}
LABELLING_CALLS = (
    {"set_xlabel", "xlabel", "supxlabel"},
    {"set_ylabel", "ylabel", "supylabel"},
    {"set_title", "title", "suptitle"},
)
Rule = Callable[[Page], Iterator[str]]


def code_cells_are_short(page: Page) -> Iterator[str]:
    """Median 5 lines, 90 % at most 12, none over 25."""
    lengths = sorted(page.code_lengths) or [0]
    median, ninetieth = (
        statistics.median(lengths),
        lengths[min(len(lengths) - 1, int(0.9 * len(lengths)))],
    )
    if median > 5:
        yield f"code cells have a median of {median:g} lines; 5 or less are wanted"
    if ninetieth > 12:
        yield f"the 90 % longest code cell has {ninetieth} lines; 12 or less are wanted"
    for cell, length in zip(page.code, page.code_lengths):
        if length > 25:
            yield f"{page.where(cell)} has {length} lines; 25 is the most"


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
    if not page.code or page.code[0].source != setup_cell():
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


def figures_are_stored(page: Page) -> Iterator[str]:
    """A cell that draws stores its PNG: nbval does not compare pictures, so their absence must show
    here."""
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
            yield f"{page.where(cell)} has a figure without both axis labels and a title; use utils.plots"


@cache
def _plot_helpers() -> frozenset[str]:
    """What draws a labelled figure: functions of utils.plots that return one, a scoreboard's
    picture."""
    source = (places.ROOT / "utils" / "plots.py").read_text(encoding="utf-8")
    functions = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.returns is not None
    ]
    drawing = {f.name for f in functions if ast.unparse(f.returns) in ("Figure", "Axes")}
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
    """Prose follows a figure; its numbers are printed by the cell or by the code cell before or
    after."""
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
        if MEASURED_TIME.search(shown) and NOT_COMPARED not in tags(cell):
            yield f"{page.where(cell)} shows a time ({MEASURED_TIME.search(shown)[0]!r}), which never repeats"


def comparison_is_strict(page: Page) -> Iterator[str]:
    """No skipped cell; a cell that is not compared says why in its metadata (``reason``)."""
    for cell in page.code:
        if SKIPPED in tags(cell) or re.search(r"NBVAL_(SKIP|IGNORE|RAISES|CHECK)", cell.source):
            yield f"{page.where(cell)} is skipped or marked by a comment; only the tag {NOT_COMPARED} may"
        if NOT_COMPARED in tags(cell) and not cell.metadata.get("reason"):
            yield f"{page.where(cell)} is not compared and gives no reason in its metadata"


PAGE_RULES: list[Rule] = [
    code_cells_are_short,
    prose_interrupts_code,
    prose_and_code_balance,
    setup_cell_comes_first,
    ends_on_prose,
    file_is_small,
    one_clean_run,
    no_empty_cells,
    no_stderr_or_errors,
    figures_are_stored,
    figures_are_labelled,
    figures_are_told,
    plain_python,
    warnings_stay_on,
    no_absolute_paths,
    outputs_can_repeat,
    comparison_is_strict,
]


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
        functions = [
            node
            for cell in page.code
            for node in tree(cell).body
            if isinstance(node, ast.FunctionDef)
        ]
        for function in functions:
            first = seen.setdefault(ast.dump(function), page.path.name)
            if first != page.path.name:
                messages.append(
                    f"{page.path.name} copies {function.name}() from {first}; move it to utils"
                )
    return messages


def not_compared(paths: list[Path]) -> tuple[int, int]:
    """How many code cells are excluded from comparison, and how many there are."""
    cells = [cell for path in paths for cell in Page.read(path).code]
    return sum(NOT_COMPARED in tags(cell) for cell in cells), len(cells)


def comparison_shares(paths: list[Path]) -> Iterator[str]:
    """One line a notebook and one for all: code cells, those with outputs, the share of these
    compared."""
    totals = [0, 0, 0]
    for path in paths:
        code = Page.read(path).code
        printing = [cell for cell in code if cell.outputs]
        checked = [
            cell
            for cell in printing
            if NOT_COMPARED not in tags(cell) and _has_comparable_output(cell)
        ]
        counts = [len(code), len(printing), len(checked)]
        totals = [total + count for total, count in zip(totals, counts)]
        yield _share_line(path.stem, counts)
    yield _share_line("all notebooks", totals)


def _has_comparable_output(cell) -> bool:
    return any("image/png" not in output.get("data", {}) for output in cell.outputs)


def _share_line(name: str, counts: list[int]) -> str:
    cells, printing, checked = counts
    share = f"{checked / max(1, printing):.0%}"
    return f"{name:<40} {cells:>4} code cells, {printing:>4} with outputs, {checked:>4} compared ({share})"
