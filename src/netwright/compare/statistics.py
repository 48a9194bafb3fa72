"""Statistics of a comparison with 95% confidence intervals.

Means have Student's interval and differences of means Welch's; the probability that one run is better than another has
Wilson's interval for an effective number of runs. benchmarks/coverage.py measures how often they contain the truth.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.searching.results import wilson_interval

Array = NDArray[np.float64]
TAIL = 0.025
"""The probability on each side of a 95% interval."""


@dataclass(frozen=True)
class Spread:
    """Mean, sample standard deviation, and interval of the mean.

    All but the mean are None for a single value; the interval is also None if several values are equal.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None


def spread(values: Sequence[float], least: float = -math.inf) -> Spread:
    """Return mean, standard deviation and interval of one number from each of several runs.

    There is no interval if all runs have the same number, since that says nothing of how much others would differ.

    Args:
        values: The number of each run.
        least: The smallest possible value, at which the interval ends.
    """
    array = np.array(values, dtype=float)
    if len({*values}) == 1:
        return Spread(float(array[0]), None if len(array) == 1 else 0.0, None, None)
    low, high = interval(array[:, None])
    return Spread(float(array.mean()), float(array.std(ddof=1)), max(least, float(low[0])), float(high[0]))


def share(hits: Sequence[bool]) -> Spread:
    """Return the share of hits with Wilson's interval."""
    rate = sum(hits) / len(hits)
    return Spread(rate, None, *wilson_interval(rate, len(hits)))


def interval(runs: Array) -> tuple[Array, Array]:
    """Return the bounds of the mean of every column of `runs`, shape (runs, columns), for 2 or more runs.

    Student's t (1908): exact for normally distributed results; too narrow for few runs with skewed results, and of
    width 0 if all runs have the same result.
    """
    mean, squared_error = runs.mean(axis=0), runs.var(axis=0, ddof=1) / len(runs)
    half = student_quantile(len(runs) - 1) * np.sqrt(squared_error)
    return mean - half, mean + half


def interval_of_difference(runs: Array, against: Array) -> tuple[Array, Array]:
    """Return the bounds of the difference between the column means of two independent groups of 2 or more runs.

    Welch's interval (1947), with the degrees of freedom rounded down.
    """
    ours, theirs = (group.var(axis=0, ddof=1) / len(group) for group in (runs, against))
    squared_error, least = ours + theirs, min(len(runs), len(against)) - 1
    with np.errstate(invalid="ignore"):  # 0 / 0 if no run differs; the interval then has width 0
        share = ours / squared_error
    freedom = 1 / (share**2 / (len(runs) - 1) + (1 - share) ** 2 / (len(against) - 1))
    quantiles = [student_quantile(least if math.isnan(each) else math.floor(each + 1e-9)) for each in freedom]
    difference, half = runs.mean(axis=0) - against.mean(axis=0), np.array(quantiles) * np.sqrt(squared_error)
    return difference - half, difference + half


@functools.cache
def student_quantile(freedom: int) -> float:
    """Return the 97.5% quantile of Student's t with a whole number of degrees of freedom, 1 or more."""
    low, high = 0.0, 16.0
    for _ in range(60):  # bisection; the quantile is largest, 12.7, at 1 degree of freedom
        middle = (low + high) / 2
        low, high = (middle, high) if _probability_beyond(middle, freedom) > 2 * TAIL else (low, middle)
    return high


def _probability_beyond(t: float, freedom: int) -> float:
    """Return P(|T| > t) from the finite series of Abramowitz & Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    summed = 0.0
    for k in range(1 + odd, freedom, 2):
        summed += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    within = math.sin(angle) * summed
    return 1 - (2 / math.pi * (angle + within) if odd else within)


def probability_of_better(values: Sequence[float], against: Sequence[float]) -> Spread:
    """Return the probability that a value is higher than one of `against`: over all pairs, ties count half.

    The interval is Wilson's for an effective number of runs, n = p (1 - p) / v, where v is the variance of p as
    estimated from the runs of both groups (DeLong et al. 1988). n is at least the number of runs of the smaller group,
    since v is at most p (1 - p) divided by that (Birnbaum & Klose 1957), and at most the number of all runs. The former
    is used if v is estimated as 0: two runs that are better than two others leave a wide interval.
    """
    ours, theirs = np.array(values)[:, None], np.array(against)[None, :]
    wins = (ours > theirs) + 0.5 * (ours == theirs)
    probability, fewest = float(wins.mean()), min(wins.shape)
    if fewest == 1:
        return Spread(probability, None, None, None)
    variance = sum(float(wins.mean(axis=axis).var(ddof=1)) / wins.shape[1 - axis] for axis in (0, 1))
    effective = probability * (1 - probability) / variance if variance else fewest
    return Spread(probability, None, *wilson_interval(probability, min(max(effective, fewest), sum(wins.shape))))


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
