"""Children in this process, one after the other: for functions in notebooks, and for tests."""

import time
from collections import deque
from collections.abc import Sequence

from netwright.execution.attempts import attempt
from netwright.execution.interface import Evaluate, queue_up
from netwright.trials import Job, Outcome, RemoteTask


class InProcessExecutor:
    """Implements `Executor` without workers, time limits or protection from crashes."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._jobs: deque[Job | RemoteTask] = deque()

    @property
    def workers(self) -> None:
        """None: children run in this process."""

    def submit(self, job: Job | RemoteTask) -> None:
        """Queue a job, or a remote task before all jobs."""
        queue_up(self._jobs, job)

    def wait(self) -> Sequence[Outcome]:
        """Run the job at the head of the queue."""
        return [attempt(self._evaluate, self._jobs.popleft())]

    def now(self) -> float:
        """Seconds on this machine's clock."""
        return time.monotonic()

    def close(self) -> None:
        """Drop what is queued."""
        self._jobs.clear()
