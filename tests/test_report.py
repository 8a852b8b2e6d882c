"""``python -m utils report``: what is read alike, what is said, what is not, and the page."""

from __future__ import annotations

import json
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import utils.report
from tests.test_command_line import run
from utils.attacks import PrivacyReport
from utils.attacks.report import NONE_FOUND
from utils.commands.matching import open_companion
from utils.commands.opening import open_table
from utils.commands.schema_file import read_schema
from utils.report import board, make_report, private, rows, similar, useful
from utils.report.board import SYNTHETIC, Board
from utils.report.fair import check_sensitive, fair_section
from utils.report.private import private_section
from utils.report.rows import NOT_SEEN, OVERLAPS, SEEN, choose_rows, learned_from
from utils.report.valid import valid_section
from utils.results import COPY, SHUFFLED
from utils.schema import Schema, TableError
from utils.scoring import METRICS, judge, score, scoreboard

ROW = re.compile(r'<th scope="row">(.*?)</th>(.*?)</tr>')
ODD = 'Ward <b>&"'  # a name that a page must escape


def make_quicker(patch) -> None:
    """One seed of the judge and 20 rounds of it, so that a report takes a second."""
    patch.setattr(board, "JUDGES", 1)
    slow = judge.HistGradientBoostingClassifier
    quick = lambda **how: slow(**how | {"max_iter": 20})  # noqa: E731
    patch.setattr(judge, "HistGradientBoostingClassifier", quick)


@pytest.fixture(autouse=True)
def one_judge(monkeypatch):
    make_quicker(monkeypatch)


def visits(number: int, seed: int) -> pd.DataFrame:
    """Rows of a process that is written down here: cost and insurance depend on the ward."""
    generator = np.random.default_rng(seed)
    ward = generator.choice(["A&E", "Surgery <i>"], number)
    surgery = ward == "Surgery <i>"
    return pd.DataFrame(
        {
            ODD: ward,
            "cost": (generator.gamma(2, 50, number) + 300 * surgery).round(2),
            "children": generator.poisson(2, number),
            "insured": np.where(generator.random(number) < 0.2 + 0.6 * surgery, "yes", "no"),
        }
    )


REAL, HOLDOUT, SYNTHETIC_ROWS = visits(150, 0), visits(120, 1), visits(150, 4)
SCHEMA = Schema.infer(REAL, target="insured")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The current folder, with real.csv, holdout.csv and synthetic.csv."""
    monkeypatch.chdir(tmp_path)
    for name, table in (("real", REAL), ("holdout", HOLDOUT), ("synthetic", SYNTHETIC_ROWS)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


@pytest.fixture
def quick(monkeypatch):
    """Reports in half a second, for tests that ask about files and words: canned scores and
    attacks, and no pictures."""
    scores = pd.Series({name: 0.5 for name in METRICS})
    means = pd.DataFrame({name: scores for name in (COPY, SHUFFLED, SYNTHETIC)}).T
    canned = Board(means, means * np.nan, means.astype(str), [COPY, SHUFFLED], "")
    monkeypatch.setattr(utils.report, "scored", lambda *asked: canned)
    found = {"found": 0.5, "low": 0.4, "high": 0.6, "luck": 0.5, "verdict": NONE_FOUND}
    attacks = PrivacyReport(pd.DataFrame([found], index=["guessing"]), REAL[:2])
    monkeypatch.setattr(private, "_attacked", lambda *asked: attacks)
    for place in (board, similar):
        monkeypatch.setattr(place, "picture", lambda figure, words: plt.close(figure) or "")


@pytest.fixture(scope="module")
def whole():
    """A report with everything that it can have."""
    with pytest.MonkeyPatch.context() as patch:
        make_quicker(patch)
        return make_report(REAL, SYNTHETIC_ROWS, SCHEMA, HOLDOUT, sensitive=ODD)


# --- the page ---


class Reader(HTMLParser):
    """Notes the tags, their attributes, and whether each is closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(whole) -> Reader:
    reader = Reader()
    reader.feed(whole.html)
    return reader


