"""Another OpenAI-compatible server, a llama.cpp of its own: nothing but the environment changes.

It runs where `make bench-language` has installed it beside the course.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.second_server import EXECUTABLE, second_server
from tests.test_language_model import users
from utils.checks import validate
from utils.language_model import open_language_model
from utils.schema import Schema
from utils.synthesizers import LanguageModelSynthesizer

pytestmark = pytest.mark.skipif(
    not EXECUTABLE.exists(), reason="`make bench-language` installs a second server"
)


@pytest.fixture(scope="module", autouse=True)
def server():
    with second_server() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", address)
        patch.setenv("OPENAI_API_KEY", "any")
        patch.delenv("COURSE_GRAMMAR", raising=False)
        yield


def test_it_answers_in_words_and_by_a_schema():
    model = open_language_model(timeout=60)
    assert model.answer("Say hello.", most_tokens=8).written > 0
    reply = model.answer("A number?", {"type": "integer", "minimum": 3, "maximum": 9}, seed=1)
    assert 3 <= int(reply.text) <= 9


@pytest.mark.parametrize("form", ["schema", "grammar"])
def test_it_writes_rows(form, monkeypatch):
    monkeypatch.setenv("COURSE_GRAMMAR", "1" if form == "grammar" else "0")
    table = users().drop(columns="score")
    rows = LanguageModelSynthesizer(rows_per_request=5, shown=3, form=form).fit(table).sample(8)
    validate(rows, Schema.infer(table))
    assert len(rows) == 8 and not rows.drop(columns="user").duplicated().any()
