"""A Gaussian process over rewards, with effects of decisions and pairs (Rasmussen & Williams 2006, chapter 2).

The reward of an architecture is modelled as the sum of a constant, an effect of every decision and an effect of every
pair of decisions, all unknown and normally distributed. The effects need not be enumerated: the sum is a Gaussian
process, in which the covariance of two architectures depends on the number of decisions that they share.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import ndtri

from netwright.spaces.decisions import Action, Choice, Decision
from netwright.spaces.programs import Episode

Array = NDArray[np.float64]
Rows = NDArray[np.float32]
Features = NDArray[np.intp]
"""The indices of an architecture's decisions, each with its answer."""

JITTER = 1e-6
"""Added to variances, so that rounding makes none negative."""


class GaussianProcessSurrogate:
    """A prior over standardised rewards, and the covariances of the observed architectures.

    Args:
        singles: Variance of the effects of decisions.
        pairs: Variance of the effects of pairs of decisions.
        noise: Standard deviation of the rest: the training seed, and interactions of three or more decisions.
    """

    def __init__(self, singles: float = 6.0, pairs: float = 3.75, noise: float = 0.3) -> None:
        self.singles, self.pairs, self.noise = singles, pairs, noise
        self._answers: dict[tuple[str, int, object], int] = {}
        """(name, occurrence, option, or place and whether it is selected) -> index of this answer."""
        self._numbers: dict[tuple[str, int, Action], list[int]] = {}
        """(name, occurrence, action) -> indices in `_answers`, a cache. A `Subset` has a place for each occurrence."""
        self._observed: Rows = np.zeros((0, 0), dtype=np.float32)
        """One row per observed architecture, as `_rows` makes them."""
        self._covariances: Array = np.zeros((0, 0))
        """Of the observed architectures. Observing one more adds a row and a column; the rest is kept."""

    def observe(self, features: Features) -> None:
        """Add an architecture, behind all others."""
        row = self._rows([features])
        missing = row.shape[1] - self._observed.shape[1]
        self._observed = np.vstack([np.pad(self._observed, ((0, 0), (0, missing))), row])
        column = self._covariance(self._observed, row)
        self._covariances = np.block([[self._covariances, column[:-1]], [column.T]])

    def forget(self, place: int) -> None:
        """Remove the architecture that was observed as number `place`, counted from 0, of those that are left."""
        self._observed = np.delete(self._observed, place, axis=0)
        self._covariances = np.delete(np.delete(self._covariances, place, axis=0), place, axis=1)

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

    def posterior_sample(self, values: Array, others: Sequence[Features], rng: np.random.Generator) -> Array:
        """Sample the values of `others` jointly from their posterior.

        Args:
            values: Standardised rewards of the observed architectures, [number of them].
            others: Features of the architectures to predict.
            rng: Source of randomness.

        Returns:
            One joint posterior sample, [len(others)].
        """
        theirs = self._rows(others)
        across = self._covariance(self._observed, theirs)
        factor = np.linalg.cholesky(self._covariances + self.noise**2 * np.eye(len(values)))
        targets = np.column_stack([across, values])
        weights = solve_triangular(factor, targets, lower=True, overwrite_b=True, check_finite=False)
        whitened, observed = weights[:, :-1], weights[:, -1]
        left = self._covariance(theirs, theirs) - whitened.T @ whitened
        spread = np.linalg.cholesky(left + JITTER * np.eye(len(others)))
        sampled: Array = whitened.T @ observed + spread @ rng.standard_normal(len(others))
        return sampled

    def _rows(self, architectures: Sequence[Features]) -> Rows:
        """Return one row per architecture, with 1 at each of its features.

        Products of such rows are whole numbers, which are exact in float32 and computed in half of the time.
        """
        rows = np.zeros((len(architectures), len(self._answers)), dtype=np.float32)
        for row, features in zip(rows, architectures, strict=True):
            row[features] = 1.0
        return rows

    def _covariance(self, ours: Rows, theirs: Rows) -> Array:
        """Return covariances, scaled so that variances do not depend on the depth.

        Args:
            ours: Rows of architectures.
            theirs: Rows of others, which may have answers that were first seen later.
        """
        shared: Array = (ours @ theirs[:, : ours.shape[1]].T).astype(np.float64)
        pairs = shared * (shared - 1)
        for counts, power in ((shared, 1), (pairs, 2)):
            counts *= _scales(ours, power)[:, None]
            counts *= _scales(theirs, power)
        covariance: Array = 1.0 + self.singles * shared + self.pairs * pairs
        return covariance


def _scales(rows: Rows, power: int) -> Array:
    """Return 1 / sqrt(n), or 1 / sqrt(n (n - 1)) for a power of 2, for each architecture with n decisions.

    1 for one with too few decisions to share any.
    """
    lengths = rows.sum(axis=1, dtype=np.float64)
    counts = lengths if power == 1 else lengths * (lengths - 1)
    scales: Array = 1 / np.sqrt(np.where(counts == 0, 1.0, counts))
    return scales


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
    scores: Array = ndtri(ranks / len(array))
    return scores


def by_distance(rewards: Sequence[float]) -> Array:
    """Return each reward's distance to the median, in standard deviations of the better half, clipped to -1.5..3."""
    array = np.array(rewards, dtype=float)
    median = np.median(array)
    deviation = np.std(array[array >= median])
    values: Array = np.clip((array - median) / (deviation or 1.0), -1.5, 3.0)
    return values
