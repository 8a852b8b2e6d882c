"""The truth table of metrics: every metric on tables whose defect is known, seed by seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.runs import Runs, measure_missing, not_of
from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import YEAR, simulated
from utils.results import RESULTS
from utils.schema import Schema
from utils.scoring import METRICS, score
from utils.scoring.defects import Spots, defective_tables
from utils.scoring.literature import LITERATURE, literature_scores
from utils.tables import adult_schema, load_adult, screentime_schema

TRUTH = "truth"
SEEDS = (0, 1, 2, 3, 4)
OTHER = "other fresh rows"  # a second table without a defect: what is said of it is a false alarm
BREAKS = 0.05  # share of rows in which the rule is broken
DEFECTS = 12  # lines of a table and seed
ADULT_PART = 5_000  # rows of each of the four parts
ADULT_RULE = {"a bachelor has 13 years": "education != 'Bachelors' or education_years == 13"}
SOURCE = (
    "tests.benchmarks.truth",
    "utils.scoring.defects",
    "utils.scoring.literature",
    "utils.scoring.metrics",
)
COLUMNS = ["table", "defect", "seed", *METRICS, *LITERATURE, "source"]


@dataclass(frozen=True)
class Case:
    """A table of which there are four parts: seed -> (train, holdout, fresh, other fresh rows)."""

    parts: Callable[[int], list[pd.DataFrame]]
    schema: Callable[[pd.DataFrame], Schema]
    spots: Spots


def _years(seed: int) -> list[pd.DataFrame]:
    return [simulated(first)(seed) for first in (4_000, 4_100, 4_200, 4_300)]


def _quarters(seed: int) -> list[pd.DataFrame]:
    rows = load_adult().drop(columns="part").sample(4 * ADULT_PART, random_state=seed)
    return [
        rows.iloc[part * ADULT_PART : (part + 1) * ADULT_PART].reset_index(drop=True)
        for part in range(4)
    ]


def unopened_minutes(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Screen time with minutes but no opening in a twentieth of the rows."""
    broken = (rng.random(len(table)) < BREAKS) & (table["Usage"] > 0)
    return table.assign(**{"Times opened": table["Times opened"].mask(broken, 0)})


def half_bachelors(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Adult with nine years of education for so many bachelors as are a twentieth of the rows."""
    bachelors = table["education"] == "Bachelors"
    broken = bachelors & (rng.random(len(table)) < BREAKS / bachelors.mean())
    return table.assign(education_years=table["education_years"].mask(broken, 9))


CASES = {
    YEAR: Case(
        _years,
        screentime_schema,
        Spots(
            group=lambda table: table["App"] == "WhatsApp",
            rare=lambda table: table["Times opened"] == 0,
            missing="Notifications",
            broken=unopened_minutes,
        ),
    ),
    "Adult": Case(
        _quarters,
        lambda table: replace(adult_schema(table), rules=ADULT_RULE),
        Spots(
            group=lambda table: table["sex"] == "Female",
            rare=lambda table: table["marital_status"] == "Widowed",
            missing="hours_per_week",
            broken=half_bachelors,
        ),
    ),
}


@cache
def source(name: str) -> str:
    """Fingerprint of the code that makes defects and scores, and of a table's rows."""
    rows = "".join(part.to_csv(index=False) for part in CASES[name].parts(SEEDS[0]))
    return fingerprint(SOURCE, [hashlib.sha256(rows.encode()).hexdigest()])


def measure_truth(jobs: int = 1, folder: Path = RESULTS) -> pd.DataFrame:
    """Measure what is not stored yet; returns all runs. Rows of older code are forgotten first."""
    runs = Runs(folder / f"{TRUTH}.csv", COLUMNS, ["table", "defect", "seed"])
    tasks = [(name, seed) for seed in SEEDS for name in CASES]
    by = ["table", "seed"]
    return measure_missing(runs, measure, tasks, outdated, jobs, by, lambda *task: DEFECTS)


def measure(name: str, seed: int) -> list[dict]:
    """The lines of a table and seed, one a defect."""
    case = CASES[name]
    train, holdout, fresh, other = case.parts(seed)
    schema = case.schema(pd.concat([train, holdout, fresh, other]))
    tables = defective_tables(train, fresh, schema, case.spots, seed) | {OTHER: other}
    lines = []
    for defect, rows in tables.items():
        asked = (train, holdout, rows, schema, seed)
        scores = score(*asked).to_dict() | literature_scores(*asked).to_dict()
        scores = {metric: round(value, 4) for metric, value in scores.items()}
        lines.append(
            {"table": name, "defect": defect, "seed": seed, **scores, "source": source(name)}
        )
    return lines


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which rows are of older code, or of a table that is no more."""
    return not_of(lambda name: source(name) if name in CASES else None, table, ["table"])
