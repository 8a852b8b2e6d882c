"""A table as a GAN sees it: a cell drawn by counting, tokens for categories, scores for smooth
numbers."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import mutual_info_score

from utils.encoding import grid_step
from utils.encoding.codes import TableCodes
from utils.encoding.scores import GroupedScores
from utils.saving import portable
from utils.schema import Schema

FEW_VALUES, SPIKE = (
    16,
    0.3,
)  # a number of so few values, or so large a share of one, is better told in tokens
MOST_TOKENS = 128
ROWS_PER_VALUE = 30
MOST_CELLS, ROWS_PER_CELL = 32, 100


@portable
class AnchoredRows:
    """Rows as the number of their cell, int32 (n,), tokens, int32 (n, t), and scores, float32 (n,
    s).

    A cell is one combination of the anchor columns. Tokens stand for every other category, for
    numbers with few values or a spike, and for whether a score is missing; of a column with more
    than 128 values, the rarest share the last token. Scores are normal scores of the other numbers,
    taken within the cell. A column that another one determines (years of schooling, by the degree)
    is not learned but looked up.

    anchors : names.  cells : int32 (k, anchors).  shares : float64 (k,), how often a cell occurs.
        codes :
    TableCodes of all columns but anchors and scores.  twins : {name: (name that determines it, its
    code for each code of that one)}.  tokens : {name: (its codes, frequent ones first, and their
    counts)}.
    scores : {name: GroupedScores}.  gaps : names of the scores with missing values.
    """

    def __init__(self, **parts):
        vars(self).update(parts)

    @classmethod
    def fit(
        cls, columns: dict[str, np.ndarray], schema: Schema, anchors: list[str]
    ) -> AnchoredRows:
        """Read the columns of :meth:`Synthesizer._fit`."""
        rows = len(columns[schema.names[0]])
        together = np.column_stack([np.zeros(rows, np.int32), *(columns[name] for name in anchors)])
        cells, cell, counts = np.unique(together, axis=0, return_inverse=True, return_counts=True)
        smooth = [
            name for name in schema.names if not schema[name].discrete and _is_smooth(columns[name])
        ]
        known = {name: ~np.isnan(columns[name]) for name in smooth}
        codes = TableCodes.fit(
            columns, schema.select([n for n in schema.names if n not in anchors + smooth])
        )
        encoded = dict(zip(codes.names, codes.encode(columns).T)) if codes.names else {}
        twins = _twins(encoded, dict(zip(codes.names, codes.sizes)))
        return cls(
            anchors=anchors,
            cells=cells[:, 1:].astype(np.int32),
            shares=counts / rows,
            codes=codes,
            twins=twins,
            tokens={
                name: _by_frequency(np.bincount(encoded[name], minlength=size))
                for name, size in zip(codes.names, codes.sizes)
                if name not in twins
            },
            scores={
                name: GroupedScores.fit(
                    columns[name][known[name]], cell.ravel()[known[name]], grid_step(schema[name])
                )
                for name in smooth
            },
            gaps=[name for name in smooth if not known[name].all()],
        )

    @property
    def sizes(self) -> list[int]:
        """Values of each token."""
        return [min(len(codes), MOST_TOKENS) for codes, _ in self.tokens.values()] + [2] * len(
            self.gaps
        )

    def encode(
        self, columns: dict, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells, tokens and scores of the fitted rows; a missing score is noise, for its token
        tells."""
        rows = len(next(iter(columns.values())))
        cell = np.zeros(rows, np.int32)
        for number in range(1, len(self.cells)):
            cell[self._in_cell(number, columns)] = number
        codes = (
            dict(zip(self.codes.names, self.codes.encode(columns).T)) if self.codes.names else {}
        )
        tokens = [self._token(name, codes[name]) for name in self.tokens]
        tokens += [np.isnan(columns[name]) for name in self.gaps]
        scores = rng.standard_normal((rows, len(self.scores)), dtype=np.float32)
        for place, (name, own) in enumerate(self.scores.items()):
            known = ~np.isnan(columns[name])
            scores[known, place] = own.transform(columns[name][known], cell[known], rng)
        return cell, np.column_stack([np.zeros((rows, 0)), *tokens]).astype(np.int32), scores

    def _in_cell(self, number, columns):
        wanted = zip(self.anchors, self.cells[number])
        return np.logical_and.reduce([columns[name] == code for name, code in wanted])

    def _token(self, name, codes):
        place = np.argsort(self.tokens[name][0], kind="stable")
        return np.minimum(place[codes], MOST_TOKENS - 1)

    def decode(
        self, cell, tokens, scores, schema: Schema, given: dict, rng: np.random.Generator
    ) -> dict:
        """Columns as :meth:`Synthesizer._sample` returns them, with the given values exactly."""
        codes = {
            name: _draw_code(tokens[:, place], *self.tokens[name], rng)
            for place, name in enumerate(self.tokens)
        }
        codes |= {name: table[codes[source]] for name, (source, table) in self.twins.items()}
        columns = {name: self.cells[cell, place] for place, name in enumerate(self.anchors)}
        if codes:
            coded = np.column_stack([codes[name] for name in self.codes.names])
            columns |= self.codes.decode(coded, schema.select(self.codes.names), given, rng)
        for place, (name, own) in enumerate(self.scores.items()):
            values = own.inverse(scores[:, place], cell)
            if name in self.gaps:
                values[tokens[:, len(self.tokens) + self.gaps.index(name)] == 1] = np.nan
            columns[name] = np.full(len(values), given[name]) if name in given else values
        return columns

    def possible(self, given: dict) -> tuple[np.ndarray, list[np.ndarray]]:
        """What a condition leaves possible: bool (k,) over the cells, and bool (size,) over each
        token."""
        cells = np.ones(len(self.cells), dtype=bool)
        tokens = [np.ones(size, dtype=bool) for size in self.sizes]
        names = list(self.tokens)
        codes = self.codes.encode_given(
            {name: v for name, v in given.items() if name in self.codes.names}
        )
        for name, value in given.items():
            if name in self.anchors:
                cells &= self.cells[:, self.anchors.index(name)] == value
            elif name in self.gaps:
                tokens[len(names) + self.gaps.index(name)] &= np.arange(2) == int(np.isnan(value))
            elif name not in self.scores:
                code = codes[self.codes.names.index(name)]
                source, table = self.twins.get(name, (name, np.arange(code + 1)))
                allowed = self._token(source, np.flatnonzero(table == code))
                tokens[names.index(source)] &= np.isin(
                    np.arange(len(tokens[names.index(source)])), allowed
                )
        return cells, tokens

    def margins(
        self, cell: np.ndarray, tokens: np.ndarray, pooled_rows: float = 10.0
    ) -> np.ndarray:
        """Frequency of each token in each cell, float32 (k, sum of sizes); the frequency in the
        whole table counts as ``pooled_rows`` rows more of every cell."""
        blocks = [np.zeros((len(self.cells), 0))]
        for column, size in zip(tokens.T, self.sizes):
            counts = np.bincount(cell * size + column, minlength=len(self.cells) * size).reshape(
                -1, size
            )
            counts = counts + pooled_rows * counts.sum(axis=0) / counts.sum()
            blocks.append(counts / counts.sum(axis=1, keepdims=True))
        return np.hstack(blocks).astype(np.float32)

    def to_dict(self) -> dict:
        """The parts, for saving."""
        return vars(self)

    @classmethod
    def from_dict(cls, data: dict) -> AnchoredRows:
        """The inverse of :meth:`to_dict`."""
        return cls(**data)


