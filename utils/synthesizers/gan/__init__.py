"""A generative adversarial network for mixed tables: a generator, and a critic that it learns to
please."""

from __future__ import annotations

import numpy as np

from utils.saving import expect
from utils.synthesizers.draws import drawing_order, resample
from utils.synthesizers.gan.networks import START, Generator, critic_network, marks_and_steepness
from utils.synthesizers.gan.rows import GANRows
from utils.synthesizers.given import EXACT_MATCHES, candidates, nearness
from utils.synthesizers.neural import (
    AVERAGE,
    NeuralSynthesizer,
    follow,
    log_shares,
    pieces,
    take_weights,
)
from utils.training import keras, tf

CANDIDATES = 4  # rows written for one that is kept
ROUNDS = 3  # of counting what is drawn, after training
FEWEST_COUNTED, ENOUGH_COUNTED = 512, 8_192  # rows
NUMBERS_COUNTED = 16_000_000  # rows * tokens
MOST_OFTEN = 8  # a row with just the given number is not kept more often, on average
LEAST_NEAR = 1e-300  # weight of a row that is nowhere near a given number
ENOUGH_ROWS = 5_000  # with fewer the critic's slope is held down in proportion
MOST_STEPS_BY_ROWS = 1_000  # a small table gets a step a row
CRITIC_RATE = 3  # learning rate of the critic, as a multiple of the generator's


