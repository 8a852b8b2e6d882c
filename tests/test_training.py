"""The training loop: learns, repeats, resumes, stops by score, names what went wrong, loses
nothing."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from utils import training
from utils.progress import draw_losses, progress_display
from utils.saving import SavedModelError
from utils.training import History, TrainingError, keras, tf, train

pytestmark = pytest.mark.filterwarnings("error")
WEIGHTS = np.array([[1.0], [-2.0], [0.5]], dtype=np.float32)


class Line:
    """A linear model of known weights, with noise added in the step, so that its key matters."""

    def __init__(self, rate: float = 0.05, rows: int = 200, noise: float = 0.01, seed: int = 0):
        rng = np.random.default_rng(seed)
        inputs = rng.normal(size=(rows, 3)).astype(np.float32)
        self.data = (inputs, inputs @ WEIGHTS)
        self.noise = noise
        self.weights = keras.Variable(np.zeros((3, 1), np.float32))
        self.optimizer = keras.optimizers.Adam(rate)
        self.optimizer.build([self.weights])

    @property
    def variables(self):
        return [self.weights, *self.optimizer.variables]

    def step(self, batch, key):
        inputs, targets = batch
        targets += self.noise * tf.random.stateless_normal(tf.shape(targets), key)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((tf.matmul(inputs, self.weights) - targets) ** 2)
        self.optimizer.apply(tape.gradient(loss, [self.weights]), [self.weights])
        return {"squared error": loss, "half": loss / 2}

    def error(self) -> float:
        return float(np.abs(self.weights.numpy() - WEIGHTS).max())

    def train(self, **options) -> History:
        settings = {"steps": 200, "batch_size": 32, "seed": 3, "steps_per_call": 20} | options
        return train(self.step, self.data, self.variables, **settings)


def trained(**options):
    line = Line(
        **{name: options.pop(name) for name in ("rate", "rows", "noise") if name in options}
    )
    return line, line.train(**options)


def test_it_learns_known_weights():
    line, history = trained(steps=400)
    assert line.error() < 0.01
    assert history.steps == history.total_steps == history.best_step == 400
    assert history.losses["squared error"][0] > 1
    assert history.losses["squared error"][-1] < 0.01
    np.testing.assert_allclose(
        history.losses["half"] * 2, history.losses["squared error"], rtol=1e-6
    )


def test_one_long_call_equals_many_short_ones_and_a_plain_python_loop():
    first, long = trained(steps_per_call=200)
    second, short = trained(steps_per_call=1)
    np.testing.assert_array_equal(first.weights.numpy(), second.weights.numpy())
    np.testing.assert_array_equal(long.losses["squared error"], short.losses["squared error"])
    slow = Line()
    run = training._Run(slow.step, slow.data, slow.variables, 32, 3, 1)
    for number in range(200):
        slow.step(*run._batch(run.data, tf.constant(number)))
    np.testing.assert_allclose(slow.weights.numpy(), first.weights.numpy(), atol=1e-6)


def test_a_seed_repeats_bit_by_bit_and_another_differs():
    weights = [trained(seed=seed)[0].weights.numpy() for seed in (3, 3, 4)]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert (weights[0] != weights[2]).any()


def test_every_row_is_drawn_and_batches_may_exceed_the_table():
    seen = []
    rows = np.arange(5, dtype=np.float32)[:, None]
    counter = keras.Variable(np.zeros(5, np.float32))

    def step(batch, key):
        counter.assign_add(tf.reduce_sum(tf.one_hot(tf.cast(batch[0][:, 0], tf.int32), 5), axis=0))
        return {"nothing": tf.constant(0.0)}

    train(step, [rows], [counter], steps=400, batch_size=64, seed=0)
    seen = counter.numpy()
    assert seen.sum() == 400 * 64
    np.testing.assert_allclose(seen / seen.sum(), 0.2, atol=0.01)  # 5 standard errors: 0.0125


def test_steps_are_rounded_up_to_whole_calls():
    assert trained(steps=21, steps_per_call=20)[1].steps == 40
    assert trained(steps=5, steps_per_call=20)[1].steps == 5


# --- stopping by score ---


def test_it_stops_when_the_score_no_longer_falls_and_keeps_the_best_weights():
    line, kept = Line(), []
    values = iter([5.0, 3.0, 4.0, float("nan"), 6.0, 1.0])

    def score():
        kept.append(line.weights.numpy())
        return next(values)

    history = line.train(score=score, patience=3)
    assert history.scores == [5.0, 3.0, 4.0, np.inf, 6.0]
    assert history.score_steps == [20, 40, 60, 80, 100]
    assert history.best_step == 40
    np.testing.assert_array_equal(line.weights.numpy(), kept[1])


def test_without_patience_all_steps_are_done_and_the_best_is_kept():
    line = Line()
    values = iter(range(10, 0, -1))
    history = line.train(score=lambda: next(values))
    assert history.steps == history.best_step == 200


# --- interruptions ---


def interrupt_at(line: Line, call: int):
    calls = []

    def score():
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return -len(calls) if call == 0 else line.error()

    return score


@pytest.mark.parametrize("call", [1, 2, 7, 10])
def test_an_interrupted_run_goes_on_to_the_same_result(tmp_path, call):
    path = tmp_path / "run.checkpoint"
    whole = Line()
    expected = whole.train(score=whole.error)
    first = Line()
    with pytest.raises(KeyboardInterrupt):
        first.train(score=interrupt_at(first, call), checkpoint=path)
    assert path.exists()
    second = Line()
    history = second.train(score=second.error, checkpoint=path)
    np.testing.assert_array_equal(second.weights.numpy(), whole.weights.numpy())
    assert history.scores == expected.scores
    np.testing.assert_array_equal(history.losses["half"], expected.losses["half"])
    assert not path.exists(), "a finished run leaves no checkpoint"


def test_an_interruption_leaves_the_last_whole_call():
    line, before = Line(), Line()
    with pytest.raises(KeyboardInterrupt):
        line.train(score=interrupt_at(line, 4))
    before.train(steps=60)
    np.testing.assert_array_equal(line.weights.numpy(), before.weights.numpy())


def test_a_checkpoint_is_written_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1)
    path, line, there = tmp_path / "run.checkpoint", Line(), []

    def score():
        there.append(path.exists())
        return 1.0

    line.train(score=score, checkpoint=path, steps=60)
    assert there == [False, True, True]


@pytest.mark.parametrize(
    "change", [{"seed": 4}, {"steps": 220}, {"batch_size": 16}, {"settings": "other"}]
)
def test_a_checkpoint_of_other_settings_is_refused(tmp_path, change):
    path = interrupted(tmp_path)
    with pytest.raises(SavedModelError, match="of another table or of other settings. Delete it"):
        Line().train(checkpoint=path, **change)


def test_a_checkpoint_of_another_table_is_refused_and_kept(tmp_path):
    path = interrupted(tmp_path)
    before = path.read_bytes()
    with pytest.raises(SavedModelError, match="run.checkpoint is the checkpoint of another table"):
        Line(seed=1).train(checkpoint=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage", [lambda content: content[:100], lambda content: b"", lambda content: b"text"]
)
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    path = interrupted(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SavedModelError, match="run.checkpoint is no whole checkpoint. Delete it"):
        Line().train(checkpoint=path)


def interrupted(folder):
    path, line = folder / "run.checkpoint", Line()
    with pytest.raises(KeyboardInterrupt):
        line.train(score=interrupt_at(line, 3), checkpoint=path)
    return path


# --- bad numbers ---


class Exploding(Line):
    """A loss that turns NaN in the step with a given number, told by its key."""

    def __init__(self, at: int):
        super().__init__()
        self.counter, self.at = keras.Variable(0.0), at

    @property
    def variables(self):
        return [*super().variables, self.counter]

    def step(self, batch, key):
        losses = super().step(batch, key)
        self.counter.assign_add(1.0)
        return {
            "fine": losses["half"],
            "bad": tf.where(self.counter > self.at - 1, np.nan, losses["half"]),
        }

    def column_losses(self, batch, key):
        wild = tf.where(self.counter > self.at - 2, np.nan, 0.0)
        return {"Usage": tf.constant(3.0), "Times opened": wild, "App": tf.constant(9.0)}


def test_a_nan_loss_names_loss_step_and_column_and_restores_the_last_good_state():
    line, good = Exploding(at=47), Exploding(at=1000)
    with pytest.raises(
        TrainingError, match="loss 'bad' became NaN or infinite at step 47, in column 'Times"
    ):
        line.train(column_losses=line.column_losses)
    good.train(steps=40)
    np.testing.assert_array_equal(line.weights.numpy(), good.weights.numpy())
    assert np.isfinite(line.weights.numpy()).all()


def test_a_weight_that_explodes_is_seen_though_the_loss_is_finite():
    line = Line(rate=3e38)

    def step(batch, key):
        line.weights.assign(line.weights * np.float32(1e30))
        return {"loss": tf.constant(1.0)}

    line.weights.assign(np.ones((3, 1)))
    with pytest.raises(
        TrainingError, match="A weight became NaN or infinite at step 20. .* back at step 0"
    ):
        train(step, line.data, [line.weights], steps=40, batch_size=4, seed=0, steps_per_call=20)
    np.testing.assert_array_equal(line.weights.numpy(), np.ones((3, 1)))


@pytest.mark.parametrize("name", ["steps", "batch_size", "steps_per_call"])
def test_counts_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, not 0"):
        Line().train(**{name: 0})


def test_data_must_be_finite_and_of_one_length():
    line = Line()
    line.data[0][7, 1] = np.nan
    with pytest.raises(
        ValueError, match=r"Training array 0 holds NaN or infinity, first at \(7, 1\)"
    ):
        line.train()
    with pytest.raises(ValueError, match="same number of rows"):
        train(
            line.step,
            (line.data[1], line.data[1][:5]),
            line.variables,
            steps=1,
            batch_size=1,
            seed=0,
        )
    with pytest.raises(ValueError, match="at least 1"):
        train(line.step, (line.data[1][:0],), line.variables, steps=1, batch_size=1, seed=0)


# --- what is shown ---


def test_silence_is_the_default(capsys):
    trained(steps=40)
    shown = capsys.readouterr()
    assert shown.out == shown.err == ""


@pytest.mark.parametrize("kind", [True, "bar", "curve"])
def test_the_bar_counts_steps_and_shows_losses(capsys, kind):
    trained(steps=40, progress=kind)
    shown = capsys.readouterr().err
    assert "40/40" in shown and "squared error=" in shown


def test_an_unknown_display_is_refused():
    with pytest.raises(
        ValueError, match='progress must be False, True, "bar" or "curve", not \'loud\''
    ):
        trained(progress="loud")


def test_the_curve_is_redrawn_in_place(monkeypatch):
    from utils import progress

    shown = []

    class Handle:
        def update(self, figure):
            shown.append(figure.axes[0].get_title(loc=matplotlib.rcParams["axes.titlelocation"]))

    monkeypatch.setattr(progress, "_draws", lambda kind: kind == "curve")
    monkeypatch.setattr("IPython.display.display", lambda figure, display_id: Handle())
    trained(steps=60, progress="curve")
    assert shown == ["Losses after 20 steps", "Losses after 40 steps", "Losses after 60 steps"]


def test_the_curve_shows_every_loss_and_the_best_score():
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    history = History({"a": np.arange(1000.0), "b": np.ones(1000)}, [500, 1000], [2.0, 3.0], 1000)
    draw_losses(axes, history)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["a", "b", "held-out score"]
    assert axes.lines[0].get_ydata()[-1] == pytest.approx(np.arange(995, 1000).mean())
    assert axes.lines[-1].get_xdata()[0] == 500


def test_the_display_is_closed_when_training_fails():
    with (
        pytest.raises(RuntimeError, match="stop"),
        progress_display("bar", History({}, total_steps=5)) as display,
    ):
        raise RuntimeError("stop")
    assert display.bar.disable
