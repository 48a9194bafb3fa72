"""Ctrl-C and SIGTERM: never lost, and deferred while they would damage what threads share."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

SECONDS_UNTIL_AGAIN = 0.05


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM. After a plain KeyboardInterrupt in code made by `exec`, as imports are full of, Python ends
    the process by SIGINT instead of with our exit code, whoever caught it."""

    number = signal.SIGINT


@contextmanager
def interruptible() -> Iterator[None]:
    """Make SIGINT and SIGTERM raise `Interrupted` in the block, at any moment.

    Python ignores exceptions in `__del__` and in callbacks of weak references, also those of a signal handler that runs
    there; the signal is then sent again. A SIGINT that is ignored, as after a shell's `&`, stays ignored.
    """
    hook = sys.unraisablehook

    def again(ignored: "sys.UnraisableHookArgs") -> None:
        if isinstance(ignored.exc_value, Interrupted):
            # Later, since exceptions are ignored here.
            threading.Timer(SECONDS_UNTIL_AGAIN, os.kill, (os.getpid(), ignored.exc_value.number)).start()
        else:
            hook(ignored)

    handlers = {signal.SIGTERM: signal.signal(signal.SIGTERM, _interrupt)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        handlers[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> NoReturn:
    error = Interrupted()
    error.number = signal.Signals(number)
    raise error


@contextmanager
def interruptions_held_back() -> Iterator[None]:
    """Defer SIGINT and SIGTERM to the end of the block.

    Python runs signal handlers between any two instructions of the main thread. An exception in the middle of
    `queue.Queue.put` leaves a queue whose next item wakes no thread, and joining such a thread never ends. Does
    nothing in other threads, since no signal interrupts them.
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
