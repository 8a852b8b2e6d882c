"""Does it treat groups alike? A model that learned from synthetic rows, beside one from real."""

from __future__ import annotations

import pandas as pd

from utils.encoding import to_codes
from utils.fairness import Decisions, decide, drift_by_group, gap_changes, gap_intervals, groups_of
from utils.fairness.drift import LEAST_ROWS
from utils.report.rows import SEEN, Rows, at_most
from utils.report.section import BAD, FAIR, GOOD, UNKNOWN, Section, number, share, table
from utils.schema import Schema, TableError
from utils.scoring import shuffle_columns

QUESTION, UNSAID = "Does it treat groups alike?", "Cannot be said"
MOST_GROUPS = 20
SMALL = 0.02  # change of a gap, below which it does not matter, however sure it is
FEW_ROWS = "too few rows"
MOST_DRIFT = 5_000  # rows of a table in which groups are sought: enough, within seconds
GAPS = ("demographic parity difference", "equalized odds difference")
LIMITS = (
    "Parity is a choice, not a fact: which rate should be equal is for those to say whom it "
    "concerns. Shuffled columns teach nothing, and so treat all alike.",
    "One model and one outcome stand for all. A model that is no less fair than one from real rows "
    "need not be fair.",
    "Intervals are about the holdout rows: another synthetic table by the same method would have "
    "other gaps.",
    "Groups within these groups, and of several columns together, were not asked.",
)


def check_sensitive(real: pd.DataFrame, schema: Schema, name: str) -> None:
    """TableError for a column whose values make no groups, before any work is done."""
    schema.select([name])  # a name that is no column
    values = real[name].nunique(dropna=False)
    if name == schema.target:
        raise TableError(
            f"The column {name!r} is what is predicted, so its groups cannot be compared. Name "
            "another one with --target or --sensitive."
        )
    if values < 2:
        raise TableError(f"The column {name!r} has one value only: there are no groups to compare.")
    if values > MOST_GROUPS:
        raise TableError(
            f"The column {name!r} has {values:,} values, too many groups to compare. Name a column "
            f"with at most {MOST_GROUPS}, or put values together, such as ages into decades."
        )


def fair_section(rows: Rows, sensitive: str, random_state: int = 0) -> Section:
    """Rates and gaps of a model from synthetic rows beside those of one from real rows, both asked
    about the holdout; how large a share each group has, and how like real ones its rows are."""
    parts = [table(_shares(rows, sensitive), f"The groups of {sensitive} in both tables")]
    parts += _drift(rows, sensitive, random_state) if rows.enough else []
    if not _is_binary(rows.schema):
        verdict = (
            "What a model decides about each group needs a target of two values: --target. Shares "
            "are told below."
        )
        return Section(QUESTION, UNSAID, UNKNOWN, verdict, tuple(parts), LIMITS)
    if not rows.enough:
        verdict = f"{rows.too_few}."
        return Section(QUESTION, UNSAID, UNKNOWN, verdict[0].upper() + verdict[1:])
    real, synthetic, shuffled = (
        decide(part, rows.holdout, rows.schema, sensitive, random_state=random_state)
        for part in (rows.train, rows.compared, shuffle_columns(rows.train, random_state))
    )
    parts.append(table(_rates(real, synthetic), _caption(rows.schema)))
    changes = _changes(real, synthetic, random_state)
    known = changes.dropna()
    if known.empty:
        verdict = f"Fewer than two groups of {sensitive!r} have {real.least} holdout rows or more."
        return Section(QUESTION, UNSAID, UNKNOWN, verdict, tuple(parts), LIMITS)
    parts.append(table(_gaps(changes, shuffled), "The widest gap between two groups; 0 is alike"))
    word, level, ending = _judged(known)
    told = ", ".join(
        f"{name} {number(row['after'])} (from real rows {number(row['before'])})"
        for name, row in known.iterrows()
    )
    small = real.rates()["selection rate"].isna()
    left = [f"Too few rows to compare: {', '.join(small.index[small])}."] if small.any() else []
    left += [f"Too few rows to tell the {name}." for name in GAPS if name not in known.index]
    verdict = " ".join([f"Of a model that learned from synthetic rows: {told}.", ending, *left])
    limits = LIMITS
    if rows.state == SEEN:
        limits = ("The generator may have seen the rows that are decided about.", *LIMITS)
    return Section(QUESTION, word, level, verdict, tuple(parts), limits)


def _is_binary(schema: Schema) -> bool:
    return schema.target is not None and len(schema[schema.target].categories) == 2


def _changes(before: Decisions, after: Decisions, random_state: int) -> pd.DataFrame:
    """The gaps of both models and the change with its interval; NaN where a gap lacks rows."""
    return gap_changes(before, after, random_state=random_state).loc[list(GAPS)]


