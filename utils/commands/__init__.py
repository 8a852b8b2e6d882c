"""The command line: one file a command, each of which joins through ``@app.command()``."""

from utils.commands import compare, generate, report
from utils.commands.base import app

__all__ = ["app", "compare", "generate", "report"]
