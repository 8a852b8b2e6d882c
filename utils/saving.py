"""Save fitted models as data, not code: nested dicts, lists, arrays and a few known classes in one
.npz file.

Nothing in such a file is executed when it is loaded (no pickle), so a stranger's file can do no
harm.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from utils.schema import Schema

CLASSES: dict[str, type] = {"Schema": Schema}


class SavedModelError(ValueError):
    """A saved file that is damaged, foreign or of another version."""


def portable(cls: type) -> type:
    """Class decorator: instances with ``to_dict``/``from_dict`` may stand in saved files."""
    CLASSES[cls.__name__] = cls
    return cls


def write(path: str | os.PathLike, content: dict) -> None:
    """Write content to path at once: the old file stays whole until the new one is."""
    path, arrays = Path(path), {}
    manifest = json.dumps(_pack(content, arrays)).encode()
    arrays["manifest"] = np.frombuffer(manifest, dtype=np.uint8)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read(path: str | os.PathLike) -> dict:
    """Read what :func:`write` wrote; SavedModelError for other or damaged files, OSError for absent
    ones."""
    with open(path, "rb") as file:
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
        if value.dtype == object:
            return {"$objects": [_pack(item, arrays) for item in value.tolist()]}
        arrays[f"array_{len(arrays)}"] = value
        return {"$array": f"array_{len(arrays) - 1}"}
    if isinstance(value, np.generic):
        return _pack(value.item(), arrays)
    if isinstance(value, pd.Timestamp):
        return {"$time": value.isoformat()}
    if isinstance(value, tuple):
        return {"$tuple": [_pack(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_pack(item, arrays) for item in value]
    if isinstance(value, dict):
        return {
            "$pairs": [[_pack(key, arrays), _pack(item, arrays)] for key, item in value.items()]
        }
    if type(value).__name__ in CLASSES:
        return {"$class": type(value).__name__, "state": _pack(value.to_dict(), arrays)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise SavedModelError(
        f"A {type(value).__name__} cannot be saved as data. Use numbers, text, lists, dictionaries "
        "or arrays in the synthesizer's parameters."
    )


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
        return pd.Timestamp(value["$time"])
    if "$tuple" in value:
        return tuple(_unpack(item, archive) for item in value["$tuple"])
    if "$pairs" in value:
        return {_unpack(key, archive): _unpack(item, archive) for key, item in value["$pairs"]}
    return CLASSES[value["$class"]].from_dict(_unpack(value["state"], archive))
