"""Noisy counts of a few columns together, made consistent and sampled: rows with a promise of
privacy."""

from __future__ import annotations

import numpy as np
import pandas as pd

from utils.encoding import TableCodes
from utils.encoding.codes import count_of_bins
from utils.privacy.accounting import Budget
from utils.privacy.mechanisms import Mechanisms, noise_of, noise_stream
from utils.privacy.study import warn_of_seed
from utils.saving import expect
from utils.schema import Schema
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.marginals.structure import grow
from utils.synthesizers.marginals.tree import Branch, Measured, agree, draw, hosts
from utils.synthesizers.margins import (
    GroupedMargin,
    code_column,
    count_table,
    exact_margins,
    table_codes,
)
from utils.synthesizers.promise import check_known, warn_of_ranges, without_shares

FOR_COLUMNS, FOR_CHOICES = 0.3, 0.1  # of the budget; the rest is for columns together
PRIOR_ROWS = 0.01  # by which the chances of a column alone count among counts without noise
LEAST_COUNT = 0.3  # spreads of its noise below which no count starts


class MarginalSynthesizer(Synthesizer):
    """Counts of two or three columns together, with noise that keeps a promise: differential
    privacy.

    First every column alone is counted, with noise. Then a tree grows: of all tables of a column
    with at most ``degree`` earlier ones, the exponential mechanism picks one that shows much
    dependence. These tables are counted, with noise again, and the distribution along the tree
    that is nearest to all noisy counts is found and sampled. After PrivBayes (Zhang et al. 2017),
    MST (McKenna, Miklau and Sheldon 2021) and AIM (McKenna et al. 2022), whose choice of tables
    goes on adaptively, and with the estimation of McKenna, Sheldon and Miklau 2019. A target that
    the schema names is in every table.

    epsilon, delta : the fit is (epsilon, delta)-differentially private for tables that differ by
        one row more; take delta far below 1 / rows. All that is kept of the rows is paid for,
        ``spent_`` says with what, in rho of zero-concentrated privacy. Ranges, categories, decimals
        and whether cells may be missing come from the schema, which must be passed and be known
        beforehand: one that was inferred from the rows breaks the promise (a PrivacyWarning where
        that shows; shares of missing cells are left out of ``schema_``). So does a ``random_state``
        that an attacker knows, who can take the noise off again: for a real release it must be None
        (a PrivacyWarning says so, except inside ``with utils.privacy.for_study():``). And the noise
        is made of floating-point numbers, whose last digits can tell more than the theory allows
        (Mironov 2012), by a generator that is not of cryptographic strength.
        Without an epsilon the same method makes no noise and no promise, and reads bins off the
        rows.
    degree : columns that a column is counted with, at most; 0 counts each column alone.
    bins : most codes of a number.

    Conditions are met exactly, by Bayes' rule along the tree, up to the bins and groups.
    """

    method = "marginals"
    codes_: TableCodes
    margins_: dict[str, GroupedMargin]
    branches_: list[Branch]
    spent_: dict[str, float]  # what was looked at -> rho; empty without an epsilon

    def __init__(
        self,
        epsilon: float | None = None,
        delta: float = 1e-5,
        degree: int = 2,
        bins: int = 64,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epsilon, self.delta = epsilon, delta
        self.degree, self.bins = degree, bins

    def fit(self, table: pd.DataFrame, schema: Schema | None = None) -> MarginalSynthesizer:
        """Learn from a table; with an epsilon, a schema with all ranges must be passed.

        Raises ValueError for parameters (PrivacyError for a budget) and TableError for a table or
        schema that it cannot use, before a row is counted. Unless a whole fit comes of it, the
        earlier one is still there. PrivacyWarning for what takes the promise back.
        """
        self._check_parameters()
        if self.epsilon is not None:
            check_known(schema, list(getattr(table, "columns", [])))
            schema = without_shares(schema)
            warn_of_seed(self.random_state, stacklevel=2)
        return super().fit(table, schema)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("bins")
        self._check_counts("degree", least=0)
        self._budget()

    def _budget(self) -> Budget | None:
        return None if self.epsilon is None else Budget(self.epsilon, self.delta)

    # --- what is learned ---

    def _fit(self, columns, rng):
        mechanisms = Mechanisms(self._budget(), noise_stream(self.random_state))
        if self.epsilon is None:
            rows, later_noise, noise = self._code_exactly(columns), 0.0, {}
        else:
            self.seen_ = {}  # the schema says what there may be, nothing else does
            warn_of_ranges(self.schema_, columns, stacklevel=4)
            later = (1 - FOR_COLUMNS - FOR_CHOICES) * mechanisms.rho
            later_noise = noise_of(later / len(columns))
            rows, noise = self._code_privately(columns, mechanisms, later_noise)
        groups = self._groups(columns)
        names = self._grow(groups, rows, later_noise, mechanisms)
        tables = self._count(groups, names, mechanisms)
        chances = self._chances(names, tables, noise, rows)
        self.branches_ = [Branch(*told) for told in zip(_own(names), _parents(names), chances)]
        self.spent_ = mechanisms.spent

    def _code_exactly(self, columns) -> float:
        """Codes and margins as the rows show them; returns the number of rows."""
        rows = len(next(iter(columns.values())))
        self.codes_ = TableCodes.fit(columns, self.schema_, count_of_bins(rows, self.bins))
        self.margins_ = exact_margins(self.codes_.encode(columns), self.codes_)
        return float(rows)

    def _code_privately(self, columns, mechanisms, later_noise) -> tuple[float, dict]:
        """Codes and margins from noisy counts; returns the noisy number of rows, and column ->
        noise on the counts of its groups."""
        rho = FOR_COLUMNS * mechanisms.rho
        counted, rows = count_table(self.schema_, columns, mechanisms, rho)
        coded = [
            code_column(column, counts, rows, self.bins, later_noise)
            for column, counts in zip(self.schema_.columns, counted)
        ]
        names = self.schema_.names
        self.codes_ = table_codes(self.schema_, coded)
        self.margins_ = {name: column.margin for name, column in zip(names, coded)}
        return rows, {name: column.noise for name, column in zip(names, coded)}

    def _groups(self, columns) -> np.ndarray:
        """The group of each cell, int (n, d)."""
        codes = self.codes_.encode(columns)
        margins = self.margins_.values()
        return np.column_stack([margin.groups[code] for margin, code in zip(margins, codes.T)])

    def _grow(self, groups, rows, later_noise, mechanisms) -> list[list[str]]:
        """The names in each table, the column that joins last."""
        names, target = self.schema_.names, self.schema_.target
        chances = [margin.of_groups for margin in self.margins_.values()]
        rho = FOR_CHOICES * mechanisms.rho / max(len(names) - 1, 1)
        first = 0 if target is None else names.index(target)
        always = target is not None
        found = grow(
            groups, chances, rows, first, always, self.degree, later_noise, mechanisms, rho
        )
        return [[names[column] for column in branch] for branch in found]

    def _count(self, groups, names, mechanisms) -> list[tuple[np.ndarray, float]]:
        """Each table with the noise on it. What is left of the budget is spent in proportion to
        cells to the power of 2/3, which gives the least noise in all (Zhang et al. 2021, PrivSyn,
        section 4.2)."""
        shapes = [tuple(self.margins_[name].size for name in branch) for branch in names]
        cells = np.array([np.prod(shape) for shape in shapes])
        weights, left = cells ** (2 / 3), mechanisms.left
        tables = []
        for branch, shape, size, share in zip(names, shapes, cells, weights / weights.sum()):
            places = [self.schema_.names.index(name) for name in branch]
            flat = np.ravel_multi_index(groups[:, places].T, shape)
            exact = np.bincount(flat, minlength=size).reshape(shape)
            rho = left * share
            what = f"table {', '.join(branch)}"
            tables.append((mechanisms.count(what, exact, rho), noise_of(rho)))
        return tables

    def _chances(self, names, tables, noise, rows) -> list[np.ndarray]:
        """The chances of each branch; where counts are noisy, those that they agree on."""
        own = [self.margins_[name].of_groups for name in _own(names)]
        if not noise:
            mixed = [counts + PRIOR_ROWS * chances for (counts, _), chances in zip(tables, own)]
            return [counts / counts.sum(axis=-1, keepdims=True) for counts in mixed]
        start, measured = [], []
        for place, ((counts, spread), chances) in enumerate(zip(tables, own)):
            column = names[place][-1]
            above = np.maximum(counts, LEAST_COUNT * spread)
            start.append(above / above.sum(axis=-1, keepdims=True))
            measured.append(Measured(place, names[place], counts, spread))
            measured.append(Measured(place, [column], rows * chances, noise[column]))
        return agree(start, names, measured, rows)

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("codes_", self.codes_.fits(self.schema_))
        expect("margins_", list(self.margins_) == self.schema_.names)
        for margin, size in zip(self.margins_.values(), self.codes_.sizes):
            expect("margins_", len(margin.groups) == size and margin.chances.sum() > 0)
            expect("margins_", set(margin.groups) == set(range(margin.size)))
        expect("branches_", sorted(_own(self._names)) == sorted(self.schema_.names))
        hosts(self._names)
        for branch in self.branches_:
            shape = tuple(self.margins_[name].size for name in branch.names)
            expect(
                "branches_", branch.chances.shape == shape and len(set(branch.names)) == len(shape)
            )
            expect("branches_", bool((branch.chances.sum(axis=-1) > 0).all()))

    @property
    def _names(self) -> list[list[str]]:
        return [branch.names for branch in self.branches_]

    # --- how rows are drawn ---

    def _sample(self, n, given, rng):
        asked = self.codes_.encode_given(given)
        names = self.schema_.names
        wanted = {names[k]: int(self.margins_[names[k]].groups[code]) for k, code in asked.items()}
        groups = draw(self.branches_, n, wanted, rng)
        codes = [margin.draw(groups[name], rng) for name, margin in self.margins_.items()]
        return self.codes_.decode(np.column_stack(codes), self.schema_, given, rng)


def _own(names: list[list[str]]) -> list[str]:
    return [branch[-1] for branch in names]


def _parents(names: list[list[str]]) -> list[list[str]]:
    return [branch[:-1] for branch in names]
