"""The few pictures of the course: real is blue and filled, synthetic vermilion and outlined."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib.dates as mdates
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm, PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, Patch
from matplotlib.ticker import MaxNLocator

from utils.encoding import to_float
from utils.results import BEATEN, BEATS
from utils.schema import Column, Schema, TableError

REAL = "#0072B2"  # blue
SYNTHETIC = "#D55E00"  # vermilion
YARDSTICK = "#767676"  # grey: neither real nor synthetic, a mark to measure by
# Okabe and Ito (2008), made to be told apart with any colour vision
PALETTE = (REAL, SYNTHETIC, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
# The eight apps as dots, in the order of their names: yellow is too pale for a dot.
APP_COLORS = (*PALETTE[:5], YARDSTICK, PALETTE[6], PALETTE[5])
# More than colours, and no multiple of them: a ninth line has the first colour, not its marker.
MARKERS = ("o", "^", "s", "D", "v", "P", "<", "*", "p", "X", "h")
LINE_STYLES = ("-", "--", "-.", ":")
FILLED = {"color": REAL, "alpha": 0.45}  # against an outline: they differ without colour
OUTLINED = {"facecolor": "none", "edgecolor": SYNTHETIC, "linewidth": 2}
MOST_BARS = 10  # categories shown as bars; the rest become one bar
PANELS = ("valid", "c2st", "tstr", "membership_auc", "copies")  # one or two a question
LEAST_WINDOW = 0.03  # half the width of a panel, so that luck does not look like a difference
CELLS = 26  # bins along each side of a two-dimensional histogram
TAIL = 0.995  # share of the real values that an axis must show; the rest is counted in the last bin

COURSE_STYLE = {
    "figure.figsize": (9, 5),
    "figure.dpi": 72,
    "savefig.dpi": 72,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 14,
    "axes.titlesize": 15,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 14,
    "xtick.labelsize": 13,
    "ytick.labelsize": 13,
    "legend.fontsize": 13,
    "legend.frameon": False,
    "figure.titlesize": 16,
    "figure.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.linewidth": 2.2,
    "lines.markersize": 7,
    "image.cmap": "cividis",
    "axes.prop_cycle": plt.cycler(
        color=PALETTE[:4], linestyle=LINE_STYLES, marker=["", "", "", ""]
    ),
}


def use_course_style() -> None:
    """Make every later figure legible from the back of a room, by matplotlib's rcParams only."""
    plt.rcParams.update(COURSE_STYLE)


