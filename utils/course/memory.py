"""Peak memory, without any package: benchmarks measure it in other environments too."""

from __future__ import annotations

import re
from pathlib import Path


def peak_bytes(process_id: int | str = "self") -> int | None:
    """The most memory that a process held so far, in bytes; None where the system does not tell.

    Linux keeps it by program (``VmHWM``); ``getrusage`` would include the memory of the process
    that started this one.
    """
    status = Path(f"/proc/{process_id}/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(peak[1]) * 1024 if peak else None
