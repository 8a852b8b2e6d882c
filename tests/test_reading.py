"""read_table: what it reads, and one clear error for each thing it cannot read."""

from __future__ import annotations

import gzip
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from utils.reading import read_table
from utils.schema import TableError

GOOD = 'id,name,when\n1,Ann,2024-08-07\n2,"Bo, jr",2024-08-08\n'
TABLE = pd.DataFrame(
    {"id": [1, 2], "name": ["Ann", "Bo, jr"], "when": pd.to_datetime(["2024-08-07", "2024-08-08"])}
).astype({"name": object, "when": "datetime64[ns]"})  # whatever pandas makes of text and days
LOGIN = b"\n  <!DOCTYPE html><html><body>Please log in, or sign up</body></html>"


class Server(BaseHTTPRequestHandler):
    """Serves a table, a login page, and nothing else."""

    pages: ClassVar = {"/table.csv": GOOD.encode(), "/login": LOGIN}

    def do_GET(self):
        page = self.pages.get(self.path)
        self.send_response(200 if page else 404)
        self.end_headers()
        self.wfile.write(page or b"<html>Not Found</html>")

    def log_message(self, *arguments):
        """Keep the test's output clean."""


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def save(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


def refusal(source) -> str:
    with pytest.raises(TableError) as error:
        read_table(source)
    return str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        gzip.compress(GOOD.encode()),
        GOOD.rstrip("\n"),
        GOOD + "   \n",
        GOOD.encode("utf-16"),
        GOOD.encode("utf-16-be"),
        "sep=,\n" + GOOD,
        GOOD.replace(",", "\t").replace("Bo\t", "Bo,"),
        GOOD.replace("\n", ",\n"),
        GOOD + ",,\n,,\n",
    ],
    ids=[
        "plain",
        "BOM",
        "Windows",
        "blank lines",
        "gzip",
        "no last newline",
        "spaces",
        "UTF-16",
        "UTF-16 without a mark",
        "separator named",
        "tabs",
        "separator at the end",
        "lines of separators",
    ],
)
def test_reads_csv_as_people_save_it(tmp_path, content):
    path = save(tmp_path, content)
    assert_frame_equal(read_table(path), TABLE)
    assert_frame_equal(read_table(str(path)), TABLE)


def test_reads_an_address(address):
    assert_frame_equal(read_table(f"{address}/table.csv"), TABLE)


def test_reads_parquet_whatever_its_name_and_keeps_a_named_index(tmp_path):
    path = tmp_path / "table.data"
    text = pd.read_parquet(io.BytesIO(TABLE.to_parquet()))["name"].dtype  # as pandas reads text
    TABLE.to_parquet(path)
    assert_frame_equal(read_table(path), TABLE.astype({"name": text}))
    TABLE.set_index("id").to_parquet(path)
    assert_frame_equal(read_table(path), TABLE.astype({"name": text}))


def test_rows_can_be_labelled_with_their_line(tmp_path):
    table = read_table(save(tmp_path, 'a,b\n\n1,"two\nlines"\n3,4\n'), lines=True)
    assert table.index.tolist() == [3, 5] and table.index.name == "line"


def test_only_columns_full_of_iso_dates_become_dates(tmp_path):
    table = read_table(save(tmp_path, "a,b,c\n2024-01-01,2024-02-30,2024\n,2024-01-01,2025\n"))
    assert [str(dtype) for dtype in table.dtypes] == ["datetime64[ns]", "object", "int64"]
    assert table["a"].isna().tolist() == [False, True]


def test_only_empty_cells_are_missing_in_text():
    table = read_text("country,grade,x\nNA,None,1\n,A,NA\nZA,B,n/a\n")
    assert table["country"].tolist()[::2] == ["NA", "ZA"]
    assert table["country"].isna().tolist() == [False, True, False]
    assert table["grade"].tolist() == ["None", "A", "B"]
    assert table["x"].dtype == "Int64"
    assert table["x"].isna().tolist() == [False, True, True]


def test_what_a_notebook_has_not_asked_for_stays_text():
    """Only the commands say what they decide, so only they decide about such cells."""
    cells = ["02116", "$1,234.50", "12 %", "8/26/2022", "10:05", "20240131x", "3 days", "1,234"]
    for cell in cells:
        assert read_text(f'a,b\n"{cell}",1\n"{cell}",2\n')["a"].tolist() == [cell, cell]
    dates = ["2024-01-01"] * 20 + ["9999-12-31"]
    assert read_text("a,b\n" + "".join(f"{day},1\n" for day in dates))["a"].tolist() == dates
    numbers = ["1"] * 40 + ["-"]
    assert read_text("a,b\n" + "".join(f"{cell},1\n" for cell in numbers))["a"].tolist() == numbers
    assert read_text("a,b\n20240131,1\n20240201,2\n")["a"].dtype == "int64"


