"""The command line: what it writes, what it says, and that bad input gives one clear message and no
file."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from utils.commands import app, compare, opening, writing
from utils.commands.identifiers import identifiers
from utils.commands.values import value_of
from utils.course.places import ROOT
from utils.encoding import to_number
from utils.reading import read_table
from utils.schema import Column, Schema, TableError
from utils.screentime import simulate_screentime
from utils.synthesizers import SYNTHESIZERS, MixtureSynthesizer, Synthesizer

ROWS = 60


def run(*arguments):
    """Exit code, stdout and stderr (in one line, since usage errors are wrapped) of one call."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def patients(folder) -> pd.DataFrame:
    """A small awkward table, written to patients.csv."""
    generator = np.random.default_rng(0)
    days = pd.to_timedelta(generator.integers(0, 300, ROWS), unit="D")
    table = pd.DataFrame(
        {
            "patient_id": generator.permutation(ROWS),
            "Full name": [f"Person {number}" for number in range(ROWS)],
            "Ward 🏥": generator.choice(["A&E", "Surgery"], ROWS),
            "admitted": pd.Timestamp("2024-01-01") + days,
            "temperature": generator.normal(37, 1, ROWS).round(1),
            "children": generator.poisson(2, ROWS),
            "insured": np.arange(ROWS) % 3 > 0,
        }
    )
    table.loc[::7, "temperature"] = np.nan
    table.to_csv(folder / "patients.csv", index=False)
    return table


# --- generate ---


@pytest.mark.parametrize("method", sorted(SYNTHESIZERS))
def test_generate_writes_rows_of_every_method(patients, method):
    code, output, _ = run(
        "generate", "patients.csv", "--method", method, "--rows", 37, "--output", "out.csv"
    )
    assert code == 0
    assert f"37 rows by the method {method}" in output
    written = read_table("out.csv")
    assert list(written.columns) == ["Ward 🏥", "admitted", "temperature", "children", "insured"]
    assert len(written) == 37
    expected = patients[written.columns].dtypes
    assert (written.dtypes == expected).all()


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_every_suffix_holds_the_same_rows(patients, name, monkeypatch):
    monkeypatch.setattr(Synthesizer, "chunk_rows", 10)
    assert run("generate", "patients.csv", "--output", name, "--rows", 33)[0] == 0
    opened = opening.open_table("patients.csv")
    drawn = MixtureSynthesizer().fit(opened.table, schema=opened.schema).sample(33)
    pd.testing.assert_frame_equal(read_table(name), drawn, check_exact=False, rtol=1e-12)


def test_dates_have_one_format_in_all_chunks(folder):
    """By itself pandas writes a chunk that knows only midnights without the time."""
    table = pd.DataFrame({"at": pd.to_datetime(["2024-01-01 00:00:00", "2024-01-02 12:30:00"])})
    writing.write_table(folder / "out.csv", [table[:1], table[1:]], Schema.infer(table))
    assert (folder / "out.csv").read_text() == "at\n2024-01-01 00:00:00\n2024-01-02 12:30:00\n"


def test_same_seed_same_rows_other_seed_others(patients, folder):
    for name, seed in (("a.csv", 1), ("b.csv", 1), ("c.csv", 2)):
        assert run("generate", "patients.csv", "--seed", seed, "--output", name)[0] == 0
    first, again, other = ((folder / f"{name}.csv").read_bytes() for name in "abc")
    assert first == again != other


def test_defaults_write_beside_and_as_many_rows(patients):
    assert run("generate", "patients.csv")[0] == 0
    assert len(read_table("patients_synthetic.csv")) == ROWS


@pytest.mark.parametrize(
    "given, column, value",
    [
        ("Ward 🏥=Surgery", "Ward 🏥", "Surgery"),
        ("insured=no", "insured", False),
        ("children=2", "children", 2),
        ("admitted=2024-03-01", "admitted", pd.Timestamp("2024-03-01")),
        ("temperature=", "temperature", None),
    ],
)
def test_given_holds_in_every_row(patients, given, column, value):
    code, _, error = run("generate", "patients.csv", "--given", given, "--output", "out.csv")
    assert code == 0, error
    values = read_table("out.csv")[column]
    assert values.isna().all() if value is None else (values == value).all()


