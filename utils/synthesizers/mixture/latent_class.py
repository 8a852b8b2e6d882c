"""Latent-class mixture for wide tables of mixed columns: inside a class, the columns are
independent.

Every column is a code (numbers in quantile bins), class k has one probability table a column, and
EM finds classes and tables together (Lazarsfeld and Henry 1968; EM by Dempster, Laird and Rubin
1977). With several hundred classes the mixture follows almost any joint distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy import sparse

from utils.encoding import TableCodes
from utils.encoding.codes import spans
from utils.encoding.groups import ROWS_PER_CLASS, Groups
from utils.saving import savable
from utils.schema import Schema
from utils.synthesizers.draws import draw_from_tables

MOST_CLASSES = 1_600
BATCH_ROWS = 8_192
TINY = 1e-12


def fit_latent_classes(
    codes: np.ndarray,
    sizes: np.ndarray,
    classes: int,
    rng: np.random.Generator,
    iterations: int = 10,
    smoothing: float = 0.1,
    dtype=np.float32,
):
    """Fit by EM from a random start: half a row of the table, half the shares in the table, shaken
    a little because classes that start alike stay alike.

    Parameters
    ----------
    codes : int (n, d), column j with values 0 .. sizes[j] - 1.  classes : K.
    smoothing : pseudo-rows added to each class, spread as in the whole table; values that never
        occur stay impossible. With 0, EM maximises the plain likelihood.

    Returns
    -------
    weights float64 (K,), tables (K, sum(sizes)) with the columns side by side, and the mean
    log-likelihood (plus log-prior) a row before each iteration, in nats: it never falls.
    """
    n = len(codes)
    starts = np.array([span.start for span in spans(sizes)])
    flat = (codes + starts).astype(np.int32)
    margins = np.bincount(flat.ravel(), minlength=sizes.sum()) / n
    tables = 0.5 * _normalised(
        margins * rng.uniform(0.5, 1.5, (classes, sizes.sum())), starts, sizes, margins
    )
    np.add.at(
        tables,
        (np.arange(classes)[:, None], flat[rng.choice(n, classes, replace=classes > n)]),
        0.5,
    )
    weights, history = np.full(classes, 1 / classes), []
    batches = [
        _one_hot(flat[start : start + BATCH_ROWS], sizes.sum(), dtype)
        for start in range(0, n, BATCH_ROWS)
    ]
    for _ in range(iterations):
        likelihood, weights, counts = _expectation(batches, weights, tables, dtype)
        history.append((likelihood + _log_prior(tables, margins, smoothing)) / n)
        tables = _normalised(counts + smoothing * margins, starts, sizes, margins)
    return weights, tables, np.array(history)


def _normalised(counts, starts, sizes, margins):
    """Tables (K, width) whose columns each sum to 1; a class that lost all its rows gets the
    margins."""
    totals = np.repeat(np.add.reduceat(counts, starts, axis=1), sizes, axis=1)
    return np.where(totals > TINY, counts / np.maximum(totals, TINY), margins)


def _one_hot(flat, width, dtype):
    rows, columns = flat.shape
    pointers = np.arange(0, rows * columns + 1, columns)
    return sparse.csr_matrix(
        (np.ones(rows * columns, dtype), flat.ravel(), pointers), shape=(rows, width)
    )


def _expectation(batches, weights, tables, dtype):
    """Sum of log-likelihoods, new class weights, and expected counts (K, width) under the current
    model."""
    log_tables = np.log(np.maximum(tables.T, TINY)).astype(dtype)
    log_weights = np.log(np.maximum(weights, TINY)).astype(dtype)
    likelihood, sizes, counts = 0.0, 0.0, 0.0
    for batch in batches:
        share = batch @ log_tables + log_weights
        peak = share.max(axis=1, keepdims=True)
        np.exp(share - peak, out=share)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        likelihood += float((peak + np.log(total)).sum(dtype=np.float64))
        sizes = sizes + share.sum(axis=0, dtype=np.float64)
        counts = counts + (batch.T @ share).T.astype(np.float64)
    return likelihood, sizes / sizes.sum(), counts


def _log_prior(tables, margins, smoothing):
    return (
        smoothing * float((margins * np.log(np.maximum(tables, TINY))).sum()) if smoothing else 0.0
    )


@savable
@dataclass
class LatentClasses:
    """A whole table as a mixture of classes.

    codes : how the columns become codes.  weights : float64 (K,), of sum 1.  tables : float32 (K,
    sum of sizes).  log_likelihood : mean a row after each iteration of EM, in nats.
    """

    codes: TableCodes
    weights: Annotated[np.ndarray, "share k"]
    tables: Annotated[np.ndarray, "share k w"]
    log_likelihood: Annotated[np.ndarray, "float _"]

    @classmethod
    def fit(
        cls, columns, schema: Schema, bins: int, classes: int | None, rng, **options
    ) -> LatentClasses:
        """Read the columns of :meth:`Synthesizer._fit`; apart for each value of a discrete target.

        bins : most of a number.  classes : None takes one for every 20 rows, at most 1,600.
        options : of :func:`fit_latent_classes`.
        """
        coder = TableCodes.fit(columns, schema, bins)
        codes = coder.encode(columns)
        total = classes or int(np.clip(len(codes) // ROWS_PER_CLASS, 1, MOST_CLASSES))
        strata = _strata(codes, schema, total)
        parts = [
            fit_latent_classes(codes[rows], coder.sizes, count, rng, **options)
            for rows, count in strata
        ]
        shares = np.array([len(rows) for rows, _ in strata]) / len(codes)
        return cls(
            coder,
            np.concatenate([share * weights for share, (weights, _, _) in zip(shares, parts)]),
            np.vstack([tables for _, tables, _ in parts]).astype(np.float32),
            sum(share * history for share, (_, _, history) in zip(shares, parts)),
        )

    def fits(self, schema: Schema) -> bool:
        """Whether every class has a table for every column."""
        whole = self.codes.fits(schema) and self.tables.shape[1] == self.codes.sizes.sum()
        return whole and all(
            (self.tables[:, span].sum(axis=1) > 0).all() for span in self.codes.spans
        )

    def sample(self, n: int, given: dict, schema: Schema, rng: np.random.Generator) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them: a class, then each cell from it.

        A given cell that a class cannot have counts as very unlikely, so that some class is left.
        """
        spans, weights = self.codes.spans, self.weights.astype(np.float64)
        for place, code in self.codes.encode_given(given).items():
            weights = weights * np.maximum(self.tables[:, spans[place]][:, code], TINY)
            weights /= weights.sum()
        classes = rng.choice(len(weights), n, p=weights / weights.sum())
        drawn = [draw_from_tables(self.tables[:, span], classes, rng) for span in spans]
        return self.codes.decode(np.column_stack(drawn), schema, given, rng)


def _strata(codes, schema, total) -> list[tuple[np.ndarray, int]]:
    """Row numbers and number of classes for each value of the target; all rows without one."""
    target = schema.target
    if target is not None and schema[target].discrete:
        values = codes[:, [schema.names.index(target)]]
        groups = Groups.fit(values)
        if len(groups) * 4 <= total:
            return list(
                zip(
                    [rows for _, rows in groups.rows(values)],
                    share_of_classes(total, groups.counts),
                )
            )
    return [(np.arange(len(codes)), total)]


def share_of_classes(total: int, sizes: np.ndarray) -> np.ndarray:
    """How many classes each stratum gets: by the square root of its size, at least one, at most one
    a row."""
    share = np.sqrt(sizes) / np.sqrt(sizes).sum()
    return np.minimum(np.maximum(np.rint(total * share).astype(int), 1), sizes)
