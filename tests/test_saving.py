"""Saved models: data only, whole or not at all, and every damaged or foreign file gets one clear
error."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from dataclasses import replace

import dateutil.tz
import numpy as np
import pandas as pd
import pytest

from utils import saving
from utils.encoding import QuantileBins
from utils.encoding.scores import NormalScores
from utils.saving import SavedModelError
from utils.schema import Schema
from utils.synthesizers import RuleSynthesizer, Synthesizer, TreeSynthesizer
from utils.synthesizers.base import FORMAT

TABLE = pd.DataFrame({"app": ["X", "Y", "X", "Y"] * 5, "minutes": np.arange(20) / 4})


class Bomb:
    """Unpickling this writes a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return open, (str(self.target), "w")


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.npz"
    TreeSynthesizer().fit(TABLE).save(path)
    return path


def manifest_file(path, content) -> None:
    np.savez(path, manifest=np.frombuffer(json.dumps(content).encode(), dtype=np.uint8))


def test_content_comes_back_as_it_was(tmp_path):
    content = {
        "numbers": [1, 2.5, True, None, "ä📱", float("inf")],
        "tuple": (1, ("a",)),
        "keys": {
            1: "one",
            (2, "b"): "pair",
            None: "none",
            "$array": "a key that looks like a mark",
        },
        "time": pd.Timestamp("2024-02-01 10:00", tz="Europe/Berlin"),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "objects": np.array(["a", 1, None], dtype=object),
        "scalar": np.int16(3),
        "schema": Schema.infer(TABLE),
    }
    saving.write(tmp_path / "file", content)
    loaded = saving.read(tmp_path / "file")
    for name in ("numbers", "tuple", "keys", "time", "scalar", "schema"):
        assert loaded[name] == content[name]
    assert loaded["array"].dtype == np.float32 and np.array_equal(loaded["array"], content["array"])
    assert loaded["objects"].tolist() == ["a", 1, None]


def test_what_is_no_data_cannot_be_saved(tmp_path):
    with pytest.raises(SavedModelError, match="A function cannot be saved as data"):
        saving.write(tmp_path / "file", {"code": test_what_is_no_data_cannot_be_saved})
    assert not list(tmp_path.iterdir())


def test_a_time_keeps_its_zone(tmp_path):
    times = [
        pd.Timestamp("2024-10-27 00:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2024-10-27 01:30", tz="UTC").tz_convert("Europe/Berlin"),
        pd.Timestamp("2024-02-01", tz="UTC"),
        pd.Timestamp("2024-02-01 10:00:00.000000001"),
    ]
    saving.write(tmp_path / "file", {"times": times})
    loaded = saving.read(tmp_path / "file")["times"]
    assert loaded == times and list(map(str, loaded)) == list(map(str, times))
    assert [str(time.tz) for time in loaded] == ["Europe/Berlin"] * 2 + ["UTC", "None"]
    later = [time + pd.Timedelta("30D") for time in times]
    assert [str(time + pd.Timedelta("30D")) for time in loaded] == list(map(str, later))


UNSAVABLE = {
    "objects in two dimensions": (np.array([["a"], ["b"]], dtype=object), "objects with 2 dim"),
    "a structured array": (np.zeros(2, dtype=[("a", int)]), r"array of \[\('a'"),
    "text of any length": (np.array(["a"], dtype=np.dtypes.StringDType()), "array of StringDType"),
    "long doubles": (np.zeros(2, dtype=np.longdouble), "array of float128|array of longdouble"),
    "a long double": (np.longdouble(1), "longdouble cannot be saved"),
    "a zone without a name": (
        pd.Timestamp("2024-02-01", tz=dateutil.tz.tzoffset(None, 3600)),
        "A Timestamp in the zone tzoffset.* cannot be saved",
    ),
    "a time of numpy": (np.datetime64("2024-02-01T00:00:00.000000001"), "datetime64 cannot be"),
}


@pytest.mark.parametrize("case", UNSAVABLE)
def test_what_would_not_come_back_cannot_be_saved(tmp_path, case):
    value, words = UNSAVABLE[case]
    with pytest.raises(SavedModelError, match=words):
        saving.write(tmp_path / "file", {"value": value})
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_others_may_read_a_saved_file_as_any_other(tmp_path):
    (tmp_path / "other").touch()
    saving.write(tmp_path / "file", {})
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_part_of_another_type_is_refused_and_a_whole_number_may_stand_for_a_float(tmp_path):
    bins = QuantileBins(np.zeros(1), np.zeros((1, 9)))
    saving.write(tmp_path / "file", {"bins": replace(bins, lower=[0.0])})
    with pytest.raises(SavedModelError, match="part 'lower' of a QuantileBins is a list"):
        saving.read(tmp_path / "file")
    scores = NormalScores.fit(np.arange(50.0), step=1)
    saving.write(tmp_path / "file", {"scores": scores})
    assert saving.read(tmp_path / "file")["scores"].step == 1
    saving.write(tmp_path / "file", {"scores": replace(scores, step="1")})
    with pytest.raises(SavedModelError, match="part 'step' of a NormalScores is a str"):
        saving.read(tmp_path / "file")


def test_a_column_that_cannot_be_is_refused(tmp_path):
    column = Schema.infer(TABLE)["minutes"]
    object.__setattr__(column, "kind", "numeric")
    saving.write(tmp_path / "file", {"column": column})
    with pytest.raises(SavedModelError, match="kind 'numeric'"):
        saving.read(tmp_path / "file")


