"""The lock: requirements.txt, compiled from the one hand-kept list in environment.yml."""

from __future__ import annotations

import subprocess
from pathlib import Path

from utils.course.places import ROOT

OPTIONS = "--quiet --universal --generate-hashes --no-annotate --output-file requirements.txt"


def direct_pins(root: Path = ROOT, file: str = "environment.yml") -> list[str]:
    """The pinned packages (``name==version``) in the pip section of an environment file."""
    sections = [entry["pip"] for entry in _listed(root, file) if isinstance(entry, dict)]
    return [line for section in sections for line in section if not line.startswith("-")]


def python_version(root: Path = ROOT, file: str = "environment.yml") -> str:
    """The ``major.minor`` of Python that an environment file pins."""
    pins = [entry for entry in _listed(root, file) if str(entry).startswith("python=")]
    return ".".join(pins[0].removeprefix("python=").split(".")[:2])


def _listed(root: Path, file: str) -> list:
    import yaml

    return yaml.safe_load((root / file).read_text(encoding="utf-8"))["dependencies"]


def compile_lock(uv: str, root: Path = ROOT) -> None:
    """Write requirements.txt: exact versions and hashes for every platform, by the program ``uv``.

    Versions that the present lock holds are kept as long as environment.yml allows them.
    """
    command = [uv, "pip", "compile", *OPTIONS.split(), "--python-version", python_version(root)]
    command += ["--custom-compile-command", "make lock", "-"]  # the last: read from standard input
    subprocess.run(command, cwd=root, check=True, text=True, input="\n".join(direct_pins(root)))
