"""Promises about saved models: the same rows, and nothing but what the class declares."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import pandas as pd
import pytest

from utils import saving
from utils.saving import SavedModelError
from utils.synthesizers import Synthesizer


def nested(value) -> dict:
    """The first instance of each dataclass in what was fitted, by the name of its class."""
    found = {type(value).__name__: value} if is_dataclass(value) else {}
    if is_dataclass(value):
        inner = [getattr(value, field.name) for field in fields(value)]
    else:
        inner = list(value.values()) if isinstance(value, dict) else value
    for part in inner if isinstance(inner, (list, tuple)) else []:
        found = nested(part) | found
    return found


class Files:
    """What ``save`` writes and ``load`` takes back."""

    @pytest.fixture(scope="class")
    @classmethod
    def saved(cls, fitted, tmp_path_factory):
        path = tmp_path_factory.mktemp("models") / "narrow"
        fitted("narrow").save(path)
        return path

    @pytest.mark.parametrize("given", [{}, {"App": "X"}, {"minutes": 0.0}], ids=str)
    def test_a_loaded_model_samples_the_same_rows(self, fitted, tmp_path, given):
        synthesizer = fitted("mixed")
        synthesizer.save(tmp_path / "model.npz")
        loaded = Synthesizer.load(tmp_path / "model.npz")
        assert type(loaded) is type(synthesizer)
        assert loaded.get_params() == synthesizer.get_params()
        assert loaded.schema_ == synthesizer.schema_
        pd.testing.assert_frame_equal(loaded.sample(60, given), synthesizer.sample(60, given))

    def test_a_loaded_model_can_be_saved_again(self, fitted, saved, tmp_path):
        Synthesizer.load(saved).save(tmp_path / "again")
        again = Synthesizer.load(tmp_path / "again")
        pd.testing.assert_frame_equal(again.sample(9), fitted("narrow").sample(9))

    def test_no_part_of_a_file_replaces_a_method(self, saved, tmp_path):
        for name in ("sample", "_sample", "_network", "chunk_rows", "extra_"):
            content = saving.read(saved)
            content["fitted"][name] = 3
            assert_refused(content, tmp_path, f"one too many.*{name}")

    def test_every_part_is_needed(self, saved, tmp_path):
        for name in saving.read(saved)["fitted"]:
            content = saving.read(saved)
            del content["fitted"][name]
            assert_refused(content, tmp_path, f"lacks a part.*{name}")

    def test_a_part_of_the_wrong_type_is_refused(self, saved, tmp_path):
        for name in saving.read(saved)["fitted"]:
            content = saving.read(saved)
            content["fitted"][name] = 3.5
            assert_refused(
                content, tmp_path, f"'{name}' of a {type(self.make()).__name__} is a float"
            )

    def test_a_part_within_a_part_of_the_wrong_type_is_refused(self, saved, tmp_path):
        for cls in nested(saving.read(saved)["fitted"]):
            names = [field.name for field in fields(saving.CLASSES[cls])]
            for name in names:
                content = saving.read(saved)
                part = nested(content["fitted"])[cls]
                wrong = 3.5 if isinstance(getattr(part, name), (list, dict)) else [3.5]
                object.__setattr__(part, name, wrong)
                assert_refused(content, tmp_path, f"'{name}' of a {cls} is a")

    def test_an_entry_of_the_wrong_type_is_refused(self, saved, tmp_path):
        for cls, part in nested(saving.read(saved)["fitted"]).items():
            for name in (field.name for field in fields(part)):
                entries = getattr(part, name)
                if not isinstance(entries, (list, dict)) or not any(map(_is_data, _inner(entries))):
                    continue
                content = saving.read(saved)
                part = nested(content["fitted"])[cls]
                odd = [3.5 for _ in entries]
                object.__setattr__(
                    part, name, dict(zip(entries, odd)) if isinstance(entries, dict) else odd
                )
                assert_refused(content, tmp_path, f"'{name}' of a {cls} is a .* with a float")


def _inner(entries):
    return entries.values() if isinstance(entries, dict) else entries


def _is_data(entry) -> bool:
    return is_dataclass(entry) or isinstance(entry, (np.ndarray, tuple))


def assert_refused(content: dict, folder, message: str) -> None:
    saving.write(folder / "changed", content)
    with pytest.raises(SavedModelError, match=message):
        Synthesizer.load(folder / "changed")
