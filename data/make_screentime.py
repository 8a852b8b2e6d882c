"""Make data/screentime.csv: the year 2024 of the process in utils/screentime.py.

    python data/make_screentime.py

Writes the file, then compares its checksum with the one in data/checksums.txt.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

SEED = 366  # not 0, so that a year simulated with the default seed is fresh, not a copy
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from utils.screentime import simulate_screentime  # noqa: E402  (a clone works without being installed)


def make() -> bytes:
    """The CSV file as bytes: ISO dates, Unix line ends."""
    table = simulate_screentime(days=366, random_state=SEED, start="2024-01-01")
    return table.to_csv(index=False, date_format="%Y-%m-%d", lineterminator="\n").encode()


if __name__ == "__main__":
    content = make()
    (FOLDER / "screentime.csv").write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    known = checksum in (FOLDER / "checksums.txt").read_text()
    print(
        f"screentime.csv {checksum} {'as recorded' if known else 'DIFFERS from data/checksums.txt'}"
    )
    sys.exit(0 if known else 1)
