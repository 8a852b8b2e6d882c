"""What all commands share: the program, its errors in one message, options that several commands
have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated, Any, NoReturn

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
    help="Synthetic rows for a table of your own (CSV or Parquet), and all methods compared on it.",
    cls=ClearErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain text wraps long messages without cutting names and paths in pieces
)

Table = Annotated[
    str,
    typer.Argument(
        help="CSV or Parquet file, path or web address.", metavar="TABLE", show_default=False
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Column that a model would predict from the others.",
        show_default=False,
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="Leave this column out; may be repeated.", show_default=False
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Keep this column although each row has its own value in it; may be repeated.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def one_of(name: str, known: Iterable[str], option: str, what: str) -> str:
    """The name if it is known; otherwise a usage error (exit code 2) that suggests the nearest."""
    known = list(known)
    if name in known:
        return name
    near = {item.lower(): item for item in known}
    close = difflib.get_close_matches(name.lower(), near, n=1)
    hint = f"Did you mean {near[close[0]]!r}?" if close else f"Choose from: {', '.join(known)}."
    raise typer.BadParameter(f"There is no {what} {name!r}. {hint}", param_hint=option)


def method_named(name: str, option: str = "--method") -> str:
    """A method of the registry, or a usage error."""
    return one_of(name, sorted(SYNTHESIZERS), option, "method")


def methods_help() -> str:
    """One line a method: its name and the first line of its docstring."""
    width = max(map(len, SYNTHESIZERS))
    lines = [
        f"  {name:<{width}}  {(cls.__doc__ or '').strip().splitlines()[0]}"
        for name, cls in sorted(SYNTHESIZERS.items())
    ]
    return "\b\nMethods:\n" + "\n".join(lines)  # \b keeps click from joining the lines
