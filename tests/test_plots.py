"""Pictures: axes with units, findings as titles, no warnings, colours for colour-blind readers."""

from __future__ import annotations

import io
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

matplotlib.use("Agg")
from matplotlib import dates
from matplotlib import pyplot as plt
from sklearn.mixture import GaussianMixture

from utils import plots
from utils.schema import Schema, TableError
from utils.scoring import METRICS, Scoreboard

UNITS = {"Usage": "minutes", "Weight": "kg"}


def table_of(rows: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    usage = generator.pareto(1.2, rows).round() * 10
    table = pd.DataFrame(
        {
            "Usage": usage.astype(int),
            "Weight": generator.normal(70, 9, rows) + usage / 50,
            "App": generator.choice([f"app number {number} of many" for number in range(14)], rows),
            "Late": generator.random(rows) < 0.3,
            "Same": 3.5,
            "Date": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(generator.integers(366, size=rows), "D"),
        }
    )
    table.loc[::9, ["Weight", "App", "Date"]] = None
    return table


@pytest.fixture(autouse=True)
def strict_and_tidy():
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.use_course_style()
        yield
        plt.close("all")


@pytest.fixture(scope="module")
def tables():
    real = table_of(400, 1)
    return real, table_of(700, 2), Schema.infer(real, units=UNITS)


def saved(figure) -> int:
    """Draw the figure and return the size of its PNG in bytes."""
    page = io.BytesIO()
    figure.savefig(page, format="png")
    return len(page.getvalue())


def data_axes(figure) -> list:
    return [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]


FIGURES = {
    "margins": lambda *tables: plots.margins(*tables, title="A finding"),
    "joint_density": lambda *tables: plots.joint_density(
        *tables, "Usage", "Weight", title="A finding"
    ),
    "pair_plot": lambda *tables: plots.pair_plot(
        *tables, ["Usage", "Weight", "Date"], title="A finding"
    ),
    "correlation_difference": lambda *tables: plots.correlation_difference(
        *tables, title="A finding"
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_draw_without_warning_and_carry_their_finding(name, tables):
    figure = FIGURES[name](*tables)
    assert saved(figure) < 150_000 and figure.get_suptitle() == "A finding"


@pytest.mark.parametrize("name", ["margins", "pair_plot"])
def test_every_axis_has_labels_and_units(name, tables):
    for axis in data_axes(FIGURES[name](*tables)):
        assert axis.get_xlabel() and axis.get_ylabel()
        for label in (axis.get_xlabel(), axis.get_ylabel()):
            assert "Usage" not in label or "(minutes)" in label
            assert "Weight" not in label or "(kg)" in label


def test_joint_density_shares_axes_and_shades(tables):
    figure = plots.joint_density(*tables, "Usage", "Weight")
    left, right = data_axes(figure)
    assert left.get_xlim() == right.get_xlim() and left.get_ylim() == right.get_ylim()
    assert left.collections[0].get_clim() == right.collections[0].get_clim()
    assert (
        left.get_xlabel() == right.get_xlabel() == "Usage (minutes)"
        and left.get_ylabel() == "Weight (kg)"
    )


def test_margins_of_an_integer_are_shares_in_bins_of_whole_numbers():
    real = pd.DataFrame({"count": [0, 0, 1, 2]})
    axis = plots.margins(real, real[:2], Schema.infer(real)).axes[0]
    filled, outline = (patch.get_data() for patch in axis.patches)
    np.testing.assert_allclose(filled.edges, [-0.5, 0.5, 1.5, 2.5])
    np.testing.assert_allclose(filled.values, [0.5, 0.25, 0.25])
    np.testing.assert_allclose(outline.values, [1, 0, 0])


@pytest.mark.parametrize(
    "dtype",
    [
        "datetime64[ns]",
        "datetime64[s]",
        "datetime64[ns, Europe/Berlin]",
        "timestamp[us][pyarrow]",
        "date32[pyarrow]",
        "object",
    ],
)
def test_days_stand_where_the_calendar_has_them(dtype):
    naive = pd.DataFrame({"Date": pd.to_datetime(["2024-03-30", "2024-03-31", "2024-04-01", None])})
    zone = dtype.partition(", ")[2].rstrip("]") or None
    days = naive["Date"].dt.tz_localize(zone) if zone else naive["Date"].astype(dtype)
    days = naive["Date"].dt.date if dtype == "object" else days
    table = pd.DataFrame({"Date": days})
    axis = plots.margins(table, table, Schema.infer(naive)).axes[0]
    first = dates.date2num(naive["Date"][0])
    np.testing.assert_array_equal(axis.patches[0].get_data().edges, first - 0.5 + np.arange(4))


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_ellipses_reach_two_deviations(kind):
    points = np.random.default_rng(0).normal([0, 5], [1, 3], (4_000, 2))
    model = GaussianMixture(1, covariance_type=kind, random_state=0).fit(points)
    (ellipse,) = plots.gaussian_ellipses(points, model, ("a", "b")).patches
    equal = np.sqrt(np.mean(points.var(axis=0)))
    wanted = (equal, equal) if kind == "spherical" else points.std(axis=0)[::-1]
    np.testing.assert_allclose((ellipse.width, ellipse.height), 4 * np.array(wanted), rtol=2e-3)


def test_a_heavy_tail_is_gathered_in_the_last_bin():
    values = pd.DataFrame({"x": np.append(np.arange(1000) % 50, 10_000)})
    axis = plots.margins(values, values, Schema.infer(values)).axes[0]
    assert axis.get_xlim()[1] < 100 and axis.get_title(loc="right").startswith("last bin ≥ ")
    assert axis.patches[0].get_data().values.sum() == pytest.approx(1)


def test_margins_gather_rare_categories_and_show_missing(tables):
    real, synthetic, schema = tables
    axis = plots.margins(real, synthetic, schema, columns=["App"]).axes[0]
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert len(names) == plots.MOST_BARS + 1 and names[-1] == "all others" and "missing" in names
    assert sum(bar.get_width() for bar in axis.containers[0]) == pytest.approx(1)


def test_correlation_difference_writes_its_numbers():
    real = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0)})
    figure = plots.correlation_difference(real, real.assign(y=-real["y"]), Schema.infer(real))
    cells = [[text.get_text() for text in axis.texts] for axis in data_axes(figure)]
    assert cells == [
        ["1.00"] * 4,
        ["1.00", "-1.00", "-1.00", "1.00"],
        ["0.00", "-2.00", "-2.00", "0.00"],
    ]


