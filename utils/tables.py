"""The tables of the course: load them, check them, split them."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandas.api import types
from pandera.errors import SchemaErrors

from utils.checks import refuse, validate
from utils.expressions import columns_of
from utils.reading import read_table
from utils.schema import Column, Schema, TableError

__all__ = [
    "SCREENTIME_RULES",
    "SCREENTIME_UNITS",
    "Column",
    "Schema",
    "TableError",
    "adult_schema",
    "flights_schema",
    "load_adult",
    "load_flights",
    "load_screentime",
    "load_sentences",
    "read_table",
    "screentime_schema",
    "split",
    "validate",
]

DATA = Path(__file__).resolve().parent.parent / "data"
MINUTES_A_DAY = 1440
MOST_COUNTS = (
    1_000_000  # a day; anything above is a slip of the pen and would not fit an integer column
)

SCREENTIME_UNITS = {
    "Usage": "minutes",
    "Notifications": "count per day",
    "Times opened": "count per day",
}
SCREENTIME_RULES = {
    "minutes only with an opening": "Usage == 0 or `Times opened` >= 1",
    "an opening takes a minute": "`Times opened` == 0 or Usage >= 1",
    "a day has 1,440 minutes": f"Usage <= {MINUTES_A_DAY}",
}
SCREENTIME_RANGES = {
    "Usage": (0, MINUTES_A_DAY),
    "Notifications": (0, None),
    "Times opened": (0, None),
}
SCREENTIME_COLUMNS = ["Date", "App", *SCREENTIME_UNITS]
ADULT_UNITS = {
    "age": "years",
    "education_years": "years",
    "capital_gain": "US dollars a year",
    "capital_loss": "US dollars a year",
    "hours_per_week": "hours",
    "final_weight": "people represented",
}
FLIGHTS_UNITS = {
    "hour": "hour of the day",
    "distance": "miles",
    "plane_built": "year",
    "departure_delay": "minutes",
    "air_time": "minutes",
}


def load_screentime(source: str | Path | None = None) -> pd.DataFrame:
    """Load a screen-time table: the course's own, or any file in its format or in a public one.

    Parameters
    ----------
    source : path or address of a CSV or Parquet file; None for data/screentime.csv. The public
        files write ``Usage (minutes)`` and ``Times Opened`` and dates as 2024-08-07 or as
        month/day/year (8/26/2022). Columns may stand in any order; others than the five are left
        out, and so is a time of day. The same date and app may come more than once.

    Returns
    -------
    DataFrame with Date (datetime64[ns]), App (object), Usage (int64, minutes), Notifications and
    Times opened (int64, counts per day), rows in the order of the file.

    Raises
    ------
    TableError : what :func:`utils.reading.read_table` raises; a missing column; or cells that are
        empty, no number, no whole number, negative, beyond a day's 1,440 minutes (a row, or all
        apps together), or no date. Names column, line and cure of the first few.
    """
    source = DATA / "screentime.csv" if source is None else source
    return as_screentime(read_table(source, lines=True), source).reset_index(drop=True)


def as_screentime(table: pd.DataFrame, source: str | Path) -> pd.DataFrame:
    """A screen-time table that was read already, as :func:`load_screentime` gives it, with the
    row labels of the table; source is named in errors, which are the same."""
    table = _rename_screentime(table, source)
    refuse(_failures(table, SCREENTIME_CELLS), source)
    table = _convert_screentime(table)
    refuse(_failures(_days(table), SCREENTIME_DAYS), source)
    return table


def load_adult(part: str | None = None) -> pd.DataFrame:
    """Load the Adult census table (Becker and Kohavi 1996, UCI, CC BY 4.0; see data/adult.md).

    part : "train" (32,561 rows) or "test" (16,281 rows), the authors' split; None for both, with
    the column ``part``. Returns a DataFrame of 15 columns: text as object (missing values as NaN),
    numbers as int64.
    """
    return _load_parts("adult", part)


def load_flights(part: str | None = None) -> pd.DataFrame:
    """Load 20,000 flights of 2013 out of New York, many categories and missing values (see
    data/flights.md).

    part : "train" (14,000 rows) or "test" (6,000 rows), split at random; None for both, with the
    column ``part``. Returns a DataFrame of 12 columns: text as object, whole numbers as int64,
    numbers that may be missing as float64 (NaN, as for text).
    """
    return _load_parts("flights", part)


def load_sentences(part: str | None = None) -> pd.DataFrame:
    """Load 2,972 sentences of reviews with their mood (Kotzias 2015, UCI, CC BY 4.0; see
    data/sentences.md).

    part : "train" (2,172 sentences) or "test" (800), split at random; None for both, with the
    column ``part``. Returns a DataFrame of text: ``text``, ``domain`` (product, film, restaurant)
    and ``mood`` (positive, negative).
    """
    return _load_parts("sentences", part)


def _load_parts(name: str, part: str | None) -> pd.DataFrame:
    """A stored table that its column ``part`` splits in two; the column goes when a part is asked
    for."""
    if part not in (None, "train", "test"):
        raise TableError(
            f'The table {name} has no part {part!r}. Choose "train", "test" or None for both.'
        )
    table = read_table(DATA / f"{name}.parquet")
    text = table.columns[[not types.is_numeric_dtype(dtype) for dtype in table.dtypes]]
    table = table.astype({column: object for column in text})
    table[text] = table[text].where(
        table[text].notna(), np.nan
    )  # Parquet gives None, CSV gives NaN
    if part is None:
        return table
    return table[table["part"] == part].drop(columns="part").reset_index(drop=True)


def screentime_schema(table: pd.DataFrame) -> Schema:
    """Schema of a screen-time table or some of its columns.

    Units, the rules that the columns allow, target App. The ranges are those of a day, whatever the
    table holds: minutes from 0 to 1,440, counts from 0 without an upper limit.
    """
    names = set(table.columns)
    schema = Schema.infer(
        table,
        rules={key: rule for key, rule in SCREENTIME_RULES.items() if columns_of(rule) <= names},
        target="App" if "App" in names else None,
        units={name: unit for name, unit in SCREENTIME_UNITS.items() if name in names},
    )
    columns = tuple(
        replace(column, minimum=limits[0], maximum=limits[1])
        if (limits := SCREENTIME_RANGES.get(column.name))
        else column
        for column in schema.columns
    )
    return replace(schema, columns=columns)


def adult_schema(table: pd.DataFrame) -> Schema:
    """Schema of the Adult table: units, target income."""
    return Schema.infer(table, target="income", units=ADULT_UNITS)


def flights_schema(table: pd.DataFrame) -> Schema:
    """Schema of the flights: units, target late."""
    return Schema.infer(table, target="late", units=FLIGHTS_UNITS)


def split(
    table: pd.DataFrame, holdout: float = 1 / 3, random_state: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the rows at random.

    Parameters
    ----------
    table : at least two rows.  holdout : share of rows to set aside, between 0 and 1.  random_state
        : seed.

    Returns
    -------
    (train, holdout), shuffled, each with a fresh index and at least one row; holdout has
    round(rows * holdout) rows.
    """
    if not 0 < holdout < 1:
        raise TableError(
            f"holdout is {holdout}: it is a share of the rows, so give a number between 0 and 1."
        )
    if len(table) < 2:
        raise TableError(
            f"The table has {len(table)} row(s), and a split needs at least 2. Collect more rows."
        )
    size = min(max(round(len(table) * holdout), 1), len(table) - 1)
    order = np.random.default_rng(random_state).permutation(len(table))
    return table.iloc[order[size:]].reset_index(drop=True), table.iloc[order[:size]].reset_index(
        drop=True
    )