def margins(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    columns: list[str] | None = None,
    title: str = "",
) -> Figure:
    """One panel a column: the share of rows in each bin or category, real and synthetic.

    Integers get bins of whole numbers; the last bin of a heavy tail holds all that lies beyond;
    more than ten categories become the ten commonest and the rest.
    """
    names = _present(columns or schema.names, schema)
    across = 2 if len(names) == 4 else min(len(names), 3)
    down = -(-len(names) // across)
    figure, axes = plt.subplots(
        down, across, figsize=(max(4.2 * across, 6), 3.2 * down + 0.9), squeeze=False
    )
    for axis, name in zip(axes.flat, names):
        draw = _bars if schema[name].discrete else _histogram
        draw(axis, real[name], synthetic[name], schema[name])
    for axis in axes.flat[len(names) :]:
        axis.remove()
    return _finish(
        figure, title, [Patch(label="real", **FILLED), Patch(label="synthetic", **OUTLINED)]
    )


def _present(names: list[str], schema: Schema) -> list[str]:
    return [schema[name].name for name in names]  # an unknown name is a TableError


def _histogram(axis: Axes, real: pd.Series, synthetic: pd.Series, column: Column) -> None:
    axis.set(xlabel=_two_lines(column), ylabel="share of rows")
    both = [_coordinates(values, column) for values in (real, synthetic)]
    both = [values[~np.isnan(values)] for values in both]
    if not len(both[0]):
        axis.text(0.5, 0.5, "no values", ha="center", va="center", transform=axis.transAxes)
        return
    edges = bin_edges(both[0], column)
    shares = [
        np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / max(len(values), 1)
        for values in both
    ]
    axis.stairs(shares[0], edges, fill=True, **FILLED)
    axis.stairs(shares[1], edges, color=SYNTHETIC, linewidth=2.2)
    axis.set_xlim(edges[0], edges[-1])
    if any((values > edges[-1]).any() for values in both):
        first = np.ceil(edges[-2]) if column.kind == "integer" else edges[-2]
        axis.set_title(f"last bin ≥ {_plain(first)}", loc="right", fontsize=13, fontweight="normal")
    _ticks(axis, column)


def bin_edges(values: np.ndarray, column: Column, bins: int = 24) -> np.ndarray:
    """Edges for a histogram: whole and half-way for integers and dates, none beyond a heavy tail.

    values : float64 (n,) without NaN, n > 0; dates as days.
    """
    low, high = float(values.min()), float(values.max())
    tail = float(np.quantile(values, TAIL))
    high = tail if high - low > 2 * (tail - low) > 0 else high
    if column.kind == "integer" or column.resolution == "D":
        step = max(1, int(np.ceil((high - low + 1) / bins)))
        return np.arange(np.floor(low), np.ceil(high) + step + 0.5, step) - 0.5
    return np.linspace(low, high, bins + 1) if high > low else np.array([low - 0.5, low + 0.5])


def _bars(axis: Axes, real: pd.Series, synthetic: pd.Series, column: Column) -> None:
    counts = [_category_shares(values) for values in (real, synthetic)]
    names = list(counts[0].index[:MOST_BARS])
    shares = [count.reindex(names, fill_value=0).to_numpy() for count in counts]
    if len(counts[0].index.union(counts[1].index)) > len(names):
        names, shares = (
            [*names, "all others"],
            [np.append(share, 1 - share.sum()) for share in shares],
        )
    places = np.arange(len(names))
    axis.barh(places - 0.2, shares[0], 0.4, **FILLED)
    axis.barh(places + 0.2, shares[1], 0.4, **OUTLINED)
    axis.set_yticks(places, [_short(name) for name in names])
    axis.invert_yaxis()
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.set(xlabel="share of rows", ylabel=column.label)


def _category_shares(values: pd.Series) -> pd.Series:
    """Share of the rows a category, the commonest first, missing as one of them."""
    return (
        values.astype(object)
        .map(str, na_action="ignore")
        .fillna("missing")
        .value_counts(normalize=True)
    )


def metric_answers(answers: pd.DataFrame, labels: list[str], ours: int, title: str = "") -> Axes:
    """What each metric says of each defect: blue where it sees it, yellow where it praises it.

    answers : "sees", "misses", "praises" or "–"; one row a defect, one column a metric.  labels :
    names of the columns.  ours : columns left of the line.
    """
    codes = (answers == "sees") + 2 * (answers == "praises")
    axis = plt.subplots(figsize=(14, 0.42 * len(answers) + 2.4))[1]
    colors = ListedColormap(["white", PALETTE[5], PALETTE[4]])
    axis.imshow(codes, cmap=colors, vmin=0, vmax=2, aspect="auto")
    _write_into(axis, answers.replace("misses", "").to_numpy(), 11)
    axis.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(answers)), answers.index)
    axis.axvline(ours - 0.5, color="black")
    told = "metric (left of the line: the scoreboard's; blank: it misses the defect)"
    axis.set(xlabel=told, ylabel="defect", title=title)
    return axis


def who_beats_whom(verdicts: dict[str, pd.DataFrame], title: str = "") -> Figure:
    """A panel a table: + where the method of the row beats that of the column, − where it is
    beaten, = where they cannot be told apart.

    verdicts : table -> words of :func:`utils.results.verdict`, methods by methods.
    """
    figure, axes = plt.subplots(1, len(verdicts), figsize=(7.5 * len(verdicts), 7), squeeze=False)
    colors = ListedColormap([SYNTHETIC, "white", PALETTE[5]])
    for axis, (name, words) in zip(axes[0], verdicts.items()):
        marks = (words == BEATS).astype(int) - (words == BEATEN)
        axis.imshow(marks, cmap=colors, vmin=-1, vmax=1)
        _write_into(axis, np.array(["−", "=", "+"])[marks.to_numpy() + 1], 13)
        names = [_short(method, 26) for method in words]
        axis.set_xticks(range(len(words)), names, rotation=50, ha="right", rotation_mode="anchor")
        axis.set_yticks(range(len(words)), names)
        pairs = marks.to_numpy()[np.triu_indices(len(words), 1)]
        axis.set(title=f"{name}: {np.count_nonzero(pairs)} of {len(pairs)} pairs differ")
        axis.set(xlabel="... this method?", ylabel="Does this method beat (+) ...")
    return _finish(figure, title)