def test_conditions_are_typed_by_their_column():
    assert value_of(Column("a", "category", "int64", categories=(1, 2)), "2") == 2
    assert value_of(Column("a", "boolean", "bool", categories=(False, True)), "TRUE") is True
    assert value_of(Column("a", "category", "object", categories=("1",)), "1") == "1"
    assert np.isnan(value_of(Column("a", "integer", "int64"), ""))


def test_a_number_keeps_all_its_digits(folder):
    column = Column("a", "integer", "int64", 2**53, 2**53 + 9)
    assert to_number(value_of(column, "9007199254740995"), column) == 3
    pd.DataFrame({"a": 2**53 + np.arange(20) % 5}).to_csv("large.csv", index=False)
    options = ["--keep", "a", "--given", "a=9007199254740995"]
    code, output, error = run("generate", "large.csv", *options)
    assert code == 0 and "No row of the table" not in output, error
    assert set(pd.read_csv("large_synthetic.csv")["a"]) == {9007199254740995}


def test_a_condition_that_no_row_meets_is_said(patients):
    code, output, _ = run(
        *("generate", "patients.csv", "--given", "children=2", "--given", "temperature=")
    )
    table = read_table("patients.csv")
    met = ((table["children"] == 2) & table["temperature"].isna()).any()
    assert code == 0 and ("No row of the table has children=2" in output) == (not met)


def test_a_column_name_may_hold_an_equals_sign(folder):
    table = pd.DataFrame({"a": ["x", "y"] * 10, "a=b": ["p", "q"] * 10})
    table.to_csv("equals.csv", index=False)
    assert run("generate", "equals.csv", "--given", "a=b=q", "--output", "out.csv")[0] == 0
    assert set(read_table("out.csv")["a=b"]) == {"q"}


# --- what is left out, read and said ---


def test_identifiers_are_left_out_and_said(patients):
    code, output, _ = run("generate", "patients.csv", "--output", "out.csv")
    assert code == 0
    assert "Left out 'patient_id': each row has a whole number of its own" in output
    assert "Left out 'Full name': nearly every row has a text of its own" in output
    assert "Read as dates: 'admitted'" in output
    assert re.search(r"temperature +number +\S+ to \S+ +15\.0%", output)


def test_keep_and_drop(patients):
    options = ["--keep", "Full name", "--drop", "temperature", "--drop", "admitted"]
    assert run("generate", "patients.csv", "--output", "out.csv", *options)[0] == 0
    assert list(read_table("out.csv").columns) == ["Full name", "Ward 🏥", "children", "insured"]


@pytest.mark.parametrize(
    "name, identifies",
    [
        ("customer_id", True),
        ("PassengerId", True),
        ("ID", True),
        ("Account No", True),
        ("Unnamed: 0", True),
        ("id_code", True),
        ("price", False),
        ("valid", False),
        ("paid", False),
        ("width", False),
        ("年齢", False),
    ],
)
def test_whole_numbers_identify_by_name(name, identifies):
    table = pd.DataFrame({name: np.arange(50), "other": 1.5})
    assert (name in identifiers(table)) is identifies


def test_repeated_numbers_and_texts_do_not_identify():
    table = pd.DataFrame(
        {
            "order_id": [1, *range(1, 50)],
            "city": ["Ulm", "Bonn"] * 25,
            "reading_number": np.arange(50) + 0.5,
        }
    )
    assert identifiers(table) == {}


def test_other_dates_are_read_and_said(folder):
    dates = pd.date_range("2024-01-01", periods=20).strftime("%m/%d/%Y")
    pd.DataFrame({"day": dates, "value": range(20)}).to_csv("us.csv", index=False)
    output = run("generate", "us.csv")[1]
    assert "Read as dates (01/01/2024 is 1 January 2024): 'day'." in output


