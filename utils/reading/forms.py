"""How a column is written in a file: text becomes values, and values become the same kind of text.

Each form is found from the cells of a column, reads them, and writes values back as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

ROWS_TO_JUDGE = 500  # by which a form is found; all rows are read by it afterwards


@dataclass(frozen=True)
class Choices:
    """What a person decided about a file, where its cells leave it open.

    dates : "day-first" or "month-first".  decimal : "comma" or "point".  text : columns to read as
    text.  numbers : columns to read as numbers, though they look like versions.  plain : numbers
    and ISO dates only, all cells or none, as notebooks expect.  forms : column -> the form that it
    has in a table to which this one belongs; it is tried first.
    """

    dates: str | None = None
    decimal: str | None = None
    text: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    plain: bool = False
    forms: Mapping[str, Form] = field(default_factory=dict)


@dataclass(frozen=True)
class Form:
    """How the values of a column are written.

    missing : what stands for a missing value.  ambiguous : another reading of the cells is as good.
    """

    missing: str = ""
    ambiguous: bool = False
    what: ClassVar[str] = "text"

    @classmethod
    def find(cls, cells: pd.Series, choices: Choices) -> Form | None:
        """The form of these cells (string, stripped, none missing), or None if it is not theirs."""
        raise NotImplementedError

    def read(self, cells: pd.Series) -> pd.Series:
        """Values of the cells (string series); missing where a cell is not written in this form."""
        raise NotImplementedError

    def write(self, values: pd.Series) -> pd.Series:
        """Text of the values, object series; ``missing`` where a value is missing."""
        present = values[values.notna().to_numpy()]
        texts = pd.Series(self._write(present), present.index, dtype=object)
        return texts.reindex(values.index, fill_value=self.missing)

    def _write(self, present: pd.Series) -> list[str]:
        return [self._text(value) for value in present.tolist()]

    def _text(self, value) -> str:
        return str(value)

    def value(self, text: str):
        """The value of one cell."""
        return self.read(pd.Series([text], dtype="string[pyarrow]")).iloc[0]

    @property
    def style(self) -> str:
        """What columns have in common that one notice can speak of."""
        return type(self).__name__

    def notice(self, example: str) -> str:
        """What a reader should know about how the cells are read, such as the example; "" if it is
        plain."""
        return ""

    def choice(self, example: str) -> str:
        """For an ambiguous form: the other reading, and the option that asks for it."""
        return ""


@dataclass(frozen=True)
class Text(Form):
    """Text as it stands; only an empty cell is missing."""

    def read(self, cells: pd.Series) -> pd.Series:
        values = cells.astype(object)
        return values.where(cells != "", np.nan)


@dataclass(frozen=True)
class Truth(Form):
    """The two words for true and false."""

    yes: str = "True"
    no: str = "False"
    what: ClassVar[str] = "booleans"

    @classmethod
    def find(cls, cells: pd.Series, choices: Choices) -> Truth | None:
        words = cells.value_counts().index.tolist()  # the commonest spelling first
        if not {word.lower() for word in words} <= {"true", "false"}:
            return None
        spelt = {word.lower(): word for word in reversed(words)}
        other = str.upper if words[0].isupper() else str.lower if words[0].islower() else str.title
        return cls(yes=spelt.get("true", other("true")), no=spelt.get("false", other("false")))

    def read(self, cells: pd.Series) -> pd.Series:
        values = cells.str.lower().astype(object).map({"true": True, "false": False})
        return values.astype(bool) if values.notna().all() else values

    def _text(self, value) -> str:
        return self.yes if value else self.no


def whole(values: pd.Series) -> pd.Series:
    """Whole numbers (object or float series) as int64, Int64 where some are missing."""
    return values.astype("int64" if values.notna().all() else "Int64")


def sample(cells: pd.Series) -> pd.Series:
    """Cells spread evenly over the column, enough to judge it by."""
    places = np.linspace(0, len(cells) - 1, min(len(cells), ROWS_TO_JUDGE)).astype(int)
    return cells.iloc[places]
