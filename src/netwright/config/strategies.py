"""The settings of the strategies, and the table of all strategies.

A new strategy has two files: its settings and its row of `STRATEGIES` are here, the rest is in a module of its own.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Union

from pydantic import Field, PositiveInt

from netwright.config.base import Count, Fraction, Layers, NonNegative, Positive, Settings, Share, Units
from netwright.errors import ConfigError, unknown

__all__ = [
    "STRATEGIES",
    "EvolutionSettings",
    "LargeScaleEvolutionSettings",
    "LocalSearchSettings",
    "OptunaSettings",
    "PPOSettings",
    "PQTSettings",
    "QLearningSettings",
    "RandomSettings",
    "ReinforceSettings",
    "ThompsonSettings",
    "strategy_settings",
]

Policy = Literal["lstm", "independent"]


class StrategySettings(Settings):
    """What the settings of all strategies have."""

    has_replicas: ClassVar[bool] = False
    """Whether replicas can compute the strategy's gradients in parallel.

    Its module then has `with_replicas`, and its settings have the `learning_rate` of the shards.
    """
    batch_size: ClassVar[int | None] = None
    """The largest batch with which the strategy works well; None if it makes no difference."""
    name: str


class ReinforceSettings(StrategySettings):
    """The controller and its learning (paper, sections 3.2 and 4.1)."""

    has_replicas: ClassVar[bool] = True
    name: Literal["reinforce"] = "reinforce"  # of the strategy
    policy: Policy = "lstm"  # independent: logits for each decision and no network
    learning_rate: Positive = 0.0006  # Adam's; paper, CIFAR-10
    hidden_size: Units = 35  # units per layer; paper
    num_layers: Layers = 2  # LSTM layers of the controller; paper; the slides have 1 of 128 units
    init_range: Positive = 0.08  # weights U(-0.08, 0.08); paper
    baseline_decay: Fraction = 0.95  # of the moving average, per batch; not in the paper, Zoph et al. 2018
    entropy_weight: NonNegative = 0.0  # relative to the reward's scale; none in the paper
    temperature: Positive = 1.0  # above 1 adds noise to the samples; none in the paper


class PPOSettings(StrategySettings):
    """Proximal policy optimisation (Schulman et al. 2017) as used for NASNet (Zoph et al. 2018, appendix A).

    NASNet's 20 architectures per update are the run's `batch_size`.
    """

    name: Literal["ppo"] = "ppo"  # of the strategy
    policy: Policy = "lstm"  # independent: logits for each decision and no network
    learning_rate: Positive = 0.00035  # Adam's; NASNet
    hidden_size: Units = 100  # units per layer; NASNet
    num_layers: Layers = 1  # LSTM layers of the controller; NASNet
    init_range: Positive = 0.1  # weights U(-0.1, 0.1); NASNet
    baseline_decay: Fraction = 0.95  # of the moving average, per batch; NASNet
    entropy_weight: NonNegative = 0.00001  # relative to the reward's scale; NASNet
    temperature: Positive = 1.0  # above 1 adds noise to the samples; none in NASNet
    clip: Share = 0.2  # how far a probability may move from its value at sampling; ours, as Schulman's
    num_epochs: Count = 4  # gradient steps on one batch; ours, NASNet names none


class PQTSettings(StrategySettings):
    """Priority queue training (Abolafia et al. 2018) with the policy and Adam of Zoph & Le."""

    name: Literal["pqt"] = "pqt"  # of the strategy
    policy_gradient: bool = False  # whether REINFORCE's gradient is added; set queue_weight to 50 / 64 then
    policy: Policy = "lstm"  # independent: logits for each decision and no network
    learning_rate: Positive = 0.0006  # Adam's; Zoph & Le. Abolafia: RMSProp's 0.0001
    hidden_size: Units = 35  # units per layer; Abolafia
    num_layers: Layers = 2  # LSTM layers of the controller; Abolafia
    init_range: Positive = 0.08  # weights U(-0.08, 0.08); Zoph & Le
    baseline_decay: Fraction = 0.99  # per batch, with policy_gradient; Abolafia
    entropy_weight: NonNegative = 0.01  # relative to the reward's scale; Abolafia
    temperature: Positive = 1.0  # above 1 adds noise to the samples; none in Abolafia
    queue_size: Count = 10  # best unique sequences; Abolafia
    queue_weight: Positive = 3.125  # of the queue's mean -log P; Abolafia: 200 / 64 alone, 50 / 64 with REINFORCE


class RandomSettings(StrategySettings):
    """Random search; it has no settings."""

    name: Literal["random"] = "random"  # of the strategy


class ThompsonSettings(StrategySettings):
    """Thompson sampling near the best, with a surrogate model of decisions and pairs of decisions."""

    batch_size: ClassVar[int | None] = 1
    name: Literal["thompson"] = "thompson"  # of the strategy
    num_random: Count = 10  # random trials at the start; ours
    num_best: Count = 10  # best architectures that are mutated; ours
    max_changes: Count = 3  # maximum number of decisions changed at once; ours
    num_candidates: Count = 100  # mutations ranked by the surrogate for each proposal; ours


class EvolutionSettings(StrategySettings):
    """Aging evolution (Real et al. 2019)."""

    name: Literal["evolution"] = "evolution"  # of the strategy
    population: Count = 100  # individuals; Real. The first ones are random
    sample: Count = 25  # individuals, sampled with replacement, of which the best is the parent; Real
    aging: bool = True  # the oldest is removed; without, the worst of the sample


class LargeScaleEvolutionSettings(StrategySettings):
    """Evolution by pairs (Real et al. 2017)."""

    name: Literal["large-scale-evolution"] = "large-scale-evolution"  # of the strategy
    population: Count = 1000  # individuals; Real. The first ones are random


class LocalSearchSettings(StrategySettings):
    """Local search with restarts (White et al. 2021)."""

    name: Literal["local-search"] = "local-search"  # of the strategy
    num_random: Count = 1  # random architectures at each start, of which the best is the centre; White


class QLearningSettings(StrategySettings):
    """Q-learning with replay (MetaQNN, Baker et al. 2017)."""

    name: Literal["q-learning"] = "q-learning"  # of the strategy
    learning_rate: Fraction = 0.01  # of a value towards its target; Baker
    discount: Fraction = 1.0  # of later rewards; Baker
    initial_value: float = 0.5  # of every state and action; Baker's code: about an average reward, better below
    replay: Annotated[int, Field(ge=0, le=100_000)] = 100  # earlier networks learned again after each new one; Baker
    num_models: PositiveInt = 2700  # different networks during which epsilon falls from 1 to 0.1; Baker


class OptunaSettings(StrategySettings):
    """Optuna's samplers, each with Optuna's own settings; needs the extra `optuna`."""

    name: Literal["optuna"] = "optuna"  # of the strategy
    sampler: Literal["tpe", "gp", "random"] = "tpe"  # Optuna's


PolicyGradientSettings = ReinforceSettings | PPOSettings | PQTSettings


@dataclass(frozen=True)
class StrategyEntry:
    """A row of the table of strategies."""

    settings: type[StrategySettings]
    module: str
    """Has `from_settings(settings, space, seed)`, which makes the strategy; imported when the strategy is used."""
    help: str
    """One line for the documentation and the command line."""


STRATEGIES: dict[str, StrategyEntry] = {
    "reinforce": StrategyEntry(ReinforceSettings, "netwright.strategies.reinforce", "the paper's controller"),
    "ppo": StrategyEntry(PPOSettings, "netwright.strategies.ppo", "proximal policy optimisation"),
    "pqt": StrategyEntry(PQTSettings, "netwright.strategies.pqt", "priority queue training"),
    "thompson": StrategyEntry(
        ThompsonSettings, "netwright.strategies.thompson", "mutations of the best, chosen by Thompson sampling"
    ),
    "evolution": StrategyEntry(EvolutionSettings, "netwright.strategies.evolution", "aging evolution"),
    "large-scale-evolution": StrategyEntry(
        LargeScaleEvolutionSettings, "netwright.strategies.large_scale_evolution", "evolution by tournaments of two"
    ),
    "local-search": StrategyEntry(
        LocalSearchSettings, "netwright.strategies.local_search", "the first better neighbour, with restarts"
    ),
    "q-learning": StrategyEntry(QLearningSettings, "netwright.strategies.q_learning", "MetaQNN's tabular Q-learning"),
    "optuna": StrategyEntry(OptunaSettings, "netwright.strategies.optuna", "TPE or another sampler of Optuna"),
    "random": StrategyEntry(RandomSettings, "netwright.strategies.random_search", "uniformly at random"),
}
"""All strategies by name. The command line, the exported names and the check of the documentation derive from it."""

if TYPE_CHECKING:
    StrategyField = StrategySettings
else:
    StrategyField = Annotated[
        Union[tuple(entry.settings for entry in STRATEGIES.values())],  # noqa: UP007, made from the table
        Field(discriminator="name"),
    ]
"""The type of a setting that holds the settings of any strategy, told apart by name."""


def strategy_settings(strategy: str | StrategySettings) -> StrategySettings:
    """Return the default settings of the strategy of this name; settings are returned as they are.

    Raises:
        ConfigError: There is no strategy of this name.
    """
    if not isinstance(strategy, str):
        return strategy
    if strategy not in STRATEGIES:
        raise ConfigError(unknown("strategy", strategy, STRATEGIES))
    return STRATEGIES[strategy].settings.from_json({})
