"""A user's own function `evaluate(architecture) -> float` in the place of training; needs no torch."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from netwright.config import FunctionSettings
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ConfigError
from netwright.evaluation.interface import DatasetInfo, Evaluation
from netwright.evaluation.rewards import Reward, ValueReward
from netwright.execution.interface import Evaluate
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class FunctionEvaluation(Evaluation):
    """Implements `Evaluation` for whatever a user's space describes."""

    settings: FunctionSettings

    is_instant = True

    @property
    def user_function(self) -> Callable[..., float]:
        """The function."""
        return self.settings.function

    @property
    def reward(self) -> Reward:
        """The number that the function returns."""
        return ValueReward()

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Return no data: the function has its own."""
        return DatasetInfo()

    def evaluate(self, folder: Path | None) -> Evaluate:
        """Return what calls the function."""
        return UserFunction(self.settings.function)

    def costs(self, architecture: object, shape: object) -> Mapping[str, int]:
        """Return no costs: they are unknown."""
        return {}

    @property
    def final_settings(self) -> type[FinalTrainingSettings]:
        """Raises `ConfigError`: a user's architectures are trained by the user's code."""
        raise ConfigError(
            "a final training needs networks that netwright trains itself, and this run calls a function of yours; "
            "`netwright show RUN --json` prints the architectures to train in your own code"
        )


@dataclass(frozen=True)
class UserFunction:
    """An `Evaluate` that calls `function` with the architecture; what it returns must be a number."""

    function: Callable[..., float]

    def __call__(self, job: Job) -> Measurement:
        """Return the function's value as the metric `value`; `TypeError` if it is no number."""
        value = self.function(copy.deepcopy(job.architecture))  # the function may change what it gets
        if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
            raise TypeError(f"evaluate returned {value!r} ({type(value).__name__}); expected a number, the reward")
        return Measurement({"value": float(value)})
