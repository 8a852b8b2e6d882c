"""Rows of screen time as sentences: real ones, a mixture's, and columns that know nothing of each
other."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from utils.synthesizers import MixtureSynthesizer
from utils.tables import load_screentime, split
from utils.text.rows import row_as_sentence

ROWS, JUDGED = 300, 400  # to train on, to test on
TRAININGS = ("real 300", "mixture", "columns shuffled")
COLUMNS = ["Usage", "Notifications", "Times opened"]


@cache
def trainings(draw: int) -> dict[str, tuple[pd.DataFrame, int]]:
    """Name -> (rows with ``text`` and ``label``, how many are real)."""
    rows = _parts()[0].iloc[draw * ROWS : (draw + 1) * ROWS].reset_index(drop=True)
    rng = np.random.default_rng(draw)
    alone = rows.apply(lambda column: rng.permutation(column.to_numpy()))
    mixture = MixtureSynthesizer(random_state=draw).fit(rows).sample(ROWS)
    return dict(zip(TRAININGS, zip(map(told, (rows, mixture, alone)), (ROWS, 0, 0))))


@cache
def tested() -> pd.DataFrame:
    """Real rows that no training holds, with text and label."""
    return told(_parts()[1][:JUDGED])


def told(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with a sentence each, ``text``, and their app as the ``label`` to be found."""
    return rows.assign(text=[*map(row_as_sentence, rows.to_dict("records"))], label=rows["App"])


def by_numbers(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
    """Labels of the test rows by trees that see the three numbers and no sentence."""
    model = RandomForestClassifier(random_state=seed).fit(train[COLUMNS], train["label"])
    return model.predict(test[COLUMNS])


def _parts() -> tuple[pd.DataFrame, pd.DataFrame]:
    return split(load_screentime().drop(columns="Date"), random_state=0)
