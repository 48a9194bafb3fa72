"""Callbacks: observers of a run, such as progress on the terminal or curves for TensorBoard."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from netwright.config import RunConfig
from netwright.searching.core import SearchCore, Step
from netwright.searching.placement import Placement


class Callback:
    """Base class of callbacks, whose methods do nothing; used in a `with`, which cleans up however the run ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """Called before the search starts or goes on, also where nothing is left to do.

        Args:
            core: The search, with the trials of earlier starts.
            config: Its settings.
            placement: Where its children run.
            data_notes: What was changed in the data, a line each.
        """

    def step(self, step: Step) -> None:
        """Called after every step of the search, when it is on disk."""

    def confirming(self, ended: int, total: int) -> None:
        """Called at the start of the retrainings and after each of them, with the numbers of ended ones and of all."""


class Callbacks(Callback):
    """Several callbacks as one, called in their order; without any, it does nothing."""

    def __init__(self, *callbacks: Callback) -> None:
        self._callbacks = callbacks
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        for callback in self._callbacks:
            self._entered.enter_context(callback)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """Call `begin` of all of them."""
        for callback in self._callbacks:
            callback.begin(core, config, placement, data_notes)

    def step(self, step: Step) -> None:
        """Call `step` of all of them."""
        for callback in self._callbacks:
            callback.step(step)

    def confirming(self, ended: int, total: int) -> None:
        """Call `confirming` of all of them."""
        for callback in self._callbacks:
            callback.confirming(ended, total)