def _judged(changes: pd.DataFrame) -> tuple[str, str, str]:
    wider, closer = changes["low"] > 0, changes["high"] < 0
    change = changes["after"] - changes["before"]
    if wider.any():
        names, most = " and the ".join(changes.index[wider]), change[wider].max()
        told = f"The {names} is wider, beyond chance, by {number(most)}."
        if most < SMALL:
            return "Nearly as real rows", GOOD, told
        return "Less than real rows", BAD, told
    if closer.any():
        names = " and the ".join(changes.index[closer])
        return "More than real rows", FAIR, f"The {names} is narrower, beyond chance."
    return "As real rows do", GOOD, "The two cannot be told apart by these rows."


def _shares(rows: Rows, sensitive: str) -> pd.DataFrame:
    """Share of the rows of each group, and of those with the outcome, as texts."""
    tables = {"real": rows.real, "synthetic": rows.synthetic}
    found = {}
    for name, part in tables.items():
        groups = pd.Series(groups_of(part, sensitive))
        found[f"share of {name} rows"] = groups.value_counts(normalize=True)
        if _is_binary(rows.schema):
            target = rows.schema[rows.schema.target]
            codes = pd.Series(to_codes(part[target.name], target))
            known = codes >= 0
            rates = (codes[known] == 1).groupby(groups[known]).mean()
            found[f"{target.name} = {target.categories[1]}, {name}"] = rates
    shown = pd.DataFrame(found).sort_index(kind="stable")
    absent = {name: 0.0 for name in shown if name.startswith("share")}
    shown = shown.fillna(absent)
    shown = shown.map(share)
    shown.insert(0, "group", list(shown.index))
    return shown


def _caption(schema: Schema) -> str:
    target = schema[schema.target]
    return (
        f"What models decide about holdout rows, yes being {target.name} = {target.categories[1]}; "
        "where too few rows stand behind a rate, it is not told"
    )


def _rates(real: Decisions, synthetic: Decisions) -> pd.DataFrame:
    """Rates of each group by the two models, as texts."""
    found = {"group": real.names, "rows": [f"{rows:,}" for rows in real.sizes()["persons"]]}
    rates = [decisions.rates() for decisions in (synthetic, real)]
    for rate in rates[0]:
        for source, by_group in zip(("synthetic", "real"), rates):
            told = by_group[rate].map(share).where(by_group[rate].notna(), "too few")
            found[f"{rate}, from {source}"] = list(told)
    return pd.DataFrame(found)


def _gaps(changes: pd.DataFrame, shuffled: Decisions) -> pd.DataFrame:
    """The gaps by the three models, as texts; one that lacks rows says so."""
    others = gap_intervals(shuffled)["found"].loc[changes.index]
    ends = zip(changes["low"], changes["high"])
    shown = pd.DataFrame(
        {
            "from synthetic rows": changes["after"].map(number),
            "from real rows": changes["before"].map(number),
            "from shuffled columns": others.map(number),
            "change, 95 % interval": [f"{number(low)} to {number(high)}" for low, high in ends],
        }
    )
    shown[changes["change"].isna()] = FEW_ROWS
    shown.insert(0, "gap", list(changes.index))
    return shown


def _drift(rows: Rows, sensitive: str, random_state: int) -> list[str]:
    """How like the holdout's the rows of each group are, as a table; none without a group that has
    rows enough. All are judged on as many rows, and real rows say what luck alone makes."""
    tables = [at_most(part, MOST_DRIFT, random_state) for part in (rows.compared, rows.train)]
    judges = at_most(rows.holdout, MOST_DRIFT, random_state)
    counts = [pd.Series(groups_of(part, sensitive)).value_counts() for part in (judges, *tables)]
    smallest = pd.concat(counts, axis=1).fillna(0).min(axis=1)
    enough = smallest[smallest >= LEAST_ROWS]
    if enough.empty:
        return []
    size = int(enough.min())
    found = [
        drift_by_group(judges, part, rows.schema, sensitive, size, random_state=random_state)
        for part in tables
    ]
    shown = {"group": sorted(smallest.index)}
    for score in ("shape", "trend", "c2st"):
        for source, of_group in zip(("synthetic", "real"), found):
            values = of_group[score].reindex(shown["group"])
            name = "C2ST" if score == "c2st" else score
            shown[f"{name}, {source}"] = values.map(number).where(values.notna(), FEW_ROWS).tolist()
    caption = (
        f"Within each group, {size:,} rows beside as many of the holdout: shape and trend are 1 "
        "where they are alike, C2ST is 0.5; real rows tell what luck alone makes"
    )
    return [table(pd.DataFrame(shown), caption)]
