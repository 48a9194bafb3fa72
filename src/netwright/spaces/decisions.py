"""The two questions a search space can ask: one option of several, or any subset of what came earlier."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netwright.errors import SpaceError

Option = str | int | float | bool | None
Action = int | tuple[int, ...]
"""What is recorded of an answer: the option's index for a `Choice`, the selected positions for a `Subset`."""
Actions = tuple[Action, ...]
Answer = Option | tuple[int, ...]
"""What the space's program receives: the option itself, or the selected positions."""


def identities(options: Sequence[Option]) -> tuple[tuple[type, Option], ...]:
    """What tells options apart: type and value, as in JSON, since True == 1 in Python. `TypeError` if unhashable."""
    told_apart = tuple((type(option), option) for option in options)
    hash(told_apart)
    return told_apart


def _types(options: Sequence[Option]) -> tuple[type, ...]:
    return tuple(map(type, options))


# A search asks the same questions a great many times, so that their checks are done once.


@functools.lru_cache(maxsize=4096)
def _mask(
    name: str,
    options: tuple[Option, ...],
    types: tuple[type, ...],
    allowed: tuple[Option, ...] | None,
    allowed_types: tuple[type, ...],
) -> tuple[bool, ...]:
    """Which options of a `Choice` are allowed. The types are there because True and 1 are the same key of a cache."""
    distinct = identities(options)
    selected = distinct if allowed is None else identities(allowed)
    if len(set(distinct)) < len(options):
        raise SpaceError(f"Choice {name!r} lists an option twice: {options}")
    mask = tuple(identity in selected for identity in distinct)
    if allowed is not None and (not any(mask) or not set(selected) <= set(distinct)):
        raise SpaceError(f"Choice {name!r}: allowed={allowed} must be a non-empty selection of its options {options}")
    return mask


@functools.lru_cache(maxsize=4096)
def _selected(mask: tuple[bool, ...]) -> tuple[int, ...]:
    return tuple(index for index, allowed in enumerate(mask) if allowed)


@dataclass(frozen=True, init=False)
class Choice:
    """Choose one of `options`.

    Every `Choice` of one `name` has the same options in the same order, since the controller keeps one softmax per
    name; `allowed` (a selection of the options) masks the rest at this place. The program receives the option.
    """

    name: str
    options: tuple[Option, ...]
    allowed: tuple[bool, ...]

    def __init__(self, name: str, options: Sequence[Option], *, allowed: Sequence[Option] | None = None) -> None:
        options = tuple(options)
        if not isinstance(name, str) or not name:
            raise SpaceError(f"a Choice needs a name, a non-empty string; got {name!r}")
        if not options:
            raise SpaceError(f"Choice {name!r} has no options; give at least one")
        allowed = None if allowed is None else tuple(allowed)
        try:
            mask = _mask(name, options, _types(options), allowed, _types(allowed or ()))
        except TypeError:
            raise SpaceError(
                f"Choice {name!r}: options are strings, numbers, booleans and None; got {options}, allowed={allowed}"
            ) from None
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "allowed", mask)

    @property
    def allowed_actions(self) -> tuple[int, ...]:
        """The indices of the options that may be chosen here."""
        return _selected(self.allowed)

    def answer(self, action: Action) -> Option:
        """The option with index `action`; `SpaceError` where it is out of range or masked."""
        if isinstance(action, bool) or not isinstance(action, int) or not 0 <= action < len(self.options):
            raise SpaceError(
                f"action {action!r} is out of range for Choice {self.name!r}: expected an index in "
                f"0..{len(self.options) - 1} of its options {self.options}"
            )
        if not self.allowed[action]:
            raise SpaceError(
                f"action {action} (option {self.options[action]!r}) of Choice {self.name!r} is masked here"
            )
        return self.options[action]

    def action(self, answer: object) -> int:
        """The index of the option `answer`; `SpaceError` where it is not an option or masked."""
        for index, option in enumerate(self.options):
            if type(option) is type(answer) and option == answer:
                self.answer(index)
                return index
        raise SpaceError(f"{self.name} = {answer!r} is not among the options {self.options}")


@dataclass(frozen=True)
class Subset:
    """Choose any subset of the earlier places where a `Subset` of this `name` was asked: the anchor points.

    `of` is the number of those earlier places, so the first `Subset` of a name has `of=0` and one possible answer.
    Position j means the j-th of them. The program receives the selected positions as an ascending tuple.
    Paper: section 3.3.
    """

    name: str
    of: int

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise SpaceError(f"a Subset needs a name, a non-empty string; got {self.name!r}")
        if isinstance(self.of, bool) or not isinstance(self.of, int) or self.of < 0:
            raise SpaceError(
                f"Subset {self.name!r}: `of` must be the number of earlier ones, 0 or more; got {self.of!r}"
            )

    def answer(self, action: Action) -> tuple[int, ...]:
        """The selected positions; `SpaceError` where `action` is no ascending tuple of positions in 0..of-1."""
        if not isinstance(action, tuple) or any(type(position) is not int for position in action):
            raise SpaceError(f"action {action!r} for Subset {self.name!r}: expected a tuple of whole numbers")
        if list(action) != sorted(set(action)):
            raise SpaceError(f"action {action!r} for Subset {self.name!r}: expected an ascending tuple of positions")
        outside = [position for position in action if not 0 <= position < self.of]
        if outside:
            raise SpaceError(
                f"position {outside[0]} is out of range for Subset {self.name!r}: {self.of} places can be selected"
            )
        return action

    def action(self, answer: object) -> tuple[int, ...]:
        """The recorded action of the positions `answer`, in any order."""
        if not isinstance(answer, tuple | list | set | frozenset) or any(type(place) is not int for place in answer):
            raise SpaceError(f"{self.name} = {answer!r} is not a tuple of positions")
        return self.answer(tuple(sorted(answer)))


Decision = Choice | Subset


def actions_to_json(actions: Sequence[Action]) -> list[int | list[int]]:
    """Actions as JSON gives them back, which has no tuples."""
    return [list(action) if isinstance(action, tuple) else action for action in actions]


def actions_from_json(document: Sequence[Any]) -> Actions:
    """The actions that `actions_to_json` wrote; whatever else is there is left for a space to refuse."""
    return tuple(tuple(action) if isinstance(action, list) else action for action in document)
