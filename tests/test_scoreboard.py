"""One row of scores, validity, and the scoreboard with its yardsticks and renderings."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from utils.schema import Schema, TableError
from utils.scoring import (
    METRICS,
    Scoreboard,
    c2st,
    distance_to_closest_record,
    exact_copies,
    membership,
    score,
    shape,
    shuffle_columns,
    trend,
    trtr,
    tstr,
    valid,
    validity_report,
)

QUESTIONS = ["valid?", "similar?", "useful?", "private?"]


def real_rows(rows: int, seed: int) -> pd.DataFrame:
    """Minutes that depend on the app, openings that drive minutes."""
    generator = np.random.default_rng(seed)
    app = generator.integers(3, size=rows)
    openings = generator.poisson(5 + 20 * app)
    minutes = openings * 2 + generator.integers(200, size=rows)
    names = np.array(["Chat", "Game", "Mail"])
    return pd.DataFrame({"App": names[app], "Usage": minutes, "Times opened": openings})


def fresh_rows(rows: int, seed: int) -> pd.DataFrame:
    return real_rows(rows, 100 + seed)


class Bootstrap(BaseEstimator):
    """The smallest synthesizer: training rows drawn with replacement."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, table, schema=None):
        self.table_, self.schema_ = table, schema
        return self

    def sample(self, n, given=None, random_state=None):
        return self.table_.sample(
            n, replace=True, random_state=self.random_state, ignore_index=True
        )


@pytest.fixture(scope="module")
def tables():
    return real_rows(300, 1), real_rows(200, 2)


@pytest.fixture(scope="module")
def schema(tables):
    return Schema.infer(
        pd.concat(tables), rules={"twice": "Usage >= 2 * `Times opened`"}, target="App"
    )


@pytest.fixture(scope="module")
def board(tables, schema) -> Scoreboard:
    board = Scoreboard(*tables, schema, seeds=(0, 1), fresh=fresh_rows, lesson="01", table="apps")
    board.add("bootstrap", Bootstrap(random_state=7))
    return board.add("noise", lambda n, seed: real_rows(n, seed + 50))


def test_score_has_every_metric_in_the_order_of_the_questions(tables, schema):
    result = score(*tables, real_rows(300, 3), schema)
    assert list(result.index) == list(METRICS) and result.notna().all()
    order = [QUESTIONS.index(metric.question) for metric in METRICS.values()]
    assert order == sorted(order) and set(order) == {0, 1, 2, 3}


def test_likeness_and_use_are_judged_on_holdout_and_privacy_on_training_rows(tables, schema):
    train, holdout = tables
    synthetic = pd.concat([train[:40], real_rows(200, 3)], ignore_index=True)
    expected = {
        "valid": valid(synthetic, schema),
        "shape": shape(holdout, synthetic, schema).mean(),
        "trend": trend(holdout, synthetic, schema).mean(),
        "c2st": c2st(holdout, synthetic, schema, 4),
        "tstr": tstr(synthetic, holdout, schema, 4),
        **membership(train, holdout, synthetic, schema, 4),
        "copies": exact_copies(train, synthetic, schema),
        "distance": distance_to_closest_record(train, synthetic, schema, 4),
    }
    assert score(train, holdout, synthetic, schema, random_state=4).to_dict() == expected
    assert score(train, holdout, train, schema)["tstr"] == trtr(train, holdout, schema)


def test_score_repeats_with_its_seed_and_leaves_its_tables_alone(tables, schema):
    synthetic = real_rows(300, 3)
    before = [table.copy() for table in (*tables, synthetic)]
    first = score(*tables, synthetic, schema, random_state=4)
    pd.testing.assert_series_equal(first, score(*tables, synthetic, schema, random_state=4))
    for table, copy in zip((*tables, synthetic), before):
        pd.testing.assert_frame_equal(table, copy)


def test_score_names_the_table_that_cannot_be_scored(tables, schema):
    with pytest.raises(TableError, match="synthetic table lacks the column 'Usage'"):
        score(*tables, tables[0].drop(columns="Usage"), schema)
    with pytest.raises(TableError, match="holdout table has no rows"):
        score(tables[0], tables[1][:0], tables[0], schema)


def test_validity_counts_each_fault_once_a_row(schema):
    table = pd.DataFrame(
        {
            "App": ["Chat", "Radio", "Game", "Mail"],
            "Usage": [12, 70, 9_999, 30],
            "Times opened": [5, 30, 20, 20],
        }
    )
    report = validity_report(table, schema)
    assert (
        report["App: unseen category"]
        == report["Usage: out of range"]
        == report["rule: twice"]
        == 0.25
    )
    assert len(report) == 3 and valid(table, schema) == 0.25
    assert valid(table[:1], schema) == 1 and validity_report(table[:1], schema).empty


