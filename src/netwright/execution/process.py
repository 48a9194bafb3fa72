"""The worker processes of this machine: how they are started, and what runs in them."""

import contextlib
import ctypes
import itertools
import json
import multiprocessing
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from weakref import WeakSet

import cloudpickle
from loky.backend.context import LokyContext
from loky.backend.process import LokyProcess

from netwright.execution.attempts import attempt
from netwright.execution.gpus import VISIBLE, device_of
from netwright.execution.interface import Evaluate
from netwright.execution.watcher import MARK, Watcher, end_all
from netwright.trials import Failure, FailureKind, Outcome

SECONDS_TO_CLEAR_UP = 0.5
"""How long a worker that is ended may take before it is killed."""
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # malloc.h
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerProcess(LokyProcess):  # type: ignore[misc]
    """A worker process. Every exit is a failure, even code 0; pebble would otherwise lose the job."""

    @property
    def exitcode(self) -> int | None:
        """None while the process lives, and never 0."""
        return 1 if super().exitcode == 0 else super().exitcode

    def __init__(self, *args: object, on_start: Callable[["WorkerProcess"], None], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._on_start: Callable[[WorkerProcess], None] | None = on_start

    def start(self) -> None:
        """Start the process, also in a daemonic one: the watcher ends the workers when their parent has died."""
        on_start, self._on_start = self._on_start, None  # not sent to the process
        assert on_start is not None
        parent = multiprocessing.current_process()
        daemon = parent.daemon
        if daemon:
            parent.daemon = False
        try:
            super().start()
        finally:
            if daemon:
                parent.daemon = True
        on_start(self)

    def terminate(self) -> None:
        """End the process and what it started; pebble calls this at the time limit."""
        self.ask_to_end()
        _wait_for([self])
        end_all(self.mark, [self.pid] if self.pid else [])

    @property
    def mark(self) -> str:
        """The mark in the environment of the process and of all that it starts."""
        return str(self.env[MARK])

    def ask_to_end(self) -> None:
        """Send SIGTERM, after which multiprocessing clears up what is its own, if the process still reacts."""
        super().terminate()


class WorkerContext(LokyContext):  # type: ignore[misc]
    """Starts worker processes as loky does, with a watcher that ends them.

    Args:
        num_gpus: The GPUs that workers take in turn, one each; with 0 all workers see what this process sees.

    Attributes:
        started: The processes that may still run.
    """

    def __init__(self, num_gpus: int = 0) -> None:
        self._num_gpus = num_gpus
        self._workers: dict[int, WorkerProcess] = {}
        """The last process of each number of a worker, from 0."""
        self.started: WeakSet[WorkerProcess] = WeakSet()
        self._mark, self._numbers = f"{os.getpid()}-{secrets.token_hex(8)}.", itertools.count()
        self._watcher = Watcher(self._mark)
        self._marks: dict[int, str] = {}

    def Process(self, *args: object, **kwargs: object) -> WorkerProcess:  # noqa: N802
        """Create a worker process; pebble calls this."""
        mark = f"{self._mark}{next(self._numbers)};"
        variables = {MARK: os.environ.get(MARK, "") + mark}
        worker = next(each for each in itertools.count() if not self._is_taken(each))
        if self._num_gpus:
            variables[VISIBLE] = device_of(worker, self._num_gpus, os.environ.get(VISIBLE))
        process = WorkerProcess(*args, **kwargs, env=variables, on_start=self._began)
        self.started.add(process)
        self._workers[worker] = process
        return process

    def _is_taken(self, worker: int) -> bool:
        return worker in self._workers and self._workers[worker].is_alive()

    def _began(self, process: WorkerProcess) -> None:
        assert process.pid is not None
        self._marks[process.pid] = process.mark
        self._watcher.add(process.pid)

    def end_leftovers(self, number: int) -> Failure | None:
        """End what a worker started that has died.

        Args:
            number: Its process number.

        Returns:
            The failure that it reported as it ended itself; None if it died otherwise.
        """
        mark = self._marks.pop(number, None)
        if mark is None:
            return None
        end_all(mark, [number])
        return _read_report(mark)

    def end_workers(self) -> None:
        """End all workers and what they started."""
        workers = [worker for worker in self.started if worker.is_alive()]
        for worker in workers:
            worker.ask_to_end()
        _wait_for(workers)
        end_all(self._mark, list(self._marks))
        self._marks.clear()

    def close(self) -> None:
        """End the watcher, which ends all that may be left."""
        self._watcher.close()


def _wait_for(workers: Collection[WorkerProcess]) -> None:
    """Wait until the workers have ended, a short time at most: the main thread may be in code of a library."""
    deadline = time.monotonic() + SECONDS_TO_CLEAR_UP
    while any(worker.is_alive() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.01)


_evaluate: Evaluate | None = None
"""In a worker: trains one child; received once."""
_parent = 0
"""In a worker: the parent's process number."""


def keep_freed_memory() -> None:
    """Make the C library keep memory that one training step frees for the next, instead of returning its pages.

    Some percent of a child's time would go into fetching the same pages again at every step. Only blocks up to 32 MiB
    are kept. Does nothing if the C library is not glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        glibc = ctypes.CDLL("libc.so.6")
        glibc.mallopt(MMAP_THRESHOLD, 32 << 20)
        glibc.mallopt(TRIM_THRESHOLD, 1 << 30)


def send_main_module_by_value() -> None:
    """Make cloudpickle send what a script defines also where the script runs as a process of multiprocessing.

    Its module has another name there, "__mp_main__", than "__main__", which is always sent by value.
    """
    main = sys.modules.get("__mp_main__")
    if main is not None and main.__name__ == "__mp_main__":
        cloudpickle.register_pickle_by_value(main)


def start_worker(pickled: bytes, parent: int, threads: int, start_method: str | None) -> None:
    """Prepare a worker process.

    Args:
        pickled: The function that trains one child, pickled.
        parent: The parent's process number; the worker exits when the parent has died.
        threads: Threads per computation.
        start_method: The parent's start method of multiprocessing; None is the default. loky replaces it by its own,
            whose processes are neither a DataLoader's nor a pool's.
    """
    global _evaluate, _parent
    _parent = parent
    os.setsid()  # Ctrl-C in the terminal no longer comes here
    # Neither ignored nor blocked, which programs that a child starts would inherit: `send_signal(SIGINT)` would not
    # end them.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    multiprocessing.set_start_method(start_method, force=True)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    _evaluate = load_evaluate(pickled, threads)


def load_evaluate(pickled: bytes, threads: int) -> Evaluate:
    """Unpickle the function that trains one child, and make all computations of this process use `threads` threads."""
    # Set before unpickling imports the numerical libraries, which read these variables once.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    keep_freed_memory()
    evaluate: Evaluate = cloudpickle.loads(pickled)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
    return evaluate


def _exit_with_parent() -> None:
    """Exit when the parent was killed; the worker would otherwise finish a child whose result nobody takes."""
    while True:
        _exit_without_parent()
        time.sleep(0.5)


def _exit_without_parent() -> None:
    if os.getppid() != _parent:
        os._exit(1)


def work(pickled: bytes) -> Outcome:
    """Train one child in a prepared worker."""
    assert _evaluate is not None
    _exit_without_parent()  # the pool sends each worker its next child before it has ended one
    outcome = attempt(_evaluate, cloudpickle.loads(pickled), in_worker=True)
    if outcome.lost:  # this process cannot use its GPU any more, and another child would fail, too
        assert outcome.failure is not None
        _write_report(os.environ[MARK], outcome.failure)
        os._exit(1)
    return outcome


def _report_of(mark: str) -> Path:
    """Return the file in which a worker writes why it ends itself; the pool reports only that it has ended."""
    return Path(tempfile.gettempdir(), f"netwright-{mark.replace(';', '-')}failure.json")


def _write_report(mark: str, failure: Failure) -> None:
    with contextlib.suppress(OSError), _report_of(mark).open("x", encoding="utf-8") as file:
        _report_of(mark).chmod(0o600)
        json.dump(asdict(failure), file)


def _read_report(mark: str) -> Failure | None:
    try:
        values = json.loads(_report_of(mark).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none, or the disk is full
        return None
    _report_of(mark).unlink()
    return Failure(**{**values, "kind": FailureKind(values["kind"])})
