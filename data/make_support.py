"""Make data/support.csv: support messages that the local language model wrote, and what the filters
said of each.

    python data/make_support.py

Takes some ten minutes on one core; goes on where it stopped (build/support.jsonl). Then compares
the file's checksum with the one in data/checksums.txt. A language model writes the same text from
the same seed on one machine only: elsewhere the texts differ, and so does the checksum.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pandas as pd
from tqdm import tqdm

FOLDER = Path(__file__).resolve().parent
JOURNAL = FOLDER.parent / "build" / "support.jsonl"
sys.path.insert(0, str(FOLDER.parent))

from utils.language_model import LOCAL, LanguageModel, open_language_model  # noqa: E402  (a clone works without being installed)
from utils.text import (  # noqa: E402
    LabelJudge,
    examples_for,
    load_handwritten,
    open_encoder,
    refused_by,
    write_message,
)

SEEDS = {"one label": range(1_000, 1_120), "mixed": range(2_000, 2_040)}  # of each label
COLUMNS = ["label", "prompt", "seed", "text"]


def tasks(seeds: dict[str, range] = SEEDS) -> list[tuple[str, str, int]]:
    """Label, kind of prompt and seed of each message, in the order of the file."""
    labels = load_handwritten("shown")["label"].unique()
    return [(label, prompt, seed) for prompt in seeds for seed in seeds[prompt] for label in labels]


def write(model: LanguageModel, wanted: list[tuple[str, str, int]], journal: Path) -> pd.DataFrame:
    """The messages that are wanted; those that stand in the journal are not written again."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    lines = journal.read_text().splitlines() if journal.exists() else []
    known = {tuple(task): text for *task, text in map(json.loads, lines)}
    with journal.open("a") as file:
        for task in tqdm([task for task in wanted if task not in known], unit="message"):
            label, prompt, seed = task
            known[task] = write_message(model, label, examples_for(prompt, label, seed), seed)
            file.write(json.dumps([*task, known[task]]) + "\n")
            file.flush()
    return pd.DataFrame([(*task, known[task]) for task in wanted], columns=COLUMNS)


def sift(messages: pd.DataFrame) -> pd.DataFrame:
    """The messages with the column ``refused_by``; each kind of prompt is filtered by itself."""
    encoder, by = open_encoder(), load_handwritten("judge")
    judge = LabelJudge(encoder.embed(by["text"]), by["label"])
    shown = load_handwritten("shown")["text"]
    parts = [
        rows.assign(refused_by=refused_by(rows["text"], rows["label"], shown, judge, encoder))
        for _, rows in messages.groupby("prompt", sort=False)
    ]
    return pd.concat(parts)


def as_bytes(table: pd.DataFrame) -> bytes:
    """A CSV file with Unix line ends."""
    return table.to_csv(index=False, lineterminator="\n").encode()


def main() -> int:
    model = open_language_model()
    if model.name != LOCAL:
        sys.exit(f"The data set is {LOCAL}'s: unset OPENAI_BASE_URL and OPENAI_API_KEY.")
    content = as_bytes(sift(write(model, tasks(), JOURNAL)))
    (FOLDER / "support.csv").write_bytes(content)
    checksum = hashlib.sha256(content).hexdigest()
    known = checksum in (FOLDER / "checksums.txt").read_text()
    print(f"support.csv {checksum} {'as recorded' if known else 'DIFFERS from data/checksums.txt'}")
    return 0 if known else 1


if __name__ == "__main__":
    sys.exit(main())
