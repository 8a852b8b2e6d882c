"""Is it similar? Each column, each pair, and whether trees can tell synthetic from real rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from utils.plots import correlation_difference, correlation_matrix, margins
from utils.report.board import Board
from utils.report.rows import SEEN, Rows
from utils.report.section import BAD, FAIR, GOOD, UNKNOWN, Section, number, picture, share, table
from utils.results import COPY, SHUFFLED
from utils.schema import Column
from utils.scoring import shape, shuffle_columns, trend

SURE = 2.6  # standard errors: one judge in a hundred would be so far off by chance
HARDLY, OFTEN = 0.6, 0.8  # AUC
COLUMNS, PAIRS = 12, 8  # that are shown, the least alike first
LONG = 10_000  # numbers from which few fit beside each other under an axis
MOST_CORRELATED = 10  # columns in a picture of correlations
VALUES = 3  # of a category, beside its picture
LIMITS = (
    "Trees see what splits of columns show; another judge may see more. A copy of the real rows "
    "would be the most similar table of all: read this beside the answer about privacy.",
    "A table may look alike as a whole and lack a rare group: look at the columns that matter to "
    "you.",
)


def chance_reach(rows: int) -> float:
    """How far above one half an AUC of two groups of so many rows comes by chance (99 %).

    The variance of the Mann-Whitney statistic of two equal groups of n rows that are alike is
    (2 n + 1) / (12 n squared).
    """
    return SURE * float(np.sqrt((2 * rows + 1) / (12 * rows**2)))


def similar_section(rows: Rows, board: Board | None) -> Section:
    """C2ST as the verdict; the least alike columns and pairs; pictures with their numbers."""
    question = "Is it similar?"
    if board is None:
        verdict = f"{rows.too_few}."
        return Section(question, "Cannot be said", UNKNOWN, verdict[0].upper() + verdict[1:])
    word, level, verdict = _verdict(board.of("c2st"), board, rows)
    compared = _compared(rows, shape)
    names = list(compared.index[:COLUMNS])
    parts = [
        table(_told(compared.head(COLUMNS), "column"), _caption("columns", compared, COLUMNS)),
        _margins(rows, names),
        table(_numbers(rows, names), "The same in numbers"),
    ]
    pairs = _compared(rows, trend).dropna(subset="synthetic")
    if len(pairs):
        pairs.index = [f"{first} and {second}" for first, second in pairs.index]
        caption = _caption("pairs that belong together in real rows", pairs, PAIRS)
        parts.append(table(_told(pairs.head(PAIRS), "pair"), caption))
    parts += _correlations(rows)
    limits = LIMITS
    if rows.state == SEEN:
        limits = (
            "The generator may have seen the real rows that it is compared with: a table that "
            "repeats them looks better here than it is. A holdout would tell: --holdout",
            *LIMITS,
        )
    return Section(question, word, level, verdict, tuple(parts), limits)


def _verdict(auc: float, board: Board, rows: Rows) -> tuple[str, str, str]:
    reach = chance_reach(rows.few)
    told = (
        f"Boosted trees tell synthetic from real rows with an AUC of {number(auc)} (C2ST; 0.5 is a "
        f"guess, 1 is always), real rows from other real ones with {number(board.of('c2st', COPY))}"
        f", shuffled columns with {number(board.of('c2st', SHUFFLED))}"
    )
    few = f" With {rows.few:,} rows a side, up to {0.5 + reach:.3f} may be chance."
    if auc < 0.5 - reach:
        why = (
            ": below one half, as where synthetic rows repeat the very rows they are held against."
        )
        return "Suspiciously", FAIR, told + why + few
    if auc <= 0.5 + reach:
        return "Yes", GOOD, f"{told}: that may be chance.{few}"
    if auc < HARDLY:
        return "Nearly", GOOD, f"{told}: a difference is there, and it is small.{few}"
    if auc < OFTEN:
        return "Partly", FAIR, f"{told}: many synthetic rows give themselves away.{few}"
    return "No", BAD, f"{told}: most synthetic rows give themselves away.{few}"


def _compared(rows: Rows, metric) -> pd.DataFrame:
    """A metric of the synthetic table beside that of its yardsticks, the largest loss first."""
    tables = {
        "synthetic": rows.compared,
        "real": rows.train,
        "shuffled": shuffle_columns(rows.train),
    }
    found = pd.DataFrame(
        {name: metric(rows.holdout, part, rows.schema) for name, part in tables.items()}
    )
    loss = (found["real"] - found["synthetic"]).sort_values(ascending=False, kind="stable")
    return found.loc[loss.index]


def _told(found: pd.DataFrame, head: str) -> pd.DataFrame:
    """A comparison as texts. The shuffled columns keep every shape, so there they say nothing."""
    shown = found.map(number)
    if head == "column":
        shown = shown.drop(columns="shuffled")
    names = {
        "synthetic": "synthetic table",
        "real": "real training rows",
        "shuffled": "shuffled columns",
    }
    shown = shown.rename(columns=names)
    shown.insert(0, head, list(found.index))
    return shown


def _caption(what: str, found: pd.DataFrame, most: int) -> str:
    some = f", {most} of {len(found)}" if len(found) > most else ""
    return f"How alike the {what} are, 0 to 1, judged by the holdout: the least alike first{some}"


def _margins(rows: Rows, names: list[str]) -> str:
    figure = margins(rows.holdout, rows.compared, rows.schema, names)
    for axis, name in zip(figure.axes, names):
        numbers = rows.schema[name].kind in ("number", "integer")
        if numbers and rows.holdout[name].abs().max() >= LONG:
            axis.xaxis.set_major_locator(MaxNLocator(2))
    words = (
        f"Histograms and bars of {', '.join(names)}: real rows filled, synthetic rows outlined. "
        "The table below says the same in numbers."
    )
    return picture(figure, words)


def _numbers(rows: Rows, names: list[str]) -> pd.DataFrame:
    """A few numbers of each column, real and synthetic, as texts.

    No smallest or largest value: those may be one person's.
    """
    lines = [
        line
        for name in names
        for line in _column_numbers(rows.holdout, rows.compared, rows.schema[name])
    ]
    return pd.DataFrame(lines, columns=["column", "real", "synthetic"])


def _column_numbers(real: pd.DataFrame, synthetic: pd.DataFrame, column: Column) -> list[tuple]:
    parts = [table[column.name] for table in (real, synthetic)]
    lines = []
    if column.discrete:
        shares = [part.dropna().astype(str).value_counts() / len(part) for part in parts]
        for value in shares[0].index[:VALUES]:
            lines.append((f"share of {value}", *(share(one.get(value, 0.0)) for one in shares)))
    else:
        for what, quantile in (("5% lie below", 0.05), ("median", 0.5), ("95% lie below", 0.95)):
            lines.append((what, *(_quantile(part, quantile, column) for part in parts)))
    if any(part.isna().any() for part in parts):
        lines.append(("missing", *(share(part.isna().mean()) for part in parts)))
    return [(f"{column.name}: {what}", *values) for what, *values in lines]


def _quantile(values: pd.Series, quantile: float, column: Column) -> str:
    present = values.dropna()
    if present.empty:
        return "–"
    place = round(quantile * (len(present) - 1))
    value = present.sort_values(kind="stable").iloc[place]  # one of the values, also of dates
    if column.kind == "date":
        text = str(value)
        return text.removesuffix(" 00:00:00")
    return f"{value:,.6g}" if column.kind == "number" else f"{value:,}"


def _correlations(rows: Rows) -> list[str]:
    names = [column.name for column in rows.schema.columns if not column.discrete]
    if not 2 <= len(names) <= MOST_CORRELATED:
        return []
    schema = rows.schema.select(names)
    before, after = (correlation_matrix(part, schema) for part in (rows.holdout, rows.compared))
    gaps = (after - before).abs().to_numpy()
    if np.isnan(gaps).all():
        return []
    first, second = np.unravel_index(np.nanargmax(gaps), gaps.shape)
    words = (
        f"Pearson correlations of {', '.join(names)}, as numbers in a grid, in real rows, in "
        "synthetic rows, and their difference. The largest difference is between "
        f"{names[first]} and {names[second]}: {before.iloc[first, second]:.2f} in real rows, "
        f"{after.iloc[first, second]:.2f} in synthetic ones."
    )
    return [picture(correlation_difference(rows.holdout, rows.compared, schema), words)]
