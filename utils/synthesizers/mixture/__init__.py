"""Mixtures: Gaussian ones given the category for narrow tables, latent classes for wide mixed
ones."""

from __future__ import annotations

import numpy as np

from utils.encoding.groups import Groups
from utils.saving import expect
from utils.synthesizers.base import Synthesizer
from utils.synthesizers.mixture.gaussian import GaussianGroups
from utils.synthesizers.mixture.latent_class import LatentClasses


class MixtureSynthesizer(Synthesizer):
    """A mixture model for mixed tables.

    kind : "gaussian" (each combination of categories gets a Gaussian mixture of its numbers),
        "latent_class" (a mixture over all columns, in which a class holds one table a column), or
        "auto": Gaussian if there are numbers and on average 10 rows or more for each combination of
        categories, latent classes otherwise.
    components : the most Gaussian components a group may get; BIC chooses how many it does get.
    classes : the number of latent classes; None takes one for every 20 rows, at most 1,600.
    bins : quantile bins of a number, iterations : of EM, smoothing : pseudo-rows a class (latent
    classes only).

    ``kind_`` is the kind that was chosen, ``model_`` a GaussianGroups or LatentClasses. If the
    schema has a discrete target, latent classes are fitted apart for each value of it, which keeps
    what predicts it. Conditions are exact in both kinds, but for the bins of numbers in the second.
    """

    method = "mixture"
    kind_: str
    model_: GaussianGroups | LatentClasses

    def __init__(
        self,
        kind: str = "auto",
        components: int = 6,
        classes: int | None = None,
        bins: int = 48,
        iterations: int = 10,
        smoothing: float = 0.1,
        random_state: int | None = 0,
    ):
        super().__init__(random_state)
        self.kind, self.components, self.classes, self.bins = kind, components, classes, bins
        self.iterations, self.smoothing = iterations, smoothing

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._check_counts("components", "bins", "iterations")
        self._check_not_negative("smoothing")
        if self.classes is not None:
            self._check_counts("classes")
        if self.kind not in ("auto", "gaussian", "latent_class"):
            raise ValueError(
                f"kind must be 'auto', 'gaussian' or 'latent_class', not {self.kind!r}."
            )

    def _fit(self, columns, rng):
        self.kind_ = self._chosen_kind(columns) if self.kind == "auto" else self.kind
        if self.kind_ == "gaussian":
            self.model_ = GaussianGroups.fit(columns, self.schema_, self.components, rng)
        else:
            options = {"iterations": self.iterations, "smoothing": self.smoothing}
            self.model_ = LatentClasses.fit(
                columns, self.schema_, self.bins, self.classes, rng, **options
            )

    def _chosen_kind(self, columns) -> str:
        categories = [columns[column.name] for column in self.schema_.columns if column.discrete]
        if len(categories) == len(columns):
            return "latent_class"
        if not categories:
            return "gaussian"
        return "gaussian" if Groups.fit(np.column_stack(categories)).crowded else "latent_class"

    def _check_fitted(self) -> None:
        super()._check_fitted()
        expect("model_", self.model_.fits(self.schema_))
        if isinstance(self.model_, GaussianGroups):
            codes = np.array([group.codes for group in self.model_.groups])
            for name, values in zip(self.model_.categories, codes.T):
                expect("model_", self._holds(name, values))

    def _sample(self, n, given, rng):
        return self.model_.sample(n, given, self.schema_, rng)
