"""Where a gap comes from: from the data, the generator, its privacy noise, or the luck of one
table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from utils.fairness.decisions import Decisions
from utils.fairness.intervals import LEVEL, check_same_rows, found_gap, gap_of, resampled

DATA, GENERATOR, NOISE, SAMPLING = "data", "generator", "privacy noise", "sampling"
ROUNDING = 1e-9


@dataclass(frozen=True)
class Ledger:
    """The parts of a gap, which add up to the whole.

    parts : one row a cause: ``part``, and its interval ``low`` to ``high``.  whole : the gap of the
    model that learned from the published table.  gap : its name.

    Raises ValueError where the parts do not add up.
    """

    parts: pd.DataFrame
    whole: float
    gap: str

    def __post_init__(self):
        total = self.parts["part"].sum()
        if not abs(total - self.whole) < ROUNDING:
            raise ValueError(f"The parts add up to {total}, not to the whole, {self.whole}.")

    def __repr__(self) -> str:
        lines = [f"{self.gap}: {self.whole:.3f}", self.parts.round(3).to_string()]
        return "\n".join(lines)


def ledger(
    real: Decisions,
    fits: Sequence[Decisions],
    private: Sequence[Decisions] = (),
    published: int = 0,
    gap: str = "equalized odds difference",
    level: float = LEVEL,
    random_state: int = 0,
) -> Ledger:
    """Split the gap of a model that learned from a published synthetic table.

    Four causes, each the step from one model's gap to the next one's:

    - data : the gap of the model that learned from the real rows.
    - generator : the mean over tables of the generator without noise, less that.
    - privacy noise : the mean over tables of the private generator, less the mean without noise; 0
      without a private one.
    - sampling : the published table, less the mean over tables like it.

    So the order of the causes is fixed by what each needs: the generator learns from data, noise is
    added to the generator, a table is drawn from both. "Data" holds what the judging model adds,
    too, and a mean of gaps holds what luck adds to a largest difference.

    real : decisions of the model that learned from the training rows.  fits, private : decisions of
    models that learned from tables of the generator, one a seed.  published : which of ``private``,
    or of ``fits`` without private ones, is the published table.  All about the same holdout rows.

    The intervals are normal. Their variance is that of bootstrap samples of the holdout, the same
    people for all models, plus that of the means over the tables, taken from their spread; three
    tables are few for a spread.

    Raises ValueError for decisions about other rows, and fewer than two tables of a kind.
    """
    kinds = [[real], list(fits), list(private)]
    if len(kinds[1]) < 2 or len(kinds[2]) == 1:
        raise ValueError(
            f"A mean over tables needs two of a kind; there are {len(fits)} without noise and "
            f"{len(private)} private ones. Fit the generator with more seeds."
        )
    models = [model for kind in kinds for model in kind]
    for model in models:
        check_same_rows(real, model)
    found = np.array([found_gap(model, gap) for model in models])
    groups = np.flatnonzero(np.isin(real.names, real.compared(gap)))
    draws = resampled(models, random_state)
    drawn = np.column_stack([gap_of(draws[:, one], groups, gap) for one in range(len(models))])
    kind_of = np.repeat(range(3), [len(kind) for kind in kinds])
    last = 2 if len(private) else 1
    whole = np.flatnonzero(kind_of == last)[published]
    part = _parts(found[None], kind_of, whole)[0]
    variance = _parts(drawn, kind_of, whole).var(axis=0, ddof=1) + _of_tables(found, kind_of)
    reach = norm.ppf((1 + level) / 2) * np.sqrt(variance)
    table = pd.DataFrame(
        {"part": part, "low": part - reach, "high": part + reach},
        index=pd.Index([DATA, GENERATOR, NOISE, SAMPLING], name="cause"),
    )
    return Ledger(table, found[whole], gap)


def _parts(gaps: np.ndarray, kind_of: np.ndarray, whole: int) -> np.ndarray:
    """The four parts of each sample of gaps (samples, models), float64 (samples, 4)."""
    real, fits = (gaps[:, kind_of == kind].mean(axis=1) for kind in (0, 1))
    private = gaps[:, kind_of == 2].mean(axis=1) if (kind_of == 2).any() else fits
    return np.column_stack([real, fits - real, private - fits, gaps[:, whole] - private])


def _of_tables(found: np.ndarray, kind_of: np.ndarray) -> np.ndarray:
    """What the luck of the tables adds to the variance of the four parts, float64 (4,)."""
    means = [
        values.var(ddof=1) / len(values) if len(values := found[kind_of == kind]) else 0.0
        for kind in (1, 2)
    ]
    with_noise = (kind_of == 2).any()
    return np.array([0.0, means[0], sum(means) * with_noise, means[int(with_noise)]])
