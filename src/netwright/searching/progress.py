"""Progress of a running search: a bar and a line per trained network on a terminal, or plain lines in a log."""

import statistics
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.text import Text

from netwright.config import RunConfig
from netwright.errors import printable
from netwright.evaluation.factory import evaluation_of
from netwright.searching.callbacks import Callback
from netwright.searching.core import SearchCore, Step
from netwright.searching.placement import Placement
from netwright.searching.quality import Quality
from netwright.searching.results import NUM_RECENT, described
from netwright.terminal import Terminal
from netwright.trials import Trial, TrialState


class Tally:
    """The counts and scores that every kind of progress shows."""

    def __init__(self, core: SearchCore, config: RunConfig) -> None:
        self.total, self._core = config.num_trials, core
        trials = core.trials[: core.end]
        self.ended = sum(trial.state.finished and self.counts(trial) for trial in trials)
        self.above_limit = sum(trial.above_limit for trial in trials)
        self.stopped = sum(trial.state is TrialState.STOPPED for trial in trials)
        reward = evaluation_of(config.evaluate).reward
        self.quality = Quality(reward.score_name, config.evaluate.task, reward.higher_is_better)
        self.scores = self._scores(trials)
        self._begun, self._ended_before = time.monotonic(), self.ended

    def take(self, step: Step) -> list[Trial]:
        """Count the trials of a step that have ended; return those that count, in the order of their numbers."""
        ended = sorted((trial for trial in step.trials if trial.state.finished), key=lambda trial: trial.number)
        counted = [trial for trial in ended if self.counts(trial)]
        self.ended += len(counted)
        self.above_limit += sum(trial.above_limit for trial in ended)
        self.stopped += sum(trial.state is TrialState.STOPPED for trial in ended)
        self.scores += self._scores(counted)
        return counted

    def counts(self, trial: Trial) -> bool:
        """Return whether a trial that has ended counts towards the trial limit."""
        return self._core.count.counts(trial.number)

    def shown(self, trial: Trial) -> float:
        """Return what is shown for the score of a measured trial."""
        return self.quality(trial.metrics[self.quality.score_name])

    def _scores(self, trials: Sequence[Trial]) -> list[float]:
        return [self.shown(trial) for trial in trials if trial.state is TrialState.DONE]

    @property
    def best(self) -> float | None:
        """The best score; None before the first."""
        return (max if self.quality.higher_is_better else min)(self.scores, default=None)

    @property
    def recent(self) -> float | None:
        """The median score of the last `NUM_RECENT` trials; None before the first."""
        return statistics.median(self.scores[-NUM_RECENT:]) if self.scores else None

    @property
    def seconds_left(self) -> float | None:
        """The expected remaining time, from the pace since this start; None before the first trial has ended."""
        since = self.ended - self._ended_before
        return (time.monotonic() - self._begun) / since * (self.total - self.ended) if since else None


def clock(seconds: float | None) -> str:
    """Format seconds as 1:02:03; dashes stand for None."""
    if seconds is None:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def number(value: float | None) -> str:
    """Format a number with four significant digits; a dash stands for None."""
    return "-" if value is None else f"{value:.4g}"


def _idle(config: RunConfig, placement: Placement) -> str | None:
    """Return a warning if there are more workers than children in flight."""
    in_flight = config.most_in_flight
    if placement.workers is None or placement.workers <= in_flight:
        return None
    factors = "replicas x (lag + 1) x batch_size" if config.replicas else "(lag + 1) x batch_size"
    return (
        f"at most {factors} = {in_flight} children are in flight, so {placement.workers - in_flight} of "
        f"{placement.workers} workers will idle; give --in-flight in a new run"
    )


