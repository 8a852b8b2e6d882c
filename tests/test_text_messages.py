"""The support messages, their writer and their filters: what each finds, and what it leaves."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from utils import text
from utils.language_model import LanguageModelError, Reply
from utils.text.filters import PERSONAL, TOXIC
from utils.text.templates import FILLINGS, TEMPLATES

LABELS = ["billing", "cancel", "delivery", "slow internet"]


class FakeEncoder:
    """A vector that says which of four words a text holds, and how long it is."""

    words = ("bill", "cancel", "parcel", "slow")

    def embed(self, texts):
        vectors = np.array(
            [[word in t for word in self.words] + [0.1 + 0.001 * len(t)] for t in texts], float
        ).reshape(len(texts), 5)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def fake_model(reply: str, takes_grammar: bool = True):
    asked = []

    def answer(*args, **options):
        asked.append((args, options))
        return Reply(reply, True, 1, 1, 1)

    return SimpleNamespace(
        takes_grammar=takes_grammar, continue_text=answer, answer=answer, asked=asked
    )


# --- the writer ---


def as_regex(grammar: str) -> re.Pattern:
    """A grammar of literals, sets, brackets and bars as a pattern."""
    pieces = re.findall(r'"(?:[^"\\]|\\.)*"|\[[^\]]*\](?:\{[\d,]+\})?|[()|]', grammar)
    return re.compile("".join(piece[1:-1] if piece[0] == '"' else piece for piece in pieces))


def test_a_grammar_allows_one_sentence():
    form = as_regex(text.one_sentence(["My", "I am"], "?"))
    assert form.fullmatch(" My box is late, is it?\n")
    assert form.fullmatch(" I am not your customer?\n")
    assert not form.fullmatch(" Your box is late, is it?\n")
    assert not form.fullmatch(" My box is late. Is it?\n")
    assert not form.fullmatch(" My box is late, is it.\n")


def test_a_message_is_asked_for_by_grammar_or_by_schema():
    model = fake_model(" My box is late.\n")
    assert text.write_message(model, "delivery", ["Where is it?"], 3) == "My box is late."
    (prompt, grammar), options = model.asked[0]
    assert prompt == "Messages of customers about delivery:\n- Where is it?\n-"
    assert grammar == text.one_sentence() and options["seed"] == 3
    other = fake_model('{"message": "My \\"box\\" is late. Help!"}', takes_grammar=False)
    assert text.write_message(other, "delivery", ["Where is it?"]) == 'My "box" is late.'
    assert other.asked[0][1]["schema"]["required"] == ["message"]
    with pytest.raises(LanguageModelError, match="no message"):
        text.write_message(fake_model("I cannot.", takes_grammar=False), "delivery", [])


def test_examples_are_drawn_by_seed():
    pool = list("abcdefgh")
    assert text.drawn_examples(pool, 1) == text.drawn_examples(pool, 1)
    assert len({tuple(text.drawn_examples(pool, seed)) for seed in range(20)}) > 15
    shown = text.load_handwritten("shown").set_index("text")["label"]
    one, mixed = (text.examples_for(kind, "cancel", 5) for kind in ("one label", "mixed"))
    assert set(shown[one]) == {"cancel"} and len(set(one)) == 4
    assert sorted(shown[mixed]) == LABELS


# --- the filters ---


@pytest.mark.parametrize("message", ["My box is late.", "When will it come, please?"])
def test_well_formed(message):
    assert text.well_formed(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "my box is late.",
        "Box late.",
        "My box. It is late.",
        "My box is late",
        "Send it to me ,.",
        "Send it to me ?",
        "No no no no.",
        "It is " + "a very " * 12 + "x.",
    ],
)
def test_not_well_formed(message):
    assert not text.well_formed(message)


def test_planted_personal_data_and_words_are_found_but_for_the_last_two_and_three(capsys):
    text.tried(text.personal_data, "personal data")
    text.tried(text.toxic_words, "toxic word")
    said = capsys.readouterr().out
    assert "personal data: found 6 of 8" in said and "toxic word: found 2 of 5" in said
    assert "false alarms 2 of 3" in said and "false alarms 1 of 2" in said


def test_every_false_alarm_is_shown(capsys):
    text.tried(lambda message: True, "toxic word", ["One.", "Two."])
    said = capsys.readouterr().out
    assert "false alarms 4 of 4" in said and "One." in said and "Two." in said


def test_each_pattern_finds_what_no_other_does():
    found = [set(text.personal_data(message)) for message in text.PLANTED["personal data"][0][:6]]
    assert set().union(*found) | {"card"} == set(PERSONAL)
    assert text.personal_data("Take 4111 1111 1111 1111.") == ["card"]


def test_no_hand_written_message_is_personal_or_rude():
    messages = text.load_handwritten()["text"]
    assert not [message for message in messages if text.personal_data(message)]
    assert not [message for message in messages if text.toxic_words(message)]
    assert all(word == word.lower() for word in TOXIC)


def test_copies_share_four_words_in_a_row():
    examples = ["My new router has not arrived.", "Close it."]
    assert text.leaks("I say my new router HAS come", examples)
    assert not text.leaks("My new router is not here.", examples)
    assert text.leaks("close it!", examples) and not text.leaks("Close it now.", examples)


def test_jaccard_by_hand():
    assert text.jaccard("a b c d", "a b c e") == pytest.approx(2 / 4)
    assert text.jaccard("a b", "A, b!") == 1 and text.jaccard("a", "a") == 0


def test_repeats_are_held_against_what_was_kept():
    chain = ["a b c d e f", "b c d e f g", "c d e f g h", "x y z", "x y z"]
    assert text.repeats_words(chain, 0.6).tolist() == [False, True, False, False, True]
    turn = np.radians([0, 30, 60, 90])
    vectors = np.column_stack([np.cos(turn), np.sin(turn)])
    assert text.repeats_meaning(vectors, 0.8).tolist() == [False, True, False, True]
    assert text.repeats_words([]).shape == (0,)


def test_a_judge_takes_the_nearest_mean():
    vectors = np.eye(3)[[0, 0, 1, 2]]
    judge = text.LabelJudge(vectors, ["b", "b", "a", "c"])
    asked = np.array([[0.8, 0.6, 0.0], [0.0, 0.6, 0.8]])
    assert judge.label(asked).tolist() == ["b", "c"]
    np.testing.assert_allclose(judge.margin(asked), 0.2)
    np.testing.assert_allclose(judge.nearness(asked), 0.8)


def test_the_first_filter_is_named():
    judge = text.LabelJudge(np.eye(5)[:4], LABELS)
    texts = {
        "My bill is too high again.": "",
        "bill.": "form",
        "Send my bill to a@example.org.": "form",  # its dots are end marks
        "My bill came twice, call 0171 5550123.": "personal data",
        "My bill is bloody wrong.": "toxic word",
        "The bill of this very month is late.": "copy of an example",
        "My parcel is not here.": "label",
        "I ask about the bill or parcel.": "label",
        "This says nothing about it.": "label",
        "My bill is too high again, please.": "same words",
        "Where did that old bill go?": "same meaning",
    }
    found = text.refused_by(
        list(texts),
        ["billing"] * len(texts),
        ["Pay the bill of this very month."],
        judge,
        FakeEncoder(),
        nearest=0.9,
    )
    assert dict(zip(texts, found)) == texts
    far = text.refused_by(
        ["A bill that is slow is not a parcel."],
        ["billing"],
        [],
        judge,
        FakeEncoder(),
        surest=0,
        nearest=0.9,
    )
    assert far.tolist() == ["topic"]


def test_diversity_by_hand():
    assert text.distinct(["a b c", "a b d"]) == pytest.approx(3 / 4)
    vectors = np.array([[1, 0], [1, 0], [0, 1]], float)
    assert text.self_similarity(vectors) == pytest.approx(2 / 3)
    assert (vectors == [[1, 0], [1, 0], [0, 1]]).all()


def test_an_embedding_is_read_once():
    encoder, read = FakeEncoder(), []
    counting = SimpleNamespace(embed=lambda texts: read.extend(texts) or encoder.embed(texts))
    embed = text.remembering(counting)
    first = embed(["bill", "slow", "bill"])
    assert np.array_equal(embed(["slow"])[0], first[1]) and read == ["bill", "slow"]


def test_news_of_a_reply():
    assert text.news("My box is late.", "Your box is here.") == 0.5
    assert text.news("My box", "") == 0


# --- the tables ---


def test_parts_do_not_overlap_and_hold_each_label_alike():
    table = text.load_handwritten()
    assert table["text"].is_unique
    sizes = table.groupby(["part", "label"]).size().unstack()
    assert sizes.loc["shown"].eq(8).all() and sizes.loc["test"].eq(32).all()
    shown = text.load_handwritten("shown")["text"]
    test = text.load_handwritten("test")["text"]
    assert not [message for message in test if text.leaks(message, shown)]
    with pytest.raises(ValueError, match="no part 'train'"):
        text.load_handwritten("train")


def test_what_is_kept_passed_the_filters_that_need_no_encoder():
    kept, every = text.load_support(), text.load_support(refused=True)
    shown = text.load_handwritten("shown")["text"]
    assert kept["text"].is_unique and kept["text"].map(text.well_formed).all()
    assert not kept["text"].map(lambda message: text.leaks(message, shown)).any()
    of_one = every[(every["prompt"] == "one label") & (every["refused_by"] == "")]
    assert of_one["text"].tolist() == kept["text"].tolist()
    assert set(every["refused_by"]) <= {"", *text.FILTERS}
    assert sum(count for _, count, _ in text.losses(every)) == (every["refused_by"] != "").sum()


def test_readings_and_replies():
    readings, every = text.load_readings(), text.load_support(refused=True)
    assert set(readings["text"]) <= set(every["text"])
    assert set(readings["read_as"]) == {*LABELS, "none"}
    replies = text.load_replies()
    assert replies["fault"].value_counts().to_dict() == {"other topic": 8, "empty": 8}


def test_facts_and_the_questions_about_them():
    assert not set(text.FACTS) & set(text.OTHER_FACTS)
    facts = text.FACTS | text.OTHER_FACTS
    assert all(answer in sentence for answer, sentence in facts.items())
    assert len(text.BEGINNINGS) == len(text.FACTS) == len(text.OTHER_FACTS)
    asked = text.load_questions()
    assert asked["right"].dtype == bool and asked["question"].str.endswith("?").all()
    assert set(asked.loc[asked["form"] != "both by the model", "answer"]) == set(facts)
    for row in asked[asked["form"] == "words by code"].itertuples():
        beginning = next(known for known in text.BEGINNINGS if row.question.startswith(known))
        rest = text.words(row.question.removeprefix(beginning))
        assert set(rest) <= set(text.words(facts[row.answer])) and row.answer not in row.question


def test_templates_are_filled_without_repeats():
    table = text.fill_templates(64, 0)
    assert table["text"].is_unique and table["label"].value_counts().eq(64).all()
    assert text.fill_templates(5, 1).equals(text.fill_templates(5, 1))
    assert not text.fill_templates(5, 1).equals(text.fill_templates(5, 2))
    assert set(TEMPLATES) == set(FILLINGS) == set(LABELS)


def test_equal_parts():
    rows = pd.DataFrame({"label": ["a"] * 5 + ["b"] * 2, "text": range(7)})
    assert text.equal_part(rows, 3, 0)["label"].value_counts().to_dict() == {"a": 3, "b": 2}
    assert text.pairs_within(rows[4:].astype(str)) == [("6", "5")]
