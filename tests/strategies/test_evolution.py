"""Evolution against populations that the tests keep themselves, and against probabilities worked out by hand."""

import random
from collections import Counter
from typing import Any

import pytest
from scipy.stats import chisquare

from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Schedule, space
from netwright.strategies.evolution import Evolution
from netwright.strategies.interface import Strategy
from netwright.strategies.large_scale_evolution import LargeScaleEvolution, mutations_of
from netwright.trials import Proposal, Ticket
from oracles.tiny_search import distance, ended, tiny

MANY = 400
"""So many draws with replacement that everybody in a small population is among them."""


@pytest.mark.parametrize("aging", [True, False])
@pytest.mark.parametrize("lag", [0, 2])
def test_the_best_alive_is_the_parent_and_the_right_one_dies(aging: bool, lag: int) -> None:
    """The population once more as a list. Rewards are noise, so that the best is often old and has to die."""
    of, size = tiny(9), 6
    strategy = Evolution(of, seed=1, population=size, sample=MANY, aging=aging)
    rng, alive, waiting, died = random.Random(0), [], [], 0
    for number in range(120):
        ticket = Ticket(number, number, 1)
        (proposal,) = strategy.propose(ticket)
        if number >= size and alive:
            parent = max(alive, key=lambda each: each[0])
            assert distance(parent[1], proposal.actions) == 1
        waiting.append((ticket, proposal))
        if len(waiting) > lag:
            ticket, proposal = waiting.pop(0)
            reward = rng.random()
            strategy.observe(ticket, ended(ticket, [proposal], [reward]))
            if len(alive) == size:
                died += 1
                alive.remove(alive[0] if aging else min(alive, key=lambda each: each[0]))
            alive.append((reward, proposal.actions))
    assert died > 100


def test_what_has_no_reward_does_not_enter() -> None:
    strategy = Evolution(tiny(9), seed=1, population=2, sample=MANY)
    ticket = Ticket(0, 0, 2)
    proposals = strategy.propose(ticket)
    strategy.observe(ticket, ended(ticket, proposals, [None, -5.0]))
    (child,) = strategy.propose(Ticket(1, 2, 1))
    assert distance(child.actions, proposals[1].actions) == 1
    # Nor does it make anybody die, though the population is full now.
    strategy.observe(Ticket(1, 2, 1), ended(Ticket(1, 2, 1), [child], [-6.0]))
    ticket = Ticket(2, 3, 4)
    strategy.observe(ticket, ended(ticket, strategy.propose(ticket), [None] * 4))
    assert strategy.state().values["population"] == [
        [1, list(proposals[1].actions), -5.0],
        [2, list(child.actions), -6.0],
    ]


def test_before_anything_is_observed_all_is_random() -> None:
    strategy = Evolution(tiny(9), seed=1, population=2)
    proposals = strategy.propose(Ticket(0, 0, 50))
    assert len({proposal.actions for proposal in proposals}) == 50


FOUR = [(digit,) * 9 for digit in range(4)]
"""Far from each other, so that a child shows its parent; the better, the higher the digit."""


def parents(strategy: Strategy, count: int = 6000) -> list[int]:
    """How often each of four individuals was the parent, the best one last."""
    ticket = Ticket(0, 0, 4)
    proposals = [Proposal({"num_layers": 9}, actions, tiny(9).replay(actions).architecture) for actions in FOUR]
    strategy.observe(ticket, ended(ticket, proposals, [0.1, 0.2, 0.3, 0.4]))
    children = strategy.propose(Ticket(1, 4, count))
    counts = Counter(Counter(child.actions).most_common(1)[0][0] for child in children)
    return [counts[digit] for digit in range(4)]


def test_samples_are_drawn_with_replacement() -> None:
    """Both of two are among the k worst with probability (k / 4) ** 2."""
    observed = parents(Evolution(tiny(9), seed=2, population=4, sample=2))
    expected = [6000 * (2 * k + 1) / 16 for k in range(4)]
    assert chisquare(observed, expected).pvalue > 0.001


def test_pairs_are_two_different_individuals() -> None:
    """Of the 6 pairs, 0, 1, 2 and 3 are won by each."""
    observed = parents(LargeScaleEvolution(tiny(9), seed=2, population=4))
    assert observed[0] == 0
    assert chisquare(observed[1:], [1000, 2000, 3000]).pvalue > 0.001


