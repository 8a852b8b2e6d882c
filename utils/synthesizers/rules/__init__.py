"""Hand-written rules: columns from named distributions, derived columns, and rules that hold in
every row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from utils.dtypes import zone_of
from utils.encoding import float_range, from_array, grid_step, to_array
from utils.expressions import evaluate
from utils.schema import EXACT, Column, Schema, TableError
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.draws import resample
from utils.synthesizers.given import candidates
from utils.synthesizers.rules.distributions import (
    Distribution,
    choice,
    columns_needed,
    dates,
    log_probability,
    normal,
    parts_of,
    values_for,
)

PROBE_ROWS = 2_000
SMALLEST_RETRY = 256  # so that a few rows can meet a rule that few rows obey


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
    columns_: dict[str, Distribution]
    derived_: dict[str, str]
    rules_: dict[str, str]
    report_: dict[str, float]

    def __init__(
        self,
        columns: dict[str, Distribution] | None = None,
        derived: dict[str, str] | None = None,
        rules: dict[str, str] | None = None,
        most_tries: int = 100,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.columns, self.derived, self.rules = columns, derived, rules
        self.most_tries = most_tries

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("most_tries")
        _check_mapping("columns", self.columns, Distribution)
        _check_mapping("derived", self.derived, str)
        _check_mapping("rules", self.rules, str)
        if self.columns == {}:
            raise ValueError("columns must name one column or more; it is {}.")

    def fit(
        self, table: pd.DataFrame | None = None, schema: Schema | None = None
    ) -> RuleSynthesizer:
        """Check the rules on a first draw; with ``columns=None``, write them from the table
        before."""
        if table is not None:
            return super().fit(table, schema)
        if self.columns is None:
            raise ValueError(
                "There is nothing to draw from: pass columns={...} to the constructor or a table "
                "to fit."
            )
        self._check_parameters()
        with self._fitting():
            self.seen_ = {}
            if schema is not None:
                self.schema_ = schema
            self._fit({}, None)
        return self

    def _fit(self, columns, rng):
        schema = getattr(self, "schema_", None)
        self.rules_ = {**(schema.rules if schema else {}), **(self.rules or {})}
        self.derived_ = dict(self.derived or {})
        if self.columns is None:
            self.columns_ = {
                column.name: _profile(columns[column.name], column) for column in schema.columns
            }
        else:
            self.seen_ = {}  # what can be drawn is written down, whatever a table held
            self.columns_ = dict(self.columns)
            self._check_names(schema)
        self._check_order()
        rng = np.random.default_rng(self.random_state)
        probe, self.report_ = self._draw_until_valid(PROBE_ROWS, {}, schema, rng)
        if schema is None:
            self.schema_ = _schema(probe, self.columns_, self.derived_, self.rules_)

    def _check_fitted(self) -> None:
        super()._check_fitted()
        self._check_names(self.schema_)
        self._check_order()

    def _check_names(self, schema: Schema | None) -> None:
        made = list(dict.fromkeys([*self.columns_, *self.derived_]))
        if schema is not None and sorted(made) != sorted(schema.names):
            raise TableError(
                f"The rules make the columns {', '.join(made)}; the table has "
                f"{', '.join(schema.names)}. Make both the same."
            )

    def _check_order(self):
        seen = set()
        for name, distribution in self.columns_.items():
            lacking = sorted(columns_needed(distribution) - seen)
            if lacking:
                raise ValueError(
                    f"Column {name!r} depends on {lacking[0]!r}, which is not drawn before it. Put "
                    f"{lacking[0]!r} first."
                )
            seen.add(name)

    def _sample_table(self, n, condition, rng):
        return self._draw_until_valid(n, condition, self.schema_, rng)[0]

    def _draw_until_valid(self, n, condition, schema, rng) -> tuple[pd.DataFrame, dict]:
        """n valid rows, and for each rule the share of all drawn rows that broke it."""
        pieces, missing_rows, drawn, broken = [], n, 0, {}
        most_tries = self.parameters_["most_tries"]
        for attempt in range(most_tries):
            size = max(missing_rows, SMALLEST_RETRY) if attempt else n
            table, faults = self._draw(size, condition, schema, rng)
            broken = {name: broken.get(name, 0) + int(rows.sum()) for name, rows in faults.items()}
            invalid = np.logical_or.reduce([np.zeros(len(table), dtype=bool), *faults.values()])
            drawn += len(table)
            pieces.append(table[~invalid].head(missing_rows))
            missing_rows -= len(pieces[-1])
            if missing_rows == 0:
                return pd.concat(pieces, ignore_index=True), {
                    name: broken[_rule(name, rule)] / max(drawn, 1)
                    for name, rule in self.rules_.items()
                }
        worst = max(broken, key=broken.get)
        raise ValueError(
            f"After {most_tries} tries and {drawn:,} rows, {missing_rows:,} rows still are "
            f"not as they must be. {broken[worst]:,} rows broke {worst}. Mend the distributions or "
            "what is asked of them, so that they agree."
        )

    def _draw(self, n, condition, schema, rng) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
        """n rows as they are handed out, and what they do wrong: in words, with the rows (n,) that
        do so."""
        table, derived, faults = self._drawn_columns(n, condition, rng), self.derived_, {}
        for name in [*(name for name in self.columns_ if name not in derived), *derived]:
            if name in derived:
                table[name] = evaluate(derived[name], table)
            if schema is not None:
                column, numbers = schema[name], _to_array(table[name], schema[name])
                refused = _refused(table[name], numbers, column)
                faults[f"the range or the categories of column {name!r}"] = refused
                table[name] = from_array(np.where(refused, 0, numbers), column)
        for name, code in condition.items():
            numbers = to_array(table[name], schema[name])
            faults[f"the condition {name} = {_drawn_value(code, schema[name])}"] = ~np.isclose(
                numbers, code, rtol=0, atol=0, equal_nan=True
            )
        broken = Schema((), self.rules_).broken_rules(table)
        faults |= {_rule(name, rule): broken[name].to_numpy() for name, rule in self.rules_.items()}
        return (table if schema is None else table[schema.names]), faults

    def _drawn_columns(self, n, condition, rng) -> pd.DataFrame:
        """n rows of the drawn columns that meet the conditions on them, by importance.

        A value that only the expression of a derived column can give is left to drawing again.
        """
        asked = [name for name in condition if name in self.columns_]
        weighed = any(columns_needed(self.columns_[name]) for name in asked)
        rows = candidates(n) if weighed and n else n
        table, log_weights = pd.DataFrame(index=range(rows)), np.zeros(rows)
        for name, distribution in self.columns_.items():
            if name in asked:
                column = self.schema_[name]
                value = _drawn_value(condition[name], column)
                log_weight = log_probability(distribution, value, table, grid_step(column))
                if log_weight.max(initial=-np.inf) > -np.inf or name not in self.derived_:
                    table = table.assign(**{name: value})
                    log_weights += log_weight
                    continue
            table = table.assign(**{name: values_for(distribution, table, rng)})
        if n and log_weights.max() == -np.inf:
            raise ValueError(
                f"No row with {', '.join(condition)} as asked is possible under the model. Ask for "
                "fewer conditions at once, or for values that occur together."
            )
        if weighed and n:
            chosen = resample(log_weights, n, rng)
            table = table.iloc[chosen].reset_index(drop=True)
        return table


def _check_mapping(name: str, value, kind: type) -> None:
    """ValueError unless a parameter is None or maps names to values of that kind."""
    if not isinstance(value, (dict, type(None))):
        raise ValueError(f"{name} must be a dictionary, not {value!r}.")
    for key, item in (value or {}).items():
        if not isinstance(key, str) or not isinstance(item, kind):
            raise ValueError(
                f"{name} must map names to a {kind.__name__} each, not {key!r} to {item!r}."
            )


def _rule(name: str, rule: str) -> str:
    return f"the rule {name!r} ({rule})"


def _drawn_value(code, column: Column):
    """The value behind a code or float, as the distributions draw it: dates without a zone, None if
    missing."""
    if column.discrete:
        return None if code < 0 else column.categories[code]
    value = from_array(np.array([code]), column)[0]
    if pd.isna(value):
        return None
    if column.kind == "date":
        return pd.Timestamp(value).tz_localize(None)
    return int(value) if column.kind == "integer" else float(value)


def _to_array(values: pd.Series, column: Column) -> np.ndarray:
    """Codes or floats (n,) of drawn values, whatever their dtype; a drawn date without a zone is
    meant in the zone of the column."""
    try:
        if column.kind == "date":
            values, zone = pd.to_datetime(values), zone_of(column.dtype)
            if zone is not None and values.dt.tz is None:
                first = np.ones(len(values), dtype=bool)  # of an hour that comes twice
                values = values.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
        return to_array(values, column)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"Column {column.name!r} holds {column.kind} values, but what is drawn for it is not "
            f"({error}). Give it another distribution, or the schema another kind."
        ) from None


def _refused(values: pd.Series, numbers: np.ndarray, column: Column) -> np.ndarray:
    """Rows (n,) whose drawn value the column cannot hold: unknown, out of range once rounded, or
    missing where none may be. Asked before the value gets its dtype, which would clip it."""
    missing = values.isna().to_numpy()
    if column.discrete:
        refused = (numbers < 0) & ~missing
    else:
        (low, high), half = float_range(column), grid_step(column) / 2
        refused = (numbers < low - half) | (numbers > high + half)
    return refused | (missing & (column.missing == 0))


def _profile(array: np.ndarray, column: Column) -> Distribution:
    """The plainest rule for a column of a table, by its own distribution only."""
    values = pd.Series(from_array(array, column))
    present, missing = values.dropna(), float(values.isna().mean())
    if not len(present):
        return Distribution("choice", {"values": [None], "weights": [1.0]})
    if column.discrete:
        counts = np.bincount(array[array >= 0], minlength=len(column.categories))
        return choice(dict(zip(column.categories, counts.tolist())), missing)
    if column.kind == "date":
        moments = pd.DatetimeIndex(present).tz_localize(None)
        first, last = moments.min(), moments.max()
        if column.resolution == "D":
            first, last = first.ceil("D"), last.floor("D")
        if first > last:
            return choice({moments.min(): 1}, missing)
        return dates(first, last, column.resolution, missing)
    if column.kind == "integer" and present.abs().max() > EXACT:  # no normal number is exact there
        return choice(
            {int(value): int(count) for value, count in present.value_counts(sort=False).items()},
            missing,
        )
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    plain, decimals = (int, 0) if column.kind == "integer" else (float, column.decimals)
    return normal(
        float(np.nanmean(numbers)),
        float(np.nanstd(numbers)) or 1.0,
        plain(present.min()),
        plain(present.max()),
        decimals,
        missing,
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
        minimum=None if None in lows or not parts else min(lows),
        maximum=None if None in highs or not parts else max(highs),
        decimals=None if None in decimals or not parts else max(decimals),
    )
