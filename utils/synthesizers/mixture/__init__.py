"""Mixtures: Gaussian ones given the category for narrow tables, latent classes for wide mixed
ones."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from utils.encoding import QuantileBins, grid_step
from utils.encoding.spikes import find_spikes
from utils.synthesizers.base import Synthesizer, draw_from_tables
from utils.synthesizers.mixture import gaussian
from utils.synthesizers.mixture.latent_class import fit_latent_classes, share_of_classes

ROWS_PER_GROUP = 30


class MixtureSynthesizer(Synthesizer):
    """A mixture model for mixed tables.

    kind : "gaussian" (each combination of categories gets a Gaussian mixture of its numbers),
        "latent_class" (a mixture over all columns, in which a class holds one table a column), or
        "auto": Gaussian if there are numbers and on average 30 rows or more for each combination of
        categories, latent classes otherwise.
    components : the most Gaussian components a cell may get; BIC chooses how many it does get.
    classes : the number of latent classes; None takes one for every 32 rows, at most 1,000.
    bins : quantile bins of a number, iterations : of EM, smoothing : pseudo-rows a class (latent
    classes only).

    Fitted with latent classes, ``log_likelihood_`` holds the mean log-likelihood a row after each
    iteration. If the schema has a discrete target, its classes are fitted apart for each value of
    it, which keeps what predicts it.
    """

    method = "mixture"

    def __init__(
        self,
        kind: str = "auto",
        components: int = 6,
        classes: int | None = None,
        bins: int = 48,
        iterations: int = 15,
        smoothing: float = 0.1,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.kind, self.components, self.classes, self.bins = kind, components, classes, bins
        self.iterations, self.smoothing = iterations, smoothing

    def _fit(self, columns, rng):
        self._check_counts(
            "components", "bins", "iterations", *(["classes"] if self.classes is not None else [])
        )
        discrete = [column.name for column in self.schema_.columns if column.discrete]
        numeric = [column.name for column in self.schema_.columns if not column.discrete]
        self.kind_ = self._choose(columns, discrete, numeric)
        if self.kind_ == "gaussian":
            self.model_ = _fit_gaussian(
                columns, discrete, numeric, self.schema_, self.components, rng
            )
        else:
            self.model_ = self._fit_classes(columns, rng)

    def _choose(self, columns, discrete, numeric) -> str:
        if self.kind not in ("auto", "gaussian", "latent_class"):
            raise ValueError(
                f"kind must be 'auto', 'gaussian' or 'latent_class', not {self.kind!r}."
            )
        if self.kind != "auto":
            return self.kind
        if not numeric:
            return "latent_class"
        if not discrete:
            return "gaussian"
        groups = np.unique(np.column_stack([columns[name] for name in discrete]), axis=0)
        rows = len(columns[numeric[0]])
        return (
            "gaussian"
            if len(groups) * ROWS_PER_GROUP <= rows or len(groups) == 1
            else "latent_class"
        )

    def _fit_classes(self, columns, rng) -> dict:
        bins = {
            column.name: QuantileBins.fit(values[~np.isnan(values)], self.bins)
            for column, values in (
                (column, columns[column.name]) for column in self.schema_.columns
            )
            if not column.discrete and not np.isnan(values).all()
        }
        sizes = np.array([self._size(column, bins) for column in self.schema_.columns])
        codes = np.column_stack(
            [
                self._encode(columns[column.name], column, bins, size)
                for column, size in zip(self.schema_.columns, sizes)
            ]
        )
        strata = self._strata(codes)
        parts = [
            fit_latent_classes(codes[rows], sizes, classes, rng, self.iterations, self.smoothing)
            for rows, classes in strata
        ]
        shares = np.array([len(rows) for rows, _ in strata]) / len(codes)
        self.log_likelihood_ = sum(share * part[2] for share, part in zip(shares, parts))
        return {
            "bins": bins,
            "sizes": sizes,
            "weights": np.concatenate([share * part[0] for share, part in zip(shares, parts)]),
            "tables": np.vstack([part[1] for part in parts]).astype(np.float32),
        }

    def _strata(self, codes) -> list[tuple[np.ndarray, int]]:
        """Row numbers and number of classes for each value of the target; all rows together without
        one."""
        total = self.classes or int(np.clip(len(codes) // 32, 1, 1_000))
        target = self.schema_.target
        if target is None or not self.schema_[target].discrete:
            return [(np.arange(len(codes)), total)]
        values, strata = np.unique(codes[:, self.schema_.names.index(target)], return_inverse=True)
        if len(values) * 4 > total:
            return [(np.arange(len(codes)), total)]
        groups = [np.flatnonzero(strata == number) for number in range(len(values))]
        return list(zip(groups, share_of_classes(total, np.array([len(rows) for rows in groups]))))

    @staticmethod
    def _size(column, bins) -> int:
        """Number of codes of a column: its values or bins, and one more for missing."""
        return (len(column.categories) if column.discrete else len(bins.get(column.name, ()))) + 1

    @staticmethod
    def _encode(values, column, bins, size):
        codes = (
            values
            if column.discrete
            else bins[column.name].encode(values)
            if column.name in bins
            else np.full(len(values), -1)
        )
        return np.where(codes < 0, size - 1, codes).astype(np.int32)

    def _sample(self, n, given, rng):
        if self.kind_ == "gaussian":
            return _sample_gaussian(self.model_, n, given, self.schema_, rng)
        return self._sample_classes(n, given, rng)

    def _sample_classes(self, n, given, rng):
        model, starts = self.model_, np.append(0, np.cumsum(self.model_["sizes"]))
        weights = np.log(np.maximum(model["weights"], 1e-300))
        spans = {
            column.name: slice(starts[j], starts[j + 1])
            for j, column in enumerate(self.schema_.columns)
        }
        for name, value in given.items():
            size = spans[name].stop - spans[name].start
            code = self._encode(np.array([value]), self.schema_[name], model["bins"], size)[0]
            with np.errstate(divide="ignore"):
                weights = weights + np.log(model["tables"][:, spans[name].start + code])
        if not np.isfinite(weights).any():
            raise ValueError(
                f"No row with {', '.join(given)} as asked is possible under the model. Ask for fewer "
                "conditions at once."
            )
        weights = np.exp(weights - logsumexp(weights))
        classes = rng.choice(len(weights), n, p=weights / weights.sum())
        return {
            column.name: self._draw(column, classes, spans[column.name], given, rng)
            for column in self.schema_.columns
        }

    def _draw(self, column, classes, span, given, rng):
        if column.name in given:
            return np.full(
                len(classes), given[column.name], dtype=np.int32 if column.discrete else np.float64
            )
        codes = draw_from_tables(self.model_["tables"][:, span], classes, rng)
        codes = np.where(codes == span.stop - span.start - 1, -1, codes).astype(np.int32)
        if column.discrete:
            return codes
        bins = self.model_["bins"].get(column.name)
        return np.full(len(classes), np.nan) if bins is None else bins.draw(codes, rng)


def _fit_gaussian(columns, discrete, numeric, schema, components, rng) -> dict:
    rows = len(columns[schema.names[0]])
    codes = (
        np.column_stack([columns[name] for name in discrete])
        if discrete
        else np.zeros((rows, 0), np.int32)
    )
    values = (
        np.column_stack([columns[name] for name in numeric]) if numeric else np.zeros((rows, 0))
    )
    steps = np.array([grid_step(schema[name]) for name in numeric])
    spread = np.array(
        [np.nanstd(column) if not np.isnan(column).all() else 0.0 for column in values.T]
    )
    cells = []
    for group, members in _groups(codes):
        spikes = [find_spikes(column) for column in values[members].T]
        for state, chosen in _groups(gaussian.states(values[members], spikes)):
            free = state == gaussian.FREE
            cell = {
                "codes": group,
                "state": state,
                "free": free,
                "share": len(chosen) / rows,
                "fixed": np.array(
                    [spikes[j][k - 1] if k > 0 else np.nan for j, k in enumerate(state)]
                ),
            }
            if free.any():
                cell |= gaussian.fit_cell(
                    values[members][chosen][:, free], steps[free], spread[free], components, rng
                )
            cells.append(cell)
    return {"discrete": discrete, "numeric": numeric, "cells": cells}


def _groups(matrix):
    """Each distinct row of a matrix with the numbers of the rows that equal it."""
    distinct, inverse = (
        np.unique(matrix, axis=0, return_inverse=True)
        if matrix.shape[1]
        else (matrix[:1], np.zeros(len(matrix), dtype=int))
    )
    order = np.argsort(inverse.ravel(), kind="stable")
    return zip(distinct, np.split(order, np.cumsum(np.bincount(inverse.ravel()))[:-1]))


def _sample_gaussian(model, n, given, schema, rng) -> dict:
    wanted_codes = np.array([given.get(name, -2) for name in model["discrete"]])
    wanted = np.array([given.get(name, np.inf) for name in model["numeric"]])  # inf: not asked for
    weights, cells = zip(*(_condition_cell(cell, wanted_codes, wanted) for cell in model["cells"]))
    if not np.isfinite(weights).any():
        raise ValueError(
            f"No row with {', '.join(given)} as asked is possible under the model. Ask for fewer "
            "conditions at once, or for values that occur together."
        )
    shares = np.exp(np.array(weights) - logsumexp(weights))
    counts = rng.multinomial(n, shares / shares.sum())
    codes = np.repeat([cell["codes"] for cell in cells], counts, axis=0).astype(np.int32)
    values = np.vstack([_draw_cell(cell, count, wanted, rng) for cell, count in zip(cells, counts)])
    order = rng.permutation(n)
    return {name: codes[order, j] for j, name in enumerate(model["discrete"])} | {
        name: values[order, j] for j, name in enumerate(model["numeric"])
    }


def _condition_cell(cell, wanted_codes, wanted):
    """Log-weight of a cell under the condition, and the cell with its mixture conditioned."""
    asked = ~np.isinf(wanted)
    agrees = ((wanted_codes == -2) | (wanted_codes == cell["codes"])).all()
    fixed_agrees = np.isclose(cell["fixed"], wanted, equal_nan=True)[asked & ~cell["free"]].all()
    if not (agrees and fixed_agrees) or np.isnan(wanted[asked & cell["free"]]).any():
        return -np.inf, cell
    if not cell["free"].any():
        return np.log(cell["share"]), cell
    density, changed = gaussian.condition(cell, asked[cell["free"]], wanted[cell["free"]])
    return np.log(cell["share"]) + density, changed


def _draw_cell(cell, count, wanted, rng):
    values = np.tile(cell["fixed"], (count, 1))
    if cell["free"].any() and count:
        known = ~np.isinf(wanted[cell["free"]])
        values[:, cell["free"]] = gaussian.draw(cell, count, known, rng)
    return np.where(np.isinf(wanted), values, wanted)
