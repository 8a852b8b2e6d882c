"""Promises about the rows: kinds, ranges, shares, chunks, and tables that are hard to fit."""

from __future__ import annotations

import copy
import datetime
import gc
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.tables import AWKWARD, TABLES, assert_valid
from utils.encoding.groups import ROWS_PER_GROUP
from utils.schema import Schema, TableError

DENSE = 400_000  # kilobytes; ten thousand rows by as many categories would take 800 MB


def kilobytes(name: str) -> int:
    """A line of what the system says of this process's memory."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Let the high-water mark of resident memory start from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _cells(rows):
    """Columns as (name, values): constant, spiked, heavy-tailed, tiny, dates, categories, missing
    cells."""
    numbers = st.one_of(
        st.just(0.0),
        st.floats(-1e12, 1e12, allow_subnormal=False),
        st.floats(-1e-9, 1e-9),
        st.sampled_from([0.0, 0.0, 1.0, 1440.0]),
    )
    kinds = [
        numbers.map(float),
        st.sampled_from([7.5]),
        st.integers(-(2**40), 2**40),
        st.integers(0, 3),
        st.sampled_from(["a", "b", "ä€📱", ""]),
        st.text(max_size=3),
        st.booleans(),
        st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)).map(pd.Timestamp),
    ]
    column = st.one_of(
        *(
            st.lists(st.one_of(kind, kind, kind, st.none()), min_size=rows, max_size=rows)
            for kind in kinds
        )
    )
    names = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=4, unique=True)
    return names.flatmap(
        lambda found: st.tuples(*(st.tuples(st.just(name), column) for name in found))
    )


frames = st.integers(1, 30).flatmap(_cells).map(lambda columns: pd.DataFrame(dict(columns)))

REFUSED = {
    "no rows": (pd.DataFrame({"a": pd.Series([], dtype=float)}), "empty.*at least one row"),
    "no columns": (pd.DataFrame(index=range(3)), "no columns.*Check"),
    "not a table": ([1, 2, 3], "pandas DataFrame, got list.*read_table"),
    "infinite": (
        pd.DataFrame({"a b": [1.0, np.inf]}, index=["first", "second"]),
        "'a b'.*infinite.*row second.*Replace",
    ),
    "too large": (pd.DataFrame({"a": [0.25, -1e300]}), r"'a'.*beyond 1e\+38 in row 1.*Replace"),
    "lists": (pd.DataFrame({"a": [[1], [2, 3]]}), "'a'.*lists.*Turn"),
    "dictionaries": (pd.DataFrame({"a": [{"b": 1}, {}]}), "'a'.*lists.*Turn"),
    "tuples": (pd.DataFrame({"a": [(1, 2), (3, 4)]}), "'a'.*tuple.*Convert"),
    "durations": (
        pd.DataFrame({"a": pd.to_timedelta([1, 2], unit="s")}),
        "'a' holds durations.*Turn them into numbers.*total_seconds",
    ),
    "complex": (pd.DataFrame({"a": [1j, 2j]}), "'a'.*complex.*Convert"),
    "far dates": (
        pd.DataFrame({"a": np.array(["9999-12-31", "2024-01-01"], dtype="datetime64[s]")}),
        "'a'.*9999.*row 0.*leave the cell empty",
    ),
    "repeated name": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' stands twice.*Rename"),
    "name that is a number": (pd.DataFrame({0: [1, 2]}), "name 0 is not text.*map"),
}


def assert_in_range_of_app(synthetic: pd.DataFrame, table: pd.DataFrame) -> None:
    """Minutes lie in the range of their app; of apps with a phone that few have, none is known."""
    common = table.groupby(["app", "phone"]).filter(lambda rows: len(rows) >= ROWS_PER_GROUP)
    judged = synthetic.merge(common[["app", "phone"]].drop_duplicates()).dropna()
    ends = table.groupby("app")["minutes"].agg(["min", "max"]).loc[judged["app"]]
    assert len(judged) > len(synthetic) / 2
    assert (judged["minutes"].to_numpy() >= ends["min"].to_numpy()).all()
    assert (judged["minutes"].to_numpy() <= ends["max"].to_numpy()).all()


class Rows:
    """What comes out has the form of what went in."""

    def test_columns_dtypes_ranges_and_categories(self, fitted):
        assert_valid(fitted("mixed").sample(500), TABLES["mixed"], 500)

    def test_numbers_keep_their_decimals_and_dates_their_days(self, fitted):
        synthetic = fitted("mixed").sample(300)
        minutes = synthetic["minutes"].dropna()
        assert np.array_equal(minutes.round(1), minutes)
        assert (synthetic["day"].dropna() == synthetic["day"].dropna().dt.normalize()).all()
        assert (synthetic["moment"] == synthetic["moment"].dt.floor("s")).all()

    def test_missing_values_come_at_the_rate_of_their_column(self, fitted):
        table, synthetic = TABLES["mixed"], fitted("mixed").sample(4000)
        difference = (synthetic.isna().mean() - table.isna().mean()).abs()
        assert difference.max() < 0.04
        assert synthetic.isna().any().to_dict() == table.isna().any().to_dict()

    def test_margins_are_about_right(self, fitted):
        table, synthetic = TABLES["narrow"], fitted("narrow").sample(4000)
        assert abs((synthetic["app"] == "X").mean() - (table["app"] == "X").mean()) < 0.04
        assert abs(synthetic["used"].mean() - table["used"].mean()) < 0.04
        assert abs(synthetic["opened"].mean() - table["opened"].mean()) < 0.4
        assert abs(synthetic["minutes"].mean() / table["minutes"].mean() - 1) < 0.2

    @pytest.mark.parametrize("rows", [0, 1, 700])
    def test_any_number_of_rows(self, fitted, rows):
        assert_valid(fitted("mixed").sample(rows), TABLES["mixed"], rows)

    @pytest.mark.parametrize("rows", [-1, 2.5, "ten", True, None])
    def test_impossible_number_of_rows(self, fitted, rows):
        with pytest.raises(ValueError, match="number of rows must be a whole number of 0 or more"):
            fitted("narrow").sample(rows)

    @pytest.mark.parametrize("case", ["dates of any unit", "numbers of any dtype"])
    def test_every_dtype_comes_back(self, fitted, case):
        assert_valid(fitted(case).sample(60), TABLES[case], 60)

    def test_extreme_numbers_stay_in_range(self, fitted):
        synthetic = fitted("extreme numbers").sample(300)
        assert_valid(synthetic, TABLES["extreme numbers"], 300)
        assert np.isfinite(synthetic[["heavy", "tiny"]].to_numpy()).all()

    def test_rows_stay_in_the_range_of_training_where_the_schema_is_wider(self, fitted):
        table, synthetic = TABLES[self.planted], fitted(self.planted).sample(4_000)
        assert_valid(synthetic, table, 4_000)
        if self.keeps_group_ranges:
            assert_in_range_of_app(synthetic, table)


class AwkwardTables:
    """Tables that are hard to fit work, or get one clear error."""

    @pytest.mark.parametrize("case", AWKWARD)
    def test_awkward_tables_work(self, fitted, case):
        assert_valid(fitted(case).sample(80), TABLES[case], 80)

    def test_constant_columns_stay_constant(self, fitted):
        synthetic = fitted("constant columns").sample(25)
        expected = pd.concat([TABLES["constant columns"]] * 2, ignore_index=True).head(25)
        pd.testing.assert_frame_equal(synthetic, expected)

    def test_columns_that_are_all_missing_stay_so(self, fitted):
        synthetic = fitted("nothing of any dtype").sample(40)
        assert synthetic.drop(columns="number").isna().all(axis=None)
        assert_valid(synthetic, TABLES["nothing of any dtype"], 40)

    def test_a_constant_target_stays_constant(self):
        table = TABLES["narrow"].assign(late=False)
        schema = replace(Schema.infer(table), target="late")
        synthetic = self.make().fit(table, schema=schema).sample(30)
        assert_valid(synthetic, table, 30)

    def test_more_columns_than_rows(self):
        table = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 300)).round(2))
        table = table.rename(columns=str).assign(app=["a", "b"] * 20)
        assert_valid(self.make(**self.one_epoch()).fit(table).sample(20), table, 20)

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
    def test_ten_thousand_categories_in_bounded_memory(self, fitted):
        fitted("narrow").sample(5)  # libraries are loaded
        rng = np.random.default_rng(0)
        table = pd.DataFrame(
            {
                "city": [f"city {i}" for i in range(10_000)],
                "number": rng.normal(size=10_000).round(2),
                "word": rng.choice(["a", "b"], 10_000),
            }
        )
        forget_peak()
        before = kilobytes("VmRSS")
        synthetic = self.make(**self.one_epoch()).fit(table).sample(2_000)
        assert kilobytes("VmHWM") - before < DENSE
        assert_valid(synthetic, table, 2_000)

    def test_any_small_table(self):
        examples = 20 if self.make().quick else 5  # a network is compiled for every table

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(table=frames)
        def fits_and_samples(table):
            synthesizer = self.make().fit(table)
            assert_valid(synthesizer.sample(15), table, 15)
            if table.iloc[0].notna().any():
                name = table.columns[table.iloc[0].notna()][0]
                rows = synthesizer.sample(4, given={name: table[name].iloc[0]})
                assert (rows[name] == table[name].iloc[0]).all()

        fits_and_samples()

    @pytest.mark.parametrize("case", REFUSED)
    def test_unusable_tables_get_one_clear_error(self, case):
        table, message = REFUSED[case]
        with pytest.raises(TableError, match=message):
            self.make().fit(table)

    def test_a_table_that_breaks_its_schema_is_refused(self):
        table = TABLES["narrow"]
        with pytest.raises(TableError, match="opened"):
            self.make().fit(table, schema=Schema.infer(table.assign(opened=1)))


class Chunks:
    """Rows come in pieces, so that memory does not grow with them."""

    def test_small_chunks_give_valid_tables(self, fitted):
        synthesizer = copy.copy(fitted("mixed"))
        synthesizer.chunk_rows = 7
        synthetic = synthesizer.sample(50)
        assert_valid(synthetic, TABLES["mixed"], 50)
        assert [len(chunk) for chunk in synthesizer.sample_chunks(50)] == [7] * 7 + [1]
        chunks = list(synthesizer.sample_chunks(50))
        pd.testing.assert_frame_equal(synthetic, pd.concat(chunks, ignore_index=True))

    def test_small_chunks_keep_conditions(self, fitted):
        synthesizer = copy.copy(fitted("narrow"))
        synthesizer.chunk_rows = 7
        assert (synthesizer.sample(50, given={"app": "X"})["app"] == "X").all()

    def test_errors_come_before_the_first_chunk(self, fitted):
        with pytest.raises(ValueError, match="no category"):
            fitted("narrow").sample_chunks(10, given={"app": "Y"})

    def test_memory_does_not_grow_with_the_rows(self, fitted):
        synthesizer = copy.copy(fitted("narrow"))
        synthesizer.chunk_rows = 500

        def peak(rows):
            tracemalloc.start()
            try:
                for _ in synthesizer.sample_chunks(rows):
                    gc.collect()  # each Python frees rings of objects at a pace of its own
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        peak(1_000)  # imports and caches
        assert peak(8_000) < 1.3 * peak(2_000) + 50_000