def test_columns_that_cannot_be_drawn_are_named(tables):
    with pytest.raises(TableError, match="'App' holds categories"):
        plots.joint_density(*tables, "Usage", "App")
    with pytest.raises(TableError, match="no column 'Nothing'"):
        plots.margins(*tables, columns=["Nothing"])
    empty = pd.DataFrame({"x": [np.nan, np.nan], "y": [1.0, 2.0]})
    with pytest.raises(TableError, match="'x' has no value to draw"):
        plots.joint_density(empty, empty, Schema.infer(empty), "x", "y")
    assert saved(plots.margins(empty, empty, Schema.infer(empty)))


def test_bic_curve_marks_the_lowest():
    axis = plots.bic_curve([1, 2, 3], [30, 10, 20], title="Two are enough")
    assert axis.texts[0].get_text() == "best: 2" and axis.get_title(loc="left") == "Two are enough"
    assert axis.get_xlabel() and axis.get_ylabel()


def scoreboard_of(values):
    """C2ST of yardsticks and generators as a scoreboard, every other metric at .4, no TSTR."""
    means = pd.DataFrame(0.4, index=list(values), columns=list(METRICS))
    means["c2st"], means["tstr"] = pd.Series(values), np.nan
    figure = plots.scoreboard_picture(
        means, means * np.nan, METRICS, list(values)[:3], title="A finding"
    )
    return figure, next(axis for axis in data_axes(figure) if axis.get_xlabel() == "C2ST")


YARDSTICKS = {"fresh real rows": 0.51, "shuffled columns": 0.96, "copy of the training rows": 0.52}


