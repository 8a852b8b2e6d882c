"""The one interface of all generators: fit, sample, save, load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from itertools import chain
from numbers import Integral
from typing import Annotated

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from utils import saving
from utils.encoding import from_array, grid_step, to_array
from utils.encoding.ranks import GroupRanks
from utils.saving import expect
from utils.schema import Schema
from utils.synthesizers.draws import resample
from utils.synthesizers.given import CANDIDATES, candidates, read_given, what_was_seen
from utils.tables import validate

SYNTHESIZERS: dict[str, type[Synthesizer]] = {}
FORMAT = 6
TRIAL_ROWS = 100  # drawn from a file when it is loaded


class Synthesizer(BaseEstimator):
    """Base of all generators, by scikit-learn's conventions: fitted attributes end in ``_``.

    A subclass names its ``method`` (which registers it), annotates each fitted attribute with its
    type (a saved file is held against these), and writes two functions:

    ``_fit(columns, rng)`` : ``columns`` maps each column's name to an array of length n, int32
    codes for categories and booleans (-1 is missing), float64 for numbers, integers and dates (NaN
    is missing).
    ``_sample(n, given, rng)`` : returns the same kind of dictionary; ``given`` maps names to one
    code or float. It reads fitted attributes only, and of parameters those that the fit had,
    ``parameters_``, or that say ``how_to_sample``: others may be set anew for the next fit.
    """

    method = ""
    chunk_rows = 65_536
    # whether numbers come to a method as scores within their group (GroupRanks)
    ranks_within_groups = False
    ends_apart = True  # and whether a pile at an end has a score of its own there (NormalScores)
    quick = True  # fits most tables within seconds
    not_saved: tuple[str, ...] = ()  # parameters that say how to fit, not what was fitted
    how_to_sample: tuple[str, ...] = ("random_state",)  # that may change from draw to draw
    schema_: Schema
    # what training held of each column, see given.what_was_seen
    seen_: dict[str, Annotated[np.ndarray, "cell _"]]
    ranks_: GroupRanks

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
            rng = np.random.default_rng(self.random_state)
            if self.ranks_within_groups:
                self.ranks_ = GroupRanks.fit(columns, schema.columns, self.ends_apart)
            self._fit(self.ranks_.transform(columns, rng), rng)
        return self

    @contextmanager
    def _fitting(self):
        """Forget the earlier fit; bring it back if what was interrupted left no whole one."""
        earlier = self._forget()
        self._keep_parameters()
        self.ranks_ = GroupRanks.fit({}, ())  # none, unless a fit finds some
        try:
            yield
        finally:
            if not self._fitted_names() <= set(vars(self)):
                self._forget()
                vars(self).update(earlier)

    def _check_parameters(self) -> None:
        """ValueError for a parameter that no fit can use; asked before anything is forgotten."""
        check_seed(self.random_state)
        if not isinstance(self.ranks_within_groups, bool):
            raise ValueError(
                f"ranks_within_groups must be True or False, not {self.ranks_within_groups!r}."
            )

    def _check_counts(self, *names: str, least: int = 1) -> None:
        """ValueError unless these parameters are whole numbers of ``least`` or more."""
        for name in names:
            check_count(name, getattr(self, name), least)

    def _check_not_negative(self, *names: str) -> None:
        """ValueError unless these parameters are finite numbers of 0 or more."""
        for name in names:
            value = getattr(self, name)
            if not (_is_number(value) and 0 <= value < np.inf):
                raise ValueError(f"{name} must be a number of 0 or more, not {value!r}.")

    def _check_positive(self, name: str) -> None:
        """ValueError unless this parameter is a finite number above 0."""
        value = getattr(self, name)
        if not (_is_number(value) and 0 < value < np.inf):
            raise ValueError(f"{name} must be a number above 0, not {value!r}.")

    def _check_column_names(self, name: str) -> None:
        """ValueError unless this parameter is None or a list of names."""
        value = getattr(self, name)
        listed = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        if value is not None and not listed:
            raise ValueError(f"{name} must be a list of column names, or None, not {value!r}.")

    def _keep_parameters(self) -> None:
        parameters = self.get_params(deep=False)
        kept = {name: value for name, value in parameters.items() if name not in self.not_saved}
        self.parameters_ = deepcopy(kept)

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
        if not _is_count(n):
            raise ValueError(f"The number of rows must be a whole number of 0 or more, not {n!r}.")
        condition = read_given(given or {}, self.schema_, self.seen_)
        seed = self.random_state if random_state is None else random_state
        check_seed(seed)
        # not the stream that fit used
        rng = np.random.default_rng(None if seed is None else [1, seed])
        return self._chunks(int(n), condition, rng)

    def _chunks(self, n, condition, rng):
        by_weight = any(name in self.ranks_.scores for name in condition)
        rows = self.chunk_rows // (CANDIDATES if by_weight else 1)
        for start in range(0, max(n, 1), rows):
            yield self._sample_table(min(rows, n - start), condition, rng)

    def _draw_columns(self, n, given, rng) -> dict:
        """Columns of n rows. Numbers told by rank are asked for by weight: their score depends on
        the group, which is to be drawn as well."""
        ranks = self.ranks_
        wanted = {name: given[name] for name in given if name in ranks.scores}
        wanted = {name: value for name, value in wanted.items() if not np.isnan(value)}
        others = {name: value for name, value in given.items() if name not in wanted}
        columns = self._sample(candidates(n) if wanted else n, others, rng)
        if wanted:
            keep = resample(ranks.log_weights(columns, wanted, self._reach), n, rng)
            columns = {name: values[keep] for name, values in columns.items()}
        asked = {name: np.full(n, value) for name, value in wanted.items()}
        return ranks.inverse(columns) | asked

    @property
    def _reach(self) -> dict[str, float]:
        """How far around it each number told by rank counts as the number."""
        steps = {name: grid_step(self.schema_[name]) for name in self.ranks_.scores}
        return {name: self.ranks_.reach(name, step) for name, step in steps.items()}

    def _sample_table(self, n, condition, rng) -> pd.DataFrame:
        columns = self._draw_columns(n, condition, rng)
        return pd.DataFrame(
            {
                column.name: from_array(columns[column.name], column)
                for column in self.schema_.columns
            }
        )

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted model to one file that holds data, not code."""
        check_is_fitted(self)
        now = {name: getattr(self, name) for name in self.how_to_sample}
        parameters = self.parameters_ | now
        type(self)(**parameters)._check_parameters()  # as the one who loads it will
        content = {
            "format": FORMAT,
            "method": self.method,
            "parameters": parameters,
            "fitted": {name: getattr(self, name) for name in self._fitted_names()},
        }
        saving.write(path, content)

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
            synthesizer._keep_parameters()
            fitted = saving.check_parts(kind, content["fitted"], kind._fitted_names())
            vars(synthesizer).update(fitted)
            synthesizer._check_fitted()
            schema = synthesizer.schema_
            # its cells, not its rules: a sound model, too, draws a row now and then that breaks one
            if rows := getattr(kind, "trial_rows", TRIAL_ROWS):
                validate(synthesizer.sample(rows, random_state=0), Schema(schema.columns))
        except Exception as error:  # parts that do not go together can go wrong in any way
            raise saving.SavedModelError(
                f"{path} holds no whole {method} model ({error}). Save it again with "
                "synthesizer.save(path)."
            ) from None
        return synthesizer

    def _check_fitted(self) -> None:
        """SavedModelError for fitted parts that do not go together.

        A subclass adds what would else come to light late, or never: a trial draw comes after it.
        """
        names = self.schema_.names
        expect("schema_", len(set(names)) == len(names) > 0)
        expect("seen_", list(self.seen_) in (names, []))
        expect("ranks_", self.ranks_.fits(self.schema_))
        for name, codes in zip(self.ranks_.group_by, self.ranks_.groups.combinations.T):
            expect("ranks_", self._holds(name, codes))
        for column in self.schema_.columns if self.seen_ else []:
            seen, codes = self.seen_[column.name], range(-1, len(column.categories))
            expect("seen_", set(seen) <= set(codes) if column.discrete else len(seen) in (2, 3))

    def _holds(self, name: str, values: np.ndarray) -> bool:
        """Whether a column can hold these codes or floats: training saw such. Scores may be any."""
        found = what_was_seen({name: values}, self.schema_.select([name]))[name]
        seen = self.seen_[name]
        if self.schema_[name].discrete:
            return values.dtype.kind == "i" and set(found) <= set(seen)
        inside = found[0] >= seen[0] and found[1] <= seen[1]
        return (inside or name in self.ranks_.scores) and len(found) <= len(seen)


def _is_count(value, least: int = 0) -> bool:
    """Whether a value is a whole number of ``least`` or more; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= least


def check_count(name: str, value, least: int = 1) -> None:
    """ValueError unless a value is a whole number of ``least`` or more."""
    if not _is_count(value, least):
        raise ValueError(f"{name} must be a whole number of {least} or more, not {value!r}.")


def _is_number(value) -> bool:
    """Whether a value is a number that every library knows; a Fraction is none."""
    known = (int, float, np.integer, np.floating)
    return isinstance(value, known) and not isinstance(value, bool)


def check_seed(seed) -> None:
    """ValueError unless a seed is None or a whole number of 0 or more."""
    if seed is not None and not _is_count(seed):
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