def test_validity_sees_missing_values_and_wrong_types(tables, schema):
    table = tables[0].assign(App=tables[0]["App"].where(np.arange(300) >= 30))
    assert validity_report(table, schema)["App: missing"] == pytest.approx(0.1)
    texts = tables[0].assign(Usage=tables[0]["Usage"].astype(str))
    assert valid(texts, schema) == 0 and validity_report(texts, schema)["Usage: wrong type"] == 1
    assert valid(tables[0].astype({"Usage": float}), schema) == 0  # integers must stay integers


def test_shuffled_columns_keep_margins_and_lose_trends(tables, schema):
    train, holdout = tables
    shuffled = shuffle_columns(train, 0)
    assert all(sorted(shuffled[name]) == sorted(train[name]) for name in train)
    kept, lost = score(train, holdout, train, schema), score(train, holdout, shuffled, schema)
    assert lost["shape"] == kept["shape"] and lost["trend"] < kept["trend"] - 0.1
    assert lost["c2st"] > 0.75 and lost["valid"] < 0.95


def test_yardsticks_stand_on_top_and_mean_what_they_say(board):
    means = board.means()
    fresh, shuffled, copy = means.index[:3]
    assert list(means.index[3:]) == ["bootstrap", "noise"]
    assert means.at[fresh, "c2st"] < 0.6 < 0.75 < means.at[shuffled, "c2st"]
    assert means.at[copy, "membership_auc"] > 0.8 and means.at[copy, "copies"] == 1
    assert abs(means.at[fresh, "membership_auc"] - 0.5) < 0.1
    assert (
        means.at["bootstrap", "copies"] == 1 and means.at["bootstrap", "membership_tpr_at_10"] > 0.5
    )


def test_without_fresh_rows_the_ceiling_is_half_of_the_holdout_and_says_so(tables, schema):
    ceiling = Scoreboard(*tables, schema, seeds=(0,)).means()
    assert ceiling.index[0] == "half of the holdout (real)"
    assert ceiling["c2st"].iloc[0] == pytest.approx(0.5, abs=4 * np.sqrt(1 / (6 * 100)))


def test_the_half_of_the_holdout_learns_from_as_many_rows_as_the_generators(tables, schema):
    board = Scoreboard(*tables, schema, seeds=(1,))
    assert board.means()["tstr"].iloc[0] == trtr(*tables, schema, 1)
    assert "TRTR is that of the copy and of the half" in board.caption


def test_a_seed_without_a_value_is_not_left_out(tables, schema):
    holed = pd.Series(0.5, index=METRICS)
    holed["trend"] = np.nan
    board = Scoreboard(*tables, schema, seeds=(0,))
    board.add_scores("a", [pd.Series(0.5, index=METRICS), holed])
    assert np.isnan(board.means().at["a", "trend"]) and np.isnan(board.spreads().at["a", "trend"])
    assert board.table().at["a", "trend"] == "–" and board.means().at["a", "shape"] == 0.5


FLATTERERS = {
    "nothing": lambda train: train.where(train["Usage"] < 0),
    "one row": lambda train: train.iloc[[0] * len(train)].reset_index(drop=True),
    "constant usage": lambda train: train.assign(Usage=100),
    "no usage": lambda train: train.assign(Usage=np.nan),
    "no app": lambda train: train.assign(App=None),
    "one app": lambda train: train.assign(App="Chat"),
}


@pytest.fixture(scope="module")
def honest(tables, schema) -> pd.Series:
    return score(*tables, real_rows(300, 3), schema)


@pytest.mark.parametrize("case", FLATTERERS)
def test_no_bad_table_stands_above_an_honest_one(tables, schema, honest, case):
    bad = score(*tables, FLATTERERS[case](tables[0]), schema)
    assert bad[["shape", "trend", "c2st", "tstr"]].notna().all()
    assert bad["shape"] < honest["shape"] - 0.1 and bad["trend"] < honest["trend"] - 0.1
    assert bad["c2st"] > 0.7 and bad["tstr"] < honest["tstr"] + 0.02


