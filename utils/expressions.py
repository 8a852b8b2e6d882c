"""Small, safe expressions over the columns of a table, for rules and derived columns.

A rule such as ``Usage == 0 or `Times opened` >= 1`` is data: it can be printed, saved in a file and
loaded from a stranger without running the stranger's code, because only the operators and functions
listed here exist. Every column is brought to one of five forms first, whatever its dtype: bool,
int64, float64 (NaN if missing), DatetimeIndex (NaT if missing) or objects (None if missing).
"""

from __future__ import annotations

import ast
import operator
import re

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

LONGEST = 10_000  # characters of an expression
DEEPEST = 150  # levels of its tree: Python's own stack, two or three calls a level, bears it
NUMBERS = ("floating", "integer", "mixed-integer-float", "decimal")


class ExpressionError(ValueError):
    """An expression that cannot be read or names something that is not there."""


def _truth(values):
    """Truth values; a missing one is False."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "O":
        return values == True  # noqa: E712 - element by element
    return np.logical_and(np.asarray(values, dtype=bool), np.logical_not(pd.isna(values)))


def _number(value):
    """What can be calculated with: signed numbers, dates and spans of time; TypeError for the
    rest."""
    if isinstance(value, (pd.Index, pd.Timestamp)):
        return value
    if isinstance(value, (bool, int, float)):
        return +value
    kind = None if isinstance(value, list) else np.asarray(value).dtype.kind
    if kind == "b":
        return np.asarray(value, dtype=np.int64)
    if kind == "u" or (kind == "O" and infer_dtype(value, skipna=True) in ("boolean", "empty")):
        return np.asarray(value, dtype=np.float64)
    if kind not in ("i", "f"):
        raise TypeError("text and lists are no numbers")
    return value


def _arithmetic(operation):
    """Whole numbers give whole numbers; floats where 64 bits cannot hold them or a divisor is 0."""

    def compute(*values):
        values = [_number(value) for value in _as_dates(*values)]
        result = operation(*values)
        if np.asarray(result).dtype.kind != "i":
            return result
        rough = operation(*(np.asarray(value, dtype=np.float64) for value in values))
        return result if (np.abs(rough) < 2.0**63).all() else rough

    return compute


_sum = _arithmetic(operator.add)


def _add(left, right):
    """The sum of numbers, or text with text behind it."""
    both_text = all(
        isinstance(value, str) or infer_dtype(np.ravel(value)) == "string"
        for value in (left, right)
    )
    return operator.add(left, right) if both_text else _sum(left, right)


def _comparison(operation):
    """False where a side is missing, also for ``!=``."""

    def compare(left, right):
        if isinstance(left, list) or isinstance(right, list):
            raise TypeError("a list can only stand behind in or not in")
        left, right = _as_dates(left, right)
        present = np.logical_not(pd.isna(left) | pd.isna(right))
        if present.ndim == 0:
            return bool(present and operation(left, right))
        result = np.zeros(len(present), dtype=bool)
        result[present] = operation(
            *(side[present] if np.ndim(side) else side for side in (left, right))
        )
        return result

    return compare


def _is_in(value, options):
    if not isinstance(options, list):
        raise TypeError("in needs a list such as ['a', 'b'] behind it")
    equal = OPERATORS[ast.Eq]
    return np.logical_or.reduce([equal(value, option) for option in options] or [False])


def _is_not_in(value, options):
    return np.logical_and(np.logical_not(_is_in(value, options)), np.logical_not(pd.isna(value)))


def _as_dates(*values) -> list:
    """Text beside dates becomes a date on their clock; zoned dates beside dates without a zone
    become local times."""
    zones = [value.tz for value in values if isinstance(value, pd.DatetimeIndex)]
    if None in zones:
        values = [_without_zone(value) for value in values]
    return [
        _moment(value, None if None in zones else zones[0])
        if zones and isinstance(value, str)
        else value
        for value in values
    ]


def _moment(text: str, zone) -> pd.Timestamp:
    moment = pd.Timestamp(text)
    if zone is None or moment.tz is not None:
        return moment
    return moment.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")


def _without_zone(value):
    dated = isinstance(value, (pd.DatetimeIndex, pd.Timestamp))
    return value.tz_localize(None) if dated else value


def _plain(value):
    """Dates and spans of time as numpy holds them; zoned dates by their local time."""
    value = _without_zone(value)
    return value.to_numpy() if isinstance(value, (pd.Index, pd.Timestamp)) else value


def _weekday(dates):
    if getattr(dates, "dtype", np.dtype(object)).kind in "bif" and not pd.isna(dates).all():
        raise TypeError("weekday needs dates, not numbers")
    return pd.DatetimeIndex(dates).day_of_week.to_numpy()


OPERATORS = {
    ast.Add: _add,
    ast.Sub: _arithmetic(operator.sub),
    ast.Mult: _arithmetic(operator.mul),
    ast.Div: _arithmetic(operator.truediv),
    ast.FloorDiv: _arithmetic(operator.floordiv),
    ast.Mod: _arithmetic(operator.mod),
    ast.USub: _arithmetic(operator.neg),
    ast.Not: lambda values: np.logical_not(_truth(values)),
    ast.And: lambda left, right: np.logical_and(_truth(left), _truth(right)),
    ast.Or: lambda left, right: np.logical_or(_truth(left), _truth(right)),
    ast.Eq: _comparison(operator.eq),
    ast.NotEq: _comparison(operator.ne),
    ast.Lt: _comparison(operator.lt),
    ast.LtE: _comparison(operator.le),
    ast.Gt: _comparison(operator.gt),
    ast.GtE: _comparison(operator.ge),
    ast.In: _is_in,
    ast.NotIn: _is_not_in,
}
FUNCTIONS = {  # each with its own arguments only: numpy would write to the place named by one more
    "where": lambda condition, yes, no: np.where(_truth(condition), yes, no),
    "minimum": lambda left, right: np.minimum(left, right),
    "maximum": lambda left, right: np.maximum(left, right),
    "round": lambda values, decimals=0: np.round(values, decimals),
    "floor": lambda values: np.floor(values),
    "ceil": lambda values: np.ceil(values),
    "abs": lambda values: np.abs(values),
    "sqrt": lambda values: np.sqrt(values),
    "log": lambda values: np.log(values),
    "exp": lambda values: np.exp(values),
    "weekday": _weekday,
}


def parse(expression: str) -> tuple[ast.expr, dict[str, str]]:
    """Return the syntax tree and the map from placeholder to back-ticked column name."""
    names: dict[str, str] = {}

    def placeholder(match: re.Match) -> str:
        key = f"column_{len(names)}_"
        names[key] = match.group(1)
        return key

    try:
        if len(expression) > LONGEST:
            raise ValueError(f"it has {len(expression):,} characters; {LONGEST:,} are the most")
        tree = ast.parse(re.sub(r"`([^`]+)`", placeholder, expression).strip(), mode="eval").body
        if _depth(tree) > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(
            f"Cannot read the expression {_short(expression)}: {error}. Write it like "
            '"Usage <= 1440"; put names that are not one plain word in back-ticks.'
        ) from None
    return tree, names


def _depth(tree: ast.AST) -> int:
    level, nodes = 0, [tree]
    while nodes:
        level, nodes = level + 1, [child for node in nodes for child in ast.iter_child_nodes(node)]
    return level


def _short(expression) -> str:
    text = repr(expression)
    return text if len(text) <= 200 else f"{text[:200]}..."


def columns_of(expression: str) -> set[str]:
    """The names of the columns that an expression uses; ExpressionError where it cannot be read."""
    tree, names = parse(expression)
    return {names.get(node.id, node.id) for node in names_in(tree)}


def names_in(tree: ast.expr) -> list[ast.Name]:
    """The names of columns in a syntax tree, without those of functions."""
    nodes = list(ast.walk(tree))
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return [node for node in nodes if isinstance(node, ast.Name) and id(node) not in called]


def evaluate(expression: str, table: pd.DataFrame) -> np.ndarray:
    """Evaluate an expression on every row.

    A comparison with a missing value is False, with ``!=`` and ``not in`` too. That is not pandas'
    answer, where a missing value differs from everything. Zoned dates are read by the clock of
    their column: ``weekday`` and text beside them (``t < '2024-05-01'``) mean local time.

    Parameters
    ----------
    expression : columns by name (back-ticks where the name is not one word), numbers, text, lists,
        ``+ - * / // % == != < <= > >= in and or not`` and the functions in :data:`FUNCTIONS`; at
        most 10,000 characters.
    table : DataFrame of n rows, of numpy, pandas or pyarrow dtypes; dates and decimals may be
        Python's objects.

    Returns
    -------
    array of length n (or a scalar where the expression uses no column): bool for a comparison,
        int64 for whole numbers that fit, else float64; dates as datetime64, zoned ones by their
        local time.

    Raises
    ------
    ExpressionError : unreadable, too long or too deep, an unknown column or function, values that
        do not go together, or anything outside the language.
    """
    tree, names = parse(expression)
    try:
        with np.errstate(all="ignore"):  # 0 / 0 is a missing value here, as in pandas
            return _plain(_Evaluator(expression, table, names).visit(tree))
    except ExpressionError:
        raise
    except (TypeError, ValueError, ArithmeticError, AttributeError, MemoryError):
        used = [name for name in sorted(columns_of(expression)) if name in table]
        kinds = ", ".join(f"{name} is {_kind(_values(table[name]))}" for name in used)
        raise ExpressionError(
            f"Cannot compute the expression {_short(expression)}{kinds and f', where {kinds}'}. "
            "Numbers go with numbers, text with text, dates with dates, and a list such as "
            "['a', 'b'] behind in only."
        ) from None


def _kind(values) -> str:
    """What a column holds, in words."""
    kinds = {"M": "a date", "m": "a span of time", "b": "true or false", "O": "text"}
    return kinds.get(values.dtype.kind, "a number")


def _values(column: pd.Series):
    """A column in one of the five forms, whatever its dtype."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(np.asarray(column))
    kind, missing = infer_dtype(column, skipna=True), column.isna()
    if kind in ("date", "datetime", "datetime64"):
        return pd.DatetimeIndex(column)
    if kind == "timedelta64":
        return pd.TimedeltaIndex(column)
    if kind == "boolean" and not missing.any():
        return column.to_numpy(dtype=bool)
    if kind == "integer" and not missing.any():
        large = column.max() > np.iinfo(np.int64).max
        return column.to_numpy(dtype=np.uint64 if large else np.int64)
    if kind in NUMBERS:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.astype(object).where(~missing, None).to_numpy()


