"""Every setting of a run on one screen: its default, its unit, where it comes from.

A recipe is a function that returns a `RunConfig`. It is frozen, refuses unknown names, goes to JSON and back, and is
stored with the run. Components never see it: they take plain keyword arguments.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from netwright.children.dropout import Dropout
from netwright.errors import ConfigError, unknown
from netwright.spaces.programs import Space
from netwright.spaces.references import reference, resolve, space_from_json, space_to_json

SpaceField = Annotated[
    Space,
    PlainValidator(lambda value: value if isinstance(value, Space) else space_from_json(value)),
    PlainSerializer(space_to_json),
]
FunctionField = Annotated[
    Callable[..., Any],
    PlainValidator(lambda value: value if callable(value) else resolve(value)),
    PlainSerializer(reference),
]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Below1 = Annotated[float, Field(ge=0, lt=1)]
Policy = Literal["lstm", "independent"]
Value = TypeVar("Value")
Values = Annotated[tuple[Value, ...], Field(min_length=1)]


class Settings(BaseModel):
    """What all groups of settings share."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The settings that `to_json` wrote; `ConfigError` names every setting that does not fit."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
            raise ConfigError("; ".join(problems)) from None

    def to_json(self) -> dict[str, Any]:
        """JSON values from which `from_json` makes equal settings."""
        document: dict[str, Any] = json.loads(self.model_dump_json())
        return document


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
    """Proximal policy optimisation (Schulman et al. 2017) as NASNet has it (Zoph et al. 2018, appendix A).

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
    clip: Share = 0.2  # how far a probability may move from the one drawn with; ours, as Schulman's. NASNet names none
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
    """Random search: nothing to set."""

    name: Literal["random"] = "random"


class ThompsonSettings(Settings):
    """Thompson sampling close to the best, with a critic of decisions and pairs of them."""

    name: Literal["thompson"] = "thompson"
    num_random: PositiveInt = 10  # trials at first; ours
    num_best: PositiveInt = 10  # architectures that are changed; ours
    max_changes: PositiveInt = 3  # decisions changed at once, 1 to so many; ours
    num_candidates: PositiveInt = 100  # changed architectures among which the critic chooses; ours


class EvolutionSettings(Settings):
    """Aging evolution (Real et al. 2019)."""

    name: Literal["evolution"] = "evolution"
    population: PositiveInt = 100  # individuals; Real. The first ones are random
    sample: PositiveInt = 25  # individuals, with replacement, of which the best is a parent; Real
    aging: bool = True  # the oldest dies; without, the worst of the sample


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
"""Who chooses; the name tells them apart."""
STRATEGIES: dict[str, type[StrategySettings]] = {
    settings.model_fields["name"].default: settings for settings in get_args(StrategySettings)
}


def strategy_settings(strategy: str | StrategySettings) -> StrategySettings:
    """The settings that a strategy's name stands for, at their defaults; settings pass through."""
    if not isinstance(strategy, str):
        return strategy
    if strategy not in STRATEGIES:
        raise ConfigError(unknown("strategy", strategy, STRATEGIES))
    return STRATEGIES[strategy]()


class ImageSettings(Settings):
    """How a child is trained on images and judged (paper, section 4.1)."""

    kind: Literal["images"] = "images"
    task: str = "cifar10"
    num_train: PositiveInt | None = None  # images; None is all that validation leaves
    num_validation: PositiveInt | Share = 5000  # images; paper. Below 1: that share of every class
    split_seed: int = 0
    epochs: PositiveInt = 50  # paper
    batch_size: PositiveInt = 64  # DenseNet's; the paper names no other
    learning_rate: Positive = 0.1  # paper
    schedule: Literal["constant", "step", "cosine"] = "step"  # DenseNet's: / 10 at 1/2 and 3/4
    momentum: Fraction = 0.9  # Nesterov; paper
    weight_decay: NonNegative = 0.0001  # paper
    upsample: PositiveInt | None = 40  # pixels of the longer side, then a crop; Zoph et al. 2018. None is none
    flips: bool = True  # left and right, half of the time; paper
    last_epochs: PositiveInt = 5  # the score is the best validation accuracy of the last ones; paper
    exponent: Positive = 3.0  # reward = score ** exponent; paper. The slides say 2
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the hardware has it
    channels_last: bool = True


