"""The contract that every generator keeps, old or new: a method that registers is tested here by
itself."""

from __future__ import annotations

import datetime
import inspect
import resource
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from utils.schema import Schema, TableError
from utils.synthesizers import SYNTHESIZERS, Synthesizer

pytestmark = pytest.mark.filterwarnings("error")

# Options under which a method is tested; one that is not listed is tested with its defaults.
VARIANTS = {
    "autoregressive": [{"epochs": 20, "units": 64}],
    "diffusion": [{"epochs": 60, "units": 64, "layers": 1}],
    "gan": [{"epochs": 30}],
    "mixture": [{"kind": "gaussian"}, {"kind": "latent_class"}],
    "vae": [{"units": 64}],
}
METHODS = [
    pytest.param(method, options, id="-".join([method, *map(str, options.values())]))
    for method in sorted(SYNTHESIZERS)
    for options in VARIANTS.get(method, [{}])
]
every_method = pytest.mark.parametrize(("method", "options"), METHODS)


def make(method: str, options: dict, **more) -> Synthesizer:
    return SYNTHESIZERS[method](**options, **more)


def mixed_table(rows: int = 160, seed: int = 5) -> pd.DataFrame:
    """Every column kind in several dtypes, with and without missing cells, under awkward names."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-02-01")
    minutes = np.round(rng.gamma(2, 20, rows), 1)
    table = pd.DataFrame(
        {
            "App": rng.choice(["Netflix", "X", "8 Ball Pool"], rows),
            "mood 📱": pd.Categorical(
                rng.choice(["low", "high"], rows), ["low", "mid", "high"], ordered=True
            ),
            'say "it\'s"': pd.array(rng.choice(["yes", "no"], rows), dtype="string"),
            "used": rng.random(rows) < 0.7,
            "maybe": pd.array(rng.random(rows) < 0.4, dtype="boolean"),
            "opened": rng.poisson(6, rows),
            "small": rng.integers(-3, 4, rows).astype(np.int8),
            "counted": pd.array(rng.integers(0, 50, rows), dtype="Int64"),
            "minutes": np.where(rng.random(rows) < 0.3, 0.0, minutes),
            "share": rng.random(rows).astype(np.float32),
            "day": start + pd.to_timedelta(rng.integers(0, 90, rows), unit="D"),
            "moment": (start + pd.to_timedelta(rng.integers(0, 10**6, rows), unit="s")).tz_localize(
                "Europe/Berlin"
            ),
        }
    )
    for name in ("App", "maybe", "counted", "minutes", "day"):
        table.loc[rng.random(rows) < 0.2, name] = None
    return table


def narrow_table(rows: int = 300, seed: int = 6) -> pd.DataFrame:
    """One column of each kind, for conditions."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "app": rng.choice(["Netflix", "X"], rows),
            "used": rng.random(rows) < 0.5,
            "opened": rng.integers(0, 9, rows),
            "minutes": np.round(rng.gamma(2, 20, rows), 1),
            "day": pd.Timestamp("2024-02-01")
            + pd.to_timedelta(rng.integers(0, 20, rows), unit="D"),
        }
    )
    table.loc[rng.random(rows) < 0.2, "minutes"] = np.nan
    return table


def assert_valid(synthetic: pd.DataFrame, table: pd.DataFrame, rows: int) -> None:
    """Same columns, order, dtypes; nothing out of range, no unseen category, no new missing
    values."""
    assert list(synthetic.columns) == list(table.columns)
    assert synthetic.dtypes.to_dict() == table.dtypes.to_dict()
    assert synthetic.index.equals(pd.RangeIndex(rows))
    for name in table.columns:
        real, made = table[name].dropna(), synthetic[name].dropna()
        assert len(made) == rows or table[name].isna().any(), (
            f"{name}: missing values out of nowhere"
        )
        if isinstance(table[name].dtype, pd.CategoricalDtype) or table[name].dtype == object:
            assert set(made) <= set(real), name
        elif len(made):
            assert made.min() >= real.min() and made.max() <= real.max(), name


# --- scikit-learn's conventions ---


@every_method
def test_constructor_only_stores(method, options):
    synthesizer = make(method, options, random_state=7)
    names = list(inspect.signature(type(synthesizer).__init__).parameters)[1:]
    assert synthesizer.get_params() == {name: getattr(synthesizer, name) for name in names}
    assert set(vars(synthesizer)) == set(names)
    assert clone(synthesizer.fit(narrow_table(40))).get_params() == synthesizer.get_params()


