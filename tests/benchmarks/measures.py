"""The measurements. Each function gives the figures of one group; ``@group`` lets it join ``make bench``."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from statistics import mean

import pandas as pd

from tests.benchmarks.figures import Figure
from utils.course.places import results_folder
from utils.course.run import recorded
from utils.schema import Schema
from utils.scoring import Scoreboard, c2st, tstr
from utils.screentime import simulate_screentime
from utils.synthesizers import SYNTHESIZERS, MixtureSynthesizer, Synthesizer
from utils.tables import adult_schema, load_adult, load_screentime, screentime_schema, split

SEEDS = (0, 1, 2)
FRESH_YEAR = 1_000  # added to the seed: years that the stored table does not hold
ADULT_BOUNDS = {"mixture": (0.600, 0.910, 15), "trees": (0.52, 0.915, 10)}  # C2ST, TSTR, seconds to fit
SCREENTIME_BOUNDS = {"mixture": (0.54, None, None)}
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
def adult() -> list[Figure]:
    """Methods on Adult: fitted to the train part, judged on the test part."""
    train, test = load_adult("train"), load_adult("test")
    schema = adult_schema(train)
    real = Figure("train rows, judged the same way: TSTR", tstr(train, test, schema), "AUC")
    return [real, *_race(train, lambda seed: test, schema, ADULT_BOUNDS, "AUC")]


@group
def screentime() -> list[Figure]:
    """Methods on screen time without dates: fitted to the stored year, judged on fresh years."""
    train = load_screentime().drop(columns="Date")
    schema = screentime_schema(train)

    def fresh(seed: int) -> pd.DataFrame:
        return simulate_screentime(random_state=FRESH_YEAR + seed).drop(columns="Date")

    ceiling = [c2st(fresh(seed), fresh(seed + len(SEEDS)), schema, seed) for seed in SEEDS]
    real = Figure("one fresh year against another: C2ST", mean(ceiling), "AUC")
    return [real, *_race(train, fresh, schema, SCREENTIME_BOUNDS, "accuracy")]


def _race(train: pd.DataFrame, holdout: Callable, schema: Schema, bounds: dict, utility: str) -> list[Figure]:
    return [
        figure for method in sorted(SYNTHESIZERS)
        for figure in _judge(method, train, holdout, schema, bounds.get(method, NO_BOUNDS), utility)
    ]


def _judge(method, train, holdout, schema, bounds, utility) -> list[Figure]:
    """C2ST, TSTR and seconds to fit of one method, means over the seeds."""
    seconds, likeness, usefulness = [], [], []
    for seed in SEEDS:
        model = SYNTHESIZERS[method](random_state=seed)
        spent, _ = seconds_of(lambda model=model: model.fit(train, schema=schema))
        synthetic, real = model.sample(len(train)), holdout(seed)
        seconds.append(spent)
        likeness.append(c2st(real, synthetic, schema, seed))
        usefulness.append(tstr(synthetic, real, schema, seed))
    c2st_bound, tstr_bound, seconds_bound = bounds
    return [
        Figure(f"{method}: C2ST", mean(likeness), "AUC", at_most=c2st_bound),
        Figure(f"{method}: TSTR", mean(usefulness), utility, at_least=tstr_bound),
        Figure(f"{method}: fit", mean(seconds), "s", at_most=seconds_bound),
    ]


# --- sampling ---


@group
def sampling() -> list[Figure]:
    """A million rows from the mixture: seconds, and memory beyond the rows themselves."""
    screen = load_screentime()
    people = load_adult("train")
    return [
        *_sampling("screen time", MixtureSynthesizer().fit(screen, schema=screentime_schema(screen))),
        *_sampling("Adult", MixtureSynthesizer().fit(people, schema=adult_schema(people))),
    ]


def _sampling(name: str, model: Synthesizer) -> list[Figure]:
    seconds, _ = seconds_of(lambda: model.sample(MILLION))
    quarter, million = (_peak_of_chunks(model, rows) for rows in (QUARTER, MILLION))
    return [
        Figure(f"{name}: sample(1,000,000)", seconds, "s", at_most=5),
        Figure(f"{name}: memory beyond the result of sample(1,000,000)", _beyond_result(model), "MB"),
        Figure(f"{name}: memory of 250,000 rows in chunks", quarter / MEGABYTE, "MB"),
        Figure(f"{name}: memory of 1,000,000 rows in chunks", million / MEGABYTE, "MB"),
        Figure(f"{name}: four times the rows, times the memory", million / quarter, "ratio", at_most=1.1),
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


# --- scoreboard and lessons ---


@group
def scoreboard() -> list[Figure]:
    """The whole scoreboard of one method on screen time: three seeds, yardsticks, picture."""
    train, holdout = split(load_screentime().drop(columns="Date"))
    board = Scoreboard(train, holdout, screentime_schema(train), seeds=SEEDS)

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
    return [figure for name, run in runs.items()
            for figure in _lesson(name, float(run["seconds"]), float(run["memory_mb"]))]


def _lesson(name: str, seconds: float | None, megabytes: float | None) -> list[Figure]:
    return [Figure(f"{name}: run", seconds, "s", at_most=180),
            Figure(f"{name}: memory", megabytes, "MB", at_most=1300)]
