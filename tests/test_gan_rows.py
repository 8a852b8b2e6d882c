"""Tables as tokens and scores: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from utils.encoding import to_array
from utils.schema import Schema
from utils.synthesizers.gan.rows import GANRows

GENERATOR = np.random.default_rng(2)


def people(rows: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], rows),
            "years": rng.integers(9, 15, rows),
            "gain": np.where(rng.random(rows) < 0.9, 0, rng.integers(1, 9_999, rows)),
            "weight": rng.lognormal(4, 0.3, rows).round(1),
            "height": rng.normal(170, 10, rows).round(1),
        }
    )
    table.loc[rng.random(rows) < 0.2, "weight"] = np.nan
    return table


@pytest.fixture(scope="module")
def fitted():
    table = people()
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    return GANRows.fit(columns, schema, []), columns, schema


def test_which_column_becomes_what(fitted):
    rows, _, schema = fitted
    assert rows.codes.names == ["sex", "years", "gain", "weight"]
    assert list(rows.scores) == ["height"] and rows.fits(schema)
    assert rows.sizes["sex"] == 2 and rows.sizes["years"] == 6 and rows.sizes["height"] == 0
    assert not rows.fits(schema.select(["sex", "height"]))


def test_rows_come_back(fitted):
    rows, columns, schema = fitted
    cells = rows.encode(columns, np.random.default_rng(1))
    back = rows.decode(cells, schema, np.random.default_rng(2))
    for name in ("sex", "years"):
        np.testing.assert_array_equal(back[name], columns[name])
    np.testing.assert_array_equal(back["gain"] == 0, columns["gain"] == 0)
    np.testing.assert_array_equal(np.isnan(back["weight"]), np.isnan(columns["weight"]))
    assert np.abs(back["height"] - columns["height"]).max() <= 0.051


def test_a_column_without_a_grid_is_no_coarser_than_its_numbers(fitted):
    _, columns, schema = fitted
    scores = columns | {"height": (columns["height"] - 170) / 12}
    ranked = GANRows.fit(scores, schema, ["height"])
    assert ranked.scores["height"].step == 0


def test_a_pile_that_stands_apart_is_a_token_of_its_own(fitted):
    _, columns, schema = fitted
    scores = (columns["height"] - 170) / 12
    scores[:60] = -3.68  # as GroupRanks tells 0 minutes
    columns = columns | {"height": scores}
    ranked = GANRows.fit(columns, schema, ["height"])
    assert "height" not in ranked.scores
    back = ranked.decode(ranked.encode(columns, np.random.default_rng(1)), schema, GENERATOR)
    assert (np.isclose(back["height"], -3.68) == np.isclose(scores, -3.68)).all()


def test_a_number_far_out_is_no_pile(fitted):
    """One row in 2,000 lies beyond a score of 3.5; that alone makes no tokens of the others."""
    _, columns, schema = fitted
    scores = (columns["height"] - 170) / 12 + np.linspace(0, 0.01, 2_000)
    scores[:2] = 3.6, -3.7
    assert "height" in GANRows.fit(columns | {"height": scores}, schema, ["height"]).scores


def test_scores_are_read_off_a_curve_that_brings_those_made_to_the_real_ones(fitted):
    _, columns, schema = fitted
    rows = GANRows.fit(columns, schema, [])
    real = rows.encode(columns, np.random.default_rng(1))["height"]
    made = np.random.default_rng(3).gamma(3, 0.4, 20_000) - 1
    weights = np.where(made > 0, 1.0, 3.0)
    rows.bend("height", real, made, weights)
    back = rows.scores["height"].inverse(made)
    assert (np.diff(back[np.argsort(made)]) >= 0).all()
    kept = back[np.random.default_rng(4).choice(20_000, 20_000, p=weights / weights.sum())]
    shares = np.linspace(0.05, 0.95, 19)
    np.testing.assert_allclose(
        np.quantile(kept, shares), np.quantile(columns["height"], shares), atol=0.6
    )


def test_bins_are_as_many_as_the_rows_can_tell(fitted):
    _, columns, schema = fitted
    few = {name: values[:200] for name, values in columns.items()}
    assert GANRows.fit(few, schema, []).sizes["gain"] <= 17


def test_given_values_are_cells_and_come_back_exactly(fitted):
    rows, columns, schema = fitted
    rng, given = np.random.default_rng(1), {"sex": 1, "weight": np.nan}
    cells = rows.encode_given(given)
    assert cells == {"sex": 1, "weight": rows.sizes["weight"] - 1}
    made = rows.encode(columns, rng) | {name: np.full(2_000, cell) for name, cell in cells.items()}
    back = rows.decode(made, schema, rng)
    assert (back["sex"] == 1).all() and np.isnan(back["weight"]).all()
