"""What was not checked: as long as it is true, it stands on the page."""

from __future__ import annotations

from utils.report.rows import NOT_SEEN, SEEN, Rows


def unchecked(rows: Rows, sensitive: str | None, left_out: dict[str, str]) -> list[str]:
    """One sentence on each thing that no section looked at.

    left_out : columns that were not judged -> why.
    """
    said = [f"The column {name!r}: {why}." for name, why in left_out.items()]
    if rows.state == SEEN:
        said.append(
            "Membership, and all else that needs rows which the generator has not seen: there is "
            "no holdout. Part the real rows before you fit, and name the part that was set aside: "
            "--holdout"
        )
    elif rows.state != NOT_SEEN:
        said.append("Membership: the holdout shares rows with the real table.")
    if sensitive is None:
        said.append("Whether groups are treated alike: name a column with --sensitive.")
    if rows.schema.target is None:
        said.append("Whether a model can learn from it: name a column with --target.")
    if not rows.schema.rules:
        said.append("Rules between columns: none were given (--rule).")
    return [
        *said,
        "Whether rows belong to one another: days in order, visits of one person, parent and child "
        "tables. Each row was taken as a person of its own.",
        "What words in free text mean.",
        "How the table was made. Only a proof about the method, such as differential privacy, "
        "bounds what an attacker can learn; no list of attacks does.",
    ]
