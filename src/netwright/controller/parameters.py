"""The controller's parameters with their optimiser and baseline: what several replicas would share.

    pulled = parameters.pull()                      # one consistent version
    ... sample with pulled.weights, measure, differentiate at pulled.weights ...
    parameters.push(gradient, rewards, origin)      # one update

In one process this is a single object; a parameter server is the same verbs over shards (`distributed/shards.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.policy import Weights, initial_weight


@dataclass(frozen=True)
class Pulled:
    """One version of the parameters. `version` counts the updates behind it."""

    version: int
    weights: Weights


@dataclass(frozen=True)
class Origin:
    """What a gradient comes from: the round of a replica, drawn with the parameters of this version."""

    replica: int
    round: int
    version: int


class Parameters(Protocol):
    """What a strategy asks of the keeper of its parameters."""

    @property
    def baseline(self) -> MovingAverageBaseline:
        """What rewards are judged by."""

    def pull(self) -> Pulled:
        """A copy of all parameters at one version."""

    def advantages(self, rewards: Sequence[float]) -> list[float]:
        """R_k - b with the baseline as it stands."""

    def step(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply one gradient of the loss within an update that `push` will end."""

    def push(self, gradient: Mapping[str, Tensor], rewards: Sequence[float], origin: Origin) -> Mapping[str, float]:
        """Apply one gradient of the loss, then take the batch's rewards into the baseline: one update.

        Returns what people should know of it besides.
        """

    def state(self) -> tuple[dict[str, Any], Weights]:
        """JSON values and tensors from which `restore` goes on exactly."""

    def restore(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; meant for a fresh object."""


class AdamParameters:
    """Parameters in this process, updated by Adam (Kingma & Ba 2015). Paper: learning rate 0.0006 (section 4.1).

    A parameter that a gradient does not mention keeps its value and its moments.
    """

    def __init__(self, *, seed: int, init_range: float, learning_rate: float, baseline: MovingAverageBaseline) -> None:
        self.baseline = baseline
        self.version = 0
        self._seed, self._init_range = seed, init_range
        self._weights: Weights = {}
        self._optimizer = torch.optim.Adam([torch.zeros(0)], lr=learning_rate)

    def pull(self) -> Pulled:
        """A copy of all parameters."""
        return Pulled(self.version, {name: weight.detach().clone() for name, weight in self._weights.items()})

    def advantages(self, rewards: Sequence[float]) -> list[float]:
        """R_k - b with the baseline as it stands."""
        return self.baseline.advantages(rewards)

    def step(self, gradient: Mapping[str, Tensor]) -> None:
        """Apply one gradient; a name seen for the first time starts from its initial value, as in the controller."""
        for name, value in gradient.items():
            if name not in self._weights:
                self._add(name, initial_weight(self._seed, name, value.shape, self._init_range))
        for name, weight in self._weights.items():
            weight.grad = gradient.get(name)
        self._optimizer.step()

    def push(
        self, gradient: Mapping[str, Tensor], rewards: Sequence[float], origin: Origin | None = None
    ) -> Mapping[str, float]:
        """Apply the last or only gradient of a batch and take its rewards into the baseline, wherever it comes from."""
        self.step(gradient)
        self.baseline.update(rewards)
        self.version += 1
        return {}

    def _add(self, name: str, value: Tensor) -> None:
        self._weights[name] = value.requires_grad_()
        self._optimizer.add_param_group({"params": [self._weights[name]]})

    def state(self) -> tuple[dict[str, Any], Weights]:
        """JSON values and tensors from which `restore` goes on exactly."""
        tensors = {f"weight/{name}": weight.detach() for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            for moment, value in self._optimizer.state[weight].items():
                tensors[f"adam/{moment}/{name}"] = value
        return {"version": self.version, "baseline": self.baseline.value}, tensors

    def restore(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; meant for a fresh object."""
        self.version, self.baseline.value = values["version"], values["baseline"]
        for key, value in tensors.items():
            if key.startswith("weight/"):
                self._add(key.removeprefix("weight/"), value.clone())
        for key, value in tensors.items():
            if key.startswith("adam/"):
                _, moment, name = key.split("/", 2)
                self._optimizer.state[self._weights[name]][moment] = value.clone()


def gradient_norm(gradient: Mapping[str, Tensor]) -> float:
    """The Euclidean norm over all parameters, the same whatever their order."""
    return math.sqrt(math.fsum(float(value.pow(2).sum()) for value in gradient.values()))
