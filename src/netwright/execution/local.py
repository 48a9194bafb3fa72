"""Children in persistent worker processes of this machine: pebble's pool, with processes started by loky.

Pebble kills a worker at a time limit and replaces one that died; loky's processes start afresh (no fork of threads, no
re-import of an unguarded script). What is sent is pickled by value where necessary, so that functions and
classes of a script or notebook can be sent.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker

import cloudpickle
import pebble
from loky.backend import resource_tracker as loky_tracker

from netwright.errors import RunError
from netwright.execution.attempts import attempt
from netwright.execution.device_errors import is_out_of_gpu_memory
from netwright.execution.failures import failure_of
from netwright.execution.interface import Evaluate
from netwright.execution.process import WorkerContext, send_main_module_by_value, start_worker, work
from netwright.execution.signals import interruptions_held_back
from netwright.trials import Failure, FailureKind, Job, Measurement, Outcome, RemoteTask

SECONDS_BETWEEN_LOOKS = 0.5
"""How often the pool is checked."""
MAX_POOLS = 3
"""Pools in a row that may break without an outcome."""


class LocalExecutor:
    """Implements `Executor` with `workers` processes of `threads` threads each.

    A job that takes longer than `time_limit` seconds ends as a failure and its worker is replaced; a dead worker is
    replaced, too. The workers take `num_gpus` GPUs in turn, each of them one. A job that exhausts a GPU's memory beside
    others is tried once more when no other runs.

    `wait` raises `RunError` if workers die before they start a job: the cause is then no child.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        *,
        workers: int,
        time_limit: float | None = None,
        threads: int = 1,
        num_gpus: int = 0,
    ) -> None:
        self._workers, self._time_limit = workers, time_limit
        send_main_module_by_value()
        self._start_of_worker = (
            cloudpickle.dumps(evaluate),
            os.getpid(),
            threads,
            multiprocessing.get_start_method(allow_none=True),
        )
        self._jobs: dict[int, Job] = {}
        """The jobs that have not ended, by number."""
        self._put_off: deque[Job] = deque()
        """Jobs that exhausted a GPU's memory beside others."""
        self._alone: int | None = None
        """The number of the one that now runs alone, or was the last to."""
        self._held: list[Job] = []
        """Jobs that were submitted while others wait to run alone."""
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._context = WorkerContext(num_gpus)
        self._num_broken, self._why_broken = 0, ""
        """Pools that broke in a row, and the last reason."""
        self._pool = self._started_pool()

    def _started_pool(self) -> pebble.ProcessPool:
        pool = pebble.ProcessPool(
            max_workers=self._workers,
            context=self._context,
            initializer=start_worker,
            initargs=self._start_of_worker,
        )
        _start_ignoring_sigint(pool)
        return pool

    @property
    def workers(self) -> int:
        """How many children run at once."""
        return self._workers

    def submit(self, job: Job | RemoteTask) -> None:
        """Hand a job to the pool. A remote task is done at once in this process, where it waits for no child."""
        if isinstance(job, RemoteTask):
            self._outcomes.put(attempt(_no_child, job))
            return
        if self._put_off or self._alone is not None:
            self._held.append(job)
        else:
            self._start(job)

    def _start(self, job: Job) -> None:
        self._jobs[job.number] = job
        self._schedule(job)

    def _schedule(self, job: Job) -> None:
        pickled = cloudpickle.dumps(job)
        with interruptions_held_back(), contextlib.suppress(RuntimeError):  # a broken pool, which `wait` replaces
            future = self._pool.schedule(work, args=(pickled,), timeout=self._time_limit)
            submitted = time.monotonic()
            future.add_done_callback(lambda ended: self._collect(job, ended, submitted))

    def _collect(self, job: Job, future: Future[Outcome], submitted: float) -> None:
        """Take the end of a job; called in a thread of the pool."""
        try:
            outcome = future.result()
        except CancelledError:
            return
        except BrokenProcessPool as error:
            self._why_broken = str(error)
            return
        except TimeoutError:
            limit = self._time_limit or 0.0
            failure = Failure(FailureKind.TIME_LIMIT, f"stopped after {limit:g} seconds")
            outcome = Outcome(job.number, None, failure, limit, time.time() - limit)
        except BaseException as error:  # the worker died, or its result could not be unpickled
            reported = self._context.end_leftovers(error.pid) if isinstance(error, pebble.ProcessExpired) else None
            failure = reported or failure_of(FailureKind.WORKER_LOST, f"{type(error).__name__}: {error}")
            outcome = Outcome(job.number, None, failure, time.monotonic() - submitted)
        self._num_broken = 0
        if (
            self._workers > 1
            and job.number != self._alone
            and outcome.failure
            and is_out_of_gpu_memory(outcome.failure)
        ):
            self._put_off.append(job)
            self._jobs.pop(job.number, None)
            return
        self._jobs.pop(job.number, None)
        self._outcomes.put(outcome)

    def wait(self) -> Sequence[Outcome]:
        """Block until a job has ended; return the outcomes of all jobs that have."""
        while True:
            self._go_on_alone()
            try:
                outcomes = [self._outcomes.get(timeout=SECONDS_BETWEEN_LOOKS)]
            except queue.Empty:
                if not self._pool.active:
                    self._replace_pool()
                continue
            while not self._outcomes.empty():
                outcomes.append(self._outcomes.get())
            return outcomes

    def _go_on_alone(self) -> None:
        """When no job is left, start the next one that is to run alone, and after the last one those that waited."""
        if self._jobs or not (self._put_off or self._alone is not None):
            return
        if self._put_off:
            job = self._put_off.popleft()
            self._alone = job.number
            self._start(job)
            return
        self._alone, held, self._held = None, self._held, []
        for job in held:
            self._start(job)

    def _replace_pool(self) -> None:
        """Start a new pool: pebble gives a pool up if a worker without a job dies."""
        self._stop_pool()
        self._num_broken += 1
        if self._num_broken == MAX_POOLS:
            raise RunError(
                f"worker processes die before they train anything, {MAX_POOLS} times one after the other "
                f"({self._why_broken}). What they wrote is above; where that is nothing, the system may have killed "
                "them for want of memory: lower --workers"
            )
        self._pool = self._started_pool()
        for job in tuple(self._jobs.values()):
            self._schedule(job)

    def now(self) -> float:
        """Seconds on this machine's clock."""
        return time.monotonic()

    def close(self) -> None:
        """End the workers and all processes that their children started."""
        self._stop_pool()
        self._context.close()

    def _stop_pool(self) -> None:
        self._pool.stop()
        self._context.end_workers()  # before `join` removes what a starting worker needs
        self._pool.join()


def _start_ignoring_sigint(pool: pebble.ProcessPool) -> None:
    """Start the pool's workers with SIGINT blocked.

    The terminal sends Ctrl-C to all processes of the group, but the parent decides when its workers stop. Processes
    and threads inherit blocked signals from the thread that starts them, so SIGINT is blocked from a worker's first
    instruction on, also in workers that replace others.
    """
    for tracker in (loky_tracker, resource_tracker):
        tracker.ensure_running()  # now, since starting a tracker unblocks SIGINT
    held_back = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        started = pool.active
        assert started
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held_back)


def usable_cores() -> int:
    """Return the number of cores that this process may use; all cores if the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _no_child(job: Job) -> Measurement:
    raise AssertionError(f"{job} is trained in a worker")
