"""What a model decides about each group: rates, and the gaps between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from fairlearn import metrics

from utils.encoding import to_codes
from utils.fairness.groups import LEAST, groups_of
from utils.schema import Schema, TableError
from utils.scoring.judge import boosted_trees, check_tables, feature_matrices, one_thread

RATES = {  # name -> fairlearn's function
    "selection rate": metrics.selection_rate,
    "true positive rate": metrics.true_positive_rate,
    "false positive rate": metrics.false_positive_rate,
}
GAPS = {  # name -> fairlearn's function, the rates it compares, whether it divides
    "demographic parity difference": (
        metrics.demographic_parity_difference,
        ("selection rate",),
        False,
    ),
    "demographic parity ratio": (metrics.demographic_parity_ratio, ("selection rate",), True),
    "equalized odds difference": (
        metrics.equalized_odds_difference,
        ("true positive rate", "false positive rate"),
        False,
    ),
    "equalized odds ratio": (
        metrics.equalized_odds_ratio,
        ("true positive rate", "false positive rate"),
        True,
    ),
}


@dataclass(frozen=True)
class Decisions:
    """Yes or no of a model about rows whose truth is known, and the group of each row.

    truth, decided : bool (n,).  group : text (n,).  least : a rate is told of so many persons or
    more; the selection rate of persons, the true positive rate of those whose truth is yes, the
    false positive rate of those whose truth is no.

    Raises ValueError for columns of different length or values other than True and False.
    """

    truth: np.ndarray
    decided: np.ndarray
    group: np.ndarray
    least: int = LEAST

    def __post_init__(self):
        sizes = {name: np.shape(getattr(self, name)) for name in ("truth", "decided", "group")}
        if len(set(sizes.values())) > 1 or len(sizes["truth"]) != 1:
            raise ValueError(f"Each row needs a truth, a decision and a group; they have {sizes}.")
        for name in ("truth", "decided"):
            values = np.asarray(getattr(self, name))
            if not np.isin(values, [0, 1]).all():
                raise ValueError(f"{name} must be True or False in each row.")
            object.__setattr__(self, name, values.astype(bool))
        object.__setattr__(self, "group", np.asarray(self.group, object))
        if pd.isna(self.group).any():
            raise ValueError("Some rows have no group; groups_of(table, columns) gives them one.")

    @cached_property
    def names(self) -> list[str]:
        """The groups, sorted."""
        return sorted(set(self.group))

    @cached_property
    def place(self) -> np.ndarray:
        """The place of each row's group in :attr:`names`, int64 (n,)."""
        return pd.Categorical(self.group, self.names).codes.astype(np.int64)

    def sizes(self) -> pd.DataFrame:
        """Persons of each group (int64): all, those whose truth is yes, those whose truth is
        no."""
        persons, yes = (
            np.bincount(self.place[rows], minlength=len(self.names))
            for rows in (slice(None), self.truth)
        )
        index = pd.Index(self.names, name="group")
        sizes = {"persons": persons, "truly yes": yes, "truly no": persons - yes}
        return pd.DataFrame(sizes, index=index)

    def rates(self) -> pd.DataFrame:
        """Each rate of :data:`RATES` of each group, float64; NaN where fewer than ``least`` persons
        stand behind it."""
        frame = metrics.MetricFrame(
            metrics=RATES,
            y_true=self.truth,
            y_pred=self.decided,
            sensitive_features=pd.Series(self.group, name="group"),
        )
        return frame.by_group.loc[self.names].where(self._told()).astype(np.float64)

    def _told(self) -> pd.DataFrame:
        """Which rate of which group has enough persons behind it, bool."""
        return self.sizes().set_axis(list(RATES), axis=1) >= self.least

    def compared(self, gap: str) -> list[str]:
        """The groups that a gap compares: each with enough persons for all rates it needs.

        Raises ValueError for an unknown gap, or fewer than two such groups.
        """
        if gap not in GAPS:
            raise ValueError(f"There is no gap {gap!r}. Choose one of: {', '.join(GAPS)}.")
        told = self._told()[list(GAPS[gap][1])].all(axis=1)
        if told.sum() < 2:
            raise ValueError(
                f"A gap needs two groups of {self.least} persons or more (with each truth, for "
                f"equalized odds), but these have: {self.sizes().to_dict('index')}. Take more "
                "rows, or join groups."
            )
        return list(told.index[told])

    def gap(self, gap: str) -> float:
        """One gap of :data:`GAPS` by fairlearn, among the groups that are compared."""
        kept = np.isin(self.names, self.compared(gap))[self.place]
        return float(
            GAPS[gap][0](self.truth[kept], self.decided[kept], sensitive_features=self.group[kept])
        )


@one_thread
def decide(
    train: pd.DataFrame,
    holdout: pd.DataFrame,
    schema: Schema,
    columns: str | Sequence[str],
    without: Sequence[str] = (),
    positive=None,
    random_state: int = 0,
    least: int = LEAST,
) -> Decisions:
    """Boosted trees learn the target from ``train`` and decide about ``holdout``, by group.

    The judge is that of :func:`utils.scoring.tstr`; yes means that yes is the likelier answer. Rows
    without a target teach nothing and are not judged. Where all training rows have one answer, that
    is the decision for everybody.

    train : real or synthetic rows.  holdout : real rows that neither model nor generator has seen.
    columns : the sensitive columns, see :func:`groups_of`.  without : columns that the model may
    not see.  positive : the target's value that counts as yes; None means its second category.

    Raises TableError unless the schema's target has two values, for a column that is not there, and
    for a model that is left without a column.
    """
    check_tables(schema, train=train, holdout=holdout)
    if schema.target is None or len(schema[schema.target].categories) != 2:
        raise TableError(
            f"Decisions need a target of two values, such as yes and no; the target is "
            f"{schema.target!r}. Name one with Schema.infer(table, target=...)."
        )
    features = [name for name in schema.names if name not in {schema.target, *without}]
    unknown = set(without) - set(schema.names)
    if unknown or not features:
        raise TableError(
            f"The model cannot do without {sorted(without)}: columns of the table are left out, "
            f"and one must remain. The columns are: {', '.join(schema.names)}."
        )
    rows, answers = zip(*(_answered(table, schema, positive) for table in (train, holdout)))
    (known, asked), categorical = feature_matrices(list(rows), schema.select(features))
    decided = np.full(len(asked), answers[0].all())
    if len(np.unique(answers[0])) == 2:
        judge = boosted_trees("classify", categorical, random_state).fit(known, answers[0])
        decided = judge.predict(asked)
    return Decisions(answers[1], decided, groups_of(rows[1], columns), least)


def _answered(table: pd.DataFrame, schema: Schema, positive) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows that have a target, and whether it is yes, bool (n,)."""
    target = schema[schema.target]
    if positive is not None and positive not in target.categories:
        raise TableError(
            f"{positive!r} is no value of {target.name!r}. Its values are: {target.categories}."
        )
    yes = 1 if positive is None else target.categories.index(positive)
    codes = to_codes(table[target.name], target)
    known = codes >= 0
    if not known.any():
        raise TableError(f"No row has a value of the target {target.name!r} that is known.")
    return table[known], codes[known] == yes
