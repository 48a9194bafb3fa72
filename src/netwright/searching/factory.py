"""From a strategy's settings to the strategy: one line for each way of searching."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from netwright.config import (
    EvolutionSettings,
    LargeScaleEvolutionSettings,
    OptunaSettings,
    PPOSettings,
    PQTSettings,
    QLearningSettings,
    RandomSettings,
    ReinforceSettings,
    ReplicaSettings,
    RunConfig,
    StrategySettings,
    ThompsonSettings,
)
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.independent import IndependentPolicy
from netwright.controller.interface import Policy
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller
from netwright.controller.shards import LocalShards, ShardedParameters, Shards
from netwright.errors import ConfigError
from netwright.spaces.programs import Space
from netwright.strategies.evolution import Evolution
from netwright.strategies.interface import Strategy
from netwright.strategies.large_scale_evolution import LargeScaleEvolution
from netwright.strategies.ppo import PPO
from netwright.strategies.pqt import PriorityQueueTraining
from netwright.strategies.q_learning import QLearning
from netwright.strategies.random_search import RandomSearch
from netwright.strategies.reinforce import Reinforce
from netwright.strategies.thompson import ThompsonSampling


def make_strategy(config: RunConfig, shards: Shards | None = None) -> Strategy:
    """The strategy that `config` describes, fresh. Where it has replicas, `shards` keep its parameters, or new ones."""
    if config.replicas is not None:
        return _replicated(config, config.replicas, shards)
    return _MAKERS[type(config.strategy)](config.strategy, config.space, config.seed)


def _random(settings: RandomSettings, space: Space, seed: int) -> Strategy:
    return RandomSearch(space, seed=seed)


def _reinforce(settings: ReinforceSettings, space: Space, seed: int) -> Strategy:
    policy, parameters = _learner(settings, seed)
    return Reinforce(space, policy, parameters, seed=seed, entropy_weight=settings.entropy_weight)


def _replicated(config: RunConfig, replicas: ReplicaSettings, shards: Shards | None) -> Strategy:
    """Replicas that draw and learn in turn, so that one object is all of them; their parameters are in shards."""
    settings, seed = config.strategy, config.seed
    assert isinstance(settings, ReinforceSettings)
    policy, init_range = _policy(settings, seed)
    last = config.space.at(config.num_trials - 1)
    policy.sample([last.start()], [np.random.default_rng(seed)])
    num_parameters = sum(weight.numel() for weight in policy.weights.values())
    if replicas.servers > num_parameters:
        raise ConfigError(
            f"servers: {replicas.servers} shards for {num_parameters} parameters would leave some empty; at most one "
            "for each"
        )
    if shards is None:
        shards = LocalShards(replicas.servers, learning_rate=settings.learning_rate, accumulate=replicas.accumulate)
    parameters = ShardedParameters(
        shards,
        accumulate=replicas.accumulate,
        seed=seed,
        init_range=init_range,
        baseline=MovingAverageBaseline(settings.baseline_decay),
        max_staleness=replicas.max_staleness,
    )
    return Reinforce(config.space, policy, parameters, seed=seed, entropy_weight=settings.entropy_weight)


def _ppo(settings: PPOSettings, space: Space, seed: int) -> Strategy:
    policy, parameters = _learner(settings, seed)
    return PPO(
        space,
        policy,
        parameters,
        seed=seed,
        clip=settings.clip,
        num_epochs=settings.num_epochs,
        entropy_weight=settings.entropy_weight,
    )


def _pqt(settings: PQTSettings, space: Space, seed: int) -> Strategy:
    policy, parameters = _learner(settings, seed)
    return PriorityQueueTraining(
        space,
        policy,
        parameters,
        seed=seed,
        policy_gradient=settings.policy_gradient,
        queue_size=settings.queue_size,
        queue_weight=settings.queue_weight,
        entropy_weight=settings.entropy_weight,
    )


def _policy(settings: ReinforceSettings | PPOSettings | PQTSettings, seed: int) -> tuple[Policy, float]:
    """The policy that these settings describe, and the range of its first weights."""
    if settings.policy == "independent":
        return IndependentPolicy(temperature=settings.temperature), 0.0
    controller = Controller(
        seed=seed,
        hidden_size=settings.hidden_size,
        num_layers=settings.num_layers,
        init_range=settings.init_range,
        temperature=settings.temperature,
    )
    return controller, settings.init_range


def _learner(settings: ReinforceSettings | PPOSettings | PQTSettings, seed: int) -> tuple[Policy, AdamParameters]:
    """The policy that these settings describe, and its parameters."""
    policy, init_range = _policy(settings, seed)
    return policy, AdamParameters(
        seed=seed,
        init_range=init_range,
        learning_rate=settings.learning_rate,
        baseline=MovingAverageBaseline(settings.baseline_decay),
    )


def _thompson(settings: ThompsonSettings, space: Space, seed: int) -> Strategy:
    return ThompsonSampling(space, seed=seed, **settings.model_dump(exclude={"name"}))


def _evolution(settings: EvolutionSettings, space: Space, seed: int) -> Strategy:
    return Evolution(space, seed=seed, population=settings.population, sample=settings.sample, aging=settings.aging)


def _large_scale_evolution(settings: LargeScaleEvolutionSettings, space: Space, seed: int) -> Strategy:
    return LargeScaleEvolution(space, seed=seed, population=settings.population)


def _q_learning(settings: QLearningSettings, space: Space, seed: int) -> Strategy:
    return QLearning(space, seed=seed, **settings.model_dump(exclude={"name"}))


def _optuna(settings: OptunaSettings, space: Space, seed: int) -> Strategy:
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("strategy optuna needs Optuna, not installed here: pip install 'netwright[optuna]'")
    from netwright.strategies.optuna import OptunaStrategy

    return OptunaStrategy(space, seed=seed, sampler=settings.sampler)


_MAKERS: Mapping[type[StrategySettings], Callable[[Any, Space, int], Strategy]] = {
    RandomSettings: _random,
    ReinforceSettings: _reinforce,
    PPOSettings: _ppo,
    PQTSettings: _pqt,
    ThompsonSettings: _thompson,
    EvolutionSettings: _evolution,
    LargeScaleEvolutionSettings: _large_scale_evolution,
    QLearningSettings: _q_learning,
    OptunaSettings: _optuna,
}
