"""Each column alone: its counts, the codes that they lead to, and fewer groups of codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from utils.encoding import QuantileBins, TableCodes, float_range, grid_step
from utils.privacy.mechanisms import Mechanisms, noise_of, onto_total
from utils.saving import savable
from utils.schema import Column, Schema

PIECES = 128  # at most, that a range or a piece of it is cut into at once
MOST_VALUES = PIECES**4  # of a grid, so that each can be counted alone
SLICES = PIECES**3  # of a range without a grid
CUT_SPREADS = 2.0  # of the noise on the sum of its parts, which a piece must hold to be cut
CLEAR_SPREADS = 3.0  # of the noise, which a piece with its neighbours must hold to count
KNOTS = 9
END = 1 / 64  # share of a bin's mass
CODE_SPREADS = 2.0  # spreads of the noise that a bin of a number is to hold
GROUP_SPREADS = 5.0  # the same, a group of bins
RARE_SPREADS = 3.0  # below so many, categories are told by their column alone (McKenna et al. 2021)
CELLS_PER_SPREAD = 4.0  # rows per cell of two grouped numbers, in spreads of the noise
LEAST_GROUPS = 4
TINY = np.finfo(float).tiny


@savable
@dataclass
class GroupedMargin:
    """The codes of a column: the chance of each, and the group that they are measured in with
    others.

    groups : int (codes,), 0 .. size - 1.  chances : (codes,), sums to 1.
    """

    groups: Annotated[np.ndarray, "int k"]
    chances: Annotated[np.ndarray, "share k"]

    @property
    def size(self) -> int:
        """Number of groups."""
        return int(self.groups.max(initial=0)) + 1

    @property
    def of_groups(self) -> np.ndarray:
        """The chance of each group, float64 (size,)."""
        return np.bincount(self.groups, self.chances, minlength=self.size)

    def draw(self, groups: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A code within each group, by the chances of its codes, int64 (n,)."""
        order = np.argsort(self.groups, kind="stable")
        upper = np.cumsum(self.chances[order])
        first = np.searchsorted(self.groups[order], np.arange(self.size))
        last = np.append(first[1:], len(order)) - 1
        lower = np.where(first > 0, upper[first - 1], 0.0)
        points = lower[groups] + rng.random(len(groups)) * (upper[last] - lower)[groups]
        place = np.searchsorted(upper, points, side="right")
        return order[np.clip(place, first[groups], last[groups])]


def exact_margins(codes: np.ndarray, coding: TableCodes) -> dict[str, GroupedMargin]:
    """Margins of coded rows (n, d) as counted; every code is a group."""
    return {
        name: GroupedMargin(np.arange(size), np.bincount(column, minlength=size) / len(codes))
        for name, size, column in zip(coding.names, coding.sizes.tolist(), codes.T)
    }


# --- what is counted: pieces that the schema and earlier noisy counts decide ---


@dataclass(frozen=True)
class Ruler:
    """A range as a row of units, and pieces of units that are cut into smaller ones level by level.

    start, unit : where the first unit begins, and its width; a unit is one value of a grid around
    its middle, or, where these are too many, a thin slice.  count : units.  parts : pieces that a
    piece is cut into.  widths : units of a piece, level by level, the last 1.
    """

    start: float
    unit: float
    count: int
    parts: int
    widths: tuple[int, ...]

    @classmethod
    def of(cls, column: Column) -> Ruler:
        """From the schema alone, so that it tells nothing about the rows."""
        (low, high), step = float_range(column), grid_step(column)
        values = np.rint((high - low) / step) + 1 if step else np.inf
        if values <= MOST_VALUES:
            start, unit, count = low - step / 2, step, int(values)
        else:
            start, unit, count = low, (high - low) / SLICES, SLICES if high > low else 1
        levels = parts = 1
        while PIECES**levels < count:
            levels += 1
        while parts**levels < count:
            parts += 1
        return cls(start, unit, count, parts, tuple(parts**k for k in reversed(range(levels))))

    def units(self, known: np.ndarray) -> np.ndarray:
        """The unit of each number, int64 (n,)."""
        place = (known - self.start) / (self.unit or 1.0)
        return np.clip(np.floor(place), 0, self.count - 1).astype(np.int64)


@dataclass(frozen=True)
class Level:
    """Pieces of one width: their numbers in order, int64 (k,), and the noisy counts in them."""

    width: int
    pieces: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class Counted:
    """A column's noisy counts and the standard deviation of their noise.

    counts : of its categories, or the pieces of the first level; the last is of missing cells if
    the schema has any.  finer : the levels below, of a number.
    """

    counts: np.ndarray
    noise: float
    ruler: Ruler | None = None
    finer: tuple[Level, ...] = ()


