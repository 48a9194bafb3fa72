"""Local search against a centre and its neighbours that the tests keep themselves."""

import random
from collections.abc import Sequence

import pytest

from netwright.spaces.convolutional import convolutional
from netwright.strategies.local_search import LocalSearch
from netwright.trials import Proposal, Ticket
from oracles.tiny_search import distance, ended, tiny

DEPTH = 5
Digits = tuple[int, ...]


def neighbours(of: Digits) -> set[Digits]:
    return {(*of[:place], digit, *of[place + 1 :]) for place in range(len(of)) for digit in range(4)} - {of}


def searched(rewards: dict[Digits, float], count: int, *, seed: int = 1, num_random: int = 1) -> list[Digits]:
    """The architectures of `count` trials, one after the other; rewards are found by architecture or random."""
    strategy, rng, found = LocalSearch(tiny(DEPTH), seed=seed, num_random=num_random), random.Random(seed), []
    for number in range(count):
        ticket = Ticket(number, number, 1)
        (proposal,) = strategy.propose(ticket)
        reward = rewards.setdefault(proposal.actions, rng.random())
        strategy.observe(ticket, ended(ticket, [proposal], [reward]))
        found.append(proposal.actions)
    return found


@pytest.mark.parametrize("num_random", [1, 4])
def test_the_first_better_neighbour_is_the_next_centre_and_nothing_is_tried_twice(num_random: int) -> None:
    rewards: dict[Digits, float] = {}
    found = searched(rewards, 300, num_random=num_random)
    assert len(set(found)) == 300
    centre, climb, num_restarts = None, [], 0
    for place, now in enumerate(found):
        untried = neighbours(centre) - {*found[:place]} if centre else set()
        if untried and len(climb) >= num_random:
            assert now in untried
        else:
            if centre is not None and len(climb) >= num_random:
                centre, climb, num_restarts = None, [], num_restarts + 1
            assert centre is None or len(climb) < num_random
        climb.append(now)
        if centre is None or rewards[now] > rewards[centre]:
            centre = now
    assert num_restarts >= 3


def test_the_order_of_the_neighbours_and_the_restarts_depend_on_the_seed() -> None:
    assert searched({}, 60) == searched({}, 60)
    assert searched({}, 60) != searched({}, 60, seed=2)


def test_a_single_hill_is_climbed_without_a_restart() -> None:
    """The reward is the sum of the digits, so that every architecture but the best has a better neighbour."""
    every = {(a, b, c, d, e) for a in range(4) for b in range(4) for c in range(4) for d in range(4) for e in range(4)}
    found = searched({each: float(sum(each)) for each in every}, 80)
    place = found.index((3,) * DEPTH)
    assert place < 15 * DEPTH
    best = found[0]
    for each in found[1 : place + 1]:
        assert distance(best, each) == 1
        best = max(best, each, key=sum)


def of(actions: Sequence[int]) -> Proposal:
    return Proposal({"num_layers": DEPTH}, tuple(actions), tiny(DEPTH).replay(tuple(actions)).architecture)


def test_what_was_proposed_before_a_restart_does_not_move_the_centre() -> None:
    strategy, number = LocalSearch(tiny(DEPTH), seed=1), 0

    def proposed(count: int) -> tuple[Ticket, list[Proposal]]:
        nonlocal number
        ticket = Ticket(number, number, count)
        number += count
        return ticket, strategy.propose(ticket)

    ticket, (start,) = proposed(1)
    strategy.observe(ticket, ended(ticket, [start], [0.5]))
    before = proposed(15)  # all neighbours
    assert {each.actions for each in before[1]} == neighbours(start.actions)
    ticket, (restart,) = proposed(1)
    strategy.observe(before[0], ended(*before, [0.1] * 7 + [0.9] + [0.1] * 7))
    strategy.observe(ticket, ended(ticket, [restart], [0.2]))
    _, after = proposed(5)
    assert {distance(each.actions, restart.actions) for each in after} == {1}


def test_trials_without_a_reward_change_nothing() -> None:
    strategy = LocalSearch(tiny(DEPTH), seed=1)
    ticket = Ticket(0, 0, 2)
    strategy.observe(ticket, ended(ticket, strategy.propose(ticket), [None, None]))
    assert strategy.state().values["centre"] is None
    ticket = Ticket(1, 2, 1)
    (first,) = strategy.propose(ticket)
    strategy.observe(ticket, ended(ticket, [first], [-7.0]))
    ticket = Ticket(2, 3, 3)
    assert {distance(each.actions, first.actions) for each in strategy.propose(ticket)} == {1}


def test_neighbours_of_a_subset_differ_in_one_position() -> None:
    space = convolutional(5)
    strategy = LocalSearch(space, seed=3)
    ticket = Ticket(0, 0, 1)
    (start,) = strategy.propose(ticket)
    strategy.observe(ticket, ended(ticket, [start], [1.0]))
    proposals = strategy.propose(Ticket(1, 1, 60))
    differences = [
        [(ours, theirs) for ours, theirs in zip(each.actions, start.actions, strict=True) if ours != theirs]
        for each in proposals
    ]
    # 5 layers of three filter sizes with 3 other options each, and 10 possible connections.
    assert [len(each) for each in differences].count(1) == 55
    flips = [({*ours} ^ {*theirs}) for ((ours, theirs), *_) in differences[:55] if isinstance(ours, tuple)]
    assert len(flips) == 10
    assert all(len(each) == 1 for each in flips)
