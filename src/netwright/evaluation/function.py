"""A user's own function `evaluate(architecture) -> float` in the place of a child."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class UserFunction:
    """An `Evaluate` that calls `function` with the architecture; what it returns must be a number."""

    function: Callable[[Any], float]

    def __call__(self, job: Job) -> Measurement:
        """The function's value; `TypeError` says what was returned instead."""
        value = self.function(job.architecture)
        if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
            raise TypeError(f"evaluate returned {value!r} ({type(value).__name__}); expected a number, the reward")
        return Measurement({"value": float(value)})
