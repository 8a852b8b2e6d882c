"""Fitted models as data, not code: nested dicts, lists, arrays and known classes in one .npz file.

Nothing in such a file is executed when it is loaded (no pickle), so a stranger's file can do no
harm; and a class takes back only what it declares, part by part. Of an array it declares entries
and shape, as in ``Annotated[np.ndarray, "float k 9"]``: the entries are one of :data:`ENTRIES`, and
of each axis stands its length, or a name that means the same length all over the class (``_`` for
any length, ``...`` for any axes). Floats are finite, shares are so and 0 or more, cells are codes
or floats of a column as a fit gets them, NaN where missing.
"""

from __future__ import annotations

import json
import os
import tempfile
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Union

import numpy as np
import pandas as pd

from utils.dtypes import dtype_text, restored
from utils.schema import Column, Schema

# numpy's letters; not those of long doubles, which differ from machine to machine
PLAIN_SCALARS = "?bhilqnpBHILQNPefdU"
PLAIN_ARRAYS = PLAIN_SCALARS + "FDSMmO"  # complex numbers, bytes, times, and objects one by one
CLASSES: dict[str, type] = {"Column": Column, "Schema": Schema}
ENTRIES = {"bool": "b", "int": "iu", "float": "f", "share": "f", "cell": "iuf"}


class SavedModelError(ValueError):
    """A saved file that is damaged, foreign or of another version."""


def savable(cls: type) -> type:
    """Decorator of a dataclass: its instances may stand in saved files, told by their fields.

    Raises TypeError for a second class of the same name: its files would be read as the first's.
    """
    other = CLASSES.get(cls.__name__, cls)
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise TypeError(
            f"{other.__module__} saves a class {cls.__name__}, too: rename that of {cls.__module__}"
        )
    CLASSES[cls.__name__] = cls
    return cls


def check_parts(cls: type, parts: dict, names: set[str]) -> dict:
    """The parts, if they are exactly ``names``, each of the type that ``cls`` declares for it.

    Raises SavedModelError otherwise: what a file holds must not replace a method or lack a part.
    """
    if not isinstance(parts, dict) or set(parts) != names:
        odd = sorted(map(str, names.symmetric_difference(parts)))
        raise SavedModelError(
            f"a {cls.__name__} lacks a part or has one too many: {', '.join(odd)}"
        )
    declared, lengths = _declared(cls, include_extras=True), {}
    for name, value in parts.items():
        odd = _misfit(value, declared[name], lengths)
        if odd:
            raise SavedModelError(f"the part {name!r} of a {cls.__name__} is {odd}")
    return parts


_declared = cache(typing.get_type_hints)


def expect(part: str, whole: bool) -> None:
    """SavedModelError that names the part, unless it is whole."""
    if not whole:
        raise SavedModelError(f"the part {part!r} does not fit the other ones")


def _misfit(value, hint, lengths: dict[str, int]) -> str:
    """What a value is instead of the type in a hint such as ``list[str] | None``, down to the last
    entry; nothing if it fits. A whole number may stand where a float may.

    lengths : of the named axes so far.
    """
    kind, inner = typing.get_origin(hint) or hint, typing.get_args(hint)
    if kind in (UnionType, Union):
        found = [_misfit(value, option, lengths) for option in inner]
        return min(found, key=len) and max(found, key=len)
    if kind is Annotated:
        return _misfit(value, inner[0], lengths) or _odd_array(value, inner[1], lengths)
    if not isinstance(value, (float, int) if kind is float else kind):
        return f"a {type(value).__name__}"
    if kind is dict and inner:
        odd = {_misfit(part, t, lengths) for pair in value.items() for part, t in zip(pair, inner)}
    elif inner:  # a list or tuple of any length
        odd = {_misfit(item, inner[0], lengths) for item in value}
    else:
        return ""
    return " with ".join([f"a {kind.__name__}", *sorted(odd - {""})]) if odd - {""} else ""


