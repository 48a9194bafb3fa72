"""Statistics of a comparison with 95% confidence intervals.

Intervals of means over runs are percentile bootstraps (Efron 1979): runs are resampled with replacement, and the middle
95% of the resampled means is the interval.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.searching.results import wilson_interval
from netwright.seeds import derive_seed

Array = NDArray[np.float64]
NUM_RESAMPLES = 2000
TAILS = (2.5, 97.5)
"""Percent."""


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation, and interval of the mean; all but the mean are None for a single value."""

    mean: float
    deviation: float | None
    low: float | None
    high: float | None


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and interval of one number from each of several runs."""
    array = np.array(values, dtype=float)
    if len(array) == 1:
        return Spread(float(array[0]), None, None, None)
    low, high = interval(array[:, None])
    return Spread(float(array.mean()), float(array.std(ddof=1)), float(low[0]), float(high[0]))


def share(hits: Sequence[bool]) -> Spread:
    """Return the share of hits with Wilson's interval."""
    rate = sum(hits) / len(hits)
    return Spread(rate, None, *wilson_interval(rate, len(hits)))


@functools.cache
def resamples(count: int, what: str) -> Array:
    """Return how often each of `count` runs is sampled: NUM_RESAMPLES rows that sum to `count`."""
    rng = np.random.default_rng(derive_seed("bootstrap", what, count))
    return rng.multinomial(count, [1 / count] * count, size=NUM_RESAMPLES).astype(float)


def interval(runs: Array) -> tuple[Array, Array]:
    """Return the bounds of the mean of every column of `runs`, shape (runs, columns)."""
    return _middle(resamples(len(runs), "a") @ runs / len(runs))


def interval_of_difference(runs: Array, against: Array) -> tuple[Array, Array]:
    """Return the bounds of the difference between the column means of two independent groups of runs."""
    ours = resamples(len(runs), "a") @ runs / len(runs)
    theirs = resamples(len(against), "b") @ against / len(against)
    return _middle(ours - theirs)


def _middle(resampled: Array) -> tuple[Array, Array]:
    low, high = np.percentile(resampled, TAILS, axis=0)
    return low, high


def probability_of_better(values: Sequence[float], against: Sequence[float]) -> Spread:
    """Return the probability that a value is higher than one of `against`: over all pairs, ties count half."""
    ours, theirs = np.array(values)[:, None], np.array(against)[None, :]
    wins = (ours > theirs) + 0.5 * (ours == theirs)
    if min(wins.shape) == 1:
        return Spread(float(wins.mean()), None, None, None)
    resampled = ((resamples(len(values), "a") @ wins) * resamples(len(against), "b")).sum(axis=1) / wins.size
    low, high = np.percentile(resampled, TAILS)
    return Spread(float(wins.mean()), None, float(low), float(high))


def best_so_far(rewards: Sequence[float | None], scores: Sequence[float | None]) -> Array:
    """Return, after every trial, the score of the trial with the highest reward so far; NaN before the first."""
    best, score, found = -math.inf, math.nan, []
    for reward, measured in zip(rewards, scores, strict=True):
        if reward is not None and measured is not None and reward > best:
            best, score = reward, measured
        found.append(score)
    return np.array(found)


def at_costs(values: Array, costs: Array, grid: Array) -> Array:
    """Return, for each cost of `grid`, the last of `values` reached at that cost; NaN where there is none.

    `costs` belong to the values of the same index and never fall.
    """
    indices = np.searchsorted(costs, grid, side="right") - 1
    return np.where(indices >= 0, values[np.maximum(indices, 0)], math.nan)


def best_unique(
    rewards: Sequence[float | None],
    scores: Sequence[float | None],
    firsts: Sequence[int],
    top: int,
    numbers: Sequence[int],
) -> Array:
    """Return the mean score of the `top` best distinct architectures of the first n trials, for every n of `numbers`.

    NaN where there are fewer (paper, section 4.2: the comparison with random search).
    """
    known = [
        (number, reward, score)
        for number, (reward, score) in enumerate(zip(rewards, scores, strict=True))
        if reward is not None and score is not None and firsts[number] == number
    ]
    means = []
    for n in numbers:
        best = sorted((each for each in known if each[0] < n), key=lambda each: -each[1])[:top]
        means.append(sum(score for _, _, score in best) / top if len(best) == top else math.nan)
    return np.array(means)
