"""The search loop: the core, an executor and a store."""

from collections.abc import Callable, Sequence

from netwright.errors import RunError
from netwright.execution.interface import Executor
from netwright.searching.core import SearchCore, Step
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

    first_ended = [trial for trial in core.trials if _was_trained(trial)][:NUM_HOPELESS]

    def settle(step: Step, ended: Sequence[Outcome] = ()) -> None:
        if store is not None:
            store.commit(step.trials, step.updates, step.state(), ended)
        for job in step.jobs:
            executor.submit(job)
        on_step(step)
        if len(first_ended) < NUM_HOPELESS:
            first_ended.extend(trial for trial in step.trials if _was_trained(trial))
            _stop_if_hopeless(first_ended)

    settle(core.start())
    while not core.finished:
        for outcome in executor.wait():
            settle(core.receive(outcome), [] if outcome.of_remote_task else [outcome])


def _was_trained(trial: Trial) -> bool:
    return trial.state in (TrialState.DONE, TrialState.FAILED) and trial.reused_from is None


def _stop_if_hopeless(ended: Sequence[Trial]) -> None:
    if len(ended) >= NUM_HOPELESS and all(trial.failure_kind is FailureKind.EXCEPTION for trial in ended):
        raise RunError(
            f"the first {NUM_HOPELESS} trials all failed, so the search was stopped. Mend the cause and start again in "
            f"another --out, or run the same command again to go on all the same. Trial {ended[0].number}:\n"
            f"{ended[0].error}"
        )