@every_method
def test_fit_returns_itself_and_leaves_table_and_parameters_alone(method, options):
    table = mixed_table(40)
    before, synthesizer = table.copy(deep=True), make(method, options)
    parameters = synthesizer.get_params()
    assert synthesizer.fit(table) is synthesizer
    assert synthesizer.get_params() == parameters
    pd.testing.assert_frame_equal(table, before)


@every_method
def test_unfitted_is_refused(method, options, tmp_path):
    with pytest.raises(NotFittedError):
        make(method, options).sample(3)
    with pytest.raises(NotFittedError):
        make(method, options).save(tmp_path / "model")


@every_method
def test_same_seed_same_rows(method, options):
    table = mixed_table()
    first, second = (make(method, options, random_state=3).fit(table).sample(50) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@every_method
def test_another_seed_gives_other_rows(method, options):
    table = mixed_table()
    synthesizer = make(method, options, random_state=3).fit(table)
    first = synthesizer.sample(50)
    pd.testing.assert_frame_equal(first, synthesizer.sample(50))
    assert not first.equals(synthesizer.sample(50, random_state=4))
    assert not first.equals(make(method, options, random_state=4).fit(table).sample(50))


@every_method
def test_no_seed_gives_other_rows_each_time(method, options):
    synthesizer = make(method, options, random_state=None).fit(narrow_table(60))
    assert not synthesizer.sample(50).equals(synthesizer.sample(50))


@every_method
def test_global_random_state_is_left_alone(method, options):
    np.random.seed(11)
    before = np.random.get_state()[1].copy()
    make(method, options).fit(narrow_table(60)).sample(20)
    assert np.array_equal(np.random.get_state()[1], before)


# --- the rows ---


@every_method
def test_columns_dtypes_ranges_and_categories(method, options):
    table = mixed_table()
    assert_valid(make(method, options).fit(table).sample(500), table, 500)


@every_method
def test_numbers_keep_their_decimals_and_dates_their_days(method, options):
    table = mixed_table()
    synthetic = make(method, options).fit(table).sample(300)
    minutes = synthetic["minutes"].dropna()
    assert np.array_equal(minutes.round(1), minutes)
    assert (synthetic["day"].dropna() == synthetic["day"].dropna().dt.normalize()).all()
    assert (synthetic["moment"] == synthetic["moment"].dt.floor("s")).all()


@every_method
def test_missing_values_come_at_the_rate_of_their_column(method, options):
    table = mixed_table(400)
    synthetic = make(method, options).fit(table).sample(4000)
    difference = (synthetic.isna().mean() - table.isna().mean()).abs()
    assert difference.max() < 0.04
    assert (
        synthetic.columns[synthetic.isna().any()].tolist()
        == table.columns[table.isna().any()].tolist()
    )


@every_method
def test_margins_are_about_right(method, options):
    table = narrow_table(600)
    synthetic = make(method, options).fit(table).sample(4000)
    assert abs((synthetic["app"] == "X").mean() - (table["app"] == "X").mean()) < 0.04
    assert abs(synthetic["used"].mean() - table["used"].mean()) < 0.04
    assert abs(synthetic["opened"].mean() - table["opened"].mean()) < 0.4
    assert abs(synthetic["minutes"].mean() / table["minutes"].mean() - 1) < 0.2


@every_method
@pytest.mark.parametrize("rows", [0, 1, 700])
def test_any_number_of_rows(method, options, rows):
    table = mixed_table()
    assert_valid(make(method, options).fit(table).sample(rows), table, rows)


@every_method
@pytest.mark.parametrize("rows", [-1, 2.5, "ten", True, None])
def test_impossible_number_of_rows(method, options, rows):
    synthesizer = make(method, options).fit(narrow_table(40))
    with pytest.raises(ValueError, match="number of rows must be a whole number"):
        synthesizer.sample(rows)


@every_method
@pytest.mark.parametrize("dtype", ["datetime64[s]", "datetime64[ms]", "datetime64[us]"])
def test_dates_of_any_unit(method, options, dtype):
    moments = pd.Series(
        pd.Timestamp("2024-02-01 10:00:00.123456") + pd.to_timedelta(range(40), unit="h")
    )
    table = pd.DataFrame({"moment": moments.astype(dtype), "number": range(40)})
    assert_valid(make(method, options).fit(table).sample(60), table, 60)


@every_method
@pytest.mark.parametrize("dtype", ["Float64", "float32", "float16", "UInt8", "uint64", "Int16"])
def test_numbers_of_any_dtype(method, options, dtype):
    table = pd.DataFrame(
        {"number": pd.Series(np.arange(40) % 17, dtype=dtype), "word": ["a", "b"] * 20}
    )
    assert_valid(make(method, options).fit(table).sample(60), table, 60)


@every_method
def test_extreme_numbers_stay_in_range(method, options):
    large = 2**63 - 1
    table = pd.DataFrame(
        {
            "identifier": np.linspace(2**53, 2**53 + 40, 30).astype(np.int64) + 1,
            "edge": np.array([-large - 1, 0, large] * 10, dtype=np.int64),
            "unsigned": np.array([0, 2**64 - 1, 5] * 10, dtype=np.uint64),
            "heavy": 10.0 ** np.arange(-15, 15),
            "tiny": np.arange(30) * 1e-310,
            "exact": pd.date_range("2024-01-01", periods=30, freq="123456789ns"),
        }
    )
    synthetic = make(method, options).fit(table).sample(300)
    assert_valid(synthetic, table, 300)
    assert np.isfinite(synthetic[["heavy", "tiny"]].to_numpy()).all()


# --- awkward tables ---


def constant_table():
    return pd.DataFrame(
        {
            "word": ["a"] * 20,
            "whole": [3] * 20,
            "real": [0.1] * 20,
            "day": pd.Timestamp("2024-02-29"),
            "yes": [True] * 20,
        }
    )


AWKWARD = {
    "constant columns": constant_table(),
    "one row": mixed_table(40).dropna().head(1).reset_index(drop=True),
    "three rows": mixed_table(40).tail(3).reset_index(drop=True),
    "foreign index": mixed_table(40).set_index(np.arange(40) * 7 % 40 + 100).drop(columns="maybe"),
    "one category column": pd.DataFrame({"word": ["a", "b", "b"] * 5}),
    "one number column": pd.DataFrame({"number": np.arange(30) / 7}),
    "one date column": pd.DataFrame({"day": pd.date_range("2024-02-01", periods=30)}),
    "only booleans": pd.DataFrame({"one": [True, False] * 9, "two": [False] * 18}),
    "objects of several types": pd.DataFrame(
        {"cell": ["a", 1, 2.5, None] * 5, "truth": [True, None] * 10}
    ),
    "numbers as categories": pd.DataFrame(
        {"grade": pd.Categorical([3, 1, 2] * 6), "number": range(18)}
    ),
}


@every_method
@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_tables_work(method, options, case):
    table = AWKWARD[case]
    assert_valid(make(method, options).fit(table).sample(80), table, 80)


@every_method
def test_constant_columns_stay_constant(method, options):
    synthetic = make(method, options).fit(constant_table()).sample(25)
    pd.testing.assert_frame_equal(synthetic.head(20), constant_table())


@every_method
@pytest.mark.parametrize(
    "dtype",
    [
        "float64",
        "object",
        "string",
        "Int64",
        "boolean",
        pd.CategoricalDtype(["a"]),
        "datetime64[ns]",
        "datetime64[ns, UTC]",
    ],
)
def test_a_column_that_is_all_missing_stays_so(method, options, dtype):
    table = pd.DataFrame({"number": range(30), "nothing": pd.Series([None] * 30, dtype=dtype)})
    synthetic = make(method, options).fit(table).sample(40)
    assert synthetic["nothing"].isna().all()
    assert_valid(synthetic, table, 40)


@every_method
def test_only_missing_values(method, options):
    table = pd.DataFrame({"one": [np.nan] * 4, "two": [None] * 4})
    assert make(method, options).fit(table).sample(6).isna().all(axis=None)


@every_method
def test_ten_thousand_categories_in_bounded_memory(method, options):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "city": [f"city {i}" for i in range(10_000)],
            "number": rng.normal(size=10_000).round(2),
            "word": rng.choice(["a", "b"], 10_000),
        }
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    synthetic = make(method, options).fit(table).sample(2_000)
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kilobytes on Linux
    assert_valid(synthetic, table, 2_000)
    assert growth < 400_000, "a table of rows by categories would take 800 MB"


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