def test_the_page_needs_nothing_else(page, whole):
    assert not page.open, "a tag is not closed"
    assert not {"script", "link", "iframe", "object"} & {*page.tags}
    addresses = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert addresses
    assert all(re.match(r"#\w+$|data:image/png;base64,", value) for value in addresses)
    assert "://" not in whole.html and "url(" not in whole.html


def test_links_lead_to_a_place_in_the_page(page):
    places = {value for _, name, value in page.attributes if name == "id"}
    links = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert links == {"valid", "similar", "useful", "private", "fair"} and links <= places


def test_each_picture_has_words(page):
    pictures = page.tags.count("img")
    words = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert pictures == len(words) == 3 and all(len(text) > 40 for text in words)


def test_names_and_values_are_escaped(whole, quick):
    assert ODD not in whole.html and escape(ODD) in whole.html
    assert "Surgery <i>" not in whole.html and escape("Surgery <i>") in whole.html
    said = make_report(
        REAL, SYNTHETIC_ROWS, SCHEMA, title="<b>", notes=["<u>"], card={"<s>": "<q>"}
    )
    assert not re.search("<[busq]>", said.html)


def test_same_tables_same_page(whole):
    again = make_report(REAL, SYNTHETIC_ROWS, SCHEMA, HOLDOUT, sensitive=ODD)
    assert again.html == whole.html


def test_no_real_row_stands_in_the_page(whole):
    """Costs are one person's: none of the extremes, and no more than the quantiles are shown."""
    cost = REAL["cost"]
    shown = [value for value in cost if re.search(rf"\b{value:g}\b", whole.html)]
    assert len(shown) <= 3 and not {cost.min(), cost.max()} & {*shown}


def test_every_section_says_its_yardsticks_and_limits(whole):
    assert list(whole.sections) == ["valid", "similar", "useful", "private", "fair"]
    for section in whole.sections.values():
        assert section.limits and section.verdict.endswith(".")
        assert "real rows" in section.verdict or section.word == "No leak found"
    for words in ("What was not checked", "half of the holdout (real)", SHUFFLED, COPY, "Seeds"):
        assert words in whole.html


def test_a_good_table_is_called_good(whole):
    words = {name: section.word for name, section in whole.sections.items()}
    assert words == {
        "valid": "Yes",
        "similar": "Yes",
        "useful": "Yes",
        "private": "No leak found",
        "fair": "As real rows do",
    }


# --- rows ---


def test_without_a_holdout_no_attack_is_judged(monkeypatch):
    canned = pd.Series({name: 0.5 for name in METRICS})
    for place in (board, scoreboard):
        monkeypatch.setattr(place, "score", lambda *asked: canned.copy())
    monkeypatch.setattr(scoreboard, "trtr", lambda *asked: 0.5)
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA)
    assert [name for name in METRICS if name not in board.scored(chosen).means] == [
        "membership_auc",
        "membership_tpr_at_1",
        "membership_tpr_at_10",
    ]
    assert private_section(chosen).word == "Cannot be said"


def test_without_a_holdout_the_page_says_so(quick):
    found = make_report(REAL, SYNTHETIC_ROWS, SCHEMA)
    assert "Membership, and all else" in found.html
    assert "the generator may have seen them" in found.html


def test_a_copy_is_called_a_copy():
    for holdout in (HOLDOUT, None):
        chosen = choose_rows(REAL, REAL.sample(frac=1, random_state=0), SCHEMA, holdout)
        found = private_section(chosen)
        assert found.word == "Copies" and "150 of 150 synthetic rows" in found.verdict


def test_a_few_copies_beyond_chance_are_a_leak():
    some = pd.concat([SYNTHETIC_ROWS[:120], REAL[:30]])
    assert private_section(choose_rows(REAL, some, SCHEMA, HOLDOUT)).word == "Leak found"


