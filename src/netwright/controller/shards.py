"""The parameter server of Zoph & Le 2017 (section 3.2): the controller's parameters, cut into S shards.

    parameters = ShardedParameters.local(3, seed=0, ...)        # implements `Parameters`
    snapshot = parameters.pull()                                  # all shards at one version
    advantages = parameters.advantages(rewards, origin)                  # each counts once
    parameters.push(gradient)

Shards are plain objects that share nothing. Here they live in one process; `execution/on_ray/parameter_shards.py`
has them on the nodes of a cluster.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamWeights, Advantages, Origin, ParameterSnapshot
from netwright.controller.policy import Weights, initial_weight
from netwright.errors import ConfigError

Slices = Mapping[str, Tensor]
"""One shard's part of each named tensor, flat; it may be empty."""


class Shard:
    """Keeps a slice of every parameter with Adam's moments, and updates it once in `accumulate` gradients.

    Gradients are numbered. Each is taken in once and in order, however often and in whatever order they come.

    Deviation: of the gradients that make one update the paper says neither "sum" nor "mean"; this is the mean, where a
    gradient that does not mention a parameter counts as zero. Adam, which divides by their size, hardly tells the two.
    """

    def __init__(self, *, learning_rate: float, accumulate: int = 1) -> None:
        self.num_applied = 0
        self._accumulate = accumulate
        self._weights = AdamWeights(learning_rate)
        self._sums: Weights = {}
        self._waiting: dict[int, tuple[Slices, Slices]] = {}

    @property
    def version(self) -> int:
        """Updates so far."""
        return self.num_applied // self._accumulate

    def apply(self, number: int, gradient: Slices, initial: Slices) -> None:
        """Take in gradient `number`; `initial` has the first values of parameters that it is the first to mention."""
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
        """A copy of this shard's slices, which have to be at `version`."""
        if self.version != version:
            raise RuntimeError(f"a shard is at version {self.version} and was asked for version {version}")
        return self._weights.snapshot()

    def state(self) -> Weights:
        """Tensors from which `restore` goes on exactly, with what has accumulated since the last update."""
        return self._weights.state() | {f"sum/{name}": value for name, value in self._sums.items()}

    def restore(self, num_applied: int, tensors: Slices) -> None:
        """Go on from what `state` gave after so many gradients; meant for a fresh object."""
        self.num_applied = num_applied
        self._weights.restore(tensors)
        sums = {key.removeprefix("sum/"): value for key, value in tensors.items() if key.startswith("sum/")}
        self._sums = {name: value.clone() for name, value in sums.items()}


class Shards(Protocol):
    """All shards, asked together; every list has one entry for each. The verbs are those of `Shard`."""

    def __len__(self) -> int: ...

    def apply(self, number: int, gradients: Sequence[Slices], initials: Sequence[Slices]) -> None:
        """Have every shard take in its slices of gradient `number`, once."""

    def fetch(self, version: int) -> list[Weights]:
        """Copies of the slices, all at `version`."""

    def state(self) -> list[Weights]:
        """Tensors from which `restore` goes on exactly."""

    def restore(self, num_applied: int, parts: Sequence[Slices]) -> None:
        """Go on from what `state` gave after so many gradients; meant for a fresh object."""


class LocalShards:
    """Shards in this process; implements `Shards`."""

    def __init__(self, count: int, *, learning_rate: float, accumulate: int = 1) -> None:
        self._shards = [Shard(learning_rate=learning_rate, accumulate=accumulate) for _ in range(count)]

    def __len__(self) -> int:
        return len(self._shards)

    def apply(self, number: int, gradients: Sequence[Slices], initials: Sequence[Slices]) -> None:
        """One after the other."""
        for shard, gradient, initial in zip(self._shards, gradients, initials, strict=True):
            shard.apply(number, gradient, initial)

    def fetch(self, version: int) -> list[Weights]:
        """One after the other."""
        return [shard.fetch(version) for shard in self._shards]

    def state(self) -> list[Weights]:
        """One after the other."""
        return [shard.state() for shard in self._shards]

    def restore(self, num_applied: int, parts: Sequence[Slices]) -> None:
        """One after the other."""
        for shard, part in zip(self._shards, parts, strict=True):
            shard.restore(num_applied, part)


