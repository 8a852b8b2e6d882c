"""One training loop for every network: thousands of steps inside one compiled function.

A step is a function of the batch, the seed and the number of the step alone, and every random
number comes from those two (TensorFlow's stateless generators). So a run is bit-equal on one
machine, and one that was interrupted goes on from its checkpoint as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from utils import saving
from utils.progress import progress_display
from utils.session import set_for_tensorflow

CHECKPOINT_SECONDS = 5.0


class Deferred:
    """A module that loads at its first use: importing a generator costs nothing until one is
    trained."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str):
        if "tensorflow" not in sys.modules:
            set_for_tensorflow()
        return getattr(import_module(self._name), attribute)


keras, tf = Deferred("keras"), Deferred("tensorflow")


class TrainingError(ValueError):
    """A table or settings with which training cannot go on; the networks hold their last good
    state."""


@dataclass
class History:
    """What happened in a training run.

    losses : name -> float32 (steps,), one value a step.  score_steps, scores : held-out scores and
        when they
    were taken (lower is better).  total_steps : how many were planned.
    """

    losses: dict[str, np.ndarray] = field(default_factory=dict)
    score_steps: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    total_steps: int = 0

    @property
    def steps(self) -> int:
        """Steps done so far."""
        return len(next(iter(self.losses.values()), ()))

    @property
    def best_step(self) -> int:
        """The step whose weights were kept: the one with the best score, or the last."""
        return self.score_steps[int(np.argmin(self.scores))] if self.scores else self.steps

    def rewind(self, steps: int) -> None:
        """Forget what came after so many steps."""
        self.losses = {name: values[:steps] for name, values in self.losses.items()}
        self.score_steps = [step for step in self.score_steps if step <= steps]
        self.scores = self.scores[: len(self.score_steps)]

    def extend(self, names: Sequence[str], block: np.ndarray) -> None:
        """Add the losses of a block of steps, float32 (steps, names)."""
        for name, values in zip(names, block.T):
            self.losses[name] = np.concatenate([self.losses.get(name, values[:0]), values])