def _write_into(
    axis: Axes, words: np.ndarray, size: int | None = None, dark: np.ndarray | None = None
) -> None:
    """A word into each cell of a drawn matrix; white where ``dark`` (bool, like words) says so."""
    for cell, word in np.ndenumerate(words):
        color = "white" if dark is not None and dark[cell] else "black"
        axis.text(*cell[::-1], word, ha="center", va="center", fontsize=size, color=color)


def _short(text: str, most: int = 18) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def joint_density(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, x: str, y: str, title: str = ""
) -> Figure:
    """Two numeric columns, real left and synthetic right, on the same axes and the same shades.

    Shade is the share of rows in a cell (logarithmic); the axes end where the tail of the real rows
    begins.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), sharex=True, sharey=True)
    edges = [_edges(real, _numeric(schema, name)) for name in (x, y)]
    shares = [_cell_shares(table, schema, (x, y), edges) for table in (real, synthetic)]
    norm = LogNorm(0.3 / max(len(real), len(synthetic)), max(share.max() for share in shares) or 1)
    for axis, share, (role, color) in zip(axes, shares, (("real", REAL), ("synthetic", SYNTHETIC))):
        image = axis.pcolormesh(*edges, np.ma.masked_equal(share, 0), norm=norm, cmap="YlGnBu")
        axis.set_xlabel(schema[x].label)
        axis.set_title(role, color=color)
        _ticks(axis, schema[x])
    axes[0].set_ylabel(schema[y].label)
    figure.colorbar(image, ax=axes, label="share of rows in a cell", shrink=0.95, pad=0.01)
    return _finish(figure, title)


def _cell_shares(
    table: pd.DataFrame, schema: Schema, names: tuple[str, str], edges: list
) -> np.ndarray:
    """Share of the rows in each cell, float64 (cells up, cells across); others are left out."""
    points = [_coordinates(table[name], schema[name]) for name in names]
    return np.histogram2d(*points, bins=edges)[0].T / len(table)


def _numeric(schema: Schema, name: str) -> Column:
    if schema[name].discrete:
        raise TableError(
            f"Column {name!r} holds categories; this picture needs a number or a date."
        )
    return schema[name]


def _edges(real: pd.DataFrame, column: Column) -> np.ndarray:
    places = _coordinates(real[column.name], column)
    places = places[~np.isnan(places)]
    if not len(places):
        raise TableError(
            f"Column {column.name!r} has no value to draw. Choose one that is not all missing."
        )
    return bin_edges(places, column, CELLS)


def pair_plot(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    columns: list[str] | None = None,
    title: str = "",
) -> Figure:
    """Numeric columns against each other: real below the diagonal, synthetic above, margins on it.

    Darker cells hold more rows (square-root scale, the same for both sides).
    """
    names = _present(
        columns or [c.name for c in schema.columns if c.kind in ("number", "integer")], schema
    )
    edges = {name: _edges(real, _numeric(schema, name)) for name in names}
    figure, axes = plt.subplots(
        len(names), len(names), figsize=(3.5 * len(names), 2.9 * len(names) + 0.9), squeeze=False
    )
    for (row, place), axis in np.ndenumerate(axes):
        across, below = names[place], names[row]
        if row == place:
            _histogram(axis, real[below], synthetic[below], schema[below])
        else:
            _cells(
                axis,
                synthetic if row < place else real,
                schema,
                across,
                below,
                edges,
                real,
                row < place,
            )
    return _finish(
        figure,
        title,
        [
            Patch(label="real, below the diagonal", **FILLED),
            Patch(label="synthetic, above it", **OUTLINED),
        ],
    )


def _cells(axis, table, schema, across, below, edges, real, synthetic: bool) -> None:
    sides = [edges[across], edges[below]]
    most = _cell_shares(real, schema, (across, below), sides).max() or 1
    share = _cell_shares(table, schema, (across, below), sides)
    axis.pcolormesh(
        *sides,
        np.ma.masked_equal(share, 0),
        norm=PowerNorm(0.5, -most / 8, most, clip=True),
        cmap="Oranges" if synthetic else "Blues",
    )
    axis.set(xlabel=_two_lines(schema[across]), ylabel=_two_lines(schema[below]))
    _ticks(axis, schema[across])


def _two_lines(column: Column) -> str:
    return f"{_short(column.name)}\n({column.unit})" if column.unit else _short(column.name)


def correlation_matrix(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Pearson correlations of the numeric columns, -1 to 1; NaN with a constant or missing side."""
    numeric = [column for column in schema.columns if not column.discrete]
    return pd.DataFrame({c.name: to_float(table[c.name], c) for c in numeric}).corr()


