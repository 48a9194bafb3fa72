"""A run's live curves for TensorBoard; no other module imports TensorBoard."""

import importlib.util
import statistics
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from netwright.config import RunConfig
from netwright.errors import ConfigError, StoreError, install
from netwright.execution.signals import interruptions_held_back
from netwright.files import check_own_folder
from netwright.searching.callbacks import Callback
from netwright.searching.core import SearchCore, Step
from netwright.searching.placement import Placement
from netwright.searching.results import NUM_RECENT
from netwright.searching.store import Store
from netwright.trials import Trial, TrialState

SUFFIX = ".netwright"
"""Suffix of netwright's event files; others in the folder are left alone."""


class Curves(Callback):
    """Writes the curves of the run in the folder `run` into `run`/tensorboard.

    The step of a trial is its number; that of an update is the number of trials learned from. Trials finish out
    of order, and one is written when all before it have finished, at most lag + 1 batches later. So the steps of
    a curve increase, and the curve is the same for the same seed.

    Raises:
        ConfigError: TensorBoard is not installed.
        StoreError: The folder cannot be written.
    """

    def __init__(self, run: Path) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise ConfigError(f"--tensorboard needs tensorboard, not installed here: {install('tensorboard')}")
        self.folder = run / "tensorboard"
        self._run = run
        self._writer: Any = None
        self._next = 0
        self._waiting: dict[int, Trial] = {}
        """Trials that finished before one with a lower number."""
        self._rewards: deque[float] = deque(maxlen=NUM_RECENT)
        self._failed: deque[bool] = deque(maxlen=NUM_RECENT)
        self._best: float | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write also trials that finished after an unfinished one, since the run may never be resumed."""
        if self._writer is None:
            return
        with self._explained():
            for number in sorted(self._waiting):
                self._write_trial(self._waiting[number])
            self._writer.close()

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """Rewrite the whole history, replacing the files of earlier sessions.

        Appending to them would lose the points that a `kill -9` took, leave a gap for sessions without `--tensorboard`,
        and duplicate the trials that were written out of order at an interruption.
        """
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        with Store.read(self._run) as store:
            updates, self._score_name = store.updates(), store.document("about")["score_name"]
        self._batch_size = core.batch_size
        check_own_folder(self.folder)
        with self._explained():
            for path in self.folder.glob(f"events.out.tfevents.*{SUFFIX}"):
                path.unlink()
            self._writer = EventFileWriter(str(self.folder), filename_suffix=SUFFIX)
        self.step(Step(tuple(core.trials), tuple(updates)))

    def step(self, step: Step) -> None:
        """Write every update, and every finished trial that follows finished ones; flush them to disk.

        Ctrl-C is deferred meanwhile, since TensorBoard's queue is read by a thread of its own.
        """
        self._waiting.update({trial.number: trial for trial in step.trials if trial.state.finished})
        with interruptions_held_back(), self._explained():
            while trial := self._waiting.pop(self._next, None):
                self._write_trial(trial)
                self._next += 1
            for update in step.updates:
                self._write("updates", (update.round + 1) * self._batch_size, update.metrics)
            self._writer.flush()

    def _write_trial(self, trial: Trial) -> None:
        """Write the trial's values and the running statistics up to it."""
        values: dict[str, float] = {}
        if trial.state is TrialState.DONE and trial.reward is not None:
            self._rewards.append(trial.reward)
            self._best = trial.reward if self._best is None else max(self._best, trial.reward)
            values["reward"] = trial.reward
            values[self._score_name] = trial.metrics[self._score_name]
        if trial.seconds is not None and trial.reused_from is None:
            values["seconds_per_child"] = trial.seconds
        if self._best is not None:
            values["best_reward"] = self._best
            values[f"mean_reward_of_the_last_{NUM_RECENT}"] = statistics.fmean(self._rewards)
        self._failed.append(trial.state is TrialState.FAILED)
        values[f"share_failed_of_the_last_{NUM_RECENT}"] = statistics.fmean(self._failed)
        self._write("trials", trial.number, values)

    def _write(self, group: str, step: int, values: Mapping[str, float]) -> None:
        """Write one event: a point of each curve `group`/name."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        points = [Summary.Value(tag=f"{group}/{name}", simple_value=value) for name, value in values.items()]
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=points)))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Translate errors of the file system into `StoreError`."""
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot write the curves in {self.folder}: {error.strerror}; mend it, or go on without --tensorboard. "
                "Every finished trial is kept"
            ) from error
