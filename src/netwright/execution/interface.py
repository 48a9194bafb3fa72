"""The interface between executors and the search loop."""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Protocol

from netwright.trials import Job, Measurement, Outcome, RemoteTask

Evaluate = Callable[[Job], Measurement]
"""Trains one child: a function of (architecture, seed) that opens its data at the first call. It may raise."""


class Executor(Protocol):
    """Runs jobs and returns their outcomes in the order in which they end.

        for job in step.jobs:
            executor.submit(job)
        for outcome in executor.wait():
            step = core.receive(outcome)

    An exception of a child is never raised; it becomes an `Outcome` with a failure. All methods are called from one
    thread.
    """

    @property
    def workers(self) -> int | None:
        """The number of children that run at once; None if they run in this process."""

    def submit(self, job: Job | RemoteTask) -> None:
        """Accept a job; a remote task is done before all jobs that wait."""

    def wait(self) -> Sequence[Outcome]:
        """Block until at least one submitted job has ended; return all that have."""

    def now(self) -> float:
        """Return the seconds on the clock that times outcomes; a simulator's need not be the wall clock."""

    def close(self) -> None:
        """Stop at once and give up the jobs under way."""


def queue_up(queue: deque[Job | RemoteTask], job: Job | RemoteTask) -> None:
    """Append a job, or insert a remote task behind the other remote tasks and before all jobs."""
    if isinstance(job, RemoteTask):
        queue.insert(sum(1 for _ in takewhile(lambda waiting: isinstance(waiting, RemoteTask), queue)), job)
    else:
        queue.append(job)
