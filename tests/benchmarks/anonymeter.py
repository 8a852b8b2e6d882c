"""The course's attacks beside those of ``anonymeter`` on the same tables, attack by attack."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.process import judge_elsewhere
from tests.benchmarks.runs import Runs, measure_missing, not_of
from tests.benchmarks.side_by_side import THREADS
from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import YEAR, simulated
from utils.attacks.attribute import attribute_inference
from utils.attacks.linkage import linkability
from utils.attacks.singling_out import singling_out
from utils.course.places import build_folder
from utils.results import COPY, FRESH, RESULTS, SHUFFLED
from utils.schema import Schema
from utils.scoring import shuffle_columns
from utils.synthesizers.mixture import MixtureSynthesizer
from utils.synthesizers.trees import TreeSynthesizer
from utils.tables import adult_schema, load_adult, screentime_schema

ANONYMETER, NUMBERS = "anonymeter", "simulated numbers"
PYTHON = build_folder() / ANONYMETER / "bin" / "python"
MODULE = "tests.benchmarks.peers.attack_anonymeter"
PINS = Path(__file__).parent / "peers" / "requirements_anonymeter.txt"
SEEDS, ROWS = (0, 1, 2), 1_500  # rows in training, in the control and synthetic: all are attacked
CLAIMS = 100  # sentences that single out: so many are found in each table
NOISY, MOVED = "noisy copy", 1e-4  # share by which each number of the copy is off, standard error
CATEGORY, NUMBER, SIGNED = "guessing a category", "guessing a number", "guessing a signed number"
LINKING, SINGLING, ONE_COLUMN = "linking", "singling out", "singling out, one column"
SIDES, TOLD = ("ours", "theirs"), ("hit", "luck", "risk", "low", "high")
KEY = ["table", "synthetic", "seed", "attack"]
COLUMNS = [*KEY, *(f"{side}_{told}" for side in SIDES for told in TOLD), "source"]
SOURCE = (
    "tests.benchmarks.anonymeter",
    MODULE,
    *(f"utils.attacks.{name}" for name in ("attribute", "linkage", "neighbours", "rates")),
    "utils.attacks.singling_out",
    "utils.synthesizers.mixture",
    "utils.synthesizers.trees",
)


@dataclass(frozen=True)
class Case:
    """A table and what is asked of it.

    parts : seed -> rows in training, of the control, and fresh ones, :data:`ROWS` each.
    guesses : {attack: (secret, known columns)}.  halves : the two tables that are to be linked.
    """

    parts: Callable[[int], list[pd.DataFrame]]
    schema: Callable[[pd.DataFrame], Schema]
    guesses: dict[str, tuple[str, list[str]]]
    halves: tuple[list[str], list[str]]
    kinds: tuple[str, ...] = (FRESH, SHUFFLED, "mixture", "trees", COPY)


def _years(seed: int) -> list[pd.DataFrame]:
    years = [simulated(first)(seed) for first in (5_000, 5_100, 5_200)]
    return [year.sample(ROWS, random_state=seed).reset_index(drop=True) for year in years]


def _adults(seed: int) -> list[pd.DataFrame]:
    whole = load_adult().drop(columns="part").dropna()  # a missing word is no category to theirs
    rows = whole.sample(3 * ROWS, random_state=seed)
    return [rows.iloc[i * ROWS : (i + 1) * ROWS].reset_index(drop=True) for i in range(3)]


def _numbers(seed: int) -> list[pd.DataFrame]:
    """Three linked numbers, one of both signs, and a category; no two rows alike."""
    tables, rng = [], np.random.default_rng(5_300 + seed)
    for _ in range(3):
        size = rng.normal(size=ROWS)
        table = {"balance": size, "pay": np.exp(size / 2 + rng.normal(0, 0.5, ROWS))}
        table |= {"age": rng.uniform(18, 80, ROWS), "kind": rng.choice(list("abcdefgh"), ROWS)}
        tables.append(pd.DataFrame(table))
    return tables


CASES = {
    YEAR: Case(
        _years,
        screentime_schema,
        {
            CATEGORY: ("App", ["Usage", "Notifications", "Times opened"]),
            NUMBER: ("Usage", ["App", "Notifications", "Times opened"]),
        },
        (["App", "Usage"], ["Notifications", "Times opened"]),
    ),
    "Adult": Case(
        _adults,
        adult_schema,
        {
            CATEGORY: ("income", ["age", "education", "occupation", "sex", "hours_per_week"]),
            NUMBER: ("hours_per_week", ["age", "education", "occupation", "sex", "income"]),
        },
        (
            ["age", "final_weight", "education", "sex", "race"],
            ["occupation", "relationship", "hours_per_week", "capital_gain", "country"],
        ),
    ),
    NUMBERS: Case(
        _numbers,
        Schema.infer,
        {
            CATEGORY: ("kind", ["age"]),
            NUMBER: ("pay", ["kind", "age"]),
            SIGNED: ("balance", ["kind", "age"]),
        },
        (["kind", "age"], ["pay", "balance"]),
        (FRESH, SHUFFLED, "mixture", "trees", NOISY, COPY),
    ),
}
TASKS = [(name, kind, seed) for seed in SEEDS for name in CASES for kind in CASES[name].kinds]


@cache
def source(name: str) -> str:
    """Fingerprint of the code that makes rows and attacks them, of the pins, and of a table."""
    rows = "".join(part.to_csv(index=False) for part in CASES[name].parts(SEEDS[0]))
    digest = hashlib.sha256(rows.encode()).hexdigest()
    return fingerprint(SOURCE, [digest, PINS.read_text(encoding="utf-8")])


def measure_anonymeter(jobs: int = 1, folder: Path = RESULTS) -> pd.DataFrame:
    """Measure what is not stored yet; returns all runs. Rows of older code are forgotten first."""
    runs = Runs(folder / f"{ANONYMETER}.csv", COLUMNS, KEY)
    return measure_missing(runs, measure, TASKS, outdated, jobs, KEY[:-1], _attacks)


def _attacks(name: str, kind: str, seed: int) -> int:
    """How many lines a task gives, one an attack."""
    return len(CASES[name].guesses) + len((LINKING, SINGLING, ONE_COLUMN))


def measure(name: str, kind: str, seed: int) -> list[dict]:
    """The lines of a table, a kind of synthetic rows and a seed, one an attack."""
    case = CASES[name]
    train, control, fresh = case.parts(seed)
    schema = case.schema(pd.concat([train, control, fresh], ignore_index=True))
    synthetic = _synthetic(kind, train, fresh, schema, seed)
    ours = _ours(case, (train, control, synthetic, schema), seed)
    theirs = judge_elsewhere(PYTHON, MODULE, _request(case, seed), train, synthetic, control)
    lines = []
    for attack, found in ours.items():
        values = [round(float(value), 4) for value in [*found, *theirs[attack]]]
        key = name, kind, seed, attack
        lines.append(dict(zip(COLUMNS, [*key, *values, source(name)])))
    return lines


def _synthetic(kind, train, fresh, schema, seed) -> pd.DataFrame:
    if kind == FRESH:
        return fresh
    if kind == COPY:
        return train
    if kind == SHUFFLED:
        return shuffle_columns(train, seed)
    if kind == NOISY:
        numbers = train.select_dtypes("number")
        noise = np.random.default_rng(seed).normal(1, MOVED, numbers.shape)
        return train.assign(**(numbers * noise))
    model = {"mixture": MixtureSynthesizer, "trees": TreeSynthesizer}[kind]
    return model(random_state=seed).fit(train, schema=schema).sample(len(train))


def _ours(case: Case, asked: tuple, seed: int) -> dict[str, list[float]]:
    risks = {
        attack: attribute_inference(*asked, secret, known)
        for attack, (secret, known) in case.guesses.items()
    }
    risks[LINKING] = linkability(*asked, case.halves)
    found = {attack: _told(risk) for attack, risk in risks.items()}
    for attack, options in {SINGLING: {}, ONE_COLUMN: {"columns": 1}}.items():
        try:
            risk = singling_out(*asked, guesses=CLAIMS, random_state=seed, **options)
            found[attack] = _told(risk)
        except ValueError:  # no sentence fits one synthetic row
            found[attack] = [np.nan] * len(TOLD)
    return found


def _told(risk) -> list[float]:
    return [risk.main.value, risk.control.value, risk.value, *risk.interval()]


def _request(case: Case, seed: int) -> dict:
    guesses = {
        attack: (secret, known, attack != CATEGORY)
        for attack, (secret, known) in case.guesses.items()
    }
    return {
        "guesses": guesses,
        "halves": {LINKING: case.halves},
        "claims": {SINGLING: "multivariate", ONE_COLUMN: "univariate"},
        "most": CLAIMS,
        "seed": seed,
        "threads": THREADS,
    }


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which rows are of older code, or of a table that is no more."""
    return not_of(lambda name: source(name) if name in CASES else None, table, ["table"])
