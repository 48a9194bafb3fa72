"""A Bayesian critic: what decisions and pairs of them are worth, and how surely (Rasmussen & Williams 2006, chapter 2).

The reward of an architecture is taken for the sum of a constant, an effect of every decision and an effect of every
pair of decisions, all unknown and normally distributed. Nobody has to write these effects down: the sum is a Gaussian
process, whose covariance of two architectures depends on how many decisions they share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.spaces.decisions import Action, Choice, Decision
from netwright.spaces.programs import Episode

Array = NDArray[np.float64]
Features = NDArray[np.intp]
"""The numbers of the decisions that an architecture has, each with its answer."""

JITTER = 1e-6
"""Added to a variance, so that rounding makes none negative."""


@dataclass
class GaussianProcessSurrogate:
    """Beliefs about rewards in standard deviations: what `singles` and `pairs` of decisions explain, as variances.

    `noise` is the standard deviation of what neither explains: the seed of a training, and three decisions at once.
    """

    singles: float = 6.0
    pairs: float = 3.75
    noise: float = 0.3
    _answers: dict[tuple[str, int, Any], int] = field(default_factory=dict)
    """The number of every answer: by name and occurrence an option, or a place and whether it is selected."""
    _numbers: dict[tuple[str, int, Action], list[int]] = field(default_factory=dict)
    """Those of a whole action: `_answers` looked up once. An anchor's number of places is its occurrence."""

    def features(self, episode: Episode) -> Features:
        """What was decided: every `Choice` with its option, every place of a `Subset` with whether it is selected.

        Decisions are known by name and occurrence, so that architectures of different depths have some in common.
        """
        numbers: list[int] = []
        for decision, occurrence, action in zip(episode.decisions, episode.occurrences, episode.actions, strict=True):
            key = (decision.name, occurrence, action)
            found = self._numbers.get(key)
            if found is None:
                found = self._numbers[key] = self._numbered(decision, occurrence, action)
            numbers += found
        return np.array(numbers, dtype=np.intp)

    def _numbered(self, decision: Decision, occurrence: int, action: Action) -> list[int]:
        answers: list[Any] = (
            [action] if isinstance(decision, Choice) else [(place, place in action) for place in range(decision.of)]  # type: ignore[operator]
        )
        keys = [(decision.name, occurrence, answer) for answer in answers]
        return [self._answers.setdefault(key, len(self._answers)) for key in keys]

    def posterior_sample(
        self, known: Sequence[Features], values: Array, others: Sequence[Features], rng: np.random.Generator
    ) -> Array:
        """One draw of the values of `others`, given those of `known`: a likely world, consistent in itself."""
        ours, theirs = self._matrix(known), self._matrix(others)
        lengths, their_lengths = ours.sum(axis=1), theirs.sum(axis=1)
        across = self._covariance(theirs @ ours.T, their_lengths, lengths)
        factor = np.linalg.cholesky(
            self._covariance(ours @ ours.T, lengths, lengths) + self.noise**2 * np.eye(len(known))
        )
        weights = np.linalg.solve(factor, np.column_stack([across.T, values]))
        whitened, seen = weights[:, :-1], weights[:, -1]
        left = self._covariance(theirs @ theirs.T, their_lengths, their_lengths) - whitened.T @ whitened
        spread = np.linalg.cholesky(left + JITTER * np.eye(len(others)))
        drawn: Array = whitened.T @ seen + spread @ rng.standard_normal(len(others))
        return drawn

    def _matrix(self, architectures: Sequence[Features]) -> Array:
        """A row for each, with 1 for every decision that it has."""
        matrix = np.zeros((len(architectures), len(self._answers)))
        for row, features in zip(matrix, architectures, strict=True):
            row[features] = 1.0
        return matrix

    def _covariance(self, shared: Array, lengths: Array, other_lengths: Array) -> Array:
        """From the number of shared decisions; scaled so that no architecture varies more for being longer."""
        singles = np.sqrt(np.outer(lengths, other_lengths))
        pairs = np.sqrt(np.outer(lengths * (lengths - 1), other_lengths * (other_lengths - 1)))
        singles[singles == 0], pairs[pairs == 0] = 1.0, 1.0  # too few decisions: they share none
        covariance: Array = 1.0 + self.singles * shared / singles + self.pairs * shared * (shared - 1) / pairs
        return covariance


def standardised(rewards: Sequence[float]) -> Array:
    """Rewards as values that a critic can learn from, whatever their unit and however bad the worst are.

    The mean of `by_rank`, which tells even the best apart, and `by_distance`, which says by how much.
    """
    values: Array = (by_rank(rewards) + by_distance(rewards)) / 2
    return values


def by_rank(rewards: Sequence[float]) -> Array:
    """The normal score of each reward's rank; equal rewards share one."""
    array = np.array(rewards, dtype=float)
    order = np.sort(array)
    ranks = (np.searchsorted(order, array, "left") + np.searchsorted(order, array, "right")) / 2
    normal = NormalDist()
    return np.array([normal.inv_cdf(rank / len(array)) for rank in ranks])


def by_distance(rewards: Sequence[float]) -> Array:
    """The distance of each reward to the median, in standard deviations of the better half, cut to -1.5..3."""
    array = np.array(rewards, dtype=float)
    median = np.median(array)
    deviation = np.std(array[array >= median])
    values: Array = np.clip((array - median) / (deviation or 1.0), -1.5, 3.0)
    return values
