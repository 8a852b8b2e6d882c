"""What a training run shows while it runs: nothing, a bar, or the curve of its losses."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import numpy as np
from tqdm.auto import tqdm

MOST_POINTS = 200


@contextmanager
def progress_display(kind: bool | str, history):
    """A display with ``update()`` for a History; kind is False, True or "bar", or "curve".

    The bar works in JupyterLab, Colab (a widget) and a terminal (on stderr). The curve is redrawn
    in place in a notebook; elsewhere it is a bar.
    """
    check_progress(kind)
    display = _Silent() if kind is False else _Curve(history) if _draws(kind) else _Bar(history)
    try:
        yield display
    finally:
        display.close()


def check_progress(kind: bool | str) -> None:
    """ValueError for a kind of display that there is not."""
    if kind not in (False, True, "bar", "curve"):
        raise ValueError(f'progress must be False, True, "bar" or "curve", not {kind!r}.')


def _draws(kind) -> bool:
    """Whether a curve was asked for and this is a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return kind == "curve" and shell is not None and hasattr(shell, "kernel")


class _Silent:
    def update(self):
        """Show nothing."""

    def close(self):
        """Nothing to close."""


class _Bar:
    def __init__(self, history):
        self.history = history
        self.bar = tqdm(total=history.total_steps, initial=history.steps, unit="step")

    def update(self):
        """Move the bar to the history's step, with the last losses beside it."""
        latest = {name: f"{values[-1]:.3f}" for name, values in self.history.losses.items()}
        if self.history.scores:
            latest["score"] = f"{self.history.scores[-1]:.3f}"
        self.bar.set_postfix(latest, refresh=False)
        self.bar.update(self.history.steps - self.bar.n)

    def close(self):
        """Leave the bar as it is."""
        self.bar.close()


class _Curve:
    def __init__(self, history):
        from IPython.display import display
        from matplotlib.figure import Figure

        self.history, self.figure = history, Figure(figsize=(7, 3), layout="constrained")
        self.axes = self.figure.subplots()
        self.handle = display(self.figure, display_id=True)

    def update(self):
        """Draw the curves anew in the same place."""
        self.axes.clear()
        draw_losses(self.axes, self.history)
        self.handle.update(self.figure)

    def close(self):
        """Leave the last picture."""


def draw_losses(axes, history) -> None:
    """Each loss against the step, as means of at most 200 stretches, and any held-out score."""
    styles = ["-", "--", ":", "-."]
    for number, (name, values) in enumerate(history.losses.items()):
        pieces = np.array_split(values, min(MOST_POINTS, len(values)))
        ends = np.cumsum([len(piece) for piece in pieces])
        axes.plot(
            ends, [piece.mean() for piece in pieces], styles[number % len(styles)], label=name
        )
    if history.scores:
        axes.plot(history.score_steps, history.scores, "o-", markersize=4, label="held-out score")
        axes.axvline(history.best_step, color="0.5", linewidth=1)
    axes.set(xlabel="training step", ylabel="loss", title=f"Losses after {history.steps} steps")
    axes.legend()
