"""A user's own function in the place of training; needs no torch.

It takes an architecture and returns a number. With a second argument it can report its scores while it trains, and be
stopped early:

    def evaluate(architecture, trial):
        for epoch in range(1, 11):
            ...
            trial.report(epoch, accuracy)
        return accuracy
"""

import copy
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.config import FunctionSettings
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ChildError, ConfigError
from netwright.evaluation.interface import DatasetInfo, Evaluation
from netwright.evaluation.rewards import Reward, ValueReward
from netwright.execution.interface import Evaluate
from netwright.trials import Job, Measurement, is_finite_number, never


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
        return UserFunction(self.settings.function, takes_trial=self.settings.takes_trial)

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


class TrialStopped(BaseException):
    """Ends a child that is stopped early; `TrialContext.report` raises it.

    `except Exception` in the user's function lets it pass, as it does KeyboardInterrupt; `finally` and `with` work.
    """


class TrialContext:
    """What a function `evaluate(architecture, trial)` gets as its trial.

    Nothing in it depends on the number of the trial, so that an architecture has the same score in any search.

    Args:
        seed: Of all randomness of the training; it derives from the run's seed and the architecture.
        is_over: Called after every report with the scores so far, under "values": whether the child is to be stopped.
    """

    def __init__(self, seed: int = 0, is_over: Callable[[JsonObject], bool] = never) -> None:
        self.seed, self._is_over = seed, is_over
        self.scores: list[float] = []
        """The reported scores."""
        self.stopped = False
        """Whether the child was stopped."""
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._ended = False

    @cached_property
    def folder(self) -> Path:
        """An empty folder of this training, which is removed at its end."""
        if self._ended:
            raise RuntimeError("trial.folder is removed, since the function has ended")
        self._temporary = tempfile.TemporaryDirectory(prefix="netwright-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    def report(self, step: int, score: float) -> None:
        """Report the score after a step, for example an epoch; higher is better.

        Args:
            step: 1 at the first report, and one more at each.
            score: In the unit of what the function returns.

        Raises:
            TrialStopped: The child is worse than earlier ones were after as many steps. Let it pass.
            ChildError: The score is not finite.
            RuntimeError: The training has ended.
            ValueError: A step is left out or comes twice.
        """
        if self._ended:
            raise RuntimeError(f"trial.report({step}, {score}) was called after the function had ended")
        if self.stopped:
            raise TrialStopped
        if step != len(self.scores) + 1:
            raise ValueError(
                f"trial.report got step {step} after {len(self.scores)} reports; steps are 1, 2, 3, ... in order"
            )
        value = _number(score, "trial.report got")
        if not is_finite_number(value):
            raise ChildError(f"the score reported after step {step} is {value}")
        self.scores.append(value)
        if self._is_over({"values": self.scores}):
            self.stopped = True
            raise TrialStopped

    def end(self) -> None:
        """Remove the folder; a later report raises."""
        self._ended = True
        if self._temporary is not None:
            self._temporary.cleanup()


def _number(value: object, what: str) -> float:
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{what} {value!r} ({type(value).__name__}); expected a number, the reward")
    return float(value)


@dataclass(frozen=True)
class UserFunction:
    """An `Evaluate` that calls a user's function.

    Args:
        function: Takes an architecture, and a trial if `takes_trial`; returns a number.
        takes_trial: Whether it takes a `TrialContext`.
    """

    function: Callable[..., float]
    takes_trial: bool = False

    def __call__(self, job: Job) -> Measurement:
        """Return the function's value as the metric `value`, and what it reported as `values`.

        Raises:
            TypeError: The function returned no number.
        """
        architecture = copy.deepcopy(job.architecture)  # the function may change what it gets
        if not self.takes_trial:
            return Measurement({"value": _number(self.function(architecture), "evaluate returned")})
        trial = TrialContext(job.seed, job.is_over)
        try:
            value = _number(self.function(architecture, trial), "evaluate returned")
        except TrialStopped:
            if not trial.stopped:
                raise
        finally:
            trial.end()
        if trial.stopped:
            return Measurement({"values": trial.scores})
        return Measurement({"value": value, **({"values": trial.scores} if trial.scores else {})})
