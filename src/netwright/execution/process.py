"""The worker processes of this machine: how they are started, and what runs in them."""

import contextlib
import ctypes
import os
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from weakref import WeakSet

import cloudpickle
from loky.backend.context import LokyContext
from loky.backend.process import LokyProcess

from netwright.execution.attempts import attempt
from netwright.execution.interface import Evaluate
from netwright.trials import Outcome

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # malloc.h
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerProcess(LokyProcess):  # type: ignore[misc]
    """A worker process. Every exit is a failure, even code 0; pebble would otherwise lose the job."""

    @property
    def exitcode(self) -> int | None:
        """None while the process lives, and never 0."""
        return 1 if super().exitcode == 0 else super().exitcode


class WorkerContext(LokyContext):  # type: ignore[misc]
    """Starts processes as loky does, and keeps those that may still run."""

    def __init__(self) -> None:
        self.started: WeakSet[BaseProcess] = WeakSet()

    def Process(self, *args: object, **kwargs: object) -> BaseProcess:  # noqa: N802
        """Create a worker process; pebble calls this."""
        process: BaseProcess = WorkerProcess(*args, **kwargs)
        self.started.add(process)
        return process


_evaluate: Evaluate | None = None
"""In a worker: trains one child; received once."""


def keep_freed_memory() -> None:
    """Make the C library keep memory that one training step frees for the next, instead of returning its pages.

    Some percent of a child's time would go into fetching the same pages again at every step. Only blocks up to 32 MiB
    are kept. Does nothing if the C library is not glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        glibc = ctypes.CDLL("libc.so.6")
        glibc.mallopt(MMAP_THRESHOLD, 32 << 20)
        glibc.mallopt(TRIM_THRESHOLD, 1 << 30)


def start_worker(pickled: bytes, parent: int, threads: int) -> None:
    """Prepare a worker process.

    Args:
        pickled: The function that trains one child, pickled.
        parent: The parent's process number; the worker exits when the parent has died.
        threads: Threads per computation.
    """
    global _evaluate
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
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


def _exit_with(parent: int) -> None:
    """Exit when the parent was killed; the worker would otherwise finish a child whose result nobody takes."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def work(pickled: bytes) -> Outcome:
    """Train one child in a prepared worker."""
    assert _evaluate is not None
    return attempt(_evaluate, cloudpickle.loads(pickled), in_worker=True)