def find_anchors(columns: dict[str, np.ndarray], schema: Schema) -> list[str]:
    """The target, and the category that tells most about the others, if their combinations are few
    and common."""
    names = [column.name for column in schema.columns if column.discrete]
    anchors = [name for name in names if name == schema.target and _fits([name], columns)]
    others = [name for name in names if name not in anchors and _fits([*anchors, name], columns)]
    if others and len(columns) > len(anchors) + 1:
        anchors.append(max(others, key=lambda name: _tells(name, columns, names)))
    return anchors


def _fits(names, columns) -> bool:
    cells = len(np.unique(np.column_stack([columns[name] for name in names]), axis=0))
    return cells <= min(MOST_CELLS, len(columns[names[0]]) // ROWS_PER_CELL)


def _tells(name, columns, names) -> float:
    """How much a category tells about the other ones, in nats."""
    return sum(mutual_info_score(columns[name], columns[other]) for other in names if other != name)


def _is_smooth(values) -> bool:
    """Whether a number is told better by its rank than by tokens."""
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return len(distinct) > FEW_VALUES and counts.max() <= SPIKE * counts.sum()


def _by_frequency(counts):
    """Codes from the most frequent to the rarest, and how often each occurs."""
    order = np.argsort(-counts, kind="stable")
    return order, counts[order]


def _draw_code(tokens, codes, counts, rng):
    """The code of each token; of the last one, any of the rare codes by frequency."""
    drawn, last = codes[tokens], tokens == MOST_TOKENS - 1
    if last.any():
        rare = counts[MOST_TOKENS - 1 :]
        drawn[last] = rng.choice(codes[MOST_TOKENS - 1 :], int(last.sum()), p=rare / rare.sum())
    return drawn


def _twins(
    codes: dict[str, np.ndarray], sizes: dict[str, int]
) -> dict[str, tuple[str, np.ndarray]]:
    """Columns that another one determines in every row, with 30 rows or more a value to tell it
    from chance."""
    twins, sources = {}, set()
    for name, values in codes.items():
        for source, origin in codes.items():
            free = name != source and source not in twins and name not in sources
            if free and _determines(origin, values):
                table = np.zeros(sizes[source], dtype=np.int32)
                table[origin] = values
                twins[name] = (source, table)
                sources.add(source)
                break
    return twins


def _determines(origin, values) -> bool:
    pairs = np.unique(origin.astype(np.int64) * (int(values.max()) + 1) + values)
    seen = len(np.unique(origin))
    return (
        len(pairs) == seen and values.max() > values.min() and seen * ROWS_PER_VALUE <= len(values)
    )
