"""A section of the report: a question, its verdict in a word and a sentence, what bears it out."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

GOOD, FAIR, BAD, UNKNOWN = "good", "fair", "bad", "unknown"
DOTS = 90  # an inch, of a picture


@dataclass(frozen=True)
class Section:
    """One question of the report.

    question : such as "Is it valid?".  word : the verdict in a word or two.  level : "good",
    "fair", "bad" or "unknown".  verdict : one sentence.  parts : HTML.  limits : what it does not
    say.
    """

    question: str
    word: str
    level: str
    verdict: str
    parts: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.question} {self.word}. {self.verdict}"


def paragraph(text: str) -> str:
    """Text as a paragraph of HTML."""
    return f"<p>{escape(text)}</p>"


def items(texts: Iterable[str]) -> str:
    """Texts as a list of HTML."""
    return "<ul>\n" + "".join(f"<li>{escape(text)}</li>\n" for text in texts) + "</ul>"


def boxed(content: str, name: str) -> str:
    """Wide content in a box of its own, within which it scrolls, by keyboard too.

    name : what the box is called where it is read out.
    """
    label = escape(name)
    return f'<div class="wide" role="region" aria-label="{label}" tabindex="0">{content}</div>'


def table(frame: pd.DataFrame, caption: str) -> str:
    """A frame of texts as an HTML table under its caption, its first column as heads of the rows.

    The cells are shown as they are; nothing is rounded here.
    """
    heads = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in frame.columns)
    rows = [
        f'<tr><th scope="row">{escape(str(first))}</th>'
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in others)
        + "</tr>"
        for first, *others in frame.itertuples(index=False, name=None)
    ]
    content = f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    content += "\n".join(rows) + "\n</tbody></table>"
    told = f"<figcaption>{escape(caption)}</figcaption>"
    return f"<figure>{told}{boxed(content, caption)}</figure>"


def picture(figure: Figure, words: str) -> str:
    """A figure as an embedded PNG; the same figure gives the same bytes. It is closed.

    words : what it shows, for those who do not see it.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS, metadata={"Software": None})
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img src="data:image/png;base64,{data}" alt="{escape(words)}">'
    return f"<figure>{boxed(image, 'Picture')}</figure>"


def share(value: float) -> str:
    """A share in percent, in as many digits as its size bears; "–" for none."""
    if pd.isna(value):
        return "–"
    if 0 < value < 0.001 or 0.999 < value < 1:
        return "under 0.1%" if value < 0.5 else "over 99.9%"
    return f"{value:.1%}" if value not in (0, 1) else f"{value:.0%}"


def number(value: float, digits: int = 3) -> str:
    """A score, "–" for none."""
    return "–" if pd.isna(value) else f"{value + 0:.{digits}f}".replace("-0.000", "0.000")
