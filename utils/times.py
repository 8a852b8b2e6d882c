"""The grid that the times of a column lie on, and the clock on which that grid is read."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.dtypes import dtype_of, zone_of

NANOSECONDS = {
    "D": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "min": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
GRIDS = tuple(NANOSECONDS)  # from coarse to fine
LOCAL, UTC = "local", "UTC"


def wall_times(values: pd.Series, dtype: str, clock: str) -> pd.DatetimeIndex:
    """Times as this clock shows them, without a zone; NaT where missing.

    values : times of any dtype, or ``datetime.date`` objects.  dtype : of the column, as text.
    clock : LOCAL for the zone of that dtype, else UTC.

    Raises ValueError for times without a zone where the dtype has one, and the other way round.
    """
    times, zone = _index(values), zone_of(dtype)
    if (times.tz is None) != (zone is None) and times.notna().any():
        raise ValueError(
            f"Times {'without a zone' if times.tz is None else 'with a zone'} cannot stand in a "
            f"column of {dtype}. Convert them first: .dt.tz_localize({str(zone or None)!r})."
        )
    if times.tz is None:
        return times
    return times.tz_convert(zone if clock == LOCAL else UTC).tz_localize(None)


def _index(values: pd.Series) -> pd.DatetimeIndex:
    try:
        return pd.DatetimeIndex(values)
    except pd.errors.OutOfBoundsDatetime:  # days, which pandas would count in nanoseconds
        days = values.astype(object).where(values.notna(), None)
        return pd.DatetimeIndex(days.to_numpy(dtype="datetime64[s]"))


def nanoseconds(values: pd.Series, dtype: str, clock: str) -> np.ndarray:
    """:func:`wall_times` as int64 (n,) since 1970, exact; the least int64 where missing."""
    return wall_times(values, dtype, clock).as_unit("ns").asi8


def from_nanoseconds(ticks: np.ndarray, absent: np.ndarray, dtype: str, clock: str):
    """The inverse of :func:`nanoseconds`: an array of the dtype, missing where ``absent``.

    A local time that the clock shows twice is the first of the two; one that it leaps over moves to
    the end of the leap.
    """
    ticks = np.where(absent, np.iinfo(np.int64).min, ticks).astype(np.int64)
    times = pd.DatetimeIndex(ticks.view("datetime64[ns]"))
    if dtype == "object[date]":
        return np.where(absent, np.nan, times.date)
    zone = zone_of(dtype)
    if zone is not None and clock == LOCAL:
        first = np.ones(len(times), dtype=bool)
        times = times.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    elif zone is not None:
        times = times.tz_localize(UTC).tz_convert(zone)
    result = pd.Series(times).astype(dtype_of(dtype))
    return (
        result.array if pd.api.types.is_extension_array_dtype(result.dtype) else result.to_numpy()
    )


def find_grid(values: pd.Series, dtype: str) -> tuple[str, str]:
    """The coarsest grid of times without missing values, and the clock that shows it.

    Returns (one of GRIDS, clock); the clock is "" where the times have no zone. It is local where
    that grid is coarser and every time comes back from it, which the second of two equal hours does
    not; else UTC, which never leaps.
    """
    ticks = nanoseconds(values, dtype, UTC)
    grid = _coarsest(ticks)
    if zone_of(dtype) is None:
        return grid, ""
    shown = nanoseconds(values, dtype, LOCAL)
    coarser = GRIDS.index(_coarsest(shown)) < GRIDS.index(grid)
    if coarser and np.array_equal(_read_locally(shown, dtype), ticks):
        return _coarsest(shown), LOCAL
    return grid, UTC


def _read_locally(shown: np.ndarray, dtype: str) -> np.ndarray:
    """Nanoseconds in UTC of times that the local clock shows, int64 (n,)."""
    times = from_nanoseconds(shown, np.zeros(len(shown), dtype=bool), dtype, LOCAL)
    return nanoseconds(pd.Series(times), dtype, UTC)


def _coarsest(ticks: np.ndarray) -> str:
    return next(grid for grid in GRIDS if not (ticks % NANOSECONDS[grid]).any())
