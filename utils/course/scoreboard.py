"""The scoreboard of the course: what the lessons' own scoreboards say, put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from nbformat import NotebookNode

MIME_TYPE = "application/vnd.course.scoreboard+json"
PICTURE = "scoreboard.png"
RECORDS = "scoreboard.json"


def records_in(notebook: NotebookNode) -> list[dict]:
    """The scoreboard records that a notebook's outputs carry, in order."""
    outputs = [
        output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs
    ]
    return [output.data[MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]


def merge(records: Iterable[dict]) -> list[dict]:
    """One record a table: all rows, yardsticks first; a later lesson's row replaces an earlier
    namesake."""
    tables: dict[str, dict] = {}
    for record in records:
        merged = tables.setdefault(
            record["table"], {"table": record["table"], "columns": [], "rows": {}}
        )
        merged["columns"] += [
            column for column in record["columns"] if column not in merged["columns"]
        ]
        for row in record["rows"]:
            merged["rows"][row["name"]] = {**row, "lesson": record["lesson"]}
    return [
        {**table, "rows": sorted(table["rows"].values(), key=_is_generator)}
        for table in tables.values()
    ]


def _is_generator(row: dict) -> bool:
    return row["kind"] != "yardstick"


def as_text(record: dict, width: int) -> str:
    """A merged record as a readable table, folded into blocks of columns at ``width``
    characters."""
    from utils.scoring import METRICS

    means, spreads = _frame(record, "mean"), _frame(record, "spread")
    shown = pd.DataFrame(
        {
            METRICS[name].label: [
                _cell(METRICS[name], *pair) for pair in zip(means[name], spreads[name])
            ]
            for name in record["columns"]
        },
        index=means.index,
    )
    shown["lesson"] = [row["lesson"] for row in record["rows"]]
    return f"Scoreboard of the course: {record['table']}\n{shown.to_string(line_width=width)}"


def _frame(record: dict, statistic: str) -> pd.DataFrame:
    """One statistic of a record, float64: one row a name, one column a metric, NaN where there is
    none."""
    rows = {
        row["name"]: [_value(row, column, statistic) for column in record["columns"]]
        for row in record["rows"]
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=record["columns"], dtype="float64")


def _value(row: dict, column: str, statistic: str) -> float | None:
    return row["metrics"].get(column, {}).get(statistic)


def _cell(metric, mean: float, spread: float) -> str:
    return metric.format(mean) + ("" if np.isnan(spread) else f" ± {metric.format(spread)}")


def picture(record: dict):
    """A merged record as a matplotlib Figure, drawn as the lessons draw theirs."""
    from utils.plots import scoreboard_picture, use_course_style
    from utils.scoring import METRICS

    use_course_style()
    metrics = {name: METRICS[name] for name in record["columns"]}
    yardsticks = [row["name"] for row in record["rows"] if not _is_generator(row)]
    title = f"Each generator of the course between its yardsticks ({record['table']})"
    return scoreboard_picture(
        _frame(record, "mean"), _frame(record, "spread"), metrics, yardsticks, title
    )


def store(records: list[dict], folder: Path) -> None:
    """Write the merged records and a picture of the first table, which every method meets.

    The stored records tell later whether the picture is still true.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORDS).write_text(_dumped(records), encoding="utf-8")
    picture(records[0]).savefig(folder / PICTURE, dpi=110, metadata={"Software": None})


def is_stored(records: list[dict], folder: Path) -> bool:
    """True when the stored records equal these and the picture is there."""
    stored = folder / RECORDS
    return (
        (folder / PICTURE).exists()
        and stored.exists()
        and stored.read_text(encoding="utf-8") == _dumped(records)
    )


def _dumped(records: list[dict]) -> str:
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"
