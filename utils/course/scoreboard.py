"""The scoreboard of the course: what the lessons' own scoreboards say, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

MIME_TYPE = "application/vnd.course.scoreboard+json"
PICTURE = "scoreboard.png"
RECORDS = "scoreboard.json"


def records_in(notebook: NotebookNode) -> list[dict]:
    """The scoreboard records that a notebook's outputs carry, in order."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.data[MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]


def merge(records: Iterable[dict]) -> list[dict]:
    """One record a table: all its rows, where a later lesson's row replaces an earlier one of the same name."""
    tables: dict[str, dict] = {}
    for record in records:
        merged = tables.setdefault(record["table"], {"table": record["table"], "columns": [], "rows": {}})
        merged["columns"] += [column for column in record["columns"] if column not in merged["columns"]]
        for row in record["rows"]:
            merged["rows"][row["name"]] = {**row, "lesson": record["lesson"]}
    return [{**table, "rows": list(table["rows"].values())} for table in tables.values()]


def as_text(record: dict) -> str:
    """A merged record as a readable table: one line a row, ``mean ± spread`` a cell."""
    header = ["", *record["columns"], "lesson"]
    lines = [[row["name"], *(_cell(row, column) for column in record["columns"]), row["lesson"]] for row in record["rows"]]
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    body = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in [header, *lines]]
    return "\n".join([f"Scoreboard of the course: {record['table']}", *body])


def _cell(row: dict, column: str) -> str:
    value = row["metrics"].get(column)
    if value is None or value["mean"] is None:
        return "-"
    spread = "" if value.get("spread") is None else f" ± {value['spread']:.3f}"
    return f"{value['mean']:.3f}{spread}"


def store(records: list[dict], folder: Path) -> None:
    """Write the merged records and their picture; the records tell whether the picture is still true."""
    from utils.scoring import picture_of_records

    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORDS).write_text(_dumped(records), encoding="utf-8")
    picture_of_records(records).savefig(folder / PICTURE, dpi=150, bbox_inches="tight")


def is_stored(records: list[dict], folder: Path) -> bool:
    """True when the stored records equal these and the picture is there."""
    stored = folder / RECORDS
    return (folder / PICTURE).exists() and stored.exists() and stored.read_text(encoding="utf-8") == _dumped(records)


def _dumped(records: list[dict]) -> str:
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"