def test_the_worse_of_the_parents_pair_is_killed() -> None:
    killed: Counter[tuple[int, int]] = Counter()
    for seed in range(300):
        strategy = LargeScaleEvolution(tiny(9), seed=seed, population=4)
        parents(strategy, 0)
        ticket = Ticket(1, 4, 1)
        (child,) = strategy.propose(ticket)
        strategy.observe(ticket, ended(ticket, [child], [9.0]))
        left = {individual[0] for individual in strategy.state().values["population"]}
        (dead,) = set(range(5)) - left
        killed[dead, Counter(child.actions).most_common(1)[0][0]] += 1
    pairs = [(worse, better) for worse in range(4) for better in range(worse + 1, 4)]
    assert chisquare([killed[pair] for pair in pairs], [50] * 6).pvalue > 0.001


def test_a_child_is_drawn_in_the_depth_of_its_own_number() -> None:
    deepening = convolutional(Schedule(2, 1, 10), filter_sizes=(1, 3))  # type: ignore[arg-type]
    strategy = Evolution(deepening, seed=3, population=10, sample=MANY)
    ticket = Ticket(0, 0, 10)
    proposals = strategy.propose(ticket)
    strategy.observe(ticket, ended(ticket, proposals, [0.0] * 7 + [1.0] + [0.0] * 2))
    children = strategy.propose(Ticket(1, 25, 200))
    changes = Counter()
    for number, child in enumerate(children, start=25):
        layers = child.architecture.layers
        assert len(layers) == deepening.at(number).parameters["num_layers"] == 2 + number // 10
        changes[distance(child.actions[:8], proposals[7].actions)] += 1
    assert set(changes) == {0, 1}, "one change, in the old layers or in the new"


# The mutations of Real et al. 2017 ------------------------------------------------------------------------------------


def test_the_mutations_of_a_convolutional_network() -> None:
    small = convolutional(3, filter_sizes=(1, 3), num_filters=(8, 16, 24), strides=(1, 2))
    #                       height, width, strides, inputs, filters
    network = small.replay((0, 1, 0, 0, (), 1, 1, 1, 0, 0, (0,), 2, 0, 0, 1, 1, (1,), 0))
    assert mutations_of(network) == {
        "filter_height": [(0, 1), (6, 0), (12, 1)],
        "filter_width": [(1, 0), (7, 0), (13, 1)],
        "stride_height": [(2, 1), (8, 1), (14, 0)],
        "stride_width": [(3, 1), (9, 1), (15, 0)],
        "num_filters": [(5, 0), (5, 2), (11, 0), (11, 1), (17, 1), (17, 2)],
        "-inputs": [(10, ()), (16, ())],
        "+inputs": [(16, (0, 1))],
    }


@space
def uneven() -> Any:
    common = []
    for _ in range(9):
        common.append((yield Choice("common", (0, 1, 2))))
    fixed = yield Choice("fixed", (0, 1), allowed=(1,))
    return {"common": common, "fixed": fixed, "rare": (yield Choice("rare", (0, 1)))}


def test_the_kind_is_drawn_first_and_then_the_place() -> None:
    strategy = LargeScaleEvolution(uneven(), seed=0, population=1)
    ticket = Ticket(0, 0, 1)
    (first,) = strategy.propose(ticket)
    strategy.observe(ticket, ended(ticket, [first], [1.0]))
    children = strategy.propose(Ticket(1, 1, 3600))
    places = Counter(next(i for i in range(11) if child.actions[i] != first.actions[i]) for child in children)
    assert all(distance(child.actions, first.actions) == 1 for child in children)
    assert chisquare([places[i] for i in (*range(9), 10)], [200] * 9 + [1800]).pvalue > 0.001


def test_a_space_without_an_alternative_repeats_its_only_network() -> None:
    @space
    def single() -> Any:
        return {"width": (yield Choice("width", (8,)))}

    for strategy in (LargeScaleEvolution(single(), seed=0, population=1), Evolution(single(), seed=0, population=1)):
        ticket = Ticket(0, 0, 1)
        strategy.observe(ticket, ended(ticket, strategy.propose(ticket), [1.0]))
        assert strategy.propose(Ticket(1, 1, 1))[0].actions == (0,)
