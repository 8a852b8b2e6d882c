"""A table as the GAN sees it: a group drawn by counting, tokens for categories, scores for
numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import mutual_info_score

from utils.encoding import TableCodes, grid_step
from utils.encoding.groups import MOST_GROUPS, ROWS_PER_GROUP, Groups
from utils.encoding.scores import GroupedScores
from utils.encoding.spikes import is_smooth
from utils.saving import savable
from utils.schema import Schema

MOST_TOKENS = 128


@savable
@dataclass
class GANRows:
    """Rows as the number of their group, int32 (n,), tokens, int32 (n, t), and scores, (n, s).

    A group is one combination of the columns in ``group_by``. Tokens stand for every other
    category, for numbers with few values or a spike, and for whether a score is missing; of a
    column with more than 128 values, the rarest share the last token. Scores, float32, are normal
    scores of the other numbers, taken within the group. A column that another one determines
    (years of schooling, by the degree) is not learned but looked up.

    codes : TableCodes of all columns but groups and scores.  looked_up : {name: (name that
    determines it, its code for each code of that one)}.  tokens : {name: (its codes, frequent ones
    first, and their counts)}.  scores : {name: GroupedScores}.  gaps : names of the scores with
    missing values.
    """

    group_by: list[str]
    groups: Groups
    codes: TableCodes
    looked_up: dict[str, tuple]
    tokens: dict[str, tuple]
    scores: dict[str, GroupedScores]
    gaps: list[str]

    @classmethod
    def fit(cls, columns: dict[str, np.ndarray], schema: Schema, group_by: list[str]) -> GANRows:
        """Read the columns of :meth:`Synthesizer._fit`."""
        together = _together(columns, group_by)
        groups = Groups.fit(together)
        group = groups.number(together)
        smooth = [
            name for name in schema.names if not schema[name].discrete and is_smooth(columns[name])
        ]
        others = [name for name in schema.names if name not in group_by + smooth]
        codes = TableCodes.fit(columns, schema.select(others))
        encoded = codes.encode(columns)
        by_name = dict(zip(codes.names, encoded.T))
        looked_up = _determined(by_name, dict(zip(codes.names, codes.sizes)))
        tokens = {
            name: _by_frequency(np.bincount(by_name[name], minlength=size))
            for name, size in zip(codes.names, codes.sizes)
            if name not in looked_up
        }
        scores = {}
        for name in smooth:
            known = ~np.isnan(columns[name])
            step = grid_step(schema[name])
            scores[name] = GroupedScores.fit(columns[name][known], group[known], step, piles=True)
        gaps = [name for name in smooth if np.isnan(columns[name]).any()]
        return cls(group_by, groups, codes, looked_up, tokens, scores, gaps)

    def fits(self, schema: Schema) -> bool:
        """Whether every column is told in one way, and every token and look-up stands for codes."""
        told = [*self.group_by, *self.codes.names, *self.scores]
        others = [name for name in schema.names if name in self.codes.names]
        sizes = dict(zip(self.codes.names, self.codes.sizes))
        return (
            sorted(told) == sorted(schema.names)
            and self.codes.fits(schema.select(others))
            and self.groups.combinations.shape[1] == len(self.group_by)
            and sorted([*self.tokens, *self.looked_up]) == sorted(self.codes.names)
            and set(self.gaps) <= set(self.scores)
            and all(_is_order(*self.tokens[name], sizes[name]) for name in self.tokens)
            and all(
                source in self.tokens
                and len(table) == sizes[source]
                and set(table) <= set(range(sizes[name]))
                for name, (source, table) in self.looked_up.items()
            )
        )

    @property
    def sizes(self) -> list[int]:
        """Values of each token."""
        sizes = [min(len(codes), MOST_TOKENS) for codes, _ in self.tokens.values()]
        return sizes + [2] * len(self.gaps)

    def encode(
        self, columns: dict, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Groups, tokens, scores of the fitted rows; a missing score is noise: its token tells."""
        group = self.groups.number(_together(columns, self.group_by)).astype(np.int32)
        codes = dict(zip(self.codes.names, self.codes.encode(columns).T))
        tokens = [self._token(name, codes[name]) for name in self.tokens]
        tokens += [np.isnan(columns[name]) for name in self.gaps]
        scores = rng.standard_normal((len(group), len(self.scores)), dtype=np.float32)
        for place, (name, scale) in enumerate(self.scores.items()):
            known = ~np.isnan(columns[name])
            scores[known, place] = scale.transform(columns[name][known], group[known], rng)
        return group, np.column_stack([np.zeros((len(group), 0)), *tokens]).astype(np.int32), scores

    def _token(self, name, codes):
        place = np.argsort(self.tokens[name][0], kind="stable")
        return np.minimum(place[codes], MOST_TOKENS - 1)

    def decode(
        self, group, tokens, scores, schema: Schema, given: dict, rng: np.random.Generator
    ) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them, with the given values exactly."""
        allowed = self._allowed_codes(given)
        codes = {
            name: _draw_code(tokens[:, place], *self.tokens[name], allowed.get(name), rng)
            for place, name in enumerate(self.tokens)
        }
        codes |= {name: table[codes[source]] for name, (source, table) in self.looked_up.items()}
        columns = {
            name: self.groups.combinations[group, place] for place, name in enumerate(self.group_by)
        }
        coded = np.column_stack([np.zeros((len(group), 0), int), *map(codes.get, self.codes.names)])
        columns |= {
            name: np.full_like(columns[name], given[name]) for name in columns if name in given
        }
        columns |= self.codes.decode(coded, schema.select(self.codes.names), given, rng)
        for place, (name, scale) in enumerate(self.scores.items()):
            values = scale.inverse(scores[:, place], group)
            if name in self.gaps:
                values[tokens[:, len(self.tokens) + self.gaps.index(name)] == 1] = np.nan
            columns[name] = np.full(len(values), given[name]) if name in given else values
        return columns

    def possible(self, given: dict) -> tuple[np.ndarray, list[np.ndarray]]:
        """What a condition leaves: bool (k,) over the groups, and bool (size,) over each token.

        Of given cells that no training row has together, as many as some row has.
        """
        met = np.zeros(len(self.groups), dtype=int)
        tokens = [np.ones(size, dtype=bool) for size in self.sizes]
        names = list(self.tokens)
        for name, codes in self._allowed_codes(given).items():
            of_name = tokens[names.index(name)]
            of_name &= np.isin(np.arange(len(of_name)), self._token(name, codes))
        for name, value in given.items():
            if name in self.group_by:
                met += self.groups.combinations[:, self.group_by.index(name)] == value
            elif name in self.gaps:
                tokens[len(names) + self.gaps.index(name)] &= np.arange(2) == int(np.isnan(value))
        return met == met.max(), tokens

    def _allowed_codes(self, given: dict) -> dict[str, np.ndarray]:
        """The codes that a condition leaves to each column told in tokens, where it leaves few."""
        coded = {name: value for name, value in given.items() if name in self.codes.names}
        allowed = {}
        for place, code in self.codes.encode_given(coded).items():
            name = self.codes.names[place]
            source, table = self.looked_up.get(name, (name, np.arange(code + 1)))
            codes = np.flatnonzero(table == code)
            both = np.intersect1d(codes, allowed.get(source, codes))
            allowed[source] = both if len(both) else codes
        return allowed

    def margins(
        self, group: np.ndarray, tokens: np.ndarray, pooled_rows: float = 10.0
    ) -> np.ndarray:
        """Frequency of each token in each group, float32 (k, sum of sizes).

        The frequency in the whole table counts as ``pooled_rows`` rows more of every group.
        """
        blocks = [np.zeros((len(self.groups), 0))]
        for column, size in zip(tokens.T, self.sizes):
            counts = np.bincount(group * size + column, minlength=len(self.groups) * size)
            counts = counts.reshape(-1, size)
            counts = counts + pooled_rows * counts.sum(axis=0) / counts.sum()
            blocks.append(counts / counts.sum(axis=1, keepdims=True))
        return np.hstack(blocks).astype(np.float32)


def _together(columns: dict, names: list[str]) -> np.ndarray:
    """Some columns of codes side by side, int32 (n, names)."""
    rows = len(next(iter(columns.values())))
    return np.column_stack([np.zeros((rows, 0), np.int32), *(columns[name] for name in names)])


def best_groups(columns: dict[str, np.ndarray], schema: Schema) -> list[str]:
    """The target, and the category that tells most about the others, if their groups are large."""
    names = [column.name for column in schema.columns if column.discrete]
    chosen = [name for name in names if name == schema.target and _large(columns, [name])]
    others = [name for name in names if name not in chosen and _large(columns, [*chosen, name])]
    if others and len(columns) > len(chosen) + 1:
        chosen.append(max(others, key=lambda name: _tells(name, columns, names)))
    return chosen


def _large(columns, names) -> bool:
    together = _together(columns, names)
    return len(Groups.fit(together)) <= min(MOST_GROUPS, len(together) // ROWS_PER_GROUP)


def _tells(name, columns, names) -> float:
    """How much a category tells about the other ones, in nats."""
    return sum(mutual_info_score(columns[name], columns[other]) for other in names if other != name)


def _by_frequency(counts):
    """Codes from the most frequent to the rarest, and how often each occurs."""
    order = np.argsort(-counts, kind="stable")
    return order, counts[order]


def _is_order(codes, counts, size) -> bool:
    """Whether each code below ``size`` stands once, with a count, the rare ones with some rows."""
    whole = np.array_equal(np.sort(codes), np.arange(size)) and len(counts) == size
    return whole and counts.min() >= 0 and (size < MOST_TOKENS or counts[MOST_TOKENS - 1 :].any())


def _draw_code(tokens, codes, counts, allowed, rng):
    """The code of each token; of the last one, any of the rare allowed codes by frequency."""
    drawn, last = codes[tokens], tokens == MOST_TOKENS - 1
    if last.any():
        rare = counts[MOST_TOKENS - 1 :]
        if allowed is not None:
            rare = np.where(np.isin(codes[MOST_TOKENS - 1 :], allowed), rare, 0)
        drawn[last] = rng.choice(codes[MOST_TOKENS - 1 :], int(last.sum()), p=rare / rare.sum())
    return drawn


def _determined(
    codes: dict[str, np.ndarray], sizes: dict[str, int]
) -> dict[str, tuple[str, np.ndarray]]:
    """Columns that another one determines in every row, with enough rows to be no chance."""
    found, sources = {}, set()
    for name, values in codes.items():
        for source, origin in codes.items():
            free = name != source and source not in found and name not in sources
            if free and _determines(origin, values):
                table = np.zeros(sizes[source], dtype=np.int32)
                table[origin] = values
                found[name] = (source, table)
                sources.add(source)
                break
    return found


def _determines(origin, values) -> bool:
    pairs = np.unique(origin.astype(np.int64) * (int(values.max()) + 1) + values)
    seen = len(np.unique(origin))
    return (
        len(pairs) == seen and values.max() > values.min() and seen * ROWS_PER_GROUP <= len(values)
    )
