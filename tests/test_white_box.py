"""What the owner of the weights finds: overfitted networks know their rows, others know none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from utils.attacks import Evidence, white_box_belief
from utils.schema import Schema, TableError
from utils.synthesizers import SYNTHESIZERS, TreeSynthesizer
from utils.training import tf

ROWS = 200
OVERFITTED = {  # few bins, many passes, no early stop: a fit of seconds
    "autoregressive": {"epochs": 150, "bins": 16, "units": 64},
    "vae": {"epochs": 200, "bins": 16, "patience": 1_000},
    "diffusion": {"epochs": 400, "patience": 1_000},
    "gan": {"epochs": 80},
}


def people(seed: int) -> pd.DataFrame:
    """Two linked numbers and a category, no two rows alike."""
    rng = np.random.default_rng(seed)
    size = rng.normal(size=ROWS)
    weight, height = (size + rng.normal(0, 0.5, ROWS) for _ in range(2))
    kind = rng.choice(list("abcdefgh"), ROWS)
    return pd.DataFrame({"weight": weight, "height": height, "kind": kind})


TRAIN, OTHERS, ELSE = (people(seed) for seed in (1, 2, 3))
SCHEMA = Schema.infer(pd.concat([TRAIN, OTHERS, ELSE]))
RECORDS = pd.concat([TRAIN, OTHERS], ignore_index=True)
MEMBER = np.arange(2 * ROWS) < ROWS


@pytest.fixture(scope="module", params=OVERFITTED)
def fits(request):
    """A network fitted to the members, and one of the same method fitted to other rows."""
    make = SYNTHESIZERS[request.param]
    return [
        make(random_state=0, **OVERFITTED[request.param]).fit(rows, schema=SCHEMA)
        for rows in (TRAIN, ELSE)
    ]


def test_an_overfitted_network_knows_its_rows_and_no_others(fits):
    model, other = fits
    alone, ratio = white_box_belief(model, RECORDS), white_box_belief(model, RECORDS, other)
    found = Evidence(ratio, MEMBER)
    assert found.auc > 0.6 and found.auc_interval()[0] > 0.55
    nobody = Evidence(white_box_belief(other, RECORDS), MEMBER)
    low, high = nobody.auc_interval(0.99)
    assert low < 0.5 < high
    assert np.allclose(ratio, alone - white_box_belief(other, RECORDS))
    again = white_box_belief(model, RECORDS)
    assert np.array_equal(alone, again) and alone.dtype == np.float64


@pytest.fixture(scope="module")
def bound():
    return SYNTHESIZERS["vae"](epochs=2).fit(TRAIN, schema=SCHEMA)


def test_the_likelihood_is_exact_and_the_bound_is_the_mean_of_the_losses(bound):
    model = SYNTHESIZERS["autoregressive"](epochs=1).fit(TRAIN, schema=SCHEMA)
    assert np.array_equal(white_box_belief(model, RECORDS), model.log_likelihood(RECORDS))
    columns = {name: RECORDS[name].to_numpy() for name in ("weight", "height")}
    columns["kind"] = np.searchsorted(SCHEMA["kind"].categories, RECORDS["kind"]).astype(np.int32)
    total, rng = 0, np.random.default_rng(1)
    for key in range(16):
        codes = bound.codes_.encode(bound.ranks_.transform(columns, rng))[:, bound._places]
        losses, divergences = bound._network.losses(tf.constant(codes), tf.constant([key, 5]))
        total = total - np.sum(losses, axis=0) - divergences.numpy()
    assert np.corrcoef(white_box_belief(bound, RECORDS), total / 16)[0, 1] > 0.98
    assert white_box_belief(bound, RECORDS).mean() == pytest.approx(np.mean(total / 16), abs=0.1)


def test_what_has_no_network_or_another_one_is_refused(bound):
    trees = TreeSynthesizer().fit(TRAIN, schema=SCHEMA)
    with pytest.raises(ValueError, match="TreeSynthesizer.*autoregressive, vae, diffusion, gan"):
        white_box_belief(trees, RECORDS)
    with pytest.raises(ValueError, match="must be of the method of the model, 'vae', not 'trees'"):
        white_box_belief(bound, RECORDS, trees)
    with pytest.raises(TableError, match="lacks the column 'kind'"):
        white_box_belief(bound, RECORDS.drop(columns="kind"))
    with pytest.raises(ValueError, match="kind"):
        white_box_belief(bound, RECORDS.assign(kind="z"))
    with pytest.raises(ValueError, match="weight"):
        white_box_belief(bound, RECORDS.assign(weight=np.nan))
