"""White-box membership inference: was this row in training? The attacker holds the fitted network,
not only what it draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from utils.dtypes import dtype_of
from utils.encoding import to_array
from utils.schema import Schema
from utils.scoring.judge import check_tables, one_thread
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.given import read_given
from utils.synthesizers.neural import pieces
from utils.training import tf

LOOKS, DESTROYED = 16, 128  # how often a row is encoded anew; how often diffusion destroys it anew
WRITTEN = 8_192  # rows of the GAN's own, beside whose marks a row's mark is read


@one_thread
def white_box_belief(
    model: Synthesizer,
    records: pd.DataFrame,
    reference_model: Synthesizer | None = None,
    random_state: int = 0,
) -> np.ndarray:
    """How well a fitted network knows each record, float64 (records,): the better, the rather it
    was in training (Yeom et al. 2018: a record of low loss; Chen et al. 2020, GAN-Leaks, section
    4.4, white box).

    - autoregressive : the logarithm of the row's probability, exact.
    - vae : the bound on the logarithm of the probability of the row's codes, a mean over noise.
    - diffusion : less the loss of training, a mean over how much of the row is destroyed (a bound
      for its tokens; for its scores the error of the velocity; Carlini et al. 2023, section 5.2.2).
    - gan : the critic's mark, less its mean mark of rows that the generator wrote with the same
      first cell, as it learned to compare rows of one first cell only (Hayes et al. 2019, LOGAN).

    A common row is known well by any network. A reference model says how well: its belief is taken
    off (difficulty calibration: Watson et al. 2022), a log ratio where both are likelihoods.

    model : one of these four, fitted.  reference_model : of the same method, fitted by the attacker
    to other rows of the population.

    Raises ValueError for another method, a reference of another one, or a category that training
    never saw; TableError for a column that is lacking.
    """
    belief = _method(model)
    if reference_model is not None and reference_model.method != model.method:
        raise ValueError(
            f"A reference model must be of the method of the model, {model.method!r}, not "
            f"{reference_model.method!r}: their beliefs have different units."
        )
    known = belief(model, records, np.random.default_rng(random_state))
    if reference_model is None:
        return known
    return known - belief(reference_model, records, np.random.default_rng(random_state))


def _method(model) -> Callable:
    """What the network of this method tells of a row."""
    method = getattr(model, "method", None)
    if method not in BELIEFS:
        raise ValueError(
            f"{type(model).__name__} has no network that marks a row. White-box beliefs work for: "
            f"{', '.join(BELIEFS)}. For others see distance_belief and density_ratio_belief."
        )
    check_is_fitted(model)
    return BELIEFS[method]


def _columns(model, records: pd.DataFrame) -> dict[str, np.ndarray]:
    """The records as the method's ``_fit`` gets them, but for ranks within groups."""
    schema: Schema = model.schema_
    check_tables(schema, records=records)
    for column in schema.columns:
        values = records[column.name]
        asked = list(values.dropna().unique()) if column.discrete else []
        for value in [*asked, None] if values.isna().any() else asked:
            read_given({column.name: value}, schema, model.seen_)
    dates = [column for column in schema.columns if column.kind == "date"]
    records = records.astype({column.name: dtype_of(column.dtype) for column in dates})
    return {column.name: to_array(records[column.name], column) for column in schema.columns}


def _likelihood(model, records, rng) -> np.ndarray:
    return model.log_likelihood(records)


def _bound(model, records, rng) -> np.ndarray:
    columns = _columns(model, records)

    def encode(rng):
        codes = model.codes_.encode(model.ranks_.transform(columns, rng))
        return [codes[:, model._places]]

    def bound(batch, key):
        losses, divergences = model._network.losses(batch[0], key)
        return -(tf.add_n(losses) + divergences)

    return _mean_over(LOOKS, encode, bound, int(model.codes_.sizes.sum()), rng)


def _denoising(model, records, rng) -> np.ndarray:
    columns = _columns(model, records)

    def encode(rng):
        return model.rows_.encode(model.ranks_.transform(columns, rng), rng)

    def less_loss(batch, key):
        parts = model._network.losses(batch, key)
        return -tf.add_n([tf.reduce_sum(part, axis=1) for part in parts])

    return _mean_over(DESTROYED, encode, less_loss, int(model.rows_.tokens.sizes.sum()), rng)


def _mark(model, records, rng) -> np.ndarray:
    columns, names = _columns(model, records), model.order_
    generator, critic = model._network.generator, model._network.critic

    def encode(rng):
        cells = model.rows_.encode(model.ranks_.transform(columns, rng), rng)
        return [cells[name] for name in names]

    def mark(batch, key):
        cells = [
            tf.one_hot(cell, size) if size else cell[:, None]
            for cell, size in zip(batch, generator.sizes)
        ]
        blocks = [
            tf.stack(cells[block.first : block.first + block.columns], axis=1)
            for block in generator.blocks
        ]
        return critic(generator.row(blocks))[:, 0]

    first, size = encode(rng)[0], generator.sizes[0]
    usual = _usual_marks(model, size, rng)
    return _mean_over(LOOKS, encode, mark, generator.width, rng) - usual[first if size else 0]


def _usual_marks(model, size: int, rng) -> np.ndarray:
    """The critic's mean mark of written rows by their first cell, float64 (size,), or of all."""
    *cells, marks = model._candidates(WRITTEN, {}, rng)  # nothing is asked: weights are marks
    first = cells[0] if size else np.zeros(len(marks), np.int64)
    counts = np.bincount(first, minlength=size)
    sums = np.bincount(first, marks, minlength=size)
    return np.where(counts > 0, sums / np.maximum(counts, 1), marks.mean())


def _mean_over(looks: int, encode, tell, width: int, rng) -> np.ndarray:
    """Mean of what the network tells of rows that are encoded and disturbed anew each time.

    The rows come in another order each time: how much of a row diffusion destroys goes by its place
    in the batch, so neighbours would be lucky together.
    """
    compiled, total = tf.function(tell, autograph=False, reduce_retracing=True), 0.0
    for _ in range(looks):
        arrays = encode(rng)
        order = rng.permutation(len(arrays[0]))
        told = np.empty(len(order))
        for piece in pieces(len(order), width):
            rows, key = order[piece], rng.integers(2**31, size=2, dtype=np.int32)
            told[rows] = compiled([tf.constant(array[rows]) for array in arrays], tf.constant(key))
        total += told
    return total / looks


BELIEFS = {"autoregressive": _likelihood, "vae": _bound, "diffusion": _denoising, "gan": _mark}