@every_method
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(table=frames)
def test_any_small_table(method, options, table):
    synthesizer = make(method, options).fit(table)
    assert_valid(synthesizer.sample(15), table, 15)
    if table.iloc[0].notna().any():
        name = table.columns[table.iloc[0].notna()][0]
        rows = synthesizer.sample(4, given={name: table[name].iloc[0]})
        assert (rows[name] == table[name].iloc[0]).all()


# --- tables that cannot be used ---

REFUSED = {
    "no rows": (pd.DataFrame({"a": pd.Series([], dtype=float)}), "empty.*at least one row"),
    "no columns": (pd.DataFrame(index=range(3)), "no columns"),
    "not a table": ([1, 2, 3], "pandas DataFrame, got list"),
    "infinite": (
        pd.DataFrame({"a b": [1.0, np.inf]}, index=["first", "second"]),
        "'a b'.*infinite.*row second",
    ),
    "too large": (pd.DataFrame({"a": [0.25, -1e300]}), "'a'.*beyond 1e\\+38 in row 1"),
    "lists": (pd.DataFrame({"a": [[1], [2, 3]]}), "'a'.*lists"),
    "dictionaries": (pd.DataFrame({"a": [{"b": 1}, {}]}), "'a'.*lists"),
    "tuples": (pd.DataFrame({"a": [(1, 2), (3, 4)]}), "'a'.*tuple"),
    "durations": (pd.DataFrame({"a": pd.to_timedelta([1, 2], unit="s")}), "'a'.*timedelta"),
    "complex": (pd.DataFrame({"a": [1j, 2j]}), "'a'.*complex"),
    "far dates": (
        pd.DataFrame({"a": np.array(["9999-12-31", "2024-01-01"], dtype="datetime64[s]")}),
        "'a'.*9999",
    ),
    "repeated name": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' stands twice"),
    "name that is a number": (pd.DataFrame({0: [1, 2]}), "name 0 is not text"),
}


