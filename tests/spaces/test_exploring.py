"""Sampling, listing, counting and mutating any space, against counts and probabilities worked out elsewhere."""

import itertools
import random
from collections import Counter
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from netwright.errors import SpaceError
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Decision, Subset
from netwright.spaces.exploring import (
    enumerate_space,
    mutated,
    num_possible_actions,
    possible_actions,
    sample,
    size_of,
)
from netwright.spaces.programs import Schedule, Space, space

WIDTHS = (8, 16, 32)
SEEDS = st.integers(0, 2**32)


@space
def branching(num_layers: int = 3) -> Generator[Decision, Any, Any]:
    """Three kinds of different length; the widths of deeper layers are masked."""
    kind = yield Choice("kind", ("empty", "plain", "skipping"))
    layers: list[Any] = []
    if kind == "plain":
        layers.append((yield Choice("width", WIDTHS)))
    if kind == "skipping":
        for index in range(num_layers):
            width = yield Choice("width", WIDTHS, allowed=None if index == 0 else (8, 32))
            layers.append((width, (yield Subset("inputs", of=index))))
    return {"kind": kind, "layers": layers}


def all_branching_actions() -> list[tuple[Any, ...]]:
    """The complete action sequences of branching(3), by itertools."""
    none, one, two = [()], [(), (0,)], [(), (0,), (1,), (0, 1)]
    skipping = itertools.product([2], [0, 1, 2], none, [0, 2], one, [0, 2], two)
    return [(0,), *((1, width) for width in range(3)), *skipping]


@space
def bushy(longest: int = 14) -> Generator[Decision, Any, Any]:
    """Lengths 10..longest of three options each: sum(3 ** n) sequences."""
    length = yield Choice("length", tuple(range(10, longest + 1)))
    values = []
    for _ in range(length):
        values.append((yield Choice("value", (0, 1, 2))))
    return {"values": values}


@space
def thin(depth: int = 5) -> Generator[Decision, Any, Any]:
    """One possible sequence."""
    values = []
    for _ in range(depth):
        values.append((yield Choice("value", (0, 1), allowed=(1,))))
    return {"values": values, "inputs": (yield Subset("inputs", of=0))}


@space
def goes_on() -> Generator[Decision, Any, Any]:
    count = 0
    while (yield Choice("more", (True, False))):
        count += 1
    return {"count": count}


# Sampling -------------------------------------------------------------------------------------------------------------


def test_every_sequence_comes_as_often_as_its_probability_says() -> None:
    """Each allowed option alike and each bit with 1/2, so P(sequence) is the product of 1 / possibilities."""
    sequences = all_branching_actions()
    probabilities = [1 / 3 if len(a) == 1 else 1 / 9 if len(a) == 2 else 1 / (3 * 3 * 2 * 2 * 2**3) for a in sequences]
    assert sum(probabilities) == pytest.approx(1)
    rng, num_samples = random.Random(0), 20_000
    counts = Counter(tuple(sample(branching(), rng).actions) for _ in range(num_samples))
    assert counts.keys() <= set(sequences)
    observed = [counts[sequence] for sequence in sequences]
    assert chisquare(observed, [p * num_samples for p in probabilities]).pvalue > 0.001


def test_a_sample_depends_on_its_generator_only() -> None:
    random.seed(1)
    first = sample(convolutional(), random.Random(5)).actions
    random.seed(2)
    assert sample(convolutional(), random.Random(5)).actions == first
    assert sample(convolutional(), random.Random(6)).actions != first


# Enumerating and counting ---------------------------------------------------------------------------------------------


def test_enumeration_is_complete_and_distinct() -> None:
    listed = [tuple(episode.actions) for episode in enumerate_space(branching())]
    assert len(listed) == len(set(listed)) == 100
    assert set(listed) == set(all_branching_actions())


def test_enumeration_gives_finished_performances() -> None:
    for episode in enumerate_space(branching(2)):
        again = branching(2).replay(tuple(episode.actions))
        assert episode.decision is None
        assert episode.architecture == again.architecture