def test_scoreboard_picture_has_a_panel_a_question_and_lines_at_the_yardsticks():
    figure, c2st = scoreboard_of(YARDSTICKS | {"a": 0.55, "b": 0.57})
    assert saved(figure)
    labels = [axis.get_xlabel() for axis in data_axes(figure)]
    assert labels == ["valid rows", "C2ST", "membership AUC", "copies"]  # TSTR has no value
    colors = [bar.lines[0].get_color() for bar in c2st.containers]
    assert colors == [plots.YARDSTICK] * 2 + [plots.SYNTHETIC] * 2
    upright = {line.get_xdata()[0] for line in c2st.lines if len(set(line.get_xdata())) == 1}
    assert set(YARDSTICKS.values()) <= upright


def test_scoreboard_picture_keeps_near_rows_apart_and_names_far_ones():
    near = {name: 0.53 + 0.01 * place for place, name in enumerate("abcdef")}
    _, c2st = scoreboard_of(YARDSTICKS | near | {"far": 0.97})
    low, high = c2st.get_xlim()
    assert low < 0.51 and 0.58 < high < 0.75
    assert [text.get_text() for text in c2st.texts] == ["0.96", "0.97"]
    _, alone = scoreboard_of(YARDSTICKS | {"a": 0.511})
    low, high = alone.get_xlim()
    assert high - low >= 0.06  # luck is not stretched to a difference


def test_scoreboard_picture_holds_the_bars_and_marks_no_share_above_one():
    means = pd.DataFrame(0.4, index=[*YARDSTICKS, "a", "b"], columns=list(METRICS))
    means["c2st"], means["valid"] = [0.51, 0.96, 0.52, 0.55, 0.57], [1.0, 0.9, 1.0, 0.99, 1.0]
    spreads = pd.DataFrame(0.1, index=means.index, columns=means.columns)
    figure = plots.scoreboard_picture(means, spreads, METRICS, list(YARDSTICKS))
    valid, c2st = data_axes(figure)[:2]
    low, high = c2st.get_xlim()
    assert low < 0.55 - 0.1 and high > 0.57 + 0.1
    saved(figure)
    assert valid.get_xticks().max() <= 1 and len(valid.get_xticks()) >= 2
    assert all(tick.get_text().endswith("%") for tick in valid.get_xticklabels())


def test_scoreboard_draws_itself(tables):
    real, synthetic, _ = tables
    board = Scoreboard(real[["Usage", "Late"]], synthetic[["Usage", "Late"]], seeds=(0,))
    assert board.picture(title="A finding").get_suptitle() == "A finding"


def test_a_slider_draws_at_its_first_place_and_wherever_it_is_moved():
    drawn = []
    handle, _ = plots.slider(drawn.append, "place", (-1, 0, 2.5)).children
    handle.value = 2.5
    assert drawn == [-1, 2.5]


def test_curves_differ_without_colour_and_mark_what_is_known():
    axis = plots.curves(
        {"one": np.arange(3.0), "two": np.zeros(3)}, ("step", "loss"), "Up", mark=1.5
    )
    one, two, mark = axis.lines
    assert one.get_linestyle() != two.get_linestyle() and one.get_color() != two.get_color()
    assert list(one.get_ydata()) == [0, 1, 2] and list(mark.get_ydata()) == [1.5, 1.5]
    assert (
        axis.get_xlabel(),
        axis.get_ylabel(),
        axis.get_title(loc="left") or axis.get_title(),
    ) == ("step", "loss", "Up")
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["one", "two"]


def test_ablation_shows_every_seed_and_the_mean_of_each_variant():
    runs = pd.DataFrame({"variant": ["b", "b", "a"], "c2st": [0.6, 0.8, 0.9]})
    axis = plots.ablation(runs, "What is lost")
    seeds, means = axis.lines[:2]
    assert list(seeds.get_xdata()) == [0.6, 0.8, 0.9] and list(means.get_xdata()) == pytest.approx(
        [0.7, 0.9]
    )
    assert axis.yaxis_inverted() and "C2ST" in axis.get_xlabel()


