"""Thompson sampling: what it tries, and that nothing is tried twice."""

import itertools
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Actions
from netwright.spaces.programs import Schedule
from netwright.strategies import thompson
from netwright.strategies.surrogate import GaussianProcessSurrogate
from netwright.strategies.thompson import ThompsonSampling
from netwright.trials import Ticket
from oracles.tiny_search import distance, ended, tiny


def play(
    strategy: ThompsonSampling, rounds: range, reward: Callable[[Any], float], size: int = 1, lag: int = 0
) -> list[Actions]:
    """What is tried, in order; every batch is observed `lag` batches after it was drawn."""
    tried, waiting = [], []
    for number in rounds:
        ticket = Ticket(number, number * size, size)
        proposals = strategy.propose(ticket)
        tried += [proposal.actions for proposal in proposals]
        waiting.append((ticket, proposals))
        if len(waiting) > lag:
            ticket, proposals = waiting.pop(0)
            rewards = [reward(proposal.architecture) for proposal in proposals]
            strategy.observe(ticket, ended(ticket, proposals, rewards))
    return tried


def test_a_small_space_is_tried_whole_before_anything_is_tried_twice() -> None:
    strategy = ThompsonSampling(tiny(2), seed=0, num_random=4, max_changes=2)
    tried = play(strategy, range(20), lambda architecture: sum(architecture["widths"]))
    assert len(set(tried[:16])) == 16
    assert len(set(tried)) == 16


def test_where_nothing_close_is_new_it_looks_elsewhere() -> None:
    """One decision changed of the one best reaches 6 of the 16."""
    strategy = ThompsonSampling(tiny(2), seed=0, num_random=2, num_best=1, max_changes=1)
    tried = play(strategy, range(16), lambda architecture: sum(architecture["widths"]))
    assert len(set(tried)) == 16


def test_batches_in_flight_hold_nothing_twice() -> None:
    strategy = ThompsonSampling(tiny(3), seed=0)
    tried = play(strategy, range(7), lambda architecture: sum(architecture["widths"]), size=8, lag=2)
    assert len(set(tried)) == len(tried) == 56


def test_candidates_are_close_to_one_of_the_best() -> None:
    strategy = ThompsonSampling(tiny(9), seed=0, num_best=3, max_changes=2)
    rng = random.Random(0)
    found = {}
    for actions in play(strategy, range(40), lambda architecture: found.setdefault(str(architecture), rng.random())):
        assert len(actions) == 9
    best = sorted(strategy._known.values(), key=lambda known: -known[0].reward)[:3]
    candidates = [tuple(each.actions) for each in strategy.candidates(tiny(9), random.Random(1))]
    assert len(candidates) == 100
    nearest = [min(range(3), key=lambda i: distance(best[i][0].actions, each)) for each in candidates]
    distances = [distance(best[i][0].actions, each) for i, each in zip(nearest, candidates, strict=True)]
    assert set(distances) == {1, 2}
    assert set(nearest) == {0, 1, 2}


def test_the_best_of_millions_is_found() -> None:
    """The best of 4 ** 12 architectures is found in 200 trials by effects of single decisions and of pairs."""

    def reward(architecture: Any) -> float:
        widths = architecture["widths"]
        return float(sum(widths) + sum(one == other for one, other in itertools.pairwise(widths)))

    reached = 0
    for seed in range(5):
        strategy = ThompsonSampling(tiny(12), seed=seed)
        tried = play(strategy, range(200), reward)
        reached += (3,) * 12 in tried
    assert reached == 5


def test_depths_of_a_schedule_are_followed() -> None:
    of = convolutional(Schedule(2, 1, 10), filter_sizes=(1, 3), num_filters=(4, 8))  # type: ignore[arg-type]
    strategy = ThompsonSampling(of, seed=0, num_random=5)
    tried = play(strategy, range(40), lambda architecture: float(len(architecture.layers)))
    lengths = [len(actions) for actions in tried]
    assert [lengths[i] for i in (0, 9, 10, 20, 30)] == [8, 8, 12, 16, 20]


def test_the_surrogate_knows_the_best_and_the_latest_of_a_long_search(monkeypatch: Any) -> None:
    monkeypatch.setattr(thompson, "MAX_KNOWN", 20)
    strategy = ThompsonSampling(tiny(6), seed=0, num_candidates=10)
    rewards: dict[str, float] = {}
    rng = random.Random(0)
    play(strategy, range(60), lambda architecture: rewards.setdefault(str(architecture), rng.random()))
    everything = list(rewards.values())
    known = [observation.reward for observation, _ in strategy._known.values()]
    assert len(known) == 20
    assert known[-10:] == everything[-10:]
    assert set(known[:10]) <= set(sorted(everything[:50], reverse=True)[:10])
    assert max(everything) in known
    afresh = GaussianProcessSurrogate()
    for _, episode in strategy._known.values():
        afresh.observe(afresh.features(episode))
    np.testing.assert_allclose(strategy.surrogate._covariances, afresh._covariances)
