"""From a measurement to the number that the strategy maximises."""

from dataclasses import dataclass
from typing import Protocol

from netwright.trials import Measurement


class Reward(Protocol):
    """`score` is what people read (an accuracy), the call is what the controller learns from (its cube)."""

    @property
    def score_name(self) -> str:
        """The metric's name, under which the core keeps the score of every trial."""

    @property
    def higher_is_better(self) -> bool:
        """Whether people want the score high (an accuracy) or low (a perplexity)."""

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
    higher_is_better: bool = True

    def score(self, measurement: Measurement) -> float:
        """The best of the last `last_epochs` validation accuracies, in 0..1."""
        return float(max(measurement.metrics["validation_accuracies"][-self.last_epochs :]))

    def __call__(self, score: float) -> float:
        """The reward in 0..1."""
        return float(score**self.exponent)


@dataclass(frozen=True)
class PerplexityReward:
    """constant / (the last validation perplexity) ** 2. Paper: the constant is 80 (section 4.2)."""

    constant: float = 80.0
    score_name: str = "validation_perplexity"
    higher_is_better: bool = False

    def score(self, measurement: Measurement) -> float:
        """The validation perplexity after the last epoch."""
        return float(measurement.metrics["validation_perplexities"][-1])

    def __call__(self, score: float) -> float:
        """The reward, above 0."""
        return self.constant / score**2


@dataclass(frozen=True)
class ValueReward:
    """One measured number as it is: what a user's own function returned, or what stands in a table."""

    score_name: str = "value"
    higher_is_better: bool = True

    def score(self, measurement: Measurement) -> float:
        """The measured number."""
        return float(measurement.metrics[self.score_name])

    def __call__(self, score: float) -> float:
        """The same number."""
        return score