def correlation_difference(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema, title: str = ""
) -> Figure:
    """Heat maps of the correlations in real rows, in synthetic rows, and of their difference."""
    before, after = (correlation_matrix(table, schema) for table in (real, synthetic))
    panels = {"real": before, "synthetic": after, "synthetic − real": after - before}
    side = 1.3 + 0.75 * len(before)
    figure, axes = plt.subplots(
        1, 3, figsize=(3 * side + 1, side + 1.2), sharey=True, layout="compressed"
    )
    for axis, (name, matrix) in zip(axes, panels.items()):
        image = _heat_map(axis, matrix)
        axis.set_title(name)
    figure.colorbar(image, ax=axes, label="Pearson correlation", shrink=0.8, pad=0.01)
    return _finish(figure, title)


def _heat_map(axis: Axes, matrix: pd.DataFrame):
    image = axis.imshow(matrix, cmap="PuOr", vmin=-1, vmax=1)
    axis.set_xticks(
        range(len(matrix)),
        [_short(name) for name in matrix],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    axis.set_yticks(range(len(matrix)), [_short(name) for name in matrix])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    words = matrix.map(
        lambda value: "–" if np.isnan(value) else f"{value + 0:.2f}".replace("-0.00", "0.00")
    )
    _write_into(axis, words.to_numpy(), dark=matrix.abs().to_numpy() > 0.6)
    return image


def curves(
    lines: dict[str, np.ndarray],
    labels: tuple[str, str],
    title: str = "",
    x=None,
    mark: float | None = None,
) -> Axes:
    """Named lines over the same x (0, 1, ... if not given), told apart by colour and dashes.

    labels : of the axes, with units.  mark : a known value, drawn as a thin grey line across.
    """
    _, axis = plt.subplots(figsize=(9, 3.6))
    for place, (name, values) in enumerate(lines.items()):
        axis.plot(
            np.arange(len(values)) if x is None else x,
            values,
            linewidth=2,
            linestyle=LINE_STYLES[place % len(LINE_STYLES)],
            color=PALETTE[place],
            label=name,
        )
    if mark is not None:
        axis.axhline(mark, color=YARDSTICK, linewidth=1, zorder=0)
    axis.set(xlabel=labels[0], ylabel=labels[1])
    axis.set_title(title)
    if len(lines) > 1:
        axis.legend()
    return axis


def learning_curves(
    lines: dict[str, pd.DataFrame], labels: tuple[str, str], title: str = ""
) -> Axes:
    """Scores against how many rows were trained on, a line a name, with intervals as bars.

    lines : name -> columns ``found`` and ``half`` (of the interval's width), sizes as the index;
        names that begin with "real" are blue, all others vermilion.  labels : of the axes.
    """
    _, axis = plt.subplots(figsize=(9, 4.5))
    for place, (name, line) in enumerate(lines.items()):
        axis.errorbar(
            line.index,
            line["found"],
            line["half"],
            linestyle=LINE_STYLES[place % len(LINE_STYLES)],
            marker=MARKERS[place % len(MARKERS)],
            color=REAL if name.startswith("real") else SYNTHETIC,
            capsize=4,
            label=name,
        )
    sizes = sorted({size for line in lines.values() for size in line.index})
    axis.set_xscale("log")
    axis.set_xticks(sizes, [_plain(size) for size in sizes])
    axis.minorticks_off()
    axis.set(xlabel=labels[0], ylabel=labels[1])
    axis.set_title(title)
    axis.legend()
    return axis


def slider(draw: Callable[[float], object], name: str, places: Sequence[float]):
    """A slider over places, and below it what ``draw`` draws at the chosen one: an ipywidgets box.

    draw : called with a place, first with the first; it draws a figure, prints, or both.
    name : what is moved, with its unit.  places : numbers in ascending order, such as steps.
    It moves where a kernel runs. A stored notebook shows the first picture in its place
    (:func:`utils.course.notebooks.show_without_kernel`).
    """
    import ipywidgets  # here, for most lessons have no slider

    wide = {"layout": {"width": "95%"}, "style": {"description_width": "initial"}}
    options = [(f"{place:g}", place) for place in places]
    handle = ipywidgets.SelectionSlider(options=options, description=name, **wide)
    below = ipywidgets.interactive_output(lambda place: draw(place), {"place": handle})
    return ipywidgets.VBox([handle, below])


def ablation(runs: pd.DataFrame, title: str = "") -> Axes:
    """What each variant of a generator scores: one dot a seed, a bar at the mean; lower is better.

    runs : columns ``variant`` and ``c2st``, one row a variant and seed, in the order to be shown.
    """
    means = runs.groupby("variant", sort=False)["c2st"].mean()
    _, axis = plt.subplots(figsize=(9, 0.36 * len(means) + 1.4))
    axis.plot(runs["c2st"], runs["variant"], "o", color=SYNTHETIC, alpha=0.6, label="one seed")
    axis.plot(
        means, means.index, "|", color="black", markersize=18, markeredgewidth=2, label="mean"
    )
    axis.axvline(0.5, color=YARDSTICK, linewidth=1, zorder=0)
    axis.invert_yaxis()
    axis.set(xlabel="C2ST AUC (0.5: nobody can tell)", ylabel="variant")
    axis.set_title(title)
    axis.legend()
    return axis


def bic_curve(components, values, title: str = "", label: str = "BIC (lower is better)") -> Axes:
    """A model choice: one value a number of components, the best one marked and named.

    components : integers (k,).  values : floats (k,), such as the Bayesian information criterion.
    """
    components, values = np.asarray(components), np.asarray(values, dtype=np.float64)
    best = int(np.nanargmin(values))
    _, axis = plt.subplots(figsize=(8, 4.5))
    axis.plot(components, values, marker="o", linestyle="-", color=PALETTE[2])
    axis.plot(
        components[best], values[best], marker="*", markersize=20, color=SYNTHETIC, linestyle=""
    )
    axis.annotate(
        f"best: {components[best]}",
        (components[best], values[best]),
        xytext=(0, 16),
        textcoords="offset points",
        ha="center",
        color=SYNTHETIC,
        fontweight="bold",
    )
    axis.set(xlabel="number of components", ylabel=label)
    axis.set_title(title)
    axis.margins(y=0.15)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return axis


def gaussian_ellipses(points: np.ndarray, model, labels: tuple[str, str], title: str = "") -> Axes:
    """Rows as dots, each component of a Gaussian mixture as an ellipse of two deviations.

    points : float64 (n, 2).  model : scikit-learn ``GaussianMixture``.  labels : axis labels with
        units.
    """
    _, axis = plt.subplots(figsize=(8, 5))
    axis.plot(*points.T, linestyle="", marker=".", markersize=3, color=REAL, alpha=0.4, zorder=0)
    shared = model.covariance_type == "tied"  # one covariance for all, else one a component
    covariances = [model.covariances_] * len(model.means_) if shared else model.covariances_
    for weight, mean, covariance in zip(model.weights_, model.means_, covariances):
        full = np.diag(np.broadcast_to(covariance, 2)) if np.ndim(covariance) < 2 else covariance
        values, vectors = np.linalg.eigh(full)
        angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
        axis.add_patch(
            Ellipse(
                mean,
                4 * np.sqrt(values[1]),
                4 * np.sqrt(values[0]),
                angle=angle,
                fill=False,
                edgecolor=SYNTHETIC,
                linewidth=1 + 8 * weight,
            )
        )
        axis.plot(*mean, marker="+", markersize=12, color=SYNTHETIC, markeredgewidth=2)
    axis.set(xlabel=labels[0], ylabel=labels[1])
    axis.set_title(title)
    return axis


def scoreboard_picture(
    means: pd.DataFrame,
    spreads: pd.DataFrame,
    metrics: dict,
    yardsticks: list[str],
    title: str = "",
) -> Figure:
    """A scoreboard as dots: a panel a question, a line a row, bars for the spread over seeds.

    means, spreads : float64, one row a name, one column a metric (``Scoreboard.means()``,
        ``.spreads()``).
    metrics : name -> ``utils.scoring.Metric``; drawn are those of :data:`PANELS` with a value.
    yardsticks : names to draw in grey, real rows first; the rest are generators. Their values go
        through each panel as lines, and the panel is as wide as most generators need around that of
        real rows, the goal. What lies farther off stands at the border with its value.
    """
    names = [name for name in PANELS if name in metrics and means[name].notna().any()]
    size = (3.2 + 2.2 * len(names), 1.7 + 0.34 * len(means))
    figure, axes = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False)
    for axis, name in zip(axes.flat, names):
        _metric_panel(axis, means[name], spreads[name], metrics[name], yardsticks)
    handles = [
        Line2D([], [], marker="s", color=YARDSTICK, linestyle="", label="yardstick"),
        Line2D([], [], marker="o", color=SYNTHETIC, linestyle="", label="generator"),
        *[
            Line2D([], [], color=YARDSTICK, linestyle=style, linewidth=1.5, label=name)
            for name, style in zip(yardsticks, LINE_STYLES)
        ],
    ]
    return _finish(figure, title, handles)


