"""The search loop: the core, an executor and a store."""

from collections.abc import Callable, Sequence
from functools import partial

from netwright.errors import RunError
from netwright.execution.interface import Executor
from netwright.execution.surroundings import standard_defaults
from netwright.searching.core import SearchCore, Step
from netwright.searching.error_log import logged
from netwright.searching.store import Store
from netwright.trials import FailureKind, Outcome, Trial, TrialState

NUM_HOPELESS = 3
"""A search whose first trials all raise is stopped after this many: the mistake is in the code and not in a child."""


def drive(
    core: SearchCore, executor: Executor, store: Store | None, on_step: Callable[[Step], None] = lambda step: None
) -> None:
    """Run a search to its end. Every step is durable before its jobs start; stopping at any moment loses no trial.

    Args:
        core: The search, restored from `store`.
        executor: Trains the children.
        store: Keeps every step; None keeps nothing, for searches that are short enough to be repeated.
        on_step: Called after each step.

    Raises:
        RunError: The first children all raised an exception, or the search cannot continue.
    """

    folder = store.folder if store is not None else None
    first_ended = [trial for trial in core.trials if _was_trained(trial)][:NUM_HOPELESS]

    def settle(advance: Callable[[], Step], ended: Sequence[Outcome] = ()) -> None:
        with standard_defaults():
            step = advance()
            if store is not None:
                store.commit(step.trials, step.updates, step.state(), ended)
        for job in step.jobs:
            executor.submit(job)
        on_step(step)
        if len(first_ended) < NUM_HOPELESS:
            first_ended.extend(trial for trial in step.trials if _was_trained(trial))
            _stop_if_hopeless(first_ended, kept=folder is not None)

    settle(core.start)
    while not core.finished:
        for ended in executor.wait():
            if ended.of_remote_task:
                settle(partial(core.receive, ended))
            else:
                outcome = logged(ended, folder, f"trial {ended.number}")
                settle(partial(core.receive, outcome), [outcome])


def _was_trained(trial: Trial) -> bool:
    return (trial.state.measured or trial.state is TrialState.FAILED) and trial.reused_from is None


def _stop_if_hopeless(ended: Sequence[Trial], *, kept: bool) -> None:
    """Raise `RunError` if the first trials all raised; `kept` is whether the run is stored and can go on."""
    remedy = (
        "start again in another --out, or run the same command again to go on all the same" if kept else "start again"
    )
    if len(ended) >= NUM_HOPELESS and all(trial.failure_kind is FailureKind.EXCEPTION for trial in ended):
        raise RunError(
            f"the first {NUM_HOPELESS} trials all failed, so the search was stopped. Mend the cause and {remedy}. "
            f"Trial {ended[0].number}:\n{ended[0].error}"
        )
