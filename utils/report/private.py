"""Is it private? Copies, what attacks find, and which real rows lie bare."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from utils.attacks import PrivacyReport, privacy_report
from utils.attacks.report import LEAK, LEAST_ROWS, NONE_FOUND
from utils.report.rows import NOT_SEEN, SEEN, Rows, at_most, more_than, repeated
from utils.report.section import BAD, FAIR, UNKNOWN, Section, number, paragraph, share, table
from utils.scoring import exact_copies

QUESTION = "Is it private?"
MOST_ATTACKED = 5_000  # training rows, and as many of the holdout for each of its two parts
EXPOSED = 5  # rows that are named
CAPTION = (
    "What attacks find. Membership is an AUC, the others are the share of what luck leaves open; "
    "the intervals of those that are judged hold together with 95 % confidence"
)
NAMED = 0.5  # share of cells that name real persons, from which a column does
ALL = 0.9  # share of synthetic rows that are copies, from which the table itself is one


def private_section(
    rows: Rows,
    secret: str | None = None,
    persons: Mapping[str, float] = MappingProxyType({}),
    random_state: int = 0,
) -> Section:
    """Copies beside the repeats among real rows; the attacks, if there is an unseen holdout.

    secret : the column to be guessed; the schema's target, or the last column, if not given.
    persons : columns that point to persons -> share of their synthetic cells that are real ones.
    """
    ours = exact_copies(rows.real, rows.synthetic, rows.schema)
    count, (other, others) = round(ours * len(rows.synthetic)), _repeats(rows)
    theirs, copied = other / others, more_than(count, len(rows.synthetic), other, others)
    told = (
        f"{count:,} of {len(rows.synthetic):,} synthetic rows equal a real row in every cell "
        f"({share(ours)}); of real rows, {share(theirs)} equal another by chance"
    )
    named = [name for name, part in persons.items() if part >= NAMED]
    parts = [table(_copies(ours, theirs), "Rows that equal a real row in every cell")]
    if persons:
        parts.append(table(_named(persons), "Columns that point to persons, and are not judged"))
    report = None
    if rows.state == NOT_SEEN and min(len(rows.train), len(rows.holdout)) >= LEAST_ROWS:
        report = _attacked(rows, rows.compared, secret, random_state)
        parts += _attacks(report, _attacked(rows, rows.train, secret, random_state), rows)
    if ours >= ALL and copied:
        word, level, verdict = "Copies", BAD, f"The table is a copy of the real rows: {told}."
    elif copied:
        word, level, verdict = "Leak found", BAD, f"Copies: {told}."
    elif named:
        names = ", ".join(map(repr, named))
        verdict = f"Columns that point to persons hold real ones: {names}. Leave them out."
        word, level = "Leak found", BAD
    elif report is None:
        told = f" Of copies there are no more than by chance: {told}." if rows.enough else ""
        word, level, verdict = "Cannot be said", UNKNOWN, f"{_why(rows)}{told}"
    elif (report.attacks["verdict"] == LEAK).any():
        word, level, verdict = "Leak found", BAD, report.verdict
    elif (report.attacks["verdict"] == NONE_FOUND).any():
        word, level, verdict = "No leak found", FAIR, report.verdict
    else:
        word, level, verdict = "Cannot be said", UNKNOWN, report.verdict
    limits = (
        report.limits
        if report
        else (
            "Copies are the grossest leak; that there are none says nothing of closer attacks. "
            "Only differential privacy bounds every attack.",
        )
    )
    return Section(QUESTION, word, level, verdict, tuple(parts), limits)


def _repeats(rows: Rows) -> tuple[int, int]:
    """How many real rows equal another one by chance, of how many: holdout rows that stand in the
    table that was learned from; without an unseen holdout, rows of one table."""
    if rows.state == NOT_SEEN:
        return rows.overlap, len(rows.holdout)
    return repeated(rows.real), len(rows.real)


def _why(rows: Rows) -> str:
    if rows.state == SEEN:
        return "Without rows that the generator has not seen, no attack can be judged: --holdout."
    if rows.state == NOT_SEEN:
        return f"Attacks need {LEAST_ROWS} real and {LEAST_ROWS} holdout rows or more."
    return f"{rows.overlap:,} holdout rows stand in the real table, so no attack can be judged."


def _named(persons: Mapping[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "column": persons.keys(),
            "synthetic cells that stand in the real table": map(share, persons.values()),
        }
    )


def _copies(ours: float, theirs: float) -> pd.DataFrame:
    lines = {
        "the synthetic table": ours,
        "real rows, by chance": theirs,
        "a copy of the real rows": 1.0,
    }
    return pd.DataFrame({"table": lines.keys(), "copies": map(share, lines.values())})


def _attacked(
    rows: Rows, synthetic: pd.DataFrame, secret: str | None, random_state: int
) -> PrivacyReport:
    """The attacks on as many rows as they need; the attacker has all synthetic rows given."""
    return privacy_report(
        at_most(rows.train, MOST_ATTACKED, random_state),
        at_most(rows.holdout, 2 * MOST_ATTACKED, random_state),
        synthetic,
        rows.schema,
        secret,
        exposed=EXPOSED,
        random_state=random_state,
    )


def _attacks(report: PrivacyReport, copy: PrivacyReport, rows: Rows) -> list[str]:
    """The attacks as a table beside luck and a copy; the most exposed rows by their numbers only,
    for the page must not show real rows."""
    found = report.attacks
    shown = pd.DataFrame(
        {
            "attack": found.index,
            "found": found["found"].map(number).to_numpy(),
            "interval": [
                f"{number(low)} to {number(high)}" for low, high in zip(found["low"], found["high"])
            ],
            "by luck": found["luck"].map(number).to_numpy(),
            "in a copy": copy.attacks["found"].map(number).to_numpy(),
            "verdict": found["verdict"].to_numpy(),
        }
    )
    among = f", of {MOST_ATTACKED:,} drawn at random" if len(rows.train) > MOST_ATTACKED else ""
    nearest = ", ".join(f"{row + 1:,}" for row in report.exposed.index)
    told = (
        f"The real rows that lie nearest to a synthetic one{among}, the nearest first: {nearest} "
        "(the first of the real rows is 1). They are not shown here, for they are real."
    )
    return [table(shown, CAPTION), paragraph(told)]