def _metric_panel(
    axis: Axes, means: pd.Series, spreads: pd.Series, metric, yardsticks: list[str]
) -> None:
    low, high = _window(
        means.drop(yardsticks), spreads.drop(yardsticks), means[yardsticks[0]], metric.percent
    )
    for place, name in enumerate(means.index):
        color, marker = (YARDSTICK, "s") if name in yardsticks else (SYNTHETIC, "o")
        if low <= means[name] <= high:
            spread, style = np.nan_to_num(spreads[name]), {"capsize": 4, "markersize": 8}
            axis.errorbar(means[name], place, xerr=spread, color=color, fmt=marker, **style)
        elif np.isfinite(means[name]):
            _at_border(axis, means[name], place, (low, high), color, metric)
    for name, style in zip(yardsticks, LINE_STYLES):
        axis.axvline(means[name], color=YARDSTICK, linestyle=style, linewidth=1.5, zorder=0)
    axis.axhline(len(yardsticks) - 0.5, color=YARDSTICK, linewidth=0.8)
    axis.set_yticks(range(len(means)), means.index)
    axis.set_ylim(len(means) - 0.4, -0.6)
    axis.set_xlim(low, high)
    ticks = MaxNLocator(3, min_n_ticks=2).tick_values(low, high)
    bottom = max(low, 0) if metric.percent else low
    ticks = [tick for tick in ticks if bottom <= tick <= min(high, 1)]
    axis.set_xticks(ticks, [metric.format(tick, short=True) for tick in ticks])
    axis.set_title(metric.question)
    axis.set_xlabel(metric.label)
    axis.grid(axis="y", alpha=0.3)