@every_method
@pytest.mark.parametrize("case", REFUSED)
def test_unusable_tables_get_one_clear_error(method, options, case):
    table, message = REFUSED[case]
    with pytest.raises(TableError, match=message):
        make(method, options).fit(table)


@every_method
def test_a_table_that_breaks_its_schema_is_refused(method, options):
    table = narrow_table(60)
    with pytest.raises(TableError, match="opened"):
        make(method, options).fit(table, schema=Schema.infer(table.assign(opened=1)))


# --- conditions ---

CONDITIONS = {
    "category": {"app": "Netflix"},
    "integer": {"opened": 3},
    "float": {"minutes": "a value of the table"},
    "date": {"day": pd.Timestamp("2024-02-10")},
    "date as text": {"day": "2024-02-10"},
    "date of the standard library": {"day": datetime.date(2024, 2, 10)},
    "boolean": {"used": True},
    "missing": {"minutes": None},
    "two at once": {"app": "X", "used": False},
    "category and number": {"app": "X", "minutes": 40.5},
    "number and missing": {"opened": 2, "minutes": np.nan},
    "number between the seen ones": {"minutes": 60.3},
    "everything": {"app": "X", "used": True, "opened": 4, "minutes": 30.1, "day": "2024-02-10"},
}


@every_method
@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions_hold_in_every_row(method, options, case):
    table = narrow_table()
    wanted = {
        name: table["minutes"].dropna().iloc[0] if value == "a value of the table" else value
        for name, value in CONDITIONS[case].items()
    }
    synthetic = make(method, options).fit(table).sample(40, given=wanted)
    assert_valid(synthetic, table, 40)
    for name, value in wanted.items():
        if pd.isna(value):
            assert synthetic[name].isna().all()
        else:
            expected = pd.Timestamp(value) if name == "day" else value
            assert (synthetic[name] == expected).all()


@every_method
def test_condition_on_a_moment_in_its_own_time_zone(method, options):
    table = mixed_table()
    moment = table["moment"].iloc[3]
    synthesizer = make(method, options).fit(table)
    for value in (moment, moment.tz_localize(None), moment.tz_convert("UTC")):
        assert (synthesizer.sample(5, given={"moment": value})["moment"] == moment).all()


@every_method
def test_condition_moves_the_other_columns(method, options):
    if method == "rules":
        pytest.skip("rules written from a table treat each column by itself")
    rng = np.random.default_rng(0)
    app = rng.choice(["short", "long"], 800)
    table = pd.DataFrame(
        {"app": app, "minutes": np.where(app == "long", 100, 20) + rng.normal(0, 5, 800).round(1)}
    )
    synthesizer = make(method, options).fit(table)
    means = [
        synthesizer.sample(300, given={"app": value})["minutes"].mean()
        for value in ("short", "long")
    ]
    assert abs(means[0] - 20) < 8 and abs(means[1] - 100) < 8
    assert (synthesizer.sample(300, given={"minutes": 100.0})["app"] == "long").mean() > 0.9