class LiveProgress(Callback):
    """Progress for a terminal: every trained network on a line of its own, and a bar below."""

    def __init__(self, console: Terminal, *, verbose: bool) -> None:
        self._console, self._verbose = console, verbose
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """Show the bar."""
        self._tally = Tally(core, config)
        if self._verbose:
            self._console.print(
                f"[bold]{escape(config.recipe)}[/]: {config.strategy.name}, seed {config.seed}, {placement.in_words}"
            )
            for note in data_notes:
                self._console.print(
                    f"data: {printable(note, one_line=True)}", highlight=False, markup=False, soft_wrap=True
                )
            if warning := _idle(config, placement):
                self._console.print(f"[yellow]Warning:[/] {warning}", highlight=False)
            if 0 < self._tally.ended < self._tally.total:
                self._console.print(f"going on after {self._tally.ended} of {self._tally.total} trials")
        self._task = self._progress.add_task("trials", total=self._tally.total, numbers="")
        self._refresh()

    def step(self, step: Step) -> None:
        """Print what has been trained and move the bar."""
        for trial in self._tally.take(step):
            if self._verbose:
                self._console.print(_line(trial, self._tally), overflow="ellipsis", no_wrap=True)
        self._refresh()

    def _refresh(self) -> None:
        tally = self._tally
        others = {"above limit": tally.above_limit, "stopped": tally.stopped}
        counts = "".join(f"{what} {count}  " for what, count in others.items() if count)
        numbers = f"best {number(tally.best)}  median {number(tally.recent)}  {counts}left {clock(tally.seconds_left)}"
        self._progress.update(self._task, completed=tally.ended, numbers=numbers)

    def confirming(self, ended: int, total: int) -> None:
        """Show a second bar for retrainings."""
        if not hasattr(self, "_confirming"):
            self._confirming = self._progress.add_task("retraining the best", total=total, numbers="")
        self._progress.update(self._confirming, completed=ended)


def _line(trial: Trial, tally: Tally) -> Text:
    """Format one trained network: number, score, time or error, layers."""
    if trial.state.measured:
        how = f"= {trial.reused_from}" if trial.reused_from is not None else f"{trial.seconds or 0:.1f} s"
        stopped = "stopped  " if trial.state is TrialState.STOPPED else ""
        text = Text(f"{trial.number:6}  {tally.quality.short_name} {number(tally.shown(trial)):7} {how:>8}  {stopped}")
    else:
        text = Text(f"{trial.number:6}  {trial.state} {printable((trial.error or '').splitlines()[0])}  ", style="red")
    return text.append(printable(described(trial.proposal.architecture), one_line=True), style="dim")


class PlainProgress(Callback):
    """Progress for a log: a line of key=value pairs after every tenth of the trials, on standard error."""

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """Print the run's settings."""
        self._tally = Tally(core, config)
        self._shown = self._tally.ended * 10 // self._tally.total
        self._say(
            f"search recipe={config.recipe} strategy={config.strategy.name} seed={config.seed} "
            f"workers={placement.workers} trials={self._tally.ended}/{self._tally.total} "
            f"score={self._tally.quality.short_name.replace(' ', '_')}"
        )
        for note in data_notes:
            self._say(f"data: {note}")
        if warning := _idle(config, placement):
            self._say(f"Warning: {warning}")

    def step(self, step: Step) -> None:
        """Print the counts when another tenth of the trials has ended."""
        tally = self._tally
        tally.take(step)
        tenths = tally.ended * 10 // tally.total
        if tenths > self._shown:
            self._shown = tenths
            self._say(
                f"trials={tally.ended}/{tally.total} best={number(tally.best)} median={number(tally.recent)} "
                + (f"above_limit={tally.above_limit} " if tally.above_limit else "")
                + (f"stopped={tally.stopped} " if tally.stopped else "")
                + f"seconds_left={number(tally.seconds_left)}"
            )

    def confirming(self, ended: int, total: int) -> None:
        """Print the start and the end of the retrainings."""
        if ended in (0, total) and total:
            self._say(f"retrained={ended}/{total}")

    def _say(self, line: str) -> None:
        print(printable(line, one_line=True), file=sys.stderr, flush=True)


def make_progress(*, live: bool | None, verbose: bool) -> Callback:
    """Return progress for standard error.

    Args:
        live: A bar, or plain lines; None shows a bar if standard error is a terminal.
        verbose: Whether to print a line for every network beside the bar, and whether to print plain lines at all.
    """
    console = Terminal(stderr=True)
    if console.is_terminal if live is None else live:
        return LiveProgress(console, verbose=verbose)
    return PlainProgress() if verbose else Callback()
