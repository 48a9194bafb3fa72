"""What can be done with any space without a controller: sample it, list it, count it, change one decision."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from netwright.spaces.decisions import Action, Choice, Decision, Subset
from netwright.spaces.programs import Episode, Space

MAX_COUNTED_LEAVES = 1_000_000


def random_action(decision: Decision, rng: random.Random) -> Action:
    """An action drawn uniformly: each allowed option alike, each earlier place with probability 1/2."""
    if isinstance(decision, Choice):
        return rng.choice(decision.allowed_actions)
    return tuple(position for position in range(decision.of) if rng.random() < 0.5)


def sample(space: Space, rng: random.Random) -> Episode:
    """A complete performance with every decision drawn uniformly (the paper's random search, section 4.2)."""
    episode = space.start()
    while episode.decision is not None:
        episode.act(random_action(episode.decision, rng))
    return episode


def possible_actions(decision: Decision) -> Iterator[Action]:
    """Every action that `decision` can be answered with: options by index, subsets counted in binary."""
    if isinstance(decision, Choice):
        yield from decision.allowed_actions
    else:
        for bits in range(2**decision.of):
            yield tuple(position for position in range(decision.of) if bits >> position & 1)


def num_possible_actions(decision: Decision) -> int:
    """How many actions `possible_actions` gives."""
    return len(decision.allowed_actions) if isinstance(decision, Choice) else int(2**decision.of)


def enumerate_space(space: Space) -> Iterator[Episode]:
    """Every complete performance of a small space, once each, in lexicographic order of the actions."""
    actions: list[Action] = []
    untried: list[Iterator[Action]] = []  # for each of `actions`, what may still stand in its place
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
    """The number of complete action sequences of a space. `low` and `high` bound it where it is an estimate."""

    value: int
    exact: bool
    low: int
    high: int

    def __str__(self) -> str:
        if self.exact:
            return f"{self.value:,}" if self.value < 10**9 else f"{_scientific(self.value)} (exact)"
        return f"about {_scientific(self.value)} ({_scientific(self.low)} to {_scientific(self.high)})"


def _scientific(value: int) -> str:
    """Two significant digits of a whole number that may be too large for a float."""
    return f"{Decimal(value):.1e}".replace("e+", "e")


def size_of(space: Space, *, num_probes: int = 2000, seed: int = 0, max_leaves: int = MAX_COUNTED_LEAVES) -> Size:
    """The size of a space.

    By its own formula where it has one; else counted, up to `max_leaves`; else estimated without bias from
    `num_probes` random performances, each the product of its branching factors (Knuth 1975), with the interval of
    three standard errors. The interval is honest only where probes differ little; a long thin branch can hide.
    """
    space.start()  # refuses a Schedule, and what the program itself refuses, before a formula reckons with it
    if space.traits.size is not None:
        exact = space.traits.size(**space.parameters)
        return Size(exact, True, exact, exact)
    counted = _count(space, max_leaves)
    if counted is not None:
        return Size(counted, True, counted, counted)
    rng = random.Random(seed)
    probes = [math.prod(map(num_possible_actions, sample(space, rng).decisions)) for _ in range(num_probes)]
    mean = sum(probes) // num_probes
    # Whole numbers throughout: these products leave the range of floats.
    error = math.isqrt(sum((probe - mean) ** 2 for probe in probes) // (num_probes - 1) // num_probes)
    return Size(mean, False, max(mean - 3 * error, 1), mean + 3 * error)


def _count(space: Space, limit: int) -> int | None:
    """The number of leaves, or None when there are more than `limit`; gives up early on a deep space."""
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
    """The performance `old` with up to `num_changes` decisions changed, chosen among those with an alternative.

    A `Choice` gets another allowed option, a `Subset` one place flipped; see `changed` for the repair.
    """
    changeable = [i for i, decision in enumerate(old.decisions) if num_possible_actions(decision) > 1]
    positions = rng.sample(changeable, min(num_changes, len(changeable)))
    return changed(old, {i: _another_action(old.decisions[i], old.actions[i], rng) for i in positions}, rng)


def changed(old: Episode, actions: Mapping[int, Action], rng: random.Random) -> Episode:
    """The performance `old` with other actions at some positions.

    Every other decision keeps its old answer (found by name and occurrence) where that is still possible and is drawn
    anew elsewhere.
    """
    return _answered_like(old, actions, old.space, rng) if actions else old


def carried_over(old: Episode, space: Space, rng: random.Random) -> Episode:
    """A performance in `space` with the answers of `old`, which may be one of other parameters: another depth.

    Answers are found by name and occurrence, and drawn anew where there was none or it is not possible in `space`.
    """
    return old if old.space == space else _answered_like(old, {}, space, rng)


def _answered_like(old: Episode, changes: Mapping[int, Action], space: Space, rng: random.Random) -> Episode:
    """The answers of `old` by name and occurrence, with those at the positions of `changes` replaced."""
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
    """The old action, cut to what is possible now; a new random one where there is none."""
    if isinstance(decision, Subset) and isinstance(old, tuple):
        return tuple(position for position in old if position < decision.of)
    if isinstance(decision, Choice) and isinstance(old, int) and old in decision.allowed_actions:
        return old
    return random_action(decision, rng)
