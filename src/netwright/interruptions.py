"""Ctrl-C held back while it would break what other threads share."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptions_held_back() -> Iterator[None]:
    """SIGINT and SIGTERM wait for the end of the block.

    Python runs a signal's handler between any two instructions of the main thread. An exception from there in the
    middle of `queue.Queue.put` leaves a queue whose next item wakes nobody, and whoever joins its thread waits forever.
    Does nothing in other threads, which no signal interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _held_back(signal.SIGTERM), _held_back(signal.SIGINT):
        yield


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    handler = signal.getsignal(number)
    if not callable(handler):  # ignored, or the process ends without asking Python
        yield
        return
    came: list[int] = []
    try:
        signal.signal(number, lambda number, frame: came.append(number))
        yield
    finally:
        signal.signal(number, handler)
        if came:
            signal.raise_signal(number)
