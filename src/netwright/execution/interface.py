"""Where children run, as the search loop sees it."""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Protocol

from netwright.trials import Job, Measurement, Outcome, RemoteTask

Evaluate = Callable[[Job], Measurement]
"""Trains one child: a function of (architecture, seed) that opens its data at the first call. May raise."""


class Executor(Protocol):
    """Runs jobs and hands back their outcomes in the order in which they end.

        for job in step.jobs:
            executor.submit(job)
        for outcome in executor.wait():
            step = core.receive(outcome)

    An executor never raises what a child raises: that is an `Outcome` with a failure. Used from one thread.
    """

    @property
    def workers(self) -> int | None:
        """How many children run at once; None where they run in this process."""

    def submit(self, job: Job | RemoteTask) -> None:
        """Accept a job; a chore goes before all jobs that wait."""

    def wait(self) -> Sequence[Outcome]:
        """Block until at least one submitted job has ended; return all that have."""

    def now(self) -> float:
        """Seconds on the clock by which outcomes are timed; a simulator's need not be the wall's."""

    def close(self) -> None:
        """Stop everything at once; jobs under way are given up."""


def queue_up(queue: deque[Job | RemoteTask], job: Job | RemoteTask) -> None:
    """Put a job at the end, and a chore behind the other chores and before all jobs."""
    if isinstance(job, RemoteTask):
        queue.insert(sum(1 for _ in takewhile(lambda waiting: isinstance(waiting, RemoteTask), queue)), job)
    else:
        queue.append(job)
