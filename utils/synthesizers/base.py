"""The one interface of all generators: fit, sample, save, load."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from utils import saving
from utils.encoding import float_range, from_array, grid_step, to_array, to_float
from utils.schema import Column, Schema
from utils.tables import validate

SYNTHESIZERS: dict[str, type[Synthesizer]] = {}
FORMAT = 1


class Synthesizer(BaseEstimator):
    """Base of all generators, by scikit-learn's conventions: fitted attributes end in ``_``.

    A subclass names its ``method`` (which registers it) and writes two functions:

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

    def __init__(self, random_state: int | None = 0):
        self.random_state = random_state

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if cls.method:
            SYNTHESIZERS[cls.method] = cls

    def fit(self, table: pd.DataFrame, schema: Schema | None = None) -> Synthesizer:
        """Learn from a table; infers the schema unless passed. TableError for a table it cannot
        use."""
        if schema is None:
            schema = Schema.infer(table)
        else:
            validate(table, schema)
        columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
        self.schema_ = schema
        with threadpool_limits(
            1, user_api="blas"
        ):  # many small matrices: more threads only wait for each other
            self._fit(columns, np.random.default_rng(self.random_state))
        return self

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
        condition = self._condition(given or {})
        seed = self.random_state if random_state is None else random_state
        rng = np.random.default_rng(
            None if seed is None else [1, seed]
        )  # not the stream that fit used
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

    def _check_counts(self, *names: str) -> None:
        """ValueError unless these parameters are whole numbers of 1 or more."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of 1 or more, not {value!r}.")

    def _condition(self, given: dict) -> dict:
        if not isinstance(given, dict):
            raise ValueError(
                f"given must be a dictionary such as {{'App': 'Netflix'}}, not {given!r}."
            )
        return {name: condition_value(self.schema_[name], value) for name, value in given.items()}

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted model to one file that holds data, not code."""
        check_is_fitted(self)
        fitted = {
            name: value
            for name, value in vars(self).items()
            if name.endswith("_") and name[0] != "_"
        }
        saving.write(
            path,
            {
                "format": FORMAT,
                "method": self.method,
                "parameters": self._saved_parameters(),
                "fitted": fitted,
            },
        )

    def _saved_parameters(self) -> dict:
        parameters = self.get_params(deep=False)
        return {name: value for name, value in parameters.items() if name not in self.not_saved}

    @classmethod
    def load(cls, path: str | os.PathLike) -> Synthesizer:
        """Read a saved model; it samples the same rows as the one that was saved. Runs nothing from
        the file.

        Raises SavedModelError for a damaged or foreign file, or one of another class.
        """
        content = saving.read(path)
        method = content.get("method") if isinstance(content, dict) else None
        if method not in list(SYNTHESIZERS) or content.get("format") != FORMAT:
            raise saving.SavedModelError(
                f"{path} holds no synthesizer that this version knows (method {method!r}). "
                f"Known: {', '.join(sorted(SYNTHESIZERS))}."
            )
        if not issubclass(SYNTHESIZERS[method], cls):
            raise saving.SavedModelError(
                f"{path} holds a {SYNTHESIZERS[method].__name__}, not a {cls.__name__}. "
                "Load it with Synthesizer.load(path)."
            )
        try:
            synthesizer = SYNTHESIZERS[method](**content["parameters"])
            vars(synthesizer).update(content["fitted"])
            check_is_fitted(synthesizer, "schema_")
        except (KeyError, TypeError, ValueError) as error:
            raise saving.SavedModelError(
                f"{path} holds a {method} model that lacks a part or has one too many "
                f"({error}). Save it again with synthesizer.save(path)."
            ) from None
        return synthesizer


def condition_value(column: Column, value) -> int | float:
    """The code or float of a value that rows shall be given; ValueError where no row can have
    it."""
    if not pd.api.types.is_scalar(value):
        raise ValueError(f"Column {column.name!r} can be given one value, not {value!r}.")
    if pd.isna(value):
        if not column.missing:
            raise ValueError(
                f"Column {column.name!r} had no missing values in training, so none can be asked for."
            )
        return -1 if column.discrete else np.nan
    if column.discrete:
        if value in column.categories:
            return column.categories.index(value)
        close = difflib.get_close_matches(
            str(value), [str(item) for item in column.categories], n=1
        )
        hint = (
            f"Did you mean {close[0]!r}?"
            if close
            else f"Known: {', '.join(map(str, column.categories[:10]))}."
        )
        raise ValueError(
            f"Column {column.name!r} has no category {value!r} in the training table. {hint}"
        )
    return _condition_number(column, value)


def _condition_number(column: Column, value) -> float:
    low, high = float_range(column)
    try:
        typed = _moment(column, value) if column.kind == "date" else float(value)
        number = float(to_float(pd.Series([typed]), column)[0])
    except (TypeError, ValueError):
        raise ValueError(
            f"Column {column.name!r} holds {column.kind} values; {value!r} is none."
        ) from None
    if not low <= number <= high:
        raise ValueError(
            f"Column {column.name!r} runs from {column.minimum} to {column.maximum} in the training "
            f"table; {value!r} lies outside."
        )
    step = grid_step(column)
    if step and abs(number / step - round(number / step)) > 1e-6:
        raise ValueError(
            f"Column {column.name!r} moves in steps of {step:g}; {value!r} lies between two of them."
        )
    return number


def _moment(column: Column, value) -> pd.Timestamp:
    """A date or time; without a zone of its own, it is meant in the zone of the column."""
    moment, zone = pd.Timestamp(value), getattr(pd.api.types.pandas_dtype(column.dtype), "tz", None)
    if (zone is None) != (moment.tz is None):
        moment = moment.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
    return moment


def resample(log_weights: np.ndarray, n: int, rng: np.random.Generator, what: str) -> np.ndarray:
    """Positions (n,) of candidates drawn in proportion to their weights, by systematic resampling.

    Systematic resampling (Carpenter, Clifford and Fearnhead 1999) has the least variance of the
    simple schemes: a candidate of weight w is drawn floor(nw) or ceil(nw) times.
    """
    top = log_weights.max(initial=-np.inf)
    if not np.isfinite(top):
        raise ValueError(
            f"No row with {what} was possible under the model. Ask for a less unusual combination."
        )
    cumulative = np.cumsum(np.exp(log_weights - top))
    points = (np.arange(n) + rng.random()) / n * cumulative[-1]
    return rng.permutation(
        np.minimum(np.searchsorted(cumulative, points, side="right"), len(log_weights) - 1)
    )


def draw_from_tables(tables: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A category for each entry of ``rows``, drawn from that row of ``tables`` (k, size); each row
    sums to 1.

    All rows stand one behind the other as one rising staircase, so one binary search serves every
    draw.
    """
    size = tables.shape[1]
    cumulative = np.cumsum(tables, axis=1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    staircase = (cumulative + np.arange(len(tables))[:, None]).ravel()
    points = rows + rng.random(len(rows)) * (1 - 1e-9)
    return (np.searchsorted(staircase, points, side="right") - rows * size).astype(np.int32)


def assemble(chunks: Iterator[pd.DataFrame], n: int) -> pd.DataFrame:
    """One table of n rows from its pieces, filled column by column, so that no second copy is ever
    held."""
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
    # a Series that names its dtype spares pandas the search for one, which would copy columns of
    # text
    columns = {
        name: pd.Series(store, dtype=store.dtype, copy=False) for name, store in stores.items()
    }
    return pd.DataFrame(columns, copy=False)
