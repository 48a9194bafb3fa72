"""The critic against Bayesian linear regression on the effects that it never writes down."""

import itertools
import random

import numpy as np
import pytest

from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Episode
from netwright.strategies.surrogate import JITTER, GaussianProcessSurrogate, standardised
from oracles.tiny_search import tiny


class Fixed:
    """In the place of a generator: these standard normal numbers."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def standard_normal(self, count: int) -> np.ndarray:
        assert len(self.values) == count
        return self.values


def decided(episode: Episode) -> list[tuple]:
    """What was decided, written out: name, occurrence, and option or place and bit."""
    found, counts = [], {}
    for decision, action in zip(episode.decisions, episode.actions, strict=True):
        occurrence = counts[decision.name] = counts.get(decision.name, -1) + 1
        bits = [action] if isinstance(action, int) else [(j, j in action) for j in range(decision.of)]
        found += [(decision.name, occurrence, bit) for bit in bits]
    return found


def regression(surrogate: GaussianProcessSurrogate, known: list[Episode], values: np.ndarray, others: list[Episode]):
    """Mean and covariance by weights: one for the constant, for every decision and for every pair of decisions."""
    single = sorted({each for episode in known + others for each in decided(episode)}, key=repr)
    pairs = list(itertools.combinations(single, 2))

    def row(episode: Episode) -> list[float]:
        has = set(decided(episode))
        number = len(has)
        of_pairs = (surrogate.pairs / max(1, number * (number - 1) / 2)) ** 0.5
        return [
            1.0,
            *((each in has) * (surrogate.singles / number) ** 0.5 for each in single),
            *((one in has and other in has) * of_pairs for one, other in pairs),
        ]

    x, y = np.array([row(each) for each in known]), np.array([row(each) for each in others])
    precision = np.eye(x.shape[1]) + x.T @ x / surrogate.noise**2
    covariance = np.linalg.inv(precision)
    mean = covariance @ x.T @ values / surrogate.noise**2
    return y @ mean, y @ covariance @ y.T


SPACES = {
    "one depth": [tiny(4)],
    "several depths": [tiny(1), tiny(3), tiny(5)],
    "anchors": [convolutional(3, filter_sizes=(1, 3), num_filters=(4, 8))],
}


@pytest.mark.parametrize("spaces", SPACES.values(), ids=SPACES)
def test_mean_and_covariance_are_those_of_bayesian_linear_regression(spaces):
    rng = random.Random(0)
    episodes = [sample(rng.choice(spaces), rng) for _ in range(20)]
    known, others = episodes[:14], episodes[14:]
    values = np.random.default_rng(0).standard_normal(len(known))
    surrogate = GaussianProcessSurrogate(singles=2.0, pairs=1.5, noise=0.4)
    for episode in (others[0], *known[:5], others[1], *known[5:]):  # two of them are forgotten
        surrogate.observe(surrogate.features(episode))
    surrogate.forget(0)
    surrogate.forget(5)

    def posterior_sample(normal: np.ndarray) -> np.ndarray:
        return surrogate.posterior_sample(values, [surrogate.features(each) for each in others], Fixed(normal))

    mean = posterior_sample(np.zeros(len(others)))
    spread = np.column_stack([posterior_sample(unit) - mean for unit in np.eye(len(others))])
    expected_mean, expected_covariance = regression(surrogate, known, values, others)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-9)
    np.testing.assert_allclose(spread @ spread.T, expected_covariance + JITTER * np.eye(len(others)), atol=1e-9)


@pytest.mark.parametrize("depth", [0, 1])
def test_an_architecture_without_decisions_or_pairs_is_no_division_by_zero(depth):
    surrogate = GaussianProcessSurrogate()
    features = [surrogate.features(tiny(depth).replay((1,) * depth)), surrogate.features(tiny(3).replay((0, 1, 2)))]
    for each in features:
        surrogate.observe(each)
    drawn = surrogate.posterior_sample(np.array([0.0, 1.0]), features, np.random.default_rng(0))
    assert np.isfinite(drawn).all()


def test_values_keep_the_order_and_neither_unit_nor_the_worst_matters():
    rewards = [0.2, 0.5, 0.9, 0.5, 0.7]
    values = standardised(rewards)
    assert sorted(range(5), key=lambda i: (values[i], i)) == [0, 1, 3, 4, 2]
    assert values[1] == values[3]
    np.testing.assert_allclose(standardised([100 * each - 7 for each in rewards]), values)
    # A failure that is far below the rest is a bad one and no more.
    with_failure = standardised([-1e30, *rewards])
    assert with_failure[0] > -2
    np.testing.assert_allclose(with_failure[1:], standardised([0.1, *rewards])[1:])


def test_values_by_hand():
    # Ranks 1/6, 3/6, 5/6; median 2, deviation of (2, 4) is 1: distances -1, 0, 2.
    score = 0.9674215661017014
    np.testing.assert_allclose(standardised([1.0, 2.0, 4.0]), [(-score - 1) / 2, 0, (score + 2) / 2])
    assert standardised([3.0]).tolist() == [0.0]
    assert standardised([3.0, 3.0]).tolist() == [0.0, 0.0]