def test_quality_against_seconds_draws_other_libraries_grey_and_the_first_yardstick():
    runs = [
        ("gan", "course", "default", 20, 0.6),
        ("gan", "course", "5 s", 5, 0.8),
        ("SDV CTGAN", "peer", "default", 60, 0.9),
        ("fresh real rows", "yardstick", "default", np.nan, 0.51),
        ("shuffled columns", "yardstick", "default", np.nan, 0.99),
    ]
    means = pd.DataFrame(runs, columns=["method", "kind", "budget", "fit_cpu_seconds", "c2st"])
    means = pd.concat([means.assign(table=table) for table in ("Adult", "flights")])
    figure = plots.quality_against_seconds(means, title="A finding")
    assert saved(figure) and len(data_axes(figure)) == 2
    axis = data_axes(figure)[0]
    assert axis.get_xscale() == "log" and axis.get_title(loc="left") == "Adult"
    lines = {tuple(line.get_ydata()): line for line in axis.lines}
    assert (0.51, 0.51) in lines and (0.8, 0.6) in lines, (
        "the first yardstick; budgets in order of seconds"
    )
    assert lines[(0.8, 0.6)].get_color() != plots.YARDSTICK == lines[(0.9,)].get_color()
    assert lines[(0.9,)].get_markerfacecolor() == "white"


def test_four_tables_of_the_race_stand_two_by_two_and_a_control_is_black():
    rows = [
        (table, method, kind, "default", seconds, 0.6)
        for table in ("a", "b", "c", "d")
        for method, kind, seconds in (
            ("gan", "course", 20),
            ("counts", "control", 1),
            ("fresh real rows", "yardstick", np.nan),
        )
    ]
    columns = ["table", "method", "kind", "budget", "fit_cpu_seconds", "c2st"]
    figure = plots.quality_against_seconds(pd.DataFrame(rows, columns=columns))
    axes = data_axes(figure)
    assert saved(figure) and len(axes) == 4
    assert {axis.get_subplotspec().get_geometry()[:2] for axis in axes} == {(2, 2)}
    assert [bool(axis.get_ylabel()) for axis in axes] == [True, False, True, False]
    assert "black" in {line.get_color() for line in axes[0].lines if line.get_marker() == "x"}


def test_names_of_the_race_stand_beside_it_in_order_and_one_seed_is_said():
    rows = [
        ("gan", "course", "default", 20, 0.6, 3, 0.02),
        ("vae", "course", "default", 30, 0.601, 1, np.nan),
        ("gan", "course", "one epoch", 2, 0.9, 1, np.nan),
        ("fresh real rows", "yardstick", "default", np.nan, 0.49, 3, 0.01),
    ]
    columns = ["method", "kind", "budget", "fit_cpu_seconds", "c2st", "seeds", "spread"]
    means = pd.DataFrame(rows, columns=columns).assign(table="Adult")
    (axis,) = data_axes(figure := plots.quality_against_seconds(means))
    assert saved(figure)
    names = sorted(axis.texts, key=lambda text: text.xyann[1])
    assert [name.get_text() for name in names] == ["fresh real rows", "gan", "vae (1 seed)"]
    assert all(name.xyann[0] > 1 for name in names)
    assert np.diff([name.xyann[1] for name in names]).min() > 0.2
    bars = [segment for bars in axis.collections for segment in bars.get_segments()]
    assert any(np.allclose(bar, [(20, 0.58), (20, 0.62)]) for bar in bars if len(bar))


def test_the_axis_of_the_race_is_stretched_towards_a_half():
    scores = np.array([0.45, 0.5, 0.52, 0.6, 1.0])
    places = plots._stretched(scores)
    np.testing.assert_allclose(plots._unstretched(places), scores)
    assert (places[3] - places[1]) / (places[4] - places[1]) > 0.5


def test_each_method_of_a_long_race_has_a_look_of_its_own():
    methods = pd.DataFrame({"method": [f"method {n}" for n in range(20)], "kind": "course"})
    looks = {(style["color"], style["marker"]) for style in plots._race_styles(methods).values()}
    assert len(looks) == 20


