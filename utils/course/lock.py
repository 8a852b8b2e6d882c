"""The locks: requirements.txt from the one hand-kept list in environment.yml, and those of other
environments, which `make portable` tries, from the loose list in pyproject.toml."""

from __future__ import annotations

import subprocess
from pathlib import Path

from utils.course.places import ROOT

OPTIONS = ["--quiet", "--generate-hashes", "--no-annotate", "--custom-compile-command=make lock"]
PORTABLE = "tests/portable"  # holds the locks of the other environments
OTHERS = {
    "colab": ["--python-version", "3.13", "--constraint", f"{PORTABLE}/colab_versions.txt"],
    "newest": ["--python-version", "3.12", "--upgrade"],  # on the day that `make lock` runs
}


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


def compile_locks(uv: str, root: Path = ROOT) -> None:
    """Write requirements.txt (for every platform) and the locks in tests/portable by ``uv``.

    Versions that the present locks hold are kept as long as they are allowed, but for ``newest``.
    """
    wanted = ["--universal", "--python-version", python_version(root), "-"]  # from standard input
    _compile(uv, root, "requirements.txt", wanted, "\n".join(direct_pins(root)))
    for name, options in OTHERS.items():
        wanted = [*options, "--extra", "course", "pyproject.toml"]
        _compile(uv, root, f"{PORTABLE}/{name}.txt", wanted)


def _compile(uv: str, root: Path, lock: str, wanted: list[str], listed: str = "") -> None:
    command = [uv, "pip", "compile", *OPTIONS, "--output-file", lock, *wanted]
    subprocess.run(command, cwd=root, check=True, text=True, input=listed)
