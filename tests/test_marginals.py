"""Marginals: what is counted with which noise, what it costs, and what is made of it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import pytest

from utils.checks import validate
from utils.privacy.accounting import Budget, Ledger, PrivacyError, noise_of_rho, rho_of
from utils.privacy.audit import epsilon_from_one_run
from utils.privacy.mechanisms import Mechanisms, noise_stream, onto_total
from utils.privacy.study import PrivacyWarning, for_study
from utils.schema import Column, Schema, TableError
from utils.synthesizers import MarginalSynthesizer, Synthesizer, marginals
from utils.synthesizers.marginals import structure, tree
from utils.synthesizers.margins import (
    PIECES,
    GroupedMargin,
    Ruler,
    code_column,
    count_column,
    noisy_rows,
    of_equal_mass,
)

pytestmark = pytest.mark.filterwarnings("ignore::utils.privacy.PrivacyWarning")  # as for_study
BUDGET = Budget(1.0, 1e-5)
RHO = BUDGET.rho


def mechanisms(seed: int = 0, rho: float | None = RHO) -> Mechanisms:
    """With a budget of rho; the accountant, who takes his time, is asked once."""
    made = Mechanisms(None, np.random.default_rng(seed))
    made.ledger = None if rho is None else Ledger(rho)
    return made


# --- the two looks at the rows ---


def test_the_noise_on_counts_has_the_spread_of_its_cost():
    rho = 0.4 * RHO
    noise = mechanisms().count("zeros", np.zeros((400, 500)), rho).ravel()
    assert noise.std() == pytest.approx(np.sqrt(1 / (2 * rho)), rel=0.01)
    assert abs(noise.mean()) < 4 * noise.std() / np.sqrt(len(noise))
    again = mechanisms(1).count("zeros", np.zeros(200_000), rho)
    assert abs(np.corrcoef(noise, again)[0, 1]) < 0.01, "each seed has noise of its own"


def test_a_choice_has_the_chances_of_the_exponential_mechanism():
    rho, scores, sensitivity = RHO / 5_000, np.array([0.0, 120.0, 400.0]), 2.0
    chooser = mechanisms()
    drawn = [chooser.choose("choice", scores, sensitivity, rho) for _ in range(3_000)]
    weights = np.exp(np.sqrt(8 * rho) * scores / (2 * sensitivity))
    shares = np.bincount(drawn, minlength=3) / len(drawn)
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.03)
    assert shares.min() > 0.1, "the chances lie apart from 0 and from each other"


def test_what_is_spent_is_noted_and_no_more_than_there_is_can_be():
    noisy = mechanisms()
    noisy.count("first", np.zeros(3), 0.7 * RHO)
    noisy.choose("second", np.zeros(3), 1.0, 0.2 * RHO)
    assert noisy.spent == {"first": 0.7 * RHO, "second": 0.2 * RHO}
    with pytest.raises(PrivacyError, match="'third' would cost"):
        noisy.count("third", np.zeros(3), 0.2 * RHO)


def test_without_a_budget_answers_are_exact_and_cost_nothing():
    exact = mechanisms(rho=None)
    assert exact.count("all", np.arange(4), np.inf).tolist() == [0, 1, 2, 3]
    assert exact.choose("best", np.array([1.0, 3.0, 3.0]), 1.0, np.inf) == 1
    assert exact.spent == {} and exact.left == np.inf


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        ([3.0, 1.0], 4.0, [3, 1]),
        ([3.0, -1.0], 3.0, [3, 0]),
        ([5.0, 2.0, -4.0], 5.0, [4, 1, 0]),
        ([-2.0, -3.0], 1.0, [1, 0]),
        ([0.0, 0.0], 3.0, [1.5, 1.5]),
        ([-7.0], 2.0, [2]),
    ],
)
def test_noisy_counts_become_counts_with_a_total(counts, total, expected):
    np.testing.assert_allclose(onto_total(np.array(counts), total), expected)


def test_no_other_counts_with_the_total_are_nearer():
    rng = np.random.default_rng(0)
    for _ in range(50):
        counts, total = rng.normal(0, 5, 6), rng.uniform(0.1, 20)
        nearest = onto_total(counts, total)
        others = rng.dirichlet(np.full(6, 0.5), 300) * total
        assert nearest.min() >= 0 and nearest.sum() == pytest.approx(total)
        best = ((others - counts) ** 2).sum(axis=1).min()
        assert ((nearest - counts) ** 2).sum() <= best + 1e-9


# --- one column ---


def column(kind: str = "integer", low=0, high=10_000, **more) -> Column:
    dtype = {"integer": "int64", "number": "float64", "date": "datetime64[ns]"}[kind]
    return Column("x", kind, dtype, low, high, **more)


RANGES = {
    "few integers": (column(high=20), 21, (1,)),
    "many integers": (column(), 10_001, (101, 1)),
    "more integers": (column(high=2_000_000), 2_000_001, (126**2, 126, 1)),
    "too many integers": (column(low=-5, high=10**9), PIECES**3, (PIECES**2, PIECES, 1)),
    "decimals": (column("number", 0.0, 1.0, decimals=2), 101, (1,)),
    "any float": (column("number", -1.0, 3.0), PIECES**3, (PIECES**2, PIECES, 1)),
    "one value": (column(low=7, high=7), 1, (1,)),
    "one float": (column("number", 0.5, 0.5), 1, (1,)),
    "days": (column("date", "2024-01-01", "2024-03-31", resolution="D"), 91, (1,)),
}


@pytest.mark.parametrize("case", RANGES)
def test_the_schema_alone_cuts_a_range_in_pieces(case):
    told, units, widths = RANGES[case]
    ruler = Ruler.of(told)
    assert (ruler.count, ruler.widths) == (units, widths)
    assert ruler.parts * ruler.widths[0] >= units and ruler.parts <= PIECES


def test_a_unit_is_a_value_of_the_grid():
    whole = Ruler.of(column(low=-3, high=400)).units(np.arange(-3.0, 401))
    assert whole.tolist() == list(range(404))
    tenths = Ruler.of(column("number", 0.0, 50.0, decimals=1))
    assert tenths.units(np.round(np.arange(501) * 0.1, 1)).tolist() == list(range(501))
    ends = Ruler.of(column("number", -1.0, 3.0)).units(np.array([-1.0, 3.0]))
    assert ends.tolist() == [0, PIECES**3 - 1]


def test_a_row_counts_once_a_level_and_all_levels_share_the_cost():
    """So one row more moves the counts of a level by a distance of 1, as the noise expects."""
    told, values = column(high=2_000_000, missing=0.1), np.repeat([5.0, 70_000.0, np.nan], 9_000)
    found = []
    for rows in (values, np.append(values, 70_001.0), np.append(values, np.nan)):
        noisy = mechanisms()
        counted = count_column(told, rows, noisy, RHO)
        found.append([counted.counts, *(level.counts for level in counted.finer)])
        assert noisy.spent["column x"] == pytest.approx(RHO)
        assert counted.noise == pytest.approx(noise_of_rho(RHO / 3))
    for more, moved in ((1, 3), (2, 1)):
        off = [abs(a - b).round(6) for a, b in zip(found[0], found[more])]
        assert [level.sum() for level in off] == [1.0] * moved + [0.0] * (3 - moved)


def spiked(rows: int = 4_000) -> np.ndarray:
    """Half the rows are 0, a tenth 7,777, a tenth missing, the rest lies evenly in 100 .. 1,000."""
    rng = np.random.default_rng(1)
    kind = rng.choice(4, rows, p=[0.5, 0.1, 0.1, 0.3])
    return np.choose(kind, [0.0, 7_777.0, np.nan, rng.integers(100, 1_001, rows)])


def test_spikes_and_missing_cells_come_back_out_of_noisy_counts():
    told = column(missing=0.5)
    counted = count_column(told, spiked(), mechanisms(), RHO)
    coded = code_column(told, counted, noisy_rows([counted]), most=64, later_noise=5.0)
    rng = np.random.default_rng(0)
    groups = rng.choice(coded.margin.size, 20_000, p=coded.margin.of_groups)
    codes = coded.margin.draw(groups, rng)
    drawn = coded.bins.draw(np.where(codes == len(coded.bins), -1, codes), rng).round()
    for value, share in ((0.0, 0.5), (7_777.0, 0.1)):
        assert (drawn == value).mean() == pytest.approx(share, abs=0.02)
    assert np.isnan(drawn).mean() == pytest.approx(0.1, abs=0.02)
    between = drawn[(drawn > 0) & (drawn != 7_777)]
    assert ((between > 90) & (between < 1_010)).mean() > 0.85
    assert np.median(between) == pytest.approx(550, rel=0.15)


def test_no_value_is_drawn_from_where_nothing_was_counted():
    """Neither beyond the outermost rows, nor within a bin that reaches over empty pieces."""
    told = column(high=1_000)
    values = np.random.default_rng(0).integers(200, 301, 20_000).astype(float)
    counted = count_column(told, values, mechanisms(rho=100 * RHO), 100 * RHO)
    coded = code_column(told, counted, 20_000, most=16, later_noise=5.0)
    codes = np.repeat(np.arange(len(coded.bins)), 2_000)
    drawn = coded.bins.draw(codes, np.random.default_rng(0)).round()
    assert drawn.min() >= 195 and drawn.max() <= 305


def test_noise_on_a_group_is_that_of_all_counts_in_it():
    told = column(high=20)
    counted = count_column(told, np.arange(2_100) % 21.0, mechanisms(), RHO)
    coded = code_column(told, counted, 2_100, most=21, later_noise=60.0)
    members = np.bincount(coded.margin.groups)
    assert 1 < coded.margin.size < 21
    assert (coded.noise**2).sum() == pytest.approx(21 * noise_of_rho(RHO) ** 2)
    assert (coded.noise >= noise_of_rho(RHO) * np.sqrt(members) - 1e-9).all()


def test_rare_categories_share_a_group_and_keep_their_own_chances():
    told = Column("x", "category", "object", categories=tuple("abcde"))
    values = np.repeat(np.arange(5), [900, 20, 800, 10, 30]).astype(np.int32)
    counted = count_column(told, values, mechanisms(), RHO)
    margin = code_column(told, counted, 1_760, most=64, later_noise=20.0).margin
    assert margin.groups.tolist() == [0, 2, 1, 2, 2]
    drawn = margin.draw(np.full(50_000, 2), np.random.default_rng(0))
    shares = np.bincount(drawn, minlength=5) / 50_000
    rare = np.where(margin.groups == 2, margin.chances, 0)
    np.testing.assert_allclose(shares, rare / rare.sum(), atol=0.01)


def test_codes_are_drawn_by_their_chances_within_the_group():
    margin = GroupedMargin(np.array([0, 1, 0, 1]), np.array([0.1, 0.0, 0.3, 0.6]))
    drawn = margin.draw(np.repeat([0, 1], 20_000), np.random.default_rng(0))
    assert set(drawn[:20_000]) == {0, 2} and set(drawn[20_000:]) == {3}
    assert (drawn[:20_000] == 0).mean() == pytest.approx(0.25, abs=0.01)


def test_heavy_pieces_stay_alone_and_others_share_what_is_left():
    masses = np.array([1.0, 1, 50, 1, 1, 1, 1, 44])
    assert of_equal_mass(masses, 4, 0.0).tolist() == [0, 0, 1, 2, 3, 3, 3, 4]
    assert of_equal_mass(masses, 4, 6.0).tolist() == [0, 0, 1, 2, 2, 2, 2, 3]
    assert of_equal_mass(np.zeros(3), 4, 0.0).tolist() == [0, 0, 0]
    assert of_equal_mass(np.array([0.0, 1, 9, 0, 0]), 2, 0.0).tolist() == [0, 0, 1, 1, 1]


def test_the_number_of_rows_is_told_best_by_few_cells():
    told = [Column("few", "category", "object", categories=("a", "b")), column(high=100)]
    columns = [np.zeros(1_000, np.int32), np.arange(1_000) % 101.0]
    found = []
    for seed in range(200):
        noisy = mechanisms(seed)
        pairs = zip(told, columns)
        found.append(noisy_rows([count_column(*pair, noisy, RHO / 2) for pair in pairs]))
    noise = noise_of_rho(RHO / 2)
    best = noise / np.sqrt(1 / 2 + 1 / 101)
    assert np.mean(found) == pytest.approx(1_000, abs=4 * best / np.sqrt(200))
    assert np.std(found) == pytest.approx(best, rel=0.2)


# --- which columns are counted together ---


def planted(rows: int = 4_000, seed: int = 0) -> np.ndarray:
    """b hangs on a, c on a and b together (not on either alone), d on nothing."""
    rng = np.random.default_rng(seed)
    a, noise, d = rng.integers(0, 2, (3, rows))
    b = np.where(rng.random(rows) < 0.85, a, noise)
    c = np.where(rng.random(rows) < 0.8, a ^ b, rng.integers(0, 2, rows))
    return np.column_stack([a, b, c, d])


def grown(codes, degree=2, first=0, always=False, mechanism=None, rho=np.inf, noise=0.0):
    chances = [np.bincount(column) / len(codes) for column in codes.T]
    mechanism = mechanism or mechanisms(rho=None)
    return structure.grow(codes, chances, len(codes), first, always, degree, noise, mechanism, rho)


def test_the_tree_finds_what_hangs_together():
    assert grown(planted()) == [(0,), (0, 1), (0, 1, 2), (3,)]
    assert (0, 1, 2) not in grown(planted(), degree=1)


def test_with_noise_the_tree_finds_it_too():
    found = grown(planted(), mechanism=mechanisms(rho=8 * RHO), rho=RHO, noise=5.0)
    assert found[:3] == [(0,), (0, 1), (0, 1, 2)]


def test_noise_that_drowns_a_table_keeps_it_from_being_counted():
    assert grown(planted(), noise=3_000.0) == [(0,), (1,), (2,), (3,)]


def test_a_target_is_in_every_table():
    found = grown(planted(), first=2, always=True)
    assert found[0] == (2,) and all(2 in branch for branch in found if len(branch) > 1)


def test_a_column_that_joined_without_the_target_is_no_parent_beside_it():
    """c hangs on a and b together, but b joined alone: no table holds a and b."""
    a, b, noise = np.random.default_rng(0).integers(0, 2, (3, 3_000))
    found = grown(np.column_stack([a, b, a ^ b, noise]), always=True, noise=60.0)
    tree.hosts([[str(name) for name in branch] for branch in found])
    assert found == [(0,), (1,), (2,), (3,)]


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_parents_stand_together_in_an_earlier_table(degree):
    rng = np.random.default_rng(degree)
    base = rng.integers(0, 3, (600, 3))
    codes = np.column_stack([base, base[:, :2], base.sum(axis=1) // 2, base[:, ::-1]])
    found = grown(codes, degree)
    names = [[str(name) for name in branch] for branch in found]
    tree.hosts(names)
    assert sorted(branch[-1] for branch in found) == list(range(9))
    assert max(map(len, found)) <= degree + 1


def test_one_row_moves_a_score_by_the_sensitivity_at_most_and_by_more_than_half_of_it():
    rng = np.random.default_rng(0)
    moved = []
    for _ in range(20):
        codes = rng.integers(0, 3, (40, 3))
        margins = [rng.dirichlet(np.ones(3)) for _ in range(3)]
        for row in product(range(3), repeat=3):
            scores = [
                structure._dependence(rows, margins, 40.0, (0, 1), [2], 3.0)[2]
                for rows in (codes, np.vstack([codes, row]))
            ]
            moved.append(abs(scores[1] - scores[0]))
    assert structure.SENSITIVITY / 2 < max(moved) <= structure.SENSITIVITY


def test_luck_is_what_independent_columns_show():
    rng = np.random.default_rng(0)
    margins = [np.full(4, 0.25), np.array([0.1, 0.2, 0.3, 0.4])]
    scores = []
    for _ in range(100):
        codes = np.column_stack([rng.choice(4, 3_000, p=margin) for margin in margins])
        scores.append(structure._dependence(codes, margins, 3_000.0, (0,), [1], 0.0)[1])
    distance = np.sqrt(2 / np.pi) * np.sqrt(3_000 * np.outer(*margins)).sum()
    assert abs(np.mean(scores)) < 0.2 * distance


# --- one distribution along a tree ---

NAMES = [["a"], ["a", "b"], ["a", "b", "c"], ["b", "d"], ["e"]]
SIZES = {"a": 2, "b": 3, "c": 2, "d": 4, "e": 2}


def random_chances(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        rng.dirichlet(np.ones(SIZES[branch[-1]]), [SIZES[name] for name in branch[:-1]])
        for branch in NAMES
    ]


def whole(factors) -> np.ndarray:
    """The product of factors over all cells, slowly: axes a to e."""
    joint = np.zeros(tuple(SIZES.values()))
    for cell in np.ndindex(joint.shape):
        place = dict(zip(SIZES, cell))
        joint[cell] = np.prod(
            [f[tuple(place[n] for n in names)] for f, names in zip(factors, NAMES)]
        )
    return joint / joint.sum()


def of(joint: np.ndarray, names: list[str]) -> np.ndarray:
    return tree.summed(joint, list(SIZES), names)


def test_tables_of_a_tree_are_those_of_the_whole_distribution():
    rng = np.random.default_rng(3)
    factors = [rng.random(chances.shape) for chances in random_chances()]
    joint = whole(factors)
    chances = tree.conditionals(factors, NAMES)
    for table, names in zip(tree.joint_tables(chances, NAMES), NAMES):
        np.testing.assert_allclose(table, of(joint, names), atol=1e-12)


def test_parents_that_no_earlier_table_holds_are_refused():
    with pytest.raises(ValueError, match="No earlier branch holds a, c together"):
        tree.hosts([["a"], ["a", "b"], ["b", "c"], ["a", "c", "d"]])


@pytest.mark.parametrize("given", [{}, {"c": 1}, {"d": 2, "a": 0}, {"c": 0, "e": 1, "b": 2}])
def test_rows_are_drawn_by_bayes_rule(given):
    chances = random_chances()
    branches = [tree.Branch(b[-1], b[:-1], c) for b, c in zip(NAMES, chances)]
    joint = whole(chances)
    for axis, name in enumerate(SIZES):
        if name in given:
            other = [code for code in range(SIZES[name]) if code != given[name]]
            np.moveaxis(joint, axis, 0)[other] = 0
    drawn = tree.draw(branches, 40_000, given, np.random.default_rng(0))
    counts = np.zeros(joint.shape)
    np.add.at(counts, tuple(drawn[name] for name in SIZES), 1)
    np.testing.assert_allclose(counts / 40_000, joint / joint.sum(), atol=0.01)


def test_cells_that_never_met_are_met():
    branches = [
        tree.Branch("a", [], np.array([0.5, 0.5])),
        tree.Branch("b", ["a"], np.array([[1.0, 0.0], [0.0, 1.0]])),
    ]
    drawn = tree.draw(branches, 5, {"a": 0, "b": 1}, np.random.default_rng(0))
    assert set(drawn["a"]) == {0} and set(drawn["b"]) == {1}


def measured(joint, noise: float, rng) -> list[tree.Measured]:
    rows = 10_000
    return [
        tree.Measured(
            place,
            names,
            rows * of(joint, names) + noise * rng.standard_normal([SIZES[n] for n in names]),
            max(noise, 1.0),
        )
        for place, names in enumerate(NAMES)
    ]


def test_tables_that_agree_are_found_again():
    joint = whole(random_chances(1))
    tables = measured(joint, 0.0, np.random.default_rng(0))
    found = tree.agree(random_chances(2), NAMES, tables, 10_000)
    for table, names in zip(tree.joint_tables(found, NAMES), NAMES):
        np.testing.assert_allclose(table, of(joint, names), atol=2e-3)


def test_noisy_tables_are_made_to_agree_and_come_nearer_to_the_truth():
    joint, before, after = whole(random_chances(1)), [], []
    for seed in range(5):
        tables = measured(joint, 60.0, np.random.default_rng(seed))
        start = []
        for table in tables:
            above = np.maximum(table.counts, 20.0)
            start.append(above / above.sum(axis=-1, keepdims=True))
        found = tree.joint_tables(tree.agree(start, NAMES, tables, 10_000), NAMES)
        for k, other in ((1, 2), (1, 3)):
            np.testing.assert_allclose(
                tree.summed(found[k], NAMES[k], ["b"]),
                tree.summed(found[other], NAMES[other], ["b"]),
                atol=1e-12,
            )
        begun = tree.joint_tables(start, NAMES)
        before.append(sum(abs(t - of(joint, names)).sum() for t, names in zip(begun, NAMES)))
        after.append(sum(abs(t - of(joint, names)).sum() for t, names in zip(found, NAMES)))
    assert np.mean(after) < 0.95 * np.mean(before)


# --- the whole method ---

APPS = ("chat", "film", "game", "map")


def people(rows: int = 3_000, seed: int = 0) -> pd.DataFrame:
    """Minutes hang on the app, being late on the minutes; nobody has the app map."""
    rng = np.random.default_rng(seed)
    app = rng.choice(3, rows, p=[0.5, 0.3, 0.2])
    minutes = rng.normal(np.array([20, 60, 40])[app], 6).round().clip(0, 120)
    late = rng.random(rows) < np.where(minutes > 45, 0.8, 0.1)
    minutes[rng.random(rows) < 0.1] = np.nan
    names = np.array(APPS, dtype=object)
    return pd.DataFrame({"app": names[app], "minutes": minutes, "late": late})


SCHEMA = Schema(
    (
        Column("app", "category", "object", categories=APPS),
        Column("minutes", "number", "float64", 0.0, 120.0, missing=0.5, decimals=0),
        Column("late", "boolean", "bool", categories=(False, True)),
    )
)


def private(epsilon: float = 3.0, table: pd.DataFrame | None = None, **more):
    table = people() if table is None else table
    return MarginalSynthesizer(epsilon, **more).fit(table, SCHEMA)


@pytest.mark.parametrize("epsilon", [0.3, 1.0, 8.0])
@pytest.mark.parametrize("target", [None, "late"])
def test_the_whole_budget_is_spent_and_no_more(epsilon, target):
    schema = replace(SCHEMA, target=target)
    model = MarginalSynthesizer(epsilon, delta=1e-6).fit(people(), schema)
    assert sum(model.spent_.values()) == pytest.approx(rho_of(epsilon, 1e-6), rel=1e-6)
    assert sum(name.startswith("column ") for name in model.spent_) == 3
    assert sum(name.startswith("table ") for name in model.spent_) == 3
    assert MarginalSynthesizer().fit(people(), schema).spent_ == {}


def test_one_column_spends_the_whole_budget_too():
    model = MarginalSynthesizer(1.0).fit(people()[["late"]], SCHEMA.select(["late"]))
    assert sum(model.spent_.values()) == pytest.approx(rho_of(1.0, 1e-5), rel=1e-6)
    assert model.sample(2_000)["late"].mean() == pytest.approx(people()["late"].mean(), abs=0.05)


@pytest.mark.parametrize("epsilon", [None, 5.0])
def test_what_was_planted_comes_back(epsilon):
    real, made = people(), private(epsilon).sample(6_000)
    validate(made, SCHEMA)
    for table in (real, made):
        table["long"] = table["minutes"] > 45
    for names in (["app"], ["late"], ["app", "long"], ["long", "late"]):
        shares = [table.value_counts(names, normalize=True) for table in (real, made)]
        assert shares[0].sub(shares[1], fill_value=0).abs().max() < 0.04
    assert made["minutes"].isna().mean() == pytest.approx(0.1, abs=0.03)


def test_more_budget_comes_nearer():
    def off(epsilon):
        found = []
        for seed in range(3):
            made = private(epsilon, random_state=seed).sample(4_000)
            shares = [t.value_counts(["app", "late"], normalize=True) for t in (people(), made)]
            found.append(shares[0].sub(shares[1], fill_value=0).abs().sum())
        return np.mean(found)

    assert off(0.05) > 3 * off(5.0)


@pytest.mark.parametrize(
    "given", [{"app": "map"}, {"minutes": None}, {"minutes": 120, "late": True}]
)
def test_what_the_schema_allows_may_be_asked_for(given):
    made = private().sample(50, given=given)
    for name, value in given.items():
        assert made[name].isna().all() if value is None else (made[name] == value).all()
    with pytest.raises(ValueError, match="outside"):
        private().sample(5, given={"minutes": 121})


def test_a_private_fit_is_saved_and_loaded(tmp_path):
    model = private()
    model.save(tmp_path / "model")
    loaded = Synthesizer.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.sample(50), model.sample(50))
    assert loaded.spent_ == model.spent_ and loaded.epsilon == 3.0


# --- what must not be told ---


def held(value) -> list:
    """All numbers and texts in what was fitted."""
    if is_dataclass(value):
        return [part for field in fields(value) for part in held(getattr(value, field.name))]
    if isinstance(value, dict):
        return [part for pair in value.items() for item in pair for part in held(item)]
    if isinstance(value, (list, tuple)):
        return [part for item in value for part in held(item)]
    return np.asarray(value, dtype=object).ravel().tolist()


def fitted(model) -> dict:
    return {name: getattr(model, name) for name in model._fitted_names()}


RARE = {"app": "map", "minutes": 117.0, "late": True}


def test_a_rare_row_leaves_nothing_but_noise_in_a_private_fit():
    without = people(400)
    without = without[without["minutes"].isna() | (without["minutes"] < 100)]
    table = pd.concat([without, pd.DataFrame([RARE])], ignore_index=True)
    for seed in range(3):
        models = [private(1.0, rows, random_state=seed) for rows in (without, table)]
        for name in ("schema_", "seen_", "parameters_"):
            assert getattr(models[0], name) == getattr(models[1], name)
        assert models[1].seen_ == {}
        parts = held(fitted(models[1]) | {"schema_": None, "codes_": None, "parameters_": None})
        assert not {117.0, len(table), len(without)} & {
            part for part in parts if isinstance(part, (int, float))
        }
        told = [model.margins_["app"].chances for model in models]
        assert abs(told[0] - told[1]).max() < 5 / len(table), "a row weighs a row"
        assert np.array_equal(models[0].codes_.missing, models[1].codes_.missing)


def test_without_noise_the_same_row_is_told():
    table = pd.concat([people(400), pd.DataFrame([RARE])], ignore_index=True)
    model = MarginalSynthesizer().fit(table, SCHEMA)
    assert 117.0 in held(model.seen_)
    assert model.margins_["app"].chances[3] == pytest.approx(1 / 401)
    with pytest.raises(ValueError, match="in the training table"):
        MarginalSynthesizer().fit(people(400), SCHEMA).sample(3, given={"app": "map"})


def test_whether_cells_are_missing_comes_from_the_schema():
    full = people().fillna({"minutes": 30})
    assert private(1.0, full).codes_.missing.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("epsilon", "delta", "part"),
    [
        (0, 1e-5, "epsilon"),
        (-1.0, 1e-5, "epsilon"),
        (np.inf, 1e-5, "epsilon"),
        (np.nan, 1e-5, "epsilon"),
        ("1", 1e-5, "epsilon"),
        (1.0, 0.0, "delta"),
        (1.0, 1.0, "delta"),
        (1.0, -0.1, "delta"),
        (1.0, np.nan, "delta"),
        (1.0, None, "delta"),
    ],
)
def test_an_impossible_budget_is_a_clear_error(epsilon, delta, part):
    with pytest.raises(PrivacyError, match=f"{part} must be"):
        MarginalSynthesizer(epsilon, delta).fit(people(), SCHEMA)


def test_ranges_must_be_known_beforehand():
    with pytest.raises(TableError, match=r"known beforehand.*schema=schema.*app, minutes, late"):
        MarginalSynthesizer(1.0).fit(people())
    open_end = replace(SCHEMA.columns[1], maximum=None)
    schema = replace(SCHEMA, columns=(SCHEMA.columns[0], open_end, SCHEMA.columns[2]))
    with pytest.raises(TableError, match=r"Without one: minutes\. Give .*replace\(schema\['min"):
        MarginalSynthesizer(1.0).fit(people(), schema)


def test_a_refused_private_fit_leaves_the_earlier_one_whole():
    model = private()
    before = model.sample(20)
    with pytest.raises(TableError):
        model.fit(people())
    pd.testing.assert_frame_equal(model.sample(20), before)


@pytest.mark.parametrize("wrong", ["abc", [SCHEMA]])
def test_what_is_no_schema_is_refused(wrong):
    with pytest.raises(TableError, match=r"Expected a Schema.*fit\(table, schema=schema\)"):
        MarginalSynthesizer(1.0).fit(people(), wrong)


@pytest.mark.parametrize("name", ["minutes", "late"])
def test_what_may_be_missing_needs_a_dtype_that_has_a_missing_value(name):
    whole = people().fillna({"minutes": 30}).astype({"minutes": "int64"})
    minutes = Column("minutes", "integer", "int64", 0, 120)
    columns = [SCHEMA["app"], minutes, SCHEMA["late"]]
    known = [replace(c, missing=0.1) if c.name == name else c for c in columns]
    with pytest.raises(TableError, match=f"{name!r} may be missing .*no missing value"):
        MarginalSynthesizer(1.0).fit(whole, Schema(tuple(known)))
    can_be = {"minutes": "Int64", "late": "boolean"}[name]
    known = [replace(c, dtype=can_be) if c.name == name else c for c in known]
    made = MarginalSynthesizer(0.1).fit(whole.astype({name: can_be}), Schema(tuple(known)))
    assert made.sample(5, given={name: None})[name].isna().all()


# --- what takes the promise back ---


def test_a_known_seed_is_warned_of_unless_the_fit_is_for_study(recwarn):
    with pytest.warns(PrivacyWarning, match="knows random_state=4 can take the noise off") as told:
        private(random_state=4)
    assert told[0].filename == __file__
    recwarn.clear()
    with for_study():
        private(random_state=4)
    private(random_state=None)
    MarginalSynthesizer().fit(people())
    assert not recwarn.list


def test_a_schema_read_off_the_rows_is_warned_of():
    table, model = people(), MarginalSynthesizer(1.0, random_state=None)
    with pytest.warns(PrivacyWarning, match="just those of the rows in: app, minutes") as told:
        model.fit(table, Schema.infer(table))
    assert told[0].filename == __file__
    words = table[["app"]]
    with pytest.warns(PrivacyWarning, match="just those of the rows in: app"):
        model.fit(words, Schema.infer(words))


def test_no_share_of_missing_cells_is_kept():
    told = replace(SCHEMA["minutes"], missing=float(people()["minutes"].isna().mean()))
    schema = replace(SCHEMA, columns=(SCHEMA["app"], told, SCHEMA["late"]))
    model = MarginalSynthesizer(1.0).fit(people(), schema)
    assert told.missing not in held(fitted(model)) and model.schema_ == SCHEMA


def test_noise_has_a_stream_of_its_own(monkeypatch):
    """Not that of the fit, from which all else is drawn."""
    streams, fit = [], MarginalSynthesizer._fit

    class Noted(Mechanisms):
        def __init__(self, budget, rng):
            streams.append(rng)
            super().__init__(budget, rng)

    def noted(self, columns, rng):
        streams.append(rng)
        return fit(self, columns, rng)

    monkeypatch.setattr(marginals, "Mechanisms", Noted)
    monkeypatch.setattr(MarginalSynthesizer, "_fit", noted)
    private(random_state=3)
    of_fit, of_noise = streams
    assert of_fit is not of_noise
    drawn = [np.random.default_rng(seed).random(2_000) for seed in (3, [1, 3])]  # fit and sampling
    told = noise_stream(3).random(2_000)
    assert max(abs(np.corrcoef(told, other)[0, 1]) for other in drawn) < 0.1


# --- is the promise kept ---


def audited(epsilon: float, delta: float, canaries: int = 4_000, guesses: int = 200) -> float:
    """Lower bound on the epsilon of a whole fit: each canary is the one row of its category, or is
    not there; the attacker takes those for members whose chance stands out."""
    member = np.random.default_rng(0).random(canaries) < 0.5
    names = np.array([f"{number:04}" for number in range(canaries)], dtype=object)
    column = Column("name", "category", "object", categories=tuple(names.tolist()))
    table = pd.DataFrame({"name": names[member]})
    model = MarginalSynthesizer(epsilon, delta, degree=0).fit(table, Schema((column,)))
    surest = np.argsort(-model.margins_["name"].chances, kind="stable")[:guesses]
    return epsilon_from_one_run(int(member[surest].sum()), guesses, canaries, delta)


def test_an_audit_of_a_whole_fit_keeps_below_the_promise_and_finds_noise_that_is_not_there(
    monkeypatch,
):
    delta = 1e-6
    assert 0.3 < audited(4.0, delta) < 4.0, "it sees something, but not too much"
    monkeypatch.setattr("utils.privacy.mechanisms.noise_of", lambda rho: 0.0)
    assert audited(4.0, delta, guesses=1_000) > 4.0


AWKWARD = {
    "all missing": (
        pd.DataFrame({"x": pd.Series([None] * 9, dtype="float64"), "y": [1.0] * 9}),
        Schema(
            (
                Column("x", "number", "float64", missing=1.0),
                Column("y", "number", "float64", 1.0, 1.0),
            )
        ),
    ),
    "one row": (people(1), SCHEMA),
    "dates": (
        pd.DataFrame({"day": pd.date_range("2024-01-01", periods=300)}),
        Schema(
            (Column("day", "date", "datetime64[ns]", "2023-01-01", "2026-01-01", resolution="D"),)
        ),
    ),
    "any float": (
        pd.DataFrame({"x": np.random.default_rng(0).normal(size=500)}),
        Schema((Column("x", "number", "float64", -50.0, 50.0),)),
    ),
    "a wide range": (
        pd.DataFrame({"x": np.arange(500)}),
        Schema((Column("x", "integer", "int64", -(2**40), 2**40),)),
    ),
}


@pytest.mark.parametrize("case", AWKWARD)
@pytest.mark.parametrize("epsilon", [0.01, 100.0])
def test_awkward_tables_are_fitted_with_noise_too(case, epsilon):
    table, schema = AWKWARD[case]
    made = MarginalSynthesizer(epsilon).fit(table, schema).sample(60)
    validate(made, schema)
    assert made.dtypes.equals(table.dtypes)
