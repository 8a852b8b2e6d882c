"""A generative adversarial network for mixed tables: a generator, and a critic that it learns to
please."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

import numpy as np
from scipy.special import ndtr

from utils.saving import expect
from utils.synthesizers.draws import resample
from utils.synthesizers.gan import networks
from utils.synthesizers.gan.rows import GANRows, best_groups
from utils.synthesizers.given import candidates, nearness
from utils.synthesizers.neural import AVERAGE, NeuralSynthesizer, follow, pieces, take_weights
from utils.training import tf

CALIBRATION_ROWS, CALIBRATION_ROUNDS = 16_384, 8
GRID = np.linspace(-3, 3, 49)
FLOOR = 1e-30


class GANSynthesizer(NeuralSynthesizer):
    """A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017), made for tables.

    A group (a combination of one or two columns) is drawn by its frequency, and generator and
    critic are told which (Xu et al. 2019, section 4.3, train by such sampling). The generator
    starts as the independent model: each column as frequent as it is in that group, so only what
    binds columns together is left to learn. Categories pass the critic as straight-through
    Gumbel-softmax draws (Jang, Gu and Poole 2017). The critic judges ``pack`` rows together, so
    that too much of the same is seen (Lin et al. 2018). Rows are sampled from an average of the
    generator's weights over many steps (Yazici et al. 2019), whose margins are set right at the
    end.

    epochs, batch_size, learning_rate : of both networks (Adam).  units : width of the layers.
    noise : numbers a row starts from.  pack : rows judged together.  penalty : weight of the
    gradient penalty.  temperature : of the Gumbel-softmax.  average : the part of the steps over
    which the weights are averaged.  group_by : names of the columns whose combinations are the
    groups; None takes the schema's target, and the category that tells most about the others.

    A condition on a group is met by construction, one on another category by drawing it and
    weighting the rows by how likely it was; one on a smooth number by keeping rows that have it,
    or, if these are few, the rows nearest to it, with the number set. In every case each row meets
    it: cells that never came together are set in the rows nearest to them.
    """

    method = "gan"
    passes = 150
    rows_: GANRows
    bias_: Annotated[np.ndarray, "float g _"]
    quantiles_: Annotated[np.ndarray, "float g _ 49"]

    def __init__(
        self,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        units: int = 128,
        noise: int = 32,
        pack: int = 2,
        penalty: float = 5.0,
        temperature: float = 0.3,
        average: float = AVERAGE,
        group_by: list[str] | None = None,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.units, self.noise, self.pack, self.penalty = units, noise, pack, penalty
        self.temperature, self.average, self.group_by = temperature, average, group_by
        self.progress, self.checkpoint = progress, checkpoint

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("units", "noise", "pack")
        self._check_range(0, np.inf, "penalty", "average")
        self._check_positive("temperature")
        self._check_column_names("group_by")

    # --- what goes in ---

    def _fit(self, columns, rng):
        self.rows_ = self._fit_rows(columns)
        group, tokens, scores = self.rows_.encode(columns, rng)
        self.bias_ = np.log(np.maximum(self.rows_.margins(group, tokens), FLOOR))
        pack = min(self.pack, self.batch_size, len(group))
        generator, averaged = self._build(rng), self._build(rng)
        take_weights(averaged, generator.weights)
        critic = networks.critic_network(pack * sum(self._widths), self.units, rng)
        steps = self._steps(len(group))
        generating = generator, self._optimizer(generator, self.learning_rate, steps)
        judging = critic, self._optimizer(critic, 2 * self.learning_rate, steps)
        try:
            self._train(
                self._step(generating, judging, averaged, pack),
                (group, tokens, scores),
                [v for part in (averaged, *generating, *judging) for v in part.variables],
                averaged,
                rng,
                column_losses=lambda batch, key: self._column_sizes(generator, batch, key),
            )
        finally:
            if "_network" in vars(self):
                self._calibrate(rng)

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("rows_", self.rows_.fits(self.schema_))
        groups, entries, scores = self._widths
        expect("bias_", self.bias_.shape == (groups, entries))
        expect("quantiles_", self.quantiles_.shape[:2] == (groups, scores))
        for name, codes in zip(self.rows_.group_by, self.rows_.groups.combinations.T):
            expect("rows_", self._holds(name, codes))

    def _fit_rows(self, columns) -> GANRows:
        chosen = best_groups(columns, self.schema_) if self.group_by is None else self.group_by
        names = [column.name for column in self.schema_.columns if column.discrete]
        if not set(chosen) <= set(names) or len(chosen) >= len(columns):
            raise ValueError(
                f"group_by must name categories, and not all columns; got {self.group_by!r}. "
                f"Choose from: {', '.join(names) or 'no column of this table'}."
            )
        return GANRows.fit(columns, self.schema_, list(chosen))

    # --- the networks ---

    _optimizer = staticmethod(networks.falling_adam)

    @property
    def _widths(self) -> tuple[int, int, int]:
        """Numbers of groups, token entries and scores."""
        return len(self.rows_.groups), sum(self.rows_.sizes), len(self.rows_.scores)

    @property
    def _noise(self) -> int:
        return max(self.parameters_["noise"], len(self.rows_.scores))

    def _build(self, rng):
        groups, entries, scores = self._widths
        units = self.parameters_["units"]
        return networks.generator_network(self._noise, groups, entries + scores, units, rng)

    def _generate(self, generator, group, key):
        """Rows as the critic sees them, float32 (n, entries + scores); gradients pass the draws."""
        groups, entries, scores = self._widths
        noise_key, choice_key = tf.unstack(tf.random.split(key))
        noise = tf.random.stateless_normal([group.shape[0], self._noise], noise_key)
        output = generator([noise, tf.one_hot(group, groups)])
        logits = output[:, :entries] + tf.gather(tf.constant(self.bias_), group)
        draws = networks.hard_choices(logits, self.rows_.sizes, self.temperature, choice_key)
        return tf.concat([*draws, noise[:, :scores] + output[:, entries:]], axis=1)

    def _one_hot(self, tokens, scores):
        """Real rows in the same form."""
        sizes = enumerate(self.rows_.sizes)
        return tf.concat([*(tf.one_hot(tokens[:, j], size) for j, size in sizes), scores], axis=1)

    def _packed(self, rows, group, pack):
        """Rows with their groups, ``pack`` of them side by side."""
        rows = tf.concat([rows, tf.one_hot(group, len(self.rows_.groups))], axis=1)
        packs = rows.shape[0] // pack
        return tf.reshape(rows[: packs * pack], [packs, pack * rows.shape[1]])

    # --- one training step ---

    def _step(self, generating, judging, averaged, pack):
        (generator, generator_adam), (critic, critic_adam) = generating, judging

        def step(batch, key):
            group, tokens, scores = batch
            for_critic, for_generator, for_penalty = tf.unstack(tf.random.split(key, 3))
            real = self._packed(self._one_hot(tokens, scores), group, pack)
            fake = self._packed(self._generate(generator, group, for_critic), group, pack)
            with tf.GradientTape() as tape:
                distance = tf.reduce_mean(critic(real)) - tf.reduce_mean(critic(fake))
                steepness = networks.steepness(critic, real, fake, for_penalty)
                critic_loss = self.penalty * steepness - distance
            weights = critic.trainable_variables
            critic_adam.apply(tape.gradient(critic_loss, weights), weights)

            with tf.GradientTape() as tape:
                fake = self._packed(self._generate(generator, group, for_generator), group, pack)
                generator_loss = -tf.reduce_mean(critic(fake))
            weights = generator.trainable_variables
            generator_adam.apply(tape.gradient(generator_loss, weights), weights)

            follow(averaged.weights, generator.weights, generator_adam.iterations, self.average)
            return {"critic": critic_loss, "generator": generator_loss}

        return step

    def _column_sizes(self, generator, batch, key):
        """Mean square of what is generated for each column."""
        rows = self._generate(generator, batch[0], key)
        names = [*self.rows_.tokens, *self.rows_.gaps, *self.rows_.scores]
        blocks = networks.blocks(rows, [*self.rows_.sizes, *[1] * len(self.rows_.scores)])
        return {name: tf.reduce_mean(block**2) for name, block in zip(names, blocks)}

    # --- how rows are drawn ---

    def _calibrate(self, rng):
        """Shift logits and scores until what is generated in each group has its real margins."""
        groups, entries, scores = self._widths
        wanted = self.bias_
        place = np.repeat(np.arange(groups), max(CALIBRATION_ROWS // groups, 512))
        noise = rng.standard_normal((len(place), self._noise), dtype=np.float32)
        output = self._network([noise, np.eye(groups, dtype=np.float32)[place]]).numpy()
        moved = noise[:, :scores] + output[:, entries:]
        moved = moved.reshape(groups, len(place) // groups, scores)
        self.quantiles_ = np.quantile(moved, ndtr(GRID), axis=1).transpose(1, 2, 0)
        for _ in range(CALIBRATION_ROUNDS if entries else 0):
            chances = networks.block_softmax(
                output[:, :entries] + self.bias_[place], self.rows_.sizes
            )
            found = chances.reshape(groups, -1, entries).mean(axis=1)
            self.bias_ = self.bias_ + wanted - np.log(np.maximum(found, FLOOR))

    def _sample(self, n, given, rng):
        groups, masks = self.rows_.possible(given)
        chances = self.rows_.groups.counts * groups
        by_construction = set(given) <= set(self.rows_.group_by)
        rows = n if by_construction else candidates(n)
        group = rng.choice(len(chances), rows, p=chances / chances.sum()).astype(np.int32)
        allowed = np.concatenate([np.zeros(0), *masks]).astype(np.float32)
        tokens, scores, log_weights = self._draw(group, allowed, rng)
        if not by_construction:
            for name in filter(self.rows_.scores.get, given):
                log_weights += self._log_nearness(name, given[name], scores, group)
            keep = resample(log_weights, n, rng)
            group, tokens, scores = group[keep], tokens[keep], scores[keep]
        return self.rows_.decode(group, tokens, scores, self.schema_, given, rng)

    def _draw(self, group, allowed, rng):
        """Tokens, calibrated scores, log-probability of what is allowed, for rows in the groups."""
        bias, sizes = self.bias_.astype(np.float32), self.rows_.sizes
        parts = []
        for piece in pieces(max(len(group), 1), sum(self._widths)):
            part = group[piece]
            noise = rng.standard_normal((len(part), self._noise), dtype=np.float32)
            uniform = 1 - rng.random((len(part), len(sizes)), dtype=np.float32)
            drawn = self._sampler(noise, part, uniform, bias, allowed)
            parts.append([array.numpy() for array in drawn])
        tokens, scores, log_weights = (np.concatenate(arrays) for arrays in zip(*parts))
        return tokens, self._to_scores(scores, group), log_weights

    @cached_property
    def _sampler(self):
        return networks.compiled_sampler(self._network, self.rows_.sizes, len(self.rows_.scores))

    def _to_scores(self, moved, group):
        """What the generator gives for the scores, stretched to standard normal in each group."""
        ends = np.concatenate([[GRID[0] - 1], GRID, [GRID[-1] + 1]])
        scores = np.empty_like(moved)
        for number in np.unique(group):
            rows = group == number
            for place, quantiles in enumerate(self.quantiles_[number]):
                knots = np.concatenate([[quantiles[0] - 1], quantiles, [quantiles[-1] + 1]])
                scores[rows, place] = np.interp(moved[rows, place], knots, ends)
        return scores

    def _log_nearness(self, name, value, scores, group):
        """Log-weight of each row for a number that it should have."""
        if np.isnan(value):
            return 0.0  # its token tells
        place = list(self.rows_.scores).index(name)
        values = self.rows_.scores[name].inverse(scores[:, place], group)
        return np.log(np.maximum(nearness(values, value, self.schema_[name]), 1e-300))