@pytest.mark.parametrize("date_format", ["%Y-%m-%d", "%m/%d/%Y"])
def test_public_screen_time_files_are_recognised(folder, date_format):
    table = simulate_screentime(20)
    table["Date"] = table["Date"].dt.strftime(date_format)
    table.columns = ["Date", "App", "Usage (minutes)", "Notifications", "Times Opened"]
    table["Battery"] = 80
    table.to_csv("public.csv", index=False)
    code, output, error = run(
        "generate", "public.csv", "--given", "App=Netflix", "--output", "out.csv"
    )
    assert code == 0, error
    assert "Recognised as a screen-time table" in output
    assert "do not belong to such a table are left out: 'Battery'" in output
    written = pd.read_csv("out.csv")
    assert list(written.columns) == list(table.columns[:5])
    assert set(written["App"]) == {"Netflix"}
    assert set(written["Date"]) <= set(table["Date"])


def test_adult_keeps_its_authors_split(folder):
    source = str(ROOT / "data" / "adult.parquet")
    opened = opening.open_table(source)
    assert (len(opened.table), len(opened.holdout)) == (32_561, 16_281)
    assert opened.schema.target == "income"
    assert "part" not in opened.schema.names
    board, notices = compare._board(opened, 1, "adult")
    assert (len(board.train), len(board.holdout)) == (compare.MOST_ROWS, 16_281)
    assert "at most 20,000" in notices[0]


def test_default_target_is_the_last_small_category():
    table = pd.DataFrame({"a": ["x", "y"] * 5, "b": [True, False] * 5, "c": range(10), "d": "one"})
    opened = opening.with_default_target(opening.OwnTable(table, Schema.infer(table)))
    assert opened.schema.target == "b"
    assert "'b'" in opened.notices[0]
    numbers = opening.OwnTable(table[["c"]], Schema.infer(table[["c"]]))
    assert opening.with_default_target(numbers).schema.target is None


# --- compare ---


def test_compare_prints_and_writes_the_scoreboard(patients, folder):
    call = ("compare", "patients.csv", "--methods", "mixture, trees", "--seeds", 1, "--output", "c")
    code, output, error = run(*call)
    assert code == 0, error
    said = (
        "TSTR predicts 'insured'",
        "40 rows to learn from, 20 to judge by",
        "So few rows",
        "seconds to",
    )
    for text in said:
        assert text in output
    assert sorted(path.name for path in (folder / "c").iterdir()) == sorted(compare.FILES)
    tidy = pd.read_csv("c/scoreboard.csv")
    assert list(tidy.columns) == ["name", "kind", "metric", "mean", "spread"]
    assert set(tidy.loc[tidy["kind"] == "generator", "name"]) == {"mixture", "trees"}
    page = (folder / "c" / "scoreboard.html").read_text(encoding="utf-8")
    assert "Ward 🏥" in page
    assert "shuffled columns" in page
    assert (folder / "c" / "scoreboard.png").read_bytes().startswith(b"\x89PNG")


def test_methods_to_compare_are_the_quick_ones_unless_named():
    assert compare._methods(None) == ["copula", "marginals", "mixture", "rules", "trees"]
    assert compare._methods(" all ") == sorted(set(SYNTHESIZERS) - {"language_model"})
    assert compare._methods("language_model") == ["language_model"]
    assert compare._methods("trees, rules") == ["trees", "rules"]


def test_compare_says_which_method_failed_and_goes_on(patients, monkeypatch):
    def fail(self, columns, rng):
        raise TableError("no trees today")

    monkeypatch.setattr(SYNTHESIZERS["trees"], "_fit", fail)
    code, output, error = run("compare", "patients.csv", "--methods", "rules,trees", "--seeds", 1)
    assert code == 1
    assert "trees cannot learn this table: no trees today" in error
    assert "rules" in output
    code, _, error = run("compare", "patients.csv", "--methods", "trees", "--output", "other")
    assert code == 1
    assert "No method could learn this table" in error
    assert not Path("other").exists()


