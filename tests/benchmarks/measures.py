"""The measurements: each function gives a group of figures; ``@group`` lets it join."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.benchmarks.figures import Figure
from tests.benchmarks.loop import textbook_against_in_graph
from utils.course.places import results_folder
from utils.course.run import recorded
from utils.results import load_results, race_table
from utils.scoring import Scoreboard
from utils.synthesizers import MixtureSynthesizer, Synthesizer
from utils.tables import adult_schema, load_adult, load_screentime, screentime_schema, split

# C2ST at most, TSTR at least, seconds to fit at most
BOUNDS = {
    "screen time": {
        "mixture": (0.54, None, None),
        "gan": (0.58, 0.71, 45),
        "vae": (0.56, 0.71, 30),
        "diffusion": (0.55, 0.71, 30),
        "autoregressive": (0.55, 0.71, 30),
    },
    "Adult": {
        "mixture": (0.600, 0.910, 15),
        "trees": (0.52, 0.915, 10),
        "gan": (0.70, 0.900, 600),
        "vae": (0.65, 0.905, 600),
        "diffusion": (0.58, 0.913, 600),
        "autoregressive": (0.52, 0.920, 60),
    },
    "screen time, 25 days": {},
    "flights": {},
}
NO_BOUNDS = (None, None, None)
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


# --- quality and time of the methods ---


@group
def quality() -> list[Figure]:
    """What the race measured at the methods' defaults (means), beside what the course promises."""
    tables = load_results("race", results_folder())["table"].unique()
    return [figure for table in tables for figure in _table_quality(table, results_folder())]


def _table_quality(table: str, folder: Path) -> list[Figure]:
    means, bounds = race_table(table, folder), BOUNDS[table]
    return [
        figure
        for method in means.index
        for figure in _method_quality(
            f"{table}, {method}", means.loc[method], bounds.get(method, NO_BOUNDS)
        )
    ]


def _method_quality(name: str, means: pd.Series, bounds: tuple) -> list[Figure]:
    c2st_bound, tstr_bound, seconds_bound = bounds
    figures = [
        Figure(f"{name}: C2ST", means["c2st"], "AUC", at_most=c2st_bound),
        Figure(f"{name}: TSTR", means["tstr"], "AUC or accuracy", at_least=tstr_bound),
    ]
    if means["kind"] != "yardstick":
        figures.append(Figure(f"{name}: fit", means["fit_seconds"], "s", at_most=seconds_bound))
    return figures


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


# --- scoreboard and lessons ---


@group
def scoreboard() -> list[Figure]:
    """The whole scoreboard of one method on screen time: three seeds, yardsticks, picture."""
    train, holdout = split(load_screentime().drop(columns="Date"))
    board = Scoreboard(train, holdout, screentime_schema(train), seeds=(0, 1, 2))

    def work():
        board.add("mixture", MixtureSynthesizer()).picture()

    seconds, _ = seconds_of(work)
    return [Figure("mixture with yardsticks and picture, 3 seeds", seconds, "s", at_most=20)]


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
