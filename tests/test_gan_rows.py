"""Tables as groups, tokens and scores: what goes in comes out, and what one column determines is
looked up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from utils.encoding import to_array
from utils.schema import Schema
from utils.synthesizers.gan.rows import MOST_TOKENS, GANRows


def people(rows: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    degree = rng.choice(["school", "bachelor", "master"], rows, p=[0.6, 0.3, 0.1])
    table = pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], rows),
            "degree": degree,
            "years": pd.Series(degree).map({"school": 9, "bachelor": 13, "master": 14}),
            "gain": np.where(rng.random(rows) < 0.9, 0, rng.integers(1, 9_999, rows)),
            "weight": rng.lognormal(4, 0.3, rows).round(1),
            "town": [f"town {i // 4}" for i in range(rows)],
        }
    )
    table.loc[rng.random(rows) < 0.2, "weight"] = np.nan
    return table


@pytest.fixture(scope="module")
def fitted():
    table = people()
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    return GANRows.fit(columns, schema, ["sex"]), columns, schema


def test_which_column_becomes_what(fitted):
    rows, _, _ = fitted
    assert list(rows.tokens) == ["years", "gain", "town"] and list(rows.scores) == ["weight"]
    assert rows.gaps == ["weight"] and rows.looked_up["degree"][0] == "years"
    assert rows.groups.combinations.tolist() == [[0], [1]] and rows.groups.counts.sum() == 2_000
    assert rows.sizes[0] == 3 and rows.sizes[2] == MOST_TOKENS and rows.sizes[3] == 2


def test_rows_come_back(fitted):
    rows, columns, schema = fitted
    group, tokens, scores = rows.encode(columns, np.random.default_rng(1))
    back = rows.decode(group, tokens, scores, schema, {}, np.random.default_rng(2))
    for name in ("sex", "degree", "years"):
        np.testing.assert_array_equal(back[name], columns[name])
    np.testing.assert_array_equal(back["gain"] == 0, columns["gain"] == 0)
    known = ~np.isnan(columns["weight"])
    np.testing.assert_array_equal(~np.isnan(back["weight"]), known)
    assert np.abs(back["weight"] - columns["weight"])[known].max() <= 0.051
    frequent = tokens[:, 2] < MOST_TOKENS - 1
    np.testing.assert_array_equal(back["town"][frequent], columns["town"][frequent])
    assert np.isin(back["town"], columns["town"]).all()


def test_scores_are_normal_within_each_group(fitted):
    rows, columns, _ = fitted
    group, _, scores = rows.encode(columns, np.random.default_rng(1))
    for number in (0, 1):
        assert (
            abs(scores[group == number].mean()) < 0.05
            and abs(scores[group == number].std() - 1) < 0.05
        )


def test_margins_count_each_group_and_lean_on_the_table(fitted):
    rows, _, _ = fitted
    group, tokens = np.array([0, 0, 0, 1]), np.zeros((4, 4), dtype=np.int32)
    tokens[3, 0] = 2
    counted = rows.margins(group, tokens, pooled_rows=0.0)
    assert counted[:, :3].tolist() == [[1, 0, 0], [0, 0, 1]]
    pooled = rows.margins(group, tokens, pooled_rows=4.0)
    np.testing.assert_allclose(pooled[1, :3], [(4 * 3 / 4) / 5, 0, (1 + 4 / 4) / 5], rtol=1e-6)


def test_what_a_condition_leaves_possible(fitted):
    rows, columns, _ = fitted
    groups, tokens = rows.possible({"sex": 1, "degree": 0, "weight": np.nan})
    assert groups.tolist() == [False, True]
    _, encoded, _ = rows.encode(columns, np.random.default_rng(1))
    years_of_a_bachelor = np.unique(encoded[columns["degree"] == 0, 0])
    np.testing.assert_array_equal(np.flatnonzero(tokens[0]), years_of_a_bachelor)
    assert tokens[1].all() and tokens[3].tolist() == [False, True]


def test_a_column_of_unique_values_determines_nothing():
    table = pd.DataFrame({"name": [f"n{i}" for i in range(60)], "side": ["a", "b"] * 30})
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    assert GANRows.fit(columns, schema, []).looked_up == {}


def test_a_condition_on_what_is_looked_up_leaves_rare_codes_that_agree():
    rng = np.random.default_rng(0)
    city = np.repeat(np.arange(300), 40)
    table = pd.DataFrame({"city": city.astype(str), "region": (city % 3).astype(str)})
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    rows = GANRows.fit(columns, schema, [])
    given = {"region": schema["region"].categories.index("1")}
    _, (mask,) = rows.possible(given)
    tokens = rng.choice(np.flatnonzero(mask), (400, 1))
    made = rows.decode(np.zeros(400, int), tokens, np.zeros((400, 0)), schema, given, rng)
    cities = np.array(schema["city"].categories, dtype=int)[made["city"]]
    assert (tokens == len(mask) - 1).any() and (cities % 3 == 1).all()
