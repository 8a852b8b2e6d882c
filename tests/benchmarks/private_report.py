"""What the private contest found, for readers: data/results/private.md, made from private.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.benchmarks.private import DELTA, MARGINALS, PRIVATE
from tests.benchmarks.private_peers import pins_of
from tests.benchmarks.private_plan import PEERS
from utils.results import (
    ONE_SEED,
    RESULTS,
    as_markdown,
    load_results,
    means_over_seeds,
    seconds_as_text,
    spreads_over_seeds,
    verdict,
)

# heading, column, how its numbers are written
SHOWN = [
    ("TSTR", "tstr", "{:.3f}".format),
    ("C2ST", "c2st", "{:.3f}".format),
    ("shape", "shape", "{:.3f}".format),
    ("trend", "trend", "{:.3f}".format),
    ("membership AUC", "membership_auc", "{:.3f}".format),
    ("members found at 1 %", "membership_tpr_at_1", "{:.1%}".format),
]
NOTES = """\
# The private contest

Methods with a promise of privacy at equal budgets, between yardsticks. Written by
`make bench-private` from `private.csv`, which holds one line a run. Numbers are means over so many
seeds as the column says, ± the standard deviation over the seeds. Delta is {delta:g} everywhere.
"inf" is the same method without noise and without a promise.

**Equal for all:** the training rows, the ranges and categories that are known without them, epsilon
and delta, the number of rows drawn, the judge and the attack (density ratio; the attacker knows one
half of the unseen rows). TSTR of fresh rows and of copies is that of the training rows. Two rows of
data differ by one row more.

**Other libraries** ({pins}), each at its defaults, in an environment of its own:
- `dpmm MST`: numbers in bins of a private tree over the known range, which the library pays with
  0.1 of epsilon; here this is part of the budget. A missing category is one category more. It is
  not run on Adult, where a fit takes more than two minutes of work.
- `opendp AIM`: told the rho that epsilon and delta allow. The library wants cuts of numbers and has
  no default: 16 bins over the known range, each wider than the one before by the same factor, as
  suits counts. On Adult it was stopped after 200 CPU seconds of a fit.
- Their noise has no seed, so that a run gives other numbers another time. They do not know which
  column is the target; `marginals` is told and has it in every table of counts.

**Also tried:** dpmm's AIM (on Adult stopped after 200 CPU seconds); OpenDP's MST (on Adult it
refuses a query for the last digit of its own budget); `mbi` 2.0.0 (private-pgm) estimates from
noisy counts, but chooses none; `smartnoise-synth` 1.0.8 resolves, but brings PyTorch with the
libraries of graphics cards, and its AIM and MST are the two algorithms above: it was not run.

"Beats" means: the means over the seeds lie more than two spreads of their difference apart; one
seed gives no verdict. "Fit, CPU s" are seconds of work, on one thread.
"""


def write_private_report(folder: Path = RESULTS) -> None:
    """Write private.md beside private.csv."""
    runs = load_results(PRIVATE, folder)
    versions = [pin.replace("==", " ") for peer in PEERS for pin in pins_of(peer)]
    parts = [NOTES.format(delta=DELTA, pins=", ".join(versions))]
    for table, rows in runs.groupby("table", sort=False):
        parts += [f"## {table}\n", *private_sentences(rows)]
        parts += [as_markdown(private_table(rows)) + "\n"]
    (folder / f"{PRIVATE}.md").write_text("\n".join(parts), encoding="utf-8")


def private_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The contest on one table as text: yardsticks, then methods by epsilon."""
    by = ["method", "epsilon"]
    runs = runs.sort_values("epsilon", kind="stable", na_position="first")
    means, spreads = means_over_seeds(runs, by), spreads_over_seeds(runs, by)
    columns = {
        "epsilon": [_epsilon(epsilon) for _, epsilon in means.index],
        "seeds": means["seeds"].to_numpy(),
    } | {
        heading: [_text(*both, write) for both in zip(means[name], spreads[name])]
        for heading, name, write in SHOWN
    }
    columns["fit, CPU s"] = [seconds_as_text(seconds) for seconds in means["fit_seconds"]]
    return pd.DataFrame(columns, index=means.index.get_level_values("method"))


def private_sentences(runs: pd.DataFrame) -> list[str]:
    """How the course's method stands to each other library on one table, by two scores at each
    epsilon, by the one rule of :func:`utils.results.verdict`."""
    sentences = []
    for peer in [name for name in PEERS if name in set(runs["method"])]:
        for heading, name, lower_is_better in (("TSTR", "tstr", False), ("C2ST", "c2st", True)):
            said = {}
            for epsilon, ours, theirs in _pairs(runs, peer, name):
                word = verdict(ours, theirs, lower_is_better)
                said.setdefault(_said(word), []).append(f"{epsilon:g}")
            told = "; ".join(f"{words} at {', '.join(at)}" for words, at in said.items())
            sentences.append(f"By {heading}, {MARGINALS} against {peer}: {told}.\n")
    return sentences


def _said(word: str) -> str:
    return "one seed, so no verdict" if word == ONE_SEED else f"{word} it"


def _pairs(runs: pd.DataFrame, peer: str, name: str):
    """(epsilon, scores of the course's method, scores of a peer), where the peer was run."""
    for epsilon, rows in runs.groupby("epsilon"):
        ours, theirs = (rows.loc[rows["method"] == who, name] for who in (MARGINALS, peer))
        if len(theirs):
            yield epsilon, ours, theirs


def _epsilon(epsilon: float) -> str:
    return "" if np.isnan(epsilon) else f"{epsilon:g}"


def _text(mean: float, spread: float, write) -> str:
    return write(mean) + ("" if np.isnan(spread) else f" ± {write(spread)}")