def test_repeats_by_chance_are_none():
    """Two columns of two values: every row equals many others."""
    names = [ODD, "insured"]
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA.select(names), HOLDOUT)
    assert chosen.state == NOT_SEEN and chosen.overlap == len(HOLDOUT)
    assert private_section(chosen).word == "No leak found"


def test_a_holdout_that_shares_rows_is_said():
    holdout = pd.concat([HOLDOUT[:90], REAL[:30]])
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA, holdout)
    assert chosen.state == OVERLAPS and "30 of the 120 holdout rows" in chosen.notes[0]
    found = private_section(chosen)
    assert found.word == "Cannot be said" and "30 holdout rows" in found.verdict


def test_as_many_synthetic_rows_are_compared_as_were_learned_from():
    chosen = choose_rows(REAL, visits(1000, 3), SCHEMA, HOLDOUT)
    assert (len(chosen.compared), len(chosen.synthetic)) == (150, 1000)
    assert "Of 1,000 synthetic rows, 150 are scored" in chosen.notes[0]


def test_many_rows_are_sampled(monkeypatch):
    monkeypatch.setattr(rows, "MOST", 60)
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA, HOLDOUT)
    assert len(chosen.train) == len(chosen.holdout) == 60 and len(chosen.notes) == 3


@pytest.mark.parametrize("real, synthetic", [(9, 150), (150, 9)])
def test_under_ten_rows_there_is_no_report(real, synthetic):
    with pytest.raises(TableError, match="has 9 rows; nothing can be said"):
        make_report(REAL[:real], SYNTHETIC_ROWS[:synthetic], SCHEMA)


def test_few_rows_get_no_number():
    found = make_report(REAL[:40], SYNTHETIC_ROWS[:40], SCHEMA, HOLDOUT[:40], sensitive=ODD)
    assert {section.word for section in found.sections.values()} == {"Cannot be said"}
    assert not any(re.search(r"0\.\d|\d%", verdict) for verdict in found.verdicts)
    assert "<img" not in found.html and "C2ST" not in found.html.split('id="card"')[0]


def test_ranges_come_from_the_training_rows_only():
    table = REAL.assign(children=np.arange(150))
    schema = Schema.infer(table, target="insured", units={"children": "count"})
    seen = learned_from(table[:100], table, schema)["children"]
    assert (seen.minimum, seen.maximum, seen.unit) == (0, 99, "count")
    known = Schema(tuple(c if c.name != "cost" else open_range(c) for c in schema.columns))
    assert learned_from(table[:100], table, known)["cost"].maximum == 1e6


def open_range(column):
    return type(column)(**{**vars(column), "minimum": 0.0, "maximum": 1e6})


# --- verdicts, by known scores ---


def scored(metric: str, ours: float, copy: float, shuffled: float) -> Board:
    """A board of three rows with one metric."""
    means = pd.DataFrame({metric: {COPY: copy, SHUFFLED: shuffled, SYNTHETIC: ours}})
    return Board(means, means * 0, means.astype(str), [COPY, SHUFFLED], "")


def test_chance_reaches_as_far_as_it_does():
    """AUCs of two samples of one distribution, simulated: 99 % lie within."""
    generator, size = np.random.default_rng(0), 60
    aucs = []
    for _ in range(2000):
        first, second = generator.random((2, size))
        aucs.append((first[:, None] > second).mean())
    outside = (np.abs(np.array(aucs) - 0.5) > similar.chance_reach(size)).mean()
    assert 0.004 < outside < 0.018


@pytest.mark.parametrize(
    "auc, word",
    [(0.35, "Suspiciously"), (0.5, "Yes"), (0.58, "Yes"), (0.75, "Partly"), (0.95, "No")],
)
def test_similar_by_the_area_under_the_curve(auc, word):
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA, HOLDOUT)
    assert similar._verdict(auc, scored("c2st", auc, 0.5, 0.9), chosen)[0] == word


