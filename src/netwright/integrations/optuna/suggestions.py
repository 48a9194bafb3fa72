"""Optuna's suggestions as decisions of the controller: distributions become options, and options become values."""

import functools
import math
from bisect import bisect_right
from collections.abc import Generator, Mapping, Sequence
from typing import Protocol

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from netwright.spaces.decisions import Answer, Choice, Decision
from netwright.spaces.programs import Episode, space


class Options(Protocol):
    """A distribution divided into `count` options."""

    count: int

    def index(self, value: CategoricalChoiceType) -> int:
        """Return the option that contains `value`; the nearest one for a number out of range."""

    def value(self, index: int, rng: np.random.Generator) -> CategoricalChoiceType:
        """Return a value of the option, sampled uniformly if it contains several."""


class _Listed:
    """Each category is an option."""

    def __init__(self, distribution: CategoricalDistribution) -> None:
        self._distribution, self.count = distribution, len(distribution.choices)

    def index(self, value: CategoricalChoiceType) -> int:
        return int(self._distribution.to_internal_repr(value))

    def value(self, index: int, rng: np.random.Generator) -> CategoricalChoiceType:
        return self._distribution.choices[index]


class _Grid:
    """Numbers at equal steps; more than `max_options` are divided into intervals of equal width or equal ratio."""

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

    def index(self, value: CategoricalChoiceType) -> int:
        place = round((_number(value) - self._distribution.low) / self._step)
        return min(max(bisect_right(self._edges, place) - 1, 0), self.count - 1)

    def value(self, index: int, rng: np.random.Generator) -> float:
        place = int(rng.integers(self._edges[index], self._edges[index + 1]))
        return min(self._distribution.low + place * self._step, self._distribution.high)


class _Continuous:
    """An interval divided into `count` equal ones, on a logarithmic scale if the distribution has one."""

    def __init__(self, distribution: FloatDistribution, count: int) -> None:
        self._distribution, self.count = distribution, 1 if distribution.single() else count
        self._low, self._high = self._scaled(distribution.low), self._scaled(distribution.high)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self._distribution.log else value

    def index(self, value: CategoricalChoiceType) -> int:
        value = _number(value)
        if self.count == 1 or value <= self._distribution.low:
            return 0
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return min(int(share * self.count), self.count - 1)

    def value(self, index: int, rng: np.random.Generator) -> float:
        share = (index + float(rng.random())) / self.count
        value = self._low * (1 - share) + self._high * share
        value = math.exp(value) if self._distribution.log else value
        return min(max(value, self._distribution.low), self._distribution.high)


def _number(value: CategoricalChoiceType) -> float:
    assert isinstance(value, int | float)
    return value


@functools.lru_cache(maxsize=1024)
def options_of(distribution: BaseDistribution, max_options: int) -> Options:
    """Return the options of a distribution; numbers of more than `max_options` values are divided into intervals."""
    if isinstance(distribution, CategoricalDistribution):
        return _Listed(distribution)
    if isinstance(distribution, IntDistribution):
        return _Grid(distribution, distribution.step, max_options)
    assert isinstance(distribution, FloatDistribution)
    if distribution.step is not None:
        return _Grid(distribution, distribution.step, max_options)
    return _Continuous(distribution, max_options)


def decision_of(name: str, distribution: BaseDistribution, max_options: int) -> Choice | None:
    """Return a suggestion as a decision; None if it has one possible value.

    The distribution is part of the decision's name: a parameter suggested with another range has other options.
    """
    count = options_of(distribution, max_options).count
    return Choice(f"{name} {distribution}", range(count)) if count > 1 else None


def episode_of(
    names: Sequence[str],
    values: Mapping[str, CategoricalChoiceType],
    distributions: Mapping[str, BaseDistribution],
    max_options: int,
) -> Episode:
    """Return the suggestions `names` of a trial, in this order, as an episode."""
    decisions, actions = [], []
    for name in names:
        decision = decision_of(name, distributions[name], max_options)
        if decision is not None:
            decisions.append(decision)
            actions.append(options_of(distributions[name], max_options).index(values[name]))
    return _suggestions(tuple(decisions)).replay(tuple(actions))


@space
def _suggestions(decisions: tuple[Decision, ...]) -> Generator[Decision, Answer, str]:
    for decision in decisions:  # noqa: UP028, `yield from` would send the actions into the tuple
        yield decision
    return "suggested"
