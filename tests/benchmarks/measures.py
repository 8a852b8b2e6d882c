"""The measurements: each function gives a group of figures; ``@group`` lets it join."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from tests.benchmarks.figures import Figure
from tests.benchmarks.language_task import killed_figures, task_figures
from tests.benchmarks.loop import textbook_against_in_graph
from tests.benchmarks.private_step import seconds_a_step
from tests.benchmarks.tables import DAYS, YEAR
from utils.attacks import (
    Evidence,
    attribute_inference,
    calibrated_distance_belief,
    density_ratio_belief,
    distance_belief,
    linkability,
    privacy_report,
    shadow_belief,
    singling_out,
)
from utils.course.places import results_folder
from utils.course.run import recorded
from utils.results import load_results, race_table
from utils.schema import Schema
from utils.scoring import Scoreboard
from utils.synthesizers import MixtureSynthesizer, Synthesizer, TreeSynthesizer
from utils.tables import adult_schema, load_adult, load_screentime, screentime_schema, split

# What the course promises: table, method, {column of the race: bound}.
BOUNDS = {
    YEAR: {
        "mixture": {"c2st": 0.54},
        "gan": {"c2st": 0.58, "tstr": 0.71, "fit_seconds": 45},
        "vae": {"c2st": 0.56, "tstr": 0.71, "fit_seconds": 30},
        "diffusion": {"c2st": 0.55, "tstr": 0.71, "fit_seconds": 30},
        "autoregressive": {"c2st": 0.55, "tstr": 0.71, "fit_seconds": 30},
    },
    DAYS: {
        "mixture": {"c2st_above": 0.04, "tstr_share": 0.93, "membership_auc": 0.58},
        "trees": {"c2st_above": 0.06, "tstr_share": 0.93, "membership_auc": 0.60},
        "gan": {"c2st_above": 0.08, "tstr_share": 0.90, "membership_auc": 0.58, "fit_seconds": 10},
        "vae": {"c2st_above": 0.06, "tstr_share": 0.90, "membership_auc": 0.58, "fit_seconds": 10},
        "diffusion": {
            "c2st_above": 0.04,
            "tstr_share": 0.93,
            "membership_auc": 0.58,
            "fit_seconds": 10,
        },
        "autoregressive": {
            "c2st_above": 0.05,
            "tstr_share": 0.93,
            "membership_auc": 0.58,
            "fit_seconds": 10,
        },
    },
    "Adult": {
        "mixture": {"published": 0.80, "tstr": 0.910, "fit_seconds": 15},
        "trees": {"published": 0.99, "tstr": 0.915, "copies": 0.01, "fit_seconds": 10},
        "gan": {"published": 0.86, "tstr": 0.900, "fit_seconds": 600},
        "vae": {"published": 0.86, "tstr": 0.905, "fit_seconds": 600},
        "diffusion": {"published": 0.98, "tstr": 0.913, "fit_seconds": 600},
        "autoregressive": {"published": 0.99, "tstr": 0.920, "fit_seconds": 60},
    },
    "flights": {
        "mixture": {"c2st": 0.72},
        "trees": {"c2st": 0.58},
        "gan": {"c2st": 0.75},
        "vae": {"c2st": 0.75},
        "diffusion": {"c2st": 0.57},
        "autoregressive": {"c2st": 0.57},
    },
}
# column: how it is called, its unit, whether more is better
COLUMNS = {
    "c2st": ("C2ST", "AUC", False),
    "c2st_above": ("C2ST above fresh", "AUC", False),
    "tstr": ("TSTR", "AUC or accuracy", True),
    "tstr_share": ("TSTR share", "ratio", True),
    "published": ("published judge", "score", True),
    "membership_auc": ("membership", "AUC", False),
    "copies": ("copies", "share", False),
    "fit_seconds": ("fit", "s", False),
}
ALWAYS = ("c2st", "tstr", "fit_seconds")
MILLION, QUARTER = 1_000_000, 250_000
MEGABYTE = 1e6

GROUPS: dict[str, Callable[[], list[Figure]]] = {}


def group(measure: Callable[[], list[Figure]]) -> Callable[[], list[Figure]]:
    """Register a measurement under the name of its function."""
    GROUPS[measure.__name__] = measure
    return measure


def seconds_of(action: Callable) -> tuple[float, object]:
    """Wall seconds that an action takes, and its result."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def cpu_seconds_of(action: Callable) -> float:
    """Seconds of work that an action takes, of all threads; other programs do not stretch them."""
    start = time.process_time()
    action()
    return time.process_time() - start


