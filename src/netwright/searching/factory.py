"""From the settings of a run to its strategy and its core."""

from collections.abc import Mapping
from importlib import import_module

from safetensors import SafetensorError

from netwright.config import STRATEGIES, RunConfig
from netwright.controller.shards import Shards
from netwright.errors import ConfigError, install
from netwright.evaluation.constraints import Constraints
from netwright.evaluation.factory import evaluation_of
from netwright.execution.surroundings import standard_defaults
from netwright.searching.core import SearchCore
from netwright.searching.replicas import ReplicatedCore
from netwright.searching.store import Store
from netwright.searching.stored_trials import check_scores
from netwright.strategies.interface import Strategy


@standard_defaults()
def make_strategy(config: RunConfig, shards: Shards | None = None) -> Strategy:
    """Make the strategy that `config` describes, in its initial state.

    Args:
        config: The settings of the run.
        shards: Hold the parameters of replicas; None makes shards in this process.

    Raises:
        ConfigError: The strategy needs a package that is not installed, or its settings do not fit the space.
    """
    settings = config.strategy
    try:
        module = import_module(STRATEGIES[settings.name].module)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"strategy {settings.name} needs {error.name}, not installed here: {install(str(error.name))}"
        ) from None
    strategy: Strategy
    if config.replicas is None:
        strategy = module.from_settings(settings, config.space, config.seed)
    else:
        options = config.replicas.model_dump(exclude={"count"})
        largest = config.space.at(config.num_trials - 1)
        strategy = module.with_replicas(settings, config.space, config.seed, largest=largest, shards=shards, **options)
    return strategy


@standard_defaults()
def make_core(
    config: RunConfig,
    store: Store | None,
    shape: object = None,
    shards: Shards | None = None,
    *,
    strategy: Strategy | None = None,
) -> SearchCore:
    """Make the core of the search that `config` describes.

    Args:
        config: The settings of the run.
        store: The run so far, which the core takes over; None starts from the beginning.
        shape: The shape of the data.
        shards: Hold the parameters of replicas; None makes shards in this process.
        strategy: Replaces the strategy that `config` describes.
    """
    replicas = config.replicas.count if config.replicas else 1
    make = SearchCore if replicas == 1 else ReplicatedCore
    core = make(
        strategy or make_strategy(config, shards),
        evaluation_of(config.evaluate).reward,
        num_trials=config.num_trials,
        seed=config.seed,
        batch_size=config.batch_size,
        lag=config.lag,
        replicas=replicas,
        failure_reward=config.failure_reward,
        reuse=config.reuse,
        rungs=config.stopping.rungs,
        min_reached=config.stopping.min_reached,
        constraints=make_constraints(config, shape),
        space=config.space,
    )
    if store is not None:
        with store.understood():
            try:
                core.restore(store.trials(config.space), store.updates(), store.strategy_state())
                check_scores(core.trials, evaluation_of(config.evaluate).reward.score_name)
            except (SafetensorError, RuntimeError) as error:  # for tensors of another strategy, or damaged ones
                raise ValueError(str(error)) from error
    return core


def make_constraints(config: RunConfig, shape: object) -> Constraints:
    """Make the limits on costs with a function that counts them.

    Args:
        config: The settings of the run.
        shape: The shape of the data.

    Returns:
        The limits. Counting raises `ConfigError` if there are limits and the costs cannot be counted.
    """
    settings, evaluation = config.constraints, evaluation_of(config.evaluate)

    def count(architecture: object) -> Mapping[str, int]:
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
        max_redraws=settings.max_redraws,
    )


def _given(**values: int | None) -> dict[str, int]:
    return {name: value for name, value in values.items() if value is not None}
