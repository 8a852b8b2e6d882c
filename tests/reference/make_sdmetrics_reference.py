"""Make the values that tests/test_fidelity.py holds to: SDMetrics 0.32.0 on stored tables.

Two steps, from the root of the repository. The tables are made once, in the course's environment:

    python -m tests.reference.make_sdmetrics_reference tables

The values are computed in an environment of their own, because SDMetrics is not part of the course:

    python -m venv build/sdmetrics && build/sdmetrics/bin/pip install sdmetrics==0.32.0
    pandas==2.3.3 build/sdmetrics/bin/python -m tests.reference.make_sdmetrics_reference values
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
VALUES = FOLDER / "sdmetrics_0.32.0.json"
SDTYPES = {
    "number": "numerical",
    "integer": "numerical",
    "date": "datetime",
    "category": "categorical",
    "boolean": "boolean",
}
SCREENTIME = {
    "Date": "date",
    "App": "category",
    "Usage": "integer",
    "Notifications": "integer",
    "Times opened": "integer",
}
ADULT = {
    "age": "integer",
    "workclass": "category",
    "education": "category",
    "education_years": "integer",
    "marital_status": "category",
    "occupation": "category",
    "relationship": "category",
    "sex": "category",
    "capital_gain": "integer",
    "hours_per_week": "integer",
    "income": "category",
}
AWKWARD = {
    "amount": "number",
    "twice": "number",
    "negative": "number",
    "count": "number",
    "day": "date",
    "moment": "date",
    "kind": "category",
    "level": "category",
    "flag": "boolean",
    "maybe": "boolean",
    "constant": "integer",
    "stuck": "integer",
    "empty": "number",
    "one word": "category",
}
TINY = {"a": "number", "b": "number", "c": "category"}
CASES = {"screentime": SCREENTIME, "adult": ADULT, "awkward": AWKWARD, "tiny": TINY}


def read_case(name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stored (real, synthetic) tables of a case, typed by its kinds."""
    return tuple(
        _read(FOLDER / f"{name}_{side}.csv", CASES[name]) for side in ("real", "synthetic")
    )


def _read(path: Path, kinds: dict[str, str]) -> pd.DataFrame:
    text = {name: str for name, kind in kinds.items() if kind in ("category", "boolean")}
    dates = [name for name, kind in kinds.items() if kind == "date"]
    table = pd.read_csv(path, dtype=text, parse_dates=dates)
    for name in (name for name, kind in kinds.items() if kind == "boolean"):
        table[name] = table[name].map({"True": True, "False": False}).astype(object)
    return table


def make_tables() -> None:
    """Write real and synthetic CSV files of every case; the course's own come from utils.tables."""
    from utils.tables import load_adult, load_screentime

    generator = np.random.default_rng(32)
    screentime = load_screentime().sample(700, random_state=1)[list(SCREENTIME)]
    write_case("screentime", screentime[:300], partly_shuffled(screentime[300:], generator))
    adult = load_adult("train").sample(550, random_state=2)[list(ADULT)]
    write_case("adult", adult[:300], partly_shuffled(adult[300:], generator))
    awkward = awkward_table(240, 0.8, generator)
    write_case("awkward", awkward, awkward_table(310, 0.3, generator, synthetic=True))
    tiny = pd.DataFrame({"a": [1.5, 2.5, 9.0], "b": [3.0, 5.0, 4.0], "c": ["x", "y", "x"]})
    write_case("tiny", tiny, tiny[::-1].assign(a=[2.0, np.nan, 1.0]))


def write_case(name: str, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
    """Store both tables of a case."""
    for side, table in (("real", real), ("synthetic", synthetic)):
        table.to_csv(FOLDER / f"{name}_{side}.csv", index=False)


def partly_shuffled(table: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    """Columns permuted in the first 60 % of the rows: margins kept, trends weakened."""
    table, most = table.reset_index(drop=True), int(0.6 * len(table))
    for name in table.columns:
        table.loc[: most - 1, name] = table.loc[generator.permutation(most), name].to_numpy()
    return table


def awkward_table(
    rows: int, strength: float, generator: np.random.Generator, synthetic: bool = False
) -> pd.DataFrame:
    """Missing values in every kind, constants on one side or both, an unseen category, times."""
    base = generator.normal(size=rows)
    noisy = strength * base + np.sqrt(1 - strength**2) * generator.normal(size=rows)
    kind = np.where(base > 0.7, "high", np.where(base > -0.5, "middle", "low")).astype(object)
    days = np.datetime64("2024-01-01") + (40 * base + 150).astype(int).astype("timedelta64[D]")
    moments = np.datetime64("2024-01-01T06:30:15") + (9e4 * noisy + 9e5).astype(int).astype(
        "timedelta64[s]"
    )
    table = pd.DataFrame(
        {
            "amount": base.round(4),
            "twice": (2 * noisy + 1).round(4),
            "negative": (-noisy).round(4),
            "count": generator.poisson(3, rows).astype(float),
            "day": days,
            "moment": moments,
            "kind": kind,
            "level": generator.choice(
                ["a", "b", "c", "unseen"] if synthetic else ["a", "b", "c"], rows
            ),
            "flag": (base + generator.normal(size=rows) > 0),
            "maybe": (noisy > 0).astype(object),
            "constant": 7,
            "stuck": 1 if synthetic else generator.integers(0, 9, rows),
            "empty": np.nan,
            "one word": "only",
        }
    )
    for name in ("amount", "count", "day", "kind", "maybe"):
        table.loc[generator.random(rows) < 0.1, name] = None
    return table


def make_values() -> None:
    """Run SDMetrics' QualityReport on every case and store its details."""
    from sdmetrics.reports import QualityReport

    values = {name: _report(QualityReport(), name) for name in CASES}
    VALUES.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _report(report, name: str) -> dict:
    real, synthetic = read_case(name)
    columns = {column: {"sdtype": SDTYPES[kind]} for column, kind in CASES[name].items()}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # SDMetrics warns of unseen categories and undefined correlations
        report.generate(
            {"table": real},
            {"table": synthetic},
            {"tables": {"table": {"columns": columns}}, "relationships": []},
            verbose=False,
        )
    shapes, trends = (report.get_details(part) for part in ("Column Shapes", "Column Pair Trends"))
    means = report.get_properties().set_index("Property")["Score"]
    return {
        "shape": {row["Column"]: _plain(row["Score"]) for _, row in shapes.iterrows()},
        "trend": [
            [row["Column 1"], row["Column 2"], _plain(row["Score"])] for _, row in trends.iterrows()
        ],
        "shape mean": _plain(means["Column Shapes"]),
        "trend mean": _plain(means["Column Pair Trends"]),
    }


def _plain(value) -> float | None:
    return None if pd.isna(value) else round(float(value), 12)


if __name__ == "__main__":
    {"tables": make_tables, "values": make_values}[sys.argv[1]]()