def test_style_is_legible_and_only_changes_settings():
    assert all(
        plt.rcParams[name] >= 13
        for name in (
            "font.size",
            "axes.labelsize",
            "xtick.labelsize",
            "ytick.labelsize",
            "legend.fontsize",
        )
    )
    assert not plt.get_fignums()


def luminance(color: str) -> float:
    channels = np.array(to_rgb(color))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def seen_by_a_deuteranope(color: str) -> np.ndarray:
    """Vienot, Brettel and Mollon (1999), figure 2: red and green fall together."""
    red, green, blue = np.array(to_rgb(color)) ** 2.2
    return np.array(
        [
            0.29275 * red + 0.70725 * green,
            0.29275 * red + 0.70725 * green,
            -0.02234 * red + 0.02234 * green + blue,
        ]
    ).clip(0, 1) ** (1 / 2.2)


def test_colours_differ_for_colour_blind_readers_and_from_the_page():
    seen = [seen_by_a_deuteranope(color) for color in plots.PALETTE]
    assert (
        min(np.linalg.norm(one - two) for place, one in enumerate(seen) for two in seen[:place])
        > 0.12
    )
    for color in (plots.REAL, plots.SYNTHETIC, plots.YARDSTICK):
        assert 1.05 / (luminance(color) + 0.05) > 3  # contrast with white (WCAG 2.1, 1.4.11)


def test_answers_of_metrics_are_words_and_colours():
    words = pd.DataFrame({"a": ["sees", "misses"], "b": ["praises", "–"]}, index=["copy", "hole"])
    axis = plots.metric_answers(words, ["shape", "C2ST"], 1, "What is seen")
    assert [text.get_text() for text in axis.texts] == ["sees", "praises", "", "–"]
    assert axis.images[0].get_array().tolist() == [[1, 2], [0, 0]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["copy", "hole"]


def test_who_beats_whom_counts_pairs_once_and_does_without_colour():
    names = ["trees", "rules", "gan"]
    rows = [["=", "beats", "="], ["is beaten by", "=", "one seed"], ["=", "=", "="]]
    words = pd.DataFrame(rows, names, names)
    figure = plots.who_beats_whom({"Adult": words}, "Few differ")
    axis = figure.axes[0]
    assert "".join(text.get_text() for text in axis.texts) == "=+=−====="
    assert axis.get_title(loc="left") == "Adult: 1 of 3 pairs differ"


def test_learning_curves_have_a_line_a_name_and_its_sizes_as_ticks():
    real = pd.DataFrame({"found": [0.6, 0.8], "half": [0.1, 0.0]}, index=[15, 120])
    lines = {"real rows": real, "written": real.iloc[1:]}
    axis = plots.learning_curves(lines, ("rows", "accuracy"), "A finding")
    drawn = [bar.lines[0] for bar in axis.containers]
    assert [list(line.get_xdata()) for line in drawn] == [[15, 120], [120]]
    assert [line.get_color() for line in drawn] == [plots.REAL, plots.SYNTHETIC]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["15", "120"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("rows", "accuracy")
    assert saved(axis.figure)


def test_intervals_stand_by_name_and_run():
    told = {
        name: pd.DataFrame({"found": [0.1, 0.2], "low": [0.0, 0.1], "high": [0.3, 0.2]})
        for name in ("real rows", "trees")
    }
    axis = plots.intervals_by_name(told, "gap", "Title")
    marks = [(line.get_xdata()[0], line.get_color()) for line in axis.lines]
    assert marks == [
        (found, color) for color in (plots.REAL, plots.SYNTHETIC) for found in (0.1, 0.2)
    ]
    ends = [segment[:, 0].tolist() for part in axis.collections for segment in part.get_segments()]
    assert ends == [[0.0, 0.3], [0.1, 0.2]] * 2
    assert [label.get_text() for label in axis.get_yticklabels()] == list(told)
    assert axis.yaxis_inverted() and saved(axis.figure) > 0
