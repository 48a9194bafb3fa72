"""What a strategy remembers of a trial."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from netwright.spaces.decisions import Actions, actions_from_json, actions_to_json


@dataclass(frozen=True)
class Observation:
    """A trial that was observed: its number, which gives the space's parameters, its actions and its reward."""

    number: int
    actions: Actions
    reward: float

    def to_json(self) -> list[Any]:
        """JSON values from which `from_json` makes an equal one."""
        return [self.number, actions_to_json(self.actions), self.reward]

    @classmethod
    def from_json(cls, document: Sequence[Any]) -> Self:
        """The observation that `to_json` wrote."""
        number, actions, reward = document
        return cls(number, actions_from_json(actions), reward)
