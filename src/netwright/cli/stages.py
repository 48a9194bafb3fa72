"""The progress of final trainings and comparisons: a bar for each stage in a terminal, plain lines elsewhere."""

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from netwright.terminal import Terminal

SECONDS_BETWEEN_LINES = 60.0
"""Without a terminal, for stages whose tenths take longer."""


class Stages(AbstractContextManager["Stages"]):
    """A callable that shows the progress of named stages; use it in a `with`."""

    def __init__(self) -> None:
        console = Terminal(stderr=True)
        columns = (TextColumn("{task.description:14}"), BarColumn(bar_width=24), MofNCompleteColumn())
        self._progress = (
            Progress(*columns, TimeRemainingColumn(), console=console, transient=True) if console.is_terminal else None
        )
        self._bars: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}
        self._printed = 0.0

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def __call__(self, stage: str, ended: int, total: int) -> None:
        """Move the bar of `stage` to `ended` of `total`; without a terminal print a line at every tenth or minute."""
        if self._progress:
            if stage not in self._bars:
                self._bars[stage] = self._progress.add_task(stage, total=total)
            self._progress.update(self._bars[stage], completed=ended)
            return
        tenths, now = ended * 10 // total, time.monotonic()
        if self._tenths.get(stage) != tenths or now - self._printed > SECONDS_BETWEEN_LINES:
            self._tenths[stage], self._printed = tenths, now
            print(f"{stage.replace(' ', '_')}={ended}/{total}", file=sys.stderr, flush=True)
