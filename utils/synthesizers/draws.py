"""Drawing by chances: categories from tables, rows by weights, and the order of the columns."""

from __future__ import annotations

import numpy as np


def drawing_order(order: list[str] | None, sizes: dict[str, int]) -> list[str]:
    """The columns as they are drawn, one after the other.

    order : their names, each once; None puts the column with the fewest values first, because the
        last columns have to be told from all others.  sizes : name -> number of values.
    """
    if order is None:
        return sorted(sizes, key=sizes.get)
    if sorted(order) != sorted(sizes):
        raise ValueError(
            f"order must name each column once: {', '.join(sizes)}. It names: {', '.join(order)}."
        )
    return list(order)


def draw_from_tables(tables: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A category for each entry of ``rows``, drawn from that row of ``tables`` (k, size).

    Each row of the tables sums to 1. All stand one behind the other as one rising staircase, so
    one binary search serves every draw. Returns int32 (n,).
    """
    size = tables.shape[1]
    cumulative = np.cumsum(tables, axis=1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    staircase = (cumulative + np.arange(len(tables))[:, None]).ravel()
    points = rows + rng.random(len(rows)) * (1 - 1e-9)
    return (np.searchsorted(staircase, points, side="right") - rows * size).astype(np.int32)


def resample(log_weights: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Positions (n,) of candidates drawn in proportion to their weights, not all of which are 0.

    Systematic resampling (Carpenter, Clifford and Fearnhead 1999) has the least variance of the
    simple schemes: a candidate of weight w is drawn floor(nw) or ceil(nw) times.
    """
    cumulative = np.cumsum(np.exp(log_weights - log_weights.max(initial=-np.inf)))
    points = (np.arange(n) + rng.random()) / n * cumulative[-1]
    return rng.permutation(
        np.minimum(np.searchsorted(cumulative, points, side="right"), len(log_weights) - 1)
    )