def test_enumeration_of_a_space_without_an_alternative() -> None:
    (only,) = enumerate_space(thin())
    assert only.actions == [1, 1, 1, 1, 1, ()]


def test_enumeration_of_a_deep_space() -> None:
    """Deeper than Python's stack."""
    (only,) = enumerate_space(thin(3000))
    assert len(only.actions) == 3001
    assert size_of(thin(3000)).value == 1


def test_possible_actions_and_their_number_agree() -> None:
    decisions = [Choice("a", (1, 2, 3)), Choice("a", (1, 2, 3), allowed=(3,)), Subset("s", 0), Subset("s", 4)]
    expected = [3, 1, 1, 16]
    for decision, number in zip(decisions, expected, strict=True):
        actions = list(possible_actions(decision))
        assert len(set(actions)) == len(actions) == number == num_possible_actions(decision)
        assert all(decision.answer(action) is not None for action in actions)


def test_a_small_space_is_counted_exactly() -> None:
    size = size_of(branching())
    assert (size.value, size.exact, size.low, size.high) == (100, True, 100, 100)
    assert str(size) == "100"


@pytest.mark.parametrize(
    "parameters",
    [
        {"num_layers": 3, "filter_sizes": (1,), "num_filters": (24, 36)},
        {"num_layers": 3, "filter_sizes": (3,), "num_filters": (24, 36), "anchors": "after_filters"},
        {"num_layers": 2, "filter_sizes": (1, 3), "num_filters": (24,), "strides": (1, 2)},
        {"num_layers": 3, "filter_sizes": (1, 3), "num_filters": (24,), "skip_connections": False},
        {"num_layers": 3, "filter_sizes": (1,), "num_filters": (24, 36), "may_end": True},
        {"num_layers": 3, "filter_sizes": (1,), "num_filters": (8, 9), "may_end": True, "skip_connections": False},
        {"num_layers": 2, "filter_sizes": (1,), "num_filters": (24,), "strides": (1, 2, 3), "may_end": True},
        {"num_layers": 3, "filter_sizes": (1,), "num_filters": (6, 12), "block_size": 3, "pool_after": (1, 4)},
        {"num_layers": 1},
    ],
)
def test_the_convolutional_formula_equals_enumeration(parameters: dict[str, Any]) -> None:
    small = convolutional(**parameters)
    listed = list(enumerate_space(small))
    assert size_of(small).value == len(listed)
    assert size_of(small).exact
    assert len({episode.architecture for episode in listed}) == len(listed)


def test_the_sizes_of_the_papers_spaces() -> None:
    """PAPER.md 0.2, row 5."""
    assert size_of(convolutional(15, skip_connections=False)).value == 64**15
    assert size_of(convolutional(15)).value == 64**15 * 2**105
    assert size_of(convolutional(15, strides=(1, 2, 3), skip_connections=False)).value == 576**15
    assert str(size_of(convolutional(15))) == "5.0e58 (exact)"


def test_a_scheduled_space_has_no_size_of_its_own() -> None:
    with pytest.raises(SpaceError, match=r"num_layers of .* is a Schedule; use space.at"):
        size_of(convolutional(Schedule(6)))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_the_estimate_of_a_large_space_covers_its_size(seed: int) -> None:
    known = sum(3**n for n in range(10, 15))
    size = size_of(bushy(), max_leaves=1000, seed=seed)
    assert not size.exact
    assert size.low <= known <= size.high
    assert size.high - size.low < known / 2
    assert str(size).startswith("about ")


def test_an_estimate_may_leave_the_range_of_floats() -> None:
    size = size_of(bushy(1000), num_probes=50)
    assert not size.exact
    assert size.value > 10**308
    assert "e4" in str(size)


def test_a_space_that_is_one_larger_than_the_limit_is_not_counted() -> None:
    assert size_of(branching(), max_leaves=100).exact
    assert not size_of(branching(), max_leaves=99).exact


def test_counting_a_space_with_an_endless_branch_ends() -> None:
    with pytest.raises(SpaceError, match="without ending"):
        size_of(goes_on())