def _window(
    generators: pd.Series, spreads: pd.Series, goal: float, percent: bool
) -> tuple[float, float]:
    """Ends of a panel: all generators, or those that lie as far from the goal as most do; the bars
    of those inside fit in, too."""
    far = (generators - goal).abs().dropna()
    half = LEAST_WINDOW if far.empty else max(LEAST_WINDOW, 1.3 * far.max())
    if len(far) and far.max() > 4 * max(far.median(), LEAST_WINDOW / 4):
        half = max(LEAST_WINDOW, 3 * far.median())
    inside = far[far <= 1.1 * half]  # a panel has a margin of a tenth
    half = max([half, *(inside + spreads[inside.index].fillna(0))])
    low = max(0, goal - half) if percent else goal - half
    high = min(1, goal + half)
    return low - half / 10, high + half / 10


def _at_border(axis: Axes, value: float, place: int, ends, color: str, metric) -> None:
    """A triangle at the end of the panel beyond which a value lies, and the value beside it."""
    left = value < ends[0]
    border, inwards = (ends[0], 1) if left else (ends[1], -1)
    axis.plot(border, place, marker="<" if left else ">", color=color, clip_on=False, zorder=3)
    axis.annotate(
        metric.format(round(value, 2), short=True) if metric.percent else f"{value:.2f}",
        (border, place),
        (9 * inwards, 0),
        textcoords="offset points",
        ha="left" if left else "right",
        va="center",
        fontsize=12,
    )


