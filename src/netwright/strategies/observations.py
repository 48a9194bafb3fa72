"""What a strategy remembers of a trial."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from netwright.spaces.decisions import Actions


@dataclass(frozen=True)
class Observation:
    """A trial that was observed: its number, which gives the space's parameters, its actions and its reward."""

    number: int
    actions: Actions
    reward: float

    def to_json(self) -> list[Any]:
        """JSON values from which `from_json` makes an equal one."""
        actions = [list(action) if isinstance(action, tuple) else action for action in self.actions]
        return [self.number, actions, self.reward]

    @classmethod
    def from_json(cls, document: Sequence[Any]) -> Self:
        """The observation that `to_json` wrote."""
        number, actions, reward = document
        return cls(number, tuple(tuple(each) if isinstance(each, list) else each for each in actions), reward)
