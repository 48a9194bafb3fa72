"""The interface of a kind of child: everything in which images, texts, tables and a user's function differ.

A description needs no torch, so that runs are shown and compared without waiting for it. Its methods import what they
need: the data in `open`, the worker's side in `evaluate`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from netwright.architectures.values import JsonObject
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ConfigError
from netwright.evaluation.rewards import Reward
from netwright.execution.interface import Evaluate
from netwright.tasks.identity import DataIdentity

if TYPE_CHECKING:
    from netwright.evaluation.probe import Probe


@dataclass(frozen=True)
class DatasetInfo:
    """What a search needs of data that was found and checked; the defaults are those of a kind without data."""

    name: str | None = None
    notes: tuple[str, ...] = ()
    """What was changed in the data, a line each."""
    folder: Path | None = None
    """Where workers find it; a table's is the file."""
    shape: object = None
    """What the costs of a child depend on: an `ImageShape`, or the size of a vocabulary."""
    best_score: float | None = None
    """The best score of all architectures, if it is known."""
    identity: DataIdentity | None = None
    """The identity of a user's data or of a table; None for official data, which its name identifies."""
    for_report: JsonObject | None = None
    """How a user's images were read, with small pictures of each class, for the report; None for other data."""


class Evaluation(Protocol):
    """One kind of child with its settings; `netwright.evaluation.factory` maps a kind's name to its description."""

    is_instant: ClassVar[bool] = False
    """Whether a child is looked up or computed and not trained, so that a process of its own would cost more."""
    seconds_metric: ClassVar[str | None] = None
    """The metric with the seconds that an instant child would have taken to train, if there is one."""

    @property
    def user_function(self) -> Callable[..., float] | None:
        """The user's code that measures a child; None where netwright's own code does."""
        return None

    @property
    def reward(self) -> Reward:
        """How a measurement becomes the score that is shown and the reward that the strategy learns from."""

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Find, check and read the data once, so that a bad file is noticed before any worker starts.

        Args:
            path: The folder or file that the user named; None searches or downloads it.
            verify: Whether the files must have their official checksums.
        """

    def evaluate(self, folder: Path | None) -> Evaluate:
        """Return the worker's side, a picklable callable; `folder` is that of `DatasetInfo`."""

    def costs(self, architecture: object, shape: object) -> Mapping[str, int]:
        """Count the costs of a child by name, before it is built.

        Args:
            architecture: The child's description.
            shape: That of `DatasetInfo`.

        Returns:
            `num_parameters` and others; empty where they cannot be counted.
        """

    def open_probe(self, path: Path | None, *, verify: bool, seconds: float) -> "Probe":
        """Open the data and return an `Evaluate` that times about `seconds` of a child's training.

        Raises:
            ConfigError: The time of this kind of child cannot be estimated.
        """
        raise ConfigError(
            "--estimate times the training of networks for images; a search of other networks, in a table or by a "
            "function of your own has no estimate"
        )

    @property
    def final_settings(self) -> type[FinalTrainingSettings]:
        """The class of the settings of the final training; `ConfigError` says why there is none."""

    def model_lines(self, model: JsonObject) -> list[str]:
        """Describe a trained model, from its model.json, in a few lines for the terminal."""
        return []


def grid_lines(model: JsonObject, score: str, describe: Callable[[float], str] | None = None) -> list[str]:
    """Describe how the grid chose a model; no line if there was no grid.

    Args:
        model: The content of model.json.
        score: The metric by which it was chosen.
        describe: Words for a value of it; None prints name and value.
    """
    value = model["metrics"][score]
    if value is None:
        return []
    described = describe(value) if describe else f"{score.replace('_', ' ')} {value:.4f}"
    return [f"chosen on the search's split: {described}, the best of {len(model['grid'])} trainings and so optimistic"]
