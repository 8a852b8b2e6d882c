"""Dates and times as people write them, in any order, in words, with a zone."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import ClassVar

import numpy as np
import pandas as pd

from utils.reading.forms import Choices, Form, sample

ENOUGH = 0.9  # share of a sample that must look like a date
BARE = "\2"  # stands before the parts of a format that have no leading zero
FRACTION = "\3"  # stands for the fraction of a second
DAY_FIRST, MONTH_FIRST = "day-first", "month-first"
NUMERIC = {
    "": ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y-%m", "%m/%Y"],
    MONTH_FIRST: [f"%m{sign}%d{sign}{year}" for sign in "/-." for year in ("%Y", "%y")],
    DAY_FIRST: [f"%d{sign}%m{sign}{year}" for sign in "/-." for year in ("%Y", "%y")],
}
WORD_ORDERS = ["%d %b %Y", "%d-%b-%Y", "%d. %b %Y", "%d/%b/%Y", "%b %d, %Y", "%b %d %Y"]
WORD_ORDERS += ["%b %Y", "%b-%Y", "%Y-%b-%d", "%Y %b %d"]
WORDS = [
    f"{weekday}{form.replace('%b', month).replace('%Y', year)}"
    for form in WORD_ORDERS
    for month in ("%b", "%B")
    for year in ("%Y", "%y")
    for weekday in ("", "%a ", "%a, ", "%A, ", "%A ")
]
YEAR, MONTH, DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
COMPACT = {
    "%Y%m%d": f"{YEAR}{MONTH}{DAY}",
    "%Y%m%d%H%M%S": rf"{YEAR}{MONTH}{DAY}(?:[01]\d|2[0-3])[0-5]\d[0-5]\d",
    "%Y%m": f"{YEAR}{MONTH}",
    "%y%m%d": rf"\d\d{MONTH}{DAY}",
}
DATES_TO_TELL = 5  # six digits that could be a date: chance, if fewer values than this could
ISO = r"\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[-+]\d{2}:?\d{2}|[-+]\d{2}))"
PARTS = re.compile(
    r"(?P<date>.*?)(?:(?P<gap>T|,? )"
    r"(?P<time>\d{1,2}:\d{2}(?P<second>:\d{2}(?:(?P<point>[.,])(?P<fraction>\d+))?)?)"
    rf"(?P<half> ?[AaPp][Mm])?{ZONE}?)?"
)
MIXED = "+00:00"  # how a column of several offsets is written: in UTC
LATEST = 2049  # year that two digits mean, as in certificates (RFC 5280)
LONGEST = 45  # characters of a date in words, with its time


@dataclass(frozen=True)
class Moment(Form):
    """A date or a time on a date.

    format : of strftime, with BARE before parts without a leading zero, and FRACTION where digits
    of a second stand.  digits : of the fraction.  point : before it.  zone : text of the zone, ""
    without one.  offsets : the column has several zones.  case : "upper" or "lower" where words are
    so.  order : DAY_FIRST or MONTH_FIRST, "" where only one can be meant.  latest : year that two
    digits may mean.
    """

    format: str = "%Y-%m-%d"
    digits: int = 0
    point: str = "."
    zone: str = ""
    offsets: bool = False
    case: str = ""
    order: str = ""
    latest: int = LATEST
    what: ClassVar[str] = "dates"

    @classmethod
    def find(cls, cells: pd.Series, choices: Choices) -> Moment | None:
        judged = sample(cells)
        if judged.str.fullmatch(r"\d+").mean() >= ENOUGH:
            number = choices.plain or cells.name in choices.numbers
            return None if number else _compact(judged, cells)
        if judged.str.fullmatch(rf".{{0,{LONGEST}}}\d.{{0,{LONGEST}}}").mean() < ENOUGH:
            return None
        texts = judged.tolist()
        parts = [found for text in texts if (found := PARTS.fullmatch(text))]
        dates = _date_formats([part["date"] for part in parts], choices)
        if not dates:
            return None
        fullest = max(parts, key=lambda part: len(part["time"] or ""))
        zones = {part["zone"] or "" for part in parts} if fullest["zone"] else {""}
        zone, point = min(zones, key=len), fullest["point"] or "."
        form = cls(zone=zone, offsets=len(zones) > 1, point=point)
        forms = [replace(form, order=order, format=date + _time(fullest)) for order, date in dates]
        counts = [form.read(cells).notna().sum() if len(forms) > 1 else 0 for form in forms]
        best = [form for form, count in zip(forms, counts) if count == max(counts)]
        ambiguous = len({form.order for form in best}) > 1 and choices.dates is None
        wanted = choices.dates or (DAY_FIRST if "%d.%m" in best[-1].format else MONTH_FIRST)
        chosen = next((form for form in best if form.order == wanted), best[0])
        digits = max(len(part["fraction"] or "") for part in parts)
        chosen = replace(chosen, digits=digits, latest=chosen._latest(cells))
        return replace(chosen, ambiguous=ambiguous)._spelt(texts)

    def _latest(self, cells: pd.Series) -> int:
        """The last of the years that two digits mean: the widest gap between them is kept free, so
        that 95 comes before 04, and 64 before 75."""
        if "%y" not in self.format:
            return LATEST
        years = np.unique(self.read(cells).dropna().dt.year % 100)
        gaps = np.diff(years, append=years[:1] + 100)
        return LATEST - int(LATEST - years[gaps.argmax()]) % 100 if len(years) else LATEST

    def _spelt(self, texts: list[str]) -> Moment:
        """The same form with leading zeros and capitals as the texts have them: whatever writes
        most of them back as they were."""
        cells = pd.Series(texts[:100], dtype="string[pyarrow]")
        values = self.read(cells)
        day, hour = (re.sub(parts, BARE + r"\g<0>", self.format) for parts in ("%[dm]", "%[HI]"))
        both = re.sub("%[dmHI]", BARE + r"\g<0>", self.format)
        variants = [
            replace(self, format=form, case=case)
            for form, case in product((self.format, day, hour, both), ("", "lower", "upper"))
        ]
        return max(variants, key=lambda form: (form.write(values) == cells).sum())

    def read(self, cells: pd.Series) -> pd.Series:
        texts, zone = cells, self.zone
        iso = self._iso
        if self.offsets:
            texts = cells.str.replace(f"{ZONE.replace('?P<zone>', '')}$", "", regex=True)
        elif zone:
            texts = cells.where(cells.str.endswith(zone)).str.slice(stop=-len(zone))
        if self.point == ",":
            texts = texts.str.replace(r"(:\d\d),(\d)", r"\1.\2", regex=True)
        if iso:
            texts = texts.where(texts.str.fullmatch(ISO))
        form = "ISO8601" if iso else self.format.replace(BARE, "").replace(FRACTION, ".%f")
        values = pd.to_datetime(texts.astype(object), format=form, errors="coerce")
        # pandas 3 reads years that nanoseconds cannot hold
        limits = pd.Timestamp.min, pd.Timestamp.max
        values = values.where(values.between(*limits)).astype("datetime64[ns]")
        if "%y" in self.format:
            late = values.dt.year > self.latest
            values = values.mask(late, values - pd.DateOffset(years=100))
        if self.offsets:
            return _in_utc(values, cells)
        return values.dt.tz_localize(_zone_name(zone)) if zone else values

    @property
    def _iso(self) -> bool:
        return bool(re.fullmatch(f"%Y-%m-%d(?:[T ]%H:%M(?::%S{FRACTION}?)?)?", self.format))

    def far(self, cells: pd.Series) -> pd.Series:
        """Which cells are dates of the calendar that lie outside the years 1678 to 2261."""
        form = re.split(r"(?:T|,? )%[HI]", self.format)[0]
        first, last = pd.Timestamp.min.year + 1, pd.Timestamp.max.year - 1

        def is_far(text: str) -> bool:
            part = PARTS.fullmatch(text)
            day = _day(part["date"], form) if part else None
            return day is not None and not first <= day.year <= last

        return cells.map(is_far).astype(bool)

    def _write(self, present: pd.Series) -> list[str]:
        if FRACTION in self.format:
            present = present.dt.floor(
                "ns" if self.digits > 6 else "us" if self.digits > 3 else "ms"
            )
        texts = present.dt.strftime(self.format).str.replace(BARE + "0", "").str.replace(BARE, "")
        texts = getattr(texts.str, self.case)() if self.case else texts
        if FRACTION in self.format:
            fractions = present.dt.microsecond * 1000 + present.dt.nanosecond
            texts = [
                text.replace(FRACTION, f"{self.point}{fraction:09d}"[: self.digits + 1])
                for text, fraction in zip(texts, fractions)
            ]
        return [text + (MIXED if self.offsets else self.zone) for text in texts]

    @property
    def style(self) -> str:
        return "ISO" if self._iso and not self.offsets else self.format

    def notice(self, example: str) -> str:
        zones = " in several zones, written in UTC" if self.offsets else ""
        if self._iso:
            return f"Read as dates{zones}"
        day = self.value(example)
        return f"Read as dates{zones} ({example} is {day.day} {day:%B %Y})"

    def choice(self, example: str) -> str:
        other = MONTH_FIRST if self.order == DAY_FIRST else DAY_FIRST
        return f"If the {other.split('-')[0]} comes first: --dates {other}"


def iso_form(resolution: str, dtype: str) -> Moment:
    """The ISO form of dates that came without one: exact to a schema's resolution, with the offset
    where the dtype has a zone."""
    digits = {"ms": 3, "us": 6, "ns": 9}.get(resolution, 0)
    if "," in dtype:  # a time zone
        return Moment(format=f"%Y-%m-%d %H:%M:%S{FRACTION if digits else ''}%z", digits=digits)
    time = "" if resolution == "D" else " %H:%M:%S" + (FRACTION if digits else "")
    return Moment(format=f"%Y-%m-%d{time}", digits=digits)


def _compact(judged: pd.Series, cells: pd.Series) -> Moment | None:
    """Dates written as digits only, such as 20240131, 20240131093000, 202401 or 240131."""
    for form, shape in COMPACT.items():
        if judged.str.fullmatch(shape).mean() >= ENOUGH:
            told = form.startswith("%Y%m%d") or cells.nunique() >= DATES_TO_TELL
            found = Moment(format=form)
            return replace(found, latest=found._latest(cells)) if told else None
    return None


def _date_formats(dates: list[str], choices: Choices) -> list[tuple[str, str]]:
    """(order, format) of the formats that read nearly all of the dates."""
    if choices.plain:
        known = [("", "%Y-%m-%d")]
    else:
        known = [(order, form) for order, forms in NUMERIC.items() for form in forms]
        known += [("", form) for form in WORDS if re.search("[A-Za-z]{3}", dates[0])]
    distinct = list(dict.fromkeys(dates))[:100]
    possible = [pair for pair in known if any(_day(date, pair[1]) for date in distinct[:3])]
    return [
        (order, form)
        for order, form in possible
        if sum(_day(date, form) is not None for date in distinct) >= ENOUGH * len(distinct)
    ]


def _day(text: str, form: str) -> datetime | None:
    """The date in the text, None if it is not written in this format."""
    try:
        return datetime.strptime(text, form)
    except ValueError:
        return None


def _time(part: re.Match) -> str:
    """Format of the time that follows the date, if one does."""
    if not part["time"]:
        return ""
    second = ":%S" + (FRACTION if part["fraction"] else "") if part["second"] else ""
    half = part["half"] or ""
    space = " " if half.startswith(" ") else ""
    return f"{part['gap']}%{'I' if half else 'H'}:%M{second}" + (f"{space}%p" if half else "")


def _zone_name(text: str) -> str:
    """A zone as pandas names it."""
    text = text.strip()
    return "UTC" if text in ("Z", "UTC", "GMT") else f"UTC{text[:3]}:{text[3:].strip(':') or '00'}"


def _in_utc(values: pd.Series, cells: pd.Series) -> pd.Series:
    """Local times in UTC, each by the offset at the end of its cell."""
    offsets = cells.str.extract(r"([-+]\d{2}):?(\d{2})?$")
    sign = np.where(cells.str.contains(r"-\d{2}:?\d{0,2}$"), -1, 1)
    minutes = offsets[0].fillna("0").astype(int).abs() * 60 + offsets[1].fillna("0").astype(int)
    return (values - pd.to_timedelta(sign * minutes.to_numpy(), unit="min")).dt.tz_localize("UTC")
