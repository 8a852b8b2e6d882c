"""Is it useful? What a model that learned from synthetic rows knows of real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.report.board import SYNTHETIC, Board
from utils.report.rows import SEEN, Rows
from utils.report.section import BAD, FAIR, GOOD, UNKNOWN, Section, number, table
from utils.results import COPY, SHUFFLED
from utils.scoring import utility_measure
from utils.scoring.scoreboard import MEASURES

QUESTION, UNSAID = "Is it useful?", "Cannot be said"
NEARLY, MOST, HALF = 0.95, 0.8, 0.5  # shares of what real rows teach
LIMITS = (
    "One model and one column stand for all uses. Ask about another: --target",
    "What is learned is judged as a whole: a rare class may be learned badly and not show.",
)


def useful_section(rows: Rows, board: Board | None) -> Section:
    """TSTR beside TRTR (train on real, test on real) and beside columns without dependence."""
    target = rows.schema.target
    if target is None:
        verdict = "No column was named to be predicted, and none has 2 to 50 categories: --target"
        return Section(QUESTION, "Not asked", UNKNOWN, verdict)
    if board is None:
        verdict = f"{rows.too_few}."
        return Section(QUESTION, UNSAID, UNKNOWN, verdict[0].upper() + verdict[1:])
    ours, real, floor = (board.of("tstr", name) for name in (SYNTHETIC, COPY, SHUFFLED))
    measure = MEASURES[utility_measure(rows.schema)].removeprefix("the ")
    noise = 1 / np.sqrt(len(rows.holdout))
    told = (
        f"A model that learned {target!r} from synthetic rows reaches {number(ours)} on real ones "
        f"({measure}), one that learned from real rows {number(real)}, from shuffled columns "
        f"{number(floor)}"
    )
    if np.isnan([ours, real, floor]).any():
        verdict = f"The holdout rows offer nothing to predict in {target!r}."
        return Section(QUESTION, UNSAID, UNKNOWN, verdict)
    if real - floor < noise:
        why = "real rows teach hardly more than shuffled ones, so nothing can be lost"
        return Section(QUESTION, UNSAID, UNKNOWN, f"{told}: {why}. Name another --target.")
    kept = (ours - floor) / (real - floor)
    if kept >= NEARLY or real - ours < noise / 2:
        word, level = "Yes", GOOD
    elif kept >= MOST:
        word, level = "Mostly", GOOD
    else:
        word, level = ("Partly", FAIR) if kept >= HALF else ("No", BAD)
    rest = f"of what real rows teach, {max(kept, 0):.0%} is kept" if kept < 1 else "nothing is lost"
    verdict = f"{told}: {rest}."
    shown = pd.DataFrame(
        {
            "learned from": ["synthetic rows", "real rows (TRTR)", "shuffled columns"],
            "on real rows": [number(value) for value in (ours, real, floor)],
        }
    )
    limits = LIMITS
    if rows.state == SEEN:
        seen = (
            "The generator may have seen the rows that the model is tested on, which flatters it."
        )
        limits = (seen, *LIMITS)
    caption = f"Predicting {target}: {measure}"
    return Section(QUESTION, word, level, verdict, (table(shown, caption),), limits)
