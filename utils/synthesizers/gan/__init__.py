"""A generative adversarial network for mixed tables: a generator, and a critic that it learns to
please."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from utils.encoding import grid_step
from utils.synthesizers.base import resample
from utils.synthesizers.gan import networks
from utils.synthesizers.gan.rows import AnchoredRows, find_anchors
from utils.synthesizers.neural import NeuralSynthesizer
from utils.training import tf

CALIBRATION_ROWS, CALIBRATION_ROUNDS = 16_384, 8
GRID = np.linspace(-3, 3, 49)
CANDIDATES, FEWEST_CANDIDATES, EXACT_MATCHES = 16, 2_048, 30
ROWS_AT_ONCE = 8_192
FLOOR, FAR = 1e-30, 50.0


class GANSynthesizer(NeuralSynthesizer):
    """A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017), made for tables.

    An anchor (one or two columns) is drawn by its frequencies, and generator and critic are told
    which (Xu et al. 2019, section 4.3, train by such sampling). The generator starts as the
    independent model: each column as frequent as it is next to that anchor, so only what binds
    columns together is left to learn. Categories pass the critic as straight-through Gumbel-softmax
    draws (Jang, Gu and Poole 2017). The critic judges ``pack`` rows together, so that too much of
    the same is seen (Lin et al. 2018). Rows are sampled from an average of the generator's weights
    over many steps (Yazici et al. 2019), whose margins are set right at the end.

    epochs, batch_size, learning_rate : of both networks (Adam).  units : width of the layers.
        noise : numbers
    a row starts from.  pack : rows judged together.  penalty : weight of the gradient penalty.
    temperature : of the Gumbel-softmax.  average : share of the average that each step keeps.
    anchors : names of the anchor columns; None takes the schema's target, and the category that
        tells most about the other columns.

    A condition on an anchor is met by construction, one on another category by drawing it and
    weighting the rows by how likely it was; one on a smooth number by keeping rows that have it,
    or, if these are few, the rows nearest to it, with the number set. In every case each row meets
    it.
    """

    method = "gan"

    def __init__(
        self,
        epochs: int = 150,
        batch_size: int = 128,
        learning_rate: float = 1e-3,
        units: int = 128,
        noise: int = 32,
        pack: int = 2,
        penalty: float = 5.0,
        temperature: float = 0.3,
        average: float = 0.998,
        anchors: list[str] | None = None,
        progress: bool | str = False,
        checkpoint: str | None = None,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.epochs, self.batch_size, self.learning_rate = epochs, batch_size, learning_rate
        self.units, self.noise, self.pack, self.penalty = units, noise, pack, penalty
        self.temperature, self.average, self.anchors = temperature, average, anchors
        self.progress, self.checkpoint = progress, checkpoint

    def _fit(self, columns, rng):
        self._check_training()
        self._check_counts("units", "noise", "pack")
        self.rows_ = self._fit_rows(columns)
        cell, tokens, scores = self.rows_.encode(columns, rng)
        self.bias_ = np.log(np.maximum(self.rows_.margins(cell, tokens), FLOOR))
        self.pack_ = min(self.pack, self.batch_size, len(cell))
        generator, averaged = self._build(rng), self._build(rng)
        averaged.set_weights(generator.get_weights())
        critic = networks.critic_network(self.pack_ * sum(self._widths), self.units, rng)
        steps = self._steps(len(cell))
        generating = generator, self._optimizer(generator, self.learning_rate, steps)
        judging = critic, self._optimizer(critic, 2 * self.learning_rate, steps)
        try:
            self._train(
                self._step(generating, judging, averaged),
                (cell, tokens, scores),
                [
                    variable
                    for part in (averaged, *generating, *judging)
                    for variable in part.variables
                ],
                averaged,
                rng,
                column_losses=lambda batch, key: self._column_sizes(generator, batch, key),
            )
        finally:
            if getattr(self, "_network", None) is averaged:
                self._sampler = None
                self._calibrate(rng)

    def _fit_rows(self, columns) -> AnchoredRows:
        anchors = (
            find_anchors(columns, self.schema_) if self.anchors is None else list(self.anchors)
        )
        names = [column.name for column in self.schema_.columns if column.discrete]
        if not set(anchors) <= set(names) or len(anchors) >= len(columns):
            raise ValueError(
                f"anchors must be categories, and not all columns; got {self.anchors!r}. "
                f"Choose from: {', '.join(names) or 'no column of this table'}."
            )
        return AnchoredRows.fit(columns, self.schema_, anchors)

    # --- training ---

    _optimizer = staticmethod(networks.falling_adam)

    @property
    def _widths(self) -> tuple[int, int, int]:
        """Numbers of cells, token entries and scores."""
        return len(self.rows_.cells), sum(self.rows_.sizes), len(self.rows_.scores)

    @property
    def _noise(self) -> int:
        return max(self.noise, len(self.rows_.scores))

    def _build(self, rng):
        cells, entries, scores = self._widths
        return networks.generator_network(self._noise, cells, entries + scores, self.units, rng)

    def _step(self, generating, judging, averaged):
        (generator, generator_adam), (critic, critic_adam) = generating, judging

        def step(batch, key):
            cell, tokens, scores = batch
            real = self._packed(self._one_hot(tokens, scores), cell)
            fake = self._packed(self._generate(generator, cell, key), cell)

            def blame():
                distance = tf.reduce_mean(critic(real)) - tf.reduce_mean(critic(fake))
                return self.penalty * networks.steepness(critic, real, fake, key + 3) - distance

            def praise():
                return -tf.reduce_mean(
                    critic(self._packed(self._generate(generator, cell, key + 1), cell))
                )

            losses = {
                "critic": networks.update(critic_adam, critic, blame),
                "generator": networks.update(generator_adam, generator, praise),
            }
            for mean, weight in zip(averaged.weights, generator.weights):
                mean.assign(self.average * mean + (1 - self.average) * weight)
            return losses

        return step

    def _generate(self, generator, cell, key):
        """Rows as the critic sees them, float32 (n, entries + scores); gradients pass the draws."""
        cells, entries, scores = self._widths
        noise = tf.random.stateless_normal([cell.shape[0], self._noise], key)
        output = generator([noise, tf.one_hot(cell, cells)])
        logits = output[:, :entries] + tf.gather(tf.constant(self.bias_), cell)
        draws = networks.hard_choices(logits, self.rows_.sizes, self.temperature, key + 2)
        return tf.concat([*draws, noise[:, :scores] + output[:, entries:]], axis=1)

    def _one_hot(self, tokens, scores):
        blocks = [tf.one_hot(tokens[:, place], size) for place, size in enumerate(self.rows_.sizes)]
        return tf.concat([*blocks, scores], axis=1)

    def _packed(self, rows, cell):
        """Rows with their cells, ``pack_`` of them side by side."""
        rows = tf.concat([rows, tf.one_hot(cell, len(self.rows_.cells))], axis=1)
        groups = rows.shape[0] // self.pack_
        return tf.reshape(rows[: groups * self.pack_], [groups, self.pack_ * rows.shape[1]])

    def _column_sizes(self, generator, batch, key):
        """Mean square of what is generated for each column."""
        rows = self._generate(generator, batch[0], key)
        names = [*self.rows_.tokens, *self.rows_.gaps, *self.rows_.scores]
        blocks = networks.blocks(rows, [*self.rows_.sizes, *[1] * len(self.rows_.scores)])
        return {name: tf.reduce_mean(block**2) for name, block in zip(names, blocks)}

    # --- margins set right ---

    def _calibrate(self, rng):
        """Shift logits and scores until what is generated in each cell has the margins of its real
        rows."""
        cells, entries, scores = self._widths
        wanted = self.bias_
        place = np.repeat(np.arange(cells, dtype=np.int32), max(CALIBRATION_ROWS // cells, 512))
        noise = rng.standard_normal((len(place), self._noise), dtype=np.float32)
        output = self._network([noise, np.eye(cells, dtype=np.float32)[place]]).numpy()
        moved = (noise[:, :scores] + output[:, entries:]).reshape(
            cells, len(place) // cells, scores
        )
        self.quantiles_ = np.quantile(moved, ndtr(GRID), axis=1).transpose(1, 2, 0)
        for _ in range(CALIBRATION_ROUNDS if entries else 0):
            chances = networks.block_softmax(
                output[:, :entries] + self.bias_[place], self.rows_.sizes
            )
            found = chances.reshape(cells, -1, entries).mean(axis=1)
            self.bias_ = self.bias_ + wanted - np.log(np.maximum(found, FLOOR))

    # --- sampling ---

    def _sample(self, n, given, rng):
        cells, masks = self.rows_.possible(given)
        chances = self.rows_.shares * cells
        if not chances.any():
            raise ValueError(
                f"No row with {', '.join(given)} as asked occurred in training. Ask for less at once."
            )
        free = set(given) <= set(self.rows_.anchors)
        candidates = n if free else max(CANDIDATES * n, FEWEST_CANDIDATES)
        cell = rng.choice(len(chances), candidates, p=chances / chances.sum()).astype(np.int32)
        allowed = np.concatenate([np.zeros(0), *masks]).astype(np.float32)
        tokens, scores, log_weights = self._draw(cell, allowed, rng)
        if not free:
            for name in filter(self.rows_.scores.get, given):
                log_weights += self._nearness(name, given[name], scores, cell)
            keep = resample(log_weights, n, rng, ", ".join(given))
            cell, tokens, scores = cell[keep], tokens[keep], scores[keep]
        return self.rows_.decode(cell, tokens, scores, self.schema_, given, rng)

    def _draw(self, cell, allowed, rng):
        """Tokens, calibrated scores and the log-probability of what is allowed, for rows in these
        cells."""
        if getattr(self, "_sampler", None) is None:
            self._sampler = networks.compiled_sampler(
                self._trained(), self.rows_.sizes, len(self.rows_.scores)
            )
        pieces = []
        for start in range(0, max(len(cell), 1), ROWS_AT_ONCE):
            part = cell[start : start + ROWS_AT_ONCE]
            noise = rng.standard_normal((len(part), self._noise), dtype=np.float32)
            uniform = 1 - rng.random((len(part), len(self.rows_.sizes)), dtype=np.float32)
            drawn = self._sampler(noise, part, uniform, self.bias_.astype(np.float32), allowed)
            pieces.append([array.numpy() for array in drawn])
        tokens, scores, log_weights = map(np.concatenate, zip(*pieces))
        return tokens, self._to_scores(scores, cell), log_weights

    def _to_scores(self, moved, cell):
        """What the generator gives for the scores, stretched to be standard normal in each cell."""
        ends = np.concatenate([[GRID[0] - 1], GRID, [GRID[-1] + 1]])
        scores = np.empty_like(moved)
        for number in np.unique(cell):
            rows = cell == number
            for place, quantiles in enumerate(self.quantiles_[number]):
                knots = np.concatenate([[quantiles[0] - 1], quantiles, [quantiles[-1] + 1]])
                scores[rows, place] = np.interp(moved[rows, place], knots, ends)
        return scores

    def _nearness(self, name, value, scores, cell):
        """Log-weight of each row for a number it should have."""
        if np.isnan(value):
            return 0.0
        values = self.rows_.scores[name].inverse(
            scores[:, list(self.rows_.scores).index(name)], cell
        )
        distance = np.abs(values - value)
        equal = distance <= grid_step(self.schema_[name]) / 2
        if equal.sum() >= EXACT_MATCHES:
            return np.where(equal, 0.0, -FAR)
        width = max(
            1.06 * values.std() * len(values) ** -0.2, 1e-9
        )  # Silverman 1986, section 3.4.2
        return -0.5 * np.minimum(distance / width, FAR) ** 2
