"""From a strategy's settings to the strategy: one line for each way of searching."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from netwright.config import OptunaSettings, RandomSettings, ReinforceSettings, RunConfig, StrategySettings
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller
from netwright.errors import ConfigError
from netwright.spaces.programs import Space
from netwright.strategies.interface import Strategy
from netwright.strategies.random_search import RandomSearch
from netwright.strategies.reinforce import Reinforce


def make_strategy(config: RunConfig) -> Strategy:
    """The strategy that `config` describes, fresh."""
    return _MAKERS[type(config.strategy)](config.strategy, config.space, config.seed)


def _random(settings: RandomSettings, space: Space, seed: int) -> Strategy:
    return RandomSearch(space, seed=seed)


def _reinforce(settings: ReinforceSettings, space: Space, seed: int) -> Strategy:
    controller = Controller(
        seed=seed,
        hidden_size=settings.hidden_size,
        num_layers=settings.num_layers,
        init_range=settings.init_range,
        temperature=settings.temperature,
    )
    parameters = AdamParameters(
        seed=seed,
        init_range=settings.init_range,
        learning_rate=settings.learning_rate,
        baseline=MovingAverageBaseline(settings.baseline_decay),
    )
    return Reinforce(space, controller, parameters, seed=seed, entropy_weight=settings.entropy_weight)


def _optuna(settings: OptunaSettings, space: Space, seed: int) -> Strategy:
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError("strategy optuna needs Optuna, not installed here: pip install 'netwright[optuna]'")
    from netwright.integrations.optuna.strategy import OptunaStrategy

    return OptunaStrategy(space, seed=seed, sampler=settings.sampler)


_MAKERS: Mapping[type[StrategySettings], Callable[[Any, Space, int], Strategy]] = {
    RandomSettings: _random,
    ReinforceSettings: _reinforce,
    OptunaSettings: _optuna,
}
