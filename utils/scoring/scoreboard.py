"""The scoreboard: generators side by side on one table, between yardsticks."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm import tqdm

from utils.plots import scoreboard_picture
from utils.results import COPY, FRESH, SHUFFLED
from utils.schema import Schema, TableError
from utils.scoring.judge import check_tables
from utils.scoring.metrics import METRICS, Metric, score
from utils.scoring.page import scoreboard_html
from utils.scoring.utility import trtr, utility_measure
from utils.scoring.yardsticks import shuffle_columns

MIME_TYPE = "application/vnd.course.scoreboard+json"
HALF = "half of the holdout (real)"

MEASURES = {"auc": "the area under the ROC curve", "accuracy": "the accuracy", "R2": "R squared"}


class Scoreboard:
    """Generators side by side on one table, between yardsticks.

    Yardsticks, computed when first needed: fresh real rows (the ceiling), shuffled columns (the
    floor for all but shape), and a copy of the training rows (the floor for privacy; its TSTR is
    TRTR, train on real, test on real). Without a source of fresh rows the ceiling is one half of
    the holdout judged against the other; its TSTR is TRTR too, learned from as many rows as a
    generator gives and tested on the whole holdout, so that all rows of the board can be compared.

    Parameters
    ----------
    train, holdout : DataFrames; generators see train only.
    schema : Schema; inferred from train if not given (without a target, then).
    seeds : each generator is fitted, sampled and judged once a seed.
    fresh : callable ``fresh(n, seed)`` that returns n new real rows, where the process is known.
    lesson, table : names for the machine-readable output.

    Attributes
    ----------
    seconds_ : name -> {"fit": [...], "sample": [...]}, one entry a seed; never displayed.
    synthetic_ : name -> the table sampled with the first seed, for pictures.
    """

    def __init__(
        self,
        train: pd.DataFrame,
        holdout: pd.DataFrame,
        schema: Schema | None = None,
        seeds: tuple[int, ...] = (0, 1, 2),
        fresh: Callable | None = None,
        lesson: str = "",
        table: str = "",
    ):
        self.train, self.holdout = train, holdout
        self.schema = Schema.infer(train) if schema is None else schema
        self.seeds, self.fresh, self.lesson, self.table_name = tuple(seeds), fresh, lesson, table
        self.seconds_: dict[str, dict[str, list[float]]] = {}
        self.synthetic_: dict[str, pd.DataFrame] = {}
        self._scores: dict[str, list[pd.Series]] = {}
        self._yardsticks: dict[str, list[pd.Series]] = {}
        check_tables(self.schema, train=train, holdout=holdout)
        if not self.seeds:
            raise ValueError("Scoreboard needs at least one seed, such as seeds=(0, 1, 2).")

    def add(self, name: str, source, progress: bool = False) -> Scoreboard:
        """Fit, sample as many rows as train has, and score, once a seed; a name that is there is
        replaced.

        source : a synthesizer (cloned, so it stays as it is), or a callable ``source(n, seed)`` ->
            DataFrame.
        progress : show a bar (on standard error).
        """
        self.seconds_[name] = {"fit": [], "sample": []}
        scores = [
            score(self.train, self.holdout, self._sample(name, source, seed), self.schema, seed)
            for seed in tqdm(self.seeds, desc=name, disable=not progress)
        ]
        return self.add_scores(name, scores)

    def add_scores(self, name: str, scores: list[pd.Series]) -> Scoreboard:
        """Add results of :func:`score` that were computed elsewhere, one Series a seed."""
        if name in (FRESH, HALF, SHUFFLED, COPY):
            raise ValueError(
                f"{name!r} is the name of a yardstick. Give the generator another name."
            )
        self._scores[name] = list(scores)
        return self

    def _sample(self, name: str, source, seed: int) -> pd.DataFrame:
        start = perf_counter()
        if hasattr(source, "fit"):
            model = clone(source).set_params(random_state=seed).fit(self.train, schema=self.schema)
            fitted = perf_counter()
            synthetic = model.sample(len(self.train))
        else:
            fitted, synthetic = start, source(len(self.train), seed)
        self.seconds_[name]["fit"].append(fitted - start)
        self.seconds_[name]["sample"].append(perf_counter() - fitted)
        if seed == self.seeds[0]:
            self.synthetic_[name] = synthetic
        return synthetic

    def yardsticks(self) -> dict[str, list[pd.Series]]:
        """Name -> scores of each yardstick, one Series a seed (the copy knows no chance: one in
        all)."""
        if not self._yardsticks:
            ceiling = (
                {HALF: [self._score_half(seed) for seed in self.seeds]}
                if self.fresh is None
                else {
                    FRESH: [
                        self._score(self.fresh(len(self.train), seed), seed) for seed in self.seeds
                    ]
                }
            )
            self._yardsticks = ceiling | {
                SHUFFLED: [
                    self._score(shuffle_columns(self.train, seed), seed) for seed in self.seeds
                ],
                COPY: [self._score(self.train, self.seeds[0])],
            }
        return self._yardsticks

    def _score(self, synthetic: pd.DataFrame, seed: int) -> pd.Series:
        return score(self.train, self.holdout, synthetic, self.schema, seed)

    def _score_half(self, seed: int) -> pd.Series:
        if len(self.holdout) < 2:
            raise TableError(
                "The holdout has a single row, which cannot be halved. Hold out more rows."
            )
        order = np.random.default_rng(seed).permutation(len(self.holdout))
        half, other = (self.holdout.iloc[rows] for rows in np.array_split(order, 2))
        result = score(self.train, half, other, self.schema, seed)
        result["tstr"] = trtr(self.train, self.holdout, self.schema, seed)
        return result

    def rows(self) -> dict[str, list[pd.Series]]:
        """Name -> scores of all rows, yardsticks first."""
        return self.yardsticks() | self._scores

    def means(self) -> pd.DataFrame:
        """Mean over the seeds: float64, one row a name, one column a metric of :data:`METRICS`; NaN
        where one seed has no value."""
        return self._over_seeds("mean")

    def spreads(self) -> pd.DataFrame:
        """Sample standard deviation (n - 1) over the seeds, like :meth:`means`; NaN if there is one
        seed."""
        return self._over_seeds("std")

    def _over_seeds(self, summary: str) -> pd.DataFrame:
        rows = {name: pd.DataFrame(scores) for name, scores in self.rows().items()}
        return pd.DataFrame(
            {name: getattr(scores, summary)(skipna=False) for name, scores in rows.items()}
        ).T

    def table(self) -> pd.DataFrame:
        """Text for a reader: "0.931 ± 0.012", one row a name (yardsticks first), one column a
        metric."""
        means, spreads = self.means(), self.spreads()
        return pd.DataFrame(
            {
                name: [_cell(metric, *pair) for pair in zip(means[name], spreads[name])]
                for name, metric in METRICS.items()
            },
            index=means.index,
        )

    @property
    def caption(self) -> str:
        """What stands under the table: how to read the spread and TSTR."""
        spread = (
            f"± standard deviation over {len(self.seeds)} seeds. " if len(self.seeds) > 1 else ""
        )
        measure = utility_measure(self.schema)
        useful = (
            "No TSTR, because the schema names no target."
            if measure is None
            else (
                f"TSTR is {MEASURES[measure]} for {self.schema.target}; TRTR is that of the copy"
                f"{' and of the half' if self.fresh is None else ''}."
            )
        )
        return spread + useful

    def picture(self, title: str | None = None):
        """The scoreboard as a matplotlib Figure, one panel a metric."""
        return scoreboard_picture(
            self.means(),
            self.spreads(),
            METRICS,
            yardsticks=list(self.yardsticks()),
            title=title or "Each generator between its yardsticks",
        )

    def to_dict(self) -> dict:
        """Plain data for JSON, numbers rounded to four digits, None for missing ones."""
        means, spreads = self.means(), self.spreads()
        rows = [
            {
                "name": name,
                "kind": "yardstick" if name in self.yardsticks() else "generator",
                "metrics": {
                    metric: {
                        "mean": _plain(means.at[name, metric]),
                        "spread": _plain(spreads.at[name, metric]),
                    }
                    for metric in METRICS
                },
            }
            for name in means.index
        ]
        return {
            "table": self.table_name,
            "lesson": self.lesson,
            "columns": list(METRICS),
            "rows": rows,
        }

    def __repr__(self) -> str:
        table = self.table()
        table.columns = pd.MultiIndex.from_tuples(
            [(m.question, m.label, m.goal) for m in METRICS.values()]
        )
        return f"{table.to_string()}\n{self.caption}"

    def _repr_html_(self) -> str:
        return scoreboard_html(self.table(), METRICS, len(self.yardsticks()), self.caption)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            MIME_TYPE: self.to_dict(),
        }


def _cell(metric: Metric, mean: float, spread: float) -> str:
    return metric.format(mean) + ("" if np.isnan(spread) else f" ± {metric.format(spread)}")


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
