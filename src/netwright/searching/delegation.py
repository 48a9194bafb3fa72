"""What replicas compute, a draw or a gradient, handed out like children."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netwright.errors import RunError
from netwright.trials import MAX_ATTEMPTS, Chore, Outcome


@dataclass
class Answer:
    """What the strategy was asked for."""

    value: Any = None
    known: bool = True


class Chores:
    """Those under way, each with the answer that it will give."""

    def __init__(self) -> None:
        self.new: list[Chore] = []
        """Asked for, and not handed out."""
        self._number = 0
        self._under_way: dict[int, tuple[Chore, Answer]] = {}
        self._attempts: Counter[int] = Counter()

    def ask(self, work: Callable[[], Any] | None) -> Answer:
        """The answer to come; known at once where there is nothing to do."""
        if work is None:
            return Answer()
        self._number -= 1
        chore, answer = Chore(self._number, work), Answer(known=False)
        self._under_way[chore.number] = chore, answer
        self.new.append(chore)
        return answer

    def take(self, outcome: Outcome) -> None:
        """Take the end of a chore, which is asked for again where its worker was lost; `RunError` if it cannot be done.

        A second answer, from a worker that was given up, is nobody's.
        """
        if outcome.number not in self._under_way:
            return
        chore, answer = self._under_way[outcome.number]
        if outcome.failure is None:
            del self._under_way[chore.number]
            answer.value, answer.known = outcome.answer, True
            return
        self._attempts[chore.number] += 1
        if not outcome.failure.kind.says_nothing_of_the_child or self._attempts[chore.number] == MAX_ATTEMPTS:
            raise RunError(f"a replica of the controller cannot do its work: {outcome.failure}")
        self.new.append(chore)