def test_a_screen_time_table_that_breaks_its_rules_is_an_ordinary_one_and_says_so(folder):
    rows = "".join(f"2024-01-{day:02},X,{day - 5},1,1\n" for day in range(1, 29))
    Path("odd.csv").write_text(f"Date,App,Usage,Notifications,Times opened\n{rows}")
    code, output, _ = run("generate", "odd.csv", "--output", "out.csv")
    assert code == 0 and "column 'Usage', line 2" in output
    assert len(pd.read_csv("out.csv")) == 28


def test_compare_overwrites_only_when_told(patients):
    call = ("compare", "patients.csv", "--methods", "rules", "--seeds", 1)
    assert run(*call)[0] == 0
    code, _, error = run(*call)
    assert code == 1
    assert "exists already" in error
    assert run(*call, "--overwrite")[0] == 0


# --- bad input: one message, the right exit code, no file ---


@pytest.mark.parametrize(
    "content, message",
    [
        (b"a;b\n1;2;3\n", "line 2: 3 values, but the header has 2 columns"),
        (b"", "is empty"),
        (b"<!doctype html><html></html>", "is a web page"),
        (b"a,b\n", "a header but no rows"),
    ],
)
def test_bad_tables(folder, content, message):
    (folder / "bad.csv").write_bytes(content)
    for command in ("generate", "compare"):
        code, output, error = run(command, "bad.csv", "--output", "out.csv")
        assert (code, output) == (1, "")
        assert error.startswith("Error: ")
        assert error.count("Error") == 1
        assert message in error
    assert [path.name for path in folder.iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    "arguments, code, message",
    [
        (["nowhere.csv"], 1, "There is no file"),
        (
            ["patients.csv", "--method", "mixtur"],
            2,
            "There is no method 'mixtur'. Did you mean 'mixture'?",
        ),
        (["patients.csv", "--method", "zzz"], 2, "Choose from: autoregressive"),
        (["patients.csv", "--rows", "0"], 2, "--rows"),
        (["patients.csv", "--rows", "-3"], 2, "--rows"),
        (["patients.csv", "--rows", "many"], 2, "--rows"),
        (["patients.csv", "--seed", "-1"], 2, "--seed"),
        (["patients.csv", "--given", "insured"], 2, "Write COLUMN=VALUE"),
        (["patients.csv", "--given", "Insured=yes"], 2, "Did you mean 'insured'?"),
        (["patients.csv", "--given", "Full name=Bo"], 2, "was left out"),
        (["patients.csv", "--given", "Ward 🏥=Surgry"], 2, "Did you mean 'Surgery'?"),
        (["patients.csv", "--given", "insured=perhaps"], 2, "is true or false"),
        (["patients.csv", "--given", "children=two"], 2, "holds integer values"),
        (["patients.csv", "--given", "children=99"], 2, "lies outside"),
        (["patients.csv", "--given", "admitted=soon"], 2, "holds date values"),
        (["patients.csv", "--given", "children="], 2, "no missing values"),
        (["patients.csv", "--target", "insurd"], 2, "Did you mean 'insured'?"),
        (["patients.csv", "--drop", "tempreature"], 2, "Did you mean 'temperature'?"),
        (["patients.csv", "--keep", "name"], 2, "There is no column 'name'"),
        (["patients.csv", "--output", "out.xlsx"], 1, "should end in .csv"),
        (["patients.csv", "--output", "no/out.csv"], 1, "There is no folder"),
        (["patients.csv", "--output", "patients.csv"], 1, "exists already"),
        (
            ["patients.csv", "--output", "patients.csv", "--overwrite"],
            1,
            "is the real table itself",
        ),
    ],
)
def test_bad_options(patients, folder, arguments, code, message):
    found, _, error = run("generate", *arguments)
    assert found == code, error
    assert message in error
    assert "Traceback" not in error
    assert [path.name for path in folder.iterdir()] == ["patients.csv"]


def test_nothing_is_overwritten_unasked(patients, folder):
    (folder / "out.csv").write_text("precious")
    assert run("generate", "patients.csv", "--output", "out.csv")[0] == 1
    assert (folder / "out.csv").read_text() == "precious"
    assert run("generate", "patients.csv", "--output", "out.csv", "--overwrite")[0] == 0
    assert len(read_table("out.csv")) == ROWS