class TextSettings(Settings):
    """How a recurrent cell is dropped into a language model, trained and judged (paper, section 4.2).

    The paper names layers, size, epochs and reward; the rest is of the models that it compares with, of medium size
    (Zaremba et al. 2014, Gal & Ghahramani 2016).
    """

    kind: Literal["text"] = "text"
    task: str = "ptb"
    num_train_tokens: PositiveInt | None = None  # the first ones; None is all
    num_validation_tokens: PositiveInt | None = None
    num_parameters: PositiveInt | None = 20_000_000  # of the whole model, which decides the hidden size; paper
    hidden_size: PositiveInt | None = None  # units of a layer, in the place of num_parameters
    num_layers: PositiveInt = 2  # paper
    embedding_size: PositiveInt | None = None  # None is the hidden size
    tied: bool = False  # whether the softmax has the embedding's weights
    cell_bias: bool = False  # whether the leaves of a cell have a bias; none in the paper
    init_range: Positive = 0.05  # matrices U(-0.05, 0.05); Zaremba
    epochs: PositiveInt = 35  # paper
    batch_size: PositiveInt = 20  # sequences side by side; Zaremba
    window: PositiveInt = 35  # steps through which gradients flow; Zaremba
    optimizer: Literal["sgd", "adam"] = "sgd"  # Zaremba
    learning_rate: Positive = 1.0  # Zaremba
    constant_epochs: NonNegativeInt = 6  # epochs before the learning rate begins to fall; Zaremba
    decay: Annotated[float, Field(ge=1)] = 1.2  # the learning rate is divided by it at every further epoch; Zaremba
    loss_over_time: Literal["sum", "mean"] = "sum"  # of a window's nats; Zaremba
    clip: Positive = 5.0  # largest norm of a gradient; Zaremba
    weight_decay: NonNegative = 0.0
    dropout: Dropout = Dropout(inputs=0.5, output=0.5, state=0.2, words=0.2, variational=True)  # Gal
    constant: Positive = 80.0  # reward = constant / (validation perplexity) ** 2; paper
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the hardware has it

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.num_parameters is None) == (self.hidden_size is None):
            raise ValueError("give either num_parameters or hidden_size, and null for the other")
        return self


class FunctionSettings(Settings):
    """A user's own function: architecture -> reward."""

    kind: Literal["function"] = "function"
    function: FunctionField


class TableSettings(Settings):
    """A table of trained architectures: each is looked up, none is trained."""

    kind: Literal["table"] = "table"
    task: str = "nasbench201-cifar10"


EvaluateSettings = ImageSettings | TextSettings | FunctionSettings | TableSettings
"""How a child is judged; the kind tells them apart."""


class ConstraintSettings(Settings):
    """What a child may cost, counted before it is trained: parameters, and multiply-adds for one image."""

    max_parameters: PositiveInt | None = None  # above it a child is rejected, and not trained
    max_multiply_adds: PositiveInt | None = None
    rejected_reward: float = 0.0  # what a rejected child is worth
    target_parameters: PositiveInt | None = None  # reward * (target / parameters) ** weight
    target_multiply_adds: PositiveInt | None = None
    weight: NonNegative = 0.07  # MnasNet (Tan et al. 2019)

    @property
    def in_use(self) -> bool:
        """Whether costs matter."""
        limits = (self.max_parameters, self.max_multiply_adds, self.target_parameters, self.target_multiply_adds)
        return any(limit is not None for limit in limits)


class ConfirmSettings(Settings):
    """Retraining the best architectures with fresh seeds on the same split."""

    top: PositiveInt = 5
    num_seeds: PositiveInt = 3
    at_end: bool = False  # do it at the end of `netwright search`


class FinalSettings(Settings):
    """The final training: a grid on the search's split, its best point on all images but the test set's (section 4.1).

    The paper names the four things that its grid varies and none of their values. The first value of each is the
    search's own setting.
    """

    top: PositiveInt = 1  # architectures among which validation chooses; the paper takes the search's best one
    epochs: PositiveInt | None = None  # None: 6 times the search's, DenseNet's 300 for the paper's 50
    schedule: Literal["constant", "step", "cosine"] | None = None  # None: the search's
    label_smoothing: Below1 = 0.0  # none in the paper
    learning_rates: Values[Positive] = (1.0, 0.5)  # times the search's
    weight_decays: Values[NonNegative] = (1.0, 5.0)  # times the search's
    epsilons: Values[Positive] = (1e-5, 1e-3)  # of batch normalisation
    decays_at: Values[Below1 | None] = (None, 0.75)  # of training, where the rate begins to fall; None: the schedule's
    seed: int = 0

    def without_grid(self) -> Self:
        """The same with the search's own settings only."""
        first = {name: getattr(self, name)[:1] for name in ("learning_rates", "weight_decays", "epsilons", "decays_at")}
        return self.model_copy(update=first)


