"""The process behind the screen-time table: one person, eight apps, one row per app per day.

Because the table comes from a process that is written down here, its truth is known and can be
sampled for ever: the course uses fresh years as the ceiling of its scoreboard. In plain words, for
day t and app a:

1. **Busy days.** All apps share the mood of the day, which carries over to the next day (AR(1));
   some weeks are quiet; weekends push each app its own way:
   ``mood[t] = persistence * mood[t-1] + noise``,
   ``push[t, a] = mood[t] + log(quiet_factor) * quiet_week[t] + weekend[a] * is_weekend[t]``.
2. **Notifications** are counts with more spread than Poisson's, because senders come in bursts:
   ``Notifications ~ Poisson(notifications[a] * exp(push / 2) * burst)``, ``burst ~ Gamma(mean 1)``.
3. **Days without use.** With chance ``idle[a]`` the app is not opened at all: no openings and no
   minutes.
4. **Openings** come from habit and, in part, as an answer to notifications:
   ``Times opened = 1 + Poisson(habit[a] * exp(push) * urge + answered[a] * Notifications)``,
   ``habit[a] = openings[a] - 1 - answered[a] * notifications[a]``, ``urge ~ Gamma(mean 1)``.
5. **Minutes** follow the openings, each further one shorter than the last, and now and then the
   person does not stop:
   ``Usage = minutes[a] * (Times opened / openings[a]) ** returns * patience * binge``,
   ``patience ~ Gamma(mean 1)``, ``binge = 1`` on most days; rounded to whole minutes, at least 1.
6. **A day has an end.** If the minutes of all apps exceed the waking day, every app is cut in
   proportion.

So ``Usage == 0`` exactly where ``Times opened == 0``, and no day exceeds 1,440 minutes, whatever
the seed. The levels follow the medians of a public table of 200 rows (8 apps, August 2024); no row
of it is copied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter


@dataclass(frozen=True)
class App:
    """Parameters of one app.

    minutes, notifications, openings : averages of an ordinary weekday with use (minutes, counts).
    patience, urge, burst : shapes of the Gamma factors of minutes, openings and notifications
        (large means steady).
    answered : share of notifications answered by an opening.  idle : chance of a day without use.
    weekend : log-scale change on Saturday and Sunday.
    """

    name: str
    minutes: float
    notifications: float
    openings: float
    patience: float = 8.0
    urge: float = 4.5
    burst: float = 4.0
    answered: float = 0.15
    idle: float = 0.0
    weekend: float = 0.0


APPS = (
    App("Instagram", 86, 61, 45, weekend=0.10),
    App("Netflix", 89, 0.15, 2.2, patience=7.0, answered=0.0, idle=0.10, weekend=0.30),
    App("WhatsApp", 53, 113, 76, urge=6.0, burst=5.5, weekend=0.05),
    App("Facebook", 34, 41, 30, weekend=0.05),
    App("X", 25.5, 30, 12),
    App("8 Ball Pool", 22, 4.2, 6.5, answered=0.3, idle=0.08, weekend=0.15),
    App("LinkedIn", 17, 11, 5.2, weekend=-0.25),
    App("Safari", 13, 0.8, 5.0, answered=0.0),
)


@dataclass(frozen=True)
class Process:
    """Parameters that all apps share; see the module's docstring for the formulas.

    persistence, mood : AR(1) coefficient and standard deviation of the shared day effect (log
        scale).
    quiet_week, quiet_factor : chance of a quiet week and what it multiplies activity by.
    returns : exponent of the openings in the minutes.  binge : chance of not stopping in time,
    which multiplies the minutes by ``binge_low`` to ``binge_high``.  waking_minutes : longest day,
    over all apps.
    """

    apps: tuple[App, ...] = APPS
    persistence: float = 0.6
    mood: float = 0.20
    quiet_week: float = 0.06
    quiet_factor: float = 0.60
    returns: float = 0.22
    binge: float = 0.008
    binge_low: float = 1.3
    binge_high: float = 1.7
    waking_minutes: int = 960


PROCESS = Process()


def simulate_screentime(
    days: int = 366, random_state: int = 0, start: str = "2024-01-01", process: Process = PROCESS
) -> pd.DataFrame:
    """Simulate the screen time of one person.

    Parameters
    ----------
    days : number of days, at least 1.  random_state : seed; the same seed gives the same rows on
        any machine.
    start : first day, ISO text.  process : the parameters.

    Returns
    -------
    DataFrame of days x 8 rows, by date and app: Date (datetime64[ns]), App (object), Usage (int64,
    minutes), Notifications and Times opened (int64, counts per day).

    Raises
    ------
    ValueError : fewer than 1 day, or dates that cannot be written in nanoseconds (after the year
        2262).
    """
    dates = _calendar(start, days)
    generator = np.random.Generator(np.random.PCG64(random_state))
    push = _push(dates, process, generator)
    notifications = _notifications(push, process, generator)
    openings = _openings(push, notifications, process, generator)
    usage = _usage(openings, process, generator)
    return pd.DataFrame(
        {
            "Date": np.repeat(dates.to_numpy(dtype="datetime64[ns]"), len(process.apps)),
            "App": np.tile(np.array([app.name for app in process.apps], dtype=object), days),
            "Usage": usage.ravel(),
            "Notifications": notifications.ravel(),
            "Times opened": openings.ravel(),
        }
    )


def fresh_days(n: int, seed: int) -> pd.DataFrame:
    """``n`` rows, without dates, of days that no table of the course holds.

    Real rows that nobody has seen: the ceiling that ``Scoreboard(fresh=fresh_days)`` asks for.  The
    same seed gives the same rows; columns and dtypes are those of :func:`simulate_screentime`.
    """
    days = simulate_screentime(n // len(PROCESS.apps) + 1, random_state=1000 + seed)
    return days.drop(columns="Date").head(n)


def _calendar(start: str, days: int) -> pd.DatetimeIndex:
    if days < 1:
        raise ValueError(f"days is {days}: ask for at least 1 day.")
    try:
        return pd.date_range(start, periods=days, freq="D", unit="ns")
    except ValueError as error:
        raise ValueError(
            f"Cannot count {days:,} days from {start!r} ({error}). Write start as 2024-01-01, and "
            "stay before the year 2262: choose an earlier start or fewer days."
        ) from None


def _values(process: Process, name: str) -> np.ndarray:
    return np.array([getattr(app, name) for app in process.apps], dtype=np.float64)


def _push(dates: pd.DatetimeIndex, process: Process, generator) -> np.ndarray:
    """Log-scale activity, (days, apps): mood, quiet weeks and weekends."""
    days = len(dates)
    noise = generator.standard_normal(days) * process.mood
    # The first day is already in the long-run spread.
    noise[1:] *= np.sqrt(1 - process.persistence**2)
    mood = lfilter([1.0], [1.0, -process.persistence], noise)
    quiet = generator.random(days // 7 + 1) < process.quiet_week
    day = mood + np.log(process.quiet_factor) * np.repeat(quiet, 7)[:days]
    is_weekend = np.asarray(dates.day_of_week >= 5, dtype=np.float64)
    return day[:, None] + np.outer(is_weekend, _values(process, "weekend"))


def _gamma(shape: np.ndarray, size: tuple, generator) -> np.ndarray:
    """Gamma factors of mean 1; the larger the shape, the closer to 1."""
    return generator.standard_gamma(np.broadcast_to(shape, size)) / shape


def _notifications(push, process, generator) -> np.ndarray:
    burst = _gamma(_values(process, "burst"), push.shape, generator)
    return generator.poisson(_values(process, "notifications") * np.exp(push / 2) * burst)


def _openings(push, notifications, process, generator) -> np.ndarray:
    answered = _values(process, "answered")
    habit = _values(process, "openings") - 1 - answered * _values(process, "notifications")
    urge = _gamma(_values(process, "urge"), push.shape, generator)
    openings = 1 + generator.poisson(habit * np.exp(push) * urge + answered * notifications)
    return np.where(generator.random(push.shape) < _values(process, "idle"), 0, openings)


def _usage(openings, process, generator) -> np.ndarray:
    patience = _gamma(_values(process, "patience"), openings.shape, generator)
    binge = np.where(
        generator.random(openings.shape) < process.binge,
        generator.uniform(process.binge_low, process.binge_high, openings.shape),
        1.0,
    )
    returns = (openings / _values(process, "openings")) ** process.returns
    minutes = np.maximum(np.rint(_values(process, "minutes") * returns * patience * binge), 1)
    used = np.where(openings > 0, minutes, 0)
    return _within_the_day(used, process.waking_minutes).astype(np.int64)


def _within_the_day(minutes: np.ndarray, longest: int) -> np.ndarray:
    """Cut days (rows) longer than ``longest`` in proportion; each used app keeps a minute."""
    total = minutes.sum(axis=1, keepdims=True)
    scale = (longest - minutes.shape[1]) / np.maximum(total, 1)
    return np.where((total > longest) & (minutes > 0), np.floor(minutes * scale) + 1, minutes)