def test_a_failed_save_leaves_the_old_file_whole(saved, monkeypatch):
    before = saved.read_bytes()

    def full_disk(file, **arrays):
        file.write(b"half a model")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="No space left"):
        TreeSynthesizer().fit(TABLE).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_the_new_file_comes_in_one_move(saved, monkeypatch):
    before = saved.read_bytes()

    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        TreeSynthesizer(min_samples_leaf=2).fit(TABLE).save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Synthesizer.load(tmp_path / "nothing")
    with pytest.raises(
        FileNotFoundError, match="no folder .*no folder' for 'model'. Make it first"
    ):
        TreeSynthesizer().fit(TABLE).save(tmp_path / "no folder" / "model")


@pytest.mark.parametrize("kept", [0, 1, 30, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved, kept):
    content = saved.read_bytes()
    saved.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(SavedModelError, match=r"model\.npz is not a whole file of this course"):
        Synthesizer.load(saved)


def test_a_damaged_file_is_refused_or_still_right(saved):
    content, expected = saved.read_bytes(), Synthesizer.load(saved).sample(20)
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.choice(len(content), 200, replace=False):
        damaged = bytearray(content)
        damaged[position] ^= int(rng.integers(1, 256))
        saved.write_bytes(damaged)
        try:
            loaded = Synthesizer.load(saved)
        except SavedModelError:
            refused += 1
        else:
            pd.testing.assert_frame_equal(loaded.sample(20), expected)
    assert refused > 50


def test_a_pickle_is_refused_and_not_run(tmp_path):
    path, target = tmp_path / "model.npz", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Bomb(target)))
    with pytest.raises(SavedModelError):
        Synthesizer.load(path)
    assert not target.exists()


@pytest.mark.parametrize("name", ["manifest", "array_0"])
def test_a_pickle_inside_is_refused_and_not_run(saved, tmp_path, name):
    target, stream = tmp_path / "ran", io.BytesIO()
    np.save(stream, np.array([Bomb(target)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(saved) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(saved, "w") as archive:
        for member, content in (members | {f"{name}.npy": stream.getvalue()}).items():
            archive.writestr(member, content)
    with pytest.raises(SavedModelError, match="pickle"):
        Synthesizer.load(saved)
    assert not target.exists()


FOREIGN = {
    "text": lambda path: path.write_text("app,minutes\nX,3\n"),
    "an array": lambda path: path.write_bytes(_bytes(np.save, np.arange(3))),
    "another archive": lambda path: path.write_bytes(_bytes(np.savez, np.arange(3))),
    "an empty zip": lambda path: zipfile.ZipFile(path, "w").close(),
    "a manifest that is a list": lambda path: manifest_file(path, [1]),
    "an unknown class": lambda path: manifest_file(path, {"$class": "Popen", "state": ["ls"]}),
    "endless nesting": lambda path: manifest_file_text(path, "[" * 100_000),
    "a schema without columns": lambda path: manifest_file(
        path, {"$class": "Schema", "state": {"$pairs": []}}
    ),
}


def _bytes(save, array) -> bytes:
    stream = io.BytesIO()
    save(stream, array)
    return stream.getvalue()


def manifest_file_text(path, text) -> None:
    np.savez(path, manifest=np.frombuffer(text.encode(), dtype=np.uint8))


@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_file_is_refused(tmp_path, case):
    path = tmp_path / "model.npz"
    FOREIGN[case](path)
    with pytest.raises(SavedModelError):
        Synthesizer.load(path)


MODEL = {"format": FORMAT, "method": "trees", "parameters": {}, "fitted": {}}
WRONG_MODELS = {
    "unknown method": (MODEL | {"method": "magic"}, "method 'magic'.*Known: autoregressive"),
    "method that is no name": (MODEL | {"method": ["trees"]}, r"method \['trees'\]"),
    "method that is an array": (MODEL | {"method": np.array(["trees", "rules"])}, "method array"),
    "format that is an array": (MODEL | {"format": np.array([2, 2])}, "another version"),
    "an earlier format": (MODEL | {"format": FORMAT - 1}, "another version.*[Ff]it it again"),
    "a later format": (MODEL | {"format": 99}, "another version.*[Ff]it it again"),
    "no parameters": ({"format": FORMAT, "method": "trees", "fitted": {}}, "'parameters'"),
    "unknown parameter": (MODEL | {"parameters": {"a": 1}}, "unexpected keyword argument 'a'"),
    "a parameter that cannot be": (
        MODEL | {"parameters": {"min_samples_leaf": 0}},
        "min_samples_leaf must be a whole number",
    ),
    "not fitted": (MODEL, "order_, ranks_, schema_, seen_, trees_"),
    "nothing": (None, "no synthesizer that this version knows"),
}


@pytest.mark.parametrize("case", WRONG_MODELS)
def test_a_model_of_another_version_is_refused(tmp_path, case):
    content, message = WRONG_MODELS[case]
    saving.write(tmp_path / "model.npz", content)
    with pytest.raises(SavedModelError, match=message):
        Synthesizer.load(tmp_path / "model.npz")


def test_a_model_of_another_class_is_refused(saved):
    with pytest.raises(SavedModelError, match="holds a TreeSynthesizer, not a RuleSynthesizer"):
        RuleSynthesizer.load(saved)
    assert isinstance(TreeSynthesizer.load(saved), TreeSynthesizer)


def test_two_classes_of_one_name_are_refused():
    kept = saving.CLASSES["Schema"]
    with pytest.raises(TypeError, match="utils.schema saves a class Schema, too"):
        saving.savable(type("Schema", (), {"__module__": "mine"}))
    assert saving.CLASSES["Schema"] is kept