class ShardedParameters:
    """Parameters over shards, for any number of replicas; implements `Parameters`.

    With one shard or many, parameters are those of `AdamParameters` to the bit where the gradients are. There is one
    baseline: every batch is judged by it, then enters it. A batch counts once for each (replica, round), and one
    that is older than `max_staleness` versions is dropped and counted, and its rewards with it.

    Deviation: the paper's shards each take in what comes as it comes. Here gradients have one order, and a pull sees
    all shards at one version, so that a run can be repeated.
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
    def local(cls, num_shards: int, *, learning_rate: float, accumulate: int = 1, **settings: Any) -> Self:
        """Over shards in this process."""
        for name, number in (("servers", num_shards), ("accumulate", accumulate)):
            if number < 1:
                raise ConfigError(f"{name} is 1 or more; got {number}")
        shards = LocalShards(num_shards, learning_rate=learning_rate, accumulate=accumulate)
        return cls(shards, accumulate=accumulate, **settings)

    @property
    def version(self) -> int:
        """Updates so far."""
        return self.num_applied // self._accumulate

    def pull(self) -> ParameterSnapshot:
        """All parameters at one version; kept until the next gradient, so not to be written into."""
        if self._snapshot is None:
            self._snapshot = ParameterSnapshot(self.version, self._joined(self._shards.fetch(self.version)))
        return self._snapshot

    def advantages(self, rewards: Sequence[float], origin: Origin) -> Advantages:
        """Accept a batch that is neither known nor too old. Its staleness counts the updates that come before it."""
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
        """Send every shard its slices."""
        new = {name: value.shape for name, value in gradient.items() if name not in self._shapes}
        first = {name: initial_weight(self._seed, name, shape, self._init_range) for name, shape in new.items()}
        self._place(new)
        self._shards.apply(self.num_applied, self._cut(gradient), self._cut(first))
        self.num_applied += 1
        self._snapshot = None

    def _place(self, shapes: Mapping[str, torch.Size]) -> None:
        """Decide which shards keep new parameters: numbers are dealt out so that no shard has two more than another."""
        for name, shape in shapes.items():
            self._first_shard[name] = sum(known.numel() for known in self._shapes.values()) % len(self._shards)
            self._shapes[name] = shape

    def _cut(self, tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
        """Each shard's slices."""
        cut: list[dict[str, Tensor]] = [{} for _ in range(len(self._shards))]
        for name, value in tensors.items():
            slices = value.detach().reshape(-1).tensor_split(len(self._shards))
            for position, slice_ in enumerate(slices, self._first_shard[name]):
                cut[position % len(cut)][name] = slice_
        return cut

    def _joined(self, parts: Sequence[Slices]) -> Weights:
        """What `_cut` took apart."""
        joined = {}
        for name in parts[0]:
            first = self._first_shard[name]
            slices = [parts[(first + position) % len(parts)][name] for position in range(len(parts))]
            joined[name] = torch.cat(slices).reshape(self._shapes[name])
        return joined

    def state(self) -> tuple[dict[str, Any], Weights]:
        """JSON values and tensors from which `restore` goes on exactly, on any number of shards.

        The tensors are whole, and named as those of `AdamParameters`.
        """
        assert self.num_accepted == self.num_applied, "a gradient is on its way"
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

    def restore(self, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave; meant for a fresh object over fresh shards."""
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
"""Adam's count of the updates of a parameter: one number, the same in every shard."""
KINDS = ("weight/", "adam/exp_avg/", "adam/exp_avg_sq/", STEPS, "sum/")


def _by_kind(tensors: Mapping[str, Tensor]) -> dict[str, Weights]:
    """Tensors of a state by what stands in front of the parameter's name; others are left out."""
    found: dict[str, Weights] = {}
    for kind in KINDS:
        named = {key.removeprefix(kind): value for key, value in tensors.items() if key.startswith(kind)}
        if named:
            found[kind] = named
    return found