# --- screen time ---


def _rename_screentime(table: pd.DataFrame, source) -> pd.DataFrame:
    """Bring the column names of the public files to the course's; order the columns, leave the
    others out."""
    known = {name.lower(): name for name in SCREENTIME_COLUMNS}
    plain = [" ".join(str(name).lower().replace("(minutes)", "").split()) for name in table.columns]
    names = [known.get(name) for name in plain]
    for name in SCREENTIME_COLUMNS:
        if names.count(name) > 1:
            raise TableError(f"{source} has two columns for {name!r}. Keep one of them.")
    missing = [name for name in SCREENTIME_COLUMNS if name not in names]
    if missing:
        similar = difflib.get_close_matches(missing[0].lower(), plain, n=1)
        hint = f" Is it {table.columns[plain.index(similar[0])]!r}?" if similar else ""
        raise TableError(
            f"{source}, line 1: the column {missing[0]!r} is missing.{hint} Needed are "
            f"{', '.join(SCREENTIME_COLUMNS)}; the file has {', '.join(map(str, table.columns))}. "
            "Rename or add the column."
        )
    return table.set_axis(names, axis=1)[SCREENTIME_COLUMNS]


def _numbers(cells: pd.Series) -> pd.Series:
    """Cells as float64; NaN where they are no finite number."""
    if types.is_bool_dtype(cells.dtype) or types.is_datetime64_any_dtype(cells.dtype):
        return pd.Series(np.nan, index=cells.index)
    return (
        pd.to_numeric(cells, errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    )


def _dates(cells: pd.Series) -> pd.Series:
    """Cells as datetime64[ns], from ISO dates or month/day/year; NaT where they are neither."""
    if types.is_datetime64_any_dtype(cells.dtype):
        return cells.dt.tz_localize(None).astype("datetime64[ns]").dt.normalize()
    text = cells.astype(str).str.strip()
    iso = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
    return iso.fillna(pd.to_datetime(text, format="%m/%d/%Y", errors="coerce")).astype(
        "datetime64[ns]"
    )


def _is_date(cells: pd.Series) -> pd.Series:
    return _dates(cells).notna()


def _month_exists(cells: pd.Series) -> pd.Series:
    month = (
        cells.astype(str)
        .str.extract(r"^\s*(\d{1,2})/\d{1,2}/\d{4}\s*$", expand=False)
        .astype(float)
    )
    return ~(month > 12)


def _at_most(limit: int):
    return lambda cells: ~(_numbers(cells) > limit)


def _count_checks(limit: int, too_many: str) -> pa.Column:
    return pa.Column(
        nullable=False,
        checks=[
            pa.Check(
                lambda cells: _numbers(cells).notna(),
                error="is not a number: write digits only, such as 45",
            ),
            pa.Check(
                lambda cells: ~(_numbers(cells) % 1 > 0), error="is not a whole number: round it"
            ),
            pa.Check(
                lambda cells: ~(_numbers(cells) < 0),
                error="is negative: correct it, or write 0 for no use",
            ),
            pa.Check(_at_most(limit), error=too_many),
        ],
    )


SCREENTIME_CELLS = pa.DataFrameSchema(
    {
        "Date": pa.Column(
            nullable=False,
            checks=[
                pa.Check(
                    _month_exists,
                    error="has no such month: dates with slashes are read as month/day/year. If "
                    "yours are day/month/year, write them as year-month-day (2024-08-26)",
                ),
                pa.Check(
                    lambda cells: _is_date(cells) | ~_month_exists(cells),
                    error="is not a date of the calendar: write 2024-08-26 or 8/26/2024",
                ),
            ],
        ),
        "App": pa.Column(
            nullable=False,
            checks=pa.Check(
                lambda cells: cells.astype(str).str.strip() != "",
                error="is blank: write the app's name",
            ),
        ),
        "Usage": _count_checks(
            MINUTES_A_DAY,
            "is more than the 1,440 minutes of a day: Usage is in minutes, not in seconds; correct "
            "it",
        ),
        "Notifications": _count_checks(MOST_COUNTS, "is more than a million a day: correct it"),
        "Times opened": _count_checks(MOST_COUNTS, "is more than a million a day: correct it"),
    }
)
SCREENTIME_DAYS = pa.DataFrameSchema(
    {
        "Usage": pa.Column(
            checks=pa.Check(
                _at_most(MINUTES_A_DAY),
                error="minutes in all apps on the date of this line, and a day has 1,440: correct "
                "the rows of that date, or keep one person a file",
            )
        )
    }
)


def _convert_screentime(table: pd.DataFrame) -> pd.DataFrame:
    counts = {name: _numbers(table[name]).astype("int64") for name in SCREENTIME_UNITS}
    apps = table["App"].astype(str).str.strip().astype(object)
    return pd.DataFrame({"Date": _dates(table["Date"]), "App": apps, **counts})


def _days(table: pd.DataFrame) -> pd.DataFrame:
    """Minutes of all apps of each date, labelled with the first line of that date."""
    first = table["Date"].drop_duplicates()
    totals = table.groupby("Date", sort=False)[["Usage"]].sum()
    return totals.set_axis(first.index, axis=0)


# --- checks by pandera ---


def _failures(table: pd.DataFrame, expected: pa.DataFrameSchema) -> list[str]:
    """What pandera finds, in words and by row; empty if all is well."""
    try:
        expected.validate(table, lazy=True)
    except SchemaErrors as errors:
        row = table.index.name or "row"
        return [
            _message(failure, row) for failure in _by_row(errors.failure_cases).to_dict("records")
        ]
    return []


def _by_row(failures: pd.DataFrame) -> pd.DataFrame:
    """Failures by row; of a cell that fails several checks, the first."""
    failures = failures.drop_duplicates(["column", "index", "failure_case"])
    return failures.sort_values("index", key=_as_numbers, kind="stable")


def _as_numbers(labels: pd.Series) -> pd.Series:
    return pd.to_numeric(labels, errors="coerce")


def _message(failure: dict, row: str) -> str:
    column, case, check = failure["column"], failure["failure_case"], failure["check"]
    where = f"column {column!r}, {row} {failure['index']}"
    if check == "not_nullable":
        return f"{where}: the value is missing: fill it in or drop the row"
    return f"{where}: {case!r} {check}" if isinstance(case, str) else f"{where}: {case} {check}"
