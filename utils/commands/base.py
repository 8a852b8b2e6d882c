"""What all commands share: the program, its errors in one message, options that several commands
have."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, NoReturn

import typer
from typer.core import TyperGroup

from utils.synthesizers import SYNTHESIZERS


class ClearErrors(TyperGroup):
    """Commands whose expected failures are one message on stderr and exit code 1, without a
    traceback.

    Expected are what the library raises for unusable input (TableError, SavedModelError and their
    base ValueError) and what the system refuses (OSError, MemoryError).
    """

    def invoke(self, ctx: typer.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # a reader such as `head` has seen enough; Typer ends quietly
        except MemoryError as error:
            _stop(
                f"not enough memory ({error}). Drop columns with --drop, or take fewer rows.", error
            )
        except (ValueError, OSError) as error:
            _stop(str(error), error)


def _stop(message: str, cause: BaseException) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(1) from cause


app = typer.Typer(
    help="Synthetic rows for a table of your own (CSV or Parquet), all methods compared on it, "
    "and a report on any synthetic table.",
    cls=ClearErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text wraps long messages without cutting names and paths
)

Table = Annotated[
    str,
    typer.Argument(
        help="CSV or Parquet file, path or web address.", metavar="TABLE", show_default=False
    ),
]

_option = partial(typer.Option, show_default=False)


def _repeatable(metavar: str, help_text: str) -> object:
    """The type of an option that may be given several times."""
    return Annotated[list[str], _option(help=f"{help_text}; may be repeated.", metavar=metavar)]


Drop = _repeatable("COLUMN", "Leave this column out")
Keep = _repeatable("COLUMN", "Keep this column, with real values, although it points to persons")
Category = _repeatable("COLUMN", "Keep the values of this column as they are, make up no others")
Quantity = _repeatable("COLUMN", "Values between those of this column make sense")
Rule = _repeatable("RULE", 'What every row must keep, such as "admitted < discharged"')


Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


@dataclass(frozen=True)
class Wishes:
    """What the options that all commands have ask of a table; see their help."""

    target: Annotated[
        str | None,
        _option(help="Column that a model would predict from the others.", metavar="COLUMN"),
    ] = None
    drop: Drop = ()
    keep: Keep = ()
    category: Category = ()
    number: Quantity = ()
    rule: Rule = ()
    dates: Annotated[
        Literal["day-first", "month-first"] | None, _option(help="How to read 01/02/2024.")
    ] = None
    decimal: Annotated[
        Literal["comma", "point"] | None, _option(help="The decimal sign of 1,234.")
    ] = None
    encoding: Annotated[
        str | None,
        _option(help="How letters are coded, such as cp1250.  [default: found]", metavar="NAME"),
    ] = None


def with_wishes(command: Callable) -> Callable:
    """The command with an option for each field of Wishes, which it gets as ``wishes``."""
    own = inspect.signature(command, eval_str=True).parameters.values()
    asked = inspect.signature(Wishes, eval_str=True).parameters

    @functools.wraps(command)
    def run(**options):
        wishes = Wishes(**{name: options.pop(name) for name in asked})
        return command(**options, wishes=wishes)

    shown = [option for option in own if option.name != "wishes"]
    run.__signature__ = inspect.Signature([*shown, *asked.values()])
    return run


def one_of(name: str, known: Iterable[str], option: str, what: str) -> str:
    """The name if it is known; otherwise a usage error (exit code 2) that suggests the nearest."""
    known = list(known)
    if name in known:
        return name
    near = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), near, n=1)
    hint = f"Did you mean {near[close[0]]!r}?" if close else f"Choose from: {', '.join(known)}."
    raise typer.BadParameter(f"There is no {what} {name!r}. {hint}", param_hint=option)


def methods_help() -> str:
    """One line a method: its name and the first paragraph of its docstring."""
    width = max(map(len, SYNTHESIZERS))
    lines = []
    for name, cls in sorted(SYNTHESIZERS.items()):
        paragraph, _, _ = (inspect.getdoc(cls) or "").partition("\n\n")
        lines.append(f"  {name:<{width}}  {' '.join(paragraph.split())}")
    return "\b\nMethods:\n" + "\n".join(lines)  # \b keeps click from joining the lines
