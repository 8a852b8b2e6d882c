"""What a number costs, beyond the code that stands for it: chances of values, or densities."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from utils.encoding.scores import END

NEVER_DRAWN = 1e-6  # share of a bin, or a column, that goes to what is never drawn
PILE = 1e-3  # share of a group's rows from which so narrow a range is one value


def scores_amid(shares: np.ndarray) -> np.ndarray:
    """The normal scores of numbers that lie between such shares of their group, float32 (n,)."""
    return ndtri(shares.mean(axis=1)).astype(np.float32)


def log_chances(
    bins, chances, values, shares, step: float, reach: float, ends: tuple
) -> np.ndarray:
    """Logarithm of the chance, or density, of numbers told by their rank, float64 (n,).

    bins : of their scores.  chances : (n, codes), of each bin.  shares : (n, 2), of the group's
    rows, between which the value lies (GroupRanks.shares_around). Of each bin it takes the part
    that lies between them.  reach : how far around a value counts as the value.  ends : smallest
    and largest number of training; what lies beyond is never drawn, and costs one nat more for each
    step, or range, that it is away.
    """
    edges = _edges(bins)
    parts = np.diff(np.clip(edges, shares[:, :1], shares[:, 1:]), axis=1) / np.diff(edges)
    width, span = 2 * reach, ends[1] - ends[0] + step
    away = np.abs(values - np.clip(values, *ends)) / (step or span)
    drawn = np.where(away > 0, 0, (chances[:, : len(bins)] * parts).sum(axis=1))
    chance = (1 - NEVER_DRAWN) * drawn + NEVER_DRAWN * width / span
    points = (step > 0) | (np.diff(shares)[:, 0] > PILE)
    unit = np.where(points, 0, np.log(width))
    return np.where(np.isnan(values), np.log(chances[:, -1]), np.log(chance) - away - unit)


def _edges(bins) -> np.ndarray:
    """Shares of the curve at which bins begin and end, float64 (bins + 1,).

    Between a pile at an end and the bell it is where piles begin.
    """
    last, first = bins.knots[:-1, -1], bins.lower[1:]
    first = np.where((last < -END) & (first > -END), -END, first)
    first = np.where((last < END) & (first > END), END, first)
    return ndtr(np.concatenate([[-np.inf], first, [np.inf]]))


def log_shares(bins, values: np.ndarray, step: float) -> np.ndarray:
    """Logarithm of the share of its bin that each value has: a density, or a chance where there is
    a grid step. float64 (n,), 0 where missing."""
    codes, unit = bins.encode(values), step or 1.0
    low, high = bins.knots[0, 0], bins.knots[-1, -1]
    widths, point = _log_widths(bins, step)[codes], bins.knots[codes, 0] == bins.knots[codes, -1]
    beyond = np.abs(values - values.clip(low, high)) / unit
    never = (point & (np.abs(values - bins.lower[codes]) > step / 2)) | (beyond > 0)
    even = NEVER_DRAWN * unit / ((high - low + step) or unit)
    shares = np.where(never, np.log(even) - beyond / np.exp(widths), -widths)
    return np.where(np.isnan(values), 0.0, shares)


def _log_widths(bins, step: float) -> np.ndarray:
    """Logarithm of how much each bin spans: grid steps, or the column's unit where it has no
    grid."""
    first, last = bins.knots[:, 0], bins.knots[:, -1]
    spans = np.append(bins.lower[1:] - first[:-1], last[-1] - first[-1] + step)
    return np.log(np.where(last > first, spans / (step or 1.0), 1.0))
