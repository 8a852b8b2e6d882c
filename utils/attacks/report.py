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
LEAK, NONE_FOUND, UNKNOWN = "leak found", "no leak found", "not enough rows"
LIMITS = (
    "It attacks with what stands here; a better attacker may find more. Only differential privacy "
    "bounds every attack.",
    "Its figures are averages over rows: one exposed person vanishes in them. The most exposed "
    "rows are listed apart.",
    "Each row counts as a person. Where a person has many rows, ask by person.",
    "Holdout rows must come from the same people-by-chance split as the training rows, and no "
    "generator, bin or range may have seen them.",
)


@dataclass(frozen=True)
class PrivacyReport:
    """What :func:`privacy_report` found.

    attacks : one row an attack: ``found`` (its success), ``low`` and ``high`` (interval), ``luck``
    (what it would find without a leak), ``verdict``.  exposed : the training rows that the
    membership attack believes most, the first first.  limits : what is not covered.
    """

    attacks: pd.DataFrame
    exposed: pd.DataFrame
    limits: tuple[str, ...] = field(default=LIMITS)

    @property
    def verdict(self) -> str:
        """One sentence."""
        words = self.attacks["verdict"]
        if (words == UNKNOWN).all():
            return (
                f"Nothing can be said: attacks need at least {LEAST_ROWS} training and holdout "
                "rows."
            )
        leaks = self.attacks.index[words == LEAK]
        if len(leaks):
            return f"The table gives its training rows away: {', '.join(leaks)}."
        reach = (self.attacks["high"] - self.attacks["luck"]) / (1 - self.attacks["luck"])
        name = reach.idxmax()
        return (
            "No attack of this report found a leak. That is no promise: by the interval, "
            f"{name} may still reach {self.attacks.at[name, 'high']:.2f}, where luck reaches "
            f"{self.attacks.at[name, 'luck']:g}."
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
    synthetic row, links between the first and the second half of the columns, and sentences that
    single a person out. A leak is found where the interval of an attack lies above luck; the
    intervals are so wide that all of them hold together with 95 % confidence (Bonferroni).

    train : the rows that the generator learned from.  holdout : rows of the same population that
    nothing has seen.  schema : inferred from train and holdout if not given.  secret : the column
    to be guessed; the schema's target, or else the last column.  exposed : how many of the most
    exposed training rows to list.
    """
    real = pd.concat([train, holdout], ignore_index=True)
    schema = Schema.infer(real) if schema is None else schema
    check_tables(schema, train=train, holdout=holdout, synthetic=synthetic)
    secret = secret or schema.target or schema.names[-1]
    names = ["membership by distance", "membership by density", f"guessing {secret}"]
    names += ["linking halves of the columns", "singling out"]
    if min(len(train), len(holdout)) < LEAST_ROWS:
        return PrivacyReport(_nothing(names), train.head(0))
    level = 1 - (1 - CONFIDENCE) / len(names)
    order = np.random.default_rng(random_state).permutation(len(holdout))
    known, others = (holdout.iloc[part] for part in np.array_split(order, 2))
    members = train.sample(min(len(train), len(others)), random_state=random_state)
    distance, density = _membership(members, others, known, synthetic, schema, random_state)
    halves = np.array_split(np.array(schema.names, dtype=object), 2)
    risks = [
        attribute_inference(train, holdout, synthetic, schema, secret),
        linkability(train, holdout, synthetic, schema, tuple(map(list, halves))),
        singling_out(train, holdout, synthetic, schema, random_state=random_state),
    ]
    rows = [_told(found.auc, found.auc_interval(level), 0.5) for found in (distance, density)]
    rows += [_told(risk.value, risk.interval(level), 0.0) for risk in risks]
    return PrivacyReport(
        pd.DataFrame(rows, index=pd.Index(names, name="attack")),
        members.iloc[distance.most_exposed(exposed)],
    )


def _membership(members, others, known, synthetic, schema, random_state) -> list[Evidence]:
    records = pd.concat([members, others], ignore_index=True)
    member = np.arange(len(records)) < len(members)
    return [
        Evidence(distance_belief(records, synthetic, schema), member),
        Evidence(density_ratio_belief(records, synthetic, known, schema, random_state), member),
    ]


def _told(found: float, interval: tuple[float, float], luck: float) -> dict:
    low, high = interval
    verdict = LEAK if low > luck else NONE_FOUND
    return {"found": found, "low": low, "high": high, "luck": luck, "verdict": verdict}


def _nothing(names: list[str]) -> pd.DataFrame:
    columns = dict.fromkeys(["found", "low", "high", "luck"], np.nan) | {"verdict": UNKNOWN}
    return pd.DataFrame(columns, index=pd.Index(names, name="attack"))
