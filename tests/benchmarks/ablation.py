"""Ablations: what each cure of a neural generator brings, alone, over three seeds, on screen time.

The author of a generator writes ``tests/benchmarks/ablation_<name>.py`` with ``VARIANTS``, a
dictionary in the order of the table: name of the variant -> callable(train, schema, seed) -> fitted
synthesizer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from tests.benchmarks.runs import Runs
from tests.benchmarks.source import fingerprint
from utils.results import ABLATION, RESULTS, means_over_seeds
from utils.scoring import c2st, tstr
from utils.tables import load_screentime, screentime_schema, split

SEEDS = (0, 1, 2)
COLUMNS = ["variant", "seed", "c2st", "tstr", "seconds", "cpu_seconds", "threads", "source"]


def names() -> list[str]:
    """The ablations that are written."""
    return sorted(
        path.stem.removeprefix(ABLATION) for path in Path(__file__).parent.glob(f"{ABLATION}*.py")
    )


def ablate(name: str, again: bool = False, folder: Path = RESULTS) -> pd.DataFrame:
    """Run what is not stored yet of every variant and seed, and store each run as it ends.

    again : first forget the runs of an older source, and of variants that are no more.  Returns the
    means over the seeds, one row a variant.
    """
    module = f"tests.benchmarks.{ABLATION}{name}"
    variants, source = import_module(module).VARIANTS, fingerprint(module)
    runs = Runs(folder / f"{ABLATION}{name}.csv", COLUMNS, ["variant", "seed"])
    stored = runs.table()
    old = (stored["source"] != source) | ~stored["variant"].isin(list(variants))
    if again:
        runs.forget(old)
    elif old.any():
        tqdm.write(f"{old.sum()} stored runs are of older code; measure them again with --again.")
    waiting = [
        (variant, seed)
        for variant in variants
        for seed in SEEDS
        if runs.find(variant=variant, seed=seed) is None
    ]
    import_module("keras")  # seconds to fit are not seconds to load TensorFlow
    for variant, seed in (bar := tqdm(waiting, unit="run", dynamic_ncols=True)):
        bar.set_description(f"{variant}, seed {seed}")
        runs.add(
            {
                "variant": variant,
                "seed": seed,
                **_measure(variants[variant], seed),
                "source": source,
            }
        )
    return means_over_seeds(_in_order(runs.table(), list(variants)), "variant")


def _measure(variant: Callable, seed: int) -> dict[str, float]:
    """Fit, sample as many rows as train has, judge against the holdout, as in a lesson."""
    train, holdout = split(load_screentime().drop(columns="Date"))
    schema = screentime_schema(train)
    start, start_of_work = time.perf_counter(), time.process_time()
    model = variant(train, schema, seed)
    seconds, work = time.perf_counter() - start, time.process_time() - start_of_work
    synthetic = model.sample(len(train))
    return {
        "c2st": round(c2st(holdout, synthetic, schema, seed), 4),
        "tstr": round(tstr(synthetic, holdout, schema, seed), 4),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(work, 2),
        "threads": os.environ["OMP_NUM_THREADS"],
    }


def _in_order(runs: pd.DataFrame, variants: list[str]) -> pd.DataFrame:
    place = {variant: number for number, variant in enumerate(variants)}
    return runs.iloc[runs["variant"].map(place).argsort(kind="stable")]
