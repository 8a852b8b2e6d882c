"""Is it valid? Which synthetic rows could not stand in the real table, and why."""

from __future__ import annotations

import pandas as pd

from utils.report.rows import ENOUGH, SEEN, Rows, learned_from, more_than
from utils.report.section import BAD, FAIR, GOOD, UNKNOWN, Section, items, share, table
from utils.scoring import valid, validity_report

QUESTION = "Is it valid?"
NEARLY, MOSTLY = 0.99, 0.95  # shares of valid rows; below, the answer is no
SHOWN = 12  # faults in the table


def valid_section(rows: Rows) -> Section:
    """The share of valid rows, beside that of the holdout; each fault that occurs."""
    schema = known = rows.schema
    if len(rows.real) < ENOUGH:
        verdict = (
            f"{len(rows.real):,} real rows are too few to know what may stand in the table: "
            f"{ENOUGH} are needed."
        )
        return Section(QUESTION, "Cannot be said", UNKNOWN, verdict)
    if rows.state == SEEN:  # the holdout's own values must not be known when it is asked
        known = learned_from(rows.train, rows.real, schema)
    ours, theirs = valid(rows.synthetic, schema), valid(rows.holdout, known)
    faults = validity_report(rows.synthetic, schema)
    others = validity_report(rows.holdout, known).reindex(faults.index, fill_value=0.0)
    count, amiss = (
        round((1 - one) * len(part))
        for one, part in ((ours, rows.synthetic), (theirs, rows.holdout))
    )
    if not more_than(count, len(rows.synthetic), amiss, len(rows.holdout)):
        word, level = ("Yes", GOOD) if ours >= MOSTLY else ("Partly", FAIR)
    elif ours >= MOSTLY:
        word, level = "Nearly" if ours >= NEARLY else "Mostly", FAIR
    else:
        word, level = "No", BAD
    if not count:
        verdict = f"All {len(rows.synthetic):,} synthetic rows could stand in the real table"
    else:
        verdict = (
            f"{count:,} of {len(rows.synthetic):,} synthetic rows could not stand in the real "
            f"table; the commonest fault is {faults.index[0]}"
        )
    verdict += f" (valid: {share(ours)}; real rows of the holdout: {share(theirs)})."
    parts = []
    if len(faults):
        shown = pd.DataFrame(
            {
                "fault": faults.index,
                "synthetic rows": _counted(faults, len(rows.synthetic)),
                "holdout rows": _counted(others, len(rows.holdout)),
            }
        ).head(SHOWN)
        more = f", {SHOWN} of {len(faults)}" if len(faults) > SHOWN else ""
        parts.append(table(shown, f"Faults, the commonest first{more}"))
    if schema.rules:
        parts.append(items(f"Rule that was asked: {rule}" for rule in schema.rules.values()))
    return Section(QUESTION, word, level, verdict, tuple(parts), _limits(rows))


def _counted(shares: pd.Series, rows: int) -> list[str]:
    return [f"{round(one * rows):,} ({share(one)})" for one in shares]


def _limits(rows: Rows) -> tuple[str, ...]:
    limits = [
        "Ranges and categories are those of the real rows: a value that could be, but was "
        "not there, counts as a fault."
    ]
    if rows.state == SEEN:
        limits.append(
            "Of the real rows that are shown beside, a third was held against the other two."
        )
    if not rows.schema.rules:
        limits.append(
            "No rule between columns was given, so none was asked. Say what every row must keep: "
            "--rule"
        )
    return tuple(limits)
