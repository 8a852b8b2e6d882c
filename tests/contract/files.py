"""Promises about saved models: the same rows, and nothing but what the class declares."""

from __future__ import annotations

import copy
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pandas as pd
import pytest

from tests.contract.tables import TABLES, assert_valid
from utils import saving
from utils.saving import SavedModelError
from utils.schema import Schema
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


def paths(value, path: tuple = ()) -> list[tuple]:
    """Where the parts of what was fitted stand: of many alike, the last."""
    if is_dataclass(value):
        inner = [(field.name, getattr(value, field.name)) for field in fields(value)]
    else:
        inner = list(_pairs(value))
        inner = inner if all(isinstance(name, str) for name, _ in inner) else inner[-1:]
    found = [(*path, name) for name, part in inner if isinstance(part, (np.ndarray, list, dict))]
    return found + [deeper for name, part in inner for deeper in paths(part, (*path, name))]


def _pairs(value):
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, (list, tuple)) else ()


def at(content: dict, path: tuple):
    """The part that stands there."""
    for name in path:
        content = getattr(content, name) if is_dataclass(content) else content[name]
    return content


def put(content: dict, path: tuple, part) -> None:
    """Let another part stand there, also in a tuple, which is made anew."""
    holder = at(content, path[:-1])
    if is_dataclass(holder):
        object.__setattr__(holder, path[-1], part)
    elif isinstance(holder, tuple):
        put(content, path[:-1], (*holder[: path[-1]], part, *holder[path[-1] + 1 :]))
    else:
        holder[path[-1]] = part


def damaged(part) -> dict:
    """A part in every wrong form that it can have."""
    if isinstance(part, dict):
        return {"one entry less": dict(list(part.items())[:-1])}
    forms = {"one entry less": part[:-1]}
    if isinstance(part, list):
        return forms
    forms["one axis more"] = part[None]
    if part.dtype.kind == "f":
        return forms | {"not a number": np.full_like(part, np.nan), "negative": -1 - abs(part)}
    if part.dtype.kind in "iu":
        return forms | {"all zero": np.zeros_like(part), "huge": np.full_like(part, 100)}
    return forms


def _swapped(schema: Schema) -> Schema:
    return replace(schema, columns=(*schema.columns[1:], schema.columns[0]))


def _renamed(schema: Schema) -> Schema:
    return replace(schema, columns=(replace(schema.columns[0], name="?"), *schema.columns[1:]))


def _doubled(schema: Schema) -> Schema:
    return replace(schema, columns=(*schema.columns, schema.columns[0]))


def _one_category(schema: Schema) -> Schema:
    first = replace(schema.columns[0], categories=schema.columns[0].categories[:1])
    return replace(schema, columns=(first, *schema.columns[1:]))


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

    def test_a_model_whose_rows_break_a_rule_now_and_then_is_read_back(self, saved, tmp_path):
        content = saving.read(saved)
        rules = {"seldom more": "opened <= 6"}
        content["fitted"]["schema_"] = replace(content["fitted"]["schema_"], rules=rules)
        saving.write(tmp_path / "model", content)
        loaded = Synthesizer.load(tmp_path / "model")
        assert loaded.schema_.rules == rules and len(loaded.sample(9)) == 9

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

    def test_what_was_changed_is_refused_or_does_no_harm(self, saved, tmp_path):
        whole = saving.read(saved)
        cases = [
            (path, form)
            for path in paths(whole["fitted"])
            for form in damaged(at(whole["fitted"], path))
            if path[0] != "history_"
        ]
        for path, form in cases if self.make().quick else cases[::5]:  # a network loads slowly
            content = copy.deepcopy(whole)
            put(content["fitted"], path, damaged(at(whole["fitted"], path))[form])
            refused_or_valid(content, tmp_path, f"{path} {form}")

    @pytest.mark.parametrize("change", [_swapped, _renamed, _doubled, _one_category])
    def test_a_schema_of_other_columns_is_refused_or_does_no_harm(self, saved, tmp_path, change):
        content = saving.read(saved)
        schema = content["fitted"]["schema_"] = change(content["fitted"]["schema_"])
        refused_or_valid(content, tmp_path, "the schema", schema.names)

    @pytest.mark.parametrize("seed", [-1, 0.5])
    def test_what_load_would_refuse_is_not_saved(self, fitted, tmp_path, seed):
        synthesizer = copy.copy(fitted("narrow")).set_params(random_state=seed)
        with pytest.raises(ValueError, match="random_state must be a whole number"):
            synthesizer.save(tmp_path / "model")
        assert not list(tmp_path.iterdir())

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


def refused_or_valid(content: dict, folder, case: str, names: list[str] | None = None) -> None:
    """Load what was changed: SavedModelError, or a model whose rows are valid; no third thing."""
    saving.write(folder / "changed", content)
    try:
        rows = Synthesizer.load(folder / "changed").sample(300)
    except SavedModelError:
        return
    except Exception as error:
        raise AssertionError(f"{case}: {error!r}") from error
    table = TABLES["narrow"]
    assert_valid(rows[table.columns] if names else rows, table, 300)


def assert_refused(content: dict, folder, message: str) -> None:
    saving.write(folder / "changed", content)
    with pytest.raises(SavedModelError, match=message):
        Synthesizer.load(folder / "changed")
