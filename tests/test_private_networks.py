"""The VAE and the autoregressive network with a promise of privacy: what they see of the rows, what
it costs, and that they learn."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from utils.privacy import Budget, PrivacyError, PrivacyWarning, epsilon_spent, for_study, training
from utils.privacy.mechanisms import Mechanisms
from utils.schema import Schema, TableError
from utils.synthesizers import AutoregressiveSynthesizer, Synthesizer, VAESynthesizer, private
from utils.synthesizers.neural import NeuralSynthesizer

pytestmark = pytest.mark.filterwarnings("ignore::utils.privacy.PrivacyWarning")  # as for_study
KINDS = (VAESynthesizer, AutoregressiveSynthesizer)
BUDGET = Budget(3.0, 1e-4)
ROWS = 1_500
each = pytest.mark.parametrize("kind", KINDS)


def rows(n: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """A plan hangs on the weather, minutes (some missing) on the plan."""
    rng = np.random.default_rng(seed)
    rain = rng.random(n) < 0.4
    film = rng.random(n) < np.where(rain, 0.9, 0.1)
    minutes = rng.integers(0, 20, n) + np.where(film, 60.0, 0.0)
    minutes[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame({"rain": rain, "plan": np.where(film, "film", "walk"), "minutes": minutes})


@cache
def schema() -> Schema:
    """What is known beforehand."""
    inferred = Schema.infer(rows())
    columns = [
        column if column.discrete else replace(column, minimum=0, maximum=200)
        for column in inferred.columns
    ]
    return replace(inferred, columns=tuple(columns))


def make(kind, epochs=2, **more) -> Synthesizer:
    return kind(**{"epochs": epochs, "units": 16, "privacy": BUDGET} | more)


@cache
def fitted(kind) -> Synthesizer:
    """Fitted once, with as many steps as by default."""
    return make(kind, epochs=None).fit(rows(), schema())


# --- what it costs ---


@each
def test_what_is_spent_is_what_the_counts_cost(kind):
    """And nothing else: no rho is the cost of the steps."""
    model = fitted(kind)
    assert sum(model.spent_.values()) == pytest.approx(kind.for_columns * BUDGET.rho)
    assert list(model.spent_) == [f"column {name}" for name in schema().names]


@each
def test_counts_and_steps_together_keep_the_budget_and_use_it_up(kind):
    """By the accountant, out of what the fit says of itself."""
    model = fitted(kind)
    plan, counts = model.plan_, sum(model.spent_.values())
    run = plan.noise_multiplier, plan.sampling_rate, plan.steps
    found = epsilon_spent(*run, BUDGET.delta, rho_besides=counts)
    assert 0.98 * BUDGET.epsilon < found <= BUDGET.epsilon
    assert plan.epsilon(BUDGET.delta) < found, "the counts cost something, too"
    assert model.epsilon(BUDGET.delta) == found < model.epsilon(BUDGET.delta / 100)


def test_gaussian_mechanisms_besides_are_one_with_their_costs_added():
    """A run whose rows are all in its one step is a Gaussian mechanism as well."""
    both = epsilon_spent(2.0, 1.0, 1, 1e-5, rho_besides=1 / 8)
    assert both == pytest.approx(epsilon_spent(2.0, 1.0, 2, 1e-5), rel=1e-3)


# --- nothing but mechanisms sees the rows ---


@each
def test_rows_are_seen_by_counts_and_noisy_steps_alone(kind, monkeypatch):
    """Where counts are those of other rows, and steps forget what they summed, the rows themselves
    change nothing: not the codes, the order, the network, nor what is drawn."""
    truth, add_noise, seen = {}, training.add_noise, []

    def count(self, what, counts, rho):
        seen.append(what)
        self.ledger.spend(what, rho)
        fixed = truth.setdefault((what, len(seen)), np.full(counts.shape, 100.0))
        return fixed + self._rng.standard_normal(counts.shape)

    def forgetful(sums, spread, key):
        return add_noise([0 * total for total in sums], spread, key)

    monkeypatch.setattr(Mechanisms, "count", count)
    monkeypatch.setattr(training, "add_noise", forgetful)
    drawn = []
    for table in (rows(), rows(700, seed=5).assign(plan="walk", minutes=170.0)):
        seen.clear()
        model = make(kind).fit(table, schema())
        drawn.append([model.sample(200), *model.weights_, model.plan_, model.order_])
        assert len(seen) >= 3 and model.seen_ == {}
    pd.testing.assert_frame_equal(drawn[0][0], drawn[1][0])
    assert all(np.array_equal(*pair) for pair in zip(drawn[0][1:-2], drawn[1][1:-2]))
    assert drawn[0][-2:] == drawn[1][-2:]


@each
def test_nothing_is_held_out_scored_or_ranked(kind, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the rows are looked at without noise")

    for name in ("_hold_out", "_train"):
        monkeypatch.setattr(NeuralSynthesizer, name, never)
    monkeypatch.setattr("utils.synthesizers.base.GroupRanks.transform", never)
    monkeypatch.setattr("utils.synthesizers.base.what_was_seen", never)
    model = make(kind).fit(rows(), schema())
    assert list(model.history_["losses"]) == ["noisy gradient"] and not model.history_["scores"]


def test_a_row_more_changes_no_plan_but_by_the_noisy_number_of_rows():
    """Rate, steps and noise were fixed before the rows were touched."""
    plans = [make(VAESynthesizer).fit(rows(n), schema()).plan_ for n in (600, 601)]
    assert plans[0] == replace(plans[1], batch_size=plans[0].batch_size)
    assert plans[0].batch_size == pytest.approx(600 * plans[0].sampling_rate, rel=0.1)


def test_without_a_seed_the_noise_of_the_steps_is_the_systems(monkeypatch):
    """Not one drawn from a generator of numbers, which could be guessed."""
    seeds, train_privately = [], private.train_privately

    def noted(*told, seed, **more):
        seeds.append(seed)
        return train_privately(*told, seed=seed, **more)

    monkeypatch.setattr(private, "train_privately", noted)
    for state in (None, 3):
        make(VAESynthesizer, random_state=state).fit(rows(400), schema())
    assert seeds[0] is None and isinstance(seeds[1], int)


@each
def test_noise_has_a_stream_of_its_own(kind, monkeypatch):
    """What else a fit draws, such as the first weights, tells nothing of the noise."""
    streams, build = [], kind._build

    class Noted(Mechanisms):
        def __init__(self, budget, rng):
            streams.append(rng)
            super().__init__(budget, rng)

    def noted(self, rng):
        streams.append(rng)
        return build(self, rng)

    monkeypatch.setattr(private, "Mechanisms", Noted)
    monkeypatch.setattr(kind, "_build", noted)
    monkeypatch.setattr(kind, "_train_privately", lambda *_: None)
    make(kind, random_state=3).fit(rows(400), schema())
    noise, others = streams
    assert noise is not others
    drawn = np.random.default_rng(3).standard_normal(2_000)
    told = private.noise_stream(3).standard_normal(2_000)
    assert abs(np.corrcoef(drawn, told)[0, 1]) < 0.1
    assert not np.array_equal(*(private.noise_stream(None).random(4) for _ in range(2)))


@each
def test_a_fit_keeps_no_share_of_missing_cells(kind):
    model = fitted(kind)
    assert 0 < schema()["minutes"].missing != model.schema_["minutes"].missing == 0.5
    assert [column.missing for column in model.schema_.columns][:2] == [0, 0]


# --- what takes the promise back ---


@pytest.fixture
def nothing_learned(monkeypatch):
    """A fit that ends where it would look at the rows."""
    monkeypatch.setattr(private.PrivatelyTrained, "_fit_privately", lambda *_: None)


@each
def test_a_known_seed_is_warned_of_unless_the_fit_is_for_study(kind, nothing_learned, recwarn):
    with pytest.warns(PrivacyWarning, match="knows random_state=0 can take the noise off") as told:
        make(kind).fit(rows(), schema())
    assert told[0].filename == __file__
    recwarn.clear()
    with for_study():
        make(kind).fit(rows(), schema())
    make(kind, random_state=None).fit(rows(), schema())
    assert not recwarn.list


@each
def test_a_schema_read_off_the_rows_is_warned_of(kind, nothing_learned):
    with pytest.warns(PrivacyWarning, match="just those of the rows in: plan, minutes") as told:
        make(kind, random_state=None).fit(rows(), Schema.infer(rows()))
    assert told[0].filename == __file__


# --- what comes of it ---


@each
def test_it_learns_what_hangs_together_and_keeps_the_columns(kind):
    real, drawn = rows(), fitted(kind).sample(4_000)
    assert (drawn["plan"] == "film").mean() == pytest.approx(
        (real["plan"] == "film").mean(), abs=0.05
    )
    assert drawn["minutes"].isna().mean() == pytest.approx(0.1, abs=0.03)
    film = drawn["plan"] == "film"
    assert (film == drawn["rain"]).mean() > 0.75, "independent columns agree in about 0.5"
    assert drawn.loc[film, "minutes"].mean() > drawn.loc[~film, "minutes"].mean() + 30
    assert drawn["minutes"].dropna().between(0, 200).all()


@each
def test_a_saved_model_keeps_its_promise_and_draws_the_same(kind, tmp_path):
    model = fitted(kind)
    model.save(tmp_path / "model")
    loaded = Synthesizer.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.sample(50), model.sample(50))
    assert (loaded.privacy, loaded.plan_, loaded.spent_) == (BUDGET, model.plan_, model.spent_)
    again = clone(loaded)
    assert again.privacy == BUDGET and "Budget(epsilon=3.0, delta=0.0001)" in repr(again)


@each
def test_conditions_are_met(kind):
    drawn = fitted(kind).sample(60, given={"rain": True, "minutes": 65})
    assert drawn["rain"].all() and (drawn["minutes"] == 65).all()
    assert fitted(kind).sample(20, given={"minutes": None})["minutes"].isna().all()


def test_a_private_network_still_tells_likelihoods_and_fills_in():
    model = fitted(AutoregressiveSynthesizer)
    likely = pd.DataFrame({"rain": [True, True], "plan": ["film", "walk"], "minutes": [65.0, 65.0]})
    told = model.log_likelihood(likely)
    assert np.isfinite(told).all() and told[0] > told[1]
    filled = model.impute(likely.assign(minutes=np.nan))
    assert filled["minutes"].notna().all() and (filled["plan"] == likely["plan"]).all()


# --- what is refused ---


@each
def test_a_schema_without_ranges_is_refused(kind):
    with pytest.raises(TableError, match=r"known beforehand.*fit\(table, schema=schema\)"):
        make(kind).fit(rows())
    open_range = replace(
        schema(),
        columns=tuple(
            column if column.discrete else replace(column, minimum=None)
            for column in schema().columns
        ),
    )
    with pytest.raises(TableError, match="Without one: minutes"):
        make(kind).fit(rows(), open_range)


@each
@pytest.mark.parametrize("wrong", [1.0, (1.0, 1e-5), "1", {"epsilon": 1.0}])
def test_what_is_no_budget_is_refused(kind, wrong):
    with pytest.raises(PrivacyError, match=r"privacy must be a Budget.*Budget\(epsilon=1.0"):
        make(kind, privacy=wrong).fit(rows(), schema())


def test_a_delta_that_would_publish_a_row_is_refused_and_the_earlier_fit_stays():
    model = make(VAESynthesizer).fit(rows(), schema())
    before = model.sample(5)
    with pytest.raises(PrivacyError, match=r"published whole\. For about 1\d\d\d rows"):
        model.set_params(privacy=Budget(1.0, 0.01)).fit(rows(), schema())
    pd.testing.assert_frame_equal(model.sample(5), before)


@each
def test_a_checkpoint_is_refused(kind, tmp_path):
    path = tmp_path / "checkpoint"
    with pytest.raises(PrivacyError, match=r"no checkpoint.*Pass checkpoint=None\."):
        make(kind, checkpoint=path).fit(rows(), schema())
    kind(checkpoint=path)._check_parameters()  # without a promise there may be one


@pytest.fixture
def uncounted(monkeypatch):
    """Whoever counts a row is told off."""

    def never(*_, **__):
        raise AssertionError("the budget is being spent")

    monkeypatch.setattr(Mechanisms, "count", never)


@pytest.mark.parametrize("order", [["rain", "plan"], ["rain", "plan", "minutes", "more"]])
def test_an_order_of_other_columns_is_refused_before_a_row_is_counted(order, uncounted):
    with pytest.raises(ValueError, match="order must name each column once"):
        make(AutoregressiveSynthesizer, order=order).fit(rows(), schema())


@each
@pytest.mark.parametrize("wrong", ["abc", {"rain": "boolean"}])
def test_what_is_no_schema_is_refused_before_a_row_is_counted(kind, wrong, uncounted):
    with pytest.raises(TableError, match=r"Expected a Schema.*fit\(table, schema=schema\)"):
        make(kind).fit(rows(), wrong)


@each
@pytest.mark.parametrize(("name", "dtype"), [("rain", "bool"), ("minutes", "int64")])
def test_what_may_be_missing_needs_a_dtype_that_has_a_missing_value(kind, name, dtype, uncounted):
    table = rows().fillna({"minutes": 5}).astype({"minutes": "int64"})
    kinds = {"minutes": "integer", "rain": "boolean"}
    columns = [
        replace(column, kind=kinds[name], dtype=dtype, missing=0.1)
        if column.name == name
        else replace(column, missing=0.0)
        for column in schema().columns
    ]
    with pytest.raises(TableError, match=f"{name!r} may be missing .* dtype {dtype} has no"):
        make(kind).fit(table, replace(schema(), columns=tuple(columns)))


@each
def test_without_a_promise_nothing_is_spent(kind):
    model = kind(epochs=1, units=16).fit(rows(60))
    assert model.spent_ == {} and model.plan_ is None and model.seen_
    assert model.epsilon(1e-5) == np.inf


def test_biases_are_found_for_shares():
    logits = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    shares = np.array([0.5, 0.0, 0.2, 0.3])
    moved = np.exp(logits + private.bias_for(logits, shares))
    chances = (moved / moved.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(chances, shares, atol=1e-4)
