"""Children on a Ray cluster: one actor for each child that is trained at once, reused for later children.

An actor keeps its process, so that libraries are imported and data is opened once; Ray's tasks on a GPU would do both
for every child. What is sent is pickled here, as for local workers: arrays that Ray itself unpickles are read-only.
"""

import math
import sys
import time
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle

from netwright.errors import ConfigError, RunError
from netwright.execution.failures import failure_of
from netwright.execution.interface import Evaluate, queue_up
from netwright.execution.local import usable_cores
from netwright.execution.on_ray.cluster import connect, import_ray, nodes, on_node
from netwright.execution.on_ray.worker import Worker, WorkerLocation, tail
from netwright.trials import Failure, FailureKind, Job, Outcome, RemoteTask

SECONDS_BETWEEN_LOOKS = 0.5
"""How often time limits and the size of the cluster are checked."""
PATIENCE = 60.0
"""Seconds without any actor until a warning."""
SECONDS_FOR_OUTPUT = 10


@dataclass(eq=False)
class ActorHandle:
    """An actor, from its start to its end."""

    actor: Any
    since: float
    """When its present work began."""
    location: WorkerLocation | None = None
    job: Job | RemoteTask | None = None
    """None while it starts or waits."""


class RayExecutor:
    """Implements `Executor` on a cluster: `workers` children at once, or as many as its processors and GPUs allow.

    A child has one processor and `gpus_per_child` GPUs, possibly a fraction of one; None is one GPU if there are GPUs.
    A job that takes longer than `time_limit` seconds ends as a failure and its actor is replaced. An actor that died is
    replaced, too. Nodes may join and leave. For `address` see `cluster.connect`.

    `wait` raises `RunError` if a node lacks netwright, the user's modules or the data: the cause is then no child.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        *,
        address: str | None = None,
        workers: int | None = None,
        gpus_per_child: float | None = None,
        time_limit: float | None = None,
        threads: int = 1,
    ) -> None:
        _check_gpus(gpus_per_child)
        self._ray = import_ray()
        self._time_limit, self._threads, self._num_workers = time_limit, threads, workers
        self._queue: deque[Job | RemoteTask] = deque()
        self._busy: dict[object, ActorHandle] = {}
        """The working actors by the reference to the result: of the start, or a job's outcome."""
        self._idle: list[ActorHandle] = []
        self._silent: set[str] = set()
        """Nodes from which the output of a dead actor could not be read."""
        self._disconnect = connect(address, max(workers or 0, usable_cores()))
        try:
            self._gpus = self._gpus_per_child(gpus_per_child)
            self.workers = self._size()
            """The number of children that can be trained at once."""
            if not self.workers:
                raise ConfigError(
                    "the Ray cluster has no processor for children; start a node that has, or say --workers to wait "
                    "for nodes that join later"
                )
            self._looked = self._active = time.monotonic()
            self._evaluate = self._ray.put(cloudpickle.dumps(evaluate))
        except BaseException:
            self._disconnect()
            raise

    def _gpus_per_child(self, wanted: float | None) -> float:
        most = max((node.gpus for node in nodes()), default=0.0)
        if wanted is None:
            return 1.0 if most else 0.0
        if wanted > most:
            raise ConfigError(
                f"a child is to have {wanted:g} GPUs, and no node of the Ray cluster has more than {most:g}; lower "
                "--gpus-per-child, or start a node that has them"
            )
        return wanted

    def _size(self) -> int:
        return self._num_workers or sum(_room(node.cpus, node.gpus, self._gpus) for node in nodes())

    def submit(self, job: Job | RemoteTask) -> None:
        """Queue a job, or a remote task before all jobs, and give work to idle actors."""
        queue_up(self._queue, job)
        self._give_work()

    def _give_work(self) -> None:
        while self._queue and self._idle:
            handle = self._idle.pop()
            job = self._queue.popleft()
            handle.job, handle.since = job, time.monotonic()
            self._busy[handle.actor.work.remote(cloudpickle.dumps(job))] = handle
        num_starting = sum(handle.job is None for handle in self._busy.values())
        num_actors = len(self._busy) + len(self._idle)
        for _ in range(min(len(self._queue) - num_starting, self.workers - num_actors)):
            actor = self._ray.remote(Worker).options(num_cpus=1, num_gpus=self._gpus).remote(self._threads)
            self._busy[actor.start.remote(self._evaluate, sys.path)] = ActorHandle(actor, time.monotonic())

    def wait(self) -> Sequence[Outcome]:
        """Block until a job has ended; return the outcomes of all jobs that have."""
        outcomes: list[Outcome] = []
        while not outcomes:
            self._look_around()
            self._give_work()
            if not self._busy:  # no node is left, and one may join
                time.sleep(SECONDS_BETWEEN_LOOKS)
                continue
            references = list(self._busy)
            self._ray.wait(references, timeout=SECONDS_BETWEEN_LOOKS)
            # Results that have arrived are taken before jobs are stopped at their time limit.
            ended, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
            outcomes += [outcome for each in ended if (outcome := self._take(each))]
            outcomes += self._stop_late_ones()
        self._give_work()
        return outcomes

    def _look_around(self) -> None:
        """Update the size of the cluster, and warn if no actor finds a place."""
        now = time.monotonic()
        if now - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        self.workers, self._looked = self._size(), now
        if self._idle or any(handle.location for handle in self._busy.values()):
            self._active = now
        elif now - self._active > PATIENCE:
            self._active = math.inf
            warnings.warn(
                f"no child could be started for {PATIENCE:g} seconds: the Ray cluster has no free processor or GPU; "
                "`ray status` shows what takes them. The search waits",
                stacklevel=2,
            )

    def _take(self, reference: object) -> Outcome | None:
        """Return the outcome of an actor's work; None if the actor has only started."""
        handle = self._busy.pop(reference)
        job, handle.job = handle.job, None
        errors = self._ray.exceptions
        try:
            answer = self._ray.get(reference)
        except errors.RayTaskError as error:  # not the child's: that would have been an outcome
            raise RunError(f"a worker of the Ray cluster cannot train children:\n{error}") from None
        except errors.RayError as error:
            if getattr(error, "actor_init_failed", False):
                raise RunError(
                    f"a worker of the Ray cluster did not start; `netwright doctor --address ADDRESS` compares the "
                    f"nodes' versions with those here:\n{error}"
                ) from None
            return self._lost(handle, job, error)
        if job is None:
            self._idle.append(handle)
            handle.location = answer
            return None
        outcome: Outcome = cloudpickle.loads(answer)
        if outcome.lost:  # the process cannot use its GPU any more
            self._ray.kill(handle.actor)
        else:
            self._idle.append(handle)
        return outcome

    def _lost(self, handle: ActorHandle, job: Job | RemoteTask | None, error: Exception) -> Outcome | None:
        """Return the failure of a lost actor's job. If it died at its start, the next job loses an attempt."""
        self._ray.kill(handle.actor)  # it may be alive and unreachable
        self._dismiss_idle(handle.location)
        if job is None and not self._queue:
            return None
        if job is None:
            job = next((each for each in self._queue if isinstance(each, Job)), self._queue[0])
            self._queue.remove(job)
        head, _, rest = str(error).partition("\n")
        detail = "\n".join(part for part in (rest, self._output(handle.location)) if part)
        failure = failure_of(FailureKind.WORKER_LOST, f"{type(error).__name__}: {head}", detail)
        return Outcome(job.number, None, failure, time.monotonic() - handle.since)

    def _dismiss_idle(self, location: WorkerLocation | None) -> None:
        """Kill the idle actors of a node that may be gone: one job could lose all its attempts on them."""
        for handle in [
            each for each in self._idle if location and each.location and each.location.node == location.node
        ]:
            self._idle.remove(handle)
            self._ray.kill(handle.actor)

    def _output(self, location: WorkerLocation | None) -> str:
        """Return the output of an actor that died; empty if its node does not answer."""
        if (
            location is None
            or location.node in self._silent
            or location.node not in {node.identity for node in nodes()}
        ):
            return ""
        asked = self._ray.remote(tail).options(**on_node(location.node), max_retries=0).remote(location.files)
        try:
            output: str = self._ray.get(asked, timeout=SECONDS_FOR_OUTPUT)
        except self._ray.exceptions.RayError:
            self._silent.add(location.node)
            return ""
        return output

    def _stop_late_ones(self) -> list[Outcome]:
        limit = self._time_limit
        if limit is None:
            return []
        now = time.monotonic()
        outcomes = []
        for reference, handle in list(self._busy.items()):
            if not isinstance(handle.job, Job) or now - handle.since <= limit:
                continue
            del self._busy[reference]
            self._ray.kill(handle.actor)
            failure = Failure(FailureKind.TIME_LIMIT, f"stopped after {limit:g} seconds")
            outcomes.append(Outcome(handle.job.number, None, failure, limit, time.time() - limit))
        return outcomes

    def now(self) -> float:
        """Seconds on this machine's clock."""
        return time.monotonic()

    def close(self) -> None:
        """Kill the actors; end the cluster if it was started here."""
        if self._ray.is_initialized():  # `kill` would otherwise start a cluster
            for handle in (*self._busy.values(), *self._idle):
                self._ray.kill(handle.actor)
        self._busy, self._idle = {}, []
        self._queue.clear()
        self._disconnect()


def _check_gpus(gpus: float | None) -> None:
    if gpus is not None and not (0 <= gpus <= 1 or (math.isfinite(gpus) and gpus > 1 and gpus == int(gpus))):
        raise ConfigError(f"gpus_per_child is a fraction of a GPU, 0 to 1, or a whole number of them; got {gpus:g}")


def _room(cpus: float, gpus: float, gpus_per_child: float) -> int:
    """Return the number of children that a node has room for."""
    return int(min(cpus, gpus / gpus_per_child + 1e-6 if gpus_per_child else math.inf))
