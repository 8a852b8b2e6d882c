"""Who races: the course's generators, the control, and the reference libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.benchmarks.source import fingerprint
from tests.benchmarks.tables import DAYS, TABLES, YEAR, digest
from utils.course.places import build_folder
from utils.results import CONTROL, FRESH
from utils.synthesizers import SYNTHESIZERS, LanguageModelSynthesizer

PEERS_FOLDER = Path(__file__).parent / "peers"
PEERS_PYTHON = build_folder() / "peers" / "bin" / "python"
COURSE, PEERS = "tests.benchmarks.fit_course", "tests.benchmarks.peers"
JUDGES = ("utils.scoring.metrics", "tests.benchmarks.judging")
PUBLISHED = f"{PEERS}.published"
KINDS = ("yardstick", "control", "course", "peer")
LARGE = ("Adult", "flights")


@dataclass(frozen=True)
class Method:
    """A method of the race.

    kind : one of :data:`KINDS`.  name : as its module knows it.  module : what fits it, in the
    environment of ``python``.  code : the modules whose code makes its rows, and ``pins``: the
    libraries.  iterative : learns in epochs, so it has budgets.  tables : that it races on.
    once : tables with one seed only.
    """

    kind: str
    name: str
    python: Path = Path(sys.executable)
    module: str = COURSE
    code: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    iterative: bool = False
    tables: tuple[str, ...] = tuple(TABLES)
    once: tuple[str, ...] = ()

    def seeds(self, table: str) -> tuple[int, ...]:
        """The seeds it races with on a table."""
        return TABLES[table].seeds[: 1 if table in self.once else None]


def _peer(name: str, module: str, pin: str, **options) -> Method:
    module = f"{PEERS}.{module}"
    return Method("peer", name, PEERS_PYTHON, module, (module,), (pin,), **options)


@cache
def methods() -> dict[str, Method]:
    """Name -> method, in the order in which they race: the slowest last."""
    course = {
        name: Method(
            "course", name, code=(kind.__module__,), iterative="epochs" in kind().get_params()
        )
        for name, kind in sorted(SYNTHESIZERS.items())
        if kind is not LanguageModelSynthesizer  # three rows a second: it has a test of its own
    }
    return {
        FRESH: Method("yardstick", FRESH),
        CONTROL: Method(
            "control", CONTROL, code=("tests.benchmarks.control",), tables=(YEAR, DAYS)
        ),
        **course,
        "SDV GaussianCopula": _peer("GaussianCopula", "fit_sdv", "sdv"),
        "TabularARGN": _peer("TabularARGN", "fit_argn", "mostlyai-engine", once=tuple(TABLES)),
        "SDV TVAE": _peer("TVAE", "fit_sdv", "sdv", iterative=True),
        "SDV CTGAN": _peer("CTGAN", "fit_sdv", "sdv", iterative=True, once=LARGE),
    }


@cache
def source(table: str, method: str) -> str:
    """Fingerprint of all that decides about a run: generator, judge, schema, data, libraries."""
    name = method if method in methods() else FRESH  # yardsticks are measured together
    code, versions = [*JUDGES, *methods()[name].code], list(methods()[name].pins)
    if TABLES[table].published:
        code.append(PUBLISHED)
        versions += ["sdmetrics", "xgboost-cpu"]
    return fingerprint(code, [digest(table), *pins(versions)])


def pins(names: Iterable[str], file: str = "requirements.txt") -> list[str]:
    """The lines of a file of the peers' requirements that pin these libraries."""
    lines = (PEERS_FOLDER / file).read_text(encoding="utf-8").splitlines()
    return [line for name in names for line in lines if line.startswith(f"{name}==")]
