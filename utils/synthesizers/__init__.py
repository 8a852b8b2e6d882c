"""All generators. A module put here joins by itself: its classes register and can be imported from
here."""

from importlib import import_module
from pkgutil import iter_modules

from utils.synthesizers.base import SYNTHESIZERS, Synthesizer

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
globals().update({cls.__name__: cls for cls in SYNTHESIZERS.values()})

__all__ = ["SYNTHESIZERS", "Synthesizer", *(cls.__name__ for cls in SYNTHESIZERS.values())]
