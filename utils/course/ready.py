"""Is this machine ready for a workshop? Versions, memory, disk, a kernel, one fit of each
method."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from utils.course.places import ROOT

MEMORY, DISK = 2.0, 1.0  # GB that lessons need to be free
SMALL = {  # fits of seconds, for methods that would take longer
    "gan": {"epochs": 1},
    "vae": {"epochs": 1},
    "diffusion": {"epochs": 1},
    "autoregressive": {"epochs": 1},
}
ROWS = 300  # of the screen-time table, for each fit
DRAWN = 5  # rows drawn from each


class NotReady(RuntimeError):
    """What is missing, and how to mend it."""


def steps() -> dict[str, Callable[[], str]]:
    """What is looked at, in order: name -> a function that says what it found or raises."""
    from utils.synthesizers import SYNTHESIZERS

    fits = {f"fit of {method}": _fit(method) for method in SYNTHESIZERS}
    return {
        "Python": python,
        "packages": packages,
        "memory": memory,
        "disk": disk,
        "kernel": kernel,
        **fits,
    }


def python() -> str:
    """The version of Python that runs; an older one does not come so far."""
    return sys.version.split()[0]


def packages() -> str:
    """Whether all packages of the lock are here, in its versions."""
    from packaging.requirements import Requirement

    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    here = [one for one in locked if one.marker is None or one.marker.evaluate()]
    wrong = [one for one in here if _version(one.name) not in one.specifier]
    if wrong:
        raise NotReady(
            f"{len(wrong)} of {len(here)} packages are missing or of another version, such as "
            f"{wrong[0]}. Run `make lab` once, with the network on."
        )
    return f"{len(here)} as the lock says"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "0"


def memory() -> str:
    """Free memory in GB."""
    import psutil

    free = psutil.virtual_memory().available / 1e9
    if free < MEMORY:
        raise NotReady(f"Only {free:.1f} GB of memory are free; lessons take up to {MEMORY:g} GB.")
    return f"{free:.1f} GB free"


def disk() -> str:
    """Free space in GB where the course lies."""
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < DISK:
        raise NotReady(f"Only {free:.1f} GB of disk are free; {DISK:g} are needed.")
    return f"{free:.0f} GB free"


def kernel() -> str:
    """Whether a notebook can be run."""
    import nbformat

    from utils.course.run import execute

    cell = nbformat.v4.new_code_cell("print(6 * 7)")
    page = nbformat.v4.new_notebook(cells=[cell])
    with tempfile.TemporaryDirectory() as folder:
        execute(page, Path(folder, "probe.ipynb"), timeout=60)
    return f"it says {page.cells[0].outputs[0].text.strip()}"


def _fit(method: str) -> Callable[[], str]:
    def fit() -> str:
        from utils.synthesizers import SYNTHESIZERS
        from utils.tables import load_screentime, screentime_schema

        table = load_screentime().drop(columns="Date").head(ROWS)
        schema = screentime_schema(table)
        model = SYNTHESIZERS[method](random_state=0, **SMALL.get(method, {}))
        drawn = model.fit(table, schema=schema).sample(DRAWN)
        return f"{len(drawn)} rows drawn"

    return fit


def look(tell: Callable[[str], None]) -> bool:
    """Go through all steps, telling each; whether all went well. The last line sums it up."""
    missing = []
    for name, step in steps().items():
        try:
            tell(f"{name:<24}{step()}")
        except Exception as error:  # whatever it is, the teacher reads it before the class does
            missing.append(name)
            tell(f"{name:<24}MISSING: {error}")
    tell("Ready." if not missing else f"Not ready: {', '.join(missing)} (see above).")
    return not missing
