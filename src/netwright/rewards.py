"""From a measurement to the number that the strategy maximises."""

from dataclasses import dataclass
from typing import Protocol

from netwright.trials import Measurement


class Reward(Protocol):
    """`score` is what people read (an accuracy), the call is what the controller learns from (its cube)."""

    @property
    def score_name(self) -> str:
        """The metric's name, under which the core keeps the score of every trial."""

    def score(self, measurement: Measurement) -> float:
        """The measured quality in its own unit."""

    def __call__(self, score: float) -> float:
        """The reward of a score."""


@dataclass(frozen=True)
class AccuracyReward:
    """(max validation accuracy over the last epochs) ** exponent. Paper: 5 epochs, cubed (section 4.1)."""

    last_epochs: int = 5
    exponent: float = 3.0
    score_name: str = "validation_accuracy"

    def score(self, measurement: Measurement) -> float:
        """The best of the last `last_epochs` validation accuracies, in 0..1."""
        return float(max(measurement.metrics["validation_accuracies"][-self.last_epochs :]))

    def __call__(self, score: float) -> float:
        """The reward in 0..1."""
        return float(score**self.exponent)


@dataclass(frozen=True)
class ValueReward:
    """The number that a user's own function returned, as it is."""

    score_name: str = "value"

    def score(self, measurement: Measurement) -> float:
        """The returned number."""
        return float(measurement.metrics["value"])

    def __call__(self, score: float) -> float:
        """The same number."""
        return score