# --- quality and time of the methods ---


@group
def quality() -> list[Figure]:
    """What the race measured at the methods' defaults (means), beside what the course promises."""
    tables = load_results("race", results_folder())["table"].unique()
    return [figure for table in tables for figure in _table_quality(table, results_folder())]


def _table_quality(table: str, folder: Path) -> list[Figure]:
    means, bounds = race_table(table, folder), BOUNDS[table]
    return [
        _quality(f"{table}, {method}", column, means.at[method, column], bound)
        for method in means.index
        for column, bound in (dict.fromkeys(ALWAYS) | bounds.get(method, {})).items()
        if column in bounds.get(method, {}) or not np.isnan(means.at[method, column])
    ]


def _quality(name: str, column: str, value: float, bound: float | None) -> Figure:
    called, unit, more_is_better = COLUMNS[column]
    limit = {"at_least" if more_is_better else "at_most": bound}
    return Figure(f"{name}: {called}", None if np.isnan(value) else value, unit, **limit)


@group
def language() -> list[Figure]:
    """Two hundred rows by the local language model; a server that is killed while it writes."""
    return task_figures() + killed_figures()


# --- sampling ---


@group
def sampling() -> list[Figure]:
    """A million rows from the mixture: seconds, and memory beyond the rows themselves."""
    screen = load_screentime()
    people = load_adult("train")
    return [
        *_sampling(
            "screen time", MixtureSynthesizer().fit(screen, schema=screentime_schema(screen))
        ),
        *_sampling("Adult", MixtureSynthesizer().fit(people, schema=adult_schema(people))),
    ]


def _sampling(name: str, model: Synthesizer) -> list[Figure]:
    seconds, _ = seconds_of(lambda: model.sample(MILLION))
    quarter, million = (_peak_of_chunks(model, rows) for rows in (QUARTER, MILLION))
    return [
        Figure(f"{name}: sample(1,000,000)", seconds, "s", at_most=5),
        Figure(
            f"{name}: memory beyond the result of sample(1,000,000)", _beyond_result(model), "MB"
        ),
        Figure(f"{name}: memory of 250,000 rows in chunks", quarter / MEGABYTE, "MB"),
        Figure(f"{name}: memory of 1,000,000 rows in chunks", million / MEGABYTE, "MB"),
        Figure(
            f"{name}: four times the rows, times the memory",
            million / quarter,
            "ratio",
            at_most=1.1,
        ),
    ]


def _peak_of_chunks(model: Synthesizer, rows: int) -> int:
    """Most bytes held while the rows come and go in chunks."""
    tracemalloc.start()
    for _ in model.sample_chunks(rows):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _beyond_result(model: Synthesizer) -> float:
    """Megabytes held at the peak of sample(1,000,000) beyond the table that it returns."""
    tracemalloc.start()
    table = model.sample(MILLION)
    result, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del table
    return (peak - result) / MEGABYTE


# --- training ---


@group
def training_loop() -> list[Figure]:
    """A step of a GAN in the textbook's loop and in-graph: milliseconds, times faster."""
    textbook, in_graph = textbook_against_in_graph()
    return [
        Figure("textbook loop (predict, three train_on_batch): a step", 1_000 * textbook, "ms"),
        Figure("in-graph loop: a step", 1_000 * in_graph, "ms"),
        Figure("in-graph loop, times faster", textbook / in_graph, "ratio", at_least=12),
    ]


@group
def private_training() -> list[Figure]:
    """A step of two networks on screen time without and with privacy: how many times slower."""
    return [*_steps("VAE", "vae"), *_steps("autoregressive", "autoregressive")]


