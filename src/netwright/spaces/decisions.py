"""The two kinds of decisions of a search space: `Choice`, one of several options, and `Subset`, any earlier positions.

width = yield Choice("width", (8, 16, 32))       # 8, 16 or 32
inputs = yield Subset("inputs", of=2)            # (), (0,), (1,) or (0, 1)
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.errors import SpaceError

Option = str | int | float | bool | None
Action = int | tuple[int, ...]
"""An answer as it is recorded: the option's index for a `Choice`, the selected positions for a `Subset`."""
Actions = tuple[Action, ...]
Answer = Option | tuple[int, ...]
"""An answer as the space's program receives it: the option itself, or the selected positions."""


def identities(options: Sequence[Option]) -> tuple[tuple[type, Option], ...]:
    """Return (type, value) of each option: options are compared as in JSON, while True == 1 in Python.

    Raises:
        TypeError: an option is not hashable.
    """
    typed = tuple((type(option), option) for option in options)
    hash(typed)
    return typed


def _types(options: Sequence[Option]) -> tuple[type, ...]:
    return tuple(map(type, options))


# A search creates equal decisions very often, so the results of their checks are cached.


@functools.lru_cache(maxsize=4096)
def _mask(
    name: str,
    options: tuple[Option, ...],
    types: tuple[type, ...],
    allowed: tuple[Option, ...] | None,
    allowed_types: tuple[type, ...],
) -> tuple[bool, ...]:
    """Return for each option of a `Choice` whether it is allowed.

    The types are arguments because True and 1 are the same key of a cache.
    """
    listed = identities(options)
    distinct = set(listed)
    selected = distinct if allowed is None else {*identities(allowed)}
    if len(distinct) < len(options):
        raise SpaceError(f"Choice {name!r} lists an option twice: {options}")
    mask = tuple(identity in selected for identity in listed)
    if allowed is not None and (not any(mask) or not selected <= distinct):
        raise SpaceError(f"Choice {name!r}: allowed={allowed} must be a non-empty selection of its options {options}")
    return mask


@functools.lru_cache(maxsize=4096)
def _selected(mask: tuple[bool, ...]) -> tuple[int, ...]:
    return tuple(index for index, allowed in enumerate(mask) if allowed)


@dataclass(frozen=True, init=False)
class Choice:
    """The decision for one of several options; the program receives the option.

    Args:
        name: what is decided. All `Choice`s of one name have the same options in the same order, since the controller
            has one softmax for each name.
        options: distinct strings, numbers, booleans or None.
        allowed: the options that are possible at this decision; default all.

    Raises:
        SpaceError: an argument breaks one of these rules.
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
        """The indices of the allowed options."""
        return _selected(self.allowed)

    def answer(self, action: Action) -> Option:
        """Return the option with index `action`; raise `SpaceError` if it is out of range or masked."""
        if isinstance(action, bool) or not isinstance(action, int) or not 0 <= action < len(self.options):
            raise SpaceError(
                f"action {action!r} is out of range for Choice {self.name!r}: expected an index in "
                f"0..{len(self.options) - 1} of its options {self.options}"
            )
        if not self.allowed[action]:
            raise SpaceError(
                f"action {action} (option {self.options[action]!r}) of Choice {self.name!r} is masked at this decision"
            )
        return self.options[action]

    def action(self, answer: object) -> int:
        """Return the index of the option `answer`; raise `SpaceError` if it is not an option or masked."""
        for index, option in enumerate(self.options):
            if type(option) is type(answer) and option == answer:
                self.answer(index)
                return index
        raise SpaceError(f"{self.name} = {answer!r} is not among the options {self.options}")


@dataclass(frozen=True)
class Subset:
    """The decision for any subset of the earlier decisions of the same name, the anchor points (paper, section 3.3).

    The program receives the selected positions as an ascending tuple; position j is the j-th `Subset` of this name in
    the episode.

    Args:
        name: what is decided.
        of: the number of earlier `Subset`s of this name in the episode. The first one has `of=0` and one possible
            answer, ().

    Raises:
        SpaceError: the name is empty or `of` is not a whole number, 0 or more.
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
        """Return the selected positions; raise `SpaceError` unless `action` is an ascending tuple in 0..of-1."""
        if not isinstance(action, tuple) or any(type(position) is not int for position in action):
            raise SpaceError(f"action {action!r} for Subset {self.name!r}: expected a tuple of whole numbers")
        if list(action) != sorted(set(action)):
            raise SpaceError(f"action {action!r} for Subset {self.name!r}: expected an ascending tuple of positions")
        outside = [position for position in action if not 0 <= position < self.of]
        if outside:
            raise SpaceError(
                f"position {outside[0]} is out of range for Subset {self.name!r}: {self.of} positions can be selected"
            )
        return action

    def action(self, answer: object) -> tuple[int, ...]:
        """Return the action for the positions `answer`, which may be in any order; `SpaceError` if not possible."""
        if not isinstance(answer, tuple | list | set | frozenset) or any(type(place) is not int for place in answer):
            raise SpaceError(f"{self.name} = {answer!r} is not a tuple of positions")
        return self.answer(tuple(sorted(answer)))


Decision = Choice | Subset


def actions_to_json(actions: Sequence[Action]) -> list[int | list[int]]:
    """Convert actions to JSON values: tuples become lists."""
    return [list(action) if isinstance(action, tuple) else action for action in actions]


def actions_from_json(document: Sequence[int | list[int]]) -> Actions:
    """Convert the result of `actions_to_json` back; `Space.replay` refuses values that are not actions."""
    return tuple(tuple(action) if isinstance(action, list) else action for action in document)
