"""The settings of a run as a whole."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationInfo, field_validator, model_validator

from netwright.architectures.values import JsonObject
from netwright.config.base import Count, NonNegative, Positive, Reward, Settings, SpaceField
from netwright.config.children import EvaluateSettings, completed
from netwright.config.strategies import ReinforceSettings, StrategyField, StrategySettings
from netwright.errors import ConfigError, unknown

FORMER_FAILURE_REWARD = 0.0
"""The default of `failure_reward` and `rejected_reward` in runs that older versions of netwright began."""
FORMER_MAX_REDRAWS = 0
"""What runs did that lack `max_redraws`: every sample above a limit was one of their trials."""


class ConstraintSettings(Settings):
    """Limits on the costs of a child, counted before training: parameters, and multiply-adds for one image."""

    max_parameters: PositiveInt | None = None  # above it a child is rejected, and not trained
    max_multiply_adds: PositiveInt | None = None  # for one image
    rejected_reward: Reward | None = None  # what a rejected child is worth; None is below every reward so far
    max_redraws: NonNegativeInt = 200  # samples above a limit in a row that are no trials; 0: every sample is one
    target_parameters: PositiveInt | None = None  # reward * (target / parameters) ** weight
    target_multiply_adds: PositiveInt | None = None  # reward * (target / multiply-adds) ** weight
    weight: NonNegative = 0.07  # of the targets; MnasNet (Tan et al. 2019)

    @property
    def limited(self) -> frozenset[str]:
        """The costs that have a limit or a target: "parameters", "multiply_adds"."""
        return frozenset(
            cost
            for cost in ("parameters", "multiply_adds")
            if getattr(self, f"max_{cost}") or getattr(self, f"target_{cost}")
        )

    @property
    def in_use(self) -> bool:
        """Whether any cost has a limit or a target."""
        return bool(self.limited)


Rung = tuple[PositiveInt, Annotated[float, Field(gt=0, le=1)]]
"""Epochs, and a share of the children or architectures."""


def _in_ascending_order(rungs: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    for (before, _), (after, _) in pairwise(rungs):
        if after <= before:
            raise ValueError(f"expected numbers of epochs in ascending order; {after} follows {before}")
    return rungs


class ConfirmSettings(Settings):
    """Retraining the best architectures with fresh seeds on the same split."""

    top: PositiveInt = 5  # best architectures that are retrained
    num_seeds: PositiveInt = 3  # retrainings of each
    epochs: PositiveInt | None = None  # of each retraining; None is the search's
    first: tuple[Rung, ...] = ()  # before it, more epochs, each with the share of architectures trained once for them
    at_end: bool = False  # do it at the end of `netwright search`

    @field_validator("first")
    @classmethod
    def _ascending(cls, steps: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
        return _in_ascending_order(steps)

    @model_validator(mode="after")
    def _the_last_step_has_the_most_epochs(self) -> Self:
        last = self.first[-1][0] if self.first else 0
        if self.first and (self.epochs or 0) <= last:
            given = "none are given" if self.epochs is None else f"they are {self.epochs}"
            raise ValueError(f"the epochs of the best are more than the {last} of the step before, and {given}")
        return self


class StoppingSettings(Settings):
    """Stopping children that are worse than earlier ones were after as many epochs."""

    rungs: tuple[Rung, ...] = ()  # epochs, each with the share of children that go on; none is the paper's
    min_reached: Count = 8  # children that have reached a rung before any is stopped there

    @field_validator("rungs")
    @classmethod
    def _ascending(cls, rungs: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
        return _in_ascending_order(rungs)


class ReplicaSettings(Settings):
    """The paper's asynchronous scheme: replicas of the controller and a parameter server of several shards."""

    count: Count = 100  # K, replicas that each sample `batch_size` architectures; paper, CIFAR-10 (400 on PTB)
    servers: PositiveInt = 20  # S, shards of the parameters; paper (the slides have 10)
    accumulate: PositiveInt = 1  # gradients for one update, their mean; paper, CIFAR-10 (10 on PTB)
    max_staleness: NonNegativeInt | None = None  # a gradient older than so many updates is dropped; none in the paper


