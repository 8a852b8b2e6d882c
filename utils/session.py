"""The first line of every lesson: settings before TensorFlow loads, seeds, threads, plot style."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from importlib import import_module, metadata
from pathlib import Path

TENSORFLOW_SETTINGS = {
    # TensorFlow's C++ log lines reach the stored output of a notebook but not that of a test:
    # silence them.
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # oneDNN announces itself and changes the last digits from one CPU to the next.
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "KERAS_BACKEND": "tensorflow",
}
THREADS = min(2, os.cpu_count() or 1)
TENSORFLOW_THREAD_VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Colab ships these, matched to its machines. Another version breaks the running kernel.
NEVER_INSTALL = ("numpy", "pandas", "tensorflow", "keras")
PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def start_lesson(seed: int = 0) -> None:
    """Make this kernel ready for a lesson; safe to call again. Prints nothing.

    Sets what TensorFlow reads when it loads, caps threads (values already in the environment win),
    seeds ``random`` and ``numpy.random`` with ``seed`` and sets the plot style. On Colab it first
    installs the packages that are missing.

    Raises
    ------
    RuntimeError
        TensorFlow was loaded before its settings, or Colab could not install a missing package.
    """
    if "google.colab" in sys.modules:
        install_missing()
    _set_tensorflow_settings()
    _cap_threads()
    _seed(seed)
    import_module("utils.plots").use_course_style()


def install_missing() -> list[str]:
    """Install what ``pyproject.toml`` asks for and this Python lacks, but nothing of NEVER_INSTALL.

    Returns the requirements that were handed to pip (an empty list when nothing was missing).
    """
    missing = [requirement for requirement in _dependencies() if _is_missing(_name(requirement))]
    if missing:
        _pip_install(missing)
    return missing


def _set_tensorflow_settings() -> None:
    wrong = [name for name, value in TENSORFLOW_SETTINGS.items() if os.environ.get(name) != value]
    loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
    if wrong and loaded:
        raise RuntimeError(
            f"{' and '.join(loaded)} is already loaded, but {', '.join(wrong)} must be set before. "
            "Restart the kernel and run the setup cell first, then the cells below it."
        )
    set_for_tensorflow()


def set_for_tensorflow() -> None:
    """Set what TensorFlow reads when it loads; its threads follow OMP_NUM_THREADS unless named."""
    os.environ.update(TENSORFLOW_SETTINGS)
    threads = os.environ.get("OMP_NUM_THREADS", str(THREADS)).split(",")[0]
    for variable in TENSORFLOW_THREAD_VARIABLES:
        os.environ.setdefault(variable, threads)


def _cap_threads() -> None:
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, str(THREADS))
    # Idle OpenMP threads sleep instead of spinning on a core that another process needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Libraries that were loaded before (numpy in most kernels) no longer read the environment.
    limit = int(os.environ["OMP_NUM_THREADS"].split(",")[0])
    import_module("threadpoolctl").threadpool_limits(limits=limit)


def _seed(seed: int) -> None:
    random.seed(seed)
    import_module("numpy").random.seed(seed)


def _dependencies() -> list[str]:
    import tomllib

    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]


def _name(requirement: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(requirement).name


def _is_missing(name: str) -> bool:
    return name not in NEVER_INSTALL and _version(name) is None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _pip_install(requirements: list[str]) -> None:
    """Install, with NEVER_INSTALL's versions held still: none may bring another numpy along."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(_held_versions()), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", constraints]
        done = subprocess.run([*command, *requirements], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"Could not install {', '.join(requirements)}: {done.stderr.strip()}\n"
            "Check the connection, then run the setup cell again."
        )


def _held_versions() -> list[str]:
    """One ``name==version`` line for each package of NEVER_INSTALL that is here."""
    return [f"{name}=={version}\n" for name in NEVER_INSTALL if (version := _version(name))]
