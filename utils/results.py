"""What long runs measured and data/results keeps: read it, average it over seeds, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from utils.schema import TableError
from utils.tables import DATA

RESULTS = DATA / "results"
ABLATION = "ablation_"
WHOLE = "all cures"  # the variant of an ablation that is the generator as it is
DEFAULT = "default"  # the budget of a run that was not asked to stop earlier
# yardsticks
FRESH, SHUFFLED, COPY = "fresh real rows", "shuffled columns", "copy of the training rows"
CONTROL = "control without learning"
BEATS, BEATEN = "beats", "is beaten by"
LEVEL, ONE_SEED = "cannot be told apart from", "one seed"
SPREADS = 2
LAST_DIGIT = 1e-4  # runs are stored with four digits
REBUILT_BY = {
    "lessons": "make readme",
    "truth": "python -m tests.benchmarks truth",
    "private": "make bench-private",
    "anonymeter": "make bench-attacks",
    "coverage": "make bench-attacks",
    "sentences": "python -m tests.benchmarks sentences",
    "text": "python -m tests.benchmarks text",
    "language": "make bench-language",
}


def load_results(name: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The stored results of a name, such as "race" or "ablation_gan": one row a run, as measured.

    Raises TableError for a name that is not stored; it says which command measures it.
    """
    path = Path(folder) / f"{name}.csv"
    if not path.exists():
        stored = ", ".join(sorted(file.stem for file in Path(folder).glob("*.csv"))) or "nothing"
        raise TableError(
            f"There are no stored results {name!r}. Measure them with: {rebuilt_by(name)}. "
            f"Stored are: {stored}."
        )
    return pd.read_csv(path)


def rebuilt_by(name: str) -> str:
    """The command that measures the results of a name again."""
    if name.startswith(ABLATION):
        return f"python -m tests.benchmarks ablation {name.removeprefix(ABLATION)}"
    return REBUILT_BY.get(name, "make bench")