def test_other_separators_encodings_and_decimal_commas():
    table = read_text("Größe;name\n4,08;Jörg\n1,2;Ann\n".encode("cp1252"))
    assert table["Größe"].tolist() == [4.08, 1.2]
    assert table["name"].tolist() == ["Jörg", "Ann"]


def test_numbers_are_those_that_python_reads():
    """By itself pandas reads some decimals half a step beside the nearest float64."""
    cells = ["0.1", "4.08", "1e-5", "-3.3333333333333335", "123456789.123456789"]
    assert read_text("a\n" + "\n".join(cells))["a"].tolist() == list(map(float, cells))


def read_text(content: str | bytes) -> pd.DataFrame:
    with TemporaryDirectory() as folder:
        return read_table(save(Path(folder), content))


def test_not_found_says_where_it_looked_and_what_is_similar(tmp_path):
    save(tmp_path, GOOD, "screentime.csv")
    message = refusal(tmp_path / "screntime.csv")
    assert str(tmp_path / "screntime.csv") in message and "Did you mean screentime.csv?" in message
    assert "folder" in refusal(tmp_path / "nowhere" / "table.csv")


def test_a_folder_lists_the_tables_in_it(tmp_path):
    save(tmp_path, GOOD, "mine.csv")
    message = refusal(tmp_path)
    assert "folder" in message and "mine.csv" in message


BAD = {
    "empty": ("", ["is empty", "completely"]),
    "blank": (" \n\n", ["is empty"]),
    "only a BOM": ("\ufeff", ["is empty"]),
    "header only": ("id,name\n", ["no rows"]),
    "cut UTF-16": (GOOD.encode("utf-16")[:-1], ["utf-16", "cannot be read", "CSV UTF-8"]),
    "too many semicolons": ("a;b\n1;2\n3;4;5\n", ["line 3", "3 values", "missing semicolon"]),
    "zero bytes": (b"id,name\n1,\0\n", ["line 2", "zero byte"]),
    "web page": (LOGIN, ["web page", "raw file"]),
    "too few values": ("a,b,c\n1,2,3\n1,2\n", ["line 3", "2 values", "3 columns", "comma"]),
    "too many values": (
        "a,b\n1,2\n\n1,2,3\n",
        ["line 4", "3 values", "2 columns", "double quotes"],
    ),
    "too many values in every row": ("a,b\n1,2,3\n1,2,3\n", ["line 2", "3 values"]),
    "open quotation mark": ('a,b\n1,"2\n3,4\n', ["quotation mark"]),
    "a huge open quotation": ('a,b\n1,"' + "x" * 200_000 + "\n", ["line 2", "quotation mark"]),
    "repeated column": ("a,b,a\n1,2,3\n", ["two columns named 'a'", "Rename"]),
    "workbook": (b"PK\x03\x04rest", ["Excel", "CSV UTF-8"]),
    "cut gzip": (gzip.compress(GOOD.encode())[:-9], ["damaged gzip", "again"]),
    "cut Parquet": (b"PAR1 and then nothing", ["not a whole Parquet", "again"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_one_clear_error_and_nothing_is_written(tmp_path, name):
    content, words = BAD[name]
    path = save(tmp_path, content)
    message = refusal(path)
    assert all(word in message for word in [str(path), *words]), message
    assert [item.name for item in tmp_path.iterdir()] == ["table.csv"]


def test_a_parquet_name_with_other_content_and_one_without_rows(tmp_path):
    assert "not a whole Parquet" in refusal(save(tmp_path, GOOD, "table.parquet"))
    assert "is empty" in refusal(save(tmp_path, b"", "table.parquet"))
    TABLE.iloc[:0].to_parquet(tmp_path / "table.parquet")
    assert "no rows" in refusal(tmp_path / "table.parquet")


def test_addresses_that_give_no_table(address):
    message = refusal(f"{address}/nothing.csv")
    assert "404" in message and "Check" not in message and "browser" in message
    assert "web page" in refusal(f"{address}/login")
    assert "Cannot reach" in refusal("http://127.0.0.1:1/table.csv")
    assert "Cannot reach" in refusal("http://")
    assert "only http" in refusal("s3://bucket/table.csv")


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.one_of(
        st.text("ab1,;\"\n\r \t'é", max_size=60).map(str.encode), st.binary(max_size=60)
    )
)
def test_any_bytes_give_a_whole_table_or_a_table_error(tmp_path, content):
    try:
        table = read_table(save(tmp_path, content))
    except TableError:
        return
    assert len(table) > 0 and table.index.equals(pd.RangeIndex(len(table)))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(
        st.tuples(st.integers(0, 9), st.text('ab,"\n é', min_size=1).map("x".__add__)), min_size=1
    )
)
def test_what_pandas_writes_comes_back(tmp_path, cells):
    table = pd.DataFrame(cells, columns=["number", "text"])
    table.to_csv(tmp_path / "table.csv", index=False)
    assert_frame_equal(read_table(tmp_path / "table.csv"), table.astype({"text": object}))
