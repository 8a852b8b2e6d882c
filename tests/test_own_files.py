"""Files as people have them: each is read for what it is, and its synthetic rows are written as it
is written. Every test goes through the command line."""

from __future__ import annotations

import csv
import re
import shlex
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from utils.commands import app
from utils.commands.base import Wishes
from utils.commands.opening import open_table
from utils.commands.rules import found_rules
from utils.screentime import simulate_screentime
from utils.synthesizers import SYNTHESIZERS

ROWS = 80


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments) -> tuple[int, str, str]:
    """Exit code, stdout and stderr (in one line) of one call; what is raised, fails the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


def save(content: str | bytes, name: str = "in.csv") -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def lines(separator: str = ",", **columns) -> str:
    """A text file of these columns, each a list of texts."""
    quoted = [
        [f'"{text}"' if separator in text else text for text in map(str, row)]
        for row in zip(*columns.values())
    ]
    return "\n".join(map(separator.join, [list(columns), *quoted])) + "\n"


def written(separator: str = ",", encoding: str = "utf-8") -> dict[str, list[str]]:
    """The output as it stands in its file: name -> texts."""
    with Path("out.csv").open(encoding=encoding, newline="") as file:
        header, *rows = csv.reader(file, delimiter=separator)
    return dict(zip(header, map(list, zip(*rows))))


def generate(source: str, *options, method: str = "trees", output: str = "out.csv") -> str:
    """What the command says about a table that it can use."""
    code, said, error = run("generate", source, "--method", method, "--output", output, *options)
    assert code == 0, error
    return said


def refused(source: str, *options) -> str:
    """The one message about a table that it cannot use; nothing is written."""
    code, said, error = run(
        "generate", source, "--method", "trees", "--output", "out.csv", *options
    )
    assert code in (1, 2)
    assert error.count("Error") == 1 or "Invalid value" in error
    assert "Traceback" not in said + error
    assert not Path("out.csv").exists()
    return error


def column_kind(said: str, name: str) -> str:
    """Kind of a column in the table of columns that the command shows."""
    return re.search(rf"^{re.escape(name)} +(\w+)", said, re.MULTILINE).group(1)


GENERATOR = np.random.default_rng(0)
FEW = [str(number) for number in GENERATOR.integers(10, 60, ROWS)]
DAYS = pd.to_datetime("2024-01-01") + pd.to_timedelta(GENERATOR.integers(0, 300, ROWS), unit="D")
MOMENTS = DAYS + pd.to_timedelta(GENERATOR.integers(0, 86_400, ROWS), unit="s")
AMOUNTS = GENERATOR.lognormal(6, 1.5, ROWS).round(2)


def unpadded(moments: pd.DatetimeIndex, order: str) -> list[str]:
    return [order.format(d=m.day, m=m.month, y=m.year) for m in moments]


# --- each way of writing a value: read as what it is, written as it was ---

FORMS = {
    "milliseconds": (
        [f"{m:%Y-%m-%d %H:%M:%S}.{i % 1000:03d}" for i, m in enumerate(MOMENTS)],
        r"2024-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}",
        "date",
    ),
    "a comma before milliseconds": (
        [f"{m:%Y-%m-%d %H:%M:%S},{i % 1000:03d}" for i, m in enumerate(MOMENTS)],
        r"2024-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}",
        "date",
    ),
    "nanoseconds": (
        [f"2024-01-01T00:00:00.{i:09d}" for i in range(1, ROWS + 1)],
        r"2024-01-01T00:00:00\.\d{9}",
        "date",
    ),
    "UTC": (
        [f"{m:%Y-%m-%dT%H:%M:%S}Z" for m in MOMENTS],
        r"2024-\d\d-\d\dT\d\d:\d\d:\d\dZ",
        "date",
    ),
    "offset": (
        [f"{m:%Y-%m-%dT%H:%M:%S}+01:00" for m in MOMENTS],
        r"2024-\d\d-\d\dT\d\d:\d\d:\d\d\+01:00",
        "date",
    ),
    "offset without a colon": (
        [f"{m:%Y-%m-%d %H:%M}-0530" for m in MOMENTS],
        r"2024-\d\d-\d\d \d\d:\d\d-0530",
        "date",
    ),
    "several offsets": (
        [f"{m:%Y-%m-%dT%H:%M:%S}+0{1 + (m.month > 3)}:00" for m in MOMENTS],
        r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00",
        "date",
    ),
    "month/day/year": (unpadded(DAYS, "{m}/{d}/{y}"), r"[1-9]\d?/[1-9]\d?/2024", "date"),
    "day.month.year": (unpadded(DAYS, "{d}.{m}.{y}"), r"[1-9]\d?\.[1-9]\d?\.2024", "date"),
    "day/month/year, two digits": ([f"{m:%d/%m/%y}" for m in DAYS], r"\d\d/\d\d/24", "date"),
    "words": ([f"{m.day} {m:%B %Y}" for m in DAYS], r"[1-9]\d? [A-Z][a-z]+ 2024", "date"),
    "American words": ([f"{m:%b %d, %Y}" for m in DAYS], r"[A-Z][a-z]{2} \d\d, 2024", "date"),
    "month and year": ([f"{m:%b-%y}" for m in DAYS], r"[A-Z][a-z]{2}-24", "date"),
    "capitals": ([f"{m:%d-%b-%Y}".upper() for m in DAYS], r"\d\d-[A-Z]{3}-2024", "date"),
    "half days": (
        [f"{m:%m/%d/%Y %I:%M %p}" for m in MOMENTS],
        r"\d\d/\d\d/2024 [01]\d:\d\d [AP]M",
        "date",
    ),
    "digits": ([f"{m:%Y%m%d}" for m in DAYS], r"2024[01]\d[0-3]\d", "date"),
    "digits with a time": ([f"{m:%Y%m%d%H%M%S}" for m in MOMENTS], r"2024\d{10}", "date"),
    "digits without a day": ([f"{m:%Y%m}" for m in DAYS], r"2024(0[1-9]|1[0-2])", "date"),
    "time of day": ([f"{m:%H:%M}" for m in MOMENTS], r"[0-2]\d:[0-5]\d", "integer"),
    "time of day, half days": (
        [f"{m:%I:%M %p}".lstrip("0") for m in MOMENTS],
        r"[1-9]\d?:[0-5]\d [AP]M",
        "integer",
    ),
    "duration": (
        [f"{h:02d}:{m:%M:%S}" for h, m in zip(range(ROWS), MOMENTS)],
        r"\d\d:[0-5]\d:[0-5]\d",
        "integer",
    ),
    "race time": (
        [f"{m.minute}:{m:%S}.{m.day % 10}" for m in MOMENTS],
        r"\d{1,2}:[0-5]\d\.\d",
        "number",
    ),
    "days": (["1 day" if int(n) == 10 else f"{n} days" for n in FEW], r"1 day|\d+ days", "integer"),
    "days and a clock": (
        [f"{n} days {m:%H:%M:%S}" for n, m in zip(FEW, MOMENTS)],
        r"\d+ days [0-2]\d:[0-5]\d:[0-5]\d",
        "integer",
    ),
    "hours and minutes": (
        [f"{n}h {m.minute or 5}m" for n, m in zip(FEW, MOMENTS)],
        r"\d+h( [1-5]?\dm)?",
        "integer",
    ),
    "hours and minutes, padded": (
        [f"{int(n) // 10}h{m:%M}m" for n, m in zip(FEW, MOMENTS)],
        r"\d+h[0-5]\dm",
        "integer",
    ),
    "days and a clock, as pandas": (
        [f"{int(n) % 3} days {m:%H:%M:%S}" for n, m in zip(FEW, MOMENTS)],
        r"\d+ days [0-2]\d:[0-5]\d:[0-5]\d",
        "integer",
    ),
    "year-month-day without zeros": (
        unpadded(DAYS, "{y}-{m}-{d}"),
        r"2024-[1-9]\d?-[1-9]\d?",
        "date",
    ),
    "true minus": ([str(int(n) - 35).replace("-", "−") for n in FEW], r"−?\d+", "integer"),
    "dollars": ([f"${a:,.2f}" for a in AMOUNTS], r"\$[1-9]\d{0,2}(,\d{3})*\.\d\d", "number"),
    "euros": ([f"€ {n}" for n in FEW], r"€ \d\d", "integer"),
    "euros, German": (
        [f"{a:,.2f} €".translate(str.maketrans(",.", ".,")) for a in AMOUNTS],
        r"[1-9]\d{0,2}(\.\d{3})*,\d\d €",
        "number",
    ),
    "percent": ([f"{n} %" for n in FEW], r"\d\d %", "integer"),
    "percent with decimals": ([f"{int(n) / 4}%" for n in FEW], r"\d+(\.\d\d?)?%", "number"),
    "parentheses": (
        [f"({a:.2f})" if i % 3 else f"{a:.2f}" for i, a in enumerate(AMOUNTS)],
        r"\(\d+\.\d\d\)|\d+\.\d\d",
        "number",
    ),
    "parentheses, whole": (
        [f"({n})" if i % 20 == 3 else n for i, n in enumerate(FEW)],
        r"\(\d\d?\)|\d\d?",
        "integer",
    ),
    "minus behind": (
        [f"{a:,.2f}" + "-" * (i % 3 == 0) for i, a in enumerate(AMOUNTS)],
        r"[1-9]\d{0,2}(,\d{3})*\.\d\d-?",
        "number",
    ),
    "one minus behind": (["32-", *FEW[1:]], r"\d\d-?", "integer"),
    "spaces between thousands": (
        [f"{a * 100:,.2f}".replace(",", " ") for a in AMOUNTS],
        r"[1-9]\d{0,2}( \d{3})*\.\d\d",
        "number",
    ),
    "apostrophes": (
        [f"{a * 100:,.2f}".replace(",", "'") for a in AMOUNTS],
        r"[1-9]\d{0,2}('\d{3})*\.\d\d",
        "number",
    ),
    "plus signs": ([f"{int(n) - 35:+d}" for n in FEW], r"[+-]\d+|0|\+0", "integer"),
    "scientific": ([f"{a / 1e6:.3e}" for a in AMOUNTS], r"\d\.\d{3}e[+-]\d\d", "number"),
    "scientific, whole": ([f"{n}E4" for n in FEW], r"\d\.\dE\+05", "number"),
    "units": ([f"{n} kg" for n in FEW], r"\d\d kg", "integer"),
    "coordinates": ([f"{52 + a / 1e5:.7f}" for a in AMOUNTS], r"52\.\d{7}", "number"),
    "two decimals": ([f"{int(n) / 2:.2f}" for n in FEW], r"\d+\.\d\d", "number"),
    "trailing spaces": ([f" {n}  " for n in FEW], r"\d\d", "integer"),
    "TRUE and FALSE": (["TRUE", "FALSE"] * (ROWS // 2), "TRUE|FALSE", "boolean"),
    "yes and no": (["yes", "no"] * (ROWS // 2), "yes|no", "category"),
    "Excel's serial dates": ([str(45_000 + int(n) * 7) for n in FEW], r"45\d{3}", "integer"),
}


@pytest.mark.parametrize("name", FORMS)
def test_values_come_back_in_their_own_form(name):
    cells, pattern, kind = FORMS[name]
    said = generate(save(lines(value=cells, other=FEW)))
    assert column_kind(said, "value") == kind
    assert "Left out" not in said and "Read as missing" not in said
    texts = written()["value"]
    assert len(texts) == ROWS
    wrong = [text for text in texts if not re.fullmatch(pattern, text)]
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("method", ["mixture", "copula", "rules", "trees"])
def test_new_values_stay_in_the_form_of_the_file(method):
    columns = {
        "day": unpadded(DAYS, "{m}/{d}/{y}"),
        "at": [f"{m:%Y-%m-%d %H:%M:%S}.{i:03d}" for i, m in enumerate(MOMENTS)],
        "price": [f"${a:,.2f}" for a in AMOUNTS],
        "visit": [f"{m:%Y%m%d}" for m in DAYS],
        "latitude": [f"{52 + a / 1e5:.7f}" for a in AMOUNTS],
    }
    generate(save(lines(**columns)), "--rows", 300, method=method)
    found = written()
    assert list(found) == list(columns)
    days = pd.to_datetime(found["day"], format="%m/%d/%Y")
    assert days.min() >= DAYS.min()
    assert not any(text.startswith("0") or "/0" in text for text in found["day"])
    assert pd.to_datetime(found["visit"], format="%Y%m%d").max() <= DAYS.max()
    assert all(re.fullmatch(r"\$\d{1,3}(,\d{3})*\.\d\d", text) for text in found["price"])
    assert all(re.fullmatch(r"52\.\d{7}", text) for text in found["latitude"])
    assert all(re.fullmatch(r".{19}\.\d{3}", text) for text in found["at"])


def test_decimal_commas_between_semicolons():
    said = generate(
        save(
            lines(
                ";",
                acidity=[f"{int(n) / 9:.2f}".replace(".", ",") for n in FEW],
                sugar=["1,2", "0,9", "1,0", "1,5", "1,1", "1,3", "1,4", "0,8"] * 10,
            )
        )
    )
    assert "Separated by semicolons" in said
    assert column_kind(said, "acidity") == column_kind(said, "sugar") == "number"
    found = written(";")
    assert all(re.fullmatch(r"\d,\d\d", text) for text in found["acidity"])
    assert all(re.fullmatch(r"\d,\d", text) for text in found["sugar"])


def test_the_other_columns_tell_the_decimal_sign():
    """1.234 alone could be either; beside 4,08 it is a thousand."""
    text = lines(";", x=["1.234", "5.678"] * 20, y=["4,08", "12,5"] * 20)
    said = generate(save(text))
    assert "1.234 is 1234" in said
    assert set(written(";")["x"]) == {"1.234", "5.678"}


def test_an_open_decimal_sign_is_said_with_the_option_that_decides():
    source = save(lines(x=["1,234", "5,678"] * 20))
    assert "1,234 is 1234" in (said := generate(source))
    assert "--decimal comma" in said
    said = generate(source, "--decimal", "comma", "--overwrite")
    assert "1,234 is 1.234" in said
    assert set(written()["x"]) <= {"1,234", "5,678"}


def test_an_open_order_of_day_and_month_is_said_with_the_option_that_decides():
    source = save(lines(day=["01/02/2024", "03/04/2024", "05/12/2024"] * 20))
    said = generate(source)
    assert "01/02/2024 is 2 January 2024" in said
    assert "--dates day-first" in said
    said = generate(source, "--dates", "day-first", "--overwrite")
    assert "01/02/2024 is 1 February 2024" in said
    assert "--dates" not in said


def test_another_column_tells_the_order_of_day_and_month():
    text = lines(a=["01/02/2024", "03/04/2024"] * 20, b=["26/02/2024", "03/04/2024"] * 20)
    assert "01/02/2024 is 1 February 2024" in generate(save(text))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_every_separator_and_encoding(separator, encoding):
    text = lines(separator, straße=["süß", "weiß, sehr"] * 20, zahl=FEW[:40])
    said = generate(save(text.replace("\n", "\r\n").encode(encoding)))
    assert ("cp1252" in said) == (encoding == "cp1252")
    assert b"\r\n" in Path("out.csv").read_bytes() or encoding == "utf-16"
    found = written(separator, encoding)
    assert list(found) == ["straße", "zahl"]
    assert set(found["straße"]) == {"süß", "weiß, sehr"}


def test_blank_lines_separators_at_the_end_and_a_line_that_names_the_separator():
    text = "sep=;\n" + lines(";", a=FEW, b=["x", "y"] * 40).replace("\n", ";\n") + ";;\n;;\n\n"
    said = generate(save(text))
    assert "Skipped lines that hold nothing but separators: 2" in said
    assert list(written(";")) == ["a", "b"]
    assert f"{ROWS} rows, 2 columns" in said


def test_a_column_without_a_name_keeps_its_blank_header():
    table = pd.DataFrame({"a": FEW, "b": ["x", "y"] * 40})
    table.to_csv("in.csv")
    assert "Left out 'Unnamed: 0'" in generate("in.csv")
    generate("in.csv", "--keep", "Unnamed: 0", "--overwrite")
    assert list(written()) == ["", "a", "b"]


# --- the course's own tables in another layout ---


def test_the_public_screen_time_layout_comes_back():
    table = simulate_screentime(20)
    table["Date"] = unpadded(table["Date"], "{m}/{d}/{y}")
    table = table.set_axis(
        ["Date", "App", "Usage (minutes)", "Notifications", "Times Opened"], axis=1
    )
    table = table[["App", "Date", "Times Opened", "Usage (minutes)", "Notifications"]]
    table.to_csv("in.csv", index=False)
    said = generate("in.csv", "--given", "Times Opened=3", method="mixture")
    assert "Recognised as a screen-time table" in said
    found = written()
    assert list(found) == list(table.columns)
    assert set(found["Date"]) <= set(table["Date"])
    assert set(found["Times Opened"]) == {"3"}


# --- codes, classes and identifiers ---


def test_codes_with_leading_zeros_stay_text():
    codes = ["02116", "05055", "10001", "94110"]
    said = generate(save(lines(postcode=codes * 20, x=FEW)), method="mixture")
    assert "Read as text, for its leading zeros: 'postcode'" in said
    assert set(written()["postcode"]) <= set(codes)


def test_codes_that_are_nearly_all_different_are_kept_as_codes():
    codes = [f"{number:05d}" for number in range(1000, 1000 + 7 * ROWS, 7)]
    said = generate(save(lines(postcode=codes, x=FEW)))
    assert "Left out" not in said
    assert set(written()["postcode"]) <= set(codes)


def test_few_values_far_apart_are_kept():
    status, product = [200, 301, 404, 503], [10_023, 17_411, 39_005, 55_020, 88_871]
    text = lines(status=status * 50, product=product * 40, x=[i % 40 for i in range(200)])
    said = generate(save(text), method="mixture")
    assert "Few values far apart, kept as they are: 'product'" in said
    assert set(map(int, written()["status"])) <= set(status)
    assert set(map(int, written()["product"])) <= set(product)
    said = generate("in.csv", "--number", "product", "--overwrite", method="mixture")
    assert column_kind(said, "product") == "integer"


def test_many_product_numbers_are_kept_and_amounts_are_not():
    generator = np.random.default_rng(0)
    products = generator.choice(90_000, 60, replace=False) + 10_000
    text = lines(
        product=generator.choice(products, 1000),
        salary=(generator.normal(400, 60, 1000).round() * 100).astype(int),
        views=generator.lognormal(1, 2, 1000).astype(int),
    )
    said = generate(save(text))
    assert column_kind(said, "product") == "category"
    assert column_kind(said, "salary") == column_kind(said, "views") == "integer"


def test_category_keeps_values_by_hand():
    values = [1, 2, 4, 7, 8] * 16
    said = generate(save(lines(level=values, x=FEW)), "--category", "level", method="mixture")
    assert column_kind(said, "level") == "category"
    assert set(map(int, written()["level"])) <= set(values)


def test_a_condition_that_never_occurred_is_said():
    source = save(lines(status=[200, 301, 404, 503] * 20, x=FEW))
    assert "has no category" in refused(source, "--given", "status=302")
    source = save(lines(n=[*range(1, 40), *range(41, 82)], x=FEW))
    assert "No row of the table has n=40" in generate(source, "--given", "n=40", method="mixture")


def test_conditions_are_written_as_the_file_writes():
    source = save(lines(";", price=[f"{n},50 €" for n in FEW], day=unpadded(DAYS, "{d}.{m}.{y}")))
    day = unpadded(DAYS, "{d}.{m}.{y}")[0]
    options = ["--given", f"price={FEW[3]},50 €", "--given", f"day={day}"]
    generate(source, *options, method="mixture")
    found = written(";")
    assert set(found["price"]) == {f"{FEW[3]},50 €"}
    assert set(found["day"]) == {day}


def test_a_condition_on_few_numbers_is_written_as_the_file_writes():
    """They are kept as categories, but still numbers with a unit."""
    source = save(lines(share=["10 %", "50 %", "90 %", "10 %"] * 20, x=FEW))
    generate(source, "--given", "share=50 %", method="mixture")
    assert set(written()["share"]) == {"50 %"}


def test_a_label_of_zero_and_one_is_a_class_and_the_default_target():
    generator = np.random.default_rng(0)
    text = lines(
        x=generator.normal(0, 1, 300).round(3),
        label=(np.arange(300) % 50 == 0).astype(int),
        city=generator.choice(["Ulm", "Bonn"], 300),
    )
    code, said, error = run("compare", save(text), "--methods", "rules", "--seeds", 1)
    assert code == 0, error
    assert "TSTR predicts 'label'" in said
    assert "area under the ROC curve" in said
    assert set(pd.read_csv("in_comparison/scoreboard.csv")["metric"]) >= {"tstr", "valid"}


def test_classes_that_a_gap_made_decimals_are_classes():
    said = generate(save(lines(label=["0.0", "1.0", "", "0.0"] * 20, x=FEW)), method="mixture")
    assert column_kind(said, "label") == "category"
    assert set(written()["label"]) == {"0.0", "1.0", ""}


def test_a_target_of_few_whole_numbers_is_a_class():
    said = generate(save(lines(grade=[1, 2, 3, 4] * 20, x=FEW)), "--target", "grade")
    assert column_kind(said, "grade") == "category"


def test_card_and_user_numbers_are_never_copied_unsaid():
    generator = np.random.default_rng(0)
    cards = generator.integers(4 * 10**15, 5 * 10**15, 200)
    users = np.repeat(generator.integers(10**18, 2 * 10**18, 20), 10)
    source = save(lines(card=cards, user=users, x=generator.integers(0, 50, 200)))
    said = generate(source)
    assert "Left out 'card', 'user'" in said
    assert list(written()) == ["x"]
    said = generate(source, "--keep", "card", "--keep", "user", "--overwrite")
    assert "real values will be written" in said
    assert set(map(int, written()["card"])) <= set(cards)
    assert set(map(int, written()["user"])) <= set(users)


def test_long_numbers_of_one_row_each_are_kept_exactly_where_asked():
    users = [10**18 + 7**15 * number for number in range(ROWS)]
    source = save(lines(user=users, x=FEW))
    assert "Left out 'user'" in generate(source)
    generate(source, "--keep", "user", "--overwrite")
    assert set(map(int, written()["user"])) <= set(users)


def test_names_and_mails_that_repeat_are_left_out():
    people = [f"Person {chr(65 + n % 26)}{chr(97 + n // 26)}" for n in range(200)] * 3
    text = lines(
        name=people,
        email=[f"{person.split()[1].lower()}@example.org" for person in people],
        city=["Ulm", "Bonn", "Kiel"] * 200,
    )
    said = generate(save(text))
    assert "Left out 'name'" in said
    assert "Left out 'email'" in said
    assert list(written()) == ["city"]
    assert "real values will be written" in generate("in.csv", "--keep", "email", "--overwrite")


# --- what is missing ---


def test_only_empty_cells_are_missing_in_text():
    text = lines(country=["NA", "ZA", "", "FR"] * 20, grade=["A", "None", "B", "B"] * 20, x=FEW)
    said = generate(save(text))
    assert "Read as text, not as missing, in 'country': 'NA'" in said
    assert set(written()["country"]) == {"NA", "ZA", "", "FR"}
    assert set(written()["grade"]) == {"A", "None", "B"}


def test_whole_numbers_with_gaps_stay_whole():
    generate(
        save(lines(kids=["2", "0", "", "1", "5", "3"] * 20, x=list(range(120)))), method="mixture"
    )
    assert set(written()["kids"]) <= {"0", "1", "2", "3", "4", "5", ""}
    assert "" in written()["kids"]


def test_markers_of_missing_numbers_are_named_and_written_back():
    said = generate(save(lines(x=[*FEW[:60], *["n/a"] * 15, *["-"] * 5])), "--rows", 200)
    assert "Read as missing in 'x': 'n/a' (15), '-' (5)" in said
    assert column_kind(said, "x") == "integer"
    assert "n/a" in written()["x"]


def test_odd_cells_among_numbers_are_named_with_their_lines():
    cells = [str(i % 83) for i in range(1000)]
    cells[10], cells[500] = "unknown", "about 7"
    said = generate(save(lines(x=cells)))
    assert "Read as missing in 'x': 'unknown' (1)" in said
    assert "where all other cells are numbers: 'about 7' (line 502)" in said
    assert "--category x" in said
    assert column_kind(said, "x") == "integer"


def test_a_mixed_column_is_text():
    cells = ["A", "B", "C", "1", "2"] * 16
    assert column_kind(generate(save(lines(x=cells, y=FEW))), "x") == "category"
    assert set(written()["x"]) <= set(cells)


def test_a_date_that_stands_for_never_is_missing_and_comes_back():
    ends = [f"{day:%Y-%m-%d}" if i % 4 else "9999-12-31" for i, day in enumerate(DAYS)]
    said = generate(save(lines(end=ends, x=FEW)), "--rows", 200)
    assert "far from all others: '9999-12-31' (20)" in said
    assert column_kind(said, "end") == "date"
    share = written()["end"].count("9999-12-31") / 200
    assert 0.1 < share < 0.45
    assert "" not in written()["end"]


def test_dates_of_other_centuries_get_one_message_with_commands_that_work():
    source = save(lines(born=[f"1{400 + i}-05-01" for i in range(ROWS)], x=FEW))
    message = refused(source)
    assert "'born', line 2: the date 1400-05-01" in message
    assert "--drop born" in message
    generate(source, "--drop", "born")
    generate(source, "--category", "born", "--overwrite")
    assert set(written()["born"]) <= {f"1{400 + i}-05-01" for i in range(ROWS)}


def test_infinity_is_named_by_its_line_in_the_file():
    cells = [*FEW[:17], "inf", *FEW[17:30]]
    source = save("x,y\n\n" + "".join(f"{cell},a\n" for cell in cells))
    message = refused(source)
    assert "'x', line 20" in message
    assert "--drop x" in message
    generate(source, "--drop", "x")


# --- rules between columns ---


def stays(rows: int = 200) -> str:
    generator = np.random.default_rng(0)
    admitted = pd.to_datetime("2024-01-01") + pd.to_timedelta(generator.integers(0, 60, rows), "D")
    discharged = admitted + pd.to_timedelta(generator.integers(1, 30, rows), "D")
    net = generator.integers(100, 900, rows)
    tax = generator.integers(10, 90, rows)
    return lines(
        admitted=admitted.strftime("%Y-%m-%d"),
        discharged=discharged.strftime("%Y-%m-%d"),
        net=net,
        tax=tax,
        gross=net + tax,
    )


@pytest.mark.parametrize("method", ["mixture", "copula", "trees", "rules"])
def test_a_rule_is_met_in_every_row(method):
    said = generate(save(stays()), "--rule", "admitted < discharged", "--rows", 500, method=method)
    found = pd.read_csv("out.csv")
    assert len(found) == 500
    assert (found["admitted"] < found["discharged"]).all()
    assert "rows that broke a rule were thrown away" in said


def test_a_sum_is_met_in_every_row():
    generate(save(stays()), "--rule", "net + tax == gross", method="mixture")
    found = pd.read_csv("out.csv")
    assert list(found) == ["admitted", "discharged", "net", "tax", "gross"]
    assert (found["net"] + found["tax"] == found["gross"]).all()
    error = refused_given("--rule", "net + tax == gross", "--given", "gross=500")
    assert "'gross' is computed by a rule" in error


def refused_given(*options) -> str:
    Path("out.csv").unlink()
    return refused("in.csv", *options)


def test_rules_that_hold_are_found_and_named_with_their_option():
    said = generate(save(stays()))
    assert "--rule 'admitted < discharged'" in said
    assert "--rule 'net + tax == gross'" in said
    options = [option for rule in re.findall("--rule '(.+)'", said) for option in ("--rule", rule)]
    generate("in.csv", *options, "--overwrite", method="mixture")
    found = pd.read_csv("out.csv")
    assert (found["admitted"] < found["discharged"]).all()
    assert (found["net"] + found["tax"] == found["gross"]).all()


def test_a_sum_of_decimals_is_found_with_its_rounding():
    generator = np.random.default_rng(0)
    net, tax = generator.lognormal(3, 1, 100).round(2), generator.lognormal(1, 1, 100).round(2)
    text = lines(net=net, tax=tax, gross=[f"{value:.2f}" for value in net + tax])
    said = generate(save(text))
    assert "--rule 'round(net + tax, 2) == gross'" in said
    generate("in.csv", "--rule", "round(net + tax, 2) == gross", "--overwrite", method="mixture")
    found = pd.read_csv("out.csv")
    assert np.allclose(found["net"] + found["tax"], found["gross"], atol=1e-9)


def test_columns_that_have_nothing_to_do_with_each_other_have_no_rule():
    generator = np.random.default_rng(0)
    text = lines(
        age=generator.integers(18, 80, 100), income=generator.integers(20_000, 90_000, 100)
    )
    assert "--rule" not in generate(save(text))


def test_a_rule_that_real_rows_break_gets_one_message():
    source = save(stays() + "2024-05-01,2024-04-01,1,2,3\n2024-05-01,2024-04-01,1,2,3\n")
    message = refused(source, "--rule", "admitted < discharged")
    assert "does not hold in 2 of 202 rows, the first in line 202" in message
    assert "2024-05-01" in message


def test_a_rule_is_not_broken_where_a_value_is_missing():
    text = stays().replace("2024-01-", "2024-02-", 1) + ",2024-04-01,1,2,3\n"
    text = text.splitlines()
    text = "\n".join([text[0], *text[2:]]) + "\n"
    generate(save(text), "--rule", "admitted < discharged")


def test_rules_that_cannot_be_read_or_met():
    source = save(stays())
    assert "Cannot read the expression" in refused(source, "--rule", "admitted <")
    assert "'left'" in refused(source, "--rule", "left < discharged")
    rows = ["--rule", "net * 1000 + tax * 7 + gross * 11 != 0", "--rule", "net + tax - gross == 0"]
    message = refused(source, *rows, "--rows", 200, "--method", "copula")
    assert "keep the rules" in message
    assert list(Path().iterdir()) == [Path("in.csv")]


def test_compare_counts_rules_as_valid():
    call = ["compare", save(stays()), "--methods", "copula", "--seeds", 1]
    assert run(*call, "--rule", "admitted < discharged", "--output", "with")[0] == 0
    assert run(*call, "--output", "without")[0] == 0
    assert valid_share("with") < valid_share("without") == 1


def valid_share(name: str) -> float:
    board = pd.read_csv(f"{name}/scoreboard.csv").set_index(["name", "metric"])
    return board.at[("copula", "valid"), "mean"]


# --- rules in the words of the file ---


def mixed_file() -> str:
    """A German file: days before months, decimal commas, percent, days in digits, a header with a
    space before it."""
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(range(ROWS), unit="D")
    share = [f"{i % 50 + 1} %" for i in range(ROWS)]
    return save(
        lines(
            ";",
            **{"day": [f"{d:%d/%m/%Y}" for d in days], "price": [f"{n[0]},{n[1]}0" for n in FEW]},
            **{"share": share, "in digits": [f"{d:%Y%m%d}" for d in days]},
            **{"name": [f"Ann {i}" for i in range(ROWS)], "paid": ["yes", "no"] * 40},
            **{" age": FEW, "at": [f"{i % 24:02d}:30" for i in range(ROWS)]},
        )
    )


@pytest.mark.parametrize(
    "rule, in_the_table",
    [
        ("day <= '04/05/2024'", "day <= '2024-05-04T00:00:00'"),
        ("day <= '2024-05-04'", "day <= '2024-05-04'"),
        ("minimum(day, '04/05/2024') <= day", "minimum(day, '2024-05-04T00:00:00') <= day"),
        ("day not in ['04/05/2024']", "day not in ['2024-05-04T00:00:00']"),
        ("day - '04/05/2024' == day - '04/05/2024'", "{0} == {0}"),
        ("where(price > 0, day, '04/05/2024') <= day", "where(price > 0, day, '{1}') <= day"),
        ("price + '7,50' > '7,50'", "price + 7.5 > 7.5"),
        ("price < '7,50'", "price < 7.5"),
        ("price * 2 < '17,50'", "price * 2 < 17.5"),
        ("share <= '60 %'", "share <= 60"),
        ("at < '23:45'", "at < 1425"),
        ("`in digits` <= 20240504", "`in digits` <= '2024-05-04T00:00:00'"),
        ("`in digits` <= '20240504'", "`in digits` <= '2024-05-04T00:00:00'"),
        ("weekday(day) < 7", "weekday(day) < 7"),
        ("paid != ''", "paid != ''"),
        ("age < 60", "` age` < 60"),
        ("` age` < 60", "` age` < 60"),
    ],
)
def test_a_rule_is_read_in_the_words_of_the_file(rule, in_the_table):
    """4 May, not 5 April; 7,50 is no text."""
    opened = open_table(mixed_file(), Wishes(rule=[rule]))
    may = "2024-05-04T00:00:00"
    assert opened.schema.rules[rule] == in_the_table.format(f"day - '{may}'", may)


def test_a_rule_takes_the_header_of_the_file():
    table = simulate_screentime(20).rename(columns={"Times opened": "Times Opened"})
    table.to_csv("in.csv", index=False)
    generate("in.csv", "--rule", "`Times Opened` >= 0")
    assert "Times Opened" in written()


def test_a_rule_on_text_days_is_kept_in_every_row():
    generate(mixed_file(), "--rule", "day < '04/05/2024'", "--rows", 300, method="mixture")
    assert pd.to_datetime(pd.Series(written(";")["day"]), format="%d/%m/%Y").max() < pd.Timestamp(
        "2024-05-04"
    )


@pytest.mark.parametrize(
    "rule, words",
    [
        ("paid > 3", "'paid > 3', where paid is text. Numbers go with numbers"),
        ("price + paid > 3", "where paid is text, price is a number"),
        ("paid / 2 == 3", "where paid is text"),
        ("sqrt(paid) > 2", "where paid is text"),
        ("weekday(paid) < 3", "where paid is text"),
        ("day + 3 < '04/05/2024'", "where day is a date"),
        ("paid in 'yes'", "a list such as ['a', 'b'] behind in only"),
        ("price < 7,5", "as in a < 7.5"),
        ("day < 'soon'", "Column 'day' holds date values; 'soon' is not written like them"),
        ("day < 3", "Column 'day' holds date values; '3' is not written like them"),
        ("prise < 3", "There is no column 'prise'. Did you mean 'price'?"),
        ("name != 'x'", "The column 'name' was left out. Keep it with --keep."),
        ("paid == 3", "Column 'paid' holds text, and 3 is a number. Write text in quotes: '3'"),
        ("paid not in ['yes', 3]", "Column 'paid' holds text, and 3 is a number."),
        ("price == 'cheap'", "Column 'price' holds number values; 'cheap' is not written like"),
        ("in digits <= 20240504", "Write: --rule '`in digits` <= 20240504'"),
        ("price < 9 and in digits > '2024-01-01'", "The column 'in digits' needs back-ticks"),
    ],
)
def test_a_rule_that_cannot_be_used_gets_one_clear_message(rule, words):
    message = refused(mixed_file(), "--rule", rule)
    assert words in message
    assert "numpy" not in message and "dtype" not in message


# --- Parquet ---


def parquet(**columns) -> str:
    pq.write_table(pa.table(columns), "in.parquet")
    return "in.parquet"


DAY_LIST = [day.date() for day in DAYS]
PARQUET = {
    "date32": pa.array(DAY_LIST, pa.date32()),
    "decimal128": pa.array([Decimal(f"{a:.2f}") for a in AMOUNTS], pa.decimal128(12, 2)),
    "whole decimals": pa.array([Decimal(n) for n in FEW], pa.decimal128(12, 0)),
    "milliseconds": pa.array(
        [datetime(2024, 1, 1, 0, 0, 0, 1000 * i) for i in range(ROWS)], pa.timestamp("ms")
    ),
    "seconds": pa.array(list(MOMENTS), pa.timestamp("s")),
    "a zone": pa.array(list(MOMENTS), pa.timestamp("us", "Europe/Berlin")),
    "float32": pa.array([float(n) / 10 for n in FEW], pa.float32()),
    "int8 with gaps": pa.array([None, *map(int, FEW[1:])], pa.int8()),
    "bool with gaps": pa.array([None, True, False, True] * 20),
    "dictionary": pa.array(["a", "b"] * 40).dictionary_encode(),
    "large text": pa.array(["a", None] * 40, pa.large_string()),
    "time of day": pa.array([time(int(n) % 24, 5) for n in FEW], pa.time64("us")),
    "short time of day": pa.array([time(int(n) % 24, 5) for n in FEW], pa.time32("s")),
    "duration": pa.array([timedelta(hours=int(n)) for n in FEW], pa.duration("s")),
    "short duration": pa.array(
        [None, *(timedelta(milliseconds=int(n) - 30) for n in FEW[1:])], pa.duration("us")
    ),
    "days as whole numbers": pa.array([int(f"{day:%Y%m%d}") for day in DAYS], pa.int32()),
    "days as text": pa.array([f"{day:%d.%m.%Y}" for day in DAYS]),
    "amounts as text": pa.array([f"${a:,.2f}" for a in AMOUNTS]),
    "nothing": pa.nulls(ROWS),
}


@pytest.mark.parametrize("name", PARQUET)
@pytest.mark.parametrize("method", ["trees", "mixture"])
def test_parquet_columns_come_back_in_their_type(name, method):
    source = parquet(value=PARQUET[name], other=list(map(int, FEW)))
    said = generate(source, method=method, output="out.parquet")
    assert "Left out" not in said
    assert pq.read_schema("out.parquet").equals(pq.read_schema(source))
    found, real = pq.read_table("out.parquet")["value"], PARQUET[name]
    assert len(found) == ROWS
    assert real.null_count or not found.null_count
    if (
        not pa.types.is_null(real.type)
        and not pa.types.is_dictionary(real.type)
        and name != "amounts as text"
    ):
        present = [value for value in found.to_pylist() if value is not None]
        known = [value for value in real.to_pylist() if value is not None]
        if not name.endswith("text"):
            assert min(known) <= min(present)
            assert max(present) <= max(known)
    generate(source, method=method)  # as text, too
    assert len(written()["value"]) == ROWS


def test_a_date_that_stands_for_never_comes_back_in_parquet():
    ends = [day if i % 4 else date(9999, 12, 31) for i, day in enumerate(DAY_LIST)]
    for kind in (pa.date32(), pa.timestamp("us")):
        source = parquet(end=pa.array(ends).cast(kind), x=list(map(int, FEW)))
        said = generate(source, "--overwrite", output="out.parquet")
        assert column_kind(said, "end") == "date"
        assert pq.read_schema("out.parquet").field("end").type == kind
        years = {day.year for day in pq.read_table("out.parquet")["end"].to_pylist()}
        assert years == {2024, 9999}
    source = parquet(born=pa.array([date(1300 + i, 1, 1) for i in range(ROWS)]), x=FEW)
    assert "--drop born" in refused(source)
    generate(source, "--category", "born", output="born.parquet")
    assert pq.read_schema("born.parquet").field("born").type == pa.date32()


def test_markers_of_missing_numbers_come_back_in_parquet():
    source = parquet(x=pa.array([*FEW[:60], *["n/a"] * 20]), y=FEW)
    said = generate(source, output="out.parquet")
    assert column_kind(said, "x") == "integer"
    assert "n/a" in pq.read_table("out.parquet")["x"].to_pylist()


def test_whole_numbers_that_are_days_are_real_days_in_parquet():
    generate(
        parquet(visit=PARQUET["days as whole numbers"]), method="mixture", output="out.parquet"
    )
    found = pq.read_table("out.parquet")["visit"].to_pylist()
    assert pd.to_datetime(pd.Series(found).astype(str), format="%Y%m%d").notna().all()
    assert isinstance(found[0], int)


def test_pandas_arrow_types_come_back_in_their_type():
    table = pd.DataFrame({"at": pd.Series(MOMENTS), "x": FEW}).astype(
        {"at": "timestamp[ns][pyarrow]", "x": "Int64"}
    )
    table.to_parquet("in.parquet")
    generate("in.parquet", output="out.parquet")
    assert (pd.read_parquet("out.parquet").dtypes == pd.read_parquet("in.parquet").dtypes).all()


def test_a_parquet_with_an_index():
    table = pd.DataFrame({"x": list(map(int, FEW)), "kind": pd.Categorical(["p", "q"] * 40)})
    table.set_axis(table.index[::-1]).to_parquet("in.parquet")
    generate("in.parquet", output="out.parquet")
    assert list(pd.read_parquet("out.parquet").columns) == ["x", "kind"]
    table.set_index("x").to_parquet("in.parquet")
    generate("in.parquet", "--overwrite", output="out.parquet")
    found = pd.read_parquet("out.parquet")
    assert sorted(found.columns) == ["kind", "x"]
    assert found["kind"].dtype == "category"


def test_lists_in_parquet_get_one_message_with_a_command_that_works():
    source = parquet(tags=[["a"], ["b", "c"]] * 40, x=list(map(int, FEW)))
    message = refused(source)
    assert "'tags'" in message
    assert "--drop tags" in message
    generate(source, "--drop", "tags")


def test_csv_to_parquet_has_the_types_of_the_values():
    text = lines(day=unpadded(DAYS, "{m}/{d}/{y}"), price=[f"${a:,.2f}" for a in AMOUNTS], n=FEW)
    generate(save(text), output="out.parquet")
    found = pd.read_parquet("out.parquet")
    assert [str(dtype) for dtype in found.dtypes] == ["datetime64[ns]", "float64", "int64"]


def test_date_objects(folder):
    pd.DataFrame({"day": [date(2024, 1, 1 + i % 28) for i in range(ROWS)]}).to_parquet("in.parquet")
    said = generate("in.parquet", output="out.parquet")
    assert column_kind(said, "day") == "date"


# --- what cannot be read, or only in part ---


def test_a_word_for_no_answer_is_missing_and_comes_back():
    answers = [f"{number * 7 + 0.5}" if number % 4 else "refused" for number in range(ROWS)]
    said = generate(save(lines(income=answers, x=FEW)), "--rows", 200)
    assert "Read as missing in 'income': 'refused' (20)" in said
    assert column_kind(said, "income") == "number"
    assert "refused" in written()["income"]


@pytest.mark.parametrize(
    "cells, why",
    [
        ([f"{n} x" if n % 2 else f"w{n}" for n in range(ROWS)], "it mixes numbers"),
        ([f"{m:%Y-%m-%d %H:%M:%S} Europe/Berlin" for m in MOMENTS], "looks like numbers or times"),
        ([f"{m.day}. März {2000 + i}" for i, m in enumerate(DAYS)], "looks like numbers"),
        (
            [f"{m:%d/%m/%Y}" if i % 2 else f"{m:%Y-%m-%d}" for i, m in enumerate(DAYS)],
            "looks like numbers",
        ),
        ([f"PT{n}H{i}M" for i, n in enumerate(FEW)], "looks like numbers or times"),
        ([f"4111 1111 1111 {1000 + i}" for i in range(ROWS)], "cards or accounts"),
        ([str(10**20 + i) for i in range(ROWS)], "long numbers"),
        ([str(5_551_230_000 + 37 * i) for i in range(ROWS)], "long numbers"),
        ([f"10.0.{i}.{i}" for i in range(ROWS)], "addresses"),
        ([f"~{n}" for n in range(ROWS)], "looks like numbers or times"),
        ([f"{n / 4}° N" for n in range(ROWS)], "looks like numbers or times"),
        ([f"0x{n:04X}" for n in range(ROWS)], "looks like numbers or times"),
    ],
)
def test_what_is_left_out_is_left_out_for_the_true_reason(cells, why):
    said = generate(save(lines(value=cells, x=FEW)))
    assert re.search(rf"Left out 'value': .*{why}", said)
    assert "--keep value" in said


def test_times_counted_since_1970_are_numbers():
    said = generate(save(lines(at=[int(m.timestamp() * 1000) for m in MOMENTS], x=FEW)))
    assert column_kind(said, "at") == "integer"


def test_a_file_without_names_is_said():
    said = generate(save("1,2.5\n" + lines(a=FEW, b=AMOUNTS).split("\n", 1)[1]))
    assert "The first line is read as the names" in said


@pytest.mark.parametrize("sign", ['"', "'"])
def test_quotation_marks_around_every_cell_come_back(sign):
    text = '"a","b"\n' + "".join(f'"{n}","x, y"\n' for n in FEW)
    said = generate(save(text.replace('"', sign)))
    assert column_kind(said, "a") == "integer"
    found = Path("out.csv").read_text().replace(sign, '"').splitlines()
    assert found[0] == '"a","b"'
    assert re.fullmatch(r'"\d\d","x, y"', found[1])


def test_a_rule_must_be_a_condition():
    assert "is no condition" in refused(save(lines(a=FEW, b=FEW)), "--rule", "a + b")


def test_compare_takes_every_form():
    columns = {name: FORMS[name][0] for name in ("UTC", "day.month.year", "time of day", "dollars")}
    call = ["compare", save(lines(**columns, kind=["a", "b"] * 40)), "--methods", "mixture,trees"]
    code, said, error = run(*call, "--seeds", 1)
    assert code == 0, error
    assert "TSTR predicts 'kind'" in said


def test_a_column_that_cannot_be_used_may_be_dropped():
    source = save(lines(x=["inf", *FEW[1:]], y=FEW))
    refused(source)
    generate(source, "--drop", "x")
    assert list(written()) == ["y"]


# --- bad files: one message ---


@pytest.mark.parametrize(
    "content, words",
    [
        ("a,b,a\n1,2,3\n", ["two columns named 'a'", "Rename"]),
        ("a;b\n1;2\n3;4;5\n", ["line 3", "3 values", "semicolon"]),
        ("Title of the table\na,b\n1,2\n", ["line 2", "2 values"]),
        ('a,b\n"x,1\ny,2\n', ["line 2", "quotation mark"]),
        ('[{"a": 1}, {"a": 2}]', ["is JSON, not a table", "pandas.read_json"]),
        ('{"a": 1, "b": 2}\n{"a": 2, "b": 3}\n', ["is JSON, not a table", "lines=True"]),
        (b"\x00\x01\x02\x03\x04\x05", ["zero byte"]),
        (b"PAR1 and no more", ["not a whole Parquet file"]),
    ],
)
def test_bad_files_get_one_message(content, words):
    message = refused(save(content))
    assert all(word in message for word in words), message


# --- what is printed can be pasted ---


@pytest.mark.parametrize("name", ["a b", "Price ($USD)", 'the "real" one', "it's"])
def test_a_printed_option_can_be_pasted(name):
    texts = [f"text {i}" for i in range(ROWS)]
    with Path("in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[name, "few"], *zip(texts, FEW)])
    hint = re.search(r"To keep it, with real values: (.*)", generate("in.csv")).group(1)
    assert hint == f"--keep {shlex.quote(name)}"
    generate("in.csv", *shlex.split(hint), "--overwrite")
    assert set(written()[name]) <= set(texts)


def test_a_printed_rule_can_be_pasted():
    first = GENERATOR.integers(10, 1000, ROWS)
    source = save(lines(**{"a b": first, "c $USD": first + GENERATOR.integers(1, 300, ROWS)}))
    hint = re.search(r"To keep it so: (.*)", generate(source)).group(1)
    assert hint == "--rule '`a b` < `c $USD`'"
    generate(source, *shlex.split(hint), "--overwrite")
    rows = written()
    assert all(float(a) < float(b) for a, b in zip(rows["a b"], rows["c $USD"]))


# --- what points to one person is not copied unsaid ---


@pytest.mark.parametrize("rows", [6, ROWS])
@pytest.mark.parametrize(
    "text",
    [
        "Ann <ann@example.com>",
        "a@example.com; b@example.org",
        "call 555-123-4567",
        "+49 170 1234567",
        "123-45-6789",
        "DE89 3704 0044 0532 0130 00",
        "00:1A:2B:3C:4D:5E",
        "10.0.12.1",
        "4111 1111 1111 1111",
    ],
)
def test_one_contact_leaves_its_column_out(text, rows):
    source = save(lines(note=[text, *["none given"] * (rows - 1)], few=FEW[:rows]))
    assert "Left out 'note': it holds addresses" in generate(source)
    assert list(written()) == ["few"]
    said = generate(source, "--keep", "note", "--overwrite")
    assert "Kept 'note', although it holds addresses" in said
    assert "real values will be written" in said


def test_texts_under_the_name_of_persons_are_said_to_be_copied():
    source = save(lines(**{"CustomerName": ["Ann", "Bob"] * 40, "kind": ["x", "y"] * 40}))
    said = generate(source)
    assert "Real values of 'CustomerName' are copied. To leave it out: --drop CustomerName" in said


@pytest.mark.parametrize("values", [range(100, 180), [f"{d:%Y-%m-%d}" for d in DAYS]])
def test_a_text_that_stands_once_is_not_written_for_missing_values(values):
    source = save(lines(value=["Ann Smith", *map(str, values)], few=[*FEW, "10"]))
    said = generate(source, "--rows", 400)
    assert "'Ann Smith'" in said
    assert "If it is text: --category value" in said
    assert "Ann Smith" not in written()["value"]


# --- the screen-time layout, however its dates are written ---


def screentime(date: str) -> str:
    """A screen-time file with its dates in this format of strftime."""
    table = simulate_screentime(20)
    table["Date"] = table["Date"].dt.strftime(date)
    table.to_csv("in.csv", index=False)
    return "in.csv"


@pytest.mark.parametrize("date", ["%d/%m/%Y", "%d.%m.%Y"])
def test_screen_time_is_read_in_the_order_of_day_and_month_of_its_file(date):
    source = screentime(date)
    said = generate(source, method="mixture")
    assert "Recognised as a screen-time table" in said
    real = pd.to_datetime(pd.read_csv(source)["Date"], format=date)
    assert set(pd.to_datetime(written()["Date"], format=date)) <= set(real)


def test_dates_day_first_is_obeyed_in_screen_time():
    Path("in.csv").write_text(
        "Date,App,Usage,Notifications,Times opened\n"
        + "".join(f"0{i % 9 + 1}/02/2024,App{i % 3},{i},{i},{i}\n" for i in range(ROWS))
    )
    said = generate("in.csv", "--dates", "day-first")
    assert "2024-02-01 to 2024-02-09" in said


def test_a_table_only_named_like_screen_time_is_an_ordinary_one():
    rows = "".join(f"2024-01-0{i % 9 + 1},App{i % 3},{i * 100},{i},{i}\n" for i in range(ROWS))
    source = save("Date,App,Usage,Notifications,Times opened\n" + rows)
    said = generate(source)
    assert "but read as any other" in said
    assert "1,440 minutes" in said
    assert column_kind(said, "Usage") == "integer"


def test_no_method_is_a_usage_error():
    code, _, error = run("compare", save(lines(a=FEW, b=FEW)), "--methods", "")
    assert code == 2
    assert "There is no method ''" in error


# --- codes and days in digits, digits and zeros as the file has them ---


@pytest.mark.parametrize("name", ["zip", "Postal Code", "article_no", "itemNumber", "product"])
def test_codes_by_name_are_never_made_up(name):
    codes = [*range(10_000, 90_000, 400)] * 2
    said = generate(save(lines(**{name: codes, "few": FEW * 5})))
    assert f"Codes by their name, kept as they are: the output holds real ones: {name!r}" in said
    assert set(written()[name]) <= set(map(str, codes))


def test_a_count_of_items_is_no_code():
    said = generate(save(lines(item_count=GENERATOR.permutation(1000)[:400], few=FEW * 5)))
    assert column_kind(said, "item_count") == "integer"


def test_days_of_six_digits_are_days():
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(range(0, 600, 2), unit="D")
    said = generate(save(lines(day=[f"{d:%y%m%d}" for d in days], few=FEW * 3 + FEW[:60])))
    assert column_kind(said, "day") == "date"
    assert pd.to_datetime(pd.Series(written()["day"]), format="%y%m%d").notna().all()


def test_decimals_keep_the_fewest_digits_of_their_column():
    cells = [f"{n}.{n % 90 + 10}" for n in range(ROWS)] + ["1.125"] * 3
    generate(save(lines(price=cells, few=FEW + FEW[:3])), "--rows", 400)
    assert all(len(text.partition(".")[2]) in (2, 3) for text in written()["price"])
    assert any(text.endswith("0") for text in written()["price"])


DURATIONS = {
    "zeros": ([f"{i % 3}h {i % 60}m" for i in range(ROWS)], r"\d+h \d+m"),
    "inner zeros": ([f"{i % 5}d {i % 3}h {i % 60}m" for i in range(ROWS)], r"\d+d \d+h \d+m"),
    "plural": ([f"{i % 3} hours {i % 60} minutes" for i in range(ROWS)], r"\d hours \d+ minutes"),
}


@pytest.mark.parametrize("name", list(DURATIONS))
def test_durations_keep_their_zeros_and_plurals(name):
    cells, shape = DURATIONS[name]
    generate(save(lines(took=cells, few=FEW)), "--rows", 400)
    assert [text for text in written()["took"] if not re.fullmatch(shape, text)] == []


def test_versions_are_text_and_keep_their_zeros():
    versions = ["1.9", "1.10", "2.0", ""]
    source = save(lines(version=versions * 20, few=FEW))
    said = generate(source, "--rows", 400)
    assert "Read as text, since 1.10 would be 1.1 as a number: 'version'" in said
    assert "--number version" in said
    assert set(written()["version"]) == set(versions)
    said = generate(source, "--number", "version", "--overwrite")
    assert column_kind(said, "version") == "number"


@pytest.mark.parametrize(
    "amounts",
    [
        [f"{n / 20 + 1:.2f}" if n % 3 else f"{n / 20 + 1:g}" for n in range(ROWS)],
        ["4.50", "4.5", "4.25", *(str(amount) for amount in AMOUNTS[3:])],
        [f"{n}.{n % 10}0" for n in range(ROWS)],
    ],
)
def test_amounts_with_zeros_at_the_end_are_numbers(amounts):
    assert column_kind(generate(save(lines(amount=amounts, few=FEW))), "amount") == "number"


# --- what is said is right ---


@pytest.mark.parametrize("order", ["%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M"])
def test_times_of_several_zones_are_said_to_be_written_in_utc(order):
    cells = [f"{m:{order}}+0{1 + (m.month > 3)}:00" for m in MOMENTS]
    said = generate(save(lines(at=cells, few=FEW)))
    assert re.search(r"Read as dates in several zones, written in UTC.*: 'at'", said)
    assert all(text.endswith("+00:00") for text in written()["at"])


def test_each_time_is_said_in_its_own_unit():
    minutes, seconds = [f"{i % 24:02d}:05" for i in range(ROWS)], [f"00:{i:02d}" for i in range(60)]
    source = save(lines(a=minutes, b=[f"{text}:10" for text in minutes], c=seconds + seconds[:20]))
    said = generate(source)
    assert re.search(r"Read as minutes \(.*\): 'a', 'c'\.", said)
    assert re.search(r"Read as seconds \(.*\): 'b'\.", said)


@pytest.mark.parametrize("option", ["few=99999", "few=20.5"])
def test_a_refused_condition_shows_the_plain_number(option):
    error = refused(save(lines(few=FEW, other=FEW[::-1])), "--given", option)
    assert option.partition("=")[2] in error
    assert "np." not in error


@pytest.mark.parametrize("sign", ["^", ":", " "])
def test_a_separator_that_is_not_known_is_said(sign):
    words = f"Only one column was found. If {sign!r} separates columns"
    assert words in generate(save(lines(sign, a=["1", "2"] * 40, b=["3", "4"] * 40)))
    Path("out.csv").unlink()
    if sign != ":":  # those are times
        assert words in refused(save(lines(sign, a=FEW, b=FEW[::-1])))


@pytest.mark.parametrize("times", [1, 3])
def test_identifiers_that_are_kept_or_repeat_are_not_made_up(times):
    customers = np.random.default_rng(0).integers(10_000, 99_999, 60).repeat(times)
    source = save(lines(customer_id=customers, x=range(60 * times)))
    said = generate(source, "--keep", "customer_id", method="mixture")
    assert ("real values will be written" if times == 1 else "the output holds real ones") in said
    assert set(map(int, written()["customer_id"])) <= set(customers)
    options = ("--keep", "customer_id", "--number", "customer_id", "--overwrite")
    assert "real" not in generate(source, *options, method="mixture")


def test_a_kept_identifier_is_drawn_beside_the_model(monkeypatch):
    """A latent class of each of 30,000 values took minutes, and there is nothing to learn."""
    learned = []
    fit = SYNTHESIZERS["mixture"].fit
    monkeypatch.setattr(
        SYNTHESIZERS["mixture"],
        "fit",
        lambda self, table, schema: learned.append(schema.names) or fit(self, table, schema=schema),
    )
    customers = [f"C{i:05d}" for i in GENERATOR.permutation(ROWS)]
    source = save(lines(x=FEW, customer_id=customers, y=FEW[::-1]))
    keep = ("--keep", "customer_id", "--overwrite")
    for rule, rows in ((), 500), (("--rule", "x + y >= 20"), 50):
        generate(source, *keep, *rule, "--rows", rows, method="mixture")
        assert list(written()) == ["x", "customer_id", "y"]
        assert set(written()["customer_id"]) <= set(customers)
        assert len(set(written()["customer_id"])) > rows / 20
    code, said, error = run("compare", source, *keep, "--methods", "mixture", "--seeds", 1)
    assert code == 0, error
    assert "Each row has a value of its own, so they are not compared: 'customer_id'" in said
    assert learned == [["x", "y"]] * 3
    generate(source, *keep, "--given", f"customer_id={customers[0]}", method="mixture")
    assert set(written()["customer_id"]) == {customers[0]}


def test_codes_with_a_gap_are_kept_as_they_are():
    """pandas writes them as 10115.0."""
    codes = np.random.default_rng(0).integers(10_000, 99_999, 60).repeat(3).astype(float)
    source = save(lines(PLZ=["", *codes], x=range(181)))
    assert "Codes by their name" in generate(source, method="mixture")
    assert set(written()["PLZ"]) <= {"", *map(str, codes)}


def test_texts_of_many_values_are_said_to_be_copied():
    people = [f"{first} {last}" for first in ("Anna", "Ben", "Cleo") for last in "ABCDEFGHIJ"]
    assert "Real values of 'seller' are copied" in generate(save(lines(seller=people * 8)))


def test_a_condition_is_said_as_it_was_given_and_may_name_the_missing_mark():
    source = save(lines(day=unpadded(DAYS, "{m}/{d}/{y}"), ok=["TRUE", "NA", "FALSE", "NA"] * 20))
    said = generate(source, "--given", "day=6/15/2024", "--given", "ok=NA", method="trees")
    assert "No row of the table has day=6/15/2024, ok=NA:" in said
    assert set(written()["ok"]) == {"NA"}


def test_decimals_of_parquet_are_read_to_the_nearest_number():
    values = [Decimal(f"{number / 100:.2f}") for number in range(5, 5000, 7)]
    pq.write_table(pa.table({"x": values}), "in.parquet")
    assert open_table("in.parquet").table["x"].tolist() == list(map(float, values))


def test_periods_of_parquet_are_refused_with_the_option_that_helps():
    pd.DataFrame({"a": FEW, "p": pd.period_range("2020-01", periods=ROWS)}).to_parquet("in.parquet")
    assert "--drop p" in refused("in.parquet")


def test_spaces_between_separators_and_quotation_marks_are_skipped():
    save('g, "v"\n' + "".join(f'{"ab"[int(n) % 2]}, "{n}, {n}"\n' for n in FEW[:6] * 10))
    generate("in.csv")
    assert set(written()["v"]) <= {f"{n}, {n}" for n in FEW[:6]}


def test_a_title_above_the_header_is_pointed_at():
    assert "Delete lines above" in refused(save("Report of 2024\n\ng,v\n" + "a,1\n" * 20))


def test_codes_that_look_like_huge_numbers_are_refused_with_the_option_that_keeps_them():
    source = save(lines(sku=["10E70", "12E08", "31E44"] * 20, x=FEW[:60]))
    assert "If it holds codes: --category sku" in refused(source)
    generate(source, "--category", "sku")
    assert set(written()["sku"]) == {"10E70", "12E08", "31E44"}


def test_an_order_of_dates_that_the_cells_rule_out_is_not_taken():
    source = save(lines(day=unpadded(DAYS, "{m}/{d}/{y}"), x=FEW))
    assert "Left out" not in generate(source, "--dates", "day-first")


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_of_day_in_parquet_are_read_as_such_and_come_back(unit):
    kind = pa.time32(unit) if unit == "ms" else pa.time64(unit)
    times = [None, *(m.time() for m in MOMENTS[1:])]
    table = pa.table({"at": pa.array(times).cast(kind), "x": FEW})
    pq.write_table(table, "in.parquet")
    assert "Read as seconds" in generate("in.parquet", output="out.parquet")
    found = pq.read_table("out.parquet")
    assert found.schema.field("at").type == kind
    drawn = [time for time in found["at"].to_pylist() if time is not None]
    assert min(times[1:]) <= min(drawn) and max(drawn) <= max(times[1:])
    assert {time.microsecond for time in drawn} == {0}
    generate("in.parquet")
    assert re.fullmatch(r"[012]\d:[0-5]\d:[0-5]\d(\.0+)?", max(written()["at"]))


@pytest.mark.parametrize(
    "encoding, cities", [("cp1250", "Łódź Kraków"), ("shift_jis", "東京 大阪")]
)
def test_letters_of_other_countries_are_read_in_the_encoding_that_is_named(encoding, cities):
    source = save(lines(city=cities.split() * 40, x=FEW).encode(encoding))
    if encoding == "cp1250":
        said = generate(source)
        assert "as Western European (cp1252), such as '£ódŸ'." in said
        hint = re.search(r"If that is wrong: (--encoding cp1250)", said).group(1)
    else:
        hint = re.search(r"--encoding \w+", refused(source)).group(0)
    assert encoding in hint
    generate(source, *hint.split(), "--overwrite")
    assert set(written(encoding=encoding)["city"]) == set(cities.split())


def test_an_encoding_that_is_unknown_or_does_not_fit_gets_one_message():
    source = save(lines(city=["Łódź", "Kraków"] * 40, x=FEW).encode("cp1250"))
    assert "no encoding 'klingon'" in refused(source, "--encoding", "klingon")
    message = refused(source, "--encoding", "utf-8")
    assert "line 2" in message and "utf-8" in message and "--encoding" in message


@pytest.mark.parametrize("form", ["{}. März 2024", "{} août 2024", "{} de enero de 2024"])
def test_months_in_other_languages_are_said_to_be_text(form):
    said = generate(save(lines(day=[form.format(i % 9 + 1) for i in range(ROWS)], x=FEW)))
    assert column_kind(said, "day") == "category"
    assert "Read as text, although it looks like dates, in another language: 'day'. Write" in said


def test_durations_of_parquet_are_durations_in_text():
    spans = [timedelta(days=int(n) - 30, hours=int(n), seconds=5) for n in FEW]
    pq.write_table(pa.table({"took": spans, "x": FEW}), "in.parquet")
    assert "Read as seconds" in generate("in.parquet")
    texts = written()["took"]
    assert all(re.fullmatch(r"-?\d\d+:[0-5]\d:[0-5]\d", text) for text in texts)
    drawn = pd.Series([pd.Timedelta(text) for text in texts])
    assert drawn.between(min(spans), max(spans)).all()


def test_codes_that_look_like_powers_are_text_where_one_is_none():
    source = save(lines(code=["7E3"] * 30 + ["1E5"] * 49 + ["7A3"], x=FEW))
    said = generate(source, "--rows", 400)
    assert "Read as text, since 7E3 would be 7000 as a number: 'code'" in said
    assert set(written()["code"]) == {"7E3", "1E5", "7A3"}
    save(lines(code=["7E3", "1E5", "00E1", "2E1"] * 20, x=FEW))
    assert column_kind(generate(source, "--overwrite"), "code") == "category"
    assert set(written()["code"]) == {"7E3", "1E5", "00E1", "2E1"}


def test_zeros_that_number_takes_away_are_said():
    codes = [f"{n:05d}" for n in GENERATOR.integers(100, 90_000, ROWS)]
    said = generate(save(lines(zip=codes, x=FEW)), "--number", "zip")
    assert column_kind(said, "zip") == "integer"
    assert "Read as numbers, which have no zeros in front: 'zip'" in said


@pytest.mark.parametrize("form", ["%Y%m%dT%H%M%SZ", "%a %b %d %H:%M:%S %Y", "%B %dth, %Y"])
def test_dates_in_an_unknown_form_are_not_taken_for_names(form):
    days = pd.date_range("2024-01-01", periods=ROWS, freq="29h")
    assert "in a form that is not known here" in generate(save(lines(t=days.strftime(form), x=FEW)))


def test_ends_of_lines_of_an_old_apple_come_back():
    generate(save(lines(a=FEW, b=FEW).replace("\n", "\r")))
    assert Path("out.csv").read_bytes().startswith(b"a,b\r")
    assert b"\n" not in Path("out.csv").read_bytes()


def test_a_comment_in_the_first_line_is_pointed_at():
    said = generate(save("# made today, by Ann\n" + lines(a=FEW, b=["x", "y"] * 40)))
    assert "The first line is read as the names, although it starts with #." in said


def test_a_line_end_in_a_name_does_not_break_the_list_of_columns():
    said = generate(save('"a\nb",c\n' + "".join(f"{n},x\n" for n in FEW)))
    assert column_kind(said, "a b") == "integer"
    assert written()["a\nb"]


def test_a_first_line_with_a_number_is_said_to_be_read_as_names():
    assert "although '51.26' is a number" in generate(save("b,51.26\n" + "a,3.5\nb,4.5\n" * 20))


def test_orders_in_a_wide_table_are_found_at_once():
    """Each pair by itself took minutes: 250 columns have 62,250 pairs."""
    wide = pd.DataFrame(GENERATOR.normal(size=(50, 250)).round(3)).add_prefix("x")
    wide["low"] = wide["x7"] - 0.5
    started = perf_counter()
    assert found_rules(wide) == ["low < x7"]
    assert perf_counter() - started < 20


def test_orders_of_dates_with_gaps_and_zones_are_found():
    start = pd.Series(DAYS)
    end = start + pd.to_timedelta(GENERATOR.integers(0, 9, ROWS), unit="D")
    table = pd.DataFrame({"start": start, "end": end.mask(end.index % 7 == 0)})
    table["from"] = start.dt.tz_localize("Europe/Berlin")
    table["to"] = table["from"] + pd.Timedelta(hours=1)
    assert found_rules(table) == ["start <= end", "`from` < to"]


@pytest.mark.parametrize(
    ("first", "last"), [(1945, 1994), (1960, 1975), (1950, 1968), (1930, 2012), (2015, 2048)]
)
def test_years_of_two_digits_follow_each_other(first, last):
    days = pd.date_range(f"{first}-01-01", f"{last}-12-28", ROWS).normalize()
    source = save(lines(born=[f"{d:%d/%m/%y}" for d in days], other=FEW))
    table = open_table(source, Wishes(keep=("born",))).table
    assert table["born"].tolist() == days.tolist()
    generate(source)
    read = [datetime.strptime(text, "%d/%m/%y") for text in written()["born"]]
    assert {day.year % 100 for day in read} <= {year % 100 for year in range(first, last + 1)}


def test_compact_days_of_another_century_are_days_of_it():
    days = pd.date_range("1951-01-01", "1999-12-28", ROWS).normalize()
    table = open_table(save(lines(born=[f"{d:%y%m%d}" for d in days], x=FEW))).table
    assert table["born"].tolist() == days.tolist()


def test_a_title_in_the_first_of_several_cells_is_pointed_at():
    save("Sales in May,,\n" + lines(day=DAYS.strftime("%Y-%m-%d"), item=FEW, n=FEW))
    assert "although column 2 has none. Delete what stands above" in generate("in.csv")


def test_a_column_is_given_one_value():
    source = save(lines(sex=["m", "f"] * (ROWS // 2), other=FEW))
    error = refused(source, "--given", "sex=m", "--given", "sex=f")
    assert "'sex=f' is the second condition on 'sex'" in error


@pytest.mark.parametrize(
    "form", ["₹{:,}", "{:,}円", "2024年1月{}日", "'{:05d}", "#{}"], ids=["₹", "円", "年", "'", "#"]
)
def test_a_table_without_a_column_left_says_why(form):
    cells = [form.format(number).replace("₹10,", "₹1,0,") for number in range(10_001, 10_041)]
    error = refused(save("amount\n" + "\n".join(f'"{cell}"' for cell in cells) + "\n"))
    assert "Left out 'amount': it looks like numbers or times in a form" in error


def test_columns_beside_those_of_screen_time_are_named():
    table = simulate_screentime(10, random_state=0).assign(mood="good", Place="home")
    said = generate(save(table.to_csv(index=False)))
    assert "left out: 'mood', 'Place'." in said


@pytest.mark.parametrize(
    ("cells", "place"),
    [
        (["5", "low"] * (ROWS // 2), "line 3: 'low'"),
        ([f"{d:%Y-%m-%d}" for d in DAYS], f"line 2: '{DAYS[0]:%Y-%m-%d}"),
    ],
    ids=["words", "dates"],
)
def test_what_is_no_number_cannot_be_called_one(cells, place):
    error = refused(save(lines(level=cells, x=FEW)), "--number", "level")
    assert f"Column 'level', {place}" in error


def test_digits_that_could_be_days_are_numbers_where_asked():
    source = save(lines(part=[f"{d:%Y%m%d}" for d in DAYS], x=FEW))
    assert column_kind(generate(source, "--number", "part"), "part") == "integer"


def test_an_identifier_that_is_called_a_number_is_learned_as_one_and_said():
    source = save(lines(order_id=range(1000, 1000 + ROWS), x=FEW))
    said = generate(source, "--number", "order_id")
    assert column_kind(said, "order_id") == "integer"
    assert "Kept 'order_id' as a quantity, although" in said
