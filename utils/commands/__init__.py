"""The command line. A module put into this folder joins by itself, through ``@app.command()``."""

from importlib import import_module
from pkgutil import iter_modules

from utils.commands.base import app

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")

__all__ = ["app"]
