"""What the course says of itself, made from stored results: README's tables, its scoreboard."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from nbformat import NotebookNode

from utils import results
from utils.course import notebooks, places
from utils.course.places import ROOT
from utils.course.rules import FACTS, TITLE
from utils.course.run import recorded

# the names in the markers around the generated parts
LESSONS, RACE, VERDICTS = "lessons", "race", "verdicts"
# table: headings and columns of C2ST and TSTR there
SCORES = ("C2ST", "c2st"), ("TSTR, AUC", "tstr")
RACES = {
    "screen time": (("C2ST", "c2st"), ("TSTR, accuracy", "tstr")),
    "screen time, 25 days": (("C2ST above fresh", "c2st_above"), ("TSTR share", "tstr_share")),
    "Adult": SCORES,
    "flights": SCORES,
}
HEADER = ["| | question | read | run | memory | needs | open |", "|---|---|---|---|---|---|---|"]
MIME_TYPE = "application/vnd.course.scoreboard+json"
PICTURE, RECORDS = "scoreboard.png", "scoreboard.json"

# --- README ---


def lesson_facts(path: Path) -> dict[str, str]:
    """Number, question, minutes and needs, from a lesson's first cell; ValueError without them."""
    first = notebooks.read(path).cells[0].source
    title, facts = TITLE.search(first), FACTS.search(first)
    if title is None or facts is None:
        raise ValueError(
            f"{path.name}: the first cell must hold '# NN · Title as a question?' and the line "
            "'**Read** X min · **Run** Y min · **Needs** ...'."
        )
    return {"number": title[1], "question": title[2], **facts.groupdict()}


def lessons_table(root: Path = ROOT) -> str:
    """The table of lessons in Markdown, from the lessons and the last stored run."""
    measured, address = recorded(places.results_folder(root)), places.read_address(root)
    rows = [
        _lesson(
            lesson_facts(path), path.relative_to(root).as_posix(), measured.get(path.stem), address
        )
        for path in places.lessons(root)
    ]
    return "\n".join([*HEADER, *rows])


def _lesson(facts: dict[str, str], place: str, measured: dict | None, address: str) -> str:
    colab, binder = places.colab_link(address, place), places.binder_link(address, place)
    cells = [
        facts["number"],
        f"[{facts['question']}]({place})",
        f"{facts['read']} min",
        f"{float(measured['seconds']):.0f} s" if measured else "not measured",
        f"{measured['memory_mb']} MB" if measured else "not measured",
        facts["needs"],
        f"[Colab]({colab}) · [Binder]({binder})",
    ]
    return f"| {' | '.join(cells)} |"


def race_section(folder: Path) -> str:
    """The race in Markdown, a table for each table of data: valid rows, C2ST, TSTR, membership AUC
    and CPU seconds to fit of each method, nearest to real rows first.

    A mean of fewer than three seeds says so.
    """
    return "\n\n".join(_raced_table(table, folder) for table in _raced(folder))


def race_verdicts(folder: Path) -> str:
    """What the race says of each table, as a list in Markdown: see results.race_sentences."""
    return "\n".join(
        f"- {' '.join(results.race_sentences(table, folder))}" for table in _raced(folder)
    )


def _raced(folder: Path) -> list[str]:
    ran = set(results.load_results(RACE, folder)["table"])
    return [table for table in RACES if table in ran]


def _raced_table(table: str, folder: Path) -> str:
    means = results.race_table(table, folder)
    spreads = results.spreads_over_seeds(results.race_runs(table, folder), "method")
    heads = [table, "valid", *[head for head, _ in RACES[table]], "membership AUC", "fit, CPU s"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, row in means.iterrows():
        valid, members = row.get("valid"), row.get("membership_auc")
        scores = [_with_spread(row[column], spreads.at[name, column]) for _, column in RACES[table]]
        few = {1: " (1 seed)", 2: " (2 seeds)"}.get(int(row["seeds"]), "")
        seconds = results.seconds_as_text(row["fit_cpu_seconds"])
        cells = ["-" if pd.isna(valid) else f"{valid:.1%}", *scores, _with_spread(members, np.nan)]
        lines.append(f"| {' | '.join([name, *cells, seconds and seconds + few])} |")
    return "\n".join(lines)


def _with_spread(mean: float, spread: float) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:.3f}" + ("" if pd.isna(spread) else f" ± {spread:.3f}")


def markers(name: str) -> tuple[str, str]:
    """The lines of README.md between which a generated part stands."""
    return f"<!-- {name}: written by `make readme` -->", f"<!-- {name}: end -->"


def with_part(text: str, name: str, part: str) -> str:
    """README text with the part between a name's markers replaced; ValueError without these."""
    begin, end = markers(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"README.md must hold the lines {begin!r} and {end!r} once each.")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}"


