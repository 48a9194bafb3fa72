"""Children in this process, one after the other: for functions in notebooks, and for tests."""

import os
import secrets
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache
from multiprocessing import resource_tracker

from netwright.errors import RunError
from netwright.execution.attempts import attempt
from netwright.execution.interface import Evaluate, queue_up
from netwright.execution.watcher import MARK, Watcher
from netwright.trials import Job, Outcome, RemoteTask


class InProcessExecutor:
    """Implements `Executor` without workers, time limits or protection from crashes.

    Args:
        evaluate: Trains one child.
        is_watched: Whether `evaluate` may start processes, which then end with this one, also if it is killed.
    """

    def __init__(self, evaluate: Evaluate, *, is_watched: bool = False) -> None:
        self._evaluate = evaluate
        self._jobs: deque[Job | RemoteTask] = deque()
        # A search inside a worker of another search is watched there.
        self._watched = _watched(os.getpid()) if is_watched and MARK not in os.environ else None
        if self._watched is not None:
            self._watched.watcher.search_begins()

    @property
    def workers(self) -> None:
        """None: children run in this process."""

    def submit(self, job: Job | RemoteTask) -> None:
        """Queue a job, or a remote task before all jobs."""
        queue_up(self._jobs, job)

    def wait(self) -> Sequence[Outcome]:
        """Run the job at the head of the queue; raise `RunError` if this process can no longer use its GPU."""
        job = self._jobs.popleft()
        with self._watched.marking() if self._watched else nullcontext():
            outcome = attempt(self._evaluate, job)
        if outcome.lost:
            raise RunError(
                f"this process can no longer use its GPU; what has ended is kept. Start it again, with workers, which "
                f"are replaced after such an error:\n{outcome.failure}"
            )
        return [outcome]

    def now(self) -> float:
        """Seconds on this machine's clock."""
        return time.monotonic()

    def close(self) -> None:
        """Drop what is queued."""
        self._jobs.clear()
        if self._watched is not None:
            self._watched.watcher.search_ends()
            self._watched = None


class _Watched:
    """This process while children may be evaluated in it: what they start ends with the process."""

    def __init__(self) -> None:
        resource_tracker.ensure_running()  # it serves the whole program and is older than anything to be ended
        self._mark = f"{os.getpid()}-{secrets.token_hex(8)}."
        self.watcher = Watcher(self._mark)

    @contextmanager
    def marking(self) -> Iterator[None]:
        """Mark all programs that are started in the block."""
        os.environ[MARK] = self._mark
        try:
            yield
        finally:
            os.environ.pop(MARK, None)


@cache
def _watched(process: int) -> _Watched:
    """Return the one of this process, whose number is `process`: a forked process has its own."""
    return _Watched()
