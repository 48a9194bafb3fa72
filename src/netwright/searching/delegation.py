"""Work of the strategy that runs in other processes: samples and gradients of replicas, handed out like children."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from netwright.errors import RunError
from netwright.trials import MAX_ATTEMPTS, Outcome, RemoteTask


@dataclass
class Pending:
    """A result that has arrived or will."""

    value: object = None
    known: bool = True
    """Whether the result has arrived."""


class RemoteTasks:
    """The remote tasks under way, each with its pending result."""

    def __init__(self) -> None:
        self._new: list[RemoteTask] = []
        """Requested and not yet handed out."""
        self._number = 0
        self._under_way: dict[int, tuple[RemoteTask, Pending]] = {}
        self._attempts: Counter[int] = Counter()

    def request(self, work: Callable[[], object] | None) -> Pending:
        """Create a task.

        Args:
            work: A picklable and idempotent callable, or None if there is nothing to do.

        Returns:
            The result of `work`, pending; None, known at once, if there is nothing to do.
        """
        if work is None:
            return Pending()
        self._number -= 1
        task, pending = RemoteTask(self._number, work), Pending(known=False)
        self._under_way[task.number] = task, pending
        self._new.append(task)
        return pending

    def take_new(self) -> list[RemoteTask]:
        """Return the tasks to hand out, each once."""
        new, self._new = self._new, []
        return new

    def take(self, outcome: Outcome) -> None:
        """Take the end of a task; a task whose worker was lost is handed out again.

        A second outcome, from a worker that was given up, is ignored.

        Raises:
            RunError: The task failed, or lost its worker `MAX_ATTEMPTS` times.
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
        self._new.append(task)