# Mutating -------------------------------------------------------------------------------------------------------------


def by_occurrence(names: list[str]) -> list[tuple[str, int]]:
    return [(name, names[:index].count(name)) for index, name in enumerate(names)]


def check_mutation(of: Space, seed: int) -> None:
    rng = random.Random(seed)
    old = sample(of, rng)
    new = mutated(old, rng)
    again = of.replay(tuple(new.actions))
    assert new.decision is None
    assert again.architecture == new.architecture

    changed = next(i for i, (a, b) in enumerate(zip(old.actions, new.actions, strict=False)) if a != b)
    decision, before, after = old.decisions[changed], old.actions[changed], new.actions[changed]
    assert new.decisions[changed] == decision
    if isinstance(decision, Subset):
        assert isinstance(before, tuple)
        assert isinstance(after, tuple)
        assert len(set(before) ^ set(after)) == 1, "one place flipped"

    keys = by_occurrence([decision.name for decision in old.decisions])
    kept = dict(zip(keys, old.actions, strict=True))
    new_keys = by_occurrence([decision.name for decision in new.decisions])
    for index in range(changed + 1, len(new.actions)):
        decision, action, earlier = new.decisions[index], new.actions[index], kept.get(new_keys[index])
        if isinstance(decision, Subset) and isinstance(earlier, tuple):
            assert action == tuple(j for j in earlier if j < decision.of)
        elif earlier in possible_actions(decision):
            assert action == earlier, "an answer that still fits is kept"
    if old.decisions == new.decisions:
        assert sum(a != b for a, b in zip(old.actions, new.actions, strict=True)) == 1


@given(seed=SEEDS)
@settings(max_examples=200, deadline=None)
def test_mutation_in_a_branching_space(seed: int) -> None:
    check_mutation(branching(4), seed)


@given(seed=SEEDS, parameters=st.sampled_from([{}, {"may_end": True}, {"strides": (1, 2), "skip_connections": False}]))
@settings(max_examples=60, deadline=None)
def test_mutation_in_the_convolutional_space(seed: int, parameters: dict[str, Any]) -> None:
    check_mutation(convolutional(6, **parameters), seed)


def test_mutation_reaches_every_neighbour_and_never_stays() -> None:
    actions = (2, 1, (), 0, (0,), 2, (1,))
    reached = {tuple(mutated(branching().replay(actions), random.Random(seed)).actions) for seed in range(400)}
    assert actions not in reached
    # kind changed: the lone width is kept; widths (2 others, 1, 1) and the bits (1, 2) each flipped.
    neighbours = {(0,), (1, 1)}
    neighbours |= {(2, 0, *actions[2:]), (2, 2, *actions[2:]), (2, 1, (), 2, *actions[4:])}
    neighbours |= {(*actions[:5], 0, (1,)), (2, 1, (), 0, (), 2, (1,)), (*actions[:6], ()), (*actions[:6], (0, 1))}
    assert reached == neighbours


def test_mutation_draws_anew_what_was_never_answered() -> None:
    grown = {tuple(mutated(branching(2).replay((1, 1)), random.Random(seed)).actions) for seed in range(300)}
    # From "plain": the known width stays; the second layer's width and its bit are drawn.
    assert {actions for actions in grown if actions[0] == 2} == {
        (2, 1, (), width, inputs) for width in (0, 2) for inputs in ((), (0,))
    }


def test_mutation_where_nothing_can_change() -> None:
    actions = (1, 1, 1, 1, 1, ())
    assert tuple(mutated(thin().replay(actions), random.Random(0)).actions) == actions


def test_several_mutations_at_once() -> None:
    old = sample(convolutional(4, skip_connections=False), random.Random(0))
    for num_changes in range(1, 5):
        for seed in range(20):
            new = mutated(old, random.Random(seed), num_changes)
            assert sum(a != b for a, b in zip(old.actions, new.actions, strict=True)) == num_changes
    most = mutated(old, random.Random(0), 100)
    assert all(a != b for a, b in zip(old.actions, most.actions, strict=True))
