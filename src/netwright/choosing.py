"""From a strategy's settings to the strategy: one line for each way of searching."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from netwright.config import (
    EvolutionSettings,
    LargeScaleEvolutionSettings,
    OptunaSettings,
    PPOSettings,
    PQTSettings,
    QLearningSettings,
    RandomSettings,
    ReinforceSettings,
    RunConfig,
    StrategySettings,
    ThompsonSettings,
)
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.independent import IndependentPolicy
from netwright.controller.interface import Policy
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller
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


def make_strategy(config: RunConfig) -> Strategy:
    """The strategy that `config` describes, fresh."""
    return _MAKERS[type(config.strategy)](config.strategy, config.space, config.seed)


def _random(settings: RandomSettings, space: Space, seed: int) -> Strategy:
    return RandomSearch(space, seed=seed)


def _reinforce(settings: ReinforceSettings, space: Space, seed: int) -> Strategy:
    policy, parameters = _policy(settings, seed)
    return Reinforce(space, policy, parameters, seed=seed, entropy_weight=settings.entropy_weight)


def _ppo(settings: PPOSettings, space: Space, seed: int) -> Strategy:
    policy, parameters = _policy(settings, seed)
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
    policy, parameters = _policy(settings, seed)
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


def _policy(settings: ReinforceSettings | PPOSettings | PQTSettings, seed: int) -> tuple[Policy, AdamParameters]:
    """The policy that these settings describe, and its parameters."""
    policy: Policy
    if settings.policy == "independent":
        policy, init_range = IndependentPolicy(temperature=settings.temperature), 0.0
    else:
        init_range = settings.init_range
        policy = Controller(
            seed=seed,
            hidden_size=settings.hidden_size,
            num_layers=settings.num_layers,
            init_range=init_range,
            temperature=settings.temperature,
        )
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
    from netwright.integrations.optuna.strategy import OptunaStrategy

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
