"""A Gaussian-process surrogate of the reward (Rasmussen & Williams 2006, chapter 2).

The reward of an architecture is modelled as the sum of a constant, an effect of every decision and an effect of every
pair of decisions, with independent normal priors. The sum is a Gaussian process: the covariance of two architectures
depends only on the number of decisions that they share, so the effects are never computed explicitly.
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
"""Column indices of an architecture's (decision, answer) pairs."""

JITTER = 1e-6
"""Added to the posterior variances, since rounding could make them negative."""


@dataclass
class GaussianProcessSurrogate:
    """A Gaussian process over architectures, for standardised rewards.

    Args:
        singles: Prior variance explained by single decisions.
        pairs: Prior variance explained by pairs of decisions.
        noise: Standard deviation of the rest: the training seed and interactions of three or more decisions.
    """

    singles: float = 6.0
    pairs: float = 3.75
    noise: float = 0.3
    _answers: dict[tuple[str, int, Any], int] = field(default_factory=dict)
    """(name, occurrence, answer) -> column; an answer is an option, or a position and whether it is selected."""
    _numbers: dict[tuple[str, int, Action], list[int]] = field(default_factory=dict)
    """(name, occurrence, action) -> columns: a cache of `_answers`. A `Subset`'s size is fixed by its occurrence."""

    def features(self, episode: Episode) -> Features:
        """Encode an episode: one column per `Choice` with its option, one per `Subset` position with its bit.

        Decisions are identified by name and occurrence, so architectures of different depths share columns.
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
        """Return one joint posterior sample of the values of `others`.

        Args:
            known: Features of the observed architectures.
            values: Their standardised rewards, of shape (len(known),).
            others: Features of the architectures to predict.
            rng: The source of randomness.

        Returns:
            An array of shape (len(others),).
        """
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
        """One row per architecture, with 1 in the columns of its features."""
        matrix = np.zeros((len(architectures), len(self._answers)))
        for row, features in zip(matrix, architectures, strict=True):
            row[features] = 1.0
        return matrix

    def _covariance(self, shared: Array, lengths: Array, other_lengths: Array) -> Array:
        """Covariances from the number of shared decisions, scaled so that the variance does not grow with length."""
        singles = np.sqrt(np.outer(lengths, other_lengths))
        pairs = np.sqrt(np.outer(lengths * (lengths - 1), other_lengths * (other_lengths - 1)))
        singles[singles == 0], pairs[pairs == 0] = 1.0, 1.0  # too few decisions to share any; avoids 0 / 0
        covariance: Array = 1.0 + self.singles * shared / singles + self.pairs * shared * (shared - 1) / pairs
        return covariance


def standardised(rewards: Sequence[float]) -> Array:
    """Standardise rewards for the surrogate, robustly to their unit and to outliers at the lower end.

    The mean of `by_rank`, which separates even close rewards, and `by_distance`, which keeps their differences.
    """
    values: Array = (by_rank(rewards) + by_distance(rewards)) / 2
    return values


def by_rank(rewards: Sequence[float]) -> Array:
    """Return the normal score of each reward's rank; ties share one."""
    array = np.array(rewards, dtype=float)
    order = np.sort(array)
    ranks = (np.searchsorted(order, array, "left") + np.searchsorted(order, array, "right")) / 2
    normal = NormalDist()
    return np.array([normal.inv_cdf(rank / len(array)) for rank in ranks])


def by_distance(rewards: Sequence[float]) -> Array:
    """Return each reward minus the median, in standard deviations of the better half, clipped to [-1.5, 3]."""
    array = np.array(rewards, dtype=float)
    median = np.median(array)
    deviation = np.std(array[array >= median])
    values: Array = np.clip((array - median) / (deviation or 1.0), -1.5, 3.0)
    return values
