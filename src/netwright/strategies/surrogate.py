"""A Gaussian process over rewards, with effects of decisions and pairs (Rasmussen & Williams 2006, chapter 2).

The reward of an architecture is modelled as the sum of a constant, an effect of every decision and an effect of every
pair of decisions, all unknown and normally distributed. The effects need not be enumerated: the sum is a Gaussian
process, in which the covariance of two architectures depends on the number of decisions that they share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from netwright.spaces.decisions import Action, Choice, Decision
from netwright.spaces.programs import Episode

Array = NDArray[np.float64]
Features = NDArray[np.intp]
"""The indices of an architecture's decisions, each with its answer."""

JITTER = 1e-6
"""Added to variances, so that rounding makes none negative."""


@dataclass
class GaussianProcessSurrogate:
    """A prior over standardised rewards: `singles` and `pairs` are the variances of decisions and pairs of decisions.

    `noise` is the standard deviation of the rest: the training seed, and interactions of three or more decisions.
    """

    singles: float = 6.0
    pairs: float = 3.75
    noise: float = 0.3
    _answers: dict[tuple[str, int, object], int] = field(default_factory=dict)
    """(name, occurrence, option, or place and whether it is selected) -> index of this answer."""
    _numbers: dict[tuple[str, int, Action], list[int]] = field(default_factory=dict)
    """(name, occurrence, action) -> indices in `_answers`, a cache. A `Subset` has as many places as its occurrence."""

    def features(self, episode: Episode) -> Features:
        """Return the features of an architecture: each `Choice` with its option, each place of a `Subset` with its bit.

        Decisions are identified by name and occurrence, so that architectures of different depths share some.
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
        answers: Sequence[object] = (
            [action] if isinstance(decision, Choice) else [(place, place in action) for place in range(decision.of)]  # type: ignore[operator]
        )
        keys = [(decision.name, occurrence, answer) for answer in answers]
        return [self._answers.setdefault(key, len(self._answers)) for key in keys]

    def posterior_sample(
        self, known: Sequence[Features], values: Array, others: Sequence[Features], rng: np.random.Generator
    ) -> Array:
        """Sample the values of `others` jointly from their posterior.

        Args:
            known: Features of the observed architectures.
            values: Their standardised rewards, [len(known)].
            others: Features of the architectures to predict.
            rng: Source of randomness.

        Returns:
            One joint posterior sample, [len(others)].
        """
        ours, theirs = self._matrix(known), self._matrix(others)
        lengths, their_lengths = ours.sum(axis=1), theirs.sum(axis=1)
        across = self._covariance(theirs @ ours.T, their_lengths, lengths)
        factor = np.linalg.cholesky(
            self._covariance(ours @ ours.T, lengths, lengths) + self.noise**2 * np.eye(len(known))
        )
        weights = np.linalg.solve(factor, np.column_stack([across.T, values]))
        whitened, observed = weights[:, :-1], weights[:, -1]
        left = self._covariance(theirs @ theirs.T, their_lengths, their_lengths) - whitened.T @ whitened
        spread = np.linalg.cholesky(left + JITTER * np.eye(len(others)))
        sampled: Array = whitened.T @ observed + spread @ rng.standard_normal(len(others))
        return sampled

    def _matrix(self, architectures: Sequence[Features]) -> Array:
        """Return one row per architecture, with 1 at each of its features."""
        matrix = np.zeros((len(architectures), len(self._answers)))
        for row, features in zip(matrix, architectures, strict=True):
            row[features] = 1.0
        return matrix

    def _covariance(self, shared: Array, lengths: Array, other_lengths: Array) -> Array:
        """Return covariances from numbers of shared decisions, scaled so that variances do not depend on the depth."""
        singles = np.sqrt(np.outer(lengths, other_lengths))
        pairs = np.sqrt(np.outer(lengths * (lengths - 1), other_lengths * (other_lengths - 1)))
        singles[singles == 0], pairs[pairs == 0] = 1.0, 1.0  # too few decisions to share any
        covariance: Array = 1.0 + self.singles * shared / singles + self.pairs * shared * (shared - 1) / pairs
        return covariance


def standardised(rewards: Sequence[float]) -> Array:
    """Return rewards as targets of the surrogate, robust to their unit and to outliers.

    The mean of `by_rank`, which separates even the best ones, and `by_distance`, which keeps the differences.
    """
    values: Array = (by_rank(rewards) + by_distance(rewards)) / 2
    return values


def by_rank(rewards: Sequence[float]) -> Array:
    """Return the normal score of each reward's rank; equal rewards have equal scores."""
    array = np.array(rewards, dtype=float)
    order = np.sort(array)
    ranks = (np.searchsorted(order, array, "left") + np.searchsorted(order, array, "right")) / 2
    normal = NormalDist()
    return np.array([normal.inv_cdf(rank / len(array)) for rank in ranks])


def by_distance(rewards: Sequence[float]) -> Array:
    """Return each reward's distance to the median, in standard deviations of the better half, clipped to -1.5..3."""
    array = np.array(rewards, dtype=float)
    median = np.median(array)
    deviation = np.std(array[array >= median])
    values: Array = np.clip((array - median) / (deviation or 1.0), -1.5, 3.0)
    return values
