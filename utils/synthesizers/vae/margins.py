"""Where a decoder starts from: the margins of the codes in each stratum, and smooth ways to bend
them."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from utils.encoding.groups import ROWS_TO_SMOOTH
from utils.encoding.spikes import find_spikes

HEAVY = 0.05
CLIP = 1e-3
WIDTHS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
PSEUDO_ROWS = 0.1
RAREST = 1e-9  # a value that never occurred, such as False in a column of True


def margins(codes: np.ndarray, strata: np.ndarray, size: int, smooth: bool) -> np.ndarray:
    """Share of each code in each stratum, float64 (strata, size), all above 0.

    codes, strata : int32 (n,).  smooth : the codes are bins of a number, in order. Then shares are
    smoothed across neighbours: a stratum's own counts are rough, and rows that copy the roughness
    are found out.
    """
    count = int(strata.max()) + 1
    pooled = np.bincount(codes, minlength=size) / len(codes)
    shares = np.tile(pooled, (count, 1))
    for stratum, rows in enumerate(np.bincount(strata, minlength=count)):
        if rows:
            own = np.bincount(codes[strata == stratum], minlength=size)
            own = smooth_counts(own, pooled) if smooth and rows >= ROWS_TO_SMOOTH else own
            shares[stratum] = (own + PSEUDO_ROWS * pooled) / (rows + PSEUDO_ROWS)
    return np.maximum(shares, RAREST)


def smooth_counts(counts: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """Counts smoothed by a Gaussian kernel across codes, in proportion to ``pooled``; same sum.

    Spikes stay as they are. The width has the best leave-one-out likelihood (Silverman 1986,
    section 3.4.4).
    """
    spikes = np.isin(np.arange(len(counts)), find_spikes(np.repeat(np.arange(len(counts)), counts)))
    free = np.where(spikes, 0, counts)
    if free.sum() < ROWS_TO_SMOOTH:
        return counts
    apart = np.subtract.outer(np.arange(len(counts)), np.arange(len(counts)))
    candidates = []
    for width in WIDTHS:
        kernel = np.exp(-0.5 * (apart / width) ** 2) * np.where(spikes, 0, pooled)[:, None]
        kernel /= np.maximum(kernel.sum(axis=0), 1e-12)
        smoothed = kernel @ free
        others = np.maximum(smoothed - np.diag(kernel), 1e-9)
        candidates.append((free @ np.log(others), smoothed))
    return np.where(spikes, counts, max(candidates, key=lambda pair: pair[0])[1])


def tilts(shares: np.ndarray) -> np.ndarray | None:
    """Smooth functions of a number's rank in its stratum, float32 (strata, size, f); None if f >=
    size.

    A margin times exp(a z + b z**2), with z the normal score of the rank, is again a bell curve
    over z: with these two functions a decoder says "about here, and this sure". Then comes
    an indicator for each code that holds 5 % of the rows or more.
    """
    rank = np.cumsum(shares, axis=1) - shares / 2
    score = ndtri(rank.clip(CLIP, 1 - CLIP))
    bell = np.stack([score, (score**2 - 1) / np.sqrt(2)], axis=2)
    heavy = np.flatnonzero(shares.mean(axis=0) >= HEAVY)
    own = np.broadcast_to(np.arange(shares.shape[1])[:, None] == heavy, (*shares.shape, len(heavy)))
    functions = np.concatenate([bell, own], axis=2).astype(np.float32)
    return functions if functions.shape[2] < functions.shape[1] else None