class FinalTextSettings(Settings):
    """The final training of a language model: a grid on what the search saw, its best point on the whole text.

    The paper names what its grid varies (section 4.2) and none of the values. The first value of each is the search's
    own setting.
    """

    top: PositiveInt = 1  # architectures among which validation chooses; the paper takes the search's best one
    epochs: PositiveInt | None = None  # None: the search's
    learning_rates: Values[Positive] = (1.0, 0.5)  # times the search's
    init_ranges: Values[Positive] = (1.0, 0.5)  # times the search's
    dropouts: Values[Fraction] = (1.0, 0.7)  # times every rate of the search's
    constant_epochs: Values[NonNegative] = (1.0, 1.5)  # times the search's
    seed: int = 0

    def without_grid(self) -> Self:
        """The same with the search's own settings only."""
        first = {
            name: getattr(self, name)[:1] for name in ("learning_rates", "init_ranges", "dropouts", "constant_epochs")
        }
        return self.model_copy(update=first)


class RunConfig(Settings):
    """One search, complete."""

    recipe: str = "python"
    space: SpaceField
    evaluate: Annotated[EvaluateSettings, Field(discriminator="kind")]
    strategy: Annotated[StrategySettings, Field(discriminator="name")] = ReinforceSettings()
    num_trials: PositiveInt = 12_800  # paper, CIFAR-10
    seed: int = 0
    batch_size: PositiveInt = 8  # the paper's m: architectures per update
    lag: Annotated[int, Field(ge=0)] = 1  # updates by which a batch may be drawn early; 0 is textbook REINFORCE
    reuse: bool = True  # a duplicate takes the measurement of the first trial with its architecture
    failure_reward: float = 0.0  # what a child that failed is worth
    time_limit_seconds: Positive | None = None  # per child
    constraints: ConstraintSettings = ConstraintSettings()
    confirm: ConfirmSettings = ConfirmSettings()

    @field_validator("constraints")
    @classmethod
    def _costs_can_be_counted(cls, settings: ConstraintSettings, info: ValidationInfo) -> ConstraintSettings:
        evaluate = info.data.get("evaluate")
        if settings.in_use and isinstance(evaluate, FunctionSettings):
            raise ValueError("netwright counts the costs of its own networks; a function of your own counts its own")
        if settings.in_use and isinstance(evaluate, TableSettings):
            raise ValueError("costs are counted for networks that are trained; a table is searched without limits")
        if isinstance(evaluate, TextSettings) and (settings.max_multiply_adds or settings.target_multiply_adds):
            raise ValueError("multiply-adds are counted for networks for images alone; limit the parameters of a cell")
        return settings

    @field_validator("confirm")
    @classmethod
    def _measured_anew(cls, settings: ConfirmSettings, info: ValidationInfo) -> ConfirmSettings:
        if settings.at_end and isinstance(info.data.get("evaluate"), TableSettings):
            raise ValueError("what stands in a table stays what it is; there is nothing to confirm")
        return settings

    def changed(self, **changes: Any) -> Self:
        """A copy with some settings replaced, checked again."""
        return self.from_json({**dict(self), **changes})

    def with_settings(self, assignments: Sequence[str]) -> Self:
        """A copy with `KEY=VALUE` assignments applied, as `netwright search --set` takes them."""
        return self.from_json(assigned(self.to_json(), assignments))


def assigned(document: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """`document`, a config's JSON, after `KEY=VALUE` assignments; `ConfigError` for a key that it does not have.

    Keys are dotted: `evaluate.epochs=3`, `space.num_layers=8`, `lag=0`. Values are JSON, or else plain strings.
    """
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        known = [name for name, _ in flattened(document)]
        if not separator:
            raise ConfigError(f"--set {assignment}: expected KEY=VALUE, for example --set lag=0")
        if key not in known:
            raise ConfigError(f"--set {assignment}: {unknown('setting', key, known)}")
        *parents, leaf = key.split(".")
        group = document
        for parent in parents:
            group = group[parent]["parameters"] if parent == "space" else group[parent]
        try:
            group[leaf] = json.loads(text)
        except json.JSONDecodeError:
            group[leaf] = text
    return document


def flattened(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every setting that `--set` can change, from a config's JSON."""
    for name, value in document.items():
        if name == "space":
            yield from ((f"space.{parameter}", setting) for parameter, setting in value["parameters"].items())
        elif isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def differences(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The names of all settings in which two configs' JSON differ, with both values; the trial limit may differ."""
    ours, theirs = dict(flattened(stored)), dict(flattened(wanted))
    ours["space"], theirs["space"] = stored["space"]["program"], wanted["space"]["program"]
    names = [name for name in {**ours, **theirs} if name != "num_trials" and ours.get(name) != theirs.get(name)]
    return [f"{name}: {ours.get(name)!r} in the run, now {theirs.get(name)!r}" for name in names]
