"""What the neural generators promise beyond the contract: nothing lost when a fit is stopped, clear
settings."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from utils import saving, training
from utils.saving import SavedModelError
from utils.synthesizers import SYNTHESIZERS, Synthesizer

pytestmark = pytest.mark.filterwarnings("error")
NEURAL = sorted(name for name, method in SYNTHESIZERS.items() if not method.quick)
LONG = 150  # epochs that take several compiled calls of every method
every_network = pytest.mark.parametrize("method", NEURAL)


def small_table(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    apps = rng.choice(["Netflix", "X"], rows)
    minutes = np.round(rng.gamma(2, 20, rows), 1) + 30 * (apps == "X")
    return pd.DataFrame({"app": apps, "minutes": minutes, "opened": rng.poisson(5, rows)})


def make(method: str, **options) -> Synthesizer:
    return SYNTHESIZERS[method](**{"epochs": 20, "batch_size": 32} | options)


class Interrupt:
    """Stands in for the end of the n-th compiled call and presses Ctrl-C there."""

    def __init__(self, monkeypatch, calls: int):
        self.left, self.read = calls, training._Run.read
        monkeypatch.setattr(training._Run, "read", lambda run: self(run))

    def __call__(self, run):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return self.read(run)


@every_network
def test_an_interrupted_fit_can_be_sampled_and_saved(method, monkeypatch, tmp_path):
    table, synthesizer = small_table(), make(method, epochs=LONG)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        Interrupt(patch, 3)
        synthesizer.fit(table)
    rows = synthesizer.sample(30)
    assert list(rows.columns) == list(table.columns)
    assert rows.notna().all(axis=None)
    synthesizer.save(tmp_path / "model")
    pd.testing.assert_frame_equal(Synthesizer.load(tmp_path / "model").sample(30), rows)


@every_network
def test_an_interrupted_fit_goes_on_to_the_same_rows(method, monkeypatch, tmp_path):
    table, path = small_table(), str(tmp_path / "fit.checkpoint")
    expected = make(method, epochs=LONG).fit(table)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        Interrupt(patch, 3)
        make(method, epochs=LONG, checkpoint=path).fit(table)
    resumed = make(method, epochs=LONG, checkpoint=path).fit(table)
    pd.testing.assert_frame_equal(resumed.sample(50), expected.sample(50))
    for name, losses in expected.history.losses.items():
        np.testing.assert_array_equal(resumed.history.losses[name], losses)


@every_network
def test_a_checkpoint_of_another_table_or_setting_is_refused(method, monkeypatch, tmp_path):
    path = str(tmp_path / "fit.checkpoint")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        Interrupt(patch, 3)
        make(method, epochs=LONG, checkpoint=path).fit(small_table())
    with pytest.raises(SavedModelError, match="of another table or of other settings"):
        make(method, epochs=LONG, checkpoint=path).fit(small_table(seed=1))
    with pytest.raises(SavedModelError, match="of another table or of other settings"):
        make(method, epochs=LONG, checkpoint=path, learning_rate=1e-5).fit(small_table())


@every_network
def test_a_saved_model_tells_nothing_of_where_it_was_made(method, tmp_path):
    path = tmp_path / "secret place"
    make(method, checkpoint=str(path)).fit(small_table()).save(tmp_path / "model")
    parameters = saving.read(tmp_path / "model")["parameters"]
    assert "checkpoint" not in parameters
    assert "progress" not in parameters
    assert parameters["epochs"] == 20


@every_network
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, not 0"),
        ({"epochs": 2.5}, "epochs must be a whole number of 1 or more, not 2.5"),
        ({"batch_size": 0}, "batch_size must be a whole number of 1 or more, not 0"),
        ({"learning_rate": 0}, "learning_rate must be a number above 0, not 0"),
        ({"learning_rate": "fast"}, "learning_rate must be a number above 0, not 'fast'"),
        ({"progress": "loud"}, "progress must be False, True"),
    ],
)
def test_settings_that_cannot_be_meant(method, options, message):
    with pytest.raises(ValueError, match=message):
        make(method, **options).fit(small_table())


@every_network
def test_a_batch_may_be_larger_than_the_table(method):
    rows = make(method, batch_size=5_000).fit(small_table(12)).sample(20)
    assert len(rows) == 20


@every_network
def test_a_rate_that_is_far_too_high_is_told_and_the_model_can_still_be_sampled(method):
    table, synthesizer = small_table(), make(method, learning_rate=1e30)
    with pytest.raises(
        training.TrainingError, match="became NaN or infinite at step .* smaller learning_rate"
    ):
        synthesizer.fit(table)
    assert synthesizer.sample(20).notna().all(axis=None)


@every_network
def test_losses_are_kept_and_fall_silent(method, capsys):
    synthesizer = make(method).fit(small_table())
    history = synthesizer.history
    assert history.steps > 0
    assert all(
        np.isfinite(values).all() and len(values) == history.steps
        for values in history.losses.values()
    )
    assert capsys.readouterr() == ("", "")


@every_network
def test_the_bar_is_shown_on_demand(method, capsys):
    make(method, progress="bar").fit(small_table())
    assert "step" in capsys.readouterr().err


@every_network
def test_a_loaded_model_is_a_file_of_data(method, tmp_path):
    make(method).fit(small_table()).save(tmp_path / "model")
    with np.load(io.BytesIO((tmp_path / "model").read_bytes()), allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)