@pytest.mark.parametrize(
    "ours, real, floor, word",
    [
        (0.89, 0.9, 0.5, "Yes"),
        (0.85, 0.9, 0.5, "Mostly"),
        (0.72, 0.9, 0.5, "Partly"),
        (0.55, 0.9, 0.5, "No"),
        (0.55, 0.55, 0.5, "Cannot be said"),
        (np.nan, 0.9, 0.5, "Cannot be said"),
    ],
)
def test_useful_by_what_is_kept(ours, real, floor, word):
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA, HOLDOUT)
    assert useful.useful_section(chosen, scored("tstr", ours, real, floor)).word == word


def test_without_a_target_use_is_not_asked():
    chosen = choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA.select([ODD, "cost"]), HOLDOUT)
    assert useful.useful_section(chosen, None).word == "Not asked"


def test_valid_counts_the_rows():
    bad = SYNTHETIC_ROWS.assign(cost=REAL["cost"].median(), children=1)
    bad.loc[:29, ODD] = "Morgue"
    bad.loc[28:30, "cost"] = -1.0
    found = valid_section(choose_rows(REAL, bad, SCHEMA, HOLDOUT))
    assert found.verdict.startswith("31 of 150 synthetic rows") and found.word == "No"
    assert f"{ODD}: unseen category" in found.verdict
    assert "30 (20.0%)" in found.parts[0] and "3 (2.0%)" in found.parts[0]


def test_without_a_holdout_valid_rows_have_a_yardstick_too():
    """A third of the real rows, held against what the other two thirds know: not one new value."""
    table = REAL.copy()
    table.loc[rows.parted(table)[1].index[:5], "cost"] = 1e6
    found = valid_section(choose_rows(table, SYNTHETIC_ROWS, Schema.infer(table)))
    assert "real rows of the holdout: 90.0%" in found.verdict


# --- groups ---


def test_a_table_that_widens_the_gap_is_told():
    """In the synthetic table the ward alone decides; in the real one it is one cause of two."""
    generator = np.random.default_rng(0)

    def people(number, of_group):
        group, skill = generator.choice(["a", "b"], number), generator.normal(size=number)
        chance = of_group * (group == "a") + skill + 0.3 * generator.normal(size=number)
        return pd.DataFrame({"group": group, "skill": skill, "hired": chance > 0.5})

    real, holdout, unfair = people(800, 0.2), people(800, 0.2), people(800, 3.0)
    schema = Schema.infer(real, target="hired")
    found = fair_section(choose_rows(real, unfair, schema, holdout), "group")
    assert found.word == "Less than real rows" and "equalized odds difference" in found.verdict
    same = fair_section(choose_rows(real, people(800, 0.2), schema, holdout), "group")
    assert same.word == "As real rows do"


def test_a_gap_that_lacks_rows_is_said_in_a_word_and_the_other_one_told():
    """Nobody of the second group was insured: parity can be compared, equalized odds cannot."""
    generator = np.random.default_rng(0)

    def people(number):
        group = generator.choice(["a", "b"], number)
        insured = (group == "a") & (generator.random(number) < 0.5)
        return pd.DataFrame(
            {"group": group, "age": generator.normal(size=number), "insured": insured}
        )

    tables = [people(400) for _ in range(3)]
    schema = Schema.infer(tables[0], target="insured")
    found = fair_section(choose_rows(*tables[:2], schema, tables[2]), "group")
    assert "demographic parity difference" in found.verdict
    assert "Too few rows to tell the equalized odds difference" in found.verdict
    row = re.search(r"equalized odds difference</th>(.*?)</tr>", "".join(found.parts))[1]
    assert row == "<td>too few rows</td>" * 4