def with_parts(text: str, root: Path = ROOT) -> str:
    """README text with its generated parts made anew; the race stands there once it was run."""
    folder = places.results_folder(root)
    text = with_part(text, LESSONS, lessons_table(root))
    raced = (folder / f"{RACE}.csv").exists()
    if not raced:
        return text
    text = with_part(text, VERDICTS, race_verdicts(folder))
    return with_part(text, RACE, race_section(folder))


def stale_parts(root: Path = ROOT) -> list[str]:
    """What no longer says what the lessons and the last run say (empty when all is fresh)."""
    text = (root / "README.md").read_text(encoding="utf-8")
    stale = [] if with_parts(text, root) == text else ["the tables in README.md"]
    if not is_stored(stored_records(root), places.results_folder(root)):
        stale.append("the picture of the scoreboard in data/results")
    return stale


def write_readme(root: Path = ROOT) -> None:
    """Write README.md's tables, and the scoreboard's picture into ``data/results``."""
    readme, folder, records = root / "README.md", places.results_folder(root), stored_records(root)
    readme.write_text(with_parts(readme.read_text(encoding="utf-8"), root), encoding="utf-8")
    if not is_stored(records, folder):
        store(records, folder)


# --- the scoreboard of the course: what the lessons' own scoreboards say, put together ---


def stored_records(root: Path = ROOT) -> list[dict]:
    """The merged scoreboard of the course, from the outputs stored in the lessons."""
    pages = map(notebooks.read, places.lessons(root))
    return merge(record for page in pages for record in records_in(page))


def records_in(notebook: NotebookNode) -> list[dict]:
    """The scoreboard records that a notebook's outputs carry, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data[MIME_TYPE] for output in outputs if MIME_TYPE in output.get("data", {})]


def merge(records: Iterable[dict]) -> list[dict]:
    """One record a table: yardsticks first, then what judges tell least from real rows; a later
    lesson's row replaces an earlier namesake."""
    tables: dict[str, dict] = {}
    for record in records:
        new = {"table": record["table"], "columns": [], "rows": {}}
        merged = tables.setdefault(record["table"], new)
        merged["columns"] = list(dict.fromkeys([*merged["columns"], *record["columns"]]))
        for row in record["rows"]:
            merged["rows"][row["name"]] = {**row, "lesson": record["lesson"]}
    return [
        {**table, "rows": sorted(table["rows"].values(), key=_order)} for table in tables.values()
    ]


def _is_generator(row: dict) -> bool:
    return row["kind"] != "yardstick"


def _order(row: dict) -> tuple[bool, float]:
    """Yardsticks as they come, generators by C2ST; one without it is last."""
    c2st = row["metrics"].get("c2st", {}).get("mean")
    if not _is_generator(row):
        return False, 0
    return True, np.inf if c2st is None else c2st


def as_text(record: dict, width: int) -> str:
    """A merged record as a readable table, folded into blocks at ``width`` characters."""
    from utils.scoring import METRICS

    means, spreads = _frame(record, "mean"), _frame(record, "spread")
    shown = pd.DataFrame(index=means.index)
    for name in record["columns"]:
        number = METRICS[name].format
        after = spreads[name].map(lambda spread, number=number: f" ± {number(spread)}")
        shown[METRICS[name].label] = means[name].map(number) + after.where(
            spreads[name].notna(), ""
        )
    shown["lesson"] = [row["lesson"] for row in record["rows"]]
    return f"Scoreboard of the course: {record['table']}\n{shown.to_string(line_width=width)}"


def _frame(record: dict, statistic: str) -> pd.DataFrame:
    """One statistic, float64: one row a name, one column a metric, NaN where there is none."""
    rows = {
        row["name"]: [row["metrics"].get(name, {}).get(statistic) for name in record["columns"]]
        for row in record["rows"]
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=record["columns"], dtype="float64")


def picture(record: dict):
    """A merged record as a matplotlib Figure, drawn as the lessons draw theirs."""
    from utils.plots import scoreboard_picture, use_course_style
    from utils.scoring import METRICS

    use_course_style()
    metrics = {name: METRICS[name] for name in record["columns"]}
    yardsticks = [row["name"] for row in record["rows"] if not _is_generator(row)]
    title = f"Each generator of the course between its yardsticks ({record['table']})"
    means, spreads = _frame(record, "mean"), _frame(record, "spread")
    return scoreboard_picture(means, spreads, metrics, yardsticks, title)


def store(records: list[dict], folder: Path) -> None:
    """Write the merged records and a picture of the first table, which every method meets.

    The stored records tell later whether the picture is still true.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORDS).write_text(_dumped(records), encoding="utf-8")
    picture(records[0]).savefig(folder / PICTURE, dpi=110, metadata={"Software": None})


def is_stored(records: list[dict], folder: Path) -> bool:
    """True when the stored records equal these, with their picture, or there are none to store."""
    stored = folder / RECORDS
    if not records:
        return True
    whole = stored.exists() and (folder / PICTURE).exists()
    return whole and stored.read_text(encoding="utf-8") == _dumped(records)


def _dumped(records: list[dict]) -> str:
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"
