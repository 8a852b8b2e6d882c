"""The process behind the screen-time table: one person, eight apps, one row per app per day.

Because the table comes from a process that is written down here, its truth is known and can be sampled for ever: the
course uses fresh years as the ceiling of its scoreboard. In plain words, for day t and app a:

1. **Busy days.** All apps share the mood of the day, which carries over to the next day (AR(1)), and some weeks are quiet:
   ``mood[t] = persistence * mood[t-1] + noise``, ``day[t] = mood[t] + log(quiet_factor) * quiet_week[t]``.
   Weekends push each app its own way: ``push[t, a] = day[t] + weekend[a] * is_weekend[t]``.
2. **Notifications** are counts with more spread than Poisson, because senders come in bursts:
   ``Notifications ~ Poisson(notifications[a] * exp(push / 2) * burst)``, ``burst ~ Gamma(mean 1)``.
3. **Days without use.** With chance ``idle[a]`` the app is not opened at all: no openings and no minutes.
4. **Openings** come from habit and, in part, as an answer to notifications:
   ``Times opened = 1 + Poisson(habit * exp(push) * urge + answered[a] * Notifications)``, ``urge ~ Gamma(mean 1)``.
5. **Minutes** follow the openings, each further one shorter than the last, and sometimes the person does not stop:
   ``Usage = minutes[a] * (Times opened / openings[a]) ** returns * exp(stay[a] * z) * binge``, z standard normal,
   rounded to whole minutes, at least 1. ``binge`` is 1 on most days.
6. **A day has an end.** If the minutes of all apps exceed the waking day, every app is cut in proportion.

So, in every row, ``Usage == 0`` exactly when ``Times opened == 0``, and no day exceeds 1,440 minutes.
The levels follow a public table of 200 rows (8 apps, August 2024); no row of it is copied.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import lfilter

COLUMNS = ["Date", "App", "Usage", "Notifications", "Times opened"]


@dataclass(frozen=True)
class App:
    """Parameters of one app.

    minutes, notifications, openings : typical values of a day with use (minutes, counts).
    stay : log-scale spread of the minutes at given openings.  urge, burst : shapes of the two Gamma factors (large: steady).
    answered : share of notifications answered by an opening.  idle : chance of a day without use.
    weekend : log-scale change on Saturday and Sunday.
    """

    name: str
    minutes: float
    notifications: float
    openings: float
    stay: float = 0.36
    urge: float = 6.0
    burst: float = 5.0
    answered: float = 0.15
    idle: float = 0.0
    weekend: float = 0.0


APPS = (
    App("Instagram", 78, 56, 43, weekend=0.10),
    App("Netflix", 80, 0.15, 2.2, answered=0.0, idle=0.10, weekend=0.20),
    App("WhatsApp", 50, 103, 72, weekend=0.05),
    App("Facebook", 32, 38, 28, weekend=0.05),
    App("X", 24, 27, 12),
    App("8 Ball Pool", 20, 4.2, 6.5, answered=0.3, idle=0.08, weekend=0.15),
    App("LinkedIn", 16, 10, 5.2, weekend=-0.25),
    App("Safari", 12, 0.8, 5.0, answered=0.0),
)


@dataclass(frozen=True)
class Process:
    """Parameters that all apps share; see the module's docstring for the formulas.

    persistence, mood : AR(1) coefficient and standard deviation of the shared day effect (log scale).
    quiet_week, quiet_factor : chance of a quiet week and what it multiplies activity by.
    returns : exponent of the openings in the minutes.  binge : chance of not stopping in time, which
    multiplies the minutes by ``binge_low`` to ``binge_high``.  waking_minutes : longest day, over all apps.
    """

    apps: tuple[App, ...] = APPS
    persistence: float = 0.6
    mood: float = 0.12
    quiet_week: float = 0.06
    quiet_factor: float = 0.65
    returns: float = 0.5
    binge: float = 0.01
    binge_low: float = 1.5
    binge_high: float = 2.5
    waking_minutes: int = 960


PROCESS = Process()


def simulate_screentime(days: int = 366, random_state: int = 0, start: str = "2024-01-01",
                        process: Process = PROCESS) -> pd.DataFrame:
    """Simulate the screen time of one person.

    Parameters
    ----------
    days : number of days, at least 1.  random_state : seed; the same seed gives the same rows on any machine.
    start : first day, ISO text.  process : the parameters.

    Returns
    -------
    DataFrame of days x 8 rows, by date and app: Date (datetime64[ns]), App (object), Usage (int64, minutes),
    Notifications and Times opened (int64, counts per day).
    """
    if days < 1:
        raise ValueError(f"days is {days}: ask for at least 1 day.")
    generator = np.random.Generator(np.random.PCG64(random_state))
    dates = pd.date_range(start, periods=days, freq="D")
    push = _push(dates, process, generator)
    notifications = _notifications(push, process, generator)
    openings = _openings(push, notifications, process, generator)
    usage = _usage(openings, process, generator)
    return pd.DataFrame({
        "Date": np.repeat(dates.to_numpy(dtype="datetime64[ns]"), len(process.apps)),
        "App": np.tile(np.array([app.name for app in process.apps], dtype=object), days),
        "Usage": usage.ravel(), "Notifications": notifications.ravel(), "Times opened": openings.ravel(),
    })


def _values(process: Process, name: str) -> np.ndarray:
    return np.array([getattr(app, name) for app in process.apps], dtype=np.float64)


def _push(dates: pd.DatetimeIndex, process: Process, generator) -> np.ndarray:
    """Log-scale activity, (days, apps): mood, quiet weeks and weekends."""
    days = len(dates)
    noise = generator.standard_normal(days) * process.mood
    noise[1:] *= np.sqrt(1 - process.persistence ** 2)  # the first day is already in the long-run spread
    mood = lfilter([1.0], [1.0, -process.persistence], noise)
    quiet = generator.random(days // 7 + 1) < process.quiet_week
    day = mood + np.log(process.quiet_factor) * np.repeat(quiet, 7)[:days]
    is_weekend = np.asarray(dates.dayofweek >= 5, dtype=np.float64)
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
    stay = np.exp(_values(process, "stay") * generator.standard_normal(openings.shape))
    binge = np.where(generator.random(openings.shape) < process.binge,
                     generator.uniform(process.binge_low, process.binge_high, openings.shape), 1.0)
    returns = (openings / _values(process, "openings")) ** process.returns
    minutes = np.maximum(np.rint(_values(process, "minutes") * returns * stay * binge), 1)
    return _within_the_day(np.where(openings > 0, minutes, 0), process.waking_minutes).astype(np.int64)


def _within_the_day(minutes: np.ndarray, longest: int) -> np.ndarray:
    """Cut days (rows) longer than ``longest`` in proportion, leaving each used app at least one minute."""
    total = minutes.sum(axis=1, keepdims=True)
    scale = (longest - minutes.shape[1]) / np.maximum(total, 1)
    return np.where((total > longest) & (minutes > 0), np.floor(minutes * scale) + 1, minutes)
