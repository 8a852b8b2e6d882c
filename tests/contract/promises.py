"""All promises together, kept by one class a method and set of options."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import pytest

from tests.contract.conditions import Conditions
from tests.contract.conventions import Conventions
from tests.contract.files import Files
from tests.contract.refits import Refits
from tests.contract.rows import AwkwardTables, Chunks, Rows
from tests.contract.tables import TABLES, WIDE, wider
from utils.synthesizers import SYNTHESIZERS, Synthesizer


class Contract(Conventions, Rows, AwkwardTables, Chunks, Conditions, Refits, Files):
    """What each generator promises. A method's test module says, in a class that is named Test...:

    method, options : what is tested.  bad : a parameter that it has, and a value that is refused.
    planted : the table whose chances it can represent, "grouped" or "ordered"; planted_options :
    what it needs to learn it, besides ``options``; band : how near its chances come.
    independent : it says nothing of how columns hang together.
    keeps_group_ranges : numbers stay in the range that they have in their app.

    One fit of each table is shared by all tests that only read it; a test that changes a fit
    changes a copy.
    """

    pytestmark = pytest.mark.filterwarnings("error")
    method: str
    options: ClassVar[dict] = {}
    bad: tuple
    planted = "grouped"
    planted_options: ClassVar[dict] = {}
    band = 0.04
    independent = False
    keeps_group_ranges = False

    @classmethod
    def make(cls, **more) -> Synthesizer:
        """The generator before its fit."""
        return SYNTHESIZERS[cls.method](**cls.options | more)

    @classmethod
    def one_epoch(cls) -> dict:
        """The parameter by which a generator learns least, where it has one."""
        return {"epochs": 1} if "epochs" in cls.make().get_params() else {}

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls):
        """A function: name of a table -> the generator fitted to it, once."""

        @cache
        def of(name: str) -> Synthesizer:
            more = cls.planted_options if name in WIDE else {}
            schema = wider(TABLES[name]) if name in WIDE else None
            return cls.make(**more).fit(TABLES[name], schema)

        return of
