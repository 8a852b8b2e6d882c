"""Known answers for hand-written rules: scipy's distributions, rules that hold, honest reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from utils.schema import Schema, TableError
from utils.scoring import valid
from utils.synthesizers import RuleSynthesizer, Synthesizer
from utils.synthesizers.rules.distributions import (
    by,
    choice,
    dates,
    gamma,
    log_probability,
    lognormal,
    negative_binomial,
    normal,
    poisson,
    uniform,
    values_for,
)

pytestmark = pytest.mark.filterwarnings("error")

ROWS = 20_000


def drawn(distribution, rows: int = ROWS, **before) -> pd.Series:
    """A column x of this distribution, after columns with the distributions ``before``."""
    return RuleSynthesizer({**before, "x": distribution}).fit().sample(rows)["x"]


def truncated(law, low=-np.inf, high=np.inf):
    """The distribution function of a law that is cut off at both ends."""
    return lambda x: np.clip((law.cdf(x) - law.cdf(low)) / (law.cdf(high) - law.cdf(low)), 0, 1)


# --- distributions ---

CONTINUOUS = {
    "normal": (normal(3, 2), stats.norm(3, 2).cdf),
    "normal cut off": (normal(3, 2, minimum=2, maximum=9), truncated(stats.norm(3, 2), 2, 9)),
    "normal cut off far out": (normal(0, 1, minimum=4), truncated(stats.norm(0, 1), 4)),
    "lognormal": (lognormal(20, 0.8), stats.lognorm(0.8, scale=20).cdf),
    "lognormal cut off": (
        lognormal(20, 0.8, maximum=60),
        truncated(stats.lognorm(0.8, scale=20), 0, 60),
    ),
    "gamma": (gamma(30, 2), stats.gamma(2, scale=15).cdf),
    "uniform": (uniform(-1, 4), stats.uniform(-1, 5).cdf),
}
COUNTS = {
    "poisson": (poisson(3), stats.poisson(3).pmf),
    "poisson cut off": (
        poisson(3, minimum=1, maximum=4),
        lambda k: (
            stats.poisson(3).pmf(k)
            / stats.poisson(3).pmf([1, 2, 3, 4]).sum()
            * ((k >= 1) & (k <= 4))
        ),
    ),
    "negative binomial": (negative_binomial(4, 2), stats.nbinom(2, 1 / 3).pmf),
    "a fair die": (uniform(1, 6, decimals=0), lambda k: ((k >= 1) & (k <= 6)) / 6),
    "rounded normal cut off": (
        normal(0, 2, minimum=0, decimals=0),
        lambda k: (
            (stats.norm(0, 2).cdf(k + 0.5) - stats.norm(0, 2).cdf(k - 0.5))
            / stats.norm(0, 2).sf(-0.5)
            * (k >= 0)
        ),
    ),
}


@pytest.mark.parametrize("case", CONTINUOUS)
def test_continuous_distributions_follow_scipy(case):
    distribution, cdf = CONTINUOUS[case]
    assert stats.kstest(drawn(distribution), cdf).pvalue > 1e-3


@pytest.mark.parametrize("case", COUNTS)
def test_whole_numbers_follow_scipy(case):
    distribution, pmf = COUNTS[case]
    values = drawn(distribution)
    assert values.dtype == np.int64
    support = np.arange(values.min(), values.max() + 1)
    shares = values.value_counts(normalize=True).reindex(support, fill_value=0)
    assert np.abs(shares.to_numpy() - pmf(support)).max() < 0.012


def test_means_and_spreads_are_those_of_the_docstrings():
    assert abs(drawn(gamma(30, 2)).mean() - 30) < 0.6
    assert abs(drawn(lognormal(20, 0.8)).median() - 20) < 0.5
    values = drawn(negative_binomial(4, 2))
    assert abs(values.mean() - 4) < 0.1 and abs(values.var() - (4 + 4**2 / 2)) < 0.6


def test_choice_keeps_weights_and_types():
    values = drawn(choice({"a": 3, "b": 1, "never": 0}))
    assert (
        values.dtype == object
        and set(values) == {"a", "b"}
        and abs((values == "a").mean() - 0.75) < 0.012
    )
    assert drawn(choice({True: 1, False: 2})).dtype == bool
    assert drawn(choice({1: 1, 5: 2})).dtype == np.int64


def test_dates_include_both_ends():
    days = drawn(dates("2024-02-27", "2024-03-01"))
    assert days.value_counts(normalize=True).sort_index().index.astype(str).tolist() == [
        "2024-02-27",
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
    ]
    assert abs(days.value_counts(normalize=True) - 0.25).max() < 0.012


@pytest.mark.parametrize(
    "distribution",
    [
        normal(0, 1, missing=0.2),
        poisson(3, missing=0.2),
        choice({"a": 1}, missing=0.2),
        choice({True: 1, False: 1}, missing=0.2),
    ],
)
def test_missing_share(distribution):
    assert abs(drawn(distribution).isna().mean() - 0.2) < 0.01


def test_parameters_may_be_expressions_over_earlier_columns():
    columns = {
        "opened": poisson(5),
        "limit": uniform(0, 3, decimals=0),
        "minutes": normal("3 * opened", 1.0),
        "part": uniform("limit", 9, decimals=0),
    }
    table = RuleSynthesizer(columns).fit().sample(ROWS)
    assert stats.kstest(table["minutes"] - 3 * table["opened"], stats.norm(0, 1).cdf).pvalue > 1e-3
    assert (table["part"] >= table["limit"]).all()
    part = table.loc[table["limit"] == 3, "part"].value_counts(normalize=True)
    assert len(part) == 7 and (part - 1 / 7).abs().max() < 0.02


def test_by_gives_each_category_its_own_distribution():
    columns = {
        "app": choice({"X": 1, "Y": 2}),
        "minutes": by("app", {"X": normal(100, 1), "Y": normal(10, 2)}),
        "word": by("app", {"X": choice({"a": 1}), "Y": choice({"b": 999, "rare": 1})}),
    }
    synthesizer = RuleSynthesizer(columns).fit()
    table = synthesizer.sample(ROWS)
    for app, law in (("X", stats.norm(100, 1)), ("Y", stats.norm(10, 2))):
        assert stats.kstest(table.loc[table["app"] == app, "minutes"], law.cdf).pvalue > 1e-3
    assert (table.loc[table["app"] == "X", "word"] == "a").all()
    assert synthesizer.schema_["word"].categories == ("a", "b", "rare")


def test_a_missing_category_may_have_a_distribution_of_its_own():
    columns = {
        "app": choice({"X": 1}, missing=0.25),
        "x": by("app", {"X": uniform(0, 3, decimals=0), None: uniform(0, 1, decimals=0)}),
    }
    synthesizer = RuleSynthesizer(columns).fit()
    table = synthesizer.sample(ROWS)
    assert table["x"][table["app"].isna()].max() == 1 and table["x"].max() == 3
    share = synthesizer.sample(ROWS, {"x": 1})["app"].isna().mean()
    assert share == pytest.approx(0.25 * 0.5 / (0.25 * 0.5 + 0.75 * 0.25), abs=0.02)


# --- derived columns and rules ---

EMPLOYEES = {
    "department": choice({"sales": 0.6, "research": 0.4}),
    "age": normal(40, 10, minimum=18, maximum=67, decimals=0),
    "years": uniform(0, 49, decimals=0),
    "salary": by(
        "department",
        {
            "sales": normal("30000 + 500 * years", 4000, minimum=20000, decimals=2),
            "research": normal("40000 + 800 * years", 4000, minimum=20000, decimals=2),
        },
    ),
}
WORK_BEGINS_AT_18 = {"work begins at 18": "years <= age - 18"}


def test_derived_columns_hold_by_construction():
    derived = {
        "monthly": "salary / 12",
        "tax": "where(monthly > 4000, 0.4, 0.25) * monthly",
        "senior": "years >= 20",
    }
    table = RuleSynthesizer(EMPLOYEES, derived=derived, rules=WORK_BEGINS_AT_18).fit().sample(3000)
    np.testing.assert_array_equal(table["monthly"], table["salary"] / 12)
    np.testing.assert_array_equal(
        table["tax"], np.where(table["monthly"] > 4000, 0.4, 0.25) * table["monthly"]
    )
    np.testing.assert_array_equal(table["senior"], table["years"] >= 20)


def test_a_derived_value_that_is_rare_keeps_its_decimals():
    columns = {"rare": choice({0: 9999, 1: 1})}
    table = (
        RuleSynthesizer(columns, derived={"half": "where(rare == 1, 0.5, 2.0)"})
        .fit()
        .sample(60_000)
    )
    assert set(table["half"]) == {0.5, 2.0}


def test_rules_hold_in_every_row_and_the_report_is_true():
    synthesizer = RuleSynthesizer(EMPLOYEES, rules=WORK_BEGINS_AT_18).fit()
    table = synthesizer.sample(5000)
    assert (table["years"] <= table["age"] - 18).all()
    free = RuleSynthesizer(EMPLOYEES).fit().sample(ROWS)
    assert (
        abs(synthesizer.report_["work begins at 18"] - (free["years"] > free["age"] - 18).mean())
        < 0.03
    )


def test_rows_are_those_of_the_free_draw_that_obey():
    """Drawing again keeps the shape: the rows are distributed as if the others had been left
    out."""
    table = RuleSynthesizer(EMPLOYEES, rules=WORK_BEGINS_AT_18).fit().sample(8000)
    free = RuleSynthesizer(EMPLOYEES, random_state=1).fit().sample(40_000)
    kept = free[free["years"] <= free["age"] - 18]
    for name in ("age", "years", "salary"):
        assert stats.ks_2samp(table[name], kept[name]).pvalue > 1e-3


def test_no_rules_give_an_empty_report():
    assert RuleSynthesizer(EMPLOYEES).fit().report_ == {}


def test_a_single_row_can_meet_what_few_rows_do():
    synthesizer = RuleSynthesizer({"x": uniform(0, 1)}, derived={"rare": "x < 0.01"}).fit()
    for seed in range(20):
        assert (synthesizer.sample(1, {"rare": True}, random_state=seed)["x"] < 0.01).all()


@pytest.mark.parametrize("rule", ["age < 18", "years > 2 * 49", "False"])
def test_a_rule_that_never_holds_is_an_error_not_a_hang(rule):
    with pytest.raises(ValueError, match=r"After 5 tries and .* rows broke the rule 'never'"):
        RuleSynthesizer(EMPLOYEES, rules={"never": rule}, most_tries=5).fit()


def test_rules_of_the_schema_hold_too():
    table = pd.DataFrame({"Usage": [0, 10, 30, 20] * 10, "Opened": [0, 2, 5, 1] * 10})
    schema = Schema.infer(table, rules={"no use without an opening": "Usage == 0 or Opened >= 1"})
    drawn = RuleSynthesizer().fit(table, schema).sample(400)
    assert ((drawn["Usage"] == 0) | (drawn["Opened"] >= 1)).all()


def test_hand_written_rows_stay_in_the_range_of_the_table():
    table = pd.DataFrame({"app": ["X", "Y"] * 20, "minutes": np.arange(40.0)})
    columns = {"app": choice({"X": 1, "Z": 1}), "minutes": normal(20, 30)}
    drawn = RuleSynthesizer(columns).fit(table).sample(300)
    assert set(drawn["app"]) == {"X"} and drawn["minutes"].between(0, 39).all()
    with pytest.raises(ValueError, match="broke the range or the categories of column 'minutes'"):
        RuleSynthesizer(columns | {"minutes": normal(900, 1)}, most_tries=3).fit(table)


ZONE = "Asia/Tokyo"  # midnight there is three in the afternoon of the day before in UTC


def zoned_schema() -> Schema:
    days = pd.date_range("2024-01-01", "2024-12-31", freq="h", tz=ZONE)
    return Schema.infer(pd.DataFrame({"t": days, "n": np.arange(len(days)) % 24}))


def test_rules_hold_on_the_clock_of_the_table():
    schema = replace(zoned_schema(), rules={"work": "weekday(t) < 5", "spring": "t < '2024-06-01'"})
    columns = {"t": dates("2024-01-01", "2024-12-31"), "n": poisson(2)}
    drawn = RuleSynthesizer(columns).fit(None, schema).sample(1000)
    assert str(drawn["t"].dtype) == f"datetime64[ns, {ZONE}]"
    assert (drawn["t"].dt.day_of_week < 5).all() and (drawn["t"].dt.month < 6).all()
    assert (drawn["t"].dt.hour == 0).all()  # a day is a day on that clock


def test_derived_columns_hold_in_the_rows_that_are_handed_out():
    table = pd.DataFrame({"x": range(40), "half": np.arange(40) / 2, "y": range(0, 80, 2)})
    columns, derived = {"x": normal(20, 10)}, {"half": "x / 2", "y": "2 * x"}
    drawn = RuleSynthesizer(columns, derived).fit(table).sample(500)
    assert (drawn.dtypes == table.dtypes).all()
    assert (drawn["half"] == drawn["x"] / 2).all() and (drawn["y"] == 2 * drawn["x"]).all()


def test_a_schema_alone_gives_dtypes_ranges_and_rules():
    table = pd.DataFrame({"n": pd.array([1, 5], "Int8"), "app": pd.Categorical(["X", "Y"])})
    schema = Schema.infer(table, rules={"r": "n < 4 or app == 'X'"})
    columns = {"n": poisson(3), "app": choice({"X": 1, "Y": 1, "Z": 1})}
    synthesizer = RuleSynthesizer(columns).fit(None, schema)
    drawn = synthesizer.sample(500)
    assert synthesizer.schema_ == schema and (drawn.dtypes == table.dtypes).all()
    assert drawn["n"].between(1, 5).all() and set(drawn["app"]) == {"X", "Y"}
    assert ((drawn["n"] < 4) | (drawn["app"] == "X")).all()
    with pytest.raises(TableError, match="The rules make the columns n; the table has n, app"):
        RuleSynthesizer({"n": poisson(3)}).fit(None, schema)


def test_no_missing_value_is_handed_out_where_the_table_has_none():
    table = pd.DataFrame({"n": [1, 2, 3], "kind": ["a", "b", "a"]})
    columns = {"n": uniform(1, 3, decimals=0, missing=0.5), "kind": choice({"a": 1}, missing=0.5)}
    drawn = RuleSynthesizer(columns).fit(table).sample(200)
    assert valid(drawn, Schema.infer(table)) == 1 and (drawn.dtypes == table.dtypes).all()


def test_columns_of_every_library_are_profiled_and_conditioned():
    table = pd.DataFrame(
        {
            "whole": pd.array([1, 2, None], "int64[pyarrow]"),
            "price": [Decimal("1.50"), Decimal("2.25"), Decimal("9.75")],
            "day": [date(2024, 1, 1), date(2024, 1, 2), date(2024, 3, 1)],
            "moment": pd.to_datetime(["2024-01-01", "2024-01-03", None]).tz_localize(ZONE),
            "level": pd.Categorical(pd.array([3, 5, 5], "int8")),
        }
    )
    synthesizer = RuleSynthesizer().fit(table)
    assert (synthesizer.sample(50).dtypes == table.dtypes).all()
    for name in table.columns.drop("day"):
        asked = table[name].iloc[1]
        assert (synthesizer.sample(20, given={name: asked})[name] == asked).all()


def test_a_distribution_of_another_kind_than_its_column_is_named():
    table = pd.DataFrame({"n": [1, 2]})
    with pytest.raises(
        ValueError, match="'n' holds integer values, but what is drawn for it is not"
    ):
        RuleSynthesizer({"n": choice({"a": 1})}).fit(table)


def test_a_second_fit_forgets_the_first():
    table = pd.DataFrame({"n": range(100, 140)})
    synthesizer = RuleSynthesizer({"n": normal(120, 50, decimals=0)}).fit(table)
    first = synthesizer.sample(200)
    pd.testing.assert_frame_equal(first, synthesizer.sample(200))
    assert not synthesizer.fit().sample(200)["n"].between(100, 139).all()
    pd.testing.assert_frame_equal(first, synthesizer.fit(table).sample(200))


def test_rules_from_a_table_are_cut_off_at_its_own_ends():
    table = pd.DataFrame(
        {"x": np.linspace(-1, 1, 50), "t": pd.date_range("2024-03-01", periods=50)}
    )
    schema = Schema.infer(table)
    wide = (
        replace(schema["x"], minimum=-9.0, maximum=9.0),
        replace(schema["t"], maximum="2030-01-01"),
    )
    drawn = RuleSynthesizer().fit(table, replace(schema, columns=wide)).sample(2000)
    assert drawn["x"].between(-1, 1).all() and drawn["t"].between("2024-03-01", "2024-04-19").all()


# --- conditions ---


def test_condition_on_a_late_column_moves_the_earlier_ones():
    columns = {
        "app": choice({"X": 0.7, "Y": 0.3}),
        "minutes": by("app", {"X": normal(0, 1), "Y": normal(2, 1)}),
    }
    table = RuleSynthesizer(columns).fit().sample(8000, given={"minutes": 1.5})
    weights = np.array([0.7, 0.3]) * stats.norm([0, 2], 1).pdf(1.5)
    assert (table["minutes"] == 1.5).all()
    assert abs((table["app"] == "Y").mean() - weights[1] / weights.sum()) < 0.02


HALF_HALF = {"a": choice({"u": 0.5, "v": 0.5})}


def rounded(law, value, low=-np.inf):
    """Probability of a whole number under a law that is cut off half a step below ``low``."""
    return (law.cdf(value + 0.5) - law.cdf(value - 0.5)) / law.sf(low - 0.5)


# the distributions of x in the groups u and v, a value of x, and its probability in each group
PLANTED = {
    "half missing": (normal(0, 1, decimals=0, missing=0.9), normal(0, 1, decimals=0), 0, (0.1, 1)),
    "missing itself": (poisson(2, missing=0.9), choice({1: 1}, missing=0.1), None, (0.9, 0.1)),
    "dates": (
        dates("2024-01-01", "2024-01-31"),
        dates("2024-01-01", "2024-12-31"),
        "2024-01-09",
        (1 / 31, 1 / 366),
    ),
    "a date in June": (
        dates("2024-01-01", "2024-01-31"),
        dates("2024-06-01", "2024-06-30"),
        "2024-06-09",
        (0, 1),
    ),
    "cut off": (normal(0, 1, minimum=0), normal(0, 1), 0.5, (2, 1)),
    "outside of the cut": (normal(0, 1, minimum=0), normal(0, 1), -0.5, (0, 1)),
    "the end of whole numbers": (uniform(0, 4, decimals=0), uniform(0, 9, decimals=0), 4, (2, 1)),
    "the end of a cut": (
        normal(0, 2, minimum=0, decimals=0),
        normal(1, 2, decimals=0),
        0,
        (rounded(stats.norm(0, 2), 0, 0), rounded(stats.norm(1, 2), 0)),
    ),
    "counts cut off": (poisson(3, minimum=2), poisson(3), 2, (1 / stats.poisson(3).sf(1), 1)),
    "rounded beside counts": (
        normal(3, 1, decimals=0),
        poisson(3),
        3,
        (rounded(stats.norm(3, 1), 3), stats.poisson(3).pmf(3)),
    ),
    "a share beside a density": (choice({3: 1, 4: 999}), normal(3, 1), 3, (1, 0)),
    "a mass beside a density": (normal(9, 3, decimals=0), normal(3, 1), 3, (1, 0)),
    "weights of any sum": (choice({1: 30, 2: 10}), choice({1: 1, 2: 3}), 1, (3, 1)),
    "nested": (
        by("b", {"p": choice({1: 1, 2: 1}), "q": choice({1: 1})}),
        choice({1: 1, 2: 3}),
        2,
        (0.25, 0.75),
    ),
    "expressions": (normal("2 * c", 1, decimals=0), normal("c", 1, decimals=0), 3, None),
    "far out": (normal(0, 1, decimals=0), normal(1, 1, decimals=0), 50, (0, 1)),
}
PLANTED["expressions"] = (
    *PLANTED["expressions"][:3],
    tuple(np.mean([rounded(stats.norm(factor * c, 1), 3) for c in (0, 1, 2)]) for factor in (2, 1)),
)


def planted(case) -> RuleSynthesizer:
    """Groups u and v, alike, with their own distribution of x after two more columns."""
    before = {"b": choice({"p": 1, "q": 1}), "c": uniform(0, 2, decimals=0)}
    groups = by("a", dict(zip("uv", PLANTED[case][:2])))
    return RuleSynthesizer({**HALF_HALF, **before, "x": groups}).fit()


@pytest.mark.parametrize("case", PLANTED)
def test_conditions_are_weighed_by_bayes(case):
    *_, value, (left, right) = PLANTED[case]
    synthesizer, rows, expected = planted(case), 4000, left / (left + right)
    share = (synthesizer.sample(rows, given={"x": value})["a"] == "u").mean()
    assert abs(share - expected) <= 4 * np.sqrt(expected * (1 - expected) / rows)


FREQUENCIES = {
    "poisson": poisson(3, minimum=1, missing=0.2),
    "negative binomial": negative_binomial(4, 2, maximum=6),
    "rounded normal": normal(0.3, 1, minimum=-1, maximum=2, decimals=0, missing=0.1),
    "tenths": normal(0.3, 0.2, minimum=0, decimals=1),
    "ends between whole numbers": normal(0, 3, minimum=0.3, maximum=4.8, decimals=0),
    "lognormal": lognormal(3, 0.5, maximum=6, decimals=0),
    "gamma": gamma(3, 0.5, decimals=0),
    "die": uniform(1, 6, decimals=0),
    "half die": uniform(0.5, 6, decimals=0),
    "choice": choice({"a": 3, "b": 1, None: 1}, missing=0.2),
    "days": dates("2024-01-01", "2024-01-05"),
    "by": by("a", {"u": choice({1: 1, 2: 3}), "v": poisson(1, missing=0.5)}),
    "expression": poisson("1 + c", maximum=4),
}


@pytest.mark.parametrize("case", FREQUENCIES)
def test_probabilities_are_the_frequencies_of_what_is_drawn(case):
    generator = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": generator.choice(["u", "v"], 50_000), "c": generator.integers(3, size=50_000)}
    )
    values = values_for(FREQUENCIES[case], table, generator).replace({None: np.nan})
    shares, total = values.value_counts(normalize=True, dropna=False), 0
    for value, share in shares.items():
        chance = np.exp(log_probability(FREQUENCIES[case], value, table)).mean()
        assert abs(share - chance) < 4.5 * np.sqrt(chance / len(table))
        total += chance
    assert total == pytest.approx(1, abs=0.001)
    for impossible in (99_999.55, pd.Timestamp("1999-01-01")):
        if isinstance(impossible, pd.Timestamp) == (case == "days"):
            assert (log_probability(FREQUENCIES[case], impossible, table) == -np.inf).all()


def test_a_density_is_weighed_per_float():
    table = pd.DataFrame(index=range(3))
    for distribution, law in (
        (normal(0, 1), stats.norm(0, 1)),
        (gamma(2, 3), stats.gamma(3, scale=2 / 3)),
    ):
        expected = law.logpdf(0.7) + np.log(np.spacing(0.7))
        np.testing.assert_allclose(log_probability(distribution, 0.7, table), expected)


def test_a_number_that_the_column_rounds_has_the_mass_of_its_interval():
    table = pd.DataFrame({"a": list("uv") * 20, "x": range(40)})
    columns = HALF_HALF | {"x": by("a", {"u": normal(20, 10), "v": choice({20: 1, 21: 9})})}
    found = RuleSynthesizer(columns).fit(table).sample(4000, given={"x": 20})
    mass = rounded(stats.norm(20, 10), 20)
    expected = mass / (mass + 0.1)
    assert abs((found["a"] == "u").mean() - expected) < 4 * np.sqrt(expected / 4000)


@pytest.mark.parametrize("given", [{"x": 7}, {"y": 7}, {"x": 7, "y": 7}])
def test_a_condition_that_no_row_can_meet_is_one_error(given):
    gap = choice({1: 1, 9: 1})
    synthesizer = RuleSynthesizer(HALF_HALF | {"x": by("a", {"u": gap, "v": gap}), "y": gap}).fit()
    with pytest.raises(
        ValueError, match=f"No row with {', '.join(given)} as asked is possible under the model"
    ):
        synthesizer.sample(10, given=given)


def test_any_value_of_the_table_can_be_asked_for():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": np.append(rng.integers(9, size=5000), 10**6)})
    assert (RuleSynthesizer().fit(table).sample(5, given={"x": 10**6})["x"] == 10**6).all()


def test_no_rows_can_be_given_anything():
    assert len(planted("cut off").sample(0, given={"x": 0.5})) == 0


def test_condition_on_a_derived_column():
    synthesizer = RuleSynthesizer(EMPLOYEES, derived={"senior": "years >= 20"}).fit()
    assert (synthesizer.sample(300, given={"senior": True})["years"] >= 20).all()


def test_condition_on_the_last_day_and_on_a_rare_value():
    columns = {
        "day": dates("2000-01-01", "2099-12-31"),
        "size": choice({"small": 10**6, "large": 1}),
    }
    synthesizer = RuleSynthesizer(columns).fit()
    table = synthesizer.sample(20, given={"day": "2099-12-31", "size": "large"})
    assert (table["day"] == pd.Timestamp("2099-12-31")).all() and (table["size"] == "large").all()
    assert (table.dtypes == synthesizer.sample(2).dtypes).all()


def test_condition_on_a_value_that_only_the_expression_gives():
    columns = {"opened": poisson(1), "minutes": gamma("5 * (opened + 1)", 3, 1, decimals=0)}
    derived = {"minutes": "where(opened == 0, 0, minutes)"}
    synthesizer = RuleSynthesizer(columns, derived).fit()
    assert (synthesizer.sample(100, given={"minutes": 0})["opened"] == 0).all()
    assert (synthesizer.sample(100, given={"minutes": 40})["opened"] > 0).all()


def test_condition_that_breaks_a_rule_is_an_error():
    synthesizer = RuleSynthesizer(EMPLOYEES, rules=WORK_BEGINS_AT_18, most_tries=30).fit()
    with pytest.raises(ValueError, match="broke the rule 'work begins at 18'"):
        synthesizer.sample(10, given={"age": 20, "years": 30})


# --- without a table: the rest of the contract ---


def test_dtypes_do_not_depend_on_the_draw():
    synthesizer = RuleSynthesizer(EMPLOYEES | {"bonus": poisson(0.001, missing=0.0005)}).fit()
    synthesizer.chunk_rows = 500
    dtypes = {tuple(chunk.dtypes.astype(str)) for chunk in synthesizer.sample_chunks(5000)}
    assert dtypes == {("object", "int64", "int64", "float64", "float64")}
    assert synthesizer.sample(40_000)["bonus"].isna().any()


def test_saved_rules_make_the_same_rows(tmp_path):
    columns = EMPLOYEES | {"hired": dates("2020-01-01", "2024-12-31")}
    synthesizer = RuleSynthesizer(
        columns, derived={"monthly": "salary / 12"}, rules=WORK_BEGINS_AT_18
    ).fit()
    synthesizer.save(tmp_path / "rules")
    loaded = Synthesizer.load(tmp_path / "rules")
    assert loaded.columns == columns and loaded.report_ == synthesizer.report_
    pd.testing.assert_frame_equal(loaded.sample(200), synthesizer.sample(200))


# --- mistakes ---

MISTAKES = {
    "nothing to draw from": (dict(), ValueError, "pass columns=.* or a table"),
    "depends on a later column": (
        dict(columns={"x": by("app", {}), "app": choice({"X": 1})}),
        ValueError,
        "'x' depends on 'app', which is not drawn before it. Put 'app' first",
    ),
    "depends on a later column inside": (
        dict(
            columns={
                "a": choice({"X": 1}),
                "x": by("a", {"X": by("b", {1: poisson(1)})}),
                "b": choice({1: 1}),
            }
        ),
        ValueError,
        "'x' depends on 'b', which is not drawn before it. Put 'b' first",
    ),
    "expression over a later column": (
        dict(columns={"x": normal("2 * y", 1), "y": poisson(1)}),
        ValueError,
        "'x' depends on 'y', which is not drawn before it. Put 'y' first",
    ),
    "category without a distribution": (
        dict(columns={"app": choice({"X": 1, "Y": 1}), "x": by("app", {"X": poisson(1)})}),
        ValueError,
        "has no distribution for 'Y'. It has: X",
    ),
    "rule over an unknown column": (
        dict(columns={"x": poisson(1)}, rules={"r": "y > 1"}),
        ValueError,
        "column 'y'",
    ),
    "limits without probability": (
        dict(columns={"x": normal(0, 1, minimum=50)}),
        ValueError,
        "No normal number from 50 to inf",
    ),
    "negative mean": (
        dict(columns={"a": uniform(-3, 3), "x": poisson("a")}),
        ValueError,
        "No poisson number",
    ),
    "missing parameter": (
        dict(columns={"a": normal(5, 1, missing=0.5), "x": normal("a", 1)}),
        ValueError,
        "No normal number.*no parameter is missing",
    ),
    "no columns": (dict(columns={}), ValueError, "columns must name one column or more"),
    "a column that is no distribution": (
        dict(columns={"x": 3}),
        ValueError,
        "columns must map names to a Distribution each, not 'x' to 3",
    ),
    "a rule that is no text": (
        dict(columns={"x": poisson(1)}, rules={"r": True}),
        ValueError,
        "rules must map names to a str each, not 'r' to True",
    ),
    "derived columns without names": (
        dict(columns={"x": poisson(1)}, derived=["x + 1"]),
        ValueError,
        r"derived must be a dictionary, not \['x \+ 1'\]",
    ),
    "no tries": (
        dict(columns={"x": poisson(1)}, most_tries=0),
        ValueError,
        "most_tries must be a whole number",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_get_one_clear_error(case):
    options, error, message = MISTAKES[case]
    with pytest.raises(error, match=message):
        RuleSynthesizer(**options).fit()


@pytest.mark.parametrize("missing", [2, -0.1, np.nan, "half", None])
def test_a_share_of_missing_cells_lies_between_none_and_all(missing):
    for make in (lambda: choice({"a": 1}, missing), lambda: poisson(3, missing=missing)):
        with pytest.raises(ValueError, match="missing must be a share from 0 to 1, not"):
            make()


def test_derived_columns_set_after_a_fit_wait_for_the_next():
    columns = {"x": uniform(1, 9, decimals=0)}
    model = RuleSynthesizer(columns, derived={"y": "x + 1"}, rules={"r": "y > 4"}).fit()
    expected = model.sample(20)
    model.derived["y"] = "x - 100"
    model.set_params(derived={"z": "x + 2"}, rules=None, most_tries=0, columns=None)
    pd.testing.assert_frame_equal(model.sample(20), expected)


def test_other_columns_than_the_table_are_refused():
    with pytest.raises(TableError, match="The rules make the columns x; the table has y"):
        RuleSynthesizer({"x": poisson(1)}).fit(pd.DataFrame({"y": [1]}))


@pytest.mark.parametrize(
    "shares", [{}, {"a": 0}, {"a": -1, "b": 3}, {"a": np.inf}, {"a": "x"}, ["a"]]
)
def test_choice_needs_weights(shares):
    with pytest.raises(ValueError, match="choice needs values with weights"):
        choice(shares)


@pytest.mark.parametrize("members", [{"X": 3}, [poisson(1)]])
def test_by_needs_distributions(members):
    with pytest.raises(
        ValueError, match="by\\('app', ...\\) must map values to a Distribution each"
    ):
        by("app", members)


@pytest.mark.parametrize(
    "limits", [{"minimum": "5"}, {"maximum": np.nan}, {"decimals": 1.5}, {"decimals": "0"}]
)
def test_limits_and_decimals_are_numbers(limits):
    ((name, _),) = limits.items()
    with pytest.raises(ValueError, match=f"{name} must be a"):
        normal(0, 1, **limits)


def test_dates_need_an_order():
    with pytest.raises(ValueError, match="not after the last"):
        dates("2024-02-02", "2024-02-01")


@pytest.mark.parametrize("zone", [None, "Asia/Kolkata"])
@pytest.mark.parametrize(("unit", "seconds"), [("min", 60), ("s", 1)])
def test_times_of_day_are_drawn_on_the_grid_of_the_column(unit, seconds, zone):
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2024-02-01 08:15:00", tz=zone)
    moments = start + pd.to_timedelta(rng.integers(0, 3_000, 200), unit=unit)
    table = pd.DataFrame({"moment": moments})
    model = RuleSynthesizer().fit(table)
    drawn = model.sample(2_000)["moment"]
    assert drawn.dtype == table["moment"].dtype
    assert drawn.between(moments.min(), moments.max()).all()
    assert not ((drawn - start).dt.total_seconds() % seconds).any()
    assert drawn.nunique() > 1_000
    asked = moments[7]
    assert (model.sample(5, given={"moment": asked})["moment"] == asked).all()
