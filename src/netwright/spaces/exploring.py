"""Operations on any space without a controller: sampling, enumeration, counting, mutation.

episode = sample(space, random.Random(0))
child = mutated(episode, random.Random(1))
print(size_of(space))
"""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from netwright.spaces.decisions import Action, Choice, Decision, Subset
from netwright.spaces.programs import Episode, RevisedEpisode, Space

MAX_COUNTED_LEAVES = 1_000_000
MAX_PROBED_DECISIONS = 500_000
"""Decisions in the random episodes of an estimate, which takes some microseconds for each of them."""


def random_action(decision: Decision, rng: random.Random) -> Action:
    """Sample an action uniformly: each allowed option equally likely, each earlier position with probability 1/2."""
    if isinstance(decision, Choice):
        return rng.choice(decision.allowed_actions)
    return tuple(position for position in range(decision.of) if rng.random() < 0.5)


def sample(space: Space, rng: random.Random) -> Episode:
    """Sample a complete episode, every action uniformly (the paper's random search, section 4.2)."""
    episode = space.start()
    while episode.decision is not None:
        episode.act(random_action(episode.decision, rng))
    return episode


def possible_actions(decision: Decision) -> Iterator[Action]:
    """Yield every possible action: options in the order of their indices, subsets in binary order."""
    if isinstance(decision, Choice):
        yield from decision.allowed_actions
    else:
        for bits in range(2**decision.of):
            yield tuple(position for position in range(decision.of) if bits >> position & 1)


def num_possible_actions(decision: Decision) -> int:
    """Return the number of possible actions."""
    return len(decision.allowed_actions) if isinstance(decision, Choice) else int(2**decision.of)


def enumerate_space(space: Space) -> Iterator[Episode]:
    """Yield every complete episode of a small space once, in lexicographic order of the actions."""
    actions: list[Action] = []
    untried: list[Iterator[Action]] = []  # for each of `actions`, its alternatives still to be enumerated
    while True:
        episode = space.start()
        for action in actions:
            episode.act(action)
        while episode.decision is not None:
            untried.append(possible_actions(episode.decision))
            actions.append(next(untried[-1]))
            episode.act(actions[-1])
        yield episode
        while untried:
            following = next(untried[-1], None)
            if following is not None:
                actions[-1] = following
                break
            untried.pop()
            actions.pop()
        else:
            return


@dataclass(frozen=True)
class Size:
    """The number of complete action sequences of a space; `low` to `high` is the interval of an estimate."""

    value: int
    exact: bool
    low: int
    high: int

    def __str__(self) -> str:
        if self.exact:
            return f"{self.value:,}" if self.value < 10**9 else f"{_scientific(self.value)} (exact)"
        return f"about {_scientific(self.value)} ({_scientific(self.low)} to {_scientific(self.high)})"


def _scientific(value: int) -> str:
    """Format a whole number, possibly too large for a float, with two significant digits."""
    return f"{Decimal(value):.1e}".replace("e+", "e")


