"""Hand-written rules: columns from named distributions, derived columns, and rules that hold in every row."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from utils.expressions import evaluate
from utils.schema import Schema, TableError
from utils.synthesizers.base import Synthesizer, resample
from utils.synthesizers.distributions import Distribution, choice, dates, depends, log_probability, normal, values_for

CANDIDATES = 32
PROBE_ROWS = 2_000
UNBOUNDED = 10 ** 15


class RuleSynthesizer(Synthesizer):
    """Rows by hand-written rules; no training data needed.

    columns : name -> :class:`Distribution`, drawn in this order. None writes them from the table passed to ``fit``,
        each column by itself (shares of categories, a normal distribution cut off at the range).
    derived : name -> expression, computed after the draw, in this order; a name among ``columns`` is overwritten.
        What is derived holds by construction.
    rules : name -> expression that every row must obey. Rows that break one are drawn again, at most ``most_tries``
        times; ``report_`` says how often each was broken. A rule that can never hold is an error at ``fit``.

    Conditions set their column; where it depends on earlier columns, candidates are kept in proportion to the
    probability of the value, and a condition on a derived column is met by drawing again.
    """

    method = "rules"

    def __init__(self, columns: dict[str, Distribution] | None = None, derived: dict[str, str] | None = None,
                 rules: dict[str, str] | None = None, most_tries: int = 100, random_state: int | None = 0):
        super().__init__(random_state)
        self.columns, self.derived, self.rules, self.most_tries = columns, derived, rules, most_tries

    def fit(self, table: pd.DataFrame | None = None, schema: Schema | None = None) -> RuleSynthesizer:
        """Check the rules on a first draw; with ``columns=None``, write them from the table before."""
        if self.columns is None and table is None:
            raise ValueError("There is nothing to draw from: pass columns={...} to the constructor or a table to fit.")
        if table is not None:
            super().fit(table, schema)
        else:
            self.columns_, self.rules_ = dict(self.columns), dict(self.rules or {})
        self._check_order()
        rng = np.random.default_rng(self.random_state)
        self.report_ = {name: 0.0 for name in self.rules_}
        probe, self.report_ = self._draw_until_valid(PROBE_ROWS, {}, rng)
        if table is None:
            self.schema_ = _schema(probe, self.columns_, self.rules_)
        return self

    def _fit(self, columns, rng):
        self.rules_ = {**self.schema_.rules, **(self.rules or {})}
        if self.columns is None:
            self.columns_ = {column.name: _profile(columns[column.name], column) for column in self.schema_.columns}
        else:
            self.columns_ = dict(self.columns)
            made = [*self.columns_, *(name for name in self.derived or {} if name not in self.columns_)]
            if sorted(made) != sorted(self.schema_.names):
                raise TableError(f"The rules make the columns {', '.join(made)}; the table has "
                                 f"{', '.join(self.schema_.names)}. Make both the same.")

    def _check_order(self):
        seen = set()
        for name, distribution in self.columns_.items():
            needed = distribution.parameters.get("column")
            if needed is not None and needed not in seen:
                raise ValueError(f"Column {name!r} depends on {needed!r}, which is not drawn before it. Put "
                                 f"{needed!r} first.")
            seen.add(name)

    def _condition(self, given):
        super()._condition(given)  # the same checks and messages as everywhere
        return {name: pd.Timestamp(value) if self.schema_[name].kind == "date" else value
                for name, value in given.items()}

    def _sample_table(self, n, condition, rng):
        table, _ = self._draw_until_valid(n, condition, rng)
        return _cast(table[self.schema_.names], self.schema_)

    def _draw_until_valid(self, n, given, rng) -> tuple[pd.DataFrame, dict]:
        """n valid rows, and for each rule the share of all drawn rows that broke it."""
        pieces, missing_rows, drawn, broken = [], n, 0, {name: 0 for name in self.rules_}
        for _ in range(self.most_tries):
            table = self._draw(missing_rows, given, rng)
            invalid = ~_meets(table, given)
            for name, rule in self.rules_.items():
                breaks = np.broadcast_to(~np.asarray(evaluate(rule, table), dtype=bool), len(table))
                broken[name] += int(breaks.sum())
                invalid = invalid | breaks
            drawn += len(table)
            pieces.append(table[~invalid])
            missing_rows = int(invalid.sum())
            if missing_rows == 0:
                return pd.concat(pieces, ignore_index=True), {k: v / max(drawn, 1) for k, v in broken.items()}
        self._give_up(missing_rows, drawn, broken, given)

    def _give_up(self, missing_rows, drawn, broken, given):
        worst = max(broken, key=broken.get, default=None)
        culprit = f"the condition {given!r}" if worst is None or not broken[worst] else \
            f"the rule {worst!r} ({self.rules_[worst]}), broken by {broken[worst]:,} of them"
        raise ValueError(f"After {self.most_tries} tries and {drawn:,} rows, {missing_rows:,} rows still break a rule; "
                         f"most of all {culprit}. Mend the distributions or the rule so that they agree.")

    def _draw(self, n, given, rng) -> pd.DataFrame:
        """n rows that meet the conditions on drawn columns; derived columns and rules are not checked yet."""
        asked = [name for name in given if name in self.columns_]
        dependent = [name for name in asked if depends(self.columns_[name])]
        rows = n * CANDIDATES if dependent else n
        table, log_weights = pd.DataFrame(index=range(rows)), np.zeros(rows)
        for name, distribution in self.columns_.items():
            if name in asked:
                table[name] = given[name]
                if name in dependent:
                    log_weights += log_probability(distribution, given[name], table)
            else:
                table[name] = values_for(distribution, table, rng)
        if dependent:
            table = table.iloc[resample(log_weights, n, rng, ", ".join(dependent))].reset_index(drop=True)
        for name, expression in (self.derived or {}).items():
            table[name] = evaluate(expression, table)
        return table


def _meets(table, given) -> np.ndarray:
    meets = np.ones(len(table), dtype=bool)
    for name, value in given.items():
        meets &= (table[name].isna() if pd.isna(value) else table[name] == value).to_numpy(dtype=bool)
    return meets


def _profile(values, column) -> Distribution:
    """The plainest rule for a column of a table, by its own distribution only."""
    if column.discrete:
        counts = np.bincount(values[values >= 0], minlength=len(column.categories))
        if not counts.sum():
            return Distribution("choice", {"values": [None], "weights": [1.0]})
        return choice(dict(zip(column.categories, counts.tolist())), column.missing)
    if column.minimum is None:
        return Distribution("choice", {"values": [None], "weights": [1.0]})
    if column.kind == "date":
        first, last = (pd.Timestamp(limit) for limit in (column.minimum, column.maximum))
        return replace(dates(str(first.ceil("D").date()), str(last.floor("D").date())), missing=column.missing) \
            if first.ceil("D") <= last.floor("D") else \
            Distribution("choice", {"values": [first], "weights": [1.0]}, missing=column.missing)
    decimals = 0 if column.kind == "integer" else column.decimals
    return normal(float(np.nanmean(values)), max(float(np.nanstd(values)), 1e-9), column.minimum, column.maximum,
                  decimals, column.missing)


def _cast(table: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """The table in the schema's dtypes."""
    columns = {}
    for column in schema.columns:
        values = table[column.name]
        if column.kind == "date" and "UTC" not in column.dtype and "," in column.dtype:
            values = pd.to_datetime(values).dt.tz_localize("UTC").dt.tz_convert(column.dtype.split(", ")[1][:-1])
        if column.dtype == "category":
            columns[column.name] = pd.Categorical(values, categories=list(column.categories), ordered=column.ordered)
        else:
            columns[column.name] = values.astype(column.dtype).to_numpy() \
                if not pd.api.types.is_extension_array_dtype(column.dtype) else values.astype(column.dtype).array
    return pd.DataFrame(columns, copy=False)


def _schema(probe: pd.DataFrame, columns: dict, rules: dict) -> Schema:
    """The schema of a first draw, widened from what was drawn to what the distributions allow."""
    schema = Schema.infer(probe, rules=rules)
    return replace(schema, columns=tuple(_widen(column, columns.get(column.name)) for column in schema.columns))


def _widen(column, distribution):
    if column.discrete:
        values = distribution.parameters.get("values", []) if distribution and distribution.kind == "choice" else []
        return replace(column, categories=tuple(dict.fromkeys([*column.categories, *values])))
    if column.kind == "date":
        return column
    parts = distribution.parameters["distributions"] if distribution and distribution.kind == "by" else [distribution]
    lows = [-UNBOUNDED if part is None or part.minimum is None else part.minimum for part in parts]
    highs = [UNBOUNDED if part is None or part.maximum is None else part.maximum for part in parts]
    return replace(column, minimum=min(lows), maximum=max(highs))
