"""A kind of network as the final training sees it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from netwright.architectures.families import Architecture
from netwright.evaluation.rewards import Reward
from netwright.execution.interface import Evaluate
from netwright.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Candidate:
    """An architecture with the settings of one grid point; `origin` says where the architecture is from.

    `settings` are those that differ from the search's.
    """

    origin: str
    architecture: Architecture
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Finished:
    """A network trained to the end, and what its epochs gave."""

    network: nn.Module
    history: Mapping[str, Any]


def sha256_of(*tensors: Tensor) -> str:
    """Of all their numbers, one tensor after the other."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def once_each(points: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The points in their order without those that equal an earlier one, as where a factor multiplies 0."""
    found: list[Mapping[str, Any]] = []
    for point in points:
        if point not in found:
            found.append(point)
    return found


class FinalTraining(Protocol):
    """Data and loops of one kind, with the settings of a run.

    winner = best of grid(), by reward.score of what evaluate(...) measures on the search's split
    finished = train(winner, ...)
    metrics = tested(finished.network)      # once

    """

    @property
    def reward(self) -> Reward:
        """Whose score chooses among the candidates."""

    def checksum(self) -> str:
        """Of all data that a training sees, so that nothing is taken over from a training on other data."""

    def data_description(self) -> dict[str, Any]:
        """The part of model.json that says which data this is, the test part too, so that no result is taken for one
        on other data; `data` is the name."""

    def grid(self) -> Sequence[Mapping[str, Any]]:
        """The settings of every point once, the search's own first."""

    def evaluate(self, candidates: Sequence[Candidate]) -> Evaluate:
        """Trains job n as `candidates[n]` says, on the search's split."""

    def train(
        self, winner: Candidate, *, seed: int, checkpoint: Checkpoint, on_epoch: Callable[[int, int], None]
    ) -> Finished:
        """The winner trained to the end, in this process, going on from `checkpoint`; `ChildError` where it fails.

        `on_epoch` is told how many epochs have ended, of how many.
        """

    def tested(self, network: nn.Module) -> dict[str, Any]:
        """The metrics on the test part, which nothing before has looked at."""

    def description(self, winner: Candidate, finished: Finished) -> dict[str, Any]:
        """The part of model.json that says what goes in, what comes out, how it was trained; with the data's."""
