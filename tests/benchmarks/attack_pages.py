"""What readers see of the attacks' benchmarks: anonymeter.md and coverage.md in data/results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tests.benchmarks import anonymeter, coverage
from utils.results import RESULTS, as_markdown, means_over_seeds

LEAST, MOST = 0.90, 0.99  # share of worlds in which an honest 95 % interval holds the truth

BESIDE = f"""\
# Our attacks beside anonymeter's

Written by `make bench-attacks` from `anonymeter.csv`: the attacks of `utils.attacks` and those of
`anonymeter` (Giomi et al. 2023; its version stands in its pinned requirements) on the same tables,
{anonymeter.ROWS:,} rows in training, as many of a control and as many synthetic ones; means over
{len(anonymeter.SEEDS)} seeds. "Hit" is the share of guesses about training rows that are right,
"luck" that of the control; risk is (hit - luck) / (1 - luck).

Both mean the same by guessing, linking and singling out with three columns. They differ in this:

- **Distance.** Ours is Euclidean over ranks, theirs the sum of differences over ranges; a category
  counts 0 or 1 in both. Of rows that are equally near, ours finds the same one in both halves of a
  row more often, so where many are (screen time) it links more, of training and control alike.
- **A number is guessed** when it is met to a twentieth: ours of the truth, theirs of the guess,
  with its sign. So theirs counts every negative guess as a hit ({anonymeter.SIGNED}).
- **Risk.** Ours is of the plain shares, and may be below 0. Theirs is of shares that are pulled to
  one half (the middle of Wilson's interval), and cut at 0 and 1.
- **Singling out.** Ours divides hits by the claims that were made, theirs by those that were asked
  for; theirs drops repeated rows first, for ours a row is a person.
- **One column.** Theirs also claims that a number *equals* a value that one synthetic row has. Ours
  claims the largest and the smallest only, so it claims little: of numbers without repeats, the
  equality finds copies, which membership finds, too.
"""


def write_anonymeter_page(folder: Path = RESULTS) -> None:
    """Write anonymeter.md beside anonymeter.csv."""
    runs = pd.read_csv(folder / f"{anonymeter.ANONYMETER}.csv")
    parts = [BESIDE]
    for name, of_table in runs.groupby("table", sort=False):
        parts += [f"## {name}\n", as_markdown(_shown(of_table).set_index("attack")) + "\n"]
    (folder / f"{anonymeter.ANONYMETER}.md").write_text("\n".join(parts), encoding="utf-8")


def _shown(runs: pd.DataFrame) -> pd.DataFrame:
    """One row an attack and kind of synthetic rows, as text."""
    means = means_over_seeds(runs, ["attack", "synthetic"]).reset_index()
    shown = means[["attack", "synthetic"]].copy()
    for side, title in zip(anonymeter.SIDES, ("ours", anonymeter.ANONYMETER)):
        for told in anonymeter.TOLD[:3]:
            values = means[f"{side}_{told}"]
            shown[f"{title}: {told}"] = values.map("{:.3f}".format).where(
                values.notna(), "no claim"
            )
    return shown


HELD = f"""\
# How often the intervals of the attacks hold the truth

Written by `make bench-attacks` from `coverage.csv`. {coverage.WORLDS:,} simulated worlds a line, in
which the truth is known: members and others whose beliefs are normal, one standard deviation wide,
or guesses that hit with a known chance. An honest 95 % interval holds the truth in {LEAST:.0%} to
{MOST:.0%} of them. It is about the luck of the draw alone: a control group from elsewhere is not in
it.
"""


def write_coverage_page(folder: Path = RESULTS) -> None:
    """Write coverage.md beside coverage.csv."""
    runs = pd.read_csv(folder / f"{coverage.COVERAGE}.csv").sort_values(coverage.KEY, kind="stable")
    formats = {"truth": "{:.3f}", "held": "{:.1%}", "width": "{:.3f}"}
    shown = runs[[*coverage.KEY, *formats]].assign(
        **{name: runs[name].map(form.format) for name, form in formats.items()}
    )
    text = as_markdown(shown.set_index("figure"))
    (folder / f"{coverage.COVERAGE}.md").write_text(f"{HELD}\n{text}\n", encoding="utf-8")
