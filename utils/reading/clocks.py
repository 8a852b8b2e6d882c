"""Times of day and durations, as numbers of their smallest part."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from utils.reading.forms import ROWS_TO_JUDGE, Choices, Form, sample, whole

ENOUGH = 0.9  # share of a sample that must look like a time
CLOCK = re.compile(
    r"(?P<minus>-?)(?:(?P<days>\d+)(?P<day> days?,? ))?(?P<first>\d{1,7}):(?P<second>[0-5]\d)"
    r"(?::(?P<third>[0-5]\d))?(?:\.(?P<fraction>\d{1,9}))?(?P<half> ?[AaPp][Mm])?"
)
HALF_DAY, DAY = 12, 24  # hours
SECONDS = {
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
}
PART = rf"(\d+) ?({'|'.join(sorted(SECONDS, reverse=True))})(?![a-z])"
PHRASE = re.compile(f"{PART}(?:[ ,]*{PART})*")


@dataclass(frozen=True)
class Clock(Form):
    """A time of day or a duration with colons, as a number of its last part: 10:05 is 605 minutes,
    01:00:10 is 3,610 seconds, 1:02.5 is 62.5 seconds.

    parts : numbers between colons, 2 or 3.  digits : behind the point.  padded : the first part has
    two digits.  half : how AM and PM are written.  day : text after the number of days.  plural :
    one day is written like several (1 days), as pandas does.
    """

    parts: int = 2
    digits: int = 0
    padded: bool = True
    half: str = ""
    day: str = ""
    plural: bool = False
    what: ClassVar[str] = "times"

    @classmethod
    def find(cls, cells: pd.Series, choices: Choices) -> Clock | None:
        texts = sample(cells).tolist()
        found = [match for text in texts if (match := CLOCK.fullmatch(text))]
        if choices.plain or len(found) < ENOUGH * len(texts):
            return None
        return cls(
            parts=3 if any(match["third"] for match in found) else 2,
            digits=max(len(match["fraction"] or "") for match in found),
            padded=all(len(match["first"]) > 1 for match in found),
            half=next((match["half"] for match in found if match["half"]), ""),
            day=max((match["day"] or "" for match in found), key=len),
            plural=any(match["days"] == "1" and "days" in match["day"] for match in found),
        )

    def read(self, cells: pd.Series) -> pd.Series:
        values = cells.astype(object).map(
            {text: self._value(CLOCK.fullmatch(text)) for text in cells.unique()}
        )
        return values.astype(np.float64) if self.digits else whole(values)

    def _value(self, match: re.Match | None) -> float:
        if match is None or (3 if match["third"] else 2) != self.parts:
            return np.nan
        first = int(match["first"])
        if bool(match["half"]) != bool(self.half) or (self.half and first > HALF_DAY):
            return np.nan
        if self.half:
            first = first % HALF_DAY + HALF_DAY * ("p" in match["half"].lower())
        value = (first + DAY * int(match["days"] or 0)) * 60 + int(match["second"])
        value = value * 60 + int(match["third"]) if self.parts == 3 else value
        fraction = int(match["fraction"]) / 10 ** len(match["fraction"]) if match["fraction"] else 0
        return (-1 if match["minus"] else 1) * (value + fraction)

    def _text(self, value: float) -> str:
        scale = 10**self.digits
        rest, fraction = divmod(round(abs(value) * scale), scale)
        rest, last = divmod(rest, 60)
        middle = ""
        if self.parts == 3:
            rest, minutes = divmod(rest, 60)
            middle = f"{minutes:02d}:"
        days, rest = divmod(rest, DAY) if self.day else (0, rest)
        half = ""
        if self.half:
            half = "PM" if rest >= HALF_DAY else "AM"
            half = self.half[:-2] + (half if self.half.isupper() else half.lower())
            rest = (rest - 1) % HALF_DAY + 1
        singular = days == 1 and not self.plural
        before = f"{days}{self.day.replace('days', 'day') if singular else self.day}"
        first = f"{rest:02d}" if self.padded else str(rest)
        behind = f".{fraction:0{self.digits}d}" if self.digits else ""
        sign = "-" if value < 0 else ""
        return f"{sign}{before if self.day else ''}{first}:{middle}{last:02d}{behind}{half}"

    @property
    def style(self) -> str:
        return "seconds" if self.parts == 3 or self.digits else "minutes"

    def notice(self, example: str) -> str:
        return f"Read as {self.style} ({example} is {self.value(example):g})"


@dataclass(frozen=True)
class Phrase(Form):
    """A duration in several units, such as 1h 30m, in seconds.

    units : (text, seconds) of each unit, the largest first.  space : between number and unit.  gap
    : between units.  always : seconds of the units that stand in every cell, also as 0.  plural :
    1 is written like the others (1 hours).  padded : two digits behind the first unit (1h05m).
    """

    units: tuple[tuple[str, int], ...] = ()
    space: str = ""
    gap: str = " "
    always: tuple[int, ...] = ()
    plural: bool = False
    padded: bool = False
    what: ClassVar[str] = "durations"

    @classmethod
    def find(cls, cells: pd.Series, choices: Choices) -> Phrase | None:
        texts = [text for text in sample(cells) if PHRASE.fullmatch(text)]
        if choices.plain or len(texts) < ENOUGH * min(len(cells), ROWS_TO_JUDGE):
            return None
        parts = [re.findall(PART, text) for text in texts]
        words = sorted({word for part in parts for _, word in part}, key=len)
        units = {SECONDS[word]: word for word in words}  # of day and days, the plural
        if len(units) < 2:
            return None
        longest = max(texts, key=len)
        gap = re.search(r"[a-z]([ ,]*)\d", longest)
        return cls(
            units=tuple((units[seconds], seconds) for seconds in sorted(units, reverse=True)),
            space=" " if re.search(r"\d [a-z]", longest) else "",
            gap=gap.group(1) if gap else " ",
            always=tuple(set.intersection(*({SECONDS[word] for _, word in p} for p in parts))),
            plural=any(
                number == "1" and len(word) > 2 and word.endswith("s")
                for part in parts
                for number, word in part
            ),
            padded=any(re.search(r"[a-z][ ,]*0\d", text) for text in texts),
        )

    def read(self, cells: pd.Series) -> pd.Series:
        values = {text: self._value(text) for text in cells.unique()}
        return whole(cells.astype(object).map(values))

    @staticmethod
    def _value(text: str) -> float:
        if not PHRASE.fullmatch(text):
            return np.nan
        return sum(int(count) * SECONDS[word] for count, word in re.findall(PART, text))

    def _text(self, value: float) -> str:
        said, rest = [], round(value)
        for word, seconds in self.units:
            count, rest = divmod(rest, seconds)
            one = count == 1 and not self.plural and len(word) > 2
            shown = word.removesuffix("s") if one else word
            width = 2 if self.padded and said else 1
            if count or seconds in self.always:
                said.append(f"{count:0{width}d}{self.space}{shown}")
        return self.gap.join(said) or f"0{self.space}{self.units[-1][0]}"

    def notice(self, example: str) -> str:
        return f"Read as seconds ({example} is {self.value(example):g})"