def _steps(called: str, method: str) -> list[Figure]:
    seconds = seconds_a_step(method)
    plain, parts = seconds["plain"], "private, by linear parts"
    vectorised = "private, by vectorised gradients"
    return [
        Figure(f"{called}, plain: a step", 1_000 * plain, "ms"),
        Figure(f"{called}, {parts}: a step", 1_000 * seconds["parts"], "ms"),
        Figure(f"{called}, {parts}, times slower", seconds["parts"] / plain, "ratio", 4),
        Figure(f"{called}, {vectorised}: a step", 1_000 * seconds["vectorised"], "ms"),
        Figure(f"{called}, {vectorised}, times slower", seconds["vectorised"] / plain, "ratio"),
    ]


# --- scoreboard and lessons ---


@group
def scoreboard() -> list[Figure]:
    """The whole scoreboard of one method, yardsticks and picture: screen time with three seeds by
    the clock, Adult with one in seconds of work."""
    train, holdout = split(load_screentime().drop(columns="Date"))
    seconds, _ = seconds_of(_board(train, holdout, screentime_schema(train), seeds=(0, 1, 2)))
    people, others = load_adult("train"), load_adult("test")
    work = cpu_seconds_of(_board(people, others, adult_schema(people), seeds=(0,)))
    return [
        Figure("mixture with yardsticks and picture, 3 seeds", seconds, "s", at_most=20),
        Figure("Adult: mixture with yardsticks and picture", work, "CPU s", at_most=60),
    ]


def _board(train, holdout, schema, seeds) -> Callable:
    board = Scoreboard(train, holdout, schema, seeds=seeds)
    return lambda: board.add("mixture", MixtureSynthesizer()).picture()


@group
def attacks() -> list[Figure]:
    """Every attack of utils.attacks, and its report, on trees that learned screen time."""
    train, holdout = split(load_screentime().drop(columns="Date"))
    work = cpu_seconds_of(lambda: attack_suite(train, holdout, screentime_schema(train)))
    return [Figure("screen time: all attacks on trees, with the report", work, "CPU s", 120)]


def attack_suite(train: pd.DataFrame, holdout: pd.DataFrame, schema: Schema) -> dict[str, object]:
    """Attack -> what it found on rows of trees: membership in four ways with intervals, each
    column guessed, the halves of the columns linked, persons singled out, the report of it all.

    One half of the holdout is what the attacker knows, the other the non-members.
    """
    model = TreeSynthesizer(random_state=0)
    rows = clone(model).fit(train, schema=schema).sample(len(train))
    middle, asked = len(holdout) // 2, (train, holdout, rows, schema)
    known, others = holdout.iloc[:middle], holdout.iloc[middle:]
    records = pd.concat([train, others], ignore_index=True)
    beliefs = {
        "distance": distance_belief(records, rows, schema),
        "calibrated distance": calibrated_distance_belief(records, rows, known, schema),
        "density ratio": density_ratio_belief(records, rows, known, schema),
        "shadow models": shadow_belief(records, rows, Schema.infer(records), model),
    }
    member, half = np.arange(len(records)) < len(train), len(schema.names) // 2
    found = {name: Evidence(belief, member).auc_interval() for name, belief in beliefs.items()}
    found |= {f"guessing {name}": attribute_inference(*asked, name) for name in schema.names}
    found["linking"] = linkability(*asked, (schema.names[:half], schema.names[half:]))
    found["singling out"] = singling_out(*asked)
    return found | {"report": privacy_report(*asked)}


@group
def lessons() -> list[Figure]:
    """Seconds and memory of each lesson in the last recorded run (``make readme`` records one)."""
    runs = recorded(results_folder())
    if not runs:
        return _lesson("any lesson", None, None)
    return [
        figure
        for name, run in runs.items()
        for figure in _lesson(name, float(run["seconds"]), float(run["memory_mb"]))
    ]


def _lesson(name: str, seconds: float | None, megabytes: float | None) -> list[Figure]:
    return [
        Figure(f"{name}: run", seconds, "s", at_most=180),
        Figure(f"{name}: memory", megabytes, "MB", at_most=1300),
    ]
