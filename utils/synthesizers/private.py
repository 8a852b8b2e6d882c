"""Networks trained with a promise of privacy: what the two of them share."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from utils.encoding import to_array
from utils.encoding.codes import TableCodes, count_of_bins
from utils.privacy.accounting import Budget, PrivacyError, noise_multiplier_for
from utils.privacy.mechanisms import Mechanisms, noise_stream
from utils.privacy.parts import clipped_sum_of_parts
from utils.privacy.study import warn_of_seed
from utils.privacy.training import RatePlan, train_privately
from utils.saving import expect
from utils.schema import Schema
from utils.synthesizers.margins import Coded, code_column, count_table, table_codes
from utils.synthesizers.neural import NO_CHANCE, NeuralSynthesizer
from utils.synthesizers.promise import check_known, warn_of_ranges, without_shares
from utils.tables import validate
from utils.training import keras

SEED_BITS = 62
LAST_RATE = 0.05  # share of the learning rate that is left at the end
TINY = 1e-30
ROWS_TO_MATCH, ROUNDS = 4_000, 20  # drawn to match shares, and how often a bias is moved


class PrivatelyTrained(NeuralSynthesizer):
    """A network over the codes of all columns that can be trained with a promise of privacy.

    With ``privacy``, a Budget, what is kept of the rows was seen in two ways only. Each column
    alone is counted, with Gaussian noise, for a share ``for_columns`` of the budget's rho; codes,
    bins, shares of codes, the number of rows and, unless it is given, the order of columns all come
    from these counts and the schema. And the network, which starts at these shares, is trained by
    DP-SGD (:mod:`utils.privacy`): so many steps, each on a Poisson sample of a fixed rate,
    gradients clipped row by row, with noise. All counts together are one Gaussian mechanism; the
    noise of the steps is the least with which that and all steps, composed by the PLD accountant in
    its coarse sums (:func:`utils.privacy.noise_multiplier_for`), keep epsilon and delta. It is
    found before the rows are counted: the rate is fixed, so neither it nor the noise depends on how
    many rows there are, and the noisy number of rows only says by what the noisy sums are divided.
    Nothing is held out, nothing stops the training early. What is done with noisy weights and
    counts costs nothing more: the weights kept are an average over steps, and the biases are then
    moved until each column that is drawn has the shares that were counted.

    What the promise is about: what a whole fit leaves behind, and one row, not a person with many,
    for tables that differ by one row more which the schema allows (that a table is refused tells
    about it: nothing of that is covered); each further fit costs again. ``spent_`` is what the
    counts cost in rho, ``plan_`` the run of the steps, :meth:`epsilon` both together.

    What breaks it: a ``random_state`` that somebody knows (a PrivacyWarning says so; the default is
    a known one, for teaching: pass None for a release, :func:`utils.privacy.for_study` else), and a
    schema that was read off the rows, whose ranges, categories and decimals are facts about them (a
    PrivacyWarning where that shows; shares of missing cells are left out of ``schema_``). A
    checkpoint would break it, too, and is refused. Noise is made of float32 numbers, see
    :func:`utils.privacy.add_noise`, by generators that are not of cryptographic strength.

    A subclass has ``privacy`` and ``bins`` among its parameters and writes :meth:`_arrange`,
    :meth:`_row_losses`, ``_places`` and ``_build``; its network has ``start_at(log_shares)`` and
    ``match(shares, rng)``.
    """

    for_columns = 0.3  # of the budget
    sampling_rate = 0.05  # chance of a row to be in a step
    private_passes = 50  # by default; a step sees ``sampling_rate`` of the rows
    private_learning_rate = 1e-2
    most_bins = 32  # codes of a number at most, whatever ``bins`` says
    clip = 1.0
    memory = 0.1  # part of the steps over which weights are averaged
    privacy: Budget | None
    codes_: TableCodes
    plan_: RatePlan | None
    spent_: dict[str, float]  # what was counted -> rho; empty without a promise

    def fit(self, table: pd.DataFrame, schema: Schema | None = None) -> PrivatelyTrained:
        """Learn from a table; with a promise, a schema with all ranges must be passed.

        Raises ValueError for parameters (PrivacyError for a budget) and TableError for a table or
        schema that it cannot use, with a promise before a row is counted; only a delta that is too
        large for the noisy number of rows is found out after that, when the counts are paid for.
        Unless a whole fit comes of it, the earlier one is still there. PrivacyWarning for what
        takes the promise back.
        """
        if self.privacy is None:
            return super().fit(table, schema)
        self._check_parameters()
        check_known(schema, list(getattr(table, "columns", [])))
        self._check_names(schema)
        warn_of_seed(self.random_state, stacklevel=2)
        noise = self._noise_multiplier()
        validate(table, schema)
        columns = {column.name: to_array(table[column.name], column) for column in schema.columns}
        warn_of_ranges(schema, columns, stacklevel=2)
        with self._fitting(), threadpool_limits(1, user_api="blas"):
            self.schema_, self.seen_ = without_shares(schema), {}
            self._fit_privately(columns, noise, np.random.default_rng(self.random_state))
        return self

    def epsilon(self, delta: float) -> float:
        """What the fit cost at a delta, counts and steps together; infinite without a promise."""
        check_is_fitted(self)
        if self.plan_ is None:
            return np.inf
        return self.plan_.epsilon(delta, rho_besides=sum(self.spent_.values()))

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not isinstance(self.privacy, (Budget, type(None))):
            raise PrivacyError(
                "privacy must be a Budget of utils.privacy, such as Budget(epsilon=1.0, "
                f"delta=1e-5), or None for no promise, not {self.privacy!r}."
            )
        if self.privacy is not None and self.checkpoint is not None:
            raise PrivacyError(
                "A fit with a promise of privacy has no checkpoint: the file would hold a hash of "
                "the rows and of the seed of the noise, and without a seed no fit could go on from "
                "it. Pass checkpoint=None."
            )

    def _check_names(self, schema: Schema) -> None:
        """ValueError for parameters that do not name the columns of a schema."""

    def _private_steps(self) -> int:
        passes = self.private_passes if self.epochs is None else self.epochs
        return max(1, round(passes / self.sampling_rate))

    def _noise_multiplier(self) -> float:
        run = self.sampling_rate, self._private_steps()
        return _noise_besides(self.privacy, *run, self.for_columns)

    def _private_bins(self, rows: float) -> int:
        return count_of_bins(int(rows), min(self.bins, self.most_bins))

    # --- what is learned ---

    def _without_promise(self) -> None:
        """What a fit without a promise keeps of it."""
        self.plan_, self.spent_ = None, {}

    def _fit_privately(self, columns, noise, rng) -> None:
        noise_rng = noise_stream(self.random_state)
        mechanisms = Mechanisms(self.privacy, noise_rng)
        counted, rows = count_table(
            self.schema_, columns, mechanisms, self.for_columns * mechanisms.rho
        )
        if self.privacy.delta * rows >= 1:
            raise PrivacyError(
                f"delta = {self.privacy.delta:.3g} would allow that a row chosen by chance is "
                f"published whole. For about {rows:.0f} rows it must be below {1 / rows:.3g}; "
                "usual is a tenth of that, or less."
            )
        most = self._private_bins(rows)
        coded = [
            code_column(column, counts, rows, most, later_noise=0.0)
            for column, counts in zip(self.schema_.columns, counted)
        ]
        self.codes_ = table_codes(self.schema_, coded)
        self._arrange(coded, rows)
        self.spent_ = mechanisms.spent
        rate = self.sampling_rate
        self.plan_ = RatePlan(rate, self._private_steps(), noise, self.clip, rate * rows)
        network = self._build(rng)
        shares = [coded[place].margin.chances for place in self._places]
        network.start_at(_logarithms(np.concatenate(shares)))
        seed = None if self.random_state is None else int(noise_rng.integers(2**SEED_BITS))
        codes = self.codes_.encode(columns)[:, self._places]
        self._train_privately(network, codes, shares, seed, rng)

    def _train_privately(self, network, codes, shares, seed, rng) -> None:
        steps = self.plan_.steps
        optimizer = self._optimizer(network, steps)

        def clipped(batch, key, clip):
            def losses(rows, parts):
                done = optimizer.iterations / steps
                return self._row_losses(network, rows[0], key, done, parts)

            return clipped_sum_of_parts(losses, network.weights, batch, clip)

        with self._keeping(network) as history:
            try:
                train_privately(
                    self.plan_,
                    clipped,
                    [codes],
                    network.weights,
                    optimizer,
                    seed=seed,
                    progress=self.progress,
                    history=history,
                )
            finally:
                optimizer.finalize_variable_values(network.weights)
                network.match(shares, rng)

    def _optimizer(self, network, steps: int):
        """Adam; what it keeps of the weights is their average."""
        rate = keras.optimizers.schedules.CosineDecay(
            self.private_learning_rate, steps, alpha=LAST_RATE
        )
        optimizer = keras.optimizers.Adam(
            rate, use_ema=True, ema_momentum=1 - 1 / (1 + self.memory * steps)
        )
        optimizer.build(network.weights)
        return optimizer

    def _arrange(self, coded: list[Coded], rows: float) -> None:
        """Set what ``_build`` needs besides codes, from the noisy counts of the columns alone."""
        raise NotImplementedError

    def _row_losses(self, network, codes, key, done, parts):
        """The loss of each row, float32 (n,), through ``parts``.

        codes : int32 (n, d) in the order of ``_places``.  key : seeds what is random.  done : part
        of the steps that are made, 0 to 1.
        """
        raise NotImplementedError

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("codes_", self.codes_.fits(self.schema_))
        expect("plan_", (self.plan_ is None) == (not self.spent_))


@cache
def _noise_besides(budget: Budget, rate: float, steps: int, for_columns: float) -> float:
    """The noise multiplier of the steps, beside counts for a share of the budget."""
    epsilon, delta = budget.epsilon, budget.delta
    return noise_multiplier_for(epsilon, delta, rate, steps, rho_besides=for_columns * budget.rho)


def _logarithms(shares: np.ndarray) -> np.ndarray:
    """As those of :func:`utils.synthesizers.neural.log_shares`, of noisy shares, float32 (k,)."""
    logarithms = np.log(np.maximum(shares, TINY))
    return np.where(shares > 0, logarithms, NO_CHANCE).astype(np.float32)


def bias_for(logits: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """What to add to logits (n, size) so that their mean chances are these shares, float32 (size,).

    Iterative proportional fitting of the one margin; codes without a share get no chance.
    """
    held = shares > 0
    bias = np.where(held, 0, NO_CHANCE)
    for _ in range(ROUNDS):
        mean = softmax(logits + bias, axis=1).mean(axis=0)
        bias[held] += np.log(shares[held] / np.maximum(mean[held], TINY))
    return bias.astype(np.float32)