def test_drift_within_groups_stands_on_the_page():
    generator = np.random.default_rng(0)

    def people(number, linked):
        group = generator.choice(["large", "small", "tiny"], number, p=[0.6, 0.35, 0.05])
        x, noise = generator.normal(size=(2, number))
        y = np.where(linked | (group == "large"), x, noise)
        return pd.DataFrame(
            {"group": group, "x": x, "y": y, "hired": generator.random(number) < 0.5}
        )

    real, holdout, synthetic = people(700, True), people(700, True), people(700, False)
    schema = Schema.infer(real, target="hired")
    found = fair_section(choose_rows(real, synthetic, schema, holdout), "group")
    (drift,) = [part for part in found.parts if "Within each group" in part]
    cells = {name: re.findall("<td>(.*?)</td>", row) for name, row in ROW.findall(drift)}
    assert cells["tiny"] == ["too few rows"] * 6
    trend = {
        name: [float(cell) for cell in row[2:4]] for name, row in cells.items() if name != "tiny"
    }
    assert trend["small"][0] < trend["small"][1] - 0.1  # synthetic, real
    assert abs(trend["large"][0] - trend["large"][1]) < 0.1


def test_a_small_group_is_said():
    part = REAL.assign(group=np.where(np.arange(150) < 5, "few", "many"))
    tables = [part, *(table.assign(group="many") for table in (SYNTHETIC_ROWS, HOLDOUT))]
    tables[2].loc[:9, "group"] = "few"
    schema = Schema.infer(tables[0], target="insured")
    found = fair_section(choose_rows(tables[0], tables[1], schema, tables[2]), "group")
    assert found.word == "Cannot be said" and "Fewer than two groups" in found.verdict
    assert "3.3%" in found.parts[0] and "0%" in found.parts[0]


def test_without_two_outcomes_only_shares_are_told():
    schema = Schema.infer(REAL, target="children")
    found = fair_section(choose_rows(REAL, SYNTHETIC_ROWS, schema, HOLDOUT), ODD)
    assert found.word == "Cannot be said" and "--target" in found.verdict
    assert len(found.parts) == 1 and "share of synthetic rows" in found.parts[0]


@pytest.mark.parametrize(
    "values, words",
    [
        (np.zeros(150), "one value only"),
        (np.arange(150).astype(str), "150 values, too many groups"),
    ],
)
def test_a_column_that_makes_no_groups_is_refused(values, words):
    table = REAL.assign(group=values)
    with pytest.raises(TableError, match=words):
        check_sensitive(table, Schema.infer(table, target="insured"), "group")


def test_the_target_makes_no_groups():
    with pytest.raises(TableError, match="is what is predicted"):
        check_sensitive(REAL, SCHEMA, "insured")


# --- files: a synthetic table is read as the real one was ---

GERMAN = pd.DataFrame(
    {
        "code": ["01", "02", "03"] * 20,
        "day": [f"{1 + place % 28:02d}/{1 + place % 9:02d}/2024" for place in range(60)],
        "cost": [f"1.{place:03d},{place % 10}0" for place in range(100, 160)],
        "grade": ["refused" if place % 20 == 0 else str(place) for place in range(60)],
        "ok": ["true", "false"] * 30,
    }
)