def _odd_array(value: np.ndarray, declared: str, lengths: dict[str, int]) -> str:
    """What an array is instead of what is declared of it; nothing if it fits."""
    entries, *axes = declared.split()
    if value.dtype.kind not in ENTRIES[entries]:
        return f"an array of {value.dtype}"
    if axes != ["..."]:
        lengths |= {axis: int(axis) for axis in axes if axis.isdigit()}
        pairs = [pair for pair in zip(axes, value.shape) if pair[0] != "_"]
        if len(axes) != value.ndim or any(lengths.setdefault(*pair) != pair[1] for pair in pairs):
            return f"an array of shape {value.shape}"
    if entries in ("float", "share") and not np.isfinite(value).all():
        return "an array with a number that is not finite"
    return "an array with a share below 0" if entries == "share" and (value < 0).any() else ""


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside the given one, moved there at the end; removed on any error."""
    path = Path(path)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder '{path.parent}' for '{path.name}'. Make it first."
        )
    handle, temporary = tempfile.mkstemp(
        dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".part"
    )
    os.close(handle)
    temporary = Path(temporary)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp lets only the owner read
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write(path: str | os.PathLike, content: dict) -> None:
    """Write content to path at once: the old file stays whole until the new one is."""
    arrays: dict[str, np.ndarray] = {}
    manifest = json.dumps(_pack(content, arrays)).encode()
    arrays["manifest"] = np.frombuffer(manifest, dtype=np.uint8)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read(path: str | os.PathLike) -> dict:
    """Read what :func:`write` wrote.

    Raises SavedModelError for other or damaged files, OSError for absent ones.
    """
    with Path(path).open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                return _unpack(json.loads(archive["manifest"].tobytes()), archive)
        except Exception as error:  # a stranger's bytes can go wrong in any way
            raise SavedModelError(
                f"{Path(path).name} is not a whole file of this course ({error}). Save the model "
                "again with synthesizer.save(path)."
            ) from None


def _pack(value, arrays: dict):
    if isinstance(value, np.ndarray):
        _refuse_array(value)
        if value.dtype == object:
            return {"$objects": [_pack(item, arrays) for item in value.tolist()]}
        arrays[f"array_{len(arrays)}"] = value
        return {"$array": f"array_{len(arrays) - 1}"}
    if isinstance(value, np.generic) and value.dtype.char in PLAIN_SCALARS:
        return _pack(value.item(), arrays)
    if isinstance(value, pd.Timestamp):
        return {"$time": value.isoformat(), "dtype": _time_dtype(value)}
    if isinstance(value, tuple):
        return {"$tuple": [_pack(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_pack(item, arrays) for item in value]
    if isinstance(value, dict):
        return {
            "$pairs": [[_pack(key, arrays), _pack(item, arrays)] for key, item in value.items()]
        }
    if type(value).__name__ in CLASSES:
        state = {field.name: getattr(value, field.name) for field in fields(value)}
        return {"$class": type(value).__name__, "state": _pack(state, arrays)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise _no_data(f"A {type(value).__name__}")


def _no_data(what: str) -> SavedModelError:
    return SavedModelError(
        f"{what} cannot be saved as data. Use numbers, text, lists, dictionaries or arrays in the "
        "synthesizer's parameters."
    )


def _refuse_array(value: np.ndarray) -> None:
    """SavedModelError for an array that numpy would pickle, or that other machines cannot read."""
    if value.dtype == object and value.ndim != 1:
        raise _no_data(f"An array of objects with {value.ndim} dimensions")
    if value.dtype.char not in PLAIN_ARRAYS:
        raise _no_data(f"An array of {value.dtype}")


def _time_dtype(value: pd.Timestamp) -> str:
    """The dtype of a column of such times, which names their zone."""
    try:
        return dtype_text(pd.Index([value]))
    except ValueError:
        raise _no_data(f"A Timestamp in the zone {value.tz!r}") from None


def _unpack(value, archive):
    if isinstance(value, list):
        return [_unpack(item, archive) for item in value]
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return archive[value["$array"]]
    if "$objects" in value:
        result = np.empty(len(value["$objects"]), dtype=object)
        result[:] = [_unpack(item, archive) for item in value["$objects"]]
        return result
    if "$time" in value:
        return restored([value["$time"]], value["dtype"])[0]
    if "$tuple" in value:
        return tuple(_unpack(item, archive) for item in value["$tuple"])
    if "$pairs" in value:
        return {_unpack(key, archive): _unpack(item, archive) for key, item in value["$pairs"]}
    cls = CLASSES[value["$class"]]
    names = {field.name for field in fields(cls)}
    return cls(**check_parts(cls, _unpack(value["state"], archive), names))
