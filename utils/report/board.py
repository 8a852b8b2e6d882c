"""The scores of a synthetic table between its yardsticks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from utils.plots import scoreboard_picture
from utils.report.rows import NOT_SEEN, Rows
from utils.report.section import boxed, picture
from utils.scoring import METRICS, Scoreboard, exact_copies, score
from utils.scoring.page import scoreboard_html

SYNTHETIC = "the synthetic table"
JUDGES = 3  # seeds of the judge; the table that is judged stays the same
MANY = 5_000  # rows, from which the judge's own spread is small and one seed does
MEMBERSHIP = "membership"  # how the metrics begin that need rows which no generator has seen
WHO = (
    "The first row is real rows judged by other real ones; the copy shows what the very rows that "
    "were learned from would score."
)


@dataclass(frozen=True)
class Board:
    """Scores of the synthetic table and of the yardsticks.

    means, spreads : float64, one row a name, one column a metric; metrics without an unseen holdout
    are left out where there is none.  yardsticks : their names.
    """

    means: pd.DataFrame
    spreads: pd.DataFrame
    cells: pd.DataFrame
    yardsticks: list[str]
    caption: str

    @property
    def real(self) -> str:
        """The name of the yardstick of real rows."""
        return self.yardsticks[0]

    def of(self, metric: str, name: str = SYNTHETIC) -> float:
        """A mean score; NaN where the metric was left out."""
        return float(self.means.at[name, metric]) if metric in self.means else np.nan

    def html(self) -> str:
        """The table, and the same as a picture."""
        metrics = {name: METRICS[name] for name in self.means}
        shown = scoreboard_html(self.cells, metrics, len(self.yardsticks), self.caption)
        figure = scoreboard_picture(self.means, self.spreads, metrics, self.yardsticks)
        words = "The scoreboard above as dots: the synthetic table between its yardsticks."
        return boxed(shown, "Scoreboard") + picture(figure, words)


def judges(rows: Rows, random_state: int = 0) -> tuple[int, ...]:
    """The judge's seeds: three, or one where there are many rows."""
    many = max(len(rows.train), len(rows.holdout)) > MANY
    return tuple(range(random_state, random_state + (1 if many else JUDGES)))


def scored(
    rows: Rows, random_state: int = 0, progress: Callable[[str], None] = lambda step: None
) -> Board:
    """Score the synthetic table and the yardsticks.

    Where no unseen holdout is there, membership is left out; copies are always counted in all
    synthetic rows, against all real ones.
    """
    seeds = judges(rows, random_state)
    board = Scoreboard(rows.train, rows.holdout, rows.schema, seeds=seeds)
    progress("scores")
    scores = [score(rows.train, rows.holdout, rows.compared, rows.schema, seed) for seed in seeds]
    copies = exact_copies(rows.real, rows.synthetic, rows.schema)
    board.add_scores(SYNTHETIC, [found.where(found.index != "copies", copies) for found in scores])
    progress("scores of the yardsticks")
    means, spreads, cells = board.means(), board.spreads(), board.table()
    asked = [
        name
        for name in means
        if means[name].notna().any() and (rows.state == NOT_SEEN or not name.startswith(MEMBERSHIP))
    ]
    caption = f"{board.caption.replace('seeds', 'seeds of the judge', 1)} {WHO}"
    yardsticks = list(board.yardsticks())
    return Board(means[asked], spreads[asked], cells[asked], yardsticks, caption)
