"""`check_space`: is a user's own space fit for a search? Says what is wrong before hours are spent."""

import pickle
import random
from collections import Counter
from dataclasses import dataclass

import cloudpickle

from netwright.architectures.values import fingerprint
from netwright.errors import SpaceError
from netwright.spaces.decisions import Choice, Decision, Option, identities
from netwright.spaces.exploring import Size, sample, size_of
from netwright.spaces.programs import Episode, Space


@dataclass(frozen=True)
class SpaceReport:
    """What `check_space` found in the performances that it tried."""

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
    """Perform `space` at random `num_samples` times and check every rule of spaces.

    Raises `SpaceError`: a program that yields no decisions or never ends, a name with two different option lists, a
    `Subset` whose `of` is wrong, an architecture without a JSON form, a program that answers the same actions with
    another architecture, or a space that does not pickle.
    """
    if not isinstance(space, Space):
        raise SpaceError(f"check_space needs a space, for example my_space(num_layers=3); got {space!r}")
    _check_pickling(space)
    space = space.at(0)
    rng = random.Random(seed)
    options: dict[str, tuple[Option, ...] | None] = {}
    names: Counter[str] = Counter()
    lengths, prints = [], set()
    for _ in range(num_samples):
        episode = sample(space, rng)
        for decision in episode.decisions:
            _check_options(decision, options)
            names[decision.name] += 1
        _check_repeatable(space, episode)
        lengths.append(len(episode.actions))
        prints.add(fingerprint(episode.architecture))
    if max(lengths) == 0:
        raise SpaceError(f"space {space.name} asks no decision, so there is nothing to search")
    size = size_of(space, max_leaves=2_000)
    return SpaceReport(space.name, size, min(lengths), max(lengths), tuple(names), len(prints), num_samples)


def _check_options(decision: Decision, seen: dict[str, tuple[Option, ...] | None]) -> None:
    """One name has one full option list, since it has one softmax; a mask by `allowed` does not change the list."""
    options = decision.options if isinstance(decision, Choice) else None
    earlier = seen.setdefault(decision.name, options)
    if (earlier and identities(earlier)) != (options and identities(options)):
        described = [f"options {o}" if o is not None else "a Subset" for o in (earlier, options)]
        raise SpaceError(
            f"decision {decision.name!r} was asked with {described[0]} and with {described[1]}; give them two "
            "names, or one full list and allowed=..."
        )


def _check_repeatable(space: Space, episode: Episode) -> None:
    again = space.replay(tuple(episode.actions))
    if fingerprint(again.architecture) != fingerprint(episode.architecture):
        raise SpaceError(
            f"space {space.name} returned two different architectures for the same actions {episode.actions}; its "
            "program may depend on nothing but its parameters and answers"
        )


def _check_pickling(space: Space) -> None:
    try:
        copy = pickle.loads(cloudpickle.dumps(space))
    except Exception as error:  # whatever a user's parameters raise
        raise SpaceError(f"space {space.name} does not pickle, so no worker can receive it: {error}") from error
    if copy.at(0).parameters.keys() != space.at(0).parameters.keys():
        raise SpaceError(f"space {space.name} comes back from pickling with other parameters")
