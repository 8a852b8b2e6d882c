"""Known answers for the copula: margins come back, and so do planted correlations, also through
ties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp, norm

from utils.synthesizers import CopulaSynthesizer

pytestmark = pytest.mark.filterwarnings("error")


def correlated(rows: int, correlation: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).multivariate_normal(
        [0, 0], [[1, correlation], [correlation, 1]], rows
    )


def fitted_correlation(table: pd.DataFrame) -> float:
    return CopulaSynthesizer(ranks_within_groups=False).fit(table).correlation_[0, 1]


@pytest.mark.parametrize("values", [16, 512, 100_000])
def test_margins_of_numbers_come_back(values):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "heavy": rng.lognormal(3, 1.5, 3000),
            "two": np.where(rng.random(3000) < 0.5, -9, 9) + rng.random(3000),
        }
    )
    drawn = CopulaSynthesizer(values=values).fit(table).sample(20_000)
    for name in table:
        assert ks_2samp(table[name], drawn[name]).statistic < (0.06 if values == 16 else 0.025)


def test_shares_of_categories_counts_and_missing_values_come_back():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "app": rng.choice(list("abc"), 2000, p=[0.1, 0.3, 0.6]),
            "count": rng.poisson(1.5, 2000),
            "minutes": np.where(rng.random(2000) < 0.25, np.nan, rng.normal(size=2000)),
        }
    )
    drawn = CopulaSynthesizer().fit(table).sample(40_000)
    for name in ("app", "count"):
        shares = [frame[name].value_counts(normalize=True) for frame in (table, drawn)]
        assert shares[0].sub(shares[1], fill_value=0).abs().max() < 0.012
    assert abs(drawn["minutes"].isna().mean() - table["minutes"].isna().mean()) < 0.012


@pytest.mark.parametrize("correlation", [-0.8, 0.0, 0.5, 0.95])
def test_a_planted_correlation_is_found_whatever_the_margins(correlation):
    scores = correlated(4000, correlation)
    table = pd.DataFrame({"skewed": np.exp(2 * scores[:, 0]), "uniform": norm.cdf(scores[:, 1])})
    assert abs(fitted_correlation(table) - np.corrcoef(scores.T)[0, 1]) < 0.02


def test_a_planted_correlation_is_found_through_ties():
    scores = correlated(4000, 0.7)
    table = pd.DataFrame(
        {"few": np.digitize(scores[:, 0], [-0.5, 0.3, 1.5]), "two": scores[:, 1] > 0.4}
    )
    assert (
        abs(abs(fitted_correlation(table)) - 0.7) < 0.05
    )  # which of False and True comes first is free


def test_a_planted_correlation_is_found_through_names_in_any_order():
    scores = correlated(4000, 0.7)
    grade = np.array(["mango", "apple", "zebra", "kiwi"])[
        np.digitize(scores[:, 0], [-0.8, 0.0, 0.8])
    ]
    table = pd.DataFrame({"grade": grade, "number": scores[:, 1]})
    assert abs(abs(fitted_correlation(table)) - 0.7) < 0.05


def test_a_correlation_is_not_moved_by_missing_values_at_random():
    scores = correlated(4000, 0.7)
    scores[np.random.default_rng(1).random(4000) < 0.02, 0] = np.nan
    assert abs(fitted_correlation(pd.DataFrame(scores, columns=["a", "b"])) - 0.7) < 0.06


def test_drawn_rows_have_the_rank_correlation_of_the_table():
    scores = correlated(3000, 0.6)
    table = pd.DataFrame({"a": np.exp(scores[:, 0]), "b": scores[:, 1] ** 3})
    drawn = CopulaSynthesizer().fit(table).sample(20_000)
    assert abs(drawn.corr("spearman").iloc[0, 1] - table.corr("spearman").iloc[0, 1]) < 0.03


def test_condition_is_the_conditional_normal():
    table = pd.DataFrame(correlated(8000, 0.8), columns=["a", "b"])
    synthesizer = CopulaSynthesizer().fit(table)
    value = float(table["a"].iloc[np.argmin(np.abs(table["a"] - 1.0))])
    drawn = synthesizer.sample(8000, given={"a": value})["b"]
    assert abs(drawn.mean() - 0.8) < 0.06 and abs(drawn.std() - 0.6) < 0.05


def test_condition_on_a_category_is_its_part_of_the_normal():
    scores = correlated(20_000, 0.8)
    table = pd.DataFrame({"high": scores[:, 0] > 1, "b": scores[:, 1]})
    drawn = CopulaSynthesizer().fit(table).sample(8000, given={"high": True})["b"]
    expected = table.loc[table["high"], "b"]
    assert abs(drawn.mean() - expected.mean()) < 0.06 and abs(drawn.std() - expected.std()) < 0.06


def test_two_conditions_at_once_are_weighed_together():
    rng = np.random.default_rng(0)
    scores = rng.multivariate_normal(
        np.zeros(3), [[1, 0.7, 0.5], [0.7, 1, 0.6], [0.5, 0.6, 1]], 40_000
    )
    table = pd.DataFrame({"a": scores[:, 0] > 0.8, "b": scores[:, 1] > 0.5, "c": scores[:, 2]})
    drawn = CopulaSynthesizer().fit(table).sample(8000, given={"a": True, "b": False})["c"]
    expected = table.loc[table["a"] & ~table["b"], "c"]
    assert abs(drawn.mean() - expected.mean()) < 0.07


def test_correlation_can_always_be_inverted():
    column = np.random.default_rng(0).normal(size=300)
    table = pd.DataFrame({"a": column, "same": column, "opposite": -column, "constant": 1.0})
    correlation = CopulaSynthesizer().fit(table).correlation_
    assert np.linalg.eigvalsh(correlation).min() > 0
    np.testing.assert_allclose(np.diag(correlation), 1, atol=0.05)
    assert correlation[0, 1] > 0.95 and correlation[0, 2] < -0.95


@pytest.mark.parametrize("options", [{"sweeps": 0}, {"values": 0}, {"sweeps": 2.5}])
def test_wrong_parameters_are_refused(options):
    with pytest.raises(
        ValueError, match=f"{next(iter(options))} must be a whole number of 1 or more"
    ):
        CopulaSynthesizer(**options).fit(pd.DataFrame({"a": [1, 2]}))


def test_a_number_far_out_moves_a_category_and_what_hangs_on_it():
    """The number is one point of the curve: neither without weight nor a wide stretch of it."""
    rng = np.random.default_rng(0)
    correlation = np.array([[1, 0.5, 0.8], [0.5, 1, 0.1], [0.8, 0.1, 1]])
    table = pd.DataFrame(rng.multivariate_normal(np.zeros(3), correlation, 20_000))
    table.columns = ["a", "x", "z"]
    model = CopulaSynthesizer(sweeps=8, ranks_within_groups=False).fit(
        table.assign(a=table["a"] > 0)
    )
    for wanted in (-2.0, 2.0):
        asked = {"a": True, "x": table["x"].iloc[(table["x"] - wanted).abs().argmin()]}
        truth = rng.multivariate_normal(np.zeros(3), correlation, 2_000_000)
        truth = truth[(abs(truth[:, 1] - wanted) < 0.05) & (truth[:, 0] > 0), 2]
        assert model.sample(8_000, asked)["z"].mean() == pytest.approx(truth.mean(), abs=0.05)


def test_a_spike_among_quantiles_owns_its_part_of_the_curve():
    scores = correlated(6_000, 0.95)
    table = pd.DataFrame({"x": np.where(abs(scores[:, 0]) < 0.8, 0.0, scores[:, 0])})
    table["z"] = scores[:, 1]
    model = CopulaSynthesizer(values=64, sweeps=8).fit(table)
    expected = table.loc[table["x"] == 0, "z"].std()
    assert model.sample(6_000, {"x": 0.0})["z"].std() == pytest.approx(expected, abs=0.04)
