"""DP-SGD: training whose every step sees a sample of the rows, clipped and with noise.

A step draws each row by the same chance (a Poisson sample), clips and sums the rows' gradients,
adds Gaussian noise and divides by the expected number of rows (Abadi and others 2016, algorithm 1).
What the optimiser then does with it costs nothing more.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from utils.privacy.accounting import (
    PLD,
    Budget,
    PrivacyError,
    check_positive,
    check_run,
    epsilon_spent,
    noise_multiplier_for,
)
from utils.saving import savable
from utils.training import History, tf, train

SECRET_BITS = 62
DRAWS = 4  # whose sum is a number of the noise
MOST_STEPS_PER_CALL = 100


class _Run:
    """What plans share: a number of noisy steps on Poisson samples."""

    def epsilon(self, delta: float, accountant: str = PLD, rho_besides: float = 0.0) -> float:
        """What the whole run costs, see :func:`epsilon_spent`."""
        run = self.noise_multiplier, self.sampling_rate, self.steps
        return epsilon_spent(*run, delta, accountant, rho_besides)

    def check_rows(self, data: Sequence[np.ndarray]) -> None:
        """ValueError unless the plan is for arrays of such length."""


@savable
@dataclass(frozen=True)
class RatePlan(_Run):
    """A private training run that knows no number of rows: their rate is fixed, not their number.

    So the plan, and the noise, depend on nothing that the rows tell.

    sampling_rate : chance of a row to be in a step, above 0, at most 1.  noise_multiplier :
        standard deviation of the noise by ``clip``.  clip : longest gradient of one row.
    batch_size : what the noisy sum is divided by: the rows expected in a step, by a noisy count.

    Raises PrivacyError or ValueError for a plan that cannot be carried out.
    """

    sampling_rate: float
    steps: int
    noise_multiplier: float
    clip: float
    batch_size: float

    def __post_init__(self):
        check_run(self.noise_multiplier, self.sampling_rate, self.steps)
        check_positive("clip", self.clip)
        check_positive("batch_size", self.batch_size)


@dataclass(frozen=True)
class PrivatePlan(_Run):
    """A private training run, fixed before the rows are touched.

    rows : of the table; taken as public.  batch_size : rows expected in a step, at most ``rows``.
    noise_multiplier : standard deviation of the noise by ``clip``.  clip : longest gradient of one
        row.

    Raises PrivacyError or ValueError for a plan that cannot be carried out.
    """

    rows: int
    batch_size: int
    steps: int
    noise_multiplier: float
    clip: float = 1.0

    def __post_init__(self):
        for name in ("rows", "batch_size", "steps"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name} must be a whole number, 1 or more, not {value!r}.")
        if self.batch_size > self.rows:
            raise ValueError(
                f"A step cannot expect {self.batch_size} of {self.rows} rows; batch_size must be "
                "at most the number of rows."
            )
        check_positive("noise_multiplier", self.noise_multiplier)
        check_positive("clip", self.clip)

    @classmethod
    def for_budget(
        cls,
        budget: Budget,
        rows: int,
        batch_size: int,
        steps: int,
        clip: float = 1.0,
        accountant: str = PLD,
    ) -> PrivatePlan:
        """The plan with the least noise that keeps a budget.

        PrivacyError where delta is 1 / rows or more, which would allow that one row is published
        whole, or where no noise keeps the budget.
        """
        plan = cls(rows, batch_size, steps, 1.0, clip)
        if budget.delta * rows >= 1:
            raise PrivacyError(
                f"delta = {budget.delta:.3g} for {rows} rows would allow that a row chosen by "
                f"chance is published whole. It must be below 1 / rows = {1 / rows:.3g}; usual is "
                "a tenth of that, or less."
            )
        noise = noise_multiplier_for(
            budget.epsilon, budget.delta, plan.sampling_rate, steps, accountant
        )
        return cls(rows, batch_size, steps, noise, clip)

    @property
    def sampling_rate(self) -> float:
        """Chance of a row to be in a step."""
        return self.batch_size / self.rows

    def check_rows(self, data: Sequence[np.ndarray]) -> None:
        """ValueError unless each array has as many rows as the plan."""
        if any(len(array) != self.rows for array in data):
            lengths = [len(array) for array in data]
            raise ValueError(f"The plan is for {self.rows} rows; the arrays have {lengths}.")


def train_privately(
    plan: PrivatePlan | RatePlan,
    clipped: Callable,
    data: Sequence[np.ndarray],
    weights: Sequence,
    optimizer,
    *,
    seed: int | None = None,
    progress: bool | str = False,
    history: History | None = None,
) -> History:
    """Train weights by a plan, in one compiled loop; they end as the last step left them.

    clipped : ``clipped(batch, key, clip)`` -> the sum of the clipped gradients, one tensor a
        weight: :func:`clipped_sum` or :func:`clipped_sum_of_parts` with losses and weights filled
        in. ``batch`` has as many rows as the sample has, which may be none; key int64 (2,) is for
        whatever is random in the losses.
    data : arrays of ``plan.rows`` rows each; of a plan by rate, of any number.  optimizer : of
        Keras, built for the weights.
    seed : of sample and noise. Who knows it can take the noise off again: whoever publishes the
        weights leaves it None (62 bits from the operating system, kept nowhere). A number is for
        teaching and tests.
    progress, history : as in :func:`utils.training.train`. There is no checkpoint: it would hold a
        hash of the rows and of the seed, and without that seed no run could go on from it.

    The history keeps the length of each step's noisy mean gradient, which costs nothing. Losses and
    scores of the rows would be facts about them beyond the budget, so there are none to show, to
    stop by or to choose weights by.
    """
    plan.check_rows(data)
    secret = secrets.randbits(SECRET_BITS) if seed is None else int(seed)
    rows = [tf.constant(array) for array in data]

    def step(batch, key):  # the batch that ``train`` drew is not looked at
        keys = tf.random.split(tf.stack([tf.cast(secret, tf.int64), tf.cast(key[1], tf.int64)]), 3)
        sample = poisson_sample(len(data[0]), plan.sampling_rate, keys[0])
        sums = clipped([tf.gather(array, sample) for array in rows], keys[1], plan.clip)
        noisy = add_noise(sums, plan.noise_multiplier * plan.clip, keys[2])
        means = [total / plan.batch_size for total in noisy]
        optimizer.apply(means, weights)
        return {"noisy gradient": tf.linalg.global_norm(means)}

    return train(
        step,
        data,
        [*weights, *optimizer.variables],
        steps=plan.steps,
        batch_size=1,
        seed=secret,
        steps_per_call=_divisor(plan.steps),
        progress=progress,
        history=history,
    )


def _divisor(steps: int) -> int:
    """Steps in a compiled call: ``train`` makes whole calls only, and one step too many would cost
    more than was paid for."""
    return max(count for count in range(1, MOST_STEPS_PER_CALL + 1) if steps % count == 0)


def poisson_sample(rows: int, rate: float, key):
    """Numbers of the rows that join, each by the same chance and by itself, int32 (sample,).

    The size differs from step to step, as the accountant assumes: the compiled step takes any
    number of rows, so nothing is cut off or filled up.
    """
    chances = tf.random.stateless_uniform([rows], key, dtype=tf.float64)
    return tf.cast(tf.where(chances < rate)[:, 0], tf.int32)


def add_noise(sums: Sequence, spread: float, key) -> list:
    """Each tensor with Gaussian noise of a standard deviation, independent in every number.

    A number of the noise is half the sum of four draws (Holohan and Braghin 2021). Each draw of
    TensorFlow's ends at 5.68 standard deviations, in float64, too; a number of the noise ends at
    11.4. Its density is a Gaussian's to 1 % up to 6.5 standard deviations, beyond which a number
    lies with a chance of 8e-11, and to 8 % up to 8, with a chance of 1e-15; further out it falls
    short. The accountant takes it for a Gaussian everywhere. A sum of several draws also hides the
    last digits of each (Mironov 2012), without a proof.
    """
    keys = tf.unstack(tf.random.split(key, len(sums)), num=len(sums))
    return [total + spread * _normal(total.shape, own) for total, own in zip(sums, keys)]


def _normal(shape, key):
    """Standard normal numbers, see :func:`add_noise`."""
    return tf.reduce_sum(tf.random.stateless_normal([DRAWS, *shape], key), axis=0) / DRAWS**0.5