def intervals_by_name(
    told: dict[str, pd.DataFrame], label: str, title: str = "", first: int = 1
) -> Axes:
    """Found values with their intervals, a line a name; several runs of a name stand side by side.

    told : name -> columns ``found``, ``low`` and ``high``, one row a run.  label : of the values.
    first : so many names in front are real (blue), the others synthetic (vermilion).
    """
    _, axis = plt.subplots(figsize=(9, 0.7 * len(told) + 1.6))
    for place, rows in enumerate(told.values()):
        color = REAL if place < first else SYNTHETIC
        across = place + 0.2 * (np.arange(len(rows)) - (len(rows) - 1) / 2)
        axis.hlines(across, rows["low"], rows["high"], color=color)
        for run, (found, at) in enumerate(zip(rows["found"], across)):
            axis.plot(found, at, MARKERS[run % len(MARKERS)], color=color)
    axis.set_yticks(range(len(told)), list(told))
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.set(xlabel=label, ylabel="model trained on", title=title)
    return axis


def quality_against_seconds(means: pd.DataFrame, title: str = "") -> Figure:
    """Who gets how close to the real rows in how many seconds: a panel a table, a line a method.

    means : one row a table, method and budget, with ``table``, ``method``, ``kind`` ("course",
    "peer", "control" or "yardstick"), ``budget`` ("default" gets the large marker),
    ``fit_cpu_seconds`` and ``c2st``; where they are given, ``spread`` of the C2ST over seeds is
    drawn as a bar, and ``seeds`` marks a default that has but one ("1 seed"). Names stand at the
    right in the order of their scores. Other libraries are grey and hollow, a control is black; the
    first yardstick (fresh real rows) is a dashed line. The axis is stretched towards 0.5. Four
    panels stand two by two.
    """
    tables, racing = means["table"].unique(), means[means["kind"] != "yardstick"]
    ceiling = means[means["kind"] == "yardstick"].drop_duplicates("table").set_index("table")
    styles = _race_styles(racing.drop_duplicates("method").sort_values("kind", kind="stable"))
    across = min(2, len(tables))
    down = -(-len(tables) // across)
    lines = racing.groupby("table")["method"].nunique().max()
    size = (7.4 * across, max(4.2, 0.3 * lines + 1.4) * down + 0.8)
    figure, axes = plt.subplots(down, across, figsize=size, sharey=True, squeeze=False)
    lowest = min(0.5, means["c2st"].min())
    for axis, table in zip(axes.flat, tables):
        axis.axhline(ceiling["c2st"][table], color="black", linestyle="--", linewidth=1.5, zorder=0)
        here = racing[racing["table"] == table]
        for method, runs in here.groupby("method", sort=False):
            _race_line(axis, runs, styles[method])
        axis.set(xscale="log", xlabel="CPU seconds to fit (one core)")
        axis.set_yscale("function", functions=(_stretched, _unstretched))
        axis.set(ylim=(lowest - 0.01, 1.03), yticks=RACE_TICKS)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_title(table)
        axis.grid(alpha=0.3)
        dashed = pd.DataFrame(
            {"method": ceiling["method"][[table]], "c2st": ceiling["c2st"][table]}
        )
        _race_names(axis, pd.concat([here[here["budget"] == "default"], dashed]), styles)
    for axis in axes[:, 0]:
        axis.set_ylabel("C2ST AUC (0.5: nobody can tell)")
    return _finish(figure, title)


RACE_TICKS = (0.5, 0.52, 0.54, 0.56, 0.6, 0.65, 0.7, 0.8, 0.9, 1.0)


def _stretched(auc: np.ndarray) -> np.ndarray:
    """Straight near 0.5, logarithmic far from it: half of the axis lies between .5 and .6."""
    return np.arcsinh((auc - 0.5) / 0.03)


def _unstretched(place: np.ndarray) -> np.ndarray:
    return 0.5 + 0.03 * np.sinh(place)


def _race_names(axis: Axes, defaults: pd.DataFrame, styles: dict[str, dict]) -> None:
    """The methods' names beside the panel, in the order of their scores, each led to its point."""
    ordered = defaults.sort_values("c2st", kind="stable").reset_index(drop=True)
    scores = ordered["c2st"].to_numpy()
    low, high = map(_stretched, axis.get_ylim())
    wanted = (_stretched(scores) - low) / (high - low)
    for row, place in zip(ordered.to_dict("records"), _spread_out(wanted, 0.97 / len(ordered))):
        color = styles.get(row["method"], {}).get("color", "black")
        one = " (1 seed)" if row.get("seeds") == 1 and row["method"] in styles else ""
        seconds = row.get("fit_cpu_seconds", np.nan)
        across = axis.get_xlim()[1] if np.isnan(seconds) else seconds
        axis.annotate(
            row["method"] + one,
            (across, row["c2st"]),
            (1.04, place),
            textcoords="axes fraction",
            va="center",
            fontsize=10,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "alpha": 0.5},
        )


