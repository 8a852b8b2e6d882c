"""Make data/sentences.parquet from the npm package sentiment 5.0.2, whose tests carry it.

    python data/make_sentences.py [sentiment-5.0.2.tgz]

Without a package, npm downloads it (it is only read, never installed).
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
PACKAGE = "sentiment@5.0.2"
MEMBERS = "package/test/fixtures"
DOMAINS = {"amazon": "product", "imdb": "film", "yelp": "restaurant"}
MOODS = {0: "negative", 1: "positive"}
LABELLED = 3_000
TEST = 800
SEED = 0
# Signs of an old code page that came through as control characters: an ellipsis, two dashes.
BROKEN = {"\x85": "...", "\x96": "-", "\x97": "-"}


def download() -> Path:
    """Fetch the package into a temporary folder with npm."""
    folder = Path(tempfile.mkdtemp())
    subprocess.run(["npm", "pack", "--silent", PACKAGE], check=True, cwd=folder)
    return next(folder.glob("*.tgz"))


def read_member(package: Path, site: str) -> pd.DataFrame:
    """The labelled sentences of one site: text, domain, mood."""
    with tarfile.open(package) as archive:
        entries = json.load(archive.extractfile(f"{MEMBERS}/{site}.json"))
    labelled = [entry for entry in entries if entry["class"] is not None]
    return pd.DataFrame(
        {
            "text": [mended(entry["text"]) for entry in labelled],
            "domain": DOMAINS[site],
            "mood": [MOODS[entry["class"]] for entry in labelled],
        }
    )


def mended(text: str) -> str:
    """The sentence with its broken signs written out, and one blank between words."""
    return " ".join(text.translate(str.maketrans(BROKEN)).split())


def letters(text: str) -> str:
    """What two sentences share that differ in capitals and signs only."""
    return re.sub(r"\W+", " ", text.lower()).strip()


def make(package: Path) -> pd.DataFrame:
    """All different sentences, 800 of them drawn at random for the test."""
    sentences = pd.concat([read_member(package, site) for site in DOMAINS], ignore_index=True)
    if len(sentences) != LABELLED:
        raise SystemExit(
            f"{package} holds {len(sentences):,} labelled sentences, not {LABELLED:,}: "
            f"use {PACKAGE}"
        )
    sentences = sentences[~sentences["text"].map(letters).duplicated()].reset_index(drop=True)
    test = np.random.default_rng(SEED).permutation(len(sentences)) < TEST
    return sentences.assign(part=np.where(test, "test", "train"))


if __name__ == "__main__":
    target = FOLDER / "sentences.parquet"
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else download()).to_parquet(
        target, compression="zstd", index=False
    )
    print(hashlib.sha256(target.read_bytes()).hexdigest(), target.name)
