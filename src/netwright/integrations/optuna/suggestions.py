"""Suggestions of Optuna as decisions of the controller: every distribution as options, and the way back to values."""

import functools
import math
from bisect import bisect_right
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from netwright.spaces.decisions import Choice, Decision
from netwright.spaces.programs import Episode, space


class Options(Protocol):
    """A distribution as `count` options."""

    count: int

    def index(self, value: Any) -> int:
        """The option that holds `value`; the nearest one for a number out of range."""

    def value(self, index: int, rng: np.random.Generator) -> Any:
        """A value of the option, uniformly drawn where it holds more than one."""


class _Listed:
    """Each category is an option."""

    def __init__(self, distribution: CategoricalDistribution) -> None:
        self._distribution, self.count = distribution, len(distribution.choices)

    def index(self, value: Any) -> int:
        return int(self._distribution.to_internal_repr(value))

    def value(self, index: int, rng: np.random.Generator) -> Any:
        return self._distribution.choices[index]


class _Grid:
    """Numbers at equal steps; more than `max_options` of them are divided into intervals, equal ones or log-equal."""

    def __init__(self, distribution: IntDistribution | FloatDistribution, step: float, max_options: int) -> None:
        self._distribution, self._step = distribution, step
        low, high = distribution.low, distribution.high
        size = round((high - low) / step) + 1
        shares = [part / max_options for part in range(max_options + 1)]
        if size <= max_options:
            self._edges = list(range(size + 1))
        elif distribution.log:
            self._edges = sorted({round(low * ((high + 1) / low) ** share - low) for share in shares})
        else:
            self._edges = [int(size * share) for share in shares]
        self.count = len(self._edges) - 1

    def index(self, value: Any) -> int:
        place = round((value - self._distribution.low) / self._step)
        return min(max(bisect_right(self._edges, place) - 1, 0), self.count - 1)

    def value(self, index: int, rng: np.random.Generator) -> Any:
        place = int(rng.integers(self._edges[index], self._edges[index + 1]))
        return min(self._distribution.low + place * self._step, self._distribution.high)


class _Continuous:
    """An interval, divided into `count` equal ones, on the logarithmic scale where the distribution is."""

    def __init__(self, distribution: FloatDistribution, count: int) -> None:
        self._distribution, self.count = distribution, 1 if distribution.single() else count
        self._low, self._high = self._scaled(distribution.low), self._scaled(distribution.high)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._distribution.log else value

    def index(self, value: Any) -> int:
        if self.count == 1 or value <= self._distribution.low:
            return 0
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return min(int(share * self.count), self.count - 1)

    def value(self, index: int, rng: np.random.Generator) -> Any:
        share = (index + float(rng.random())) / self.count
        value = self._low * (1 - share) + self._high * share
        value = math.exp(value) if self._distribution.log else value
        return min(max(value, self._distribution.low), self._distribution.high)


@functools.lru_cache(maxsize=1024)
def options_of(distribution: BaseDistribution, max_options: int) -> Options:
    """The options of a distribution; a number with more values than `max_options` has so many intervals."""
    if isinstance(distribution, CategoricalDistribution):
        return _Listed(distribution)
    if isinstance(distribution, IntDistribution):
        return _Grid(distribution, distribution.step, max_options)
    assert isinstance(distribution, FloatDistribution)
    if distribution.step is not None:
        return _Grid(distribution, distribution.step, max_options)
    return _Continuous(distribution, max_options)


def decision_of(name: str, distribution: BaseDistribution, max_options: int) -> Choice | None:
    """A suggestion as a decision; None where it has one possible value.

    A name suggested with another range is another decision, since its options are others.
    """
    count = options_of(distribution, max_options).count
    return Choice(f"{name} {distribution}", range(count)) if count > 1 else None


def performance_of(
    names: Sequence[str], values: Mapping[str, Any], distributions: Mapping[str, BaseDistribution], max_options: int
) -> Episode:
    """The suggestions `names` of a trial, in this order, as a performance."""
    decisions, actions = [], []
    for name in names:
        decision = decision_of(name, distributions[name], max_options)
        if decision is not None:
            decisions.append(decision)
            actions.append(options_of(distributions[name], max_options).index(values[name]))
    return _suggestions(tuple(decisions)).replay(tuple(actions))


@space
def _suggestions(decisions: tuple[Decision, ...]) -> Generator[Decision, Any, str]:
    for decision in decisions:  # noqa: UP028, `yield from` would send the answers into the tuple
        yield decision
    return "suggested"
