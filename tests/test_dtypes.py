"""Every dtype comes back as it came: through a schema, through numbers or codes, as itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dateutil import tz

from utils.dtypes import dtype_of, dtype_text, plain, restored
from utils.encoding import from_array, to_array
from utils.schema import Schema, TableError

pytestmark = pytest.mark.filterwarnings("error")

MOMENTS = pd.Series(pd.to_datetime(["2024-03-31 00:30", None, "2024-07-01 12:00"])).dt.tz_localize(
    "UTC"
)
PRICES = [Decimal("0.10"), None, Decimal("-12.25")]
DAYS = [date(2024, 2, 29), None, date(1969, 12, 31)]


def zoned(unit: str, zone) -> pd.Series:
    return MOMENTS.astype(pd.DatetimeTZDtype(unit, zone))


def arrow(values, dtype: pa.DataType) -> pd.Series:
    return pd.Series(pa.array(values, dtype), dtype=pd.ArrowDtype(dtype))


def categorical(levels: pd.Index, ordered: bool = False) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes([1, -1, 0], categories=levels, ordered=ordered))


COLUMNS = {
    **{f"{unit} in a zone": zoned(unit, "Europe/Berlin") for unit in ("s", "ms", "us", "ns")},
    "zoneinfo": zoned("us", ZoneInfo("Europe/Berlin")),
    "zoneinfo UTC": zoned("ns", ZoneInfo("UTC")),
    "dateutil": zoned("ns", tz.gettz("Europe/Berlin")),
    "dateutil UTC": zoned("s", tz.tzutc()),
    "fixed offset": zoned("ns", timezone(timedelta(hours=5, minutes=30))),
    "named offset": zoned("ms", timezone(timedelta(hours=-5, minutes=-30), "here")),
    "milliseconds": MOMENTS.dt.tz_localize(None).astype("datetime64[ms]"),
    "arrow timestamp": arrow(MOMENTS.dt.tz_localize(None), pa.timestamp("ns")),
    "arrow timestamp in seconds": arrow(MOMENTS.dt.tz_localize(None), pa.timestamp("s")),
    "arrow timestamp in a zone": arrow(MOMENTS, pa.timestamp("us", "Europe/Berlin")),
    "arrow timestamp at an offset": arrow(MOMENTS, pa.timestamp("ns", "+05:30")),
    "arrow date": arrow(DAYS, pa.date32()),
    "arrow date64": arrow(DAYS, pa.date64()),
    "dates": pd.Series(DAYS, dtype=object),
    "arrow decimal": arrow(PRICES, pa.decimal128(7, 3)),
    "arrow decimal256": arrow(PRICES, pa.decimal256(40, 2)),
    "decimals": pd.Series(PRICES, dtype=object),
    "arrow int64": arrow([3, None, -7], pa.int64()),
    "arrow uint8": arrow([3, None, 255], pa.uint8()),
    "arrow double": arrow([0.1, None, 0.75], pa.float64()),
    "arrow float": arrow([0.1, None, 0.75], pa.float32()),
    "arrow bool": arrow([True, None, False], pa.bool_()),
    "arrow string": arrow(["b", None, "a"], pa.string()),
    "arrow large string": arrow(["b", None, "a"], pa.large_string()),
    "string": pd.Series(["b", None, "a"], dtype="string"),
    "string of pyarrow": pd.Series(["b", None, "a"], dtype="string[pyarrow]"),
    "string with NaN": pd.Series(["b", None, "a"], dtype=dtype_of("str[pyarrow]")),
    "float16": pd.Series([0.1, None, 7.5], dtype="float16"),
    "float32": pd.Series([0.1, None, 123.75], dtype="float32"),
    "Float32": pd.Series([0.1, None, 123.75], dtype="Float32"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "levels of text": categorical(pd.Index(["b", "a", "c"])),
    "levels of string": categorical(pd.Index(["b", "a", "c"], dtype="string")),
    "levels of arrow text": categorical(pd.Index(["b", "a"], dtype=pd.ArrowDtype(pa.string()))),
    "levels of int8": categorical(pd.Index([2, 1, 7], dtype="int8"), ordered=True),
    "levels of uint64": categorical(pd.Index([2**64 - 1, 0], dtype="uint64")),
    "levels of float32": categorical(pd.Index([0.1, 0.7], dtype="float32")),
    "levels of Int64": categorical(pd.Index([2, 1], dtype="Int64")),
    "levels of bool": categorical(pd.Index([True, False])),
    "levels of days": categorical(pd.DatetimeIndex(["2024-02-01", "2024-01-01"]), ordered=True),
    "levels in a zone": categorical(
        pd.DatetimeIndex(["2024-07-01", "2024-01-01"]).as_unit("s").tz_localize("Europe/Berlin")
    ),
    "levels of decimals": categorical(pd.Index([Decimal("1.50"), Decimal("1")], dtype=object)),
}
# The text of these is another dtype to pandas: dtype_of reads it.
READ_BY_US = ("zoneinfo", "string with NaN", "arrow decimal", "arrow decimal256")
NOT_AS_OBJECTS = {"dateutil"}  # pandas itself cannot make single values of it
WITHOUT_NA = {"dates", "decimals"}  # objects, where a missing value comes back as NaN


def come_back(values: pd.Series, **options) -> pd.Series:
    column = Schema.infer(pd.DataFrame({"a": values}), **options)["a"]
    return pd.Series(from_array(to_array(values, column), column))


@pytest.mark.parametrize("name", COLUMNS)
def test_values_and_dtype_come_back(name):
    values = COLUMNS[name]
    expected = values.where(values.notna(), np.nan) if name in WITHOUT_NA else values
    pd.testing.assert_series_equal(come_back(values), expected)


@pytest.mark.parametrize("name", sorted({*COLUMNS} - NOT_AS_OBJECTS))
def test_values_and_dtype_come_back_as_categories(name):
    values = COLUMNS[name]
    expected = values.where(values.notna(), np.nan) if name in WITHOUT_NA else values
    schema = Schema.infer(pd.DataFrame({"a": values}), categories=["a"])
    assert schema["a"].kind == "category"
    pd.testing.assert_series_equal(come_back(values, categories=["a"]), expected)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_is_all_missing_keeps_its_dtype(name):
    values = COLUMNS[name].iloc[[1, 1]].reset_index(drop=True)
    if name in WITHOUT_NA:
        values = values.where(values.notna(), np.nan)
    pd.testing.assert_series_equal(come_back(values), values)


@pytest.mark.parametrize("name", sorted({*COLUMNS} - NOT_AS_OBJECTS))
def test_a_column_of_the_schema_is_plain_data(name):
    def is_plain(value):
        return isinstance(value, (str, int, float, type(None))) or (
            isinstance(value, tuple) and all(map(is_plain, value))
        )

    column = Schema.infer(pd.DataFrame({"a": COLUMNS[name]}), categories=["a"])["a"]
    assert all(map(is_plain, vars(column).values())), column


@pytest.mark.parametrize("name", sorted({*COLUMNS} - {*WITHOUT_NA, *READ_BY_US}))
def test_pandas_reads_the_text_of_a_dtype(name):
    values = COLUMNS[name]
    text = dtype_text(values)
    same = text == "category" or pd.api.types.pandas_dtype(text) == values.dtype
    assert same, text


@pytest.mark.parametrize("text", ["object[date]", "object[decimal]"])
def test_objects_have_a_text_of_their_own(text):
    assert dtype_of(text) == np.dtype(object)
    assert dtype_text(COLUMNS["dates" if "date]" in text else "decimals"]) == text


def test_a_dtype_without_a_text_is_refused_with_a_cure():
    offset = pd.DataFrame({"when": zoned("ns", tz.tzoffset(None, 3600))})
    with pytest.raises(TableError, match=r"'when'.*tzoffset.*tz_convert\(\"UTC\"\)"):
        Schema.infer(offset)
    words = pa.dictionary(pa.int32(), pa.string())
    with pytest.raises(TableError, match=r"'word'.*dictionary.*astype\(\"category\"\)"):
        Schema.infer(pd.DataFrame({"word": pd.Series(["a"], dtype=pd.ArrowDtype(words))}))


def test_plain_values_are_restored():
    moment = pd.Timestamp("2024-07-01 00:00:00.000000001", tz="Europe/Berlin")
    assert plain(moment) == "2024-07-01T00:00:00.000000001+02:00"
    assert restored([plain(moment)], "datetime64[ns, Europe/Berlin]")[0] == moment
    assert [plain(value) for value in (Decimal("1.50"), np.int8(3), "a")] == ["1.50", 3, "a"]
    assert restored(["1.50", None], "object[decimal]").tolist() == [Decimal("1.50"), None]


@pytest.mark.parametrize(
    ("values", "cure"),
    [
        (pd.to_timedelta([60, None], unit="s"), r"durations.*dt.total_seconds\(\)"),
        (pd.Series([timedelta(1), None], dtype=object), r"durations.*dt.total_seconds\(\)"),
        (arrow([timedelta(1), None], pa.duration("s")), r"durations.*dt.total_seconds\(\)"),
        (pd.to_datetime(["2024-01-01 10:05", None]).time, "times of day.*60 . time.hour"),
        (arrow([36_300, None], pa.time32("s")), "times of day.*60 . time.hour"),
    ],
)
@pytest.mark.parametrize("categories", [[], ["a"]])
def test_durations_and_times_of_day_are_refused_with_a_cure(values, cure, categories):
    with pytest.raises(TableError, match=f"'a'.*{cure}"):
        Schema.infer(pd.DataFrame({"a": values}), categories=categories)


def test_the_cures_of_durations_and_times_of_day_work():
    table = pd.DataFrame({"a": pd.to_datetime(["2024-01-01 10:05", None]).time})
    table["a"] = [None if pd.isna(time) else 60 * time.hour + time.minute for time in table["a"]]
    assert Schema.infer(table)["a"].minimum == 605
    lengths = pd.DataFrame({"a": arrow([timedelta(1), None], pa.duration("s"))})
    lengths["a"] = pd.to_timedelta(lengths["a"]).dt.total_seconds()
    assert Schema.infer(lengths)["a"].minimum == 86_400


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([date(2024, 1, 1), None, date(9999, 12, 31)], dtype=object),
        arrow([date(2024, 1, 1), None, date(9999, 12, 31)], pa.date32()),
        pd.Series(np.array(["2024-01-01", "NaT", "9999-12-31"], dtype="datetime64[s]")),
    ],
)
def test_a_date_that_stands_for_never_is_refused_with_its_row(values):
    with pytest.raises(TableError, match=r"'a'.*9999-12-31.*in row 2, outside of 1678 to 2261"):
        Schema.infer(pd.DataFrame({"a": values}))


def test_dates_mixed_with_times_are_refused_with_a_cure():
    mixed = pd.DataFrame({"a": [date(2024, 1, 1), datetime(2024, 1, 1, 10)]}, dtype=object)
    with pytest.raises(TableError, match=r"'a' holds date.* values.*pd.to_datetime for dates"):
        Schema.infer(mixed)
    assert Schema.infer(mixed.apply(pd.to_datetime))["a"].resolution == "h"


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(pd.period_range("2024-01", periods=2, freq="M")),
        pd.Series([1j, 2j]),
        pd.cut(pd.Series([1, 2]), 2),
        pd.Series([b"a", b"b"]),
    ],
)
def test_values_that_no_kind_covers_are_refused(values):
    with pytest.raises(TableError, match=r"Column 'a' holds .*[Cc]onvert"):
        Schema.infer(pd.DataFrame({"a": values}))
