"""One fit in a process of its own: tables pass as files, so that it may run in another environment.

This module is read by both environments, so it and what it imports need nothing but pandas.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from utils.course.memory import peak_bytes

ROOT = Path(__file__).resolve().parents[2]
REQUEST, RESULT = "request.json", "result.json"
TRAIN, SYNTHETIC, CONTROL = "train.parquet", "synthetic.parquet", "control.parquet"
BUILT_BY = {  # environment -> make's target
    "dpmm": "bench-private",
    "opendp": "bench-private",
    "anonymeter": "bench-attacks",
}
SPEED_ROWS = 100_000  # drawn to measure the speed of sampling
# The last keeps joblib from starting processes, whose seconds and memory would not be counted.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


def fit_elsewhere(
    python: Path, module: str, request: dict, train: pd.DataFrame
) -> tuple[dict, pd.DataFrame]:
    """Let another process fit, sample and measure; returns what it measured and its synthetic rows.

    module : calls :func:`serve`.  request : ``method``, ``seed``, ``epochs`` (None: the default),
    ``threads``, ``table`` (the name of its schema), ``kinds`` (column: kind), ``speed`` (measure
    sampling too).
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train.to_parquet(folder / TRAIN)
        result = _ask(python, module, request, folder)
        return result, pd.read_parquet(folder / SYNTHETIC)


def judge_elsewhere(
    python: Path,
    module: str,
    request: dict,
    train: pd.DataFrame,
    synthetic: pd.DataFrame,
    control: pd.DataFrame | None = None,
) -> dict:
    """Let another process judge synthetic rows, see :func:`answer`; control : for attacks, real
    rows that no method saw."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        train.to_parquet(folder / TRAIN)
        synthetic.to_parquet(folder / SYNTHETIC)
        if control is not None:
            control.to_parquet(folder / CONTROL)
        return _ask(python, module, request, folder)


def _ask(python: Path, module: str, request: dict, folder: Path) -> dict:
    """Run a module on a folder; RuntimeError with the end of its messages if it fails."""
    if not python.exists():
        target = BUILT_BY.get(python.parents[1].name, "bench")
        raise FileNotFoundError(
            f"{module} needs an environment that is not there. `make {target}` builds it."
        )
    (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
    environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(request["threads"]))
    environment |= {"TF_NUM_INTEROP_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    command = [str(python), "-m", module, str(folder)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{request.get('method', module)} failed:\n{done.stderr[-2000:]}")
    return json.loads((folder / RESULT).read_text(encoding="utf-8"))


def answer(judge: Callable[..., dict]) -> None:
    """The other process of :func:`judge_elsewhere`: write what ``judge(request, train, rows)``
    returns; with a control, ``judge(request, train, rows, control)``."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    names = [name for name in (TRAIN, SYNTHETIC, CONTROL) if (folder / name).exists()]
    result = judge(request, *(pd.read_parquet(folder / name) for name in names))
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def serve(make: Callable[[dict, pd.DataFrame], object]) -> None:
    """The other process: measure what ``make(request, train)`` returns and write the answer.

    It has ``fit(table)``, ``sample(n)``, ``epochs`` (passes over the table, None if it makes none)
    and ``versions`` (text).
    """
    folder = Path(sys.argv[1])
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    train = pd.read_parquet(folder / TRAIN)
    model = make(request, train)
    _, fit_seconds, fit_cpu_seconds = measured(lambda: model.fit(train))
    synthetic, sample_seconds, sample_cpu_seconds = measured(lambda: model.sample(len(train)))
    peak = peak_bytes()
    result = {
        "epochs": model.epochs,
        "fit_seconds": fit_seconds,
        "fit_cpu_seconds": fit_cpu_seconds,
        "sample_seconds": sample_seconds,
        "sample_cpu_seconds": sample_cpu_seconds,
        "peak_mb": peak and peak / 1e6,
        "rows_per_second": None,
        "versions": model.versions,
    }
    if request["speed"]:
        result["rows_per_second"] = SPEED_ROWS / measured(lambda: model.sample(SPEED_ROWS))[1]
    synthetic.to_parquet(folder / SYNTHETIC)
    (folder / RESULT).write_text(json.dumps(result), encoding="utf-8")


def measured(action: Callable) -> tuple[object, float, float]:
    """Result, wall seconds and CPU seconds (of all threads) of an action."""
    start, start_of_work = time.perf_counter(), time.process_time()
    result = action()
    return result, time.perf_counter() - start, time.process_time() - start_of_work