def train(
    step: Callable,
    data: Sequence[np.ndarray],
    variables: Sequence,
    *,
    steps: int,
    batch_size: int,
    seed: int,
    steps_per_call: int = 100,
    score: Callable[[], float] | None = None,
    patience: int | None = None,
    column_losses: Callable | None = None,
    progress: bool | str = False,
    checkpoint: str | os.PathLike | None = None,
    settings: str = "",
    history: History | None = None,
) -> History:
    """Run ``step`` many times in-graph; the variables end at the best score (or at the last step).

    Parameters
    ----------
    step : ``step(batch, key)`` does one update and returns {name: scalar loss}. ``batch`` is a
        tuple of tensors, rows of each array of ``data``; ``key`` int32 (2,) seeds
        ``tf.random.stateless_*``. It is traced once, so it must hold tensors only.
    data : arrays with the same number of rows n; batches are drawn with replacement, so any n >= 1
        will do.
    variables : every Keras variable that a step changes: weights, averages,
        ``optimizer.variables``.
    steps : rounded up to whole calls.  steps_per_call : updates in one compiled call, also the
        distance between two scores and two checkpoints.
    score : held-out score of the current networks, lower is better.  patience : stop after so many
        scores without a better one (None: never).
    column_losses : ``column_losses(batch, key)`` -> {column: loss}, asked only to name the guilty
        column.
    progress : False, True or "bar", or "curve" (losses drawn while they come).
    checkpoint : a file to go on from if it is there, kept up to date, removed at the end.
    settings : what else a checkpoint must agree with, such as the learning rate.
    history : an empty one to fill, for a caller who wants it after an interruption too.

    Raises
    ------
    TrainingError : a loss or weight became NaN or infinite; says which loss, step and column.
    SavedModelError : the checkpoint is damaged, or belongs to another table or other settings.
    KeyboardInterrupt : passed on, with the variables at the last whole call.
    """
    _check(data, steps, batch_size, steps_per_call)
    run = _Run(step, data, variables, batch_size, seed, min(steps_per_call, steps))
    history = History() if history is None else history
    history.total_steps = -(-steps // run.count) * run.count
    keeper = _Checkpoint(checkpoint, run, history, settings)
    keeper.restore()
    with progress_display(progress, history) as display:
        try:
            while history.steps < history.total_steps and not _patience_is_over(history, patience):
                _one_call(run, history, score, column_losses)
                keeper.save()
                display.update()
        except BaseException:
            history.rewind(run.good.steps)
            run.restore(run.good.state)
            keeper.save(now=True)
            raise
    if run.good.best is not None:
        run.restore(run.good.best)
    keeper.remove()
    return history


def _one_call(run, history, score, column_losses) -> None:
    """A block of steps and its score. Whatever interrupts it, ``run.good`` stays whole: it is set
    at the end."""
    losses = run.call(history.steps)
    state = run.read()
    if not np.isfinite(losses).all() or not all(np.isfinite(array).all() for array in state):
        raise TrainingError(run.explain(losses, column_losses))
    history.extend(run.names, losses)
    best = run.good.best
    if score is not None:
        value = float(score())
        history.scores.append(value if np.isfinite(value) else np.inf)
        history.score_steps.append(history.steps)
        best = state if history.best_step == history.steps else best
    run.good = Good(history.steps, state, best)


def _check(data, steps, batch_size, steps_per_call):
    for name, value in (
        ("steps", steps),
        ("batch_size", batch_size),
        ("steps_per_call", steps_per_call),
    ):
        if value < 1:
            raise ValueError(f"{name} must be 1 or more, not {value!r}.")
    if len({len(array) for array in data}) != 1 or not len(data[0]):
        raise ValueError(
            "The training arrays need the same number of rows, at least 1; they have "
            f"{[len(array) for array in data]}."
        )
    for place, array in enumerate(data):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = np.argwhere(~np.isfinite(array))[0]
            raise ValueError(
                f"Training array {place} holds NaN or infinity, first at {tuple(map(int, row))}."
            )


def _patience_is_over(history, patience):
    if patience is None or not history.scores:
        return False
    return len(history.scores) - 1 - int(np.argmin(history.scores)) >= patience


class Good(NamedTuple):
    """A state of the variables to come back to, after so many steps, and the best-scored one so
    far."""

    steps: int
    state: list[np.ndarray]
    best: list[np.ndarray] | None


class _Run:
    """The compiled loop with its variables, and the last good state of these."""

    def __init__(self, step, data, variables, batch_size, seed, count):
        self.step, self.variables = step, list(variables)
        self.batch_size, self.count = batch_size, count
        self.seed = int(seed) % 2**31
        self.data = tuple(tf.constant(array) for array in data)
        self.names: list[str] = []
        self.compiled = None
        self.good = Good(0, self.read(), None)

    def call(self, start: int) -> np.ndarray:
        """``count`` steps from number ``start`` on; losses float32 (count, names)."""
        start = tf.constant(start, tf.int32)
        if self.compiled is None:
            loop = tf.function(self._loop, autograph=False)
            # tf.function itself would warn, from the fifth fit on, that it is traced anew for each
            self.compiled = loop.get_concrete_function(self.data, start)
        return self.compiled(self.data, start).numpy()

    def _loop(self, data, start):
        def body(i, losses):
            return i + 1, losses.write(i, self._losses(data, start + i))

        losses = tf.TensorArray(tf.float32, size=self.count)
        start_of_loop = tf.constant(0), losses
        _, losses = tf.while_loop(lambda i, losses: i < self.count, body, start_of_loop)
        return losses.stack()

    def _losses(self, data, number):
        losses = self.step(*self._batch(data, number))
        self.names = list(losses)
        return tf.stack([tf.cast(losses[name], tf.float32) for name in self.names])

    def _batch(self, data, number):
        """Rows drawn with replacement, and the key of all else that is random in this step."""
        rows = tf.random.stateless_uniform(
            [self.batch_size], [self.seed, number * 2], maxval=data[0].shape[0], dtype=tf.int32
        )
        return tuple(tf.gather(array, rows) for array in data), tf.stack(
            [self.seed, number * 2 + 1]
        )

    def read(self) -> list[np.ndarray]:
        """A copy of the variables."""
        return [variable.numpy().copy() for variable in self.variables]

    def restore(self, state: list[np.ndarray]) -> None:
        """Set the variables to a state."""
        for variable, value in zip(self.variables, state, strict=True):
            variable.assign(value)

    def explain(self, losses: np.ndarray, column_losses: Callable | None) -> str:
        """Replay to the step before the first bad one, and say what went wrong there."""
        bad, start = np.argwhere(~np.isfinite(losses)), self.good.steps
        at, which = (
            (int(bad[0][0]), self.names[int(bad[0][1])]) if len(bad) else (self.count - 1, "")
        )
        self.restore(self.good.state)
        for number in range(start, start + at):
            self.step(*self._batch(self.data, tf.constant(number, tf.int32)))
        column = self._worst_column(start + at, column_losses)
        what = f"The loss {which!r}" if which else "A weight"
        return (
            f"{what} became NaN or infinite at step {start + at + 1}{column}. The networks are "
            f"back at step {start}, their last good state. A smaller learning_rate usually mends "
            "it."
        )

    def _worst_column(self, number, column_losses):
        if column_losses is None:
            return ""
        batch = self._batch(self.data, tf.constant(number, tf.int32))
        values = {name: float(value) for name, value in column_losses(*batch).items()}
        worst = max(values, key=lambda name: values[name] if np.isfinite(values[name]) else np.inf)
        return f", in column {worst!r}"


class _Checkpoint:
    """The file that lets an interrupted run go on; with no path, it does nothing."""

    def __init__(self, path, run, history, settings):
        self.path, self.run, self.history = None if path is None else Path(path), run, history
        self.fingerprint = (
            None if path is None else _fingerprint(run, history.total_steps, settings)
        )
        self.saved = time.monotonic()

    def restore(self) -> None:
        """Set run and history to what the file holds, if there is one."""
        if self.path is None or not self.path.exists():
            return
        try:
            content = saving.read(self.path)
            good, history = Good(**content["good"]), History(**content["history"])
        except (saving.SavedModelError, KeyError, TypeError):
            raise saving.SavedModelError(
                f"{self.path.name} is no whole checkpoint. Delete it, or name another file, and "
                "fit again."
            ) from None
        if content["fingerprint"] != self.fingerprint:
            raise saving.SavedModelError(
                f"{self.path.name} is the checkpoint of another table or of other settings. Delete "
                "it, or name another file, and fit again."
            )
        vars(self.history).update(vars(history))
        self.run.good = good
        self.run.restore(good.state)

    def save(self, now: bool = False) -> None:
        """Write the last good state, at most once in CHECKPOINT_SECONDS unless asked for
        ``now``."""
        if self.path is None or not (now or time.monotonic() - self.saved > CHECKPOINT_SECONDS):
            return
        content = {
            "fingerprint": self.fingerprint,
            "good": self.run.good._asdict(),
            "history": vars(self.history),
        }
        saving.write(self.path, content)
        self.saved = time.monotonic()

    def remove(self) -> None:
        """The run is over: nothing to go on from."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _fingerprint(run, total_steps, settings) -> str:
    """What a run must share with a checkpoint: data, seed, batch, length and the variables'
    shapes."""
    digest = hashlib.sha256()
    for array in run.data:
        digest.update(np.ascontiguousarray(array).tobytes())
    shapes = [tuple(variable.shape) for variable in run.variables]
    digest.update(
        repr((run.seed, run.batch_size, run.count, total_steps, shapes, settings)).encode()
    )
    return digest.hexdigest()
