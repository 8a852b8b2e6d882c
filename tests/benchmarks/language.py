"""A language model's rows on one board with every generator, and what it has read before.

The board is screen time in small: 200 rows to learn from, 200 rows of each method, one judge. Lines
of the local model only: a service would be asked, and paid, again at every change of the code.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.control import Control
from tests.benchmarks.runs import Runs, measure_missing
from tests.benchmarks.source import fingerprint
from utils.attacks.contamination import completed_rightly
from utils.language_model import LOCAL, open_language_model
from utils.results import CONTROL, RESULTS
from utils.schema import Schema
from utils.scoring import score
from utils.synthesizers import SYNTHESIZERS, LanguageModelSynthesizer, TreeSynthesizer
from utils.tables import load_adult, load_screentime, screentime_schema, split

LANGUAGE = "language"
BOARD, CONTAMINATION = "board", "contamination"
SEEDS = (0, 1, 2)
ROWS = 200
HYBRID, WHOLE = "language model, app by code", "language model, all cells"
MANY = "language model, 40 rows shown"
OPTIONS = {HYBRID: {}, WHOLE: {"by_code": []}, MANY: {"shown": 40}}
ASKED = 60  # rows that are completed, a line
KNOWN = ["age", "education", "relationship", "sex", "hours_per_week", "country"]
REAL, NEW, SHUFFLED, SHOWN = "real rows", "new rows of trees", "shuffled rows", "shown before"
COMPLETIONS = [
    ("final_weight", REAL),
    ("final_weight", NEW),
    ("final_weight", SHOWN),
    ("sex", REAL),
    ("sex", NEW),
    ("sex", SHUFFLED),
]
JUDGES = ("utils.scoring.metrics",)
ASKING = ("utils.attacks.contamination", "utils.synthesizers.trees")
MODEL_CODE = "utils.synthesizers.language_model"
COLUMNS = ["experiment", "line", "seed", "figure", "value", "source"]


def lines() -> dict[str, tuple[str, ...]]:
    """Line of the board -> the modules whose code makes its rows."""
    course = {
        name: (kind.__module__,)
        for name, kind in sorted(SYNTHESIZERS.items())
        if kind is not LanguageModelSynthesizer
    }
    control = {CONTROL: ("tests.benchmarks.control",)}
    return control | course | dict.fromkeys(OPTIONS, (MODEL_CODE,))


@cache
def source(experiment: str, line: str) -> str:
    """Fingerprint of the code and the rows behind a line; of the language model, which one it
    is."""
    if experiment == CONTAMINATION:
        return fingerprint(ASKING, [LOCAL, str(ASKED), *KNOWN])
    code = lines()[line]
    rows = small_screentime()[0].to_csv(index=False)
    return fingerprint([*JUDGES, *code], [rows, *([LOCAL] if MODEL_CODE in code else [])])


def small_screentime() -> tuple[pd.DataFrame, pd.DataFrame, Schema]:
    """(train, holdout, schema) of the board: the first rows of the lessons' training part."""
    train, holdout = split(load_screentime().drop(columns="Date"), random_state=0)
    train = train[:ROWS]
    return train, holdout, screentime_schema(train)


def board_line(line: str, seed: int) -> dict[str, float]:
    """Scores of a line and what the language model was asked, paid and dropped."""
    train, holdout, schema = small_screentime()
    options, report = {"random_state": seed} | OPTIONS.get(line, {}), {}
    if line == CONTROL:
        rows = Control(seed).fit(train, schema).sample(ROWS)
    else:
        name = "language_model" if line in OPTIONS else line
        model = SYNTHESIZERS[name](**options).fit(train, schema=schema)
        rows = model.sample(ROWS)
        if name == "language_model":
            report = {
                "tokens_read": model.report.read,
                "tokens_written": model.report.written,
                "refused": model.report.refused.total(),
                "copies_dropped": model.report.copies,
                "repeated": model.report.duplicates,
            }
    return score(train, holdout, rows, schema, seed).to_dict() | report


def completions(line: str, seed: int) -> dict[str, float]:
    """Share of Adult rows that the model completes with their own value."""
    column, kind = line.split(" of ", 1)
    names = [*KNOWN, *({column} - set(KNOWN))]
    people = load_adult("train").sample(2_000, random_state=seed)[names].dropna()
    rng = np.random.default_rng(seed)
    if kind == NEW:
        people = TreeSynthesizer(random_state=seed).fit(people).sample(len(people))
    if kind == SHUFFLED:
        people = people.apply(lambda cells: rng.permutation(cells.to_numpy()))
    values = people[column].to_numpy()
    wrong = rng.permutation(values)
    asked = np.flatnonzero(wrong != values)[:ASKED]
    rows = people.iloc[asked]
    shown = rows if kind == SHOWN else None
    right = completed_rightly(open_language_model(), rows, column, wrong[asked], shown)
    return {"rows": len(right), "right": int(right.sum())}


def tasks() -> list[tuple]:
    """(experiment, line, seed), the quick ones first."""
    board = [(BOARD, line, seed) for line in lines() for seed in SEEDS]
    return [*[(CONTAMINATION, f"{a} of {b}", 0) for a, b in COMPLETIONS], *board]


def measure(experiment: str, line: str, seed: int) -> list[dict]:
    """One row a figure of a line and seed."""
    figures = {BOARD: board_line, CONTAMINATION: completions}[experiment](line, seed)
    return [
        dict(
            zip(COLUMNS, [experiment, line, seed, name, round(value, 4), source(experiment, line)])
        )
        for name, value in figures.items()
    ]


def measure_language(jobs: int = 1, folder: Path = RESULTS) -> pd.DataFrame:
    """Measure what is not stored yet; returns all figures. Those of older code are forgotten."""
    runs = Runs(folder / f"{LANGUAGE}.csv", COLUMNS, COLUMNS[:4])
    return measure_missing(runs, measure, tasks(), outdated, jobs, by=COLUMNS[:3])


def outdated(table: pd.DataFrame) -> pd.Series:
    """Which figures are of older code, or of a line that is no more."""
    known = {task[:2] for task in tasks()}
    keys = table[COLUMNS[:2]].itertuples(index=False, name=None)
    current = [key in known and code == source(*key) for key, code in zip(keys, table["source"])]
    return ~pd.Series(current, index=table.index, dtype=bool)