@pytest.fixture
def german(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    GERMAN.to_csv("real.csv", sep=";", index=False)
    return tmp_path


def read_beside(table: pd.DataFrame, **how) -> pd.DataFrame:
    table.to_csv("other.csv", index=False, **how)
    real = open_table("real.csv")
    return open_companion("other.csv", real, "real.csv", "synthetic").table


def test_cells_are_read_in_the_real_columns_form(german):
    """By themselves these two rows would be read otherwise: 01 as 1, 05/03/2024 as the third of
    May, 1.117 as a bit over one, and "refused" as text."""
    real = open_table("real.csv").table
    pd.testing.assert_frame_equal(read_beside(GERMAN, sep=";"), real)
    cells = {
        "code": ["01", "02"],
        "day": ["05/03/2024", "04/03/2024"],
        "cost": ["1.117", "1.118"],
        "grade": ["refused", "3"],
        "ok": ["true", "false"],
    }
    found = read_beside(pd.DataFrame(cells), sep=";")
    assert found["code"].tolist() == ["01", "02"] and found["cost"].tolist() == [1117, 1118]
    assert found["day"].tolist() == [pd.Timestamp(2024, 3, 5), pd.Timestamp(2024, 3, 4)]
    assert found["grade"].isna().tolist() == [True, False] and found["ok"].tolist() == [True, False]


def test_what_another_program_wrote_is_read_too(german):
    plain = open_table("real.csv").table
    found = read_beside(plain.sample(frac=1, random_state=0, axis=1))
    pd.testing.assert_frame_equal(found, plain, check_dtype=False)


def test_a_file_of_other_letters_is_read(folder, quick):
    table = REAL.assign(**{ODD: REAL[ODD].replace({"A&E": "Žofín"})})
    table.to_csv("real.csv", index=False, encoding="cp1250")
    table.to_csv("utf.csv", index=False)
    code, output, error = run(
        "report", "real.csv", "--synthetic", "utf.csv", "--encoding", "cp1250"
    )
    assert code == 0, error
    assert "150 of 150 synthetic rows equal a real row" in output


@pytest.mark.parametrize(
    "column, value, words",
    [
        ("cost", "high", r"column 'cost' holds numbers \(1100.0\) .* and text \('high', line 2\)"),
        ("day", "17", r"column 'day' holds dates .* and numbers"),
        ("ok", "5", r"column 'ok' holds true and false .* and numbers"),
    ],
)
def test_other_types_are_refused(german, column, value, words):
    with pytest.raises(TableError, match=words):
        read_beside(GERMAN.assign(**{column: value}), sep=";")


def test_a_zone_on_one_side_only_is_refused(folder):
    days = pd.date_range("2024-03-01", periods=60, freq="h", tz="UTC")
    pd.DataFrame({"at": days, "x": np.arange(60.0) / 7}).to_csv("real.csv", index=False)
    there = read_beside(pd.DataFrame({"at": days[::-1], "x": 1.5}))
    assert there["at"].iloc[0] == days[-1]
    with pytest.raises(TableError, match="'at' holds dates with the zone UTC .* and dates "):
        read_beside(pd.DataFrame({"at": days.tz_localize(None), "x": 1.5}))


def test_codes_that_are_numbers_are_no_text(folder):
    table = pd.DataFrame({"class": [1, 2, 3] * 20, "x": np.arange(60.0) / 7})
    table.to_csv("real.csv", index=False)
    with pytest.raises(TableError, match="'class' holds numbers"):
        read_beside(table.assign(**{"class": "one"}))
    assert read_beside(table.assign(**{"class": 2.0}))["class"].eq(2).all()


def test_fractions_among_whole_numbers_are_kept_and_count_as_faults(folder):
    found = read_beside(REAL.assign(children=1.5))
    assert found["children"].eq(1.5).all()
    checked = valid_section(choose_rows(REAL, found, SCHEMA, HOLDOUT))
    assert checked.word == "No" and "children: wrong type" in checked.verdict


@pytest.mark.parametrize("name", list(REAL))
def test_a_column_without_values_can_be_compared(folder, name):
    chosen = choose_rows(REAL, read_beside(REAL.assign(**{name: None})), SCHEMA, HOLDOUT)
    assert valid_section(chosen).word == "No"
    assert score(REAL, HOLDOUT, chosen.compared, SCHEMA).notna().all()
    assert "–" in similar._numbers(chosen, ["cost"])["synthetic"].tolist() or name != "cost"


def test_columns_that_do_not_match_are_named(folder):
    SYNTHETIC_ROWS.rename(columns={"cost": "price"}).to_csv("synthetic.csv", index=False)
    code, _, error = run("report", "real.csv", "--synthetic", "synthetic.csv")
    assert code == 1 and "lacks 1 of the 4 columns" in error
    assert "'cost'. It alone has 'price'" in error and not (folder / "real_report.html").exists()


def test_a_column_more_is_said(folder, quick):
    SYNTHETIC_ROWS.assign(more=1).to_csv("synthetic.csv", index=False)
    assert run("report", "real.csv", "--synthetic", "synthetic.csv")[0] == 0
    text = (folder / "real_report.html").read_text()
    assert "The column &#x27;more&#x27;: real.csv lacks it." in text


def test_real_names_in_the_synthetic_table_are_a_leak(folder, quick):
    names = [f"Person {place} of {place * 7919 % 997}" for place in range(150)]
    REAL.assign(name=names, id=range(150)).to_csv("real.csv", index=False)
    others = [f"Nobody {place}" for place in range(150)]
    for given, word in ((names[::-1], "Leak found"), (others, "No leak found")):
        SYNTHETIC_ROWS.assign(name=given, id=range(150)).to_csv("synthetic.csv", index=False)
        told = ("--synthetic", "synthetic.csv", "--holdout", "bare.csv", "--overwrite")
        HOLDOUT.to_csv("bare.csv", index=False)
        code, output, error = run("report", "real.csv", *told)
        assert code == 0, error
        assert f"Is it private? {word}." in output


# --- the command ---


def test_the_command_writes_the_page_and_prints_the_verdicts(folder, quick):
    asked = ("report", "real.csv", "--synthetic", "synthetic.csv", "--holdout", "holdout.csv")
    code, output, error = run(*asked, "--sensitive", ODD, "--output", "one.html")
    assert code == 0, error
    lines = output.splitlines()
    questions = ["valid?", "similar?", "useful?", "private?", "treat groups alike?"]
    for question in questions:
        assert sum(question in line for line in lines) == 1
    assert lines[-1] == "All of it on one page: one.html"
    page = (folder / "one.html").read_text()
    assert str(folder) not in page and "real.csv" in page


def test_a_method_writes_beside_and_judges(folder, quick):
    told = ("--synthetic", folder / "real_synthetic.csv", "--output", folder / "real_report.html")
    code, output, error = run("report", folder / "real.csv", "--method", "copula", *told)
    assert code == 0, error
    assert "learned from 100 real rows, judged by 50 others" in output
    written = pd.read_csv("real_synthetic.csv")
    assert len(written) == 150 and list(written) == list(REAL)
    page = (folder / "real_report.html").read_text()
    assert (
        str(folder) not in page and "the method copula, seed 0" in page and "membership AUC" in page
    )
    before = (folder / "real_synthetic.csv").read_bytes()
    code, _, error = run("report", "real.csv", "--method", "copula", "--output", "other.html")
    assert code == 1 and "real_synthetic.csv exists already" in error
    assert not (folder / "other.html").exists()
    assert run("report", "real.csv", "--method", "copula", "--overwrite")[0] == 0
    assert (folder / "real_synthetic.csv").read_bytes() == before
    assert (folder / "real_report.html").read_text() == page


def test_a_method_learns_nothing_of_the_holdout(folder, quick):
    """The one row with so large a cost is set apart, so no value is drawn beyond the others."""
    table = REAL.copy()
    _, apart = rows.parted(table)
    table.loc[apart.index[0], "cost"] = 1e6
    table.to_csv("real.csv", index=False)
    assert run("report", "real.csv", "--method", "trees")[0] == 0
    assert pd.read_csv("real_synthetic.csv")["cost"].max() < 1e4


@pytest.mark.parametrize(
    "options, words",
    [
        ((), "Name the table to judge, or make one with --method"),
        (("--method", "mixtur"), "Did you mean 'mixture'?"),
        (("--synthetic", "synth.csv"), "There is no file"),
        (("--synthetic", "synthetic.csv", "--sensitive", "wards"), "There is no column 'wards'"),
        (("--synthetic", "synthetic.csv", "--sensitive", "cost"), "too many groups"),
        (("--synthetic", "synthetic.csv", "--output", "page.pdf"), "should end in .html"),
        (("--synthetic", "synthetic.csv", "--schema", "no.json"), "There is no schema file"),
        (("--method", "copula", "--synthetic", "real.csv", "--overwrite"), "the real table itself"),
        (
            ("--method", "copula", "--synthetic", "x.csv", "--holdout", "x.csv", "--overwrite"),
            "the real table itself",
        ),
    ],
)
def test_bad_input_gets_one_error_and_no_file(folder, options, words):
    HOLDOUT.to_csv("x.csv", index=False)
    before = {path.name for path in folder.iterdir()}
    code, _, error = run("report", "real.csv", *options)
    assert code in (1, 2) and words in error and "Traceback" not in error
    assert {path.name for path in folder.iterdir()} == before


def test_a_page_is_not_replaced_unasked(folder):
    (folder / "real_report.html").write_text("mine")
    code, _, error = run("report", "real.csv", "--synthetic", "synthetic.csv")
    assert code == 1 and "exists already" in error
    assert (folder / "real_report.html").read_text() == "mine"


# --- a schema file ---


def write_schema(**parts) -> Path:
    Path("schema.json").write_text(json.dumps(parts))
    return Path("schema.json")


def test_a_schema_file_says_what_is_judged_and_what_may_be(folder, quick):
    columns = [
        {"name": "cost", "maximum": 100.0},
        {"name": "children", "kind": "category"},
        {"name": "insured"},
    ]
    write_schema(columns=columns, rules={"some cost": "cost > 1"}, target="insured")
    asked = ("report", "real.csv", "--synthetic", "synthetic.csv", "--schema", "schema.json")
    code, output, error = run(*asked)
    assert code == 0, error
    cost, children = SYNTHETIC_ROWS["cost"], SYNTHETIC_ROWS["children"]
    fits = cost.between(max(REAL["cost"].min(), 1.01), 100) & children.isin(REAL["children"])
    assert f"{150 - fits.sum()} of 150 synthetic rows could not stand" in output
    page = (folder / "real_report.html").read_text()
    assert "3: 1 of kind number, 2 of kind category" in page and "cost &gt; 1" in page
    assert escape(ODD) not in page


@pytest.mark.parametrize(
    "parts, words",
    [
        ({}, "lists no columns"),
        ({"columns": [{"kind": "number"}]}, "has no name"),
        ({"columns": [{"name": "cost", "max": 3}]}, "there is no 'max'"),
        ({"columns": [{"name": "cost"}], "rule": {}}, "there is no 'rule'"),
        ({"columns": [{"name": "cost"}, {"name": "cost"}]}, "lists a column twice"),
        ({"columns": [{"name": "cost"}], "target": "fate"}, "the target 'fate'"),
        ({"columns": [{"name": "cost"}], "rules": ["a"]}, "rules are written like"),
    ],
)
def test_a_schema_file_that_says_nonsense_is_refused(folder, parts, words):
    with pytest.raises(TableError, match=words):
        read_schema(write_schema(**parts))


@pytest.mark.parametrize(
    "columns, rules, words",
    [
        ([{"name": "fate"}], {}, "lists the column 'fate', which the table does not have"),
        ([{"name": "insured", "kind": "date", "resolution": "D"}], {}, "is of kind date, but"),
        ([{"name": "cost", "minimum": "low"}], {}, "cannot have the minimum 'low'"),
        ([{"name": "cost", "missing": "no"}], {}, "the part 'missing' of a Column is a str"),
        ([{"name": "cost"}], {"r": "cost > fate"}, "names 'fate'"),
        ([{"name": "cost"}], {"r": "cost >"}, "the rule 'r'"),
    ],
)
def test_a_schema_file_that_does_not_fit_is_refused(folder, columns, rules, words):
    write_schema(columns=columns, rules=rules)
    told = ("--synthetic", "synthetic.csv", "--schema", "schema.json")
    code, _, error = run("report", "real.csv", *told)
    assert code == 1 and words in error


def test_a_state_is_one_of_three():
    assert len({NOT_SEEN, SEEN, OVERLAPS}) == 3
    assert choose_rows(REAL, SYNTHETIC_ROWS, SCHEMA).state == SEEN
