"""Hand-written rules: columns from named distributions, derived columns, and rules that hold in
every row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from utils.encoding import float_range, from_array, to_array
from utils.expressions import evaluate
from utils.schema import Column, Schema, TableError
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.given import keep_by_weight
from utils.synthesizers.rules.distributions import (
    Distribution,
    choice,
    dates,
    depends,
    log_probability,
    normal,
    parts_of,
    values_for,
)

CANDIDATES = 32
PROBE_ROWS = 2_000
SMALLEST_RETRY = 256  # so that a few rows can meet a rule that few rows obey
UNBOUNDED = 10**15


class RuleSynthesizer(Synthesizer):
    """Rows by hand-written rules; no training data needed.

    columns : name -> :class:`Distribution`, drawn in this order. None writes them from the table
        passed to ``fit``, each column by itself (shares of categories, a normal distribution cut
        off at the range).
    derived : name -> expression, computed after the draw, in this order; a name among ``columns``
        is overwritten. What is derived holds by construction.
    rules : name -> expression that every row must obey, besides the rules of the schema. Rows that
        break one, or lie outside of the range or the categories of the schema, are drawn again, at
        most ``most_tries`` times; ``report_`` says which share of the drawn rows broke each. A rule
        that can never hold is an error at ``fit``.

    Conditions set their column; where it depends on earlier columns, candidates are kept in
    proportion to the probability of the value, and a condition on a derived column is met by
    drawing again.
    """

    method = "rules"
    columns_: dict
    rules_: dict
    report_: dict

    def __init__(
        self,
        columns: dict[str, Distribution] | None = None,
        derived: dict[str, str] | None = None,
        rules: dict[str, str] | None = None,
        most_tries: int = 100,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.columns, self.derived, self.rules, self.most_tries = (
            columns,
            derived,
            rules,
            most_tries,
        )

    def fit(
        self, table: pd.DataFrame | None = None, schema: Schema | None = None
    ) -> RuleSynthesizer:
        """Check the rules on a first draw; with ``columns=None``, write them from the table
        before."""
        if self.columns is None and table is None:
            raise ValueError(
                "There is nothing to draw from: pass columns={...} to the constructor or a table to fit."
            )
        if table is not None:
            super().fit(table, schema)
        else:
            self._forget()
            self.seen_, self.columns_, self.rules_ = {}, dict(self.columns), dict(self.rules or {})
        self._check_counts("most_tries")
        self._check_order()
        schema = None if table is None else self.schema_
        probe, self.report_ = self._draw_until_valid(
            PROBE_ROWS, {}, schema, np.random.default_rng(self.random_state)
        )
        if schema is None:
            self.schema_ = _schema(probe, self.columns_, self.derived or {}, self.rules_)
        return self

    def _fit(self, columns, rng):
        self.rules_ = {**self.schema_.rules, **(self.rules or {})}
        if self.columns is None:
            self.columns_ = {
                column.name: _profile(columns[column.name], column)
                for column in self.schema_.columns
            }
        else:
            self.columns_ = dict(self.columns)
            made = [
                *self.columns_,
                *(name for name in self.derived or {} if name not in self.columns_),
            ]
            if sorted(made) != sorted(self.schema_.names):
                raise TableError(
                    f"The rules make the columns {', '.join(made)}; the table has "
                    f"{', '.join(self.schema_.names)}. Make both the same."
                )

    def _check_order(self):
        seen = set()
        for name, distribution in self.columns_.items():
            needed = distribution.parameters.get("column")
            if needed is not None and needed not in seen:
                raise ValueError(
                    f"Column {name!r} depends on {needed!r}, which is not drawn before it. Put "
                    f"{needed!r} first."
                )
            seen.add(name)

    def _condition(self, codes):
        return {name: _plain(code, self.schema_[name]) for name, code in codes.items()}

    def _sample_table(self, n, condition, rng):
        table, _ = self._draw_until_valid(n, condition, self.schema_, rng)
        return pd.DataFrame(
            {
                column.name: from_array(_to_array(table[column.name], column), column)
                for column in self.schema_.columns
            }
        )

    def _draw_until_valid(self, n, given, schema, rng) -> tuple[pd.DataFrame, dict]:
        """n valid rows, and for each rule the share of all drawn rows that broke it."""
        pieces, missing_rows, drawn, broken = [], n, 0, {}
        for attempt in range(self.most_tries):
            table = self._draw(max(missing_rows, SMALLEST_RETRY) if attempt else n, given, rng)
            faults = self._faults(table, given, schema)
            broken = {name: broken.get(name, 0) + int(rows.sum()) for name, rows in faults.items()}
            invalid = np.logical_or.reduce([np.zeros(len(table), dtype=bool), *faults.values()])
            drawn += len(table)
            pieces.append(table[~invalid].head(missing_rows))
            missing_rows -= len(pieces[-1])
            if missing_rows == 0:
                return pd.concat(pieces, ignore_index=True), {
                    name: broken[f"the rule {name!r} ({rule})"] / max(drawn, 1)
                    for name, rule in self.rules_.items()
                }
        worst = max(broken, key=broken.get)
        raise ValueError(
            f"After {self.most_tries} tries and {drawn:,} rows, {missing_rows:,} rows still are not as they "
            f"must be. {broken[worst]:,} rows broke {worst}. Mend the distributions or what is asked of "
            "them, so that they agree."
        )

    def _faults(self, table, given, schema) -> dict[str, np.ndarray]:
        """What a row can do wrong, in words, with the rows (n,) that do so."""
        faults = {
            f"the rule {name!r} ({rule})": ~np.broadcast_to(
                np.asarray(evaluate(rule, table), bool), len(table)
            )
            for name, rule in self.rules_.items()
        }
        faults |= {
            f"the condition {name} = {value}": ~_equals(table[name], value)
            for name, value in given.items()
        }
        if schema is not None:
            faults |= {
                f"the range or the categories of column {column.name!r}": _outside(
                    table[column.name], column
                )
                for column in schema.columns
            }
        return faults

    def _draw(self, n, given, rng) -> pd.DataFrame:
        """n rows that meet the conditions on drawn columns; derived columns and rules are not
        checked yet."""
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
            table = table.iloc[keep_by_weight(log_weights, n, given, rng)].reset_index(drop=True)
        for name, expression in (self.derived or {}).items():
            table[name] = evaluate(expression, table)
        return table


def _equals(values: pd.Series, wanted) -> np.ndarray:
    return (values.isna() if pd.isna(wanted) else values == wanted).to_numpy(dtype=bool)


def _to_array(values: pd.Series, column: Column) -> np.ndarray:
    """Codes or floats (n,) of drawn values, whatever their dtype; drawn dates without a zone are in
    UTC."""
    return to_array(pd.to_datetime(values) if column.kind == "date" else values, column)


def _plain(code, column: Column):
    """The value behind a code or float, as the distributions draw it: dates without a zone, in
    UTC."""
    value = from_array(np.array([code]), column)[0]
    moment = pd.Timestamp(value) if column.kind == "date" else None
    return (
        value
        if moment is None
        else moment
        if moment.tz is None
        else moment.tz_convert("UTC").tz_localize(None)
    )


def _outside(values: pd.Series, column: Column) -> np.ndarray:
    """Rows (n,) whose value is unknown to the column or out of its range; missing values are
    not."""
    numbers = _to_array(values, column)
    if column.discrete:
        return (numbers < 0) & values.notna().to_numpy()
    low, high = float_range(column)
    return (numbers < low) | (numbers > high)


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
        return (
            replace(
                dates(str(first.ceil("D").date()), str(last.floor("D").date())),
                missing=column.missing,
            )
            if first.ceil("D") <= last.floor("D")
            else Distribution(
                "choice", {"values": [first], "weights": [1.0]}, missing=column.missing
            )
        )
    decimals = 0 if column.kind == "integer" else column.decimals
    return normal(
        float(np.nanmean(values)),
        float(np.nanstd(values)) or 1.0,
        column.minimum,
        column.maximum,
        decimals,
        column.missing,
    )


def _schema(probe: pd.DataFrame, columns: dict, derived: dict, rules: dict) -> Schema:
    """The schema of a first draw, widened from what was drawn to what the distributions allow."""
    schema = Schema.infer(probe, rules=rules)
    return replace(
        schema,
        columns=tuple(
            _widen(column, [] if column.name in derived else parts_of(columns[column.name]))
            for column in schema.columns
        ),
    )


def _widen(column: Column, parts: list[Distribution]) -> Column:
    """A column as any of these distributions may draw it; without any (a derived column) all is
    possible."""
    column = replace(column, missing=max([column.missing, *(part.missing for part in parts)]))
    if column.discrete:
        drawn = [
            value
            for part in parts
            for value, weight in zip(part.parameters["values"], part.parameters["weights"])
            if weight > 0 and not pd.isna(value)
        ]
        return replace(column, categories=tuple(dict.fromkeys([*column.categories, *drawn])))
    if column.kind == "date":
        limits = [
            pd.Timestamp(part.parameters[end])
            for part in parts
            if part.kind == "dates"
            for end in ("first", "last")
        ]
        return (
            replace(column, minimum=min(limits).isoformat(), maximum=max(limits).isoformat())
            if limits
            else column
        )
    lows, highs = [part.minimum for part in parts], [part.maximum for part in parts]
    decimals = [part.decimals for part in parts]
    return replace(
        column,
        minimum=-UNBOUNDED if None in lows or not parts else min(lows),
        maximum=UNBOUNDED if None in highs or not parts else max(highs),
        decimals=None if None in decimals or not parts else max(decimals),
    )
