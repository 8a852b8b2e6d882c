"""What a person knows about a table, as a JSON file: kinds, ranges, rules and the target."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from utils.checks import is_of_kind
from utils.commands.base import Wishes
from utils.commands.opening import OwnTable
from utils.expressions import columns_of
from utils.saving import SavedModelError, check_parts
from utils.schema import Column, Schema, TableError

PARTS = ("columns", "rules", "target")
FACTS = tuple(column_field.name for column_field in fields(Column))
EXAMPLE = '{"columns": [{"name": "age", "kind": "integer", "minimum": 0, "maximum": 120}]}'


@dataclass(frozen=True)
class KnownSchema:
    """What a schema file says. columns : name -> what is said of it.  rules : name ->
    expression."""

    source: str
    columns: dict[str, dict[str, Any]]
    rules: dict[str, str]
    target: str | None


def read_schema(path: Path) -> KnownSchema:
    """Read a schema file: ``{"columns": [{"name": ..., "kind": ...}], "rules": {...}, "target":
    ...}``.

    A column needs its name only; what else stands there are fields of
    :class:`utils.schema.Column`, as ``dataclasses.asdict(schema)`` gives them.

    Raises TableError for a file that is not there, is no JSON, or says what no schema has.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(f"There is no schema file {path}. Check its name.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise TableError(f"{path} is no JSON ({error}). Write it like {EXAMPLE}") from None
    columns = said.get("columns") if isinstance(said, dict) else None
    if not isinstance(columns, list) or not columns:
        raise TableError(f"{path} lists no columns. Write it like {EXAMPLE}")
    _refuse_unknown(said, PARTS, str(path))
    for column in columns:
        if not isinstance(column, dict) or not isinstance(column.get("name"), str):
            raise TableError(f"{path}: {column!r} has no name. Write columns like {EXAMPLE}")
        _refuse_unknown(column, FACTS, f"{path}, column {column['name']!r}")
    rules, target = said.get("rules") or {}, said.get("target")
    if not isinstance(rules, dict) or not all(isinstance(rule, str) for rule in rules.values()):
        raise TableError(f'{path}: rules are written like {{"in order": "start <= end"}}.')
    named = {column["name"]: {k: v for k, v in column.items() if k != "name"} for column in columns}
    if len(named) < len(columns):
        raise TableError(f"{path} lists a column twice. Leave each name once.")
    if target is not None and target not in named:
        raise TableError(f"{path}: the target {target!r} is none of its columns.")
    return KnownSchema(str(path), named, dict(rules), target)


def _refuse_unknown(said: dict, known: tuple[str, ...], where: str) -> None:
    odd = [name for name in said if name not in known]
    if odd:
        raise TableError(f"{where}: there is no {odd[0]!r}. Known are: {', '.join(known)}.")


def with_schema_file(asked: Wishes, known: KnownSchema, names: list[str]) -> Wishes:
    """The wishes, with what the schema file says of the columns: others are left out, none of its
    own is, and kinds decide how cells are read.

    names : of the table's columns.
    """
    lacking = [name for name in known.columns if name not in names]
    if lacking:
        raise TableError(
            f"{known.source} lists the column {lacking[0]!r}, which the table does not have. Its "
            f"columns are: {', '.join(names)}."
        )
    kinds = {name: facts.get("kind") for name, facts in known.columns.items()}
    categories = [name for name, kind in kinds.items() if kind == "category"]
    numbers = [name for name, kind in kinds.items() if kind in ("number", "integer")]
    others = [name for name in names if name not in known.columns]
    return replace(
        asked,
        target=asked.target or known.target,
        drop=[*asked.drop, *others],
        keep=[*asked.keep, *(name for name in known.columns if name not in asked.drop)],
        category=[*asked.category, *categories],
        number=[*asked.number, *numbers],
    )


def apply_schema(known: KnownSchema, opened: OwnTable) -> OwnTable:
    """The table with the schema that was read off it, where the file does not know better."""
    columns = tuple(_told(known, column) for column in opened.schema.columns)
    for column in columns:
        if not is_of_kind(opened.table[column.name], column):
            raise TableError(
                f"{known.source} says that {column.name!r} is of kind {column.kind}, but the table "
                f"holds {opened.table[column.name].dtype} there. Mend one of them."
            )
    names = {column.name for column in columns}
    rules = dict(opened.schema.rules)
    for name, rule in known.rules.items():
        try:
            unknown = sorted(columns_of(rule) - names)
        except ValueError as error:
            raise TableError(f"{known.source}: the rule {name!r} ({rule}): {error}") from None
        if unknown:
            raise TableError(
                f"{known.source}: the rule {name!r} ({rule}) names {unknown[0]!r}, which is no "
                "column that is judged."
            )
        rules[name] = rule
    return replace(opened, schema=Schema(columns, rules, opened.schema.target))


def _told(known: KnownSchema, column: Column) -> Column:
    facts = known.columns[column.name]
    facts = {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()}
    try:
        check_parts(Column, facts, set(facts))
    except SavedModelError as error:
        raise TableError(f"{known.source}, column {column.name!r}: {error}.") from None
    if facts.get("kind", column.kind) != column.kind:  # the limits belonged to the other kind
        facts = {"minimum": None, "maximum": None} | facts
    return replace(column, **facts)