def test_a_folder_that_may_not_be_written_to(patients, monkeypatch):
    monkeypatch.setattr(writing.os, "access", lambda path, mode: False)
    code, _, error = run("generate", "patients.csv", "--output", "out.csv")
    assert code == 1
    assert "may not be written to" in error


def test_a_disk_that_fills_up_leaves_the_old_file(patients, folder, monkeypatch):
    (folder / "out.csv").write_text("precious")

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    code, _, error = run("generate", "patients.csv", "--output", "out.csv", "--overwrite")
    assert code == 1
    assert "No space left on device" in error
    assert sorted(path.name for path in folder.iterdir()) == ["out.csv", "patients.csv"]
    assert (folder / "out.csv").read_text() == "precious"


def test_everything_left_out_is_an_error(folder):
    pd.DataFrame({"name": [f"Person {number}" for number in range(30)]}).to_csv(
        "names.csv", index=False
    )
    code, _, error = run("generate", "names.csv")
    assert code == 1
    assert "No column of names.csv is left. Left out 'name': nearly every row" in error
    assert "Keep one: --keep name" in error


def test_too_few_rows_to_compare(folder):
    pd.DataFrame({"a": [1, 2, 3]}).to_csv("tiny.csv", index=False)
    code, _, error = run("compare", "tiny.csv")
    assert code == 1
    assert "needs 10 or more" in error


def test_interrupting_leaves_no_file(patients, folder):
    command = [sys.executable, "-m", "utils", "generate", "patients.csv", "--rows", "50000000"]
    process = subprocess.Popen(
        [*command, "--output", "out.csv"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that runs the tests in the background has Ctrl-C ignored, and its children inherit
        # that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        _wait_for(
            lambda: any(path.suffix == ".part" and path.stat().st_size for path in folder.iterdir())
        )
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in error
    assert [path.name for path in folder.iterdir()] == ["patients.csv"]


def _wait_for(condition, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


# --- the whole program ---


def test_help_names_every_method_and_command():
    code, output, _ = run("generate", "--help")
    assert code == 0
    for name, method in SYNTHESIZERS.items():
        assert f"{name} " in output
        assert method.__doc__.strip().splitlines()[0].split()[0] in output
    assert {"generate", "compare"} <= set(run("--help")[1].split())


def test_a_first_chunk_that_is_all_missing_does_not_settle_the_types(folder):
    table = pd.DataFrame(
        {"text": [None, None, "a", "b"], "flag": [None, None, True, False]}, dtype=object
    )
    writing.write_table(folder / "out.parquet", [table[:2], table[2:]], Schema.infer(table))
    written = read_table(folder / "out.parquet")
    assert written["text"].tolist() == [None, None, "a", "b"]
    assert written["flag"].tolist() == [None, None, True, False]


def test_parquet_keeps_missing_text_and_categories(folder):
    table = pd.DataFrame({"text": [None] * 50 + ["a"] * 50, "flag": True})
    table["kind"] = pd.Categorical(["p", "q"] * 50)
    table.to_parquet("in.parquet")
    code, _, error = run("generate", "in.parquet", "--output", "out.parquet")
    assert code == 0, error
    written = read_table("out.parquet")
    assert set(written["text"].dropna()) == {"a"}
    assert 0.2 < written["text"].isna().mean() < 0.8
    assert written["kind"].dtype == "category"
    assert written["flag"].all()


def test_numbers_and_text_mixed_in_parquet(folder):
    """A text column may hold numbers only when it comes from Python; Parquet then keeps one
    type."""
    table = pd.DataFrame({"code": pd.Series([1, 2] * 10, dtype=object)})
    schema = Schema.infer(table)
    writing.write_table(
        folder / "out.parquet", MixtureSynthesizer().fit(table).sample_chunks(7), schema
    )
    assert set(read_table(folder / "out.parquet")["code"]) <= {1, 2}
    assert value_of(schema["code"], "2") == 2
