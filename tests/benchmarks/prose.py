"""Figures in prose that a stored run measured: marked where they stand, compared with the file.

A figure is marked by an invisible comment right behind it, in README.md or in a Markdown cell:

    .528<!-- race: screen time / gan / c2st -->            a mean over the seeds at the default
    .612<!-- race: screen time / gan / 5 s / c2st -->      a mean over the seeds after a budget
    22 %<!-- race: Adult / gan / copies -->                a share written as a percentage
    .581<!-- ablation_gan: pairs of rows / c2st -->        a variant on screen time, mean over seeds
    .581<!-- ablation_gan: Adult / pairs of rows / c2st -->     a variant on a table
"""

from __future__ import annotations

import re
from pathlib import Path

from utils.results import ABLATION, DEFAULT, RESULTS, load_results, means_over_seeds

SCREEN_TIME = "screen time"
MARKED = re.compile(
    r"(?P<number>[\d,]*\.?\d+)(?P<percent>\s?%)?(?:\s?(?:s|MB|minutes))?"
    rf"<!-- (?P<name>race|{ABLATION}\w+): (?P<place>[^>]+) -->"
)
MARK = re.compile(rf"(?<=\S)<!-- (?:race|{ABLATION}\w+):")


def wrong_figures(text: str, folder: Path = RESULTS) -> list[str]:
    """What a text says otherwise than the stored results, one sentence a figure."""
    marked = list(MARKED.finditer(text))
    wrong = ["a mark stands behind no figure"] * (len(MARK.findall(text)) - len(marked))
    return wrong + [sentence for mark in marked if (sentence := _compare(mark, folder))]


def _compare(mark: re.Match, folder: Path) -> str:
    """Compares with as many digits as are written."""
    shown = mark["number"].replace(",", "")
    try:
        value = stored_figure(mark["name"], mark["place"].split(" / "), folder)
    except KeyError as unknown:
        return f"{mark['name']} holds nothing of {mark['place']!r} ({unknown})"
    digits = len(shown.partition(".")[2])
    measured = f"{value * (100 if mark['percent'] else 1):.{digits}f}"
    return (
        ""
        if float(measured) == float(shown)
        else f"{mark[0]} says {shown}, and {measured} was measured"
    )


def stored_figure(name: str, place: list[str], folder: Path = RESULTS) -> float:
    """A mean over seeds: table, method, (budget,) column of the race; or (table,) variant,
    column."""
    *row, column = place
    if name == "race":
        row = [*row, DEFAULT] if len(row) == 2 else row
        keys = ["table", "method", "budget"]
    else:
        row = [SCREEN_TIME, *row] if len(row) == 1 else row
        keys = ["table", "variant"]
    return float(means_over_seeds(load_results(name, folder), keys).loc[tuple(row), column])
