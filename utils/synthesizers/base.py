"""The one interface of all generators: fit, sample, save, load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from utils import saving
from utils.encoding import from_array, to_array
from utils.schema import Schema
from utils.synthesizers.given import read_given, what_was_seen
from utils.tables import validate

SYNTHESIZERS: dict[str, type[Synthesizer]] = {}
FORMAT = 2


class Synthesizer(BaseEstimator):
    """Base of all generators, by scikit-learn's conventions: fitted attributes end in ``_``.

    A subclass names its ``method`` (which registers it), annotates each fitted attribute with its
    type (a saved file is held against these), and writes two functions:

    ``_fit(columns, rng)`` : ``columns`` maps each column's name to an array of length n, int32
    codes for categories and booleans (-1 is missing), float64 for numbers, integers and dates (NaN
    is missing).
    ``_sample(n, given, rng)`` : returns the same kind of dictionary; ``given`` maps names to one
    code or float.
    """

    method = ""
    chunk_rows = 65_536
    quick = True  # fits most tables within seconds
    not_saved: tuple[str, ...] = ()  # parameters that say how to fit, not what was fitted
    schema_: Schema
    seen_: dict  # what training held of each column, see given.what_was_seen

    def __init__(self, random_state: int | None = 0):
        self.random_state = random_state

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if cls.method:
            SYNTHESIZERS[cls.method] = cls

    def fit(self, table: pd.DataFrame, schema: Schema | None = None) -> Synthesizer:
        """Learn from a table; infers the schema unless passed.

        Raises ValueError for parameters and TableError for a table that it cannot use. Unless a
        whole fit comes of it, the earlier one is still there.
        """
        self._check_parameters()
        if schema is None:
            schema = Schema.infer(table)
        else:
            validate(table, schema)
        columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
        # many small matrices: more threads would only wait for each other
        with self._fitting(), threadpool_limits(1, user_api="blas"):
            self.schema_, self.seen_ = schema, what_was_seen(columns, schema)
            self._fit(columns, np.random.default_rng(self.random_state))
        return self

    @contextmanager
    def _fitting(self):
        """Forget the earlier fit; bring it back if what was interrupted left no whole one."""
        earlier = self._forget()
        try:
            yield
        finally:
            if not self._fitted_names() <= set(vars(self)):
                self._forget()
                vars(self).update(earlier)

    def _check_parameters(self) -> None:
        """ValueError for a parameter that no fit can use; asked before anything is forgotten."""
        _check_seed(self.random_state)

    def _check_counts(self, *names: str) -> None:
        """ValueError unless these parameters are whole numbers of 1 or more."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}.")

    def _forget(self) -> dict:
        """Drop, and return, what a fit left: fitted attributes, networks, compiled functions."""
        added = set(vars(self)) - set(self.get_params(deep=False))
        names = [name for name in added if name.endswith("_") or name.startswith("_")]
        return {name: vars(self).pop(name) for name in names}

    def sample(
        self, n: int, given: dict | None = None, random_state: int | None = None
    ) -> pd.DataFrame:
        """Draw n rows, a DataFrame with the columns, order and dtypes of the training table.

        given : values that every row must have, such as ``{"App": "Netflix"}``.
        random_state : another seed than the constructor's, for another draw from the same fit.
        Memory: the result, plus one chunk of ``chunk_rows`` rows.
        """
        return assemble(self.sample_chunks(n, given, random_state), n)

    def sample_chunks(
        self, n: int, given: dict | None = None, random_state: int | None = None
    ) -> Iterator[pd.DataFrame]:
        """The rows of :meth:`sample` in pieces, for tables larger than memory."""
        check_is_fitted(self)
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 0:
            raise ValueError(f"The number of rows must be a whole number of 0 or more, not {n!r}.")
        condition = read_given(given or {}, self.schema_, self.seen_)
        seed = self.random_state if random_state is None else random_state
        _check_seed(seed)
        # not the stream that fit used
        rng = np.random.default_rng(None if seed is None else [1, seed])
        return self._chunks(int(n), condition, rng)

    def _chunks(self, n, condition, rng):
        for start in range(0, max(n, 1), self.chunk_rows):
            yield self._sample_table(min(self.chunk_rows, n - start), condition, rng)

    def _sample_table(self, n, condition, rng) -> pd.DataFrame:
        columns = self._sample(n, condition, rng)
        return pd.DataFrame(
            {
                column.name: from_array(columns[column.name], column)
                for column in self.schema_.columns
            }
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted model to one file that holds data, not code."""
        check_is_fitted(self)
        content = {
            "format": FORMAT,
            "method": self.method,
            "parameters": self._saved_parameters(),
            "fitted": {name: getattr(self, name) for name in self._fitted_names()},
        }
        saving.write(path, content)

    def _saved_parameters(self) -> dict:
        parameters = self.get_params(deep=False)
        return {name: value for name, value in parameters.items() if name not in self.not_saved}

    @classmethod
    def _fitted_names(cls) -> set[str]:
        """The fitted attributes that the class and its bases declare."""
        declared = chain.from_iterable(getattr(base, "__annotations__", {}) for base in cls.__mro__)
        return {name for name in declared if name.endswith("_")}

    @classmethod
    def load(cls, path: str | os.PathLike) -> Synthesizer:
        """Read a saved model; it samples the same rows as the one that was saved.

        Runs nothing from the file. Raises SavedModelError for a damaged or foreign file, or one of
        another class.
        """
        content = saving.read(path)
        method = content.get("method") if isinstance(content, dict) else None
        if not isinstance(method, str) or method not in SYNTHESIZERS:
            raise saving.SavedModelError(
                f"{path} holds no synthesizer that this version knows (method {method!r}). "
                f"Known: {', '.join(sorted(SYNTHESIZERS))}."
            )
        if not isinstance(content.get("format"), int) or content["format"] != FORMAT:
            raise saving.SavedModelError(
                f"{path} was saved by another version of this course (format "
                f"{content.get('format')!r}, not {FORMAT}). Fit it again and save it."
            )
        kind = SYNTHESIZERS[method]
        if not issubclass(kind, cls):
            raise saving.SavedModelError(
                f"{path} holds a {kind.__name__}, not a {cls.__name__}. "
                "Load it with Synthesizer.load(path)."
            )
        try:
            synthesizer = kind(**content["parameters"])
            synthesizer._check_parameters()
            fitted = saving.check_parts(kind, content["fitted"], kind._fitted_names())
            vars(synthesizer).update(fitted)
        except (KeyError, TypeError, ValueError) as error:
            raise saving.SavedModelError(
                f"{path} holds a {method} model that lacks a part or has one too many "
                f"({error}). Save it again with synthesizer.save(path)."
            ) from None
        return synthesizer


def _check_seed(seed) -> None:
    if seed is not None and (
        not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0
    ):
        raise ValueError(
            f"random_state must be a whole number of 0 or more, or None, not {seed!r}: the same "
            "number gives the same rows."
        )


def assemble(chunks: Iterator[pd.DataFrame], n: int) -> pd.DataFrame:
    """One table of n rows from its pieces, column by column: no second copy is ever held."""
    first = next(chunks)
    if len(first) == n:
        return first
    stores = {
        name: np.empty(n, dtype=first[name].dtype)
        if isinstance(first[name].dtype, np.dtype)
        else []
        for name in first.columns
    }
    filled = 0
    for chunk in chain([first], chunks):
        for name, store in stores.items():
            if isinstance(store, list):
                store.append(chunk[name].array)
            else:
                store[filled : filled + len(chunk)] = chunk[name].to_numpy()
        filled += len(chunk)
    for name, store in stores.items():
        if isinstance(store, list):
            stores[name] = pd.concat([pd.Series(piece) for piece in store], ignore_index=True).array
    # a Series that names its dtype spares pandas the search for one, which would copy text
    columns = {
        name: pd.Series(store, dtype=store.dtype, copy=False) for name, store in stores.items()
    }
    return pd.DataFrame(columns, copy=False)