class _Evaluator(ast.NodeVisitor):
    def __init__(self, expression, table, names):
        self.expression, self.table, self.names = expression, table, names

    def generic_visit(self, node):
        raise ExpressionError(
            f"The expression {_short(self.expression)} uses {type(node).__name__}, which rules do "
            f"not know. Use columns, numbers, comparisons and {', '.join(FUNCTIONS)}."
        )

    def apply(self, node, *values):
        if type(node) not in OPERATORS:
            self.generic_visit(node)
        return OPERATORS[type(node)](*values)

    def visit_Name(self, node):
        name = self.names.get(node.id, node.id)
        if name not in self.table.columns:
            raise ExpressionError(
                f"The expression {_short(self.expression)} names the column {name!r}, which the "
                f"table does not have. It has: {', '.join(map(str, self.table.columns))}."
            )
        return _values(self.table[name])

    def visit_Constant(self, node):
        if not isinstance(node.value, (bool, int, float, str, type(None))):
            self.generic_visit(node)
        return node.value

    def visit_List(self, node):
        return [self.visit(item) for item in node.elts]

    visit_Tuple = visit_List

    def visit_BinOp(self, node):
        return self.apply(node.op, self.visit(node.left), self.visit(node.right))

    def visit_UnaryOp(self, node):
        return self.apply(node.op, self.visit(node.operand))

    def visit_BoolOp(self, node):
        result = self.visit(node.values[0])
        for value in node.values[1:]:
            result = self.apply(node.op, result, self.visit(value))
        return result

    def visit_Compare(self, node):
        result, left = True, self.visit(node.left)
        for comparison, right_node in zip(node.ops, node.comparators):
            right = self.visit(right_node)
            result = np.logical_and(result, self.apply(comparison, left, right))
            left = right
        return result

    def visit_Call(self, node):
        name = getattr(node.func, "id", None)
        if name not in FUNCTIONS or node.keywords:
            raise ExpressionError(
                f"The expression {_short(self.expression)} calls {name or 'something'}, which "
                f"rules do not know. Known functions: {', '.join(FUNCTIONS)}."
            )
        arguments = _as_dates(*(self.visit(argument) for argument in node.args))
        if name != "weekday":
            arguments = map(_plain, arguments)
        result = FUNCTIONS[name](*arguments)
        return pd.DatetimeIndex(result) if np.asarray(result).dtype.kind == "M" else result
