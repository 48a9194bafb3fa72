"""The settings of a run as a whole."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator

from netwright.config.base import NonNegative, Positive, Settings, SpaceField
from netwright.config.children import EvaluateSettings, FunctionSettings, TableSettings, TextSettings
from netwright.config.strategies import ReinforceSettings, StrategyField, StrategySettings
from netwright.errors import ConfigError, unknown


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


class ReplicaSettings(Settings):
    """The paper's asynchronous scheme: replicas of the controller over a parameter server of several shards."""

    count: PositiveInt = 100  # K, replicas that each draw `batch_size` architectures; paper, CIFAR-10 (400 on PTB)
    servers: PositiveInt = 20  # S, shards of the parameters; paper (the slides have 10)
    accumulate: PositiveInt = 1  # gradients for one update, their mean; paper, CIFAR-10 (10 on PTB)
    max_staleness: NonNegativeInt | None = None  # a gradient older than so many updates is dropped; none in the paper


class RunConfig(Settings):
    """One search, complete."""

    recipe: str = "python"
    space: SpaceField
    evaluate: Annotated[EvaluateSettings, Field(discriminator="kind")]
    strategy: StrategyField = ReinforceSettings()
    num_trials: PositiveInt = 12_800  # paper, CIFAR-10
    seed: int = 0
    batch_size: PositiveInt = 8  # the paper's m: architectures per update
    lag: Annotated[int, Field(ge=0)] = 1  # updates by which a batch may be drawn early; 0 is textbook REINFORCE
    replicas: ReplicaSettings | None = None  # None: one controller, with which a seed determines the search
    reuse: bool = True  # a duplicate takes the measurement of the first trial with its architecture
    failure_reward: float = 0.0  # what a child that failed is worth
    time_limit_seconds: Positive | None = None  # per child
    constraints: ConstraintSettings = ConstraintSettings()
    confirm: ConfirmSettings = ConfirmSettings()

    @property
    def most_in_flight(self) -> int:
        """How many children there can be at once."""
        return (self.lag + 1) * self.batch_size * (self.replicas.count if self.replicas else 1)

    @field_validator("replicas")
    @classmethod
    def _replicas_send_gradients(cls, settings: ReplicaSettings | None, info: ValidationInfo) -> ReplicaSettings | None:
        strategy: StrategySettings | None = info.data.get("strategy")
        if settings is not None and strategy is not None and not strategy.has_replicas:
            raise ValueError(f"replicas send the gradients of strategy reinforce; {strategy.name} has no replicas")
        return settings

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
        if key.startswith("replicas.") and "replicas" in known:
            raise ConfigError(f"--set {assignment}: there are no replicas; give --replicas K as well")
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
