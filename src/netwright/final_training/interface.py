"""The interface of a final training: what differs between networks for images and language models."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from netwright.architectures.families import Architecture
from netwright.architectures.values import JsonObject
from netwright.evaluation.interface import DatasetInfo
from netwright.evaluation.rewards import Reward
from netwright.execution.interface import Evaluate
from netwright.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Candidate:
    """An architecture with the settings of one grid point.

    Args:
        origin: Where the architecture is from, for messages.
        architecture: The architecture.
        settings: The settings of training that may differ from the search's.
    """

    origin: str
    architecture: Architecture
    settings: JsonObject


@dataclass(frozen=True)
class Finished:
    """A network trained to the end, and the metrics of its epochs."""

    network: nn.Module
    history: JsonObject


@dataclass(frozen=True)
class Tested:
    """The metrics of a test for model.json, and further files of the model's folder: JSON values by name."""

    metrics: JsonObject
    files: Mapping[str, object] = field(default_factory=dict)


def sha256_of(*tensors: Tensor) -> str:
    """Return the SHA-256 of the numbers of all tensors, one tensor after the other."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def once_each(points: Iterable[JsonObject]) -> list[JsonObject]:
    """Return the points in their order without those that equal an earlier one, as where a factor multiplies 0."""
    found: list[JsonObject] = []
    for point in points:
        if point not in found:
            found.append(point)
    return found


class FinalTraining(Protocol):
    """The data and the training loop of one kind of network, with the settings of a run.

    winner = best of grid(), by reward.score of what evaluate(...) measures on the search's split
    finished = train(winner, ...)
    metrics = tested(finished.network, ...)    # once
    """

    @property
    def reward(self) -> Reward:
        """The reward whose score chooses among the candidates."""

    @property
    def dataset(self) -> DatasetInfo:
        """The name, the notes and the identity of the data."""

    def checksum(self) -> str:
        """Return a checksum of the data of a training, so that no result of a training on other data is reused."""

    def data_description(self) -> JsonObject:
        """Return the part of model.json that identifies the data, with its test part; `data` is the name."""

    def grid(self) -> Sequence[JsonObject]:
        """Return the settings of every grid point once, the search's own first."""

    def evaluate(self, candidates: Sequence[Candidate]) -> Evaluate:
        """Return what trains job n as `candidates[n]` says, on the search's split."""

    def train(
        self, winner: Candidate, *, seed: int, checkpoint: Checkpoint, on_epoch: Callable[[int, int], None]
    ) -> Finished:
        """Train the winner to the end, in this process.

        Args:
            winner: The candidate that the grid chose.
            seed: Of the first weights and the order of the data.
            checkpoint: Training continues from it, and updates it after every epoch.
            on_epoch: Called after every epoch with the numbers of ended epochs and of all.

        Raises:
            ChildError: The loss is no finite number, or does not fall.
        """

    def epoch_seconds(self, candidate: Candidate) -> float:
        """Return the seconds of one epoch of the final training here, from a few of its mini-batches."""

    def tested(self, network: nn.Module, winner: Candidate, in_grid: JsonObject) -> Tested:
        """Measure the network of `winner` on the test part, which is used for nothing else.

        Args:
            network: The trained network.
            winner: The candidate that was trained.
            in_grid: What the grid stored of the winner's training on the search's split; empty without a grid.
        """

    def description(self, winner: Candidate, finished: Finished) -> JsonObject:
        """Return the part of model.json about inputs, outputs, data and training."""
