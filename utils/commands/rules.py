"""Rules between columns: those that a person gives, and those that hold in every row of a table."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable, Iterator
from itertools import combinations
from shlex import quote

import numpy as np
import pandas as pd
import typer
from pandas.api import types

from utils.checks import allowed
from utils.commands.values import column_called, spellings, value_of
from utils.commands.writing import Style
from utils.expressions import ExpressionError, columns_of, evaluate, names_in, parse
from utils.schema import Column, Schema, TableError
from utils.synthesizers import Synthesizer

FEWEST_ROWS = 20  # that a rule must hold in, before it is no accident
BY_CHANCE = 0.95  # an order that holds as often between rows that are mixed says nothing
MOST_FOUND = 5
MOST_NUMBERS = 12  # columns among which sums are sought
MOST_ROUNDS = 30
EQUAL = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
ALIKE = {"minimum": 0, "maximum": 0, "where": 1}  # function -> its first argument like the others
MOST_DRAWN = 50  # rows drawn for each row that is asked for


def read_rules(
    rules: list[str], table: pd.DataFrame, schema: Schema, style: Style, left_out: Iterable[str]
) -> dict[str, str]:
    """Each rule as a person writes it, in the words of the file -> as an expression over the table.

    Raises a usage error for a rule that cannot be read, TableError for one that real rows break.
    """
    read = {}
    known = spellings(schema.names, style.headers)
    for rule in rules:
        try:
            tree, names = parse(rule)
            words = _InWordsOfTheTable(names, schema, style.forms, known, left_out)
            read[rule] = ast.unparse(words.visit(tree))
            met = evaluate(read[rule], table)
            if isinstance(met, list) or np.asarray(met).dtype != bool:
                raise ExpressionError("It is no condition. Compare two sides of it, as in a < 7.5.")
        except (ValueError, typer.BadParameter) as error:
            problem = _without_ticks(rule, known) or getattr(error, "message", str(error))
            raise typer.BadParameter(problem, param_hint=f"--rule {rule!r}") from None
        broken = Schema((), {rule: read[rule]}).broken_rules(table)[rule]
        if broken.any():
            first = broken.idxmax()
            names = sorted(columns_of(read[rule]))
            cells = ", ".join(f"{name} {table.at[first, name]}" for name in names)
            raise TableError(
                f"The rule {rule!r} does not hold in {broken.sum():,} of {len(table):,} rows, "
                f"the first in {table.index.name or 'row'} {first} ({cells}). Mend these rows, or "
                "leave the rule out."
            )
    return read


def _without_ticks(rule: str, known: Iterable[str]) -> str:
    """What to say of a rule that names a column such as Times opened without back-ticks; "" if none
    does."""
    names = [re.escape(name) for name in known if _ticked(name) != name == name.strip()]
    names = "|".join(sorted(names, key=len, reverse=True)) or "(?!)"  # which is nowhere
    pattern = rf"(`[^`]*`|'[^']*'|\"[^\"]*\")|(?<!\w)({names})(?!\w)"
    bare = [found[2] for found in re.finditer(pattern, rule) if found[2]]
    ticked = re.sub(pattern, lambda found: found[1] or _ticked(found[2]), rule)
    return f"The column {bare[0]!r} needs back-ticks. Write: --rule {quote(ticked)}" if bare else ""


class _InWordsOfTheTable(ast.NodeTransformer):
    """Columns by their names, and text and days in digits beside a column as values of it."""

    def __init__(self, names: dict[str, str], schema: Schema, forms: dict, known: dict, left_out):
        self.names, self.schema, self.forms = names, schema, forms
        self.known, self.left_out = known, left_out

    def _column(self, node: ast.Name) -> Column:
        name = self.names.get(node.id, node.id)
        return self.schema[column_called(name, self.known, self.left_out, "--rule")]

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(_ticked(self._column(node).name))

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        equal = any(isinstance(sign, EQUAL) for sign in node.ops)
        node.left, *node.comparators = self._beside([node.left, *node.comparators], equal=equal)
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        node.left, node.right = self._beside([node.left, node.right], days=False)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        first = ALIKE.get(getattr(node.func, "id", None), len(node.args))
        node.args = [*map(self.visit, node.args[:first]), *self._beside(node.args[first:])]
        return node

    def _beside(
        self, sides: list[ast.expr], days: bool = True, equal: bool = False
    ) -> list[ast.expr]:
        """The sides of a comparison or sum, their constants read as values of the first column in
        it.

        days : whole numbers beside a date are days in digits.  equal : the sides are to be equal.
        """
        names = [name for side in sides for name in names_in(side)]
        bare = [side for side in sides if isinstance(side, ast.Name)]
        if names:
            column = self._column((bare or names)[0])
            asked = (days and bool(bare), equal and bool(bare))
            sides = [self._value(side, column, *asked) for side in sides]
        return list(map(self.visit, sides))

    def _value(self, node: ast.expr, column: Column, days: bool, equal: bool) -> ast.expr:
        if isinstance(node, (ast.List, ast.Tuple)):
            return ast.List([self._value(item, column, days, equal) for item in node.elts])
        value = getattr(node, "value", None)
        number = type(value) in (int, float)
        text = column.kind == "category" and all(isinstance(c, str) for c in column.categories)
        if number and equal and text:
            raise ExpressionError(
                f"Column {column.name!r} holds text, and {value} is a number. Write text in "
                f"quotes: '{value}'"
            )
        if not value or not (isinstance(value, str) or (number and days and column.kind == "date")):
            return node
        value = value_of(column, str(value), self.forms.get(column.name))
        if column.kind in ("number", "integer") and isinstance(value, str):
            value = pd.to_numeric(value).item()
        return ast.Constant(value.isoformat() if isinstance(value, pd.Timestamp) else value)


# --- rows that keep the rules ---


def computed_columns(schema: Schema, rules: list[str]) -> dict[str, str]:
    """Column -> expression, of rules such as ``net + tax == gross``: no row that is drawn at random
    keeps an equation, so one side is computed."""
    found: dict[str, str] = {}
    for rule in rules:
        tree, placeholders = parse(rule)
        if not (isinstance(tree, ast.Compare) and [type(op) for op in tree.ops] == [ast.Eq]):
            continue
        for node in names_in(tree):
            node.id = _ticked(placeholders.get(node.id, node.id))
        for side, other in ((tree.comparators[0], tree.left), (tree.left, tree.comparators[0])):
            name = side.id.strip("`") if isinstance(side, ast.Name) else None
            text = ast.unparse(other)
            needed = columns_of(text) if name else set()
            numbers = name and schema[name].kind in ("number", "integer") and needed
            if numbers and name not in {*found, *needed} and not needed & set(found):
                found[name] = text
                break
    return found


def rows_that_keep(
    synthesizer: Synthesizer,
    rows: int,
    condition: dict,
    schema: Schema,
    computed: dict[str, str],
    report: dict[str, int],
) -> Iterator[pd.DataFrame]:
    """Chunks of ``rows`` rows in all that keep every rule of the schema; others are thrown away.

    report : gets "drawn" and "kept".  Raises ValueError where too few rows of a bounded number of
    draws keep them.
    """
    report |= {"drawn": 0, "kept": 0}
    for attempt in range(MOST_ROUNDS):
        missing = rows - report["kept"]
        share = max(report["kept"] / max(report["drawn"], 1), 1 / MOST_DRAWN)
        most = MOST_DRAWN * rows + 1000 - report["drawn"]
        ask = missing if not attempt else min(int(missing / share * 1.1) + 10, most)
        if missing == 0 or ask <= 0:
            break
        parts = np.random.SeedSequence([attempt, synthesizer.random_state or 0])
        seed = int(parts.generate_state(1)[0]) if attempt else None  # at first, its own
        for chunk in synthesizer.sample_chunks(ask, condition, seed):
            chunk = _with_computed(chunk, schema, computed)
            kept = chunk[_keeps(chunk, schema, computed)].head(rows - report["kept"])
            report["drawn"] += len(chunk)
            report["kept"] += len(kept)
            if len(kept):
                yield kept.reset_index(drop=True)
    if report["kept"] < rows:
        raise ValueError(
            f"Only {report['kept']:,} of {report['drawn']:,} rows that were drawn keep the rules "
            f"({'; '.join(schema.rules)}); {rows:,} are needed. Try another --method, or "
            "fewer rules."
        )


def _with_computed(chunk: pd.DataFrame, schema: Schema, computed: dict[str, str]) -> pd.DataFrame:
    for name, expression in computed.items():
        column = schema[name]
        values = pd.Series(evaluate(expression, chunk), chunk.index)
        decimals = 0 if column.kind == "integer" else column.decimals
        values = values if decimals is None else values.astype("float64").round(decimals)
        kind = column.dtype if values.notna().all() or column.kind == "number" else "Int64"
        chunk[name] = values.astype(kind)
    return chunk[schema.names]


def _keeps(chunk: pd.DataFrame, schema: Schema, computed: dict[str, str]) -> np.ndarray:
    """Rows that keep every rule, and whose computed values lie within the real range."""
    keeps = ~schema.broken_rules(chunk).to_numpy(dtype=bool).any(axis=1)
    for name in computed:
        keeps &= allowed(chunk[name], schema[name])
    return keeps


# --- rules that hold ---


def found_rules(table: pd.DataFrame) -> list[str]:
    """Sums and orders that hold in every row, and would not by chance, as rules."""
    numbers = [name for name in table.columns if _is_measured(table[name])]
    dates = [name for name in table.columns if types.is_datetime64_any_dtype(table[name].dtype)]
    sums = _sums(table[numbers[:MOST_NUMBERS]])
    zoned = [name for name in dates if table[name].dt.tz is not None]
    naive = [name for name in dates if name not in zoned]
    instants = table[zoned].apply(lambda dates: dates.dt.tz_convert(None))
    measured = (table[naive], instants, table[numbers].astype(np.float64))
    orders = [rule for columns in measured for rule in _orders(columns)]
    summed = [columns_of(rule) for rule in sums]
    orders = [rule for rule in orders if not any(columns_of(rule) <= names for names in summed)]
    found = [*sums, *orders]
    broken = Schema((), {rule: rule for rule in found}).broken_rules(table.dropna()).any()
    return [rule for rule in found if not broken[rule]][:MOST_FOUND]


def _is_measured(values: pd.Series) -> bool:
    measured = types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype)
    return bool(measured and values.nunique() > 2)


def _orders(table: pd.DataFrame) -> list[str]:
    """Orders between columns of one type, each column beside all others at once."""
    values, present = table.to_numpy(), table.notna().to_numpy()
    mixed = np.random.default_rng(0).permutation(len(table))
    found = []
    for first, name in enumerate(table.columns):
        low, both = values[:, [first]], present[:, [first]] & present
        less, rows = (low < values).sum(axis=0), both.sum(axis=0)
        ordered = ((low <= values).sum(axis=0) == rows) & (less > 0) & (rows >= FEWEST_ROWS)
        pairs = (present[:, [first]] & present[mixed]).sum(axis=0)
        ordered &= (low <= values[mixed]).sum(axis=0) <= BY_CHANCE * pairs
        for second in np.flatnonzero(ordered):
            sign = "<" if less[second] == rows[second] else "<="
            found.append(f"{_ticked(name)} {sign} {_ticked(table.columns[second])}")
    return found


def _sums(table: pd.DataFrame) -> list[str]:
    rows = table.dropna().astype(np.float64)
    if len(rows) < FEWEST_ROWS:
        return []
    decimals = {name: Schema.infer(rows[[name]]).columns[0].decimals for name in rows}
    found = []
    for first, second in combinations(rows.columns, 2):
        total = rows[first] + rows[second]
        for name in rows.columns.drop([first, second]):
            digits = decimals[name]
            if digits is not None and np.array_equal(np.round(total, digits), rows[name]):
                left = f"{_ticked(first)} + {_ticked(second)}"
                found.append(f"{f'round({left}, {digits})' if digits else left} == {_ticked(name)}")
    return found


def _ticked(name: str) -> str:
    """A column's name as rules write it."""
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"`{name}`"
