"""Ctrl-C, SIGTERM and SIGHUP: never lost, and deferred while they would damage what threads share."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECONDS_UNTIL_AGAIN = 0.05
SECONDS_OF_ONE = 0.2
"""Signals this close to each other count as one: a closed terminal and its shell each send a SIGHUP."""
ENDED_AT_ONCE = "Interrupted again: ended at once. What was stored is kept, and the same command goes on"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM or SIGHUP.

    After a plain KeyboardInterrupt in code made by `exec`, as imports are full of, Python ends the process by SIGINT
    instead of with our exit code, whoever caught it.
    """

    number = signal.SIGINT
    handler: "_Handler | None" = None
    """The handler that raised it."""


def is_ctrl_c(interruption: KeyboardInterrupt) -> bool:
    """Return whether it was Ctrl-C, and no signal that ends the process."""
    return not isinstance(interruption, Interrupted) or interruption.number == signal.SIGINT


class _Handler:
    """Raises `Interrupted`, and ends the process at a second Ctrl-C if `end_at_second`.

    In a process forked from this one, such as a worker of a pool, signals have the effect that they had before.
    """

    def __init__(self, *, end_at_second: bool) -> None:
        self._end_at_second, self._process = end_at_second, os.getpid()
        self.replaced = {number: signal.getsignal(number) for number in STOPPING if _is_default(number)}
        """The default handlers in whose place this one is."""
        self._last: float | None = None
        """When the last signal came that was raised."""

    def __call__(self, number: int, frame: object) -> None:
        if os.getpid() != self._process:
            signal.signal(number, self.replaced[signal.Signals(number)])
            signal.raise_signal(number)
            return
        now = time.monotonic()
        if self._last is not None:
            if now - self._last < SECONDS_OF_ONE:
                return
            if self._end_at_second and number == signal.SIGINT:
                _end_at_once()
        self._last = now
        error = Interrupted()
        error.number, error.handler = signal.Signals(number), self
        raise error

    def was_ignored(self) -> None:
        """Take back the last signal, which is sent again."""
        self._last = None


def _is_default(number: signal.Signals) -> bool:
    return signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)


def _end_at_once() -> NoReturn:
    show_cursor = "\x1b[?25h" if os.isatty(2) else ""  # a progress bar has hidden it
    os.write(2, f"{show_cursor}\n{ENDED_AT_ONCE}\n".encode())
    os._exit(128 + signal.SIGINT)


@contextmanager
def interruptible(*, end_at_second: bool = False) -> Iterator[None]:
    """Make SIGINT, SIGTERM and SIGHUP raise `Interrupted` in the block, at any moment.

    Python ignores exceptions in `__del__` and in callbacks of weak references, also those of a signal handler that runs
    there; the signal is then sent again. A signal that is ignored, as after a shell's `&` or `nohup`, stays ignored,
    and a handler of the user's stays. Does nothing in other threads than the main one, which no signal interrupts.

    Args:
        end_at_second: Whether a second Ctrl-C ends the process at once, without clearing up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    hook, handler = sys.unraisablehook, _Handler(end_at_second=end_at_second)

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        if isinstance(ignored.exc_value, Interrupted):
            if ignored.exc_value.handler is not None:
                ignored.exc_value.handler.was_ignored()
            # Later, since exceptions are ignored here.
            threading.Timer(SECONDS_UNTIL_AGAIN, os.kill, (os.getpid(), ignored.exc_value.number)).start()
        else:
            hook(ignored)

    for number in handler.replaced:
        signal.signal(number, handler)
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, old in handler.replaced.items():
            signal.signal(number, old)


@contextmanager
def interruptions_held_back() -> Iterator[None]:
    """Defer SIGINT, SIGTERM and SIGHUP to the end of the block.

    Python runs signal handlers between any two instructions of the main thread. An exception in the middle of
    `queue.Queue.put` leaves a queue whose next item wakes no thread, and joining such a thread never ends. Does
    nothing in other threads, since no signal interrupts them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _held_back(signal.SIGHUP), _held_back(signal.SIGTERM), _held_back(signal.SIGINT):
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
