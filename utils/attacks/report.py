"""One page about the privacy of a synthetic table: what each attack finds, a plain verdict, and
what it does not cover."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from utils.attacks.attribute import attribute_inference
from utils.attacks.evidence import Evidence
from utils.attacks.linkage import linkability
from utils.attacks.membership import density_ratio_belief, distance_belief
from utils.attacks.singling_out import singling_out
from utils.schema import Schema
from utils.scoring.judge import check_tables

CONFIDENCE = 0.95  # that no interval of the whole report misses the truth
LEAST_ROWS = 50  # of training and of control rows, below which attacks say nothing
LEAK, NONE_FOUND, UNKNOWN = "leak found", "no leak found", "cannot be asked"
SHOWN = "shown, not judged"
LIMITS = (
    "It attacks with what stands here; a better attacker may find more. Only differential privacy "
    "bounds every attack.",
    "Its figures are averages over rows: one exposed person vanishes in them. The most exposed "
    "rows are listed apart.",
    "Each row counts as a person. Where a person has many rows, ask by person.",
    "Singling out is shown, not judged: its interval is about claims on these very tables, and "
    "another control group would give others.",
    "The holdout rows must be parted from the training rows by chance, and no generator, bin or "
    "range may have seen them.",
)


@dataclass(frozen=True)
class PrivacyReport:
    """What :func:`privacy_report` found.

    attacks : one row an attack: ``found`` (its success), ``low`` and ``high`` (interval), ``luck``
    (what it would find without a leak), ``verdict``.  exposed : the training rows that lie
    nearest to a synthetic row, the nearest first.  limits : what is not covered.
    """

    attacks: pd.DataFrame
    exposed: pd.DataFrame
    limits: tuple[str, ...] = field(default=LIMITS)

    @property
    def verdict(self) -> str:
        """One sentence."""
        words = self.attacks["verdict"]
        leaks, judged = words.index[words == LEAK], self.attacks[words == NONE_FOUND]
        if len(leaks):
            return f"The table gives its training rows away: {', '.join(leaks)}."
        if not len(judged):
            return (
                f"Nothing can be said: attacks need {LEAST_ROWS} training and {LEAST_ROWS} holdout "
                "rows or more."
            )
        name = ((judged["high"] - judged["luck"]) / (1 - judged["luck"])).idxmax()
        return (
            "No attack of this report found a leak. That is no promise: by the interval, "
            f"{name} may still reach {judged.at[name, 'high']:.2f}, where luck reaches "
            f"{judged.at[name, 'luck']:g}."
        )

    def __repr__(self) -> str:
        lines = [self.verdict, "", self.attacks.round(3).to_string(), "", "Not covered:"]
        return "\n".join([*lines, *(f"- {limit}" for limit in self.limits)])


def privacy_report(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema | None = None,
    secret: str | None = None,
    exposed: int = 5,
    random_state: int = 0,
) -> PrivacyReport:
    """Attack a synthetic table with all that this room has, and say in words what was found.

    Membership is asked by distance and by density ratio (one half of the holdout is what the
    attacker knows of the population, the other half the non-members), attributes by the nearest
    synthetic row, links between the first and the second half of the columns; sentences that single
    a person out are counted. A leak is found where the interval of an attack lies above luck; the
    intervals of all judged attacks are so wide that they hold together with 95 % confidence
    (Bonferroni).

    train : the rows that the generator learned from.  holdout : rows of the same population that
    nothing has seen.  schema : inferred from train and holdout if not given.  secret : the column
    to be guessed; the schema's target, or else the last column.  exposed : how many of the training
    rows that lie nearest to a synthetic row to list.

    Raises
    ------
    TableError : an empty table, a missing column, or a secret that is none of the columns.
    """
    if schema is None:
        check_tables(Schema(()), train=train, holdout=holdout)  # before their rows are joined
        schema = Schema.infer(pd.concat([train, holdout], ignore_index=True))
    check_tables(schema, train=train, holdout=holdout, synthetic=synthetic)
    secret = secret or schema.target or schema.names[-1]
    schema.select([secret])  # a secret that is no column is named before any work
    halves = tuple(list(part) for part in np.array_split(np.array(schema.names, object), 2))
    names = ["membership by distance", "membership by density", f"guessing {secret}"]
    names += ["linking halves of the columns", "singling out"]
    if min(len(train), len(holdout)) < LEAST_ROWS:
        rows = [_told(np.nan, (np.nan, np.nan), np.nan) for _ in names]
    else:
        level = 1 - (1 - CONFIDENCE) / (len(names) - 1)
        tables = train, holdout, synthetic, schema
        found = _membership(*tables, random_state)
        rows = [_told(one.auc, one.auc_interval(level), 0.5) for one in found]
        rows.append(_risk(level, attribute_inference, *tables, secret))
        rows.append(_risk(level, linkability, *tables, halves))
        claims = _risk(level, singling_out, *tables, random_state=random_state)
        rows.append(claims | ({} if claims["verdict"] == UNKNOWN else {"verdict": SHOWN}))
    nearest = np.argsort(-distance_belief(train, synthetic, schema), kind="stable")[:exposed]
    return PrivacyReport(
        pd.DataFrame(rows, index=pd.Index(names, name="attack")), train.iloc[nearest]
    )


def _membership(train, holdout, synthetic, schema, random_state) -> list[Evidence]:
    order = np.random.default_rng(random_state).permutation(len(holdout))
    known, others = (holdout.iloc[part] for part in np.array_split(order, 2))
    members = train.sample(min(len(train), len(others)), random_state=random_state)
    records = pd.concat([members, others], ignore_index=True)
    member = np.arange(len(records)) < len(members)
    return [
        Evidence(distance_belief(records, synthetic, schema), member),
        Evidence(density_ratio_belief(records, synthetic, known, schema, random_state), member),
    ]


def _risk(level: float, attack, *asked, **options) -> dict:
    """A row of the report; where the attack cannot be made on these columns, it says so."""
    try:
        risk = attack(*asked, **options)
    except ValueError:  # one column, no sentence that fits one row: no reason to lose the others
        return _told(np.nan, (np.nan, np.nan), np.nan)
    return _told(risk.value, risk.interval(level), 0.0)


def _told(found: float, interval: tuple[float, float], luck: float) -> dict:
    low, high = interval
    verdict = UNKNOWN if np.isnan(found) else LEAK if low > luck else NONE_FOUND
    return {"found": found, "low": low, "high": high, "luck": luck, "verdict": verdict}