def test_means_and_spreads_are_over_the_seeds(board, tables, schema):
    runs = [
        score(*tables, Bootstrap(seed).fit(tables[0]).sample(300), schema, seed) for seed in (0, 1)
    ]
    np.testing.assert_allclose(board.means().loc["bootstrap"], np.mean(runs, axis=0))
    np.testing.assert_allclose(board.spreads().loc["bootstrap"], np.std(runs, axis=0, ddof=1))


def test_add_clones_times_and_keeps_the_first_table(board):
    assert (
        set(board.seconds_["bootstrap"]) == {"fit", "sample"}
        and len(board.seconds_["noise"]["fit"]) == 2
    )
    pd.testing.assert_frame_equal(board.synthetic_["noise"], real_rows(300, 50))
    synthesizer = Bootstrap(random_state=7)
    Scoreboard(board.train, board.holdout, board.schema, seeds=(0,)).add("b", synthesizer)
    assert synthesizer.random_state == 7 and not hasattr(synthesizer, "table_")


def test_adding_a_name_again_replaces_it_and_yardstick_names_are_taken(board):
    again = (
        Scoreboard(board.train, board.holdout, board.schema, seeds=(0,))
        .add_scores("a", [pd.Series(0.0, index=METRICS)])
        .add_scores("a", [pd.Series(1.0, index=METRICS)])
    )
    assert again.means().loc["a"].eq(1).all() and again.spreads().loc["a"].isna().all()
    with pytest.raises(ValueError, match="name of a yardstick"):
        again.add_scores("shuffled columns", [])


def test_text_shows_means_and_spreads_but_never_seconds(board):
    table = board.table()
    assert list(table.columns) == list(METRICS)
    assert table.at["bootstrap", "c2st"].count(" ± ") == 1
    assert table.at["bootstrap", "copies"] == "100.0% ± 0.0%"
    assert " ± " not in table.at["copy of the training rows", "c2st"]
    text = repr(board)
    assert all(question in text for question in QUESTIONS) and "↑ 1" in text and "→ 0.5" in text
    assert "2 seeds" in text and "accuracy for App" in text and "second" not in text


def test_html_groups_by_question_and_escapes_names(board):
    html = board._repr_html_()
    assert [html.index(f">{question}</th>") for question in QUESTIONS] == sorted(
        html.index(f">{question}</th>") for question in QUESTIONS
    )
    assert html.count("<tr") == 2 + 5 and "color:" not in html  # colours would fail on a dark page
    strange = Scoreboard(board.train, board.holdout, board.schema, seeds=(0,))
    strange.add_scores("<script>", [pd.Series(0.5, index=METRICS)])
    assert "<script>" not in strange._repr_html_() and "&lt;script&gt;" in strange._repr_html_()


def test_machine_readable_output_is_plain_json(board):
    bundle = board._repr_mimebundle_()
    data = json.loads(json.dumps(bundle["application/vnd.course.scoreboard+json"], allow_nan=False))
    assert set(bundle) == {"text/plain", "text/html", "application/vnd.course.scoreboard+json"}
    assert (data["table"], data["lesson"], data["columns"]) == ("apps", "01", list(METRICS))
    assert [row["kind"] for row in data["rows"]] == ["yardstick"] * 3 + ["generator"] * 2
    c2st = data["rows"][3]["metrics"]["c2st"]
    assert c2st == {
        "mean": round(board.means().at["bootstrap", "c2st"], 4),
        "spread": round(board.spreads().at["bootstrap", "c2st"], 4),
    }
    assert data["rows"][2]["metrics"]["c2st"]["spread"] is None


def test_without_a_target_usefulness_is_blank_and_explained(tables):
    board = Scoreboard(*tables, seeds=(0,))
    assert (board.table()["tstr"] == "–").all() and "names no target" in repr(board)


def test_same_seeds_same_scoreboard(board, tables, schema):
    again = Scoreboard(*tables, schema, seeds=(0, 1), fresh=fresh_rows).add(
        "bootstrap", Bootstrap()
    )
    pd.testing.assert_frame_equal(again.means(), board.means().drop("noise"))


def test_nothing_reaches_standard_error_unless_asked(tables, schema, capsys):
    board = Scoreboard(*tables, schema, seeds=(0,)).add("b", Bootstrap())
    assert capsys.readouterr() == ("", "")
    board.add("b", Bootstrap(), progress=True)
    assert "b" in capsys.readouterr().err


def test_a_scoreboard_needs_a_seed_and_rows(tables, schema):
    with pytest.raises(ValueError, match="at least one seed"):
        Scoreboard(*tables, schema, seeds=())
    with pytest.raises(TableError, match="train table has no rows"):
        Scoreboard(tables[0][:0], tables[1], schema)
