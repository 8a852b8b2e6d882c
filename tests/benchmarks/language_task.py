"""The task of user analytics, two hundred rows: are they valid, new, quick, and is none lost when
the server is killed while it writes?"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd

from tests.benchmarks.figures import Figure
from tests.benchmarks.second_server import EXECUTABLE, free_port, second_server
from utils.checks import validate
from utils.language_model import ADDRESS, GRAMMAR, KEY, LanguageModelError
from utils.schema import Schema
from utils.synthesizers import LanguageModelSynthesizer

ROWS, KNOWN = 200, 40
KILLED_AFTER = 3  # replies
DRAWS = 5  # that are begun until one ends; the server is back long before
GENDERS, CITIES = ["female", "male", "other"], ["Lagos", "Lima", "Oslo", "Osaka", "Pune", "Rome"]
LIMITS = {
    "user_id": (1, 10_000),
    "age": (18, 65),
    "posts": (1, 100),
    "likes": (1, 500),
    "followers": (0, 5_000),
}


def known_users() -> tuple[pd.DataFrame, Schema]:
    """A few users who post more and are liked more, and the schema of the task."""
    rng = np.random.default_rng(0)
    posts = rng.integers(1, 101, KNOWN)
    likes = np.rint(posts * rng.uniform(1, 5, KNOWN)).astype(int)
    table = pd.DataFrame(
        {
            "user_id": np.arange(1, KNOWN + 1),
            "age": rng.integers(18, 66, KNOWN),
            "gender": rng.choice(GENDERS, KNOWN),
            "city": rng.choice(CITIES, KNOWN),
            "posts": posts,
            "likes": likes,
            "followers": np.rint(likes * rng.uniform(2, 10, KNOWN)).astype(int),
        }
    )
    ends = pd.DataFrame(LIMITS | {"gender": GENDERS[:2], "city": CITIES[:2]})
    return table, Schema.infer(pd.concat([table, ends]))


def task_figures() -> list[Figure]:
    """The task by the local model at its defaults."""
    table, schema = known_users()
    writer = LanguageModelSynthesizer().fit(table, schema=schema)
    writer.sample(1)  # the server is up
    start = time.process_time()  # it runs in this process; other programs do not stretch it
    rows = writer.sample(ROWS)
    seconds = time.process_time() - start
    validate(rows, schema)
    report, cells = writer.report, [name for name in table if name != "user_id"]
    copies = len(rows.merge(table, on=cells))
    repeated = float(rows.duplicated(cells).mean())
    return [
        Figure("user analytics: valid rows of those that came", _valid(report), "share", None, 1),
        Figure("user analytics: rows that repeat another", repeated, "share", at_most=0.02),
        Figure("user analytics: copies of a known user", copies, "rows", at_most=0),
        Figure("user analytics: user numbers that come twice", _twice(rows), "rows", at_most=0),
        Figure("user analytics: written", ROWS / seconds, "rows/CPU s", at_least=2.5),
    ]


def _valid(report) -> float:
    return 1 - report.refused.total() / report.seen


def _twice(rows: pd.DataFrame) -> int:
    return int(rows["user_id"].duplicated().sum())


def killed_figures() -> list[Figure]:
    """As many rows from a server that is killed while it writes and comes back."""
    names = [f"{ROWS} rows, server killed: {what}" for what in ("lost", "doubled", "other")]
    if not EXECUTABLE.exists():
        return [Figure(name, None, "rows", at_most=0) for name in names]
    whole, rows = _undisturbed(), _killed_once()
    same = (rows.to_numpy()[: len(whole)] == whole.to_numpy()[: len(rows)]).all(axis=1)
    values = [len(whole) - len(rows), _twice(rows), int((~same).sum())]
    return [Figure(name, value, "rows", at_most=0) for name, value in zip(names, values)]


def _undisturbed() -> pd.DataFrame:
    with second_server() as address, _asking(address):
        return _draw(None)


def _killed_once() -> pd.DataFrame:
    """Rows of a draw whose server is killed after a few replies, and started again."""
    port, found = free_port(), []
    with tempfile.TemporaryDirectory() as folder:
        replies = Path(folder) / "replies"
        with second_server(port) as address, _asking(address):
            drawing = Thread(target=lambda: found.append(_drawn_at_last(replies)))
            drawing.start()
            while not replies.exists() or replies.read_text().count("\n") <= KILLED_AFTER:
                time.sleep(0.05)
        with second_server(port), _asking(address):
            drawing.join()
    return found[0]


def _drawn_at_last(checkpoint: Path) -> pd.DataFrame:
    """What the draw gives; where it breaks off it is begun again with the same checkpoint."""
    for _ in range(DRAWS):
        try:
            return _draw(checkpoint)
        except LanguageModelError:
            time.sleep(1)
    return _draw(checkpoint)


def _draw(checkpoint: Path | None) -> pd.DataFrame:
    table, schema = known_users()
    writer = LanguageModelSynthesizer(checkpoint=checkpoint)
    return writer.fit(table, schema=schema).sample(ROWS)


@contextmanager
def _asking(address: str) -> Iterator[None]:
    """While the block runs, the environment names a llama.cpp server."""
    before = {name: os.environ.get(name) for name in (ADDRESS, GRAMMAR, KEY)}
    os.environ.update({ADDRESS: address, GRAMMAR: "1", KEY: "none"})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
