"""Diffusion against closed forms, planted truths and what it was told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.ablation_diffusion import VARIANTS
from utils.encoding import to_array
from utils.encoding.spikes import find_piles
from utils.schema import Schema
from utils.synthesizers import DiffusionSynthesizer
from utils.synthesizers.diffusion.denoiser import Denoiser
from utils.synthesizers.diffusion.rows import DiffusionRows
from utils.synthesizers.neural import take_weights

pytestmark = pytest.mark.filterwarnings("error")
QUICK = {"epochs": 60, "units": 48, "layers": 1, "learning_rate": 0.01}
SIZES = np.array([2, 3, 4])


def planted_table(rows: int = 1_500, seed: int = 0) -> pd.DataFrame:
    """app -> idle (only films) -> minutes (0 when idle), and stars that follow them by .8 in an
    app."""
    rng = np.random.default_rng(seed)
    film = rng.random(rows) < 0.4
    idle = film & (rng.random(rows) < 0.25)
    first, second = rng.normal(size=(2, rows))
    minutes = np.where(idle, 0, np.where(film, 100, 30) + 10 * first)
    return pd.DataFrame({
        "app": np.where(film, "film", "chat"),
        "minutes": np.rint(minutes).astype(int),
        "stars": (50 + 10 * (0.8 * first + 0.6 * second)).round(1),
    })  # fmt: skip


def rows_of(table: pd.DataFrame, numbers: str = "auto") -> tuple[DiffusionRows, Schema, dict]:
    schema = Schema.infer(table)
    columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
    return DiffusionRows.fit(columns, schema, numbers, 64), schema, columns


@pytest.fixture(scope="module")
def planted():
    return DiffusionSynthesizer(**QUICK | {"epochs": 200}).fit(planted_table())


@pytest.fixture
def denoiser():
    return Denoiser(SIZES, [], 8, 1, np.random.default_rng(3))


# --- rows ---


def test_piles_are_spikes_and_crowded_ends():
    values = np.array([0] * 10 + list(range(1, 90)) + [40] * 12 + [99] * 9, dtype=float)
    assert find_piles(values).tolist() == [0, 40, 99]
    assert find_piles(np.arange(100.0)).tolist() == []


def test_a_number_is_a_token_and_a_score_and_comes_back():
    table = planted_table()
    table.loc[::9, "stars"] = np.nan
    rows, schema, columns = rows_of(table)
    tokens, within, pooled, inside = rows.encode(columns, np.random.default_rng(0))
    assert list(rows.scores) == ["minutes", "stars"] and tokens[:, 1].max() == 1
    assert (inside[:, 0] == (table["minutes"] > 0)).all() and (
        inside[:, 1] == table["stars"].notna()
    ).all()
    assert not within[inside == 0].any() and not pooled[inside == 0].any()
    back = rows.decode(tokens, within, schema, {}, np.random.default_rng(1))
    assert np.abs(np.rint(back["minutes"]) - table["minutes"]).max() <= 1
    np.testing.assert_allclose(back["stars"], table["stars"], atol=0.06)


def test_a_score_never_leaves_the_range_of_its_token():
    rows, schema, columns = rows_of(planted_table())
    tokens, within, *_ = rows.encode(columns, np.random.default_rng(0))
    back = rows.decode(tokens, np.full_like(within, -9), schema, {}, np.random.default_rng(1))[
        "minutes"
    ]
    assert ((np.rint(back) == 0) == (columns["minutes"] == 0)).all()


def test_scores_need_enough_rows_for_every_combination():
    table = planted_table(300)
    assert list(rows_of(table)[0].scores) == ["minutes", "stars"]
    crowded = table.assign(user=np.arange(300).astype(str))
    assert not rows_of(crowded)[0].scores and list(rows_of(crowded, "scores")[0].scores)
    assert not rows_of(table, "tokens")[0].scores


# --- the network ---


def test_the_loss_of_a_network_that_knows_nothing_is_the_entropy_of_a_guess(denoiser):
    take_weights(denoiser, [np.zeros(weight.shape) for weight in denoiser.weights])
    rows = np.random.default_rng(0).integers(0, SIZES, (20_000, 3)).astype(np.int32)
    none = np.zeros((len(rows), 0), np.float32)
    tokens, _ = denoiser.losses((rows, none, none, none), np.array([5, 6], np.int32))
    np.testing.assert_allclose(tokens.numpy().mean(axis=0), np.log(SIZES), rtol=0.05)
    assert tokens.numpy().sum(axis=1).mean() == pytest.approx(np.log(SIZES).sum(), rel=0.01)


def test_a_network_that_has_learned_nothing_draws_the_margins(denoiser):
    rng = np.random.default_rng(0)
    rare, even, uneven = (
        rng.random(5_000) < 0.2,
        rng.integers(0, 3, 5_000),
        rng.integers(0, 4, 5_000) // 2,
    )
    rows = np.column_stack([rare, even, uneven])
    denoiser.start_from(rows.astype(np.int32))
    denoiser.token_head.kernel.assign(denoiser.token_head.kernel * 0)
    none, order = np.zeros((5_000, 0), np.float32), np.array([0, 1, 2], np.int32)
    masked = np.tile(SIZES.astype(np.int32), (5_000, 1))
    drawn = denoiser.token_filler()(
        masked, none, none, order, order == 0, np.array([1, 2], np.int32)
    ).numpy()
    np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.05)


def test_a_token_that_no_row_has_is_never_drawn(denoiser):
    denoiser.start_from(np.zeros((50, 3), np.int32))
    none, order = np.zeros((4_000, 0), np.float32), np.array([0, 1, 2], np.int32)
    masked = np.tile(SIZES.astype(np.int32), (4_000, 1))
    drawn = denoiser.token_filler()(
        masked, none, none, order, order > -1, np.array([1, 2], np.int32)
    )
    assert not drawn.numpy().any()


def test_tokens_are_drawn_by_the_chances_of_the_head(denoiser):
    chances = [np.array([0.3, 0.7]), np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.3, 0.4])]
    kernel, bias = denoiser.token_head.weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.log(np.concatenate(chances)))
    codes = np.tile(SIZES.astype(np.int32), (20_000, 1))
    codes[:, 1] = 2
    none, order = np.zeros((len(codes), 0), np.float32), np.array([2, 0], np.int32)
    drawn = denoiser.token_filler()(
        codes, none, none, order, order > 0, np.array([1, 2], np.int32)
    ).numpy()
    assert (drawn[:, 1] == 2).all(), "a known token was changed"
    for place in (0, 2):
        np.testing.assert_allclose(
            np.bincount(drawn[:, place]) / len(drawn), chances[place], atol=0.015
        )


def test_turning_back_keeps_known_scores_and_what_has_no_velocity():
    denoiser = Denoiser(SIZES, [1, 2], 8, 1, np.random.default_rng(3))
    codes, scores = (
        np.zeros((50, 3), np.int32),
        np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32),
    )
    angles = np.tile(np.array([0, 1], np.float32), (50, 1))
    turned = denoiser.score_filler(4)(codes, scores, angles, angles == 1).numpy()
    assert (
        np.array_equal(turned[:, 0], scores[:, 0])
        and np.abs(turned[:, 1] - scores[:, 1]).max() > 1e-3
    )
    denoiser.velocity_head.kernel.assign(denoiser.velocity_head.kernel * 0)
    still = denoiser.score_filler(4)(codes, scores, angles, angles == 1).numpy()
    assert np.array_equal(still, scores), (
        "for a normal the velocity is 0 and noise is already the answer"
    )


# --- what is learned ---


def test_piles_and_categories_come_together_as_planted(planted):
    rows = planted.sample(6_000)
    idle = rows["minutes"] == 0
    assert not (idle & (rows["app"] == "chat")).mean() > 0.004
    assert (rows["app"] == "film").mean() == pytest.approx(0.4, abs=0.05)
    assert idle[rows["app"] == "film"].mean() == pytest.approx(0.25, abs=0.06)


def test_scores_hang_together_as_planted(planted):
    rows = planted.sample(6_000)
    chat = rows[rows["app"] == "chat"]
    assert chat["minutes"].corr(chat["stars"]) == pytest.approx(0.8, abs=0.06)
    assert chat["minutes"].mean() == pytest.approx(30, abs=1) and chat[
        "minutes"
    ].std() == pytest.approx(10, abs=1)


def test_a_given_number_tells_the_category_and_the_other_number(planted):
    long = planted.sample(1_000, given={"minutes": 110})
    assert (long["minutes"] == 110).all() and (long["app"] == "film").mean() > 0.97
    assert long["stars"].mean() == pytest.approx(58, abs=2.5) and long[
        "stars"
    ].std() == pytest.approx(6, abs=1.5)
    assert (planted.sample(500, given={"minutes": 0})["app"] == "film").mean() > 0.97


def test_fewer_looks_change_the_rows_at_once(planted):
    before = planted.sample(50)
    try:
        planted.looks = 1
        assert not planted.sample(50).equals(before)
    finally:
        planted.looks = DiffusionSynthesizer().looks
    assert planted.sample(50).equals(before)


def test_looks_are_spread_over_the_columns():
    model = DiffusionSynthesizer(looks=3)
    assert model._looks_before(6).tolist() == [True, False, True, False, True, False]
    assert model._looks_before(2).tolist() == [True, True] and model._looks_before(0).tolist() == []


# --- training ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numbers": "bins"}, "numbers must be"),
        ({"looks": 0}, "looks must be a whole number"),
        ({"average": -0.5}, "average must be a number of 0 or more"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_settings_that_cannot_be(options, message):
    with pytest.raises(ValueError, match=message):
        DiffusionSynthesizer(**options).fit(planted_table(40))


def test_the_ablation_knows_textbook_and_cures():
    assert len(VARIANTS) == 8 and "all cures" in VARIANTS
