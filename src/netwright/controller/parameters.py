"""The controller's parameters with their optimiser and baseline: the state that replicas of a controller share.

    snapshot = parameters.pull()                           # one consistent version
    ... sample with snapshot.weights, train the children ...
    advantages = parameters.advantages(rewards, origin)
    ... differentiate the loss at snapshot.weights ...
    parameters.push(gradient)                              # one update

`AdamParameters` holds them in one object; `controller/shards.py` distributes them over the shards of a parameter server
with the same interface.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from torch import Tensor

from netwright.architectures.values import JsonObject
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.policy import Weights, initial_weight
from netwright.nn.optimizers import Adam


@dataclass(frozen=True)
class ParameterSnapshot:
    """The parameters after `version` updates."""

    version: int
    weights: Weights


@dataclass(frozen=True)
class Origin:
    """The batch of a gradient: number `round` of replica `replica`, sampled with the parameters of `version`."""

    replica: int
    round: int
    version: int


@dataclass(frozen=True)
class Advantages:
    """The advantages of one batch of rewards."""

    values: list[float]
    """R_k - b, with the baseline b of the batches before this one."""
    baseline: float
    """The baseline after this batch."""
    accepted: bool = True
    """Whether a gradient for this batch must be pushed; if not, the batch changes nothing."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Further numbers to log with the batch, such as its staleness."""

    @classmethod
    def by(cls, baseline: MovingAverageBaseline, rewards: Sequence[float], **metrics: float) -> Self:
        """Compute the advantages of an accepted batch, then update `baseline` with its rewards."""
        advantages = baseline.advantages(rewards)
        baseline.update(rewards)
        return cls(advantages, baseline.value or 0.0, metrics=metrics)


class Parameters(Protocol):
    """The interface of a policy-gradient strategy to its parameters.

    Gradients are pushed in the order of the calls of `advantages`; several may be outstanding.
    """

    def pull(self) -> ParameterSnapshot:
        """Return a copy of all parameters at one version."""

    def advantages(self, rewards: Sequence[float], origin: Origin) -> Advantages:
        """Compute the advantages of a batch, then update the baseline with its rewards."""

    def push(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply the gradient of the loss of one batch; a weight that it lacks has gradient zero."""

    def state(self) -> tuple[JsonObject, Weights]:
        """Return JSON values and tensors for `restore`; not while a gradient is outstanding."""

    def restore(self, values: JsonObject, tensors: Mapping[str, Tensor]) -> None:
        """Continue exactly from the result of `state`; call it on a new object."""


class AdamWeights:
    """Named weights, updated by Adam (Kingma & Ba 2015). Paper: learning rate 0.0006 (section 4.1).

    Adam is element-wise, so the slices of a weight in several shards are updated to the same bits as the whole weight.

    Deviation: a weight without an entry in a gradient, because its decision does not occur in the batch, keeps its
    value, its moments and its count of steps. The paper does not say whether its gradient is absent or zero; with zero,
    Adam's moments would decay and still move the weight.
    """

    def __init__(self, learning_rate: float) -> None:
        self.values: Weights = {}
        self._optimizer = Adam(learning_rate=learning_rate, together=True)

    def add(self, name: str, value: Tensor) -> None:
        """Add a weight with a copy of `value` as its initial value."""
        self.values[name] = value.detach().clone().requires_grad_()
        self._optimizer.weights.append(self.values[name])

    def step(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply one gradient, all of whose names have been added."""
        for name, weight in self.values.items():
            weight.grad = gradient.get(name)
        self._optimizer.step()

    def snapshot(self) -> Weights:
        """Return a copy of all weights."""
        return {name: weight.detach().clone() for name, weight in self.values.items()}

    def state(self) -> Weights:
        """Return the tensors for `restore`, named "weight/NAME" and "adam/MOMENT/NAME"."""
        tensors = {f"weight/{name}": weight.detach() for name, weight in self.values.items()}
        for name, weight in self.values.items():
            for moment, value in self._optimizer.state[weight].items():
                tensors[f"adam/{moment}/{name}"] = value
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue exactly from the result of `state`; call it on a new object. Tensors of other names are ignored."""
        for key, value in tensors.items():
            if key.startswith("weight/"):
                self.add(key.removeprefix("weight/"), value)
        for key, value in tensors.items():
            if key.startswith("adam/"):
                _, moment, name = key.split("/", 2)
                self._optimizer.state[self.values[name]][moment] = value.clone()


class AdamParameters:
    """Parameters in one object in this process, with Adam and one baseline; implements `Parameters`.

    Args:
        seed: determines the initial value of every weight, as in the controller.
        init_range: initial weights are uniform in -init_range..init_range.
        learning_rate: Adam's.
        baseline: the moving average of rewards.
    """

    def __init__(self, *, seed: int, init_range: float, learning_rate: float, baseline: MovingAverageBaseline) -> None:
        self.baseline = baseline
        self.version = 0
        self._seed, self._init_range = seed, init_range
        self._weights = AdamWeights(learning_rate)

    def pull(self) -> ParameterSnapshot:
        """Return a copy of all parameters."""
        return ParameterSnapshot(self.version, self._weights.snapshot())

    def advantages(self, rewards: Sequence[float], origin: Origin | None = None) -> Advantages:
        """Compute the advantages of a batch, whatever its origin, then update the baseline with its rewards."""
        return Advantages.by(self.baseline, rewards)

    def step(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply one of several gradients of the same batch, the last of which is given to `push`.

        A weight that occurs for the first time starts from its initial value, as in the controller.
        """
        for name, value in gradient.items():
            if name not in self._weights.values:
                self._weights.add(name, initial_weight(self._seed, name, value.shape, self._init_range))
        self._weights.step(gradient)

    def push(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply the last or only gradient of a batch and increment `version`."""
        self.step(gradient)
        self.version += 1

    def state(self) -> tuple[JsonObject, Weights]:
        """Return JSON values and tensors for `restore`."""
        return {"version": self.version, "baseline": self.baseline.value}, self._weights.state()

    def restore(self, values: JsonObject, tensors: Mapping[str, Tensor]) -> None:
        """Continue exactly from the result of `state`; call it on a new object."""
        self.version, self.baseline.value = values["version"], values["baseline"]
        self._weights.restore(tensors)


def gradient_norm(gradient: Mapping[str, Tensor]) -> float:
    """Return the Euclidean norm over all parameters; exact summation makes it independent of their order."""
    return math.sqrt(math.fsum(float(value.pow(2).sum()) for value in gradient.values()))