def means_over_seeds(results: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """One row a group of ``by``, in the order of the file: each number's mean, how many seeds ran.

    results : a column ``seed``, one row a run.  Returns the means (float64), and ``seeds`` (int64)
        in front.
    """
    groups = results.groupby(by, sort=False, dropna=False)
    means = groups.mean(numeric_only=True).drop(columns="seed")
    means.insert(0, "seeds", groups["seed"].nunique())
    return means


def spreads_over_seeds(results: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """As :func:`means_over_seeds`, but sample standard deviations (n - 1); NaN for one seed."""
    return results.groupby(by, sort=False, dropna=False).std(numeric_only=True).drop(columns="seed")


def mean_and_half(scores: Sequence[float], chance: float = 0.95) -> tuple[float, float]:
    """Mean of scores, one a seed or draw, and half the width of its interval by Student's t.

    chance : that such an interval holds the mean of very many.  NaN as half of fewer than two.
    """
    from scipy import stats  # here: a lesson caps the threads of what is loaded by then

    scores = np.asarray(scores, dtype=np.float64)
    if len(scores) < 2:
        return float(scores.mean()) if len(scores) else np.nan, np.nan
    error = scores.std(ddof=1) / np.sqrt(len(scores))
    return float(scores.mean()), float(stats.t.ppf((1 + chance) / 2, len(scores) - 1) * error)


def race_runs(table: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The race on one table at the methods' defaults, one row a run, as measured.

    Beside the stored columns, two that compare with the yardsticks of the same seed:
    ``c2st_above`` (C2ST less that of fresh real rows) and ``tstr_share`` (TSTR as a share of what
    the training rows give); NaN where the yardstick was not measured.
    """
    runs = load_results("race", folder)
    if table not in set(runs["table"]):
        raise TableError(
            f"The race was not run on {table!r}, but on {', '.join(runs['table'].unique())}."
        )
    runs = runs[(runs["table"] == table) & (runs["budget"] == DEFAULT)]

    def yardstick(name: str, column: str) -> pd.Series:
        of_seed = runs[runs["method"] == name].drop_duplicates("seed").set_index("seed")[column]
        return runs["seed"].map(of_seed)

    return runs.assign(
        c2st_above=runs["c2st"] - yardstick(FRESH, "c2st"),
        tstr_share=runs["tstr"] / yardstick(COPY, "tstr"),
    )


def race_table(table: str, folder: Path = RESULTS) -> pd.DataFrame:
    """The race on one table: a row a yardstick or method at its defaults, means over the seeds.

    table : "screen time", "screen time, 25 days", "Adult" or "flights".  Yardsticks come first,
    then the best C2ST. Columns: ``kind`` ("yardstick", "control", "course" or "peer"), ``seeds``,
    the scoreboard's metrics, ``c2st_above``, ``tstr_share``, ``fit_seconds``, ``fit_cpu_seconds``,
    ``sample_seconds``, ``rows_per_second``, ``peak_mb``, ``epochs``.
    """
    runs = race_runs(table, folder).drop(columns="threads")
    means = means_over_seeds(runs, ["method", "kind"]).reset_index("kind")
    means["racing"] = means["kind"] != "yardstick"
    return means.sort_values(["racing", "c2st"], kind="stable").drop(columns="racing")


def verdict(ours: Sequence[float], theirs: Sequence[float], lower_is_better: bool = True) -> str:
    """The one rule by which the course says that a method is better than another.

    ours, theirs : a score for each seed.  The means differ when they lie more than two spreads of
    their difference apart. That spread is the standard error of a difference of two means,
    ``sqrt(s1**2 / n1 + s2**2 / n2)`` with sample variances (n - 1), and at least the last digit
    that is stored.

    Returns
    -------
    "beats", "is beaten by" or "cannot be told apart from"; "one seed", which is no verdict, where
    either side has fewer than two scores, because one score has no spread.
    """
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if min(len(ours), len(theirs)) < 2:
        return ONE_SEED
    variance = sum(side.var(ddof=1) / len(side) for side in (ours, theirs))
    gain = (theirs.mean() - ours.mean()) * (1 if lower_is_better else -1)
    if abs(gain) <= SPREADS * max(np.sqrt(variance), LAST_DIGIT):
        return LEVEL
    return BEATS if gain > 0 else BEATEN


def verdicts(
    scores: dict[str, Sequence[float]], name: str, lower_is_better: bool = True
) -> dict[str, list[str]]:
    """Verdict -> the others of which it holds that ``name`` beats them, is beaten by them, ..."""
    found = {verdict: [] for verdict in (BEATS, BEATEN, LEVEL, ONE_SEED)}
    for other, theirs in scores.items():
        if other != name:
            found[verdict(scores[name], theirs, lower_is_better)].append(other)
    return found


def ablation_table(runs: pd.DataFrame) -> pd.DataFrame:
    """What each variant of an ablation scores, and whether the whole generator beats it.

    runs : of one table, with columns ``variant``, ``seed``, ``c2st`` and ``tstr``, one row a
        variant and seed.  Returns one row a variant, in the order of the file: ``seeds``, means of
        ``c2st`` and ``tstr``, the ``spread`` of C2ST (NaN for one seed), and ``all cures``: what
        the generator as it is does to the variant by C2ST (:func:`verdict`; empty for itself).
    Raises TableError where no run is of the whole generator.
    """
    scores = runs.groupby("variant", sort=False)["c2st"].apply(list)
    if WHOLE not in scores:
        raise TableError(
            f"No run is of {WHOLE!r}, so there is nothing to compare with; the variants are: "
            f"{', '.join(scores.index) or 'none'}."
        )
    return means_over_seeds(runs, "variant")[["seeds", "c2st", "tstr"]].assign(
        spread=spreads_over_seeds(runs, "variant")["c2st"],
        **{
            WHOLE: [
                "" if name == WHOLE else verdict(scores[WHOLE], scores[name])
                for name in scores.index
            ]
        },
    )


def race_scores(table: str, column: str, folder: Path = RESULTS) -> dict[str, np.ndarray]:
    """Method of the race -> its scores on a table, one a seed; without the yardsticks."""
    runs = race_runs(table, folder)
    racing = runs[runs["kind"] != "yardstick"]
    return {
        method: rows[column].to_numpy() for method, rows in racing.groupby("method", sort=False)
    }


def race_sentences(table: str, folder: Path = RESULTS) -> list[str]:
    """What the race says about a table by C2ST: who is nearest to real rows, what the control is
    worth.

    "Nearest" has the lowest mean of those with two seeds or more; every comparison is a
    :func:`verdict`. Its membership AUC is told, too, because copies are near.
    """
    scores, means = race_scores(table, "c2st", folder), race_table(table, folder)
    several = [name for name in means.index if len(scores.get(name, ())) > 1]
    if not several:
        return [f"On {table} no method has two seeds yet, so there is no verdict."]
    best = several[0]  # in the order of their C2ST
    sentences = [
        f"On {table}, {_the(best)} is nearest to real rows by C2ST ({_likeness(means, best)})"
        + _compared(scores, best)
    ]
    if CONTROL in several[1:]:
        sentences.append(
            f"The {CONTROL} reaches {means.at[CONTROL, 'c2st']:.3f} there"
            + _compared(scores, CONTROL)
        )
    return sentences


def _likeness(means: pd.DataFrame, method: str) -> str:
    """C2ST and membership AUC of a method, beside those of fresh rows where these were judged."""
    names = [name for name in (method, FRESH) if name in means.index]
    c2st = ", ".join(
        f"{'fresh rows ' * (name == FRESH)}{means.at[name, 'c2st']:.3f}" for name in names
    )
    return f"{c2st}; membership AUC {means.at[method, 'membership_auc']:.3f}"


def _compared(scores: dict[str, np.ndarray], name: str) -> str:
    """The end of a sentence about a method: its verdicts on all others."""
    ends = {
        LEVEL: "; {} cannot be told apart from it",
        BEATS: "; it beats {}",
        BEATEN: "; it is beaten by {}",
        ONE_SEED: " (one seed, so no verdict: {})",
    }
    found = verdicts(scores, name)
    return "".join(end.format(_listed(found[key])) for key, end in ends.items() if found[key]) + "."


def _listed(names: list[str]) -> str:
    named = [_the(name) for name in names]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _the(name: str) -> str:
    return f"the {name}" if name == CONTROL else name


def seconds_as_text(seconds: float) -> str:
    """Seconds with about two digits, such as 0.01, 4.3, 53 and 1,447; empty for NaN."""
    if np.isnan(seconds):
        return ""
    digits = 2 if seconds < 0.1 else int(seconds < 10)
    return f"{seconds:,.{digits}f}"


def as_markdown(table: pd.DataFrame) -> str:
    """A table of text as a table in Markdown; the index comes first, under its name."""
    text = table.reset_index().astype(str)
    rows = [list(text), ["---"] * text.shape[1], *text.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
