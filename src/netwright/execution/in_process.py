"""Children in this very process, one after the other: for functions in notebooks, and for tests."""

import time
from collections import deque
from collections.abc import Sequence

from netwright.execution.attempts import attempt
from netwright.execution.interface import Evaluate
from netwright.trials import Job, Outcome


class InProcessExecutor:
    """Implements `Executor` without workers, time limits or protection from crashes."""

    def __init__(self, evaluate: Evaluate) -> None:
        self._evaluate = evaluate
        self._jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Put the job at the end of the queue."""
        self._jobs.append(job)

    def wait(self) -> Sequence[Outcome]:
        """Run the oldest job."""
        return [attempt(self._evaluate, self._jobs.popleft())]

    def now(self) -> float:
        """Seconds on this machine's clock."""
        return time.monotonic()

    def close(self) -> None:
        """Drop what is queued."""
        self._jobs.clear()
