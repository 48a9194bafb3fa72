"""Settings of the strategies."""

from typing import Literal, get_args

from pydantic import NonNegativeInt, PositiveInt

from netwright.config.base import Fraction, NonNegative, Positive, Settings, Share
from netwright.errors import ConfigError, unknown

Policy = Literal["lstm", "independent"]


class ReinforceSettings(Settings):
    """The controller and its learning (paper, sections 3.2 and 4.1)."""

    name: Literal["reinforce"] = "reinforce"
    policy: Policy = "lstm"  # independent: logits for each decision and no network
    learning_rate: Positive = 0.0006  # Adam's; paper, CIFAR-10
    hidden_size: PositiveInt = 35  # units per layer; paper
    num_layers: PositiveInt = 2  # paper; the slides have 1 of 128 units
    init_range: Positive = 0.08  # weights U(-0.08, 0.08); paper
    baseline_decay: Fraction = 0.95  # per batch; not in the paper, Zoph et al. 2018
    entropy_weight: NonNegative = 0.0  # relative to the reward's scale; none in the paper
    temperature: Positive = 1.0  # above 1 adds noise to the samples; none in the paper


class PPOSettings(Settings):
    """Proximal policy optimisation (Schulman et al. 2017) as used for NASNet (Zoph et al. 2018, appendix A).

    NASNet's 20 architectures per update are the run's `batch_size`.
    """

    name: Literal["ppo"] = "ppo"
    policy: Policy = "lstm"  # independent: logits for each decision and no network
    learning_rate: Positive = 0.00035  # Adam's; NASNet
    hidden_size: PositiveInt = 100  # units per layer; NASNet
    num_layers: PositiveInt = 1  # NASNet
    init_range: Positive = 0.1  # weights U(-0.1, 0.1); NASNet
    baseline_decay: Fraction = 0.95  # per batch; NASNet
    entropy_weight: NonNegative = 0.00001  # relative to the reward's scale; NASNet
    temperature: Positive = 1.0  # above 1 adds noise to the samples; none in NASNet
    clip: Share = 0.2  # maximum change of the probability ratio; ours, as Schulman's. NASNet names none
    num_epochs: PositiveInt = 4  # gradient steps on one batch; ours, NASNet names none


class PQTSettings(Settings):
    """Priority queue training (Abolafia et al. 2018) with the policy and Adam of Zoph & Le."""

    name: Literal["pqt"] = "pqt"
    policy_gradient: bool = False  # whether REINFORCE's gradient is added; set queue_weight to 50 / 64 then
    policy: Policy = "lstm"  # independent: logits for each decision and no network
    learning_rate: Positive = 0.0006  # Adam's; Zoph & Le. Abolafia: RMSProp's 0.0001
    hidden_size: PositiveInt = 35  # units per layer; Abolafia
    num_layers: PositiveInt = 2  # Abolafia
    init_range: Positive = 0.08  # weights U(-0.08, 0.08); Zoph & Le
    baseline_decay: Fraction = 0.99  # per batch, with policy_gradient; Abolafia
    entropy_weight: NonNegative = 0.01  # Abolafia
    temperature: Positive = 1.0  # above 1 adds noise to the samples; none in Abolafia
    queue_size: PositiveInt = 10  # best unique sequences; Abolafia
    queue_weight: Positive = 3.125  # of the queue's mean -log P; Abolafia: 200 / 64 alone, 50 / 64 with REINFORCE


class RandomSettings(Settings):
    """Random search; it has no settings."""

    name: Literal["random"] = "random"


class ThompsonSettings(Settings):
    """Thompson sampling near the best architectures, with a surrogate of decisions and pairs of them."""

    name: Literal["thompson"] = "thompson"
    num_random: PositiveInt = 10  # random trials at the start; ours
    num_best: PositiveInt = 10  # best architectures that are mutated; ours
    max_changes: PositiveInt = 3  # maximum number of decisions changed at once; ours
    num_candidates: PositiveInt = 100  # mutations ranked by the surrogate for each proposal; ours


class EvolutionSettings(Settings):
    """Aging evolution (Real et al. 2019)."""

    name: Literal["evolution"] = "evolution"
    population: PositiveInt = 100  # individuals; Real. The first ones are random
    sample: PositiveInt = 25  # individuals, sampled with replacement, of which the best is the parent; Real
    aging: bool = True  # the oldest is removed; without, the worst of the sample


class LargeScaleEvolutionSettings(Settings):
    """Evolution by pairs (Real et al. 2017)."""

    name: Literal["large-scale-evolution"] = "large-scale-evolution"
    population: PositiveInt = 1000  # individuals; Real. The first ones are random


class QLearningSettings(Settings):
    """Q-learning with replay (MetaQNN, Baker et al. 2017)."""

    name: Literal["q-learning"] = "q-learning"
    learning_rate: Fraction = 0.01  # of a value towards its target; Baker
    discount: Fraction = 1.0  # of later rewards; Baker
    initial_value: float = 0.5  # of every state and action; Baker's code: about an average reward, better below
    replay: NonNegativeInt = 100  # earlier networks learned again after each new one; Baker
    num_models: PositiveInt = 2700  # different networks during which epsilon falls from 1 to 0.1; Baker


class OptunaSettings(Settings):
    """Optuna's samplers, each with Optuna's own settings; needs the extra `optuna`."""

    name: Literal["optuna"] = "optuna"
    sampler: Literal["tpe", "gp", "random"] = "tpe"


StrategySettings = (
    ReinforceSettings
    | PPOSettings
    | PQTSettings
    | ThompsonSettings
    | EvolutionSettings
    | LargeScaleEvolutionSettings
    | QLearningSettings
    | OptunaSettings
    | RandomSettings
)
"""Settings of any strategy, discriminated by `name`."""
STRATEGIES: dict[str, type[StrategySettings]] = {
    settings.model_fields["name"].default: settings for settings in get_args(StrategySettings)
}


def strategy_settings(strategy: str | StrategySettings) -> StrategySettings:
    """Return the default settings of a named strategy; settings are returned unchanged."""
    if not isinstance(strategy, str):
        return strategy
    if strategy not in STRATEGIES:
        raise ConfigError(unknown("strategy", strategy, STRATEGIES))
    return STRATEGIES[strategy]()
