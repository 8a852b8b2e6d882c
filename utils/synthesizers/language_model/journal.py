"""What has come of the requests so far, in a file, so that an interrupted draw goes on from
there."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class WritingReport:
    """What a draw asked for, got and dropped.

    requests, tries : asked, and sent (more where the service failed for a while).  read, written :
    tokens of prompts and replies, which a service is paid by.  rows : kept.  refused : reason ->
    rows.  repaired : replies that were cut off or wrapped in other text, of which whole rows were
    kept.  copies : rows that equal a seed row.  duplicates : rows that came before.  prompts : what
    was sent, a text for each request.
    """

    requests: int = 0
    tries: int = 0
    read: int = 0
    written: int = 0
    rows: int = 0
    refused: Counter = field(default_factory=Counter)
    repaired: int = 0
    copies: int = 0
    duplicates: int = 0
    prompts: list[str] = field(default_factory=list, repr=False)

    @property
    def seen(self) -> int:
        """Rows that came back, of whatever kind."""
        return self.rows + self.copies + self.duplicates + sum(self.refused.values())

    def price(self, per_million_read: float, per_million_written: float) -> float:
        """What it costs at a service, in the currency of its prices per million tokens."""
        return (self.read * per_million_read + self.written * per_million_written) / 1e6


class Journal:
    """The replies of a draw in order, as JSON lines; the first line says which draw it is.

    path : None keeps nothing.  draw : what the replies depend on; a file of another draw is refused
        with ValueError, lest it be lost. A last line that was cut off is asked for again.
    """

    def __init__(self, path: str | os.PathLike | None, draw: str):
        self._path, self.replies = None if path is None else Path(path), []
        if self._path is None:
            return
        text = (
            self._path.read_text(encoding="utf-8", errors="replace") if self._path.exists() else ""
        )
        first = json.dumps({"draw": draw})
        if first.startswith(text):  # none, or one whose first line was cut off
            self._path.write_text("", encoding="utf-8")
            self._append({"draw": draw})
        else:
            self._read(draw)

    def _read(self, draw: str) -> None:
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        try:
            first, *replies = [json.loads(line) for line in whole]
            known = first["draw"]
        except (ValueError, KeyError, TypeError):
            known, replies = None, []
        if known != draw:
            raise ValueError(
                f"{self._path} does not belong to this draw: it has other rows, settings, "
                "conditions, another seed or model. Name another file as checkpoint, or delete it."
            )
        if len(whole) < len(lines):
            self._path.write_text("".join(whole), encoding="utf-8")
        self.replies = replies

    def add(self, reply: dict) -> None:
        """Keep a reply, on disk before it is used."""
        self.replies.append(reply)
        if self._path is not None:
            self._append(reply)

    def _append(self, line: dict) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
