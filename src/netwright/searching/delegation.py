"""What replicas compute, a draw or a gradient, handed out like children."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netwright.errors import RunError
from netwright.trials import MAX_ATTEMPTS, Outcome, RemoteTask


@dataclass
class Pending:
    """What the strategy was asked for."""

    value: Any = None
    known: bool = True


class RemoteTasks:
    """Those under way, each with the answer that it will give."""

    def __init__(self) -> None:
        self.new: list[RemoteTask] = []
        """Asked for, and not handed out."""
        self._number = 0
        self._under_way: dict[int, tuple[RemoteTask, Pending]] = {}
        self._attempts: Counter[int] = Counter()

    def ask(self, work: Callable[[], Any] | None) -> Pending:
        """The answer to come; known at once where there is nothing to do."""
        if work is None:
            return Pending()
        self._number -= 1
        task, pending = RemoteTask(self._number, work), Pending(known=False)
        self._under_way[task.number] = task, pending
        self.new.append(task)
        return pending

    def take(self, outcome: Outcome) -> None:
        """Take the end of a chore, which is asked for again where its worker was lost; `RunError` if it cannot be done.

        A second answer, from a worker that was given up, is nobody's.
        """
        if outcome.number not in self._under_way:
            return
        task, pending = self._under_way[outcome.number]
        if outcome.failure is None:
            del self._under_way[task.number]
            pending.value, pending.known = outcome.answer, True
            return
        self._attempts[task.number] += 1
        if not outcome.failure.kind.is_infrastructure_failure or self._attempts[task.number] == MAX_ATTEMPTS:
            raise RunError(f"a replica of the controller cannot do its work: {outcome.failure}")
        self.new.append(task)