def size_of(space: Space, *, num_probes: int = 2000, seed: int = 0, max_leaves: int = MAX_COUNTED_LEAVES) -> Size:
    """Compute or estimate the number of complete action sequences of a space.

    The space's own formula is used if it has one. Otherwise sequences are counted if there are at most `max_leaves`.
    Otherwise the number is estimated without bias by the mean, over random episodes, of the product of branching
    factors (Knuth 1975). The interval is three standard errors; it is too narrow if the products differ strongly,
    because rare long episodes may be missed.

    Args:
        space: the space, without a `Schedule` among its parameters.
        num_probes: random episodes of an estimate; fewer for a space with hundreds of decisions.
        seed: determines these episodes.
        max_leaves: largest size that is counted.
    """
    space.start()  # raises SpaceError for a Schedule or invalid parameters before a formula uses them
    if space.traits.size is not None:
        exact = space.traits.size(**space.parameters)
        return Size(exact, True, exact, exact)
    counted = _count(space, max_leaves)
    if counted is not None:
        return Size(counted, True, counted, counted)
    rng = random.Random(seed)
    num_probes = max(2, min(num_probes, MAX_PROBED_DECISIONS // max(1, len(sample(space, rng).decisions))))
    rng = random.Random(seed)
    probes = [math.prod(map(num_possible_actions, sample(space, rng).decisions)) for _ in range(num_probes)]
    mean = sum(probes) // num_probes
    # Whole numbers throughout: these products leave the range of floats.
    error = math.isqrt(sum((probe - mean) ** 2 for probe in probes) // (num_probes - 1) // num_probes)
    return Size(mean, False, max(mean - 3 * error, 1), mean + 3 * error)


def _count(space: Space, limit: int) -> int | None:
    """Count the leaves; None if there are more than `limit`, found out early for a deep space by random episodes."""
    rng = random.Random(0)
    probes = [math.prod(map(num_possible_actions, sample(space, rng).decisions)) for _ in range(20)]
    if min(probes) > 100 * limit:
        return None
    counted = 0
    for _ in enumerate_space(space):
        counted += 1
        if counted > limit:
            return None
    return counted


def mutated(old: Episode, rng: random.Random, num_changes: int = 1) -> Episode:
    """Return a copy of the episode `old` with up to `num_changes` random decisions changed.

    Decisions with a single possible action are never selected. A `Choice` gets another allowed option; in a `Subset`
    one position is flipped. See `changed` for later decisions that this affects.
    """
    positions = rng.sample(old.changeable, min(num_changes, len(old.changeable)))
    return changed(old, {i: _another_action(old.decisions[i], old.actions[i], rng) for i in positions}, rng)


def changed(old: Episode, actions: Mapping[int, Action], rng: random.Random) -> Episode:
    """Return a copy of the episode `old` with other actions.

    Args:
        old: a complete episode.
        actions: position of a decision in `old` -> its new action.
        rng: samples the actions of decisions whose old action, matched by name and occurrence, is no longer possible.
    """
    if not actions:
        return old
    return RevisedEpisode(old, actions) if old.space.is_fixed else _answered_like(old, actions, old.space, rng)


def carried_over(old: Episode, space: Space, rng: random.Random) -> Episode:
    """Repeat the episode `old` in `space`, which may have other parameters than its own, such as another depth.

    Actions are matched by name and occurrence; where `old` has none, or it is not possible in `space`, a new one is
    sampled.
    """
    return old if old.space == space else _answered_like(old, {}, space, rng)


def _answered_like(old: Episode, changes: Mapping[int, Action], space: Space, rng: random.Random) -> Episode:
    """Repeat `old` in `space` by name and occurrence, with the actions at the positions of `changes` replaced."""
    remembered = {
        (decision.name, occurrence): changes.get(position, old.actions[position])
        for position, (decision, occurrence) in enumerate(zip(old.decisions, old.occurrences, strict=True))
    }
    episode = space.start()
    while (decision := episode.decision) is not None:
        episode.act(_repaired(decision, remembered.get((decision.name, episode.occurrence)), rng))
    return episode


def _another_action(decision: Decision, action: Action, rng: random.Random) -> Action:
    if isinstance(decision, Choice):
        return rng.choice([other for other in decision.allowed_actions if other != action])
    assert isinstance(action, tuple)
    return tuple(sorted(set(action) ^ {rng.randrange(decision.of)}))


def _repaired(decision: Decision, old: Action | None, rng: random.Random) -> Action:
    """Return the old action restricted to what is possible now, or a random action if nothing remains of it."""
    if isinstance(decision, Subset) and isinstance(old, tuple):
        return tuple(position for position in old if position < decision.of)
    if isinstance(decision, Choice) and isinstance(old, int) and old in decision.allowed_actions:
        return old
    return random_action(decision, rng)
