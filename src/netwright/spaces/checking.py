"""`check_space` tests a user's own space before a search.

print(check_space(my_space(num_layers=3)))
"""

import pickle
import random
from dataclasses import dataclass

import cloudpickle

from netwright.architectures.values import fingerprint
from netwright.errors import SpaceError
from netwright.spaces.decisions import Choice, Decision, Option, identities
from netwright.spaces.exploring import Size, sample, size_of
from netwright.spaces.programs import Episode, Space


@dataclass(frozen=True)
class SpaceReport:
    """What `check_space` found in its random episodes; `str` gives one line for people."""

    name: str
    size: Size
    min_decisions: int
    max_decisions: int
    decision_names: tuple[str, ...]
    num_distinct: int
    num_samples: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.size} action sequences of {self.min_decisions} to {self.max_decisions} decisions "
            f"({', '.join(self.decision_names)}); {self.num_distinct} different architectures in "
            f"{self.num_samples} samples"
        )


def check_space(space: Space, *, num_samples: int = 200, seed: int = 0) -> SpaceReport:
    """Check all rules of spaces as `check_rules` does, and describe the space.

    Args:
        space: the space, with its parameters.
        num_samples: number of random episodes.
        seed: determines the episodes.

    Returns:
        The size of the space, the lengths of its episodes and the number of distinct architectures among them.

    Raises:
        SpaceError: the space breaks a rule.
    """
    episodes = check_rules(space, num_samples=num_samples, seed=seed)
    lengths = [len(episode.actions) for episode in episodes]
    names = dict.fromkeys(decision.name for episode in episodes for decision in episode.decisions)
    prints = {fingerprint(episode.architecture) for episode in episodes}
    size = size_of(space.at(0), max_leaves=2_000)
    return SpaceReport(space.name, size, min(lengths), max(lengths), tuple(names), len(prints), num_samples)


def check_rules(space: Space, *, num_samples: int, seed: int = 0) -> list[Episode]:
    """Sample random episodes of `space` and check all rules of spaces on them.

    Args:
        space: the space, with its parameters.
        num_samples: number of random episodes.
        seed: determines the episodes.

    Returns:
        The episodes.

    Raises:
        SpaceError: the program yields no decision or does not end; a name has two different option lists; the `of` of
            a `Subset` is wrong; a `fixed` space has other decisions after other answers; an architecture has no JSON
            form; equal actions give different architectures; or the space does not pickle.
    """
    if not isinstance(space, Space):
        raise SpaceError(f"check_space needs a space, for example my_space(num_layers=3); got {space!r}")
    _check_pickling(space)
    space = space.at(0)
    rng = random.Random(seed)
    options: dict[str, tuple[Option, ...] | None] = {}
    episodes: list[Episode] = []
    for _ in range(num_samples):
        episode = sample(space, rng)
        for decision in episode.decisions:
            _check_options(decision, options)
        _check_repeatable(space, episode)
        if space.is_fixed and episodes and episode.decisions != episodes[0].decisions:
            raise SpaceError(
                f"space {space.name} is said to be fixed, and its decisions depend on the answers: "
                f"{episodes[0].decisions} and {episode.decisions}; leave `fixed` away"
            )
        episodes.append(episode)
    if not any(episode.actions for episode in episodes):
        raise SpaceError(f"space {space.name} yields no decision, so there is nothing to search; yield a Choice")
    return episodes


def _check_options(decision: Decision, seen: dict[str, tuple[Option, ...] | None]) -> None:
    """Check that a name has one list of options, since it has one softmax; the mask `allowed` may differ."""
    options = decision.options if isinstance(decision, Choice) else None
    earlier = seen.setdefault(decision.name, options)
    if (earlier and identities(earlier)) != (options and identities(options)):
        described = [f"options {o}" if o is not None else "a Subset" for o in (earlier, options)]
        raise SpaceError(
            f"decision {decision.name!r} occurs with {described[0]} and with {described[1]}; give them two "
            "names, or one full list and allowed=..."
        )


def _check_repeatable(space: Space, episode: Episode) -> None:
    again = space.replay(tuple(episode.actions))
    if fingerprint(again.architecture) != fingerprint(episode.architecture):
        raise SpaceError(
            f"space {space.name} returned two different architectures for the same actions {episode.actions}; its "
            "program may depend only on its parameters and the answers"
        )


def _check_pickling(space: Space) -> None:
    try:
        copy = pickle.loads(cloudpickle.dumps(space))
    except Exception as error:  # a user's parameters may raise anything
        raise SpaceError(f"space {space.name} does not pickle, so no worker can receive it: {error}") from error
    if copy.at(0).parameters.keys() != space.at(0).parameters.keys():
        raise SpaceError(f"the parameters of space {space.name} change by pickling; use plain values")
