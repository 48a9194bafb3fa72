"""Executes the runs of a comparison: in parallel if children are instant, else one run folder after the other."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from netwright.compare.ladder import confirmed_in_memory
from netwright.compare.plan import Plan, file_name, keep_num_seeds, keep_plan, shown_num_seeds
from netwright.compare.records import Ledger, Record
from netwright.config import RunConfig
from netwright.errors import NetwrightError, RunError, StoreError
from netwright.evaluation.interface import DatasetInfo
from netwright.execution.attempts import run_all
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.local import LocalExecutor, usable_cores
from netwright.files import check_own_folder, locked
from netwright.searching.callbacks import Callback
from netwright.searching.core import SearchCore, Step
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.placement import Placement, default_workers
from netwright.searching.run import open_data, run_search
from netwright.searching.store import Store
from netwright.trials import Job, Measurement, Outcome

RUNS = "runs"
"""The sub-folder with the runs."""
PAGE = "comparison.html"
"""The page with the results, written when all runs have ended."""

OnProgress = Callable[[float, float], None]
"""Called with the amount spent and the total of all budgets."""


def execute(
    plan: Plan, folder: Path, placement: Placement, on_progress: OnProgress
) -> tuple[list[Record], DatasetInfo]:
    """Execute the runs of `plan` that are not in `folder` yet.

    An interruption loses no finished run and, if children are trained, no finished trial; the same call resumes.

    Returns:
        The records of all runs, and the description of the data.
    """
    plan.config.space.at(0).start()  # refuses invalid parameters before anything is written
    dataset = open_data(plan.config, placement)
    for place in (folder / RUNS, *(record_path(folder, *run).with_suffix("") for run in plan.runs)):
        check_own_folder(place)
    try:
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {error.strerror}; choose another --out") from None
    lock = locked(folder)
    try:
        keep_plan(plan, folder, dataset)
        if earlier := _num_seeds_of_older_results(folder):
            keep_num_seeds(folder, earlier)
        missing = [run for run in plan.runs if not record_path(folder, *run).exists()]
        total = plan.budget.amount * len(plan.runs)

        def progress(num_missing: int, spent: float) -> None:
            on_progress(total - plan.budget.amount * num_missing + min(spent, plan.budget.amount), total)

        progress(len(missing), 0.0)
        if missing:
            together = _side_by_side if plan.runs_are_jobs else _one_after_the_other
            together(plan, missing, folder, placement, dataset, progress)
        keep_num_seeds(folder, len(plan.seeds))
        return [Record.read(record_path(folder, *run)) for run in plan.runs], dataset
    finally:
        lock.release()


def _num_seeds_of_older_results(folder: Path) -> int:
    """Count the seeds of a comparison by an older version, which did not store their number; 0 if it showed nothing."""
    if shown_num_seeds(folder) or not (folder / PAGE).exists():
        return 0
    return len({path.stem.rpartition("-seed")[2] for path in (folder / RUNS).glob("*-seed*.json")})


def record_path(folder: Path, strategy: str, seed: int) -> Path:
    """Return the path of one run's record."""
    return folder / RUNS / f"{file_name(strategy)}-seed{seed}.json"


# Instant children -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WholeRun:
    """An `Evaluate` that executes a whole run, (strategy, seed), of instant children and measures its `Record`."""

    plan: Plan
    dataset: DatasetInfo

    def __call__(self, job: Job) -> Measurement:
        """Return the record, or the message of a netwright error."""
        strategy, seed = cast("tuple[str, int]", job.architecture)
        try:
            return Measurement({"record": self.play(strategy, seed)})
        except NetwrightError as error:
            return Measurement({"error": str(error)})

    def play(self, strategy: str, seed: int) -> Record:
        """Search to the end of the budget in this process and in memory."""
        config = self.plan.run_config(strategy, seed)
        core, ledger = make_core(config, None, self.dataset.shape), Ledger(self.plan)
        evaluate = self.plan.evaluation.evaluate(self.dataset.folder)
        drive(core, InProcessExecutor(evaluate), None, lambda step: ledger.follow(core))
        trials = ledger.of_run(core)
        retrained = confirmed_in_memory(self.plan, config, trials, evaluate) if config.confirm.at_end else ()
        return Record.of(self.plan, strategy, seed, trials, retrained)


def _side_by_side(
    plan: Plan,
    missing: Sequence[tuple[str, int]],
    folder: Path,
    placement: Placement,
    dataset: DatasetInfo,
    progress: Callable[[int, float], None],
) -> None:
    jobs = [Job(number, run, seed=run[1]) for number, run in enumerate(missing)]
    executor = LocalExecutor(WholeRun(plan, dataset), workers=min(placement.workers or usable_cores(), len(jobs)))
    with closing(executor):
        for num_ended, outcome in enumerate(run_all(executor, jobs), start=1):
            strategy, seed = missing[outcome.number]
            _record_in(outcome, strategy, seed).write(record_path(folder, strategy, seed))
            progress(len(jobs) - num_ended, 0.0)


def _record_in(outcome: Outcome, strategy: str, seed: int) -> Record:
    if outcome.measurement is None:
        raise RunError(f"the run of {strategy}, seed {seed}, broke off, {outcome.failure}")
    if "error" in outcome.measurement.metrics:
        raise RunError(f"{strategy}, seed {seed}: {outcome.measurement.metrics['error']}")
    record = outcome.measurement.metrics["record"]
    assert isinstance(record, Record)
    return record


# Trained children -----------------------------------------------------------------------------------------------------


class Bookkeeping(Callback):
    """Ends a run with its budget."""

    def __init__(self, ledger: Ledger, on_spent: Callable[[float], None]) -> None:
        self._ledger, self._on_spent = ledger, on_spent

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """Count what an earlier start has spent."""
        self.core = core
        self._follow()

    def step(self, step: Step) -> None:
        """Count what has ended."""
        self._follow()

    def _follow(self) -> None:
        self._ledger.follow(self.core)
        self._on_spent(self._ledger.spent)


def _one_after_the_other(
    plan: Plan,
    missing: Sequence[tuple[str, int]],
    folder: Path,
    placement: Placement,
    dataset: DatasetInfo,
    progress: Callable[[int, float], None],
) -> None:
    for number, (strategy, seed) in enumerate(missing):
        num_left = len(missing) - number
        path = record_path(folder, strategy, seed)
        record = _trained(plan, strategy, seed, path.with_suffix(""), placement, partial(progress, num_left))
        record.write(path)
        progress(num_left - 1, 0.0)


def _trained(
    plan: Plan, strategy: str, seed: int, folder: Path, placement: Placement, on_spent: Callable[[float], None]
) -> Record:
    """Execute one run in a folder of its own, as `netwright search` does."""
    config, ledger = plan.run_config(strategy, seed), Ledger(plan)
    placement = replace(placement, workers=placement.workers or default_workers(config))
    with Bookkeeping(ledger, on_spent) as callback:
        run_search(config, folder, placement, callback)
        trials = ledger.of_run(callback.core)
        if not plan.budget.is_certain:  # store the final number of trials in the folder
            run_search(config.changed(num_trials=ledger.num_trials), folder, placement, callback)
    with Store.read(folder) as store:
        return Record.of(plan, strategy, seed, trials, store.confirmations())
