"""How well an attacker's beliefs tell members from non-members, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm, rankdata
from sklearn.metrics import roc_auc_score

LEVEL = 0.95
REPLICATES, AT_ONCE = 500, 50  # bootstrap samples, and those held at once
ROUNDING = 1e-9  # a share of the non-members may lie so far below a whole number of them
LEAST = 2  # of members and of non-members, for a spread


@dataclass(frozen=True)
class Evidence:
    """Beliefs of a membership attack beside the truth; a unit is a row, or a person.

    belief : float64 (n,), larger where the attacker rather believes that the unit was in training.
    member : bool (n,), whether it was.

    Raises ValueError for beliefs that are not finite or fewer than two units of a kind.
    """

    belief: np.ndarray
    member: np.ndarray

    def __post_init__(self):
        object.__setattr__(self, "belief", np.asarray(self.belief, np.float64))
        object.__setattr__(self, "member", np.asarray(self.member, bool))
        if self.belief.shape != self.member.shape or self.belief.ndim != 1:
            raise ValueError(
                f"Each unit needs one belief and one truth, but there are {self.belief.shape} "
                f"beliefs and {self.member.shape} truths."
            )
        if not np.isfinite(self.belief).all():
            where = int(np.flatnonzero(~np.isfinite(self.belief))[0])
            raise ValueError(f"Belief {where} is {self.belief[where]}, not a finite number.")
        members = int(self.member.sum())
        if min(members, len(self.member) - members) < LEAST:
            raise ValueError(
                f"There are {members} members and {len(self.member) - members} non-members; an "
                f"attack is judged on at least {LEAST} of each."
            )

    @property
    def auc(self) -> float:
        """Chance that a member is believed more than a non-member (a tie counts half); 0.5 is a
        guess."""
        return float(roc_auc_score(self.member, self.belief))

    def auc_interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Confidence interval of the AUC (DeLong et al. 1988), on the scale of its logit.

        Where the groups part without an error there is no spread to go by: then as many pairs as
        the smaller group has units were all ordered rightly, by chance alone.
        """
        auc, tail = self.auc, (1 - level) / 2
        members, others = self.belief[self.member], self.belief[~self.member]
        if auc in (0.0, 1.0):
            edge = tail ** (1 / min(len(members), len(others)))
            return (edge, 1.0) if auc else (0.0, 1 - edge)
        variance = sum(
            part.var(ddof=1) / len(part)
            for part in (_placements(members, others), _placements(others, members))
        )
        reach = norm.ppf(1 - tail) * np.sqrt(variance) / (auc * (1 - auc))
        return float(expit(logit(auc) - reach)), float(expit(logit(auc) + reach))

    def true_positive_rate(self, at: float) -> float:
        """Share of members found where a share ``at`` of non-members is accused, by the ROC curve;
        NaN where so small a share is less than one non-member. ValueError unless 0 < at < 1."""
        if not 0 < at < 1:
            raise ValueError(f"at is a share of the non-members between 0 and 1, not {at!r}.")
        members, others = self.belief[self.member], self.belief[~self.member]
        if at * len(others) < 1 - ROUNDING:
            return np.nan
        return float(_found(members[None], np.sort(others)[None], at)[0])

    def true_positive_rate_interval(
        self, at: float, level: float = LEVEL, random_state: int = 0
    ) -> tuple[float, float]:
        """Confidence interval of :meth:`true_positive_rate`; it holds the rate itself.

        Two things are uncertain. Where the cut lies: the non-members are drawn anew, 500 times, and
        the spread of the share of members beyond the cut is taken. And which members there are: the
        binomial variance of that share. Both on the scale of Agresti and Coull, which pulls a share
        to one half, as Zhou and Qin (2005) do in their bootstrap: a share of 0 or 1 is not certain.
        """
        rate = self.true_positive_rate(at)
        if np.isnan(rate):
            return np.nan, np.nan
        rng, z = np.random.default_rng(random_state), norm.ppf((1 + level) / 2)
        members, others = self.belief[self.member], self.belief[~self.member]
        shares = np.concatenate(
            [
                _found(members[None], np.sort(_drawn(others, rng), axis=1), at)
                for _ in range(REPLICATES // AT_ONCE)
            ]
        )
        pulled = (shares * len(members) + z**2 / 2) / (len(members) + z**2)
        middle = pulled.mean()
        variance = pulled.var(ddof=1) + middle * (1 - middle) / (len(members) + z**2)
        reach = z * np.sqrt(variance)
        return float(min(rate, max(0.0, middle - reach))), float(
            max(rate, min(1.0, middle + reach))
        )

    def most_exposed(self, n: int) -> np.ndarray:
        """Places of the n members whom the attacker believes most, int64 (n,), the first first."""
        places = np.flatnonzero(self.member)
        return places[np.argsort(-self.belief[places], kind="stable")[:n]]


def by_unit(belief: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Beliefs about persons from beliefs about their rows: the mean of each person's.

    belief : float64 (n,).  unit : (n,), whose row it is.
    Returns the persons, sorted, and their beliefs, float64 (persons,).
    """
    persons, codes = np.unique(np.asarray(unit), return_inverse=True)
    return persons, np.bincount(codes, weights=belief) / np.bincount(codes)


def _placements(of: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Share of ``among`` that lies below each value, a tie as a half, float64 (len(of),)."""
    together = rankdata(np.concatenate([of, among]))[: len(of)]
    return (together - rankdata(of)) / len(among)


def _drawn(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """So many samples with replacement, float64 (AT_ONCE, n)."""
    return values[rng.integers(len(values), size=(AT_ONCE, len(values)))]


def _found(members: np.ndarray, others: np.ndarray, at: float) -> np.ndarray:
    """True positive rates at a false positive rate; members (r, n), others sorted (r, m).

    The cut lies at the non-member that is the first too many; of the units that stand exactly at
    the cut, so large a share is accused that the false positive rate is met.
    """
    accused = min(int(at * others.shape[1] + ROUNDING), others.shape[1] - 1)
    cut = others[:, -accused - 1][:, None]
    above, level = (others > cut).mean(axis=1), (others == cut).mean(axis=1)
    part = np.clip((at - above) / level, 0, 1)
    return (members > cut).mean(axis=1) + part * (members == cut).mean(axis=1)
