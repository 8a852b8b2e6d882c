"""A row written one cell at a time: a Keras network gives each cell's chances from the cells before
it."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from utils.dtypes import dtype_of
from utils.encoding import TableCodes, from_array, grid_step, to_array
from utils.encoding.codes import count_of_bins
from utils.encoding.matrix import refuse_absent
from utils.encoding.spikes import shared_values
from utils.privacy.accounting import Budget
from utils.saving import expect
from utils.schema import Column, check_frame
from utils.synthesizers.autoregressive.likelihood import log_chances, log_shares, scores_amid
from utils.synthesizers.autoregressive.network import CellNetwork, neighbours
from utils.synthesizers.base import check_count, check_seed
from utils.synthesizers.draws import drawing_order, resample
from utils.synthesizers.given import candidates, read_given
from utils.synthesizers.margins import Coded, Ruler
from utils.synthesizers.neural import AVERAGE, follow, pieces, take_weights
from utils.synthesizers.private import PrivatelyTrained
from utils.training import keras, tf

WEIGHT_DECAY = 1e-3
PATIENCE, STEPS_PER_SCORE = 15, 20
ONE_VALUE = 1 + 1e-9  # units that a bin of one value is wide at most


class AutoregressiveSynthesizer(PrivatelyTrained):
    """The chain rule of probability with one small network (NADE: Larochelle and Murray 2011; Uria
    et al. 2016).

    Every column is codes: categories as they are, numbers as quantile bins with the value drawn
    inside. A cell's chances come from the sum of one vector for each cell before it, a residual
    layer and a softmax; all columns are learned in one pass. Neighbouring bins share their vectors.
    The weights kept are an average over steps, at the best likelihood of held-out rows.

    epochs : passes over the table at most.  units : length of a vector.  bins : most codes of a
        number.
    smoothing : how far bins share, as part of a column's bins; 0 leaves each bin to itself.
    average : the part of the steps over which the weights are averaged; 0 takes the last.
    order : names of the columns as they are drawn; None takes the column with the fewest codes
        first.
    ranks_within_groups : whether numbers that a category tells are told by their rank in its rows.
    privacy : a Budget of utils.privacy, such as ``Budget(epsilon=1.0, delta=1e-5)``; None promises
        nothing. See :class:`utils.synthesizers.private.PrivatelyTrained` for what it keeps and what
        it costs; a schema with all ranges must be passed. Of the parameters above, batch_size,
        learning_rate, average and ranks_within_groups then say nothing, and bins are at most 32.
        There is no checkpoint. For a real release ``random_state`` must be None.

    A condition on the first columns of ``order_`` is exact (but for numbers told by rank): the rest
    is drawn given it. Other
    conditions hold in every row as well, but what was drawn before them is weighted: of many
    candidates, those are kept that make the condition likely (importance resampling): exact only as
    these grow in number.
    """

    method = "autoregressive"
    passes = 60
    order_: list[str]
    spikes_: dict[
        str, Annotated[np.ndarray, "bool _"]
    ]  # bins of one value with the rows of a whole bin

    def __init__(
        self,
        epochs: int | None = None,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        units: int = 128,
        bins: int = 64,
        smoothing: float = 0.15,
        average: float = AVERAGE,
        order: list[str] | None = None,
        ranks_within_groups: bool = True,
        privacy: Budget | None = None,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.units, self.bins, self.smoothing = units, bins, smoothing
        self.average, self.order = average, order
        self.ranks_within_groups, self.privacy = ranks_within_groups, privacy
        self.progress, self.checkpoint = progress, checkpoint

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("units", "bins")
        self._check_not_negative("smoothing", "average")
        self._check_column_names("order")

    def _check_names(self, schema):
        drawing_order(self.order, dict.fromkeys(schema.names, 0))

    # --- what goes in ---

    def _fit(self, columns, rng):
        self._without_promise()
        most = count_of_bins(len(next(iter(columns.values()))), self.bins)
        self.codes_ = TableCodes.fit(columns, self.schema_, most)
        self.order_ = drawing_order(self.order, dict(zip(self.codes_.names, self.codes_.sizes)))
        self.spikes_ = {
            name: np.isin(bins.lower, shared_values(columns[name], 1 / most))
            for name, bins in self.codes_.bins.items()
        }
        rows = self._encode(columns)
        held, kept = self._hold_out(len(rows), rng)
        learner, average = self._build(rng), self._build(rng)
        learner.start_from(rows)
        take_weights(average, learner.weights)
        self._learn(learner, average, rows[kept], rows[held], rng)

    def _arrange(self, coded: list[Coded], rows: float) -> None:
        self.order_ = drawing_order(self.order, dict(zip(self.codes_.names, self.codes_.sizes)))
        most = self._private_bins(rows)
        self.spikes_ = {
            column.name: _spikes(column, told, most)
            for column, told in zip(self.schema_.columns, coded)
            if told.bins is not None
        }

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("order_", sorted(self.order_) == sorted(self.codes_.names))
        counts = {name: len(bins) for name, bins in self.codes_.bins.items()}
        expect("spikes_", counts == {name: len(alone) for name, alone in self.spikes_.items()})

    @property
    def _places(self) -> list[int]:
        return [self.codes_.names.index(name) for name in self.order_]

    def _encode(self, columns) -> np.ndarray:
        """Codes in drawing order, int32 (n, d)."""
        return self.codes_.encode(columns)[:, self._places]

    # --- the network ---

    def _build(self, rng):
        sizes = self.codes_.sizes[self._places]
        spikes = [self.spikes_.get(name, np.zeros(0, bool)) for name in self.order_]
        smoothing, units = self.parameters_["smoothing"], self.parameters_["units"]
        kernels = [neighbours(alone, size, smoothing) for alone, size in zip(spikes, sizes)]
        return CellNetwork(sizes.tolist(), kernels, units, rng)

    # --- one training step ---

    def _learn(self, learner, average, rows, held_out, rng):
        optimizer = keras.optimizers.AdamW(
            self.learning_rate, weight_decay=WEIGHT_DECAY, beta_2=0.99
        )
        optimizer.build(learner.weights)

        def step(batch, key):
            with tf.GradientTape() as tape:
                loss = tf.add_n(learner.losses(batch[0]))
            gradients = tape.gradient(loss, [weight.value for weight in learner.weights])
            optimizer.apply(gradients, learner.weights)
            follow(average.weights, learner.weights, optimizer.iterations, self.average)
            return {"nats a row": loss}

        def column_losses(batch, key):
            return dict(zip(self.order_, learner.losses(batch[0])))

        score = tf.function(
            lambda: tf.add_n(average.losses(tf.constant(held_out))), autograph=False
        )
        self._train(
            step,
            [rows],
            learner.weights + average.weights + optimizer.variables,
            average,
            rng,
            steps_per_call=STEPS_PER_SCORE,
            column_losses=column_losses,
            score=score.get_concrete_function() if len(held_out) else None,
            patience=PATIENCE,
        )

    def _row_losses(self, network, codes, key, done, parts):
        return tf.add_n(network.row_losses(codes, parts))

    # --- how rows are drawn ---

    def _sample(self, n, given, rng):
        wanted = np.full(len(self.order_), -1)
        for place, code in self.codes_.encode_given(given).items():
            wanted[self._places.index(place)] = code
        comes_first = (np.diff((wanted < 0).astype(int)) >= 0).all()
        rows = n if comes_first else candidates(n)
        codes, log_chances = self._network.draw(np.tile(wanted, (rows, 1)), rng)
        if not comes_first:
            codes = codes[resample(log_chances.sum(axis=1), n, rng)]
        return self._decode(codes, given, rng)

    def _decode(self, codes, given, rng) -> dict:
        table = np.empty_like(codes)
        table[:, self._places] = codes
        return self.codes_.decode(table, self.schema_, given, rng)

    def log_likelihood(self, table: pd.DataFrame) -> np.ndarray:
        """Natural logarithm of the model's probability of each row, float64 (n,); see
        :meth:`surprise`."""
        return -self.surprise(table).sum(axis=1).to_numpy()

    def surprise(self, table: pd.DataFrame) -> pd.DataFrame:
        """Nats (-log probability) of each cell given the cells before it, float64, columns as in
        ``order_``.

        Exact for the codes. A number has a density: the mass of its bin over the bin's width,
        counted in steps of the column's grid (so a probability for integers), or in its unit where
        there is none. A bin with one value is a point with all of its mass. What is never drawn,
        beside such points and beyond the numbers of training, shares a millionth of the bin's mass;
        beyond them each width of the outermost bin costs one nat more, so far numbers are finite
        and very surprising. TableError for a column that is lacking, ValueError for a category that
        training never saw.
        """
        check_is_fitted(self)
        refuse_absent(table, self.schema_)
        table = table[self.schema_.names]
        self._refuse_unseen(table, numbers=False)
        columns = self._arrays(table)
        around = self.ranks_.shares_around(columns, self._reach)
        codes = self._encode(columns | {name: scores_amid(around[name]) for name in around})
        nats = -self._network.draw(codes, np.random.default_rng(0))[1]
        for place, name in enumerate(self.order_):
            bins = self.codes_.bins.get(name)
            if name in around:
                nats[:, place] = -self._log_chances(name, codes, columns[name], around[name])
            elif bins is not None:
                nats[:, place] -= log_shares(bins, columns[name], grid_step(self.schema_[name]))
        return pd.DataFrame(nats, columns=self.order_, index=table.index)

    def impute(
        self, table: pd.DataFrame, random_state: int = 0, candidates: int = 32
    ) -> pd.DataFrame:
        """The rows with their missing cells drawn given the known ones; columns may be absent
        altogether.

        Known cells stay. Cells known before a missing one count exactly, those after it by
        importance: one of ``candidates`` fillings of each row is kept, in proportion to how likely
        it makes the known cells. ValueError for a column, category or number that training never
        saw.
        """
        check_is_fitted(self)
        check_frame(table)
        check_count("candidates", candidates)
        check_seed(random_state)
        rng = np.random.default_rng(random_state)
        self._refuse_unseen(table, missing=False)
        table = table.reindex(columns=self.schema_.names)
        missing = table.isna()
        columns = {
            name: np.where(missing[name], self._some_value(name), values)
            for name, values in self._arrays(table).items()
        }
        kept = np.empty((len(table), len(self.order_)), int)
        for piece in pieces(len(table), candidates * len(self.order_)):
            cells = {name: values[piece] for name, values in columns.items()}
            kept[piece] = self._best_fillings(cells, missing[piece], candidates, rng)
        drawn = self.ranks_.inverse(self._decode(kept, {}, rng))
        filled = pd.DataFrame(
            {
                column.name: from_array(
                    np.where(missing[column.name], drawn[column.name], columns[column.name]), column
                )
                for column in self.schema_.columns
            },
            index=table.index,
        )
        # what is known stays as it was, not as the grid of the column would write it
        return filled.where(missing, table).astype(filled.dtypes)

    def _some_value(self, name: str) -> float:
        """Any code or number of a column, to stand where one is missing until it is drawn."""
        if self.seen_:
            return self.seen_[name][0]
        return self.codes_.bins[name].lower[0] if name in self.codes_.bins else 0

    def _best_fillings(self, columns, missing, candidates, rng) -> np.ndarray:
        """Codes of one filling of each row, int (n, columns), drawn by weight from candidates."""
        codes, weights = self._fillings(columns, missing, candidates, rng)
        # the largest of weights with Gumbel noise is a draw by weight
        weights = weights + rng.gumbel(size=len(codes))
        best = weights.reshape(-1, candidates).argmax(axis=1)
        return codes[np.arange(len(missing)) * candidates + best]

    def _fillings(self, columns, missing, candidates, rng) -> tuple[np.ndarray, np.ndarray]:
        """Codes of so many fillings of each row, one below the other, and their log-weights."""
        columns = {name: np.repeat(values, candidates) for name, values in columns.items()}
        unknown = np.repeat(missing[self.order_].to_numpy(), candidates, axis=0)
        codes = np.where(unknown, -1, self._encode(columns))
        by = [self.order_.index(name) for name in self.ranks_.group_by]
        group_unknown = unknown[:, by].any(axis=1)
        drawn_first = unknown & group_unknown[:, None]
        if group_unknown.any():  # it is drawn first: what is known has its rank in it
            ranked = [self.order_.index(name) for name in self.ranks_.scores]
            without = codes.copy()
            without[:, ranked] = -1
            drawn_first &= np.arange(len(self.order_)) <= max(
                by
            )  # with all that it was drawn after
            drawn = self._network.draw(without, rng, self._absent)[0]
            codes = np.where(drawn_first, drawn, codes)
            columns |= {name: codes[:, place] for name, place in zip(self.ranks_.group_by, by)}
        around = self.ranks_.shares_around(columns, self._reach)
        for name, shares in around.items():
            place = self.order_.index(name)
            ranks = self.codes_.bins[name].encode(scores_amid(shares))
            codes[:, place] = np.where(unknown[:, place], codes[:, place], ranks)
        codes, chances = self._network.draw(codes, rng, self._absent)
        for name, shares in around.items():
            place = self.order_.index(name)
            told = self._log_chances(name, codes, columns[name], shares)
            chances[:, place] = np.where(unknown[:, place], 0, told)
        chances[drawn_first] = 0  # they were drawn by them
        return codes, chances.sum(axis=1)

    def _log_chances(self, name, codes, values, shares) -> np.ndarray:
        """Logarithm of the chance, or density, of a number told by rank after the cells before it,
        float64 (n,); shares : (n, 2), those around it."""
        place, bins = self.order_.index(name), self.codes_.bins[name]
        given = grid_step(self.schema_[name]), self._reach[name], tuple(self.seen_[name][:2])
        found = np.empty(len(codes))
        for piece in pieces(len(codes), len(bins)):
            chances = self._network.chances(codes[piece], place)
            found[piece] = log_chances(bins, chances, values[piece], shares[piece], *given)
        return found

    def _arrays(self, table) -> dict:
        """Columns as :meth:`_fit` gets them, from a table of the schema's columns."""
        dates = [column for column in self.schema_.columns if column.kind == "date"]
        table = table.astype({column.name: dtype_of(column.dtype) for column in dates})
        return {
            column.name: to_array(table[column.name], column) for column in self.schema_.columns
        }

    def _refuse_unseen(self, table, numbers: bool = True, missing: bool = True) -> None:
        """ValueError for columns, categories and missing values never trained on.

        numbers : also for those that the schema does not allow.
        """
        for name in table.columns:
            column, known = self.schema_[name], table[name].dropna()
            if missing and len(known) < len(table):
                read_given({name: None}, self.schema_, self.seen_)
            if column.discrete:
                for value in known.unique():
                    read_given({name: value}, self.schema_, self.seen_)
            elif numbers:
                for end in known.agg(["min", "max"]).dropna():
                    read_given({name: end}, self.schema_, {})

    @property
    def _absent(self) -> list[int | None]:
        """The code of a missing cell in each column, None where there is none or nothing else."""
        return [
            size - 1 if missing and size > 1 else None
            for size, missing in zip(
                self.codes_.sizes[self._places], self.codes_.missing[self._places]
            )
        ]


def _spikes(column: Column, told: Coded, most: int) -> np.ndarray:
    """Bins of one value that hold as many rows as a whole bin, by noisy counts, bool (bins,)."""
    bins = told.bins
    alone = np.ptp(bins.knots, axis=1) <= ONE_VALUE * Ruler.of(column).unit
    return alone & (told.margin.chances[: len(bins)] >= 1 / most)
