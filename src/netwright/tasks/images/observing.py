"""Who watches while images are read: the command line, which shows a bar and says what was understood.

Images are read below many calls (a recipe, a search, a final training), none of which has to pass a callback on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from netwright.tasks.images.understood import Understood


@dataclass(frozen=True)
class Observer:
    """Two callbacks; by default nothing is watched."""

    progress: Callable[[str, int, int], None] = lambda stage, done, total: None
    """Called with the name of a stage, the number of images that are done, and the number of all."""
    understood: Callable[[Understood], None] = lambda understood: None
    """Called at the end of every reading."""


NOBODY = Observer()
_OBSERVER: ContextVar[Observer] = ContextVar("observer", default=NOBODY)


def observer() -> Observer:
    """Return the observer of this context."""
    return _OBSERVER.get()


@contextmanager
def observed(by: Observer) -> Iterator[None]:
    """Let `by` watch what is read inside the block."""
    token = _OBSERVER.set(by)
    try:
        yield
    finally:
        _OBSERVER.reset(token)
