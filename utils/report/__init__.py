"""What a synthetic table is worth, on one page: valid, similar, useful, private, fair, and what was
not checked."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

import matplotlib.pyplot as plt
import pandas as pd

from utils.plots import COURSE_STYLE
from utils.report.board import judges, scored
from utils.report.fair import check_sensitive, fair_section
from utils.report.page import page
from utils.report.private import private_section
from utils.report.rows import FEW, OVERLAPS, SEEN, Rows, choose_rows, learned_from, parted
from utils.report.section import Section
from utils.report.similar import similar_section
from utils.report.unchecked import unchecked
from utils.report.useful import useful_section
from utils.report.valid import valid_section
from utils.schema import Schema

__all__ = ["Report", "check_sensitive", "learned_from", "make_report", "parted"]

PACKAGES = ("numpy", "pandas", "scikit-learn", "fairlearn", "matplotlib")
STEPS = 5  # that ``progress`` is told of; one less without a sensitive column
JUDGE = (
    "scikit-learn's histogram gradient boosting at its defaults, 100 rounds; C2ST by five folds, "
    "as many rows of each side"
)


@dataclass(frozen=True)
class Report:
    """A judged synthetic table. sections : by name, in order.  html : the page."""

    sections: dict[str, Section]
    html: str = field(repr=False)

    @property
    def verdicts(self) -> list[str]:
        """One line a question."""
        return [str(section) for section in self.sections.values()]


def make_report(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    holdout: pd.DataFrame | None = None,
    sensitive: str | None = None,
    title: str = "Report on a synthetic table",
    notes: Iterable[str] = (),
    left_out: Mapping[str, str] | None = None,
    persons: Mapping[str, float] | None = None,
    card: Mapping[str, str] | None = None,
    random_state: int = 0,
    progress: Callable[[str], None] = lambda step: None,
) -> Report:
    """Judge a synthetic table and write the page about it; the same tables give the same page.

    real : the rows that the generator learned from.  holdout : real rows that it has not seen;
    where there are none, what needs them is not told.  schema : of the real rows, with the target.
    sensitive : a column of groups to compare.  notes : what to know of the tables.
    left_out : columns that are not judged -> why.  persons : columns that point to persons -> the
    share of their synthetic cells that stand in the real table.  card : what else stands in it.
    progress : told the name of each step as it begins.

    Raises
    ------
    TableError : an empty or very small table, a missing column, a sensitive column without groups.
    """
    if sensitive is not None:
        check_sensitive(real, schema, sensitive)
    rows = choose_rows(real, synthetic, schema, holdout, random_state)
    with plt.rc_context(COURSE_STYLE):
        board = scored(rows, random_state, progress) if rows.enough else None
        progress("columns and pairs")
        sections = {
            "valid": valid_section(rows),
            "similar": similar_section(rows, board),
            "useful": useful_section(rows, board),
        }
        progress("attacks")
        sections["private"] = private_section(rows, sensitive, persons or {}, random_state)
        if sensitive is not None:
            progress("groups")
            sections["fair"] = fair_section(rows, sensitive, random_state)
        shown = board.html() if board else ""
    if rows.enough and rows.few < FEW:
        few = f"Only {rows.few:,} rows to judge by: gross faults show, small ones do not."
        notes = [*notes, few]
    html = page(
        title,
        [*notes, *rows.notes],
        sections,
        shown,
        unchecked(rows, sensitive, dict(left_out or {})),
        _card(rows, random_state) | dict(card or {}) | _versions(),
    )
    return Report(sections, html)


def _card(rows: Rows, random_state: int) -> dict[str, str]:
    kinds = pd.Series([column.kind for column in rows.schema.columns]).value_counts(sort=False)
    split = {
        SEEN: "a third of the real rows, drawn by chance, which the generator may have seen",
        OVERLAPS: "a table of its own, which shares rows with the real one",
    }.get(rows.state, "real rows that were set apart from those that were learned from")
    return {
        "Real rows": f"{len(rows.real):,}",
        "Holdout rows": f"{len(rows.holdout):,}: {split}",
        "Synthetic rows": f"{len(rows.synthetic):,}, of which {len(rows.compared):,} are scored",
        "Columns": f"{len(rows.schema.columns)}: "
        + ", ".join(f"{count} of kind {kind}" for kind, count in kinds.items()),
        "Target": rows.schema.target or "none",
        "Judge": JUDGE,
        "Seeds": f"{random_state} for rows and attacks, "
        + " and ".join(map(str, judges(rows, random_state)))
        + " for the judge; a spread on the scoreboard is the judge's alone",
    }


def _versions() -> dict[str, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return {"Versions": f"Python {platform.python_version()}, {packages}"}
