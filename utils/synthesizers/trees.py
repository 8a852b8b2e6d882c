"""A chain of decision trees: each column given the columns before it, drawn from the leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from scipy.stats import rankdata
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from utils.encoding.scores import END
from utils.encoding.spikes import find_piles, is_smooth
from utils.saving import expect, savable
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.draws import drawing_order, resample
from utils.synthesizers.given import candidates, nearness

MOST_CLASSES = 64
MARGIN = 0.001
LEAF_SHARE, LEAST_LEAF, LARGEST_LEAF = 0.1, 5, 20
THRESHOLDS, RANK_WEIGHT = 12, 0.5


class TreeSynthesizer(Synthesizer):
    """Sequential classification and regression trees (Reiter 2005; the default of the synthpop
    package).

    The first column is drawn from its own values; every later one by following a tree over the
    columns already drawn and picking one of the training values that fell into the same leaf. A
    number is then moved towards its neighbour in the leaf, so that it need not be one of training.

    min_samples_leaf : the fewest training rows a leaf may hold; larger is more private and less
        sharp. None takes a tenth of the rows, at least 5 and at most 20.
    smooth : whether numbers are moved; piles, and numbers of few values, stay as they are. Without,
        nothing new is ever said in a cell, and small leaves repeat training rows.
    ranks_within_groups : whether numbers that a category tells are told by their rank in its rows.
    order : names of the columns in the order in which they are drawn; None takes the column with
        the fewest distinct values first, because the last columns have to be told from all others.

    A condition sets its column, and candidate rows are kept in proportion to how likely their leaf
    makes the value (sequential importance resampling), so every row meets it.
    """

    method = "trees"
    order_: list[str]
    trees_: list[Tree]
    grids_: dict[str, Annotated[np.ndarray, "cell _"]]

    def __init__(
        self,
        min_samples_leaf: int | None = None,
        order: list[str] | None = None,
        random_state: int | None = 0,
        smooth: bool = True,
        ranks_within_groups: bool = True,
    ):
        super().__init__(random_state)
        self.min_samples_leaf, self.order = min_samples_leaf, order
        self.smooth, self.ranks_within_groups = smooth, ranks_within_groups

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.min_samples_leaf is not None:
            self._check_counts("min_samples_leaf")
        if not isinstance(self.smooth, bool):
            raise ValueError(f"smooth must be True or False, not {self.smooth!r}.")
        self._check_column_names("order")

    def _fit(self, columns, rng):
        sizes = {name: len(np.unique(values)) for name, values in columns.items()}
        names = self.order_ = drawing_order(self.order, sizes)
        self.grids_ = {name: np.unique(_missing_lowest(columns[name])) for name in names}
        features = np.column_stack([self._feature(name, columns[name]) for name in names])
        least, trees = self.min_samples_leaf or _leaf_size(len(features)), []
        for position, name in enumerate(names):
            before, values = features[:, :position], columns[name]
            classify = _classify(self.schema_[name])
            nodes = _grow(before, values, classify, least, rng)
            leaves = _leaf(*nodes, before)
            order = np.lexsort((_missing_lowest(values), leaves))
            starts = np.searchsorted(leaves[order], np.arange(len(nodes[0]) + 1))
            gaps = _gaps(values[order], leaves[order], self._free(name, values)[order])
            trees.append(Tree(*nodes, starts, values[order], gaps))
        self.trees_ = trees

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("order_", sorted(self.order_) == sorted(self.schema_.names))
        expect("grids_", sorted(self.grids_) == sorted(self.order_))
        for place, (name, tree) in enumerate(zip(self.order_, self.trees_, strict=True)):
            expect("trees_", tree.fits(place) and self._holds(name, tree.values))

    def _sample(self, n, given, rng):
        rows = candidates(n) if given else n
        names = self.order_
        features, drawn = np.empty((rows, len(names)), np.float32), {}
        log_weights = np.zeros(rows)
        for position, (name, tree) in enumerate(zip(names, self.trees_)):
            leaves = tree.leaf(features[:, :position])
            if name in given:
                chances = _likelihood(tree, given[name], self.schema_[name])
                log_weights += np.log(chances)[leaves]
                drawn[name] = np.full(rows, given[name], dtype=tree.values.dtype)
            else:
                drawn[name] = _pick(tree, leaves, rng)
            features[:, position] = self._feature(name, drawn[name])
        if not given:
            return drawn
        keep = resample(log_weights, n, rng)
        return {name: values[keep] for name, values in drawn.items()}

    def _free(self, name, values) -> np.ndarray:
        """Whether each value may move, bool (n,): a score, or a number of many values, off piles.

        Scores are spread over their piles, or stand beyond the bell, and come back as they are.
        """
        known = np.isfinite(values)
        if self.schema_[name].discrete or not self.smooth or not known.any():
            return np.zeros(len(values), dtype=bool)
        if name in self.ranks_.scores:
            return known & (np.abs(values) < END)
        off_piles = known & ~np.isin(values, find_piles(values[known]))
        return off_piles & is_smooth(values[off_piles])

    def _feature(self, name, values) -> np.ndarray:
        """A column as a tree sees it, float32 (n,): the place of a value among those of training.

        Places are exact where float32 would make neighbours equal, such as times to a second. A
        value between two of training lies between their places; missing lies below all.
        """
        grid, values = self.grids_[name], _missing_lowest(values)
        places = np.searchsorted(grid, values), np.searchsorted(grid, values, side="right")
        return (sum(places) / 2).astype(np.float32)


@savable
@dataclass
class Tree:
    """The nodes of a tree, each before its children, and the training values in its leaves.

    left, right : numbers of a node's children, -1 at a leaf.  feature, cut : rows with at most that
    much of that feature go left.  values : by leaf; those of node i stand from starts[i] on,
    rising, missing ones first.  gaps : half the way from each value to the one before and behind.
    """

    left: Annotated[np.ndarray, "int n"]
    right: Annotated[np.ndarray, "int n"]
    feature: Annotated[np.ndarray, "int n"]
    cut: Annotated[np.ndarray, "float n"]
    starts: Annotated[np.ndarray, "int _"]
    values: Annotated[np.ndarray, "cell k"]
    gaps: Annotated[np.ndarray, "float 2 k"]

    def leaf(self, features: np.ndarray) -> np.ndarray:
        """The number of the leaf that each row, float32 (n, features), falls into."""
        return _leaf(self.left, self.right, self.feature, self.cut, features)

    def fits(self, features: int) -> bool:
        """Whether every row of so many features comes to a leaf, and finds values there."""
        nodes, inner = np.arange(len(self.left)), self.left >= 0
        children = np.column_stack([self.left, self.right])[inner]
        forward = (children > nodes[inner, None]) & (children < len(nodes))
        known = (self.feature[inner] >= 0) & (self.feature[inner] < features)
        rows = np.diff(self.starts)
        filled = np.where(inner, rows >= 0, rows > 0).all()
        ends = (self.starts[0], self.starts[-1]) == (0, len(self.values))
        return bool(forward.all() and known.all() and filled and ends)


def _classify(column) -> bool:
    return column.discrete and len(column.categories) <= MOST_CLASSES


def _leaf_size(rows: int) -> int:
    """The fewest rows of a leaf: a tenth of the table, so that small ones are split at all."""
    return int(np.clip(LEAF_SHARE * rows, LEAST_LEAF, LARGEST_LEAF))


def _missing_lowest(values: np.ndarray) -> np.ndarray:
    """Codes as they are; numbers with minus infinity for a missing one."""
    return np.nan_to_num(values, nan=-np.inf) if values.dtype.kind == "f" else values


def _shape_targets(values):
    """What a tree predicts for a number, (n, thresholds + 1): is it below some quantiles, and its
    rank.

    A tree that predicts the mean alone is blind to two groups with equal means and unlike spreads.
    Squared error summed over thresholds is the continuous ranked probability score (Gneiting and
    Raftery 2007), which sees the whole distribution; ranks keep the longest day from ruling the
    splits.
    """
    ranks = rankdata(_missing_lowest(values))
    thresholds = np.unique(np.quantile(ranks, np.linspace(0, 1, THRESHOLDS + 2)[1:-1]))
    centred = (ranks - ranks.mean()) / max(ranks.std(), 1e-9)
    return np.column_stack([ranks[:, None] <= thresholds, RANK_WEIGHT * centred])


def _grow(features, target, classify, min_samples_leaf, rng) -> tuple[np.ndarray, ...]:
    """Fit a tree and keep only the arrays of its nodes: left, right, feature and cut."""
    if features.shape[1] == 0:
        return np.array([-1]), np.array([-1]), np.array([-2]), np.array([-2.0])
    options = {"min_samples_leaf": min_samples_leaf, "random_state": int(rng.integers(2**31))}
    if classify:
        tree = DecisionTreeClassifier(criterion="log_loss", **options).fit(features, target).tree_
    else:
        tree = DecisionTreeRegressor(**options).fit(features, _shape_targets(target)).tree_
    return tree.children_left, tree.children_right, tree.feature, tree.threshold


def _leaf(left, right, feature, cut, features) -> np.ndarray:
    """The node number of the leaf that each row (n, p) falls into; all rows step down together."""
    node = np.zeros(len(features), dtype=np.int64)
    moving = np.arange(len(features)) if left[0] >= 0 else np.arange(0)
    while len(moving):
        here = node[moving]
        goes_left = features[moving, feature[here]] <= cut[here]
        node[moving] = np.where(goes_left, left[here], right[here])
        moving = moving[left[node[moving]] >= 0]
    return node


def _gaps(values, leaves, free) -> np.ndarray:
    """Half the distance to the value before and behind in the leaf, float64 (2, n); 0 if either is
    not free."""
    gaps = np.zeros((2, len(values)))
    joined = free[1:] & free[:-1] & (leaves[1:] == leaves[:-1])
    gaps[0, 1:] = gaps[1, :-1] = np.where(joined, np.diff(values / 2), 0.0)
    return gaps


def _pick(tree, leaves, rng):
    """A training value of each row's leaf, moved by up to half the way to its neighbours."""
    first, last = tree.starts[leaves], tree.starts[leaves + 1]
    place = rng.random(len(leaves)) * (last - first)
    chosen = first + place.astype(np.int64)
    move = 2 * (place % 1) - 1
    values, gaps = tree.values[chosen], tree.gaps[(move > 0).astype(np.int64), chosen]
    return values + (move * gaps).astype(values.dtype)


def _likelihood(tree, value, column) -> np.ndarray:
    """Chance (or kernel density) of a value in each leaf, with a little of the whole column's."""
    values = tree.values
    match = (values == value).astype(float) if column.discrete else nearness(values, value, column)
    sums = np.add.reduceat(np.append(match, 0.0), tree.starts[:-1])
    counts = np.diff(tree.starts)
    share = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
    return np.maximum((1 - MARGIN) * share + MARGIN * match.mean(), 1e-300)
