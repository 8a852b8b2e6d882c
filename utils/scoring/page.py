"""The scoreboard as HTML for light and dark pages: no colours of its own, only weight and
opacity."""

from __future__ import annotations

from html import escape
from itertools import groupby

import pandas as pd

LINE = "1px solid rgba(128, 128, 128, 0.6)"
CELL = "padding: 2px 6px; text-align: right;"
NAME = "padding: 2px 6px; text-align: left;"
START = f" border-left: {LINE};"  # first column of a question


def scoreboard_html(table: pd.DataFrame, metrics: dict, yardsticks: int, caption: str) -> str:
    """HTML table: columns grouped by question, direction and perfect value in the head, yardsticks
    set apart.

    table : text cells, one row a name, one column a metric; the first ``yardsticks`` rows are
        yardsticks.
    metrics : name -> Metric, in the order of the columns.
    """
    starts = _starts(metrics)
    body = [
        _row(name, cells, starts, position < yardsticks, position == yardsticks)
        for position, (name, cells) in enumerate(zip(table.index, table.to_numpy()))
    ]
    return "\n".join(
        [
            '<table style="border-collapse: collapse;">',
            "<thead>",
            _questions(metrics),
            _labels(metrics, starts),
            "</thead>",
            "<tbody>",
            *body,
            "</tbody>",
            "</table>",
            f'<p style="opacity: 0.75;">{escape(caption)}</p>',
        ]
    )


def _starts(metrics: dict) -> list[bool]:
    questions = [metric.question for metric in metrics.values()]
    return [previous != question for previous, question in zip([None, *questions], questions)]


def _questions(metrics: dict) -> str:
    groups = groupby(metric.question for metric in metrics.values())
    style = f"padding: 2px 10px; text-align: center;{START}"
    heads = "".join(
        f'<th colspan="{len(list(group))}" style="{style}">{escape(question)}</th>'
        for question, group in groups
    )
    return f"<tr><th></th>{heads}</tr>"


def _labels(metrics: dict, starts: list[bool]) -> str:
    heads = "".join(
        f'<th title="{escape(metric.meaning)}" style="{CELL}{START if start else ""}">'
        f"{escape(metric.label)}<br>"
        f'<span style="font-weight: normal; opacity: 0.75;">{escape(metric.goal)}</span></th>'
        for metric, start in zip(metrics.values(), starts)
    )
    return f'<tr style="border-bottom: {LINE};"><th></th>{heads}</tr>'


def _row(name: str, cells, starts: list[bool], muted: bool, ruled: bool) -> str:
    style = ("opacity: 0.7; font-style: italic;" if muted else "") + (
        f"border-top: {LINE};" if ruled else ""
    )
    texts = "".join(
        f'<td style="{CELL}{START if start else ""}">{_small_spread(text)}</td>'
        for text, start in zip(cells, starts)
    )
    return f'<tr style="{style}"><th style="{NAME}">{escape(str(name))}</th>{texts}</tr>'


def _small_spread(text: str) -> str:
    mean, sign, spread = text.partition(" ± ")
    # on a line of its own, so that ten metrics fit beside each other on a page
    style = "display: block; font-size: 80%; opacity: 0.75; white-space: nowrap;"
    small = f'<span style="{style}"> ± {escape(spread)}</span>'
    return escape(mean) + (small if sign else "")
