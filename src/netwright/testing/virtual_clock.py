"""An executor on a virtual clock: any number of slots, given durations, lost workers, and no waiting.

executor = VirtualExecutor(evaluate, slots=800, seconds=log_normal(0.5, seed=0))
"""

import heapq
import math
import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from netwright.execution.attempts import attempt
from netwright.execution.interface import Evaluate
from netwright.seeds import derive_seed
from netwright.trials import Failure, FailureKind, Job, Outcome, RemoteTask

Seconds = Callable[[Job, int], float]
"""(job, n) -> seconds that attempt n at the job takes, n from 0."""


def log_normal(sigma: float, *, mean: float = 1.0, seed: int) -> Seconds:
    """Return durations with the mean `mean`, whose logarithms have the standard deviation `sigma`."""
    mu = math.log(mean) - sigma**2 / 2
    return lambda job, tried: random.Random(derive_seed(seed, "seconds", job.number, tried)).lognormvariate(mu, sigma)


def recorded(durations: Sequence[float], *, seed: int) -> Seconds:
    """Return durations sampled from measured ones, with replacement."""
    return lambda job, tried: random.Random(derive_seed(seed, "seconds", job.number, tried)).choice(durations)


class VirtualExecutor:
    """Implements `Executor`; a job begins when one of `slots` is free, in the order of submission.

    `evaluate` is called in this process when a job ends. With probability `loss` the worker is lost at a random moment
    before. The result of a job depends on its number and the number of attempts, and on no other job.
    """

    def __init__(self, evaluate: Evaluate, *, slots: int, seconds: Seconds, loss: float = 0.0, seed: int = 0) -> None:
        self.slots = slots
        self.work: list[tuple[float, float]] = []
        """(begun, seconds) of every attempt that has begun or will."""
        self.last_new = 0.0
        """When the last first attempt begins."""
        self._evaluate, self._seconds, self._loss, self._seed = evaluate, seconds, loss, seed
        self._free = [0.0] * slots
        self._clock = 0.0
        self._tries: Counter[int] = Counter()
        self._remote_tasks: deque[RemoteTask] = deque()
        self._ends: list[tuple[float, int, float, bool, Job]] = []

    @property
    def workers(self) -> int:
        """How many children run at once."""
        return self.slots

    def submit(self, job: Job | RemoteTask) -> None:
        """Give the job the slot that is free first. A remote task takes neither a slot nor time."""
        if isinstance(job, RemoteTask):
            self._remote_tasks.append(job)
            return
        tried = self._tries[job.number]
        self._tries[job.number] += 1
        begun = max(heapq.heappop(self._free), self._clock)
        seconds = self._seconds(job, tried)
        rng = random.Random(derive_seed(self._seed, "loss", job.number, tried))
        if lost := rng.random() < self._loss:
            seconds *= rng.random()
        if tried == 0:
            self.last_new = max(self.last_new, begun)
        heapq.heappush(self._free, begun + seconds)
        heapq.heappush(self._ends, (begun + seconds, len(self.work), begun, lost, job))
        self.work.append((begun, seconds))

    def wait(self) -> Sequence[Outcome]:
        """Advance the clock to the next end; return what ends then."""
        if self._remote_tasks:
            return [attempt(self._evaluate, self._remote_tasks.popleft())]
        self._clock, _, begun, lost, job = heapq.heappop(self._ends)
        seconds = self._clock - begun
        if lost:
            return [Outcome(job.number, None, Failure(FailureKind.WORKER_LOST, "lost on purpose"), seconds, begun)]
        return [replace(attempt(self._evaluate, job), seconds=seconds, begun=begun)]

    def now(self) -> float:
        """Seconds on the virtual clock."""
        return self._clock

    def close(self) -> None:
        """Give up the jobs under way."""
        self._ends.clear()
        self._remote_tasks.clear()