FROM_PYTHON = "python"
"""The recipe of a run whose space and function are a program's own, so that commands cannot load and continue it."""


class RunConfig(Settings):
    """All settings of one search."""

    recipe: str = FROM_PYTHON  # its name, or FILE.py:FUNCTION
    space: SpaceField
    evaluate: Annotated[EvaluateSettings, Field(discriminator="kind")]
    strategy: StrategyField = ReinforceSettings()
    num_trials: PositiveInt = 12_800  # architectures to try, without redrawn ones (constraints); paper, CIFAR-10
    seed: int = 0  # the same seed gives the same search
    batch_size: Count = 8  # the paper's m: architectures per update
    lag: Annotated[int, Field(ge=0, le=1000)] = (
        1  # updates by which a batch may be sampled early; 0 is textbook REINFORCE
    )
    replicas: ReplicaSettings | None = None  # None: one controller, with which a seed determines the search
    reuse: bool = True  # a duplicate takes the measurement of the first trial with its architecture
    failure_reward: Reward | None = None  # what a child that failed is worth; None is below every reward so far
    time_limit_seconds: Positive | None = None  # per child; None is none
    constraints: ConstraintSettings = ConstraintSettings()
    confirm: ConfirmSettings = ConfirmSettings()
    stopping: StoppingSettings = StoppingSettings()

    @property
    def most_in_flight(self) -> int:
        """The largest number of children in training at the same time."""
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
        evaluate: EvaluateSettings | None = info.data.get("evaluate")
        for cost, reason in evaluate.cannot_limit.items() if evaluate else ():
            if cost in settings.limited:
                raise ValueError(reason)
        return settings

    @field_validator("confirm")
    @classmethod
    def _can_be_confirmed(cls, settings: ConfirmSettings, info: ValidationInfo) -> ConfirmSettings:
        evaluate: EvaluateSettings | None = info.data.get("evaluate")
        if evaluate is None:
            return settings
        if settings.epochs is None:
            if settings.at_end and evaluate.cannot_repeat:
                raise ValueError(evaluate.cannot_repeat)
            return settings
        if evaluate.cannot_train_longer:
            raise ValueError(evaluate.cannot_train_longer)
        epochs = getattr(evaluate, "epochs", 1)
        if (least := min([settings.epochs, *(more for more, _ in settings.first)])) < epochs:
            raise ValueError(f"a retraining of {least} epochs is shorter than those of the search, which are {epochs}")
        return settings

    @field_validator("stopping")
    @classmethod
    def _rungs_are_in_the_training(cls, settings: StoppingSettings, info: ValidationInfo) -> StoppingSettings:
        evaluate: EvaluateSettings | None = info.data.get("evaluate")
        if not settings.rungs or evaluate is None:
            return settings
        if evaluate.cannot_stop:
            raise ValueError(evaluate.cannot_stop)
        last, epochs = settings.rungs[-1][0], getattr(evaluate, "epochs", None)
        if epochs is not None and last >= epochs:
            raise ValueError(f"a rung after {last} epochs stops nothing, since children are trained for {epochs}")
        return settings

    def changed(self, **changes: object) -> Self:
        """Return a copy with some settings replaced; the copy is validated."""
        return self.from_json({**dict(self), **changes})

    def with_strategy(self, strategy: StrategySettings) -> Self:
        """Return a copy with another strategy; with one that needs smaller batches, two of them are in flight."""
        size = strategy.batch_size
        batches = {"batch_size": size, "lag": 1} if size is not None and size < self.batch_size else {}
        return self.changed(strategy=strategy, **batches)

    def with_in_flight(self, number: int) -> Self:
        """Return a copy in which so many children may be in training at the same time.

        Raises:
            ConfigError: Whole batches have another number of children, or there are replicas.
        """
        if self.replicas is not None:
            raise ConfigError("with replicas, (lag + 1) x batch_size x replicas children are in flight; set these")
        batches, rest = divmod(number, self.batch_size)
        if rest or batches < 1:
            sizes = ", ".join(str(count * self.batch_size) for count in (1, 2, 3))
            raise ConfigError(
                f"{number} children in flight are no whole batches of {self.batch_size}; expected {sizes}, ... or "
                "another batch_size"
            )
        return self.changed(lag=batches - 1)

    def with_settings(self, assignments: Sequence[str]) -> Self:
        """Return a copy with `KEY=VALUE` assignments applied, as `netwright search --set` takes them."""
        return self.from_json(assigned(self.to_json(), assignments))


