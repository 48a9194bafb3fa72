"""The parameter server of Zoph & Le 2017 (section 3.2): the controller's parameters, divided into S shards.

    parameters = ShardedParameters.local(3, seed=0, ...)     # implements `Parameters`
    snapshot = parameters.pull()                             # all shards at one version
    advantages = parameters.advantages(rewards, origin)      # a repeated batch is refused
    parameters.push(gradient)

Shards share no state. `LocalShards` holds them in this process; `execution/on_ray/parameter_shards.py` places them on
the nodes of a cluster.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, Self

import torch
from torch import Tensor

from netwright.architectures.values import JsonObject
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamWeights, Advantages, Origin, ParameterSnapshot
from netwright.controller.policy import Weights, initial_weight
from netwright.errors import ConfigError

Slices = Mapping[str, Tensor]
"""One shard's part of each named tensor, one-dimensional and possibly empty."""


class Shard:
    """A slice of every parameter with Adam's moments, updated once every `accumulate` gradients.

    Gradients are numbered. They are applied in this order and each one once, even if they arrive in another order or
    repeatedly.

    Deviation: the paper does not say whether an update uses the sum or the mean of its gradients. This is the mean,
    where a gradient without an entry for a parameter counts as zero. Adam is nearly invariant to the scale of
    gradients, so the two differ little.

    Args:
        learning_rate: Adam's.
        accumulate: gradients for one update, 1 or more.
    """

    def __init__(self, *, learning_rate: float, accumulate: int = 1) -> None:
        self.num_applied = 0
        self._accumulate = accumulate
        self._weights = AdamWeights(learning_rate)
        self._sums: Weights = {}
        self._waiting: dict[int, tuple[Slices, Slices]] = {}

    @property
    def version(self) -> int:
        """The number of updates so far."""
        return self.num_applied // self._accumulate

    def apply(self, number: int, gradient: Slices, initial: Slices) -> None:
        """Apply gradient `number`, or store it until all earlier ones are applied; a repeated number is ignored.

        Args:
            number: position of the gradient in the order of all gradients, from 0.
            gradient: this shard's slices of the gradient.
            initial: this shard's slices of the initial values of parameters that occur for the first time.
        """
        if number >= self.num_applied:
            self._waiting[number] = (gradient, initial)
        while (turn := self._waiting.pop(self.num_applied, None)) is not None:
            self._take_in(*turn)
            self.num_applied += 1

    def _take_in(self, gradient: Slices, initial: Slices) -> None:
        for name, value in initial.items():
            self._weights.add(name, value)
        for name, value in gradient.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value
        if (self.num_applied + 1) % self._accumulate == 0:
            self._weights.step({name: value / self._accumulate for name, value in self._sums.items()})
            self._sums = {}

    def fetch(self, version: int) -> Weights:
        """Return a copy of this shard's slices.

        Raises:
            RuntimeError: the shard is not at `version`.
        """
        if self.version != version:
            raise RuntimeError(f"a shard is at version {self.version}, and version {version} was requested")
        return self._weights.snapshot()

    def state(self) -> Weights:
        """Return the tensors for `restore`, including the gradients accumulated since the last update."""
        return self._weights.state() | {f"sum/{name}": value for name, value in self._sums.items()}

    def restore(self, num_applied: int, tensors: Slices) -> None:
        """Continue exactly from the result of `state` after `num_applied` gradients; call it on a new object."""
        self.num_applied = num_applied
        self._weights.restore(tensors)
        sums = {key.removeprefix("sum/"): value for key, value in tensors.items() if key.startswith("sum/")}
        self._sums = {name: value.clone() for name, value in sums.items()}


class Shards(Protocol):
    """The methods of `Shard` for all shards together; every list has one entry for each shard."""

    def __len__(self) -> int: ...

    def apply(self, number: int, gradients: Sequence[Slices], initials: Sequence[Slices]) -> None:
        """Apply gradient `number` in every shard, once."""

    def fetch(self, version: int) -> list[Weights]:
        """Return copies of the slices, all at `version`."""

    def state(self) -> list[Weights]:
        """Return the tensors for `restore`."""

    def restore(self, num_applied: int, parts: Sequence[Slices]) -> None:
        """Continue exactly from the result of `state` after `num_applied` gradients; call it on a new object."""


