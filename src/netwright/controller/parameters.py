"""The controller's parameters with their optimiser and baseline: what several replicas would share.

    snapshot = parameters.pull()                      # one consistent version
    ... sample with pulled.weights, measure ...
    advantages = parameters.advantages(rewards, origin)
    ... differentiate at pulled.weights ...
    parameters.push(gradient)                       # one update

In one process this is a single object; a parameter server is the same verbs over shards (`controller/shards.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from torch import Tensor

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.policy import Weights, initial_weight
from netwright.nn.optimizers import Adam


@dataclass(frozen=True)
class ParameterSnapshot:
    """One version of the parameters. `version` counts the updates behind it."""

    version: int
    weights: Weights


@dataclass(frozen=True)
class Origin:
    """What a gradient comes from: the round of a replica, drawn with the parameters of this version."""

    replica: int
    round: int
    version: int


@dataclass(frozen=True)
class Advantages:
    """A batch's rewards against the baseline."""

    values: list[float]
    """R_k - b with the baseline of the batches before."""
    baseline: float
    """The value after this batch."""
    accepted: bool = True
    """Whether a gradient is to follow."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """What people should know besides."""

    @classmethod
    def by(cls, baseline: MovingAverageBaseline, rewards: Sequence[float], **metrics: float) -> Self:
        """Of an accepted batch, whose rewards the baseline takes in."""
        advantages = baseline.advantages(rewards)
        baseline.update(rewards)
        return cls(advantages, baseline.value or 0.0, metrics=metrics)


class Parameters(Protocol):
    """What a strategy asks of the keeper of its parameters.

    Gradients are pushed in the order in which their batches were judged; several may be on their way.
    """

    def pull(self) -> ParameterSnapshot:
        """A copy of all parameters at one version."""

    def advantages(self, rewards: Sequence[float], origin: Origin) -> Advantages:
        """Hold a batch against the baseline, which then takes its rewards in."""

    def push(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply the gradient of the loss of a batch: one update."""

    def state(self) -> tuple[dict[str, Any], Weights]:
        """JSON values and tensors from which `restore` goes on exactly; not while a gradient is on its way."""

    def restore(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; meant for a fresh object."""


class AdamWeights:
    """Named weights, updated by Adam (Kingma & Ba 2015). Paper: learning rate 0.0006 (section 4.1).

    A weight that a gradient does not mention keeps its value and its moments. Adam knows single numbers only, so a
    part of a weight that is kept elsewhere is updated to the same bits.
    """

    def __init__(self, learning_rate: float) -> None:
        self.values: Weights = {}
        self._optimizer = Adam(learning_rate=learning_rate, together=True)

    def add(self, name: str, value: Tensor) -> None:
        """A new weight, which starts from a copy of `value`."""
        self.values[name] = value.detach().clone().requires_grad_()
        self._optimizer.weights.append(self.values[name])

    def step(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply one gradient; all its names have been added."""
        for name, weight in self.values.items():
            weight.grad = gradient.get(name)
        self._optimizer.step()

    def snapshot(self) -> Weights:
        """A copy of all weights."""
        return {name: weight.detach().clone() for name, weight in self.values.items()}

    def state(self) -> Weights:
        """Tensors from which `restore` goes on exactly: "weight/NAME" and "adam/MOMENT/NAME"."""
        tensors = {f"weight/{name}": weight.detach() for name, weight in self.values.items()}
        for name, weight in self.values.items():
            for moment, value in self._optimizer.state[weight].items():
                tensors[f"adam/{moment}/{name}"] = value
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; meant for a fresh object. Other names are left alone."""
        for key, value in tensors.items():
            if key.startswith("weight/"):
                self.add(key.removeprefix("weight/"), value)
        for key, value in tensors.items():
            if key.startswith("adam/"):
                _, moment, name = key.split("/", 2)
                self._optimizer.state[self.values[name]][moment] = value.clone()


class AdamParameters:
    """Parameters in this process, with Adam and one baseline."""

    def __init__(self, *, seed: int, init_range: float, learning_rate: float, baseline: MovingAverageBaseline) -> None:
        self.baseline = baseline
        self.version = 0
        self._seed, self._init_range = seed, init_range
        self._weights = AdamWeights(learning_rate)

    def pull(self) -> ParameterSnapshot:
        """A copy of all parameters."""
        return ParameterSnapshot(self.version, self._weights.snapshot())

    def advantages(self, rewards: Sequence[float], origin: Origin | None = None) -> Advantages:
        """Hold a batch against the baseline, wherever it comes from; the baseline then takes its rewards in."""
        return Advantages.by(self.baseline, rewards)

    def step(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply one gradient within an update that `push` will end.

        A name seen for the first time starts from its initial value, as in the controller.
        """
        for name, value in gradient.items():
            if name not in self._weights.values:
                self._weights.add(name, initial_weight(self._seed, name, value.shape, self._init_range))
        self._weights.step(gradient)

    def push(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply the last or only gradient of a batch."""
        self.step(gradient)
        self.version += 1

    def state(self) -> tuple[dict[str, Any], Weights]:
        """JSON values and tensors from which `restore` goes on exactly."""
        return {"version": self.version, "baseline": self.baseline.value}, self._weights.state()

    def restore(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; meant for a fresh object."""
        self.version, self.baseline.value = values["version"], values["baseline"]
        self._weights.restore(tensors)


def gradient_norm(gradient: Mapping[str, Tensor]) -> float:
    """The Euclidean norm over all parameters, the same whatever their order."""
    return math.sqrt(math.fsum(float(value.pow(2).sum()) for value in gradient.values()))
