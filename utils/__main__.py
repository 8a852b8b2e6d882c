"""``python -m utils``: synthetic rows for a table of your own, all methods compared, a report."""

from __future__ import annotations

from utils.commands import app
from utils.session import start_lesson

if __name__ == "__main__":
    start_lesson()  # threads, TensorFlow's settings and the plot style, as in every lesson
    app(prog_name="python -m utils")