class LocalShards:
    """`count` shards in this process; implements `Shards`."""

    def __init__(self, count: int, *, learning_rate: float, accumulate: int = 1) -> None:
        self._shards = [Shard(learning_rate=learning_rate, accumulate=accumulate) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._shards)

    def apply(self, number: int, gradients: Sequence[Slices], initials: Sequence[Slices]) -> None:
        """Apply gradient `number` in every shard, once."""
        for shard, gradient, initial in zip(self._shards, gradients, initials, strict=True):
            shard.apply(number, gradient, initial)

    def fetch(self, version: int) -> list[Weights]:
        """Return copies of the slices, all at `version`."""
        return [shard.fetch(version) for shard in self._shards]

    def state(self) -> list[Weights]:
        """Return the tensors for `restore`."""
        return [shard.state() for shard in self._shards]

    def restore(self, num_applied: int, parts: Sequence[Slices]) -> None:
        """Continue exactly from the result of `state` after `num_applied` gradients; call it on a new object."""
        for shard, part in zip(self._shards, parts, strict=True):
            shard.restore(num_applied, part)


class ShardedParameters:
    """Parameters divided over shards, for any number of replicas; implements `Parameters`.

    Equal gradients give parameters that are bit-identical to those of `AdamParameters`, whatever the number of shards.
    All replicas share one baseline. A batch, identified by (replica, round), is accepted once. A batch older than
    `max_staleness` versions is dropped with its rewards, and counted.

    Deviation: each of the paper's shards applies gradients in the order in which they arrive. Here gradients have one
    order and a pull reads all shards at one version, so that a run is reproducible.

    Args:
        shards: new shards.
        seed: determines the initial value of every weight, as in the controller.
        init_range: initial weights are uniform in -init_range..init_range.
        baseline: the moving average of rewards.
        accumulate: gradients for one update, as in `shards`.
        max_staleness: largest number of updates between sampling and learning of a batch; None is no limit.
    """

    def __init__(
        self,
        shards: Shards,
        *,
        seed: int,
        init_range: float,
        baseline: MovingAverageBaseline,
        accumulate: int = 1,
        max_staleness: int | None = None,
    ) -> None:
        self.baseline = baseline
        self.num_accepted = self.num_applied = self.num_dropped = 0
        self._shards, self._accumulate, self._max_staleness = shards, accumulate, max_staleness
        self._seed, self._init_range = seed, init_range
        self._shapes: dict[str, torch.Size] = {}
        self._first_shard: dict[str, int] = {}
        self._last_round: dict[int, int] = {}
        self._snapshot: ParameterSnapshot | None = None

    @classmethod
    def local(
        cls,
        num_shards: int,
        *,
        seed: int,
        init_range: float,
        learning_rate: float,
        baseline: MovingAverageBaseline,
        accumulate: int = 1,
        max_staleness: int | None = None,
    ) -> Self:
        """Create parameters over `num_shards` new shards in this process; the other arguments are those of the classes.

        Raises:
            ConfigError: `num_shards` or `accumulate` is below 1.
        """
        for name, number in (("servers", num_shards), ("accumulate", accumulate)):
            if number < 1:
                raise ConfigError(f"{name} is 1 or more; got {number}")
        shards = LocalShards(num_shards, learning_rate=learning_rate, accumulate=accumulate)
        return cls(
            shards,
            seed=seed,
            init_range=init_range,
            baseline=baseline,
            accumulate=accumulate,
            max_staleness=max_staleness,
        )

    @property
    def version(self) -> int:
        """The number of updates so far."""
        return self.num_applied // self._accumulate

    def pull(self) -> ParameterSnapshot:
        """Return all parameters at one version; the result is cached until the next gradient, so do not modify it."""
        if self._snapshot is None:
            self._snapshot = ParameterSnapshot(self.version, self._joined(self._shards.fetch(self.version)))
        return self._snapshot

    def advantages(self, rewards: Sequence[float], origin: Origin) -> Advantages:
        """Compute the advantages of a batch, or refuse it if it is repeated or too old.

        The staleness of a batch is the number of updates between its sampling and its own update.
        """
        refused = Advantages([0.0] * len(rewards), self.baseline.value or 0.0, accepted=False)
        if origin.round <= self._last_round.get(origin.replica, -1):
            return refused
        self._last_round[origin.replica] = origin.round
        staleness = self.num_accepted // self._accumulate - origin.version
        if self._max_staleness is not None and staleness > self._max_staleness:
            self.num_dropped += 1
            return replace(refused, metrics={"staleness": staleness, "dropped": 1})
        self.num_accepted += 1
        return Advantages.by(self.baseline, rewards, staleness=staleness)

    def push(self, gradient: Mapping[str, Tensor]) -> None:
        """Send every shard its slices of the gradient."""
        new = {name: value.shape for name, value in gradient.items() if name not in self._shapes}
        first = {name: initial_weight(self._seed, name, shape, self._init_range) for name, shape in new.items()}
        self._place(new)
        self._shards.apply(self.num_applied, self._cut(gradient), self._cut(first))
        self.num_applied += 1
        self._snapshot = None

    def _place(self, shapes: Mapping[str, torch.Size]) -> None:
        """Assign new parameters to shards element by element; the sizes of two shards differ by at most one element."""
        for name, shape in shapes.items():
            self._first_shard[name] = sum(known.numel() for known in self._shapes.values()) % len(self._shards)
            self._shapes[name] = shape

    def _cut(self, tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Divide tensors into the slices of each shard."""
        cut: list[dict[str, Tensor]] = [{} for _ in range(len(self._shards))]
        for name, value in tensors.items():
            slices = value.detach().reshape(-1).tensor_split(len(self._shards))
            for position, slice_ in enumerate(slices, self._first_shard[name]):
                cut[position % len(cut)][name] = slice_
        return cut

    def _joined(self, parts: Sequence[Slices]) -> Weights:
        """Rebuild the tensors that `_cut` divided."""
        joined = {}
        for name in parts[0]:
            first = self._first_shard[name]
            slices = [parts[(first + position) % len(parts)][name] for position in range(len(parts))]
            joined[name] = torch.cat(slices).reshape(self._shapes[name])
        return joined

    def state(self) -> tuple[JsonObject, Weights]:
        """Return JSON values and tensors for `restore`, which may use another number of shards.

        The tensors are whole and have the names of those of `AdamParameters`.
        """
        assert self.num_accepted == self.num_applied, "a gradient is outstanding"
        values = {
            "version": self.version,
            "baseline": self.baseline.value,
            "applied": self.num_applied,
            "dropped": self.num_dropped,
            "last_round": {str(replica): number for replica, number in self._last_round.items()},
        }
        parts = [_by_kind(part) for part in self._shards.state()]
        tensors: Weights = {}
        for kind, named in parts[0].items():
            whole = named if kind == STEPS else self._joined([part[kind] for part in parts])
            tensors.update({kind + name: value for name, value in whole.items()})
        return values, tensors

    def restore(self, values: JsonObject, tensors: Mapping[str, Tensor]) -> None:
        """Continue exactly from the result of `state`; call it on a new object over new shards."""
        self.num_accepted = self.num_applied = values["applied"]
        self.num_dropped = values["dropped"]
        self.baseline.value = values["baseline"]
        self._last_round = {int(replica): number for replica, number in values["last_round"].items()}
        kinds = _by_kind(tensors)
        self._place({name: value.shape for name, value in kinds.get("weight/", {}).items()})
        parts: list[Weights] = [{} for _ in range(len(self._shards))]
        for kind, named in kinds.items():
            cut: Iterable[Slices] = [named for _ in parts] if kind == STEPS else self._cut(named)
            for part, slices in zip(parts, cut, strict=True):
                part.update({kind + name: value for name, value in slices.items()})
        self._shards.restore(self.num_applied, parts)


STEPS = "adam/step/"
"""Prefix of Adam's update count of a parameter: a single number, equal in all shards."""
KINDS = ("weight/", "adam/exp_avg/", "adam/exp_avg_sq/", STEPS, "sum/")


def _by_kind(tensors: Mapping[str, Tensor]) -> dict[str, Weights]:
    """Group the tensors of a state by the prefix before the parameter's name; others are ignored."""
    found: dict[str, Weights] = {}
    for kind in KINDS:
        named = {key.removeprefix(kind): value for key, value in tensors.items() if key.startswith(kind)}
        if named:
            found[kind] = named
    return found