IMPOSSIBLE = {
    "unknown column": ({"colour": "red"}, "no column 'colour'.*app, used"),
    "unseen category": ({"app": "Netflx"}, "no category 'Netflx'.*Did you mean 'Netflix'"),
    "out of range": ({"opened": 99}, "runs from 0 to 8.*99 lies outside"),
    "infinite": ({"minutes": np.inf}, "lies outside"),
    "between grid steps": ({"opened": 2.5}, "steps of 1; 2.5 lies between"),
    "too many decimals": ({"minutes": 20.05}, "steps of 0.1; 20.05 lies between"),
    "between days": ({"day": "2024-02-10 12:00"}, "steps of 1.*lies between"),
    "text for a number": ({"opened": "many"}, "'opened' holds integer values"),
    "text for a date": ({"day": "yesterday"}, "'day' holds date values"),
    "number for a date": ({"day": [2024]}, "'day'.*one value"),
    "several values": ({"app": ["X", "Netflix"]}, "'app'.*one value"),
    "a dictionary": ({"app": {"X": 1}}, "'app'.*one value"),
    "missing where never missing": ({"app": None}, "'app' had no missing values"),
    "not a mapping": ([("app", "X")], "given.*dictionary"),
}


@every_method
@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_conditions_get_one_clear_error(method, options, case):
    wanted, message = IMPOSSIBLE[case]
    synthesizer = make(method, options).fit(narrow_table(60))
    with pytest.raises(ValueError, match=message):
        synthesizer.sample(5, given=wanted)


# --- chunks ---


@every_method
def test_small_chunks_give_valid_tables(method, options):
    table = mixed_table()
    synthesizer = make(method, options).fit(table)
    synthesizer.chunk_rows = 7
    synthetic = synthesizer.sample(50)
    assert_valid(synthetic, table, 50)
    assert [len(chunk) for chunk in synthesizer.sample_chunks(50)] == [7] * 7 + [1]
    pd.testing.assert_frame_equal(synthetic, synthesizer.sample(50))


@every_method
def test_small_chunks_keep_conditions(method, options):
    synthesizer = make(method, options).fit(narrow_table(80))
    synthesizer.chunk_rows = 7
    assert (synthesizer.sample(50, given={"app": "X"})["app"] == "X").all()


@every_method
def test_errors_come_before_the_first_chunk(method, options):
    synthesizer = make(method, options).fit(narrow_table(40))
    with pytest.raises(ValueError, match="no category"):
        synthesizer.sample_chunks(10, given={"app": "Y"})


@every_method
def test_memory_does_not_grow_with_the_rows(method, options):
    synthesizer = make(method, options).fit(narrow_table(80))
    synthesizer.chunk_rows = 500

    def peak(rows):
        tracemalloc.start()
        try:
            for _ in synthesizer.sample_chunks(rows):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1_000)  # imports and caches
    assert peak(8_000) < 1.3 * peak(2_000) + 50_000


# --- silence ---


@every_method
def test_nothing_is_printed(method, options, capfd):
    make(method, options).fit(mixed_table()).sample(30)
    assert capfd.readouterr() == ("", "")


# --- saved models ---


@every_method
def test_a_loaded_model_samples_the_same_rows(method, options, tmp_path):
    synthesizer = make(method, options).fit(mixed_table())
    path = tmp_path / "model.npz"
    synthesizer.save(path)
    loaded = Synthesizer.load(path)
    assert type(loaded) is type(synthesizer) and loaded.get_params() == synthesizer.get_params()
    assert loaded.schema_ == synthesizer.schema_
    pd.testing.assert_frame_equal(loaded.sample(60), synthesizer.sample(60))
    wanted = {"App": "X"}
    pd.testing.assert_frame_equal(
        loaded.sample(9, given=wanted), synthesizer.sample(9, given=wanted)
    )


@every_method
def test_a_loaded_model_can_be_saved_again(method, options, tmp_path):
    make(method, options).fit(narrow_table(40)).save(tmp_path / "one")
    Synthesizer.load(tmp_path / "one").save(tmp_path / "two")
    pd.testing.assert_frame_equal(
        *(Synthesizer.load(tmp_path / name).sample(9) for name in ("one", "two"))
    )
