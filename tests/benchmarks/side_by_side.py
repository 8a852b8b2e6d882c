"""Runs side by side, each stored as it ends: what is interrupted goes on where it stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context

from tqdm import tqdm

from tests.benchmarks.process import THREAD_VARIABLES

THREADS = 1  # of each run: with more, two that run side by side wait for each other


def run_all(
    store: Callable[[dict], None],
    work: Callable[..., list[dict]],
    tasks: Sequence[tuple],
    jobs: int,
) -> list[str]:
    """Call ``work(*task)`` for each task in order, and ``store`` each of the rows that it returns.

    jobs : so many processes of their own; with 1, in this one.  A task that raises an error
    does not stop the others; returns a text for each of these.
    """
    failed = []
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(THREADS)))
    pool = _pool(jobs)
    try:
        futures = {pool.submit(work, *task): task for task in tasks}
        bar = tqdm(as_completed(futures), total=len(futures), unit="run", dynamic_ncols=True)
        for future in bar:
            try:
                for row in future.result():
                    store(row)
            except Exception as error:  # whatever it is, the hours of the others are not lost
                failed.append(f"{futures[future]}: {type(error).__name__}: {error}")
                tqdm.write(failed[-1])
    finally:
        pool.shutdown(cancel_futures=True)
    return failed


def _pool(jobs: int) -> ThreadPoolExecutor | ProcessPoolExecutor:
    if jobs == 1:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))
