"""The lock: requirements.txt, compiled from the one hand-kept list in environment.yml."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from utils.course.places import ROOT


def direct_pins(root: Path = ROOT, file: str = "environment.yml") -> list[str]:
    """The pinned packages (``name==version``) in the pip section of an environment file."""
    import yaml

    listed = yaml.safe_load((root / file).read_text(encoding="utf-8"))["dependencies"]
    pip_section = next((entry["pip"] for entry in listed if isinstance(entry, dict)), [])
    return [line for line in pip_section if not line.startswith("-")]


def python_version(root: Path = ROOT, file: str = "environment.yml") -> str:
    """The ``major.minor`` of Python that an environment file pins."""
    import yaml

    listed = yaml.safe_load((root / file).read_text(encoding="utf-8"))["dependencies"]
    pin = next(entry for entry in listed if isinstance(entry, str) and entry.startswith("python="))
    return ".".join(pin.removeprefix("python=").split(".")[:2])


def compile_lock(uv: str, root: Path = ROOT) -> None:
    """Write requirements.txt with the exact versions and hashes for every platform; needs the
    program ``uv``.

    Versions that the present lock holds are kept as long as environment.yml allows them.
    """
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "environment.txt"
        listed.write_text("\n".join(direct_pins(root)) + "\n", encoding="utf-8")
        command = [
            uv,
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
            "--no-annotate",
        ]
        command += [
            "--python-version",
            python_version(root),
            "--custom-compile-command",
            "make lock",
        ]
        subprocess.run(
            [*command, str(listed), "--output-file", "requirements.txt"], cwd=root, check=True
        )
