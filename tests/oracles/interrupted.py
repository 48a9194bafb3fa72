"""Ctrl-C at every line that a call runs through."""

import itertools
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


def interrupted_at_every_line(call: Callable[[], object]) -> Iterator[str]:
    """Make the call over and over, each time interrupted one line later; say where, until the call ends before that."""
    for line in itertools.count(1):
        counted = _InterruptAt(line)
        sys.settrace(counted.trace)
        try:
            call()
        except KeyboardInterrupt:
            pass
        else:
            assert counted.where is None, f"the interruption at {counted.where} was swallowed"
            return
        finally:
            sys.settrace(None)
        assert counted.where is not None
        yield counted.where


class _InterruptAt:
    def __init__(self, line: int) -> None:
        self._left = line
        self.where: str | None = None

    def trace(self, frame: FrameType, event: str, argument: Any) -> Callable[..., Any]:
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self.trace