class GANSynthesizer(NeuralSynthesizer):
    """A relativistic GAN (Jolicoeur-Martineau 2019) whose generator writes a row cell by cell.

    Numbers that a category tells come as scores within it. Categories, and numbers of few values or
    with gaps, are tokens; other numbers are normal scores. The generator draws one column after the
    other, each from noise and the cells before it, so that what binds columns together can be
    sharp; it starts at each column's margin. Tokens pass the critic as straight-through
    Gumbel-softmax draws (Jang, Gu and Poole 2017). The critic compares real with generated rows
    that share the first cell, and the slope of its marks is held down at both (Mescheder, Geiger
    and Nowozin 2018; Huang et al. 2024). Both networks are averages of their weights over many
    steps (Yazici et al. 2019). As the marks of a relativistic critic tell how much more likely a
    row is among real ones, of several rows written those are kept that it marks high (Azadi et al.
    2019). After training every column's margin is moved to that of the table.

    A critic learns few rows by heart. So a table of fewer than 1,000 rows is trained on for a step
    a row, at least 200, unless epochs are given.

    epochs, batch_size, learning_rate : of both networks (Adam; the critic learns 3 times as fast).
    units, critic_units : width of the layers of generator and critic; a narrow critic misses what
    a reader of the rows would see.  noise : numbers a row starts from.  penalty : weight of the
    critic's squared slope, of 5,000 rows or more; of fewer, as many times more.  temperature : of
    the Gumbel-softmax.  average : the part of the steps over which the weights are averaged.
    group_by : names of the columns that are drawn first, the very first by counting; None takes the
    category that numbers are scored within.  Then come the columns with the fewest tokens, and
    scores last.

    A condition is set in every row, and the row weighted by how likely the generator found it
    after the cells before (importance resampling), or, for a number, by how near the row came to it
    on its own: exact for the first column, for others only as the candidates grow in number.
    """

    method = "gan"
    passes = 20
    least_steps = 200
    ranks_within_groups = True
    rows_: GANRows
    order_: list[str]

    def __init__(
        self,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        units: int = 64,
        critic_units: int = 256,
        noise: int = 32,
        penalty: float = 0.003,
        temperature: float = 0.5,
        average: float = AVERAGE,
        group_by: list[str] | None = None,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.units, self.critic_units, self.noise = units, critic_units, noise
        self.penalty, self.temperature = penalty, temperature
        self.average, self.group_by = average, group_by
        self.progress, self.checkpoint = progress, checkpoint

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("units", "critic_units", "noise")
        self._check_not_negative("penalty", "average")
        self._check_positive("temperature")
        self._check_column_names("group_by")

    # --- what goes in ---

    def _fit(self, columns, rng):
        self.rows_ = GANRows.fit(columns, self.schema_, self.ranks_.scores)
        self.order_ = self._drawing_order()
        cells = self.rows_.encode(columns, rng)
        learner, averaged = self._build(rng), self._build(rng)
        learner.generator.start_from(
            [
                log_shares(cells[name][:, None], [size]) if size else np.zeros(2)
                for name, size in zip(self.order_, learner.generator.sizes)
            ]
        )
        take_weights(averaged, learner.weights)
        adams = self._adam(learner.generator, 1), self._adam(learner.critic, CRITIC_RATE)
        parts = [learner.weights, averaged.weights, *(adam.variables for adam in adams)]
        try:
            self._train(
                self._step(learner, averaged, *adams, self._penalty(len(cells[self.order_[0]]))),
                [_block(cells, self.order_, block) for block in learner.generator.blocks],
                [variable for part in parts for variable in part],
                averaged,
                rng,
                column_losses=lambda batch, key: self._column_sizes(learner.generator, batch, key),
            )
        finally:
            if "weights_" in vars(self):  # interrupted training left its last good ones
                self._calibrate([cells[name] for name in self.order_], rng)

    def _drawing_order(self) -> list[str]:
        sizes = self.rows_.sizes
        first = self.ranks_.group_by if self.group_by is None else list(self.group_by)
        names = [column.name for column in self.schema_.columns if column.discrete]
        if not set(first) <= set(names) or len(set(first)) < len(first):
            raise ValueError(
                f"group_by must name categories, each once; got {self.group_by!r}. Choose from: "
                f"{', '.join(names) or 'no column of this table'}."
            )
        kinds = {name: (size or np.inf, self._bins_of(name)) for name, size in sizes.items()}
        last = drawing_order(None, kinds)  # columns of one kind are neighbours
        return first + [name for name in last if name not in first]

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("rows_", self.rows_.fits(self.schema_))
        expect("order_", sorted(self.order_) == sorted(self.schema_.names))

    # --- the networks ---

    def _steps(self, rows: int) -> int:
        steps = super()._steps(rows)
        return steps if self.epochs else max(steps, min(rows, MOST_STEPS_BY_ROWS))

    def _penalty(self, rows: int) -> float:
        return self.penalty * max(1.0, ENOUGH_ROWS / rows)

    def _build(self, rng):
        units, noise = self.parameters_["units"], self.parameters_["noise"]
        sizes = [self.rows_.sizes[name] for name in self.order_]
        generator = Generator(sizes, self._bins(), noise, units, rng)
        critic = critic_network(generator.width, self.parameters_["critic_units"], rng)
        return _Pair(generator, critic)

    def _bins(self) -> list[int]:
        """How many tokens of each column are bins of a number."""
        return [self._bins_of(name) for name in self.order_]

    def _bins_of(self, name) -> int:
        return len(self.rows_.codes.bins.get(name, ()))

    def _adam(self, network, pace):
        rate = pace * self.learning_rate
        optimizer = keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99)
        optimizer.build(network.weights)
        return optimizer

    def _write(self, generator, batch, key):
        """Rows that share the first cell with real ones."""
        noise_key, cell_key = tf.unstack(tf.random.split(key))
        noise = tf.random.stateless_normal([batch[0].shape[0], self.noise], noise_key)
        first = {0: _cells(batch[0][:, 0], generator.sizes[0])}
        return generator.write(noise, cell_key, self.temperature, first)[0]

    # --- one training step ---

    def _step(self, learner, averaged, generator_adam, critic_adam, penalty):
        generator, critic = learner.generator, learner.critic

        def step(batch, key):
            real = generator.row(
                [_cells(codes, block.size) for codes, block in zip(batch, generator.blocks)]
            )
            with tf.GradientTape() as writing:
                fake = generator.row(self._write(generator, batch, key))
            both = tf.concat([real, tf.stop_gradient(fake)], axis=0)
            with tf.GradientTape() as tape:
                marks, steepness = marks_and_steepness(critic, both)
                of_real, of_fake = tf.split(marks, 2)
                critic_loss = self._loss(of_real, of_fake) + penalty * steepness
            weights = critic.trainable_variables
            critic_adam.apply(tape.gradient(critic_loss, weights), weights)

            with tf.GradientTape() as tape:
                tape.watch(fake)
                generator_loss = self._loss(critic(fake), critic(real))
            gradients = writing.gradient(
                fake,
                [weight.value for weight in generator.weights],
                output_gradients=tape.gradient(generator_loss, fake),
                unconnected_gradients="zero",
            )
            generator_adam.apply(gradients, generator.weights)
            follow(averaged.weights, learner.weights, generator_adam.iterations, self.average)
            return {"critic": critic_loss, "generator": generator_loss}

        return step

    def _loss(self, better, worse):
        """Of rows that should be marked better than the others they are paired with."""
        return tf.reduce_mean(tf.nn.softplus(worse - better))

    def _column_sizes(self, generator, batch, key):
        """Mean square of what is written for each column."""
        cells = self._write(generator, batch, key)
        sizes = tf.concat([tf.reduce_mean(block**2, axis=[0, 2]) for block in cells], axis=0)
        return dict(zip(self.order_, tf.unstack(sizes)))

    # --- how rows are drawn ---

    def _calibrate(self, cells, rng):
        """Move the tokens' starts until each is kept as often as it was counted in the table; then
        bend the curves that scores are read off, until these are spread as in the table.

        One row is added to both counts, so that a rare token is not moved by chance.
        """
        generator = self._network.generator
        most = max(ENOUGH_COUNTED, len(cells[0]))
        rows = int(np.clip(NUMBERS_COUNTED // generator.width, FEWEST_COUNTED, most))
        for _ in range(ROUNDS):
            drawn, weights = self._weighed(rows, rng)
            moves = [
                _log_ratio(real, made, weights, size)
                for real, made, size in zip(cells, drawn, generator.sizes)
            ]
            generator.weights[START].assign_add(np.concatenate(moves))
        self.weights_ = [weight.numpy().copy() for weight in self._network.weights]
        if self.rows_.scores:
            drawn, weights = self._weighed(rows, rng)
            for name, real, made in zip(self.order_, cells, drawn):
                if name in self.rows_.scores:
                    self.rows_.bend(name, real, made, weights)

    def _weighed(self, rows, rng):
        """Cells of so many rows, and weights of the rows that sum to how many they are worth."""
        *drawn, log_weights = self._candidates(rows, {}, rng)
        weights = np.exp(log_weights - log_weights.max())
        return drawn, weights * weights.sum() / (weights**2).sum()

    def _sample(self, n, given, rng):
        wanted = {name: value for name, value in given.items() if self._is_number(name, value)}
        others = {name: value for name, value in given.items() if name not in wanted}
        rows = candidates(n) if given else CANDIDATES * max(n, 1)
        *cells, log_weights = self._candidates(rows, self.rows_.encode_given(others), rng)
        columns = self.rows_.decode(dict(zip(self.order_, cells)), self.schema_, rng)
        for name, value in wanted.items():
            matches = max(EXACT_MATCHES, n // MOST_OFTEN)
            near = nearness(columns[name], value, self.schema_[name], matches)
            log_weights = log_weights + np.log(np.maximum(near, LEAST_NEAR))
        keep = resample(log_weights, n, rng)
        columns = {name: column[keep] for name, column in columns.items()}
        return columns | {name: np.full(n, value) for name, value in wanted.items()}

    def _is_number(self, name, value) -> bool:
        return not (self.schema_[name].discrete or np.isnan(value))

    def _candidates(self, rows, asked, rng):
        """What :meth:`_draw` returns, piece by piece, so that memory does not grow with rows."""
        slices = pieces(rows, sum(self.rows_.sizes.values()))
        parts = [self._draw(len(range(rows)[piece]), asked, rng) for piece in slices]
        return [np.concatenate(arrays) for arrays in zip(*parts)]

    def _draw(self, rows, asked, rng):
        """Cells of so many rows, an array for each column, and the logarithm of their weights."""
        generator, critic = self._network.generator, self._network.critic
        key = tf.constant(rng.integers(2**31, size=2), tf.int32)
        noise = rng.standard_normal((rows, self.parameters_["noise"]), dtype=np.float32)
        places = {self.order_.index(name): cell for name, cell in asked.items()}
        known = {j: _cells(np.full(rows, cell), generator.sizes[j]) for j, cell in places.items()}
        cells, log_chance = generator.write(tf.constant(noise), key, 1.0, known)
        log_weights = log_chance + critic(generator.row(cells))[:, 0]
        codes = [
            tf.argmax(drawn, axis=2) if block.size else drawn[..., 0]
            for drawn, block in zip(cells, generator.blocks)
        ]
        columns = (column for block in codes for column in block.numpy().T)
        return *columns, log_weights.numpy().astype(np.float64)


class _Pair:
    """A generator and its critic, saved as one."""

    def __init__(self, generator, critic):
        self.generator, self.critic = generator, critic
        self.weights = [*generator.weights, *critic.weights]


def _block(cells, order, block):
    """The cells of a block's columns side by side, (n, columns)."""
    names = order[block.first : block.first + block.columns]
    return np.stack([cells[name] for name in names], axis=1)


def _cells(codes, size):
    """Tokens (...) as one-hot rows, scores as they are, float32 (..., size or 1)."""
    return tf.one_hot(codes, size) if size else codes[..., None]


def _log_ratio(real, made, weights, size):
    """Logarithm of how much too rarely each token is made, float (size,); of a score 0, 0."""
    if not size:
        return np.zeros(2)
    counted = np.bincount(real, minlength=size) * weights.sum() / len(real)
    return np.log((counted + 1) / (np.bincount(made, weights, size) + 1))
