"""The search loop, and the parts that a config names put together for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netwright.config import RunConfig
from netwright.controller.shards import Shards
from netwright.errors import ConfigError, RunError
from netwright.evaluation.constraints import Constraints
from netwright.evaluation.factory import evaluation_of
from netwright.execution.interface import Executor
from netwright.searching.core import SearchCore, Step
from netwright.searching.factory import make_strategy
from netwright.searching.store import Store
from netwright.trials import FailureKind, Outcome, Trial, TrialState

NUM_HOPELESS = 3
"""A search whose first trials all raise is stopped after this many: the mistake is in the code and not in a child."""


def drive(
    core: SearchCore, executor: Executor, store: Store | None, on_step: Callable[[Step], None] = lambda step: None
) -> None:
    """Run a search to its end. Every step is durable before its jobs start; stopping anywhere loses no trial.

    Without a store nothing is kept: for searches that are so short that they are done anew.
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


def make_core(config: RunConfig, store: Store | None, shape: Any = None, shards: Shards | None = None) -> SearchCore:
    """The search that `config` describes, as far as `store` says it has come.

    `shape` is that of the data; for `shards` see `make_strategy`.
    """
    core = SearchCore(
        make_strategy(config, shards),
        evaluation_of(config.evaluate).reward,
        num_trials=config.num_trials,
        seed=config.seed,
        batch_size=config.batch_size,
        lag=config.lag,
        replicas=config.replicas.count if config.replicas else 1,
        failure_reward=config.failure_reward,
        reuse=config.reuse,
        constraints=make_constraints(config, shape),
        space=config.space,
    )
    if store is not None:
        core.restore(store.trials(config.space), store.learned(), store.strategy_state())
    return core


def make_constraints(config: RunConfig, shape: Any) -> Constraints:
    """The limits on costs, and how costs are counted; counting raises `ConfigError` where they matter and cannot be."""
    settings, evaluation = config.constraints, evaluation_of(config.evaluate)

    def count(architecture: Any) -> Mapping[str, int]:
        costs = evaluation.costs(architecture, shape)
        if settings.in_use and not costs:
            raise ConfigError(f"constraints cannot count the costs of a {type(architecture).__name__}")
        return costs

    return Constraints(
        count,
        limits=_given(num_parameters=settings.max_parameters, multiply_adds=settings.max_multiply_adds),
        targets=_given(num_parameters=settings.target_parameters, multiply_adds=settings.target_multiply_adds),
        weight=settings.weight,
        rejected_reward=settings.rejected_reward,
    )


def _given(**values: int | None) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}
