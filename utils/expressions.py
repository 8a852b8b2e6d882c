"""Small, safe expressions over the columns of a table, for rules and derived columns.

A rule such as ``Usage == 0 or `Times opened` >= 1`` is data: it can be printed, saved in a file and
loaded from a stranger without running the stranger's code, because only the operators and functions
listed here exist.
"""

from __future__ import annotations

import ast
import operator
import re

import numpy as np
import pandas as pd


def _truth(values):
    """Truth values; a missing one among objects is False."""
    return values == True if getattr(values, "dtype", None) == object else values  # noqa: E712 - element by element


OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.Not: lambda values: np.logical_not(_truth(values)),
    ast.And: lambda left, right: np.logical_and(_truth(left), _truth(right)),
    ast.Or: lambda left, right: np.logical_or(_truth(left), _truth(right)),
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, options: np.isin(np.asarray(value, dtype=object), options),
    ast.NotIn: lambda value, options: ~np.isin(np.asarray(value, dtype=object), options),
}
FUNCTIONS = {  # each with its own arguments only: numpy would take one more as the place to write to
    "where": lambda condition, yes, no: np.where(condition, yes, no),
    "minimum": lambda left, right: np.minimum(left, right),
    "maximum": lambda left, right: np.maximum(left, right),
    "round": lambda values, decimals=0: np.round(values, decimals),
    "floor": lambda values: np.floor(values),
    "ceil": lambda values: np.ceil(values),
    "abs": lambda values: np.abs(values),
    "sqrt": lambda values: np.sqrt(values),
    "log": lambda values: np.log(values),
    "exp": lambda values: np.exp(values),
    "weekday": lambda dates: pd.DatetimeIndex(dates).dayofweek.to_numpy(),
}


class ExpressionError(ValueError):
    """An expression that cannot be read or names something that is not there."""


def parse(expression: str) -> tuple[ast.expr, dict[str, str]]:
    """Return the syntax tree and the map from placeholder to back-ticked column name."""
    names: dict[str, str] = {}

    def placeholder(match: re.Match) -> str:
        key = f"column_{len(names)}_"
        names[key] = match.group(1)
        return key

    try:
        tree = ast.parse(re.sub(r"`([^`]+)`", placeholder, expression).strip(), mode="eval").body
    except (SyntaxError, TypeError, ValueError, RecursionError) as error:
        raise ExpressionError(
            f"Cannot read the expression {expression!r}: {error}. Write it like "
            '"Usage <= 1440"; put names with spaces in back-ticks.'
        ) from None
    return tree, names


def evaluate(expression: str, table: pd.DataFrame) -> np.ndarray:
    """Evaluate an expression on every row.

    Parameters
    ----------
    expression : columns by name (back-ticks where the name is not one word), numbers, text, lists,
        ``+ - * / // % == != < <= > >= in and or not`` and the functions in :data:`FUNCTIONS`.
    table : DataFrame of n rows.

    Returns
    -------
    array of length n (or a scalar where the expression uses no column); comparisons with a missing
    value are False, as in pandas.

    Raises
    ------
    ExpressionError : unreadable, an unknown column or function, values that do not go together, or
        anything outside the language.
    """
    tree, names = parse(expression)
    try:
        with np.errstate(all="ignore"):  # 0 / 0 is a missing value here, as in pandas
            return _Evaluator(expression, table, names).visit(tree)
    except ExpressionError:
        raise
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ExpressionError(
            f"Cannot compute the expression {expression!r}: {error}. See that it compares numbers "
            "with numbers, text with text and dates with dates."
        ) from None


def _values(column: pd.Series) -> np.ndarray:
    """A column as a numpy array whose missing values compare as False: NaN among numbers, else
    None."""
    if not pd.api.types.is_extension_array_dtype(column.dtype):
        return column.to_numpy()
    if not column.isna().any() and pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=column.dtype.numpy_dtype)
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.dt.tz_localize(None).to_numpy()
    return column.astype(object).where(column.notna(), None).to_numpy()


def _as_dates(left, right) -> tuple:
    """Text beside dates is read as a date."""
    pair = [left, right]
    for place, other in ((0, right), (1, left)):
        if isinstance(pair[place], str) and getattr(other, "dtype", np.dtype(object)).kind == "M":
            pair[place] = np.datetime64(pd.Timestamp(pair[place]))
    return tuple(pair)


class _Evaluator(ast.NodeVisitor):
    def __init__(self, expression, table, names):
        self.expression, self.table, self.names = expression, table, names

    def generic_visit(self, node):
        raise ExpressionError(
            f"The expression {self.expression!r} uses {type(node).__name__}, which rules do not "
            f"know. Use columns, numbers, comparisons and {', '.join(FUNCTIONS)}."
        )

    def apply(self, node, *values):
        if type(node) not in OPERATORS:
            self.generic_visit(node)
        return OPERATORS[type(node)](*values)

    def visit_Name(self, node):
        name = self.names.get(node.id, node.id)
        if name not in self.table.columns:
            raise ExpressionError(
                f"The expression {self.expression!r} names the column {name!r}, which the table "
                f"does not have. It has: {', '.join(map(str, self.table.columns))}."
            )
        return _values(self.table[name])

    def visit_Constant(self, node):
        return node.value

    def visit_List(self, node):
        return [self.visit(item) for item in node.elts]

    visit_Tuple = visit_List

    def visit_BinOp(self, node):
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Mult) and isinstance(left, (str, list)) | isinstance(
            right, (str, list)
        ):
            raise TypeError("text and lists cannot be multiplied")
        return self.apply(node.op, left, right)

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
            result = np.logical_and(result, self.apply(comparison, *_as_dates(left, right)))
            left = right
        return result

    def visit_Call(self, node):
        name = getattr(node.func, "id", None)
        if name not in FUNCTIONS or node.keywords:
            raise ExpressionError(
                f"The expression {self.expression!r} calls {name or 'something'}, which rules do "
                f"not know. Known functions: {', '.join(FUNCTIONS)}."
            )
        return FUNCTIONS[name](*(self.visit(argument) for argument in node.args))