def count_column(column: Column, values: np.ndarray, mechanisms: Mechanisms, rho: float) -> Counted:
    """Count a column (codes with -1, or float64 with NaN, (n,)) at the cost of rho in all."""
    what, missing = f"column {column.name}", int(column.missing > 0)
    if column.discrete:
        codes = np.where(values < 0, len(column.categories), values)
        exact = np.bincount(codes, minlength=len(column.categories) + missing)
        return Counted(mechanisms.count(what, exact, rho), noise_of(rho))
    known = values[~np.isnan(values)]
    absent = np.full(missing, len(values) - len(known))
    if column.empty:
        return Counted(mechanisms.count(what, absent, rho), noise_of(rho))
    ruler = Ruler.of(column)
    units, each = ruler.units(known), rho / len(ruler.widths)
    pieces = np.arange(-(-ruler.count // ruler.widths[0]))
    exact = np.bincount(units // ruler.widths[0], minlength=len(pieces))
    counts = mechanisms.count(what, np.append(exact, absent), each)
    levels = [Level(ruler.widths[0], pieces, counts[: len(pieces)])]
    for width in ruler.widths[1:]:
        pieces = _cut(levels[-1], ruler, noise_of(each))
        place = np.searchsorted(pieces, units // width).clip(max=max(len(pieces) - 1, 0))
        inside = place[pieces[place] == units // width] if len(pieces) else place[:0]
        exact = np.bincount(inside, minlength=len(pieces))
        levels.append(Level(width, pieces, mechanisms.count(what, exact, each)))
    return Counted(counts, noise_of(each), ruler, tuple(levels[1:]))


def count_table(
    schema: Schema, columns: dict[str, np.ndarray], mechanisms: Mechanisms, rho: float
) -> tuple[list[Counted], float]:
    """Count each column alone at the cost of rho in all; returns the noisy number of rows, too."""
    each = rho / len(columns)
    counted = [
        count_column(column, columns[column.name], mechanisms, each) for column in schema.columns
    ]
    return counted, noisy_rows(counted)


def _cut(level: Level, ruler: Ruler, noise: float) -> np.ndarray:
    """The pieces of the next level: parts of those that hold enough rows to see them."""
    dense = level.pieces[level.counts > CUT_SPREADS * noise * np.sqrt(ruler.parts)]
    parts = (dense[:, None] * ruler.parts + np.arange(ruler.parts)).ravel()
    return parts[parts * (level.width // ruler.parts) < ruler.count]


def noisy_rows(columns: list[Counted]) -> float:
    """The number of rows, at least 1, as the noisy counts of all columns tell it together: the
    fewer cells a sum has, the more it counts."""
    precision = np.array([1 / (counted.noise**2 * len(counted.counts)) for counted in columns])
    totals = np.array([counted.counts.sum() for counted in columns])
    return max(1.0, float((totals * precision).sum() / precision.sum()))


# --- what is made of the noisy counts: no row is looked at again ---


@dataclass(frozen=True)
class Coded:
    """A column's margin, the noise on the counts of its groups (size,), and its bins if it is a
    number."""

    margin: GroupedMargin
    noise: np.ndarray
    bins: QuantileBins | None = None


def code_column(
    column: Column, counted: Counted, rows: float, most: int, later_noise: float
) -> Coded:
    """Codes of a column and their groups, out of its noisy counts alone.

    most : codes of a number at most.  later_noise : expected on the counts of several columns
    together, which are to be of groups large enough to rise above it.
    """
    if counted.ruler is None:
        mass = onto_total(counted.counts, rows)
        rare = mass < RARE_SPREADS * max(counted.noise, later_noise)
        groups = np.where(rare, (~rare).sum(), np.cumsum(~rare) - 1)
        noise = np.full(len(mass), counted.noise)
        return Coded(GroupedMargin(groups, mass / rows), _of_groups(groups, noise))
    top = len(counted.counts) - int(column.missing > 0)
    clear = np.ones(len(counted.counts), dtype=bool)
    clear[:top] = _clear(counted.counts[:top], counted.noise)
    mass = np.zeros(len(clear))
    mass[clear] = onto_total(counted.counts[clear], rows)
    bins, masses, members = _bins(counted, mass[:top], most)
    crowd = np.sqrt(rows / (CELLS_PER_SPREAD * later_noise)) if later_noise else most
    fewest = int(np.clip(crowd, min(LEAST_GROUPS, most), most))
    groups = of_equal_mass(masses, fewest, GROUP_SPREADS * later_noise)
    absent = mass[top:]
    groups = np.append(groups, np.full(len(absent), groups[-1] + 1))
    noise = counted.noise * np.sqrt(np.append(members, np.ones(len(absent))))
    chances = np.append(masses, absent) / rows
    return Coded(GroupedMargin(groups, chances), _of_groups(groups, noise), bins)


def _clear(counts: np.ndarray, noise: float) -> np.ndarray:
    """Which of neighbouring pieces hold more than noise, together with their neighbours; all, if
    none does. bool (k,).

    Of many empty pieces, half would else keep what noise gave them: rows far from all others.
    """
    around = np.convolve(np.pad(counts, 1), np.ones(3), mode="valid")
    spread = noise * np.sqrt(np.convolve(np.pad(np.ones(len(counts)), 1), np.ones(3), mode="valid"))
    clear = around > CLEAR_SPREADS * spread
    return clear if clear.any() else np.ones(len(counts), dtype=bool)


def _of_groups(groups, noise) -> np.ndarray:
    """Noise on a group's count from that on its codes' counts."""
    return np.sqrt(np.bincount(groups, noise**2))


def _bins(counted: Counted, mass: np.ndarray, most: int):
    """Bins, the mass of each, and how many counts it is the sum of.

    The finest pieces are gathered into bins; a value within a bin is drawn as its pieces tell.
    """
    starts, ends, masses = _finest(counted, mass)
    gathered = of_equal_mass(masses, most, CODE_SPREADS * counted.noise)
    first = np.flatnonzero(np.diff(gathered, prepend=-1))
    last = np.append(first[1:], len(gathered))
    parts = [(starts[a:b], ends[a:b], masses[a:b]) for a, b in zip(first, last)]
    knots = np.stack([_knots(*part) for part in parts])
    return QuantileBins(starts[first], knots), np.add.reduceat(masses, first), last - first


def _finest(counted: Counted, mass: np.ndarray):
    """The pieces that were cut no further as (starts, ends, masses) in order.

    mass : of the first level's pieces.  The parts of a piece share its mass as their own noisy
    counts, none below 0, come nearest to.
    """
    ruler = counted.ruler
    level = Level(ruler.widths[0], np.arange(len(mass)), mass)
    begins, widths, masses = [], [], []
    for finer in (*counted.finer, Level(1, np.zeros(0, np.int64), np.zeros(0))):
        owner = np.searchsorted(level.pieces, finer.pieces // ruler.parts)
        whole = np.setdiff1d(np.arange(len(level.pieces)), owner)
        begins.append(level.pieces[whole] * level.width)
        widths.append(np.full(len(whole), level.width))
        masses.append(level.counts[whole])
        shares = [onto_total(finer.counts[owner == k], level.counts[k]) for k in np.unique(owner)]
        level = Level(finer.width, finer.pieces, np.concatenate([np.zeros(0), *shares]))
    begin, width = np.concatenate(begins), np.concatenate(widths)
    order = np.argsort(begin, kind="stable")
    begin, end = begin[order], np.minimum(begin + width, ruler.count)[order]
    starts, ends = (ruler.start + ruler.unit * places for places in (begin, end))
    return starts, ends, np.concatenate(masses)[order]


def of_equal_mass(masses: np.ndarray, most: int, least: float) -> np.ndarray:
    """Neighbours gathered: the group of each piece, int (k,), 0, 1, ...

    A piece with a ``most``-th of all mass stays alone; the others share what is left of ``most``
    groups evenly, but none is to hold less than ``least``. A piece without mass joins the one
    before it.
    """
    held = np.flatnonzero(masses > 0)
    if not len(held):
        return np.zeros(len(masses), dtype=np.int64)
    inside = masses[held]
    heavy = inside >= inside.sum() / most
    rest = np.where(heavy, 0.0, inside)
    share = max(rest.sum() / max(most - heavy.sum(), 1), least, TINY)
    group = np.floor((np.cumsum(rest) - rest) / share)
    begins = np.append(True, (np.diff(group) > 0) | heavy[1:] | heavy[:-1])
    last_held = np.searchsorted(held, np.arange(len(masses)), side="right") - 1
    return (np.cumsum(begins) - 1)[last_held.clip(min=0)]


def _knots(starts, ends, masses) -> np.ndarray:
    """Quantiles at even steps (KNOTS,) of masses that are spread evenly over their pieces.

    Pieces at an end that hold next to nothing are left out: a quantile there would give them the
    mass of a whole step.
    """
    masses = masses if masses.sum() > 0 else np.ones(len(masses))
    upper = np.cumsum(masses) / masses.sum()
    lower = np.append(0.0, upper[:-1])
    held = (upper > END) & (lower < 1 - END) & (masses > 0)
    chances = np.ravel((lower[held], upper[held]), order="F")
    places = np.ravel((starts[held], ends[held]), order="F")
    return np.interp(np.linspace(0, 1, KNOTS), chances, places)


def table_codes(schema: Schema, coded: list[Coded]) -> TableCodes:
    """The codes of all columns together; a column may be missing where the schema says so."""
    sizes = np.array([len(column.margin.groups) for column in coded])
    missing = np.array([column.missing > 0 for column in schema.columns])
    bins = {name: column.bins for name, column in zip(schema.names, coded) if column.bins}
    return TableCodes(schema.names, sizes, missing, bins)
