"""Where Ctrl-C comes at an awkward moment."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest

from netwright.execution.signals import (
    ENDED_AT_ONCE,
    SECONDS_OF_ONE,
    Interrupted,
    interruptible,
    interruptions_held_back,
)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedWhileClearedAway:
    """In its `__del__`, where Python ignores exceptions."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        signal.raise_signal(self.number)


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


def interrupted_while_it_sleeps(clear_away: Callable[[], object]) -> bool:
    begun = time.monotonic()
    try:
        with interruptible():
            clear_away()
            time.sleep(30)
    except Interrupted:
        return time.monotonic() - begun < 20
    return False


@pytest.mark.parametrize("number", SIGNALS)
def test_what_comes_while_an_object_is_cleared_away_is_not_lost(number: signal.Signals) -> None:
    assert interrupted_while_it_sleeps(lambda: InterruptedWhileClearedAway(number))


def test_what_comes_in_the_callback_of_a_weak_reference_is_not_lost() -> None:
    def clear_away() -> None:
        thread = threading.Thread()
        references.append(weakref.ref(thread, lambda gone: signal.raise_signal(signal.SIGINT)))

    references: list[object] = []
    assert interrupted_while_it_sleeps(clear_away)


def test_other_exceptions_there_are_reported_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raises:
        def __del__(self) -> None:
            raise ValueError

    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: reported.append(ignored.exc_type))
    with interruptible():
        Raises()
    assert reported == [ValueError]


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_held_back_comes_at_the_end_of_the_block(number: signal.Signals) -> None:
    done = []
    try:
        with interruptible():
            with interruptions_held_back():
                signal.raise_signal(number)
                done.append("the block")
            done.append("what follows")
    except Interrupted:
        done.append("interrupted")
    assert done == ["the block", "interrupted"]


def test_a_signal_that_is_ignored_stays_so() -> None:
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible(), interruptions_held_back():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, ours)


def test_a_handler_of_the_users_stays() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: came.append(number))
    try:
        with interruptible():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert came == [signal.SIGTERM]


def test_two_signals_at_once_are_one() -> None:
    """A closed terminal and its shell each send a SIGHUP, and the second must not interrupt the clearing up."""
    done = []
    with interruptible():
        try:
            signal.raise_signal(signal.SIGHUP)
        except Interrupted:
            signal.raise_signal(signal.SIGHUP)
            done.append("cleared up")
    assert done == ["cleared up"]


SLOW_TO_CLEAR_UP = f"""
import signal, time
from netwright.execution.signals import interruptible
with interruptible(end_at_second=True):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        time.sleep({SECONDS_OF_ONE} + 0.1)
        signal.raise_signal(signal.SIGINT)
        print("went on")
"""


def test_a_second_ctrl_c_ends_at_once_with_a_sentence() -> None:
    ran = subprocess.run([sys.executable, "-c", SLOW_TO_CLEAR_UP], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", ENDED_AT_ONCE)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_forked_process_ends_as_it_did_before(number: signal.Signals) -> None:
    """As a pool ends its workers by SIGTERM."""
    with interruptible():
        context = multiprocessing.get_context("fork")
        started = context.Event()  # Python drops signals that come while it forks
        process = context.Process(target=lambda: (started.set(), time.sleep(30)))
        process.start()
        started.wait()
        os.kill(process.pid or 0, number)
        process.join()
    assert process.exitcode == -number
