"""Numbers as people write them: decimal commas, thousands, percent, currencies, parentheses."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import mode
from typing import ClassVar

import numpy as np
import pandas as pd

from utils.reading.forms import Choices, Form, sample, whole

ENOUGH = 0.9  # share of a sample that must look like a number
CURRENCY = (
    r"[A-Z]{0,2}[$€£¥₹₽₩₺₫₪₦฿₴₱¢]|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF"
    r"|BRL|MXN|ZAR|kr\.?|Rs\.?|Fr\.?|zł|Kč|Ft"
)
UNITS = (  # written without a space; with one, any word will do
    r"ms|s|sec|secs|min|mins|h|hr|hrs|d|days?|weeks?|mm|cm|m|km|mi|ft|in|mg|g|kg|lbs?|t|ml|cl|l|L"
    r"|kB|MB|GB|TB|kWh|kW|W|V|A|Hz|kHz|MHz|GHz|°C|°F|°|x|k|K|M"
)
SPACES = r"[ \u00a0\u202f]"
SHAPE = re.compile(
    rf"\(?[-+−]?(?P<prefix>(?:(?:{CURRENCY}){SPACES}?)?)[-+−]?"
    r"(?P<digits>\d[\d.,'’ \u00a0\u202f]*(?<![ \u00a0\u202f])|[.,]\d+)"
    r"(?:[eE][-+]?\d+)?"
    rf"(?P<suffix>(?:{SPACES}?(?:%|‰|{CURRENCY}|{UNITS})|{SPACES}[^\W\d_]{{1,12}})?)[-−]?\)?"
)
PLAIN = r"[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|inf|Inf|INF|infinity|Infinity)"
LEADING_ZERO = r"[-+]?0\d+(?:[eE]\d+)?"
POWER, CODE = r"\d+[eE]\d+", r"\d+[A-DF-Za-df-z]\d+"  # 7E3, and 7A3, beside which it is a code
VERSION = r"\d+\.(?:\d|1\d|20)"  # amounts have cents of all sizes, and 1.05
PHONE = r"\+\d{7,}"
LARGEST_WHOLE = 2**63 - 1
EXACT = 10**15  # so many digits of a float64 mean something


@dataclass(frozen=True)
class Number(Form):
    """A number: its signs, what stands before and behind it, and how many digits follow the point.

    decimals, fewest : most and fewest digits behind the decimal sign.  singular : of a suffix that
    is a plural (1 day, 2 days).  exponent : "e" or "E" where all cells have one.  negative : how a
    negative number is written, with {0} for the prefix and {1} for what follows it.
    """

    decimal: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""
    singular: str = ""
    plus: bool = False
    negative: str = "-{0}{1}"
    decimals: int = 0
    fewest: int = 0
    exponent: str = ""
    what: ClassVar[str] = "numbers"

    @classmethod
    def find(cls, cells: pd.Series, choices: Choices) -> Number | None:
        judged = sample(cells).tolist()
        if cells.str.fullmatch(PHONE).all():
            return None
        if cells.name not in choices.numbers and why_codes(cells, choices):
            return None
        plain = sum(re.fullmatch(PLAIN, cell) is not None for cell in judged)
        if plain >= ENOUGH * len(judged) and choices.decimal != "comma":
            return cls()._measured(cells)
        parts = [found for cell in judged if (found := SHAPE.fullmatch(cell))]
        if len(parts) < ENOUGH * len(judged):
            return None
        form = cls._affixed(parts, choices)
        return form and form._measured(cells)

    @classmethod
    def _affixed(cls, parts: list[re.Match], choices: Choices) -> Number | None:
        """The form of cells that are no plain numbers, but for their decimals."""
        prefix = mode(part["prefix"] for part in parts)
        suffix = mode(part["suffix"] for part in parts)
        singular = ""
        if suffix and f"{suffix}s" in {part["suffix"] for part in parts}:
            suffix += "s"
        if suffix.endswith("s") and suffix[:-1] in {part["suffix"] for part in parts}:
            singular = suffix[:-1]
        style = _style([part["digits"] for part in parts], choices)
        if style is None or (choices.plain and (prefix or suffix or style[1])):
            return None
        decimal, thousands, ambiguous = style
        return cls(
            decimal=decimal,
            thousands=thousands,
            ambiguous=ambiguous,
            prefix=prefix,
            suffix=suffix,
            singular=singular,
        )

    def _measured(self, cells: pd.Series) -> Number:
        """The same form, with the digits, exponents and signs that the cells have."""
        ways = {"({0}{1})": r"\(.*\d.*\)", "{0}{1}-": r".*\d.*[-−]"}
        ways["{0}-{1}"] = rf"{re.escape(self.prefix)}[-+−].*"
        negative = next((way for way in ways if cells.str.fullmatch(ways[way]).any()), "-{0}{1}")
        true_minus = cells.str.contains("−").any()
        form = replace(self, negative=negative.replace("-", "−") if true_minus else negative)
        plain = form._plain(cells).dropna().drop_duplicates()
        plain = plain[~plain.str.contains("n")]  # infinite
        if plain.empty:
            return form
        parts = [Decimal(text).as_tuple() for text in plain]
        digits = [-part.exponent for part in parts]
        powers = plain[plain.str.contains("[eE]")]
        unsigned = ~plain.str.startswith("-") & ~plain.str.fullmatch("0*[.]?0*")
        changes = {
            "decimals": max(digits),
            "fewest": min(digits),
            "plus": bool(unsigned.any() and plain[unsigned].str.startswith("+").all()),
        }
        if len(powers) == len(plain):
            changes["exponent"] = "E" if "E" in powers.iloc[0] else "e"
            changes["decimals"] = max(len(part.digits) for part in parts) - 1
        elif len(powers):
            changes |= {"decimals": min(max(*digits, 1), 17), "fewest": 0}
        return replace(form, **changes)

    def read(self, cells: pd.Series) -> pd.Series:
        plain = self._plain(cells)
        if self.decimals or self.exponent or plain.str.contains("[.eEn]").any():
            numbers = plain.to_numpy(dtype=object, na_value=np.nan)
            return pd.Series(numbers.astype(np.float64), cells.index)
        values = plain.astype(object).map(int, na_action="ignore")
        if values.abs().max() > LARGEST_WHOLE:
            return pd.Series(np.nan, cells.index)  # more digits than a whole number holds: a code
        return whole(values)

    def _plain(self, cells: pd.Series) -> pd.Series:
        """The cells as Python writes numbers, missing where they are not written in this form."""
        cells = cells.str.replace("−", "-", regex=False)
        if self._is_plain:
            return cells.where(cells.str.fullmatch(PLAIN))
        before, behind = re.escape(self.prefix), re.escape(self.suffix)
        if self.singular:
            behind = rf"(?:{behind}|{re.escape(self.singular)})"
        number = rf"{_digits(self.decimal, self.thousands)}(?:[eE][-+]?\d+)?{behind}"
        ways = (rf"[-+]?{before}{number}", rf"{before}[-+]{number}")
        ways += (rf"\({before}{number}\)", rf"{before}{number}-")
        cells = cells.where(cells.str.fullmatch(f"(?:{'|'.join(ways)})"))
        cells = cells.str.replace(r"^\((.*)\)$|^(.*)-$", r"-\1\2", regex=True)
        for text in (self.suffix, self.singular, self.prefix, self.thousands):
            cells = cells.str.replace(text, "", regex=False) if text else cells
        return cells.str.replace(self.decimal, ".", regex=False)

    @property
    def _is_plain(self) -> bool:
        signs = (self.decimal, self.thousands) == (".", "") and self.negative.endswith("}")
        return signs and not (self.prefix or self.suffix)

    def _text(self, value: float) -> str:
        digits = self._digits_of(abs(value))
        negative = value < 0 and digits.strip("0.,") != ""
        if self.decimal != "." or self.thousands not in ("", ","):
            digits = digits.translate({ord("."): self.decimal, ord(","): self.thousands})
        suffix = self.singular if self.singular and value == 1 else self.suffix
        other = "+{0}{1}" if self.plus and value else "{0}{1}"
        return (self.negative if negative else other).format(self.prefix, digits + suffix)

    def _digits_of(self, value: float) -> str:
        """The digits of a number that is not negative, with commas and point as in English."""
        comma = "," if self.thousands else ""
        if self.exponent:
            return f"{value:.{self.decimals}{self.exponent}}"
        if isinstance(value, int) or not self.decimals:
            return f"{round(value):{comma}d}"
        if self.fewest == self.decimals or value * 10**self.decimals < EXACT:
            before, _, digits = f"{value:{comma}.{self.decimals}f}".partition(".")
            digits = digits[: self.fewest] + digits[self.fewest :].rstrip("0")
            return f"{before}.{digits}" if digits else before
        return np.format_float_positional(value, precision=self.decimals, trim="-")

    @property
    def style(self) -> str:
        return f"{self.prefix}1{self.thousands}000{self.decimal}0{self.suffix}"

    def notice(self, example: str) -> str:
        if self._is_plain:
            return ""
        return f"Read as numbers ({example} is {self.value(example):.12g})"

    def choice(self, example: str) -> str:
        other = "point" if self.decimal == "," else "comma"
        return f"If the {other} is the decimal sign: --decimal {other}"


def why_codes(cells: pd.Series, choices: Choices) -> str:
    """Why cells that look like numbers are codes, "" if they are none."""
    if cells.str.fullmatch(LEADING_ZERO).any():
        return "for its leading zeros"
    if choices.plain:
        return ""
    powers = cells[cells.str.fullmatch(POWER)]
    if len(powers) and cells.str.fullmatch(CODE).any():
        return f"since {powers.iloc[0]} would be {float(powers.iloc[0]):g} as a number"
    return "since 1.10 would be 1.1 as a number" if _are_versions(cells) else ""


def _are_versions(cells: pd.Series) -> bool:
    """Whether the cells count on from 1.9 to 1.10."""
    versions = cells.str.fullmatch(VERSION).all() and cells.str.fullmatch(r"\d+\.\d").any()
    return bool(versions and cells.str.fullmatch(r"\d+\.[12]0").any())


def _digits(decimal: str, thousands: str) -> str:
    """Pattern of a number without a sign; groups of three digits where thousands are set apart."""
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+|" if thousands else ""
    return rf"(?:(?:{grouped}\d+)(?:{re.escape(decimal)}\d*)?|{re.escape(decimal)}\d+)"


def _style(digits: list[str], choices: Choices) -> tuple[str, str, bool] | None:
    """Decimal sign, thousands sign, and whether the other decimal sign would do as well; None if
    neither fits nearly all."""
    best = {}
    for decimal, other in ((".", ","), (",", ".")):
        signs = ["", other, " ", "\u00a0", "\u202f", "'", "’"]
        fits = {
            sign: sum(re.fullmatch(_digits(decimal, sign), text) is not None for text in digits)
            for sign in signs
        }
        sign = max(signs, key=fits.get)  # the plainest of those that fit best
        best[decimal] = (fits[sign], sign)
    point, comma = best["."][0], best[","][0]
    ambiguous = point == comma and any(re.search("[.,]", text) for text in digits)
    decimal = "," if comma > point or (ambiguous and choices.decimal == "comma") else "."
    if best[decimal][0] < ENOUGH * len(digits):
        return None
    return decimal, best[decimal][1], ambiguous and choices.decimal is None