def _spread_out(wanted: np.ndarray, apart: float) -> np.ndarray:
    """Places from 0 to 1 in the given order, near the wanted ones and so far apart, lowest
    first."""
    places = np.array(wanted, dtype=float)
    for _ in range(200):
        gaps = np.clip(apart - np.diff(places), 0, None) / 2
        places[:-1] -= gaps
        places[1:] += gaps
        places = places.clip(0, 1)
    return places


def _race_styles(methods: pd.DataFrame) -> dict[str, dict]:
    """Colour and marker of each method: the course's in colours, the others' grey and hollow."""
    styles, places = {}, {"control": 0, "course": 0, "peer": 0}
    for method, kind in zip(methods["method"], methods["kind"]):
        place = places[kind]
        course = PALETTE[place % len(PALETTE)]
        color = {"course": course, "peer": YARDSTICK, "control": "black"}[kind]
        styles[method] = {
            "color": color,
            "marker": "x" if kind == "control" else MARKERS[place % len(MARKERS)],
            "linestyle": LINE_STYLES[kind == "peer"],
            "markerfacecolor": "white" if kind == "peer" else color,
            "markeredgecolor": color if kind == "peer" else "black",
        }  # yellow needs an edge
        places[kind] += 1
    return styles


def _race_line(axis: Axes, runs: pd.DataFrame, style: dict) -> None:
    """One method's budgets in the order of their seconds, the default's marker large and with the
    spread over its seeds."""
    runs = runs.sort_values("fit_cpu_seconds", kind="stable")
    axis.plot(runs["fit_cpu_seconds"], runs["c2st"], **style | {"markersize": 5})
    default = runs[runs["budget"] == "default"]
    if "spread" in default:
        place, color = (default["fit_cpu_seconds"], default["c2st"]), style["color"]
        axis.errorbar(*place, yerr=default["spread"], fmt="none", ecolor=color, capsize=3)
    large = style | {"markersize": 10, "linestyle": ""}
    axis.plot(default["fit_cpu_seconds"], default["c2st"], **large)


def _finish(figure: Figure, title: str, handles: list | None = None) -> Figure:
    if title:
        figure.suptitle(title, x=0.01, ha="left")
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _coordinates(values: pd.Series, column: Column) -> np.ndarray:
    """Positions on an axis, float64 (n,), NaN if missing; times as matplotlib's days, by the clock.

    What is drawn is what stands in the table, whatever scale the models count it on.
    """
    if column.kind != "date":
        return values.to_numpy(np.float64, na_value=np.nan)
    times = pd.to_datetime(values.astype(object))  # of any dtype that holds times
    return mdates.date2num(times.dt.tz_localize(None))


def _ticks(axis: Axes, column: Column) -> None:
    """Few marks along x, dates as dates and large numbers written out."""
    if column.kind != "date":
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.xaxis.set_major_formatter(lambda value, position: _plain(value))
    else:
        locator = mdates.AutoDateLocator(maxticks=5)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