def assigned(document: JsonObject, assignments: Sequence[str]) -> JsonObject:
    """Apply `KEY=VALUE` assignments to the JSON of a config.

    Args:
        document: The config's JSON, which is changed in place.
        assignments: Keys are dotted: `evaluate.epochs=3`, `space.num_layers=8`, `lag=0`. A value is parsed as JSON,
            and taken as a plain string where it is not JSON.

    Returns:
        `document`.

    Raises:
        ConfigError: An assignment has no "=", or the config has no such setting.
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


def flattened(document: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted name, value) of every setting that `--set` can change, from a config's JSON."""
    for name, value in document.items():
        if name == "space" and isinstance(value, Mapping):
            yield from ((f"space.{parameter}", setting) for parameter, setting in value["parameters"].items())
        elif isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def with_former_defaults(config: RunConfig, stored: JsonObject) -> RunConfig:
    """Return the settings with which a stored run goes on if the default of a setting has changed since it began.

    Args:
        config: The settings that were asked for.
        stored: The JSON of the run's settings. Where `config` has a new default and this has the former one, it stays.
    """
    if config.failure_reward is None and stored.get("failure_reward") == FORMER_FAILURE_REWARD:
        config = config.changed(failure_reward=FORMER_FAILURE_REWARD)
    limits = stored.get("constraints", {})
    is_same_strategy = stored.get("strategy", {}).get("name") == config.strategy.name
    if is_same_strategy and config.batch_size == config.strategy.batch_size and config.lag == stored.get("lag"):
        config = config.changed(batch_size=stored["batch_size"])  # of a run that began when all had batches of 8
    changes: JsonObject = {}
    if config.constraints.rejected_reward is None and limits.get("rejected_reward") == FORMER_FAILURE_REWARD:
        changes["rejected_reward"] = FORMER_FAILURE_REWARD
    if config.constraints.max_redraws == ConstraintSettings().max_redraws and max_redraws(stored) == FORMER_MAX_REDRAWS:
        changes["max_redraws"] = FORMER_MAX_REDRAWS
    return config.changed(constraints=config.constraints.model_copy(update=changes)) if changes else config


def max_redraws(stored: JsonObject) -> int:
    """Return `constraints.max_redraws` from the JSON of a run's settings; `ValueError` if it is no such number."""
    found = stored.get("constraints", {}).get("max_redraws", FORMER_MAX_REDRAWS)
    if type(found) is not int or found < 0:
        raise ValueError(f"max_redraws is {found!r}")
    return found


def with_later_settings(stored: JsonObject) -> JsonObject:
    """Return the JSON of a run's settings with those that did not exist when it was stored."""
    constraints = {"max_redraws": FORMER_MAX_REDRAWS, **stored.get("constraints", {})}
    later = {
        "evaluate": completed(stored["evaluate"]),
        "constraints": constraints,
        "confirm": {**ConfirmSettings().to_json(), **stored.get("confirm", {})},
    }
    return {"stopping": StoppingSettings().to_json(), **stored, **later}


def differences(stored: JsonObject, wanted: JsonObject) -> list[str]:
    """Describe every setting in which the JSON of two configs differs, with both values; not the trial limit."""
    ours, theirs = (dict(flattened(with_later_settings(each))) for each in (stored, wanted))
    ours["space"], theirs["space"] = stored["space"]["program"], wanted["space"]["program"]
    names = [name for name in {**ours, **theirs} if name != "num_trials" and ours.get(name) != theirs.get(name)]
    return [f"{name}: {ours.get(name)!r} in the run, now {theirs.get(name)!r}" for name in names]
