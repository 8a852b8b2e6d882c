"""The report as one page of HTML that needs nothing else: no script, no address, no clock."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from utils.report.section import Section, items, paragraph

STYLE = """
:root { color-scheme: light dark; --text: #1d1d1f; --back: #ffffff; --soft: #f2f3f5;
  --line: #c9ccd1; --mute: #5a5f66;
  --good: #00664a; --fair: #8a4b00; --bad: #a3262a; --unknown: #4a5058; }
@media (prefers-color-scheme: dark) { :root { --text: #e9eaec; --back: #17181a; --soft: #232528;
  --line: #45494f; --mute: #a9aeb6;
  --good: #5fd0ac; --fair: #f0b060; --bad: #ff8f8a; --unknown: #b9bec6; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 4rem; color: var(--text);
  background: var(--back); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .5rem 0; max-width: 46rem; }
ul { margin: .5rem 0; padding-left: 1.25rem; max-width: 46rem; }
dl { display: grid; grid-template-columns: minmax(7rem, 14rem) 1fr; gap: .35rem 1rem; margin: 0; }
dt { color: var(--mute); } dd { margin: 0; min-width: 0; }
.word { display: inline-block; font-weight: 600; border: 1px solid currentColor;
  border-radius: .4rem; padding: 0 .5rem; }
.good { color: var(--good); } .fair { color: var(--fair); }
.bad { color: var(--bad); } .unknown { color: var(--unknown); }
.verdicts { list-style: none; padding: 0; max-width: none; }
.verdicts li { background: var(--soft); border-radius: .5rem; padding: .6rem .8rem;
  margin: .5rem 0; }
.verdicts a { color: inherit; font-weight: 600; }
.limits { color: var(--mute); font-size: .925rem; }
.wide { overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
figure { margin: 1.25rem 0; }
figcaption { color: var(--mute); font-size: .9rem; max-width: 46rem; margin-bottom: .35rem; }
th, td { padding: .25rem .6rem; text-align: right; vertical-align: top; }
td { white-space: nowrap; }
th:first-child { text-align: left; }
tbody th { font-weight: normal; min-width: 8rem; max-width: 18rem; overflow-wrap: break-word; }
thead tr { border-bottom: 1px solid var(--line); }
tbody tr:nth-child(even) { background: var(--soft); }
img { display: block; max-width: none; background: #ffffff; border-radius: .4rem; }
@media (min-width: 50rem) { img { max-width: 100%; height: auto; } }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .5rem; } }
"""


def page(
    title: str,
    notes: Iterable[str],
    sections: dict[str, Section],
    board: str,
    unchecked: Iterable[str],
    card: dict[str, str],
) -> str:
    """The whole page.

    notes : what a reader should know about the tables.  sections : by the name of their place in
    the page.  board : HTML of the scoreboard, "" if there is none.  card : what was judged, how.
    """
    notes = list(notes)
    parts = [
        f"<h1>{escape(title)}</h1>",
        paragraph(
            "Each answer is one sentence; what bears it out, and what it does not say, stands "
            "below. This page holds counts and shares of real rows: hand it on with as much care."
        ),
        _summary(sections),
        *(["<h2>About the tables</h2>", items(notes)] if notes else []),
        *(['<h2 id="scoreboard">The scoreboard</h2>', board] if board else []),
        *(_section(name, section) for name, section in sections.items()),
        '<h2 id="unchecked">What was not checked</h2>',
        items(unchecked),
        '<h2 id="card">What was judged, and how</h2>',
        _card(card),
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _word(section: Section) -> str:
    return f'<span class="word {section.level}">{escape(section.word)}</span>'


def _summary(sections: dict[str, Section]) -> str:
    lines = [
        f'<li><a href="#{name}">{escape(section.question)}</a> {_word(section)}<br>'
        f"{escape(section.verdict)}</li>"
        for name, section in sections.items()
    ]
    return '<ul class="verdicts">\n' + "\n".join(lines) + "\n</ul>"


def _section(name: str, section: Section) -> str:
    limits = ""
    if section.limits:
        limits = (
            f'<h3>What this does not say</h3>\n<div class="limits">{items(section.limits)}</div>'
        )
    head = f'<h2 id="{name}">{escape(section.question)} {_word(section)}</h2>'
    return "\n".join([head, paragraph(section.verdict), *section.parts, limits])


def _card(card: dict[str, str]) -> str:
    lines = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in card.items()]
    return "<dl>\n" + "\n".join(lines) + "\n</dl>"
