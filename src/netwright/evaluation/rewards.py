"""Rewards: from the measurement of a child to the number that the strategy maximises."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from netwright.trials import Measurement


class Reward(Protocol):
    """How good a child is: `score` is shown to people (an accuracy), the call gives what is learned from (its cube)."""

    @property
    def score_name(self) -> str:
        """The name of the metric under which the score of every trial is stored."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a high score is good (an accuracy) or a low one (a perplexity)."""

    def score(self, measurement: Measurement) -> float:
        """Return the measured quality in its own unit."""

    def __call__(self, score: float) -> float:
        """Return the reward of a score."""


IMAGE_SCORES: Mapping[str, str] = {
    "accuracy": "validation_accuracy",
    "balanced-accuracy": "validation_balanced_accuracy",
    "macro-f1": "validation_macro_f1",
}
"""The name of the score by the setting `evaluate.score`."""
CURVES: Mapping[str, str] = {
    "validation_accuracy": "validation_accuracies",
    "validation_balanced_accuracy": "validation_balanced_accuracies",
    "validation_macro_f1": "validation_macro_f1s",
    "validation_perplexity": "validation_perplexities",
    "value": "values",
}
"""By the name of a score, the metric with the values after every epoch from which it follows."""


def curve_of(score_name: str, metrics: Mapping[str, Any]) -> Sequence[float]:
    """Return the values of a child after every epoch from which its score follows; empty if there are none."""
    return metrics.get(CURVES.get(score_name, "")) or ()


@dataclass(frozen=True)
class AccuracyReward:
    """(max validation accuracy over the last epochs) ** exponent. Paper: 5 epochs, cubed (section 4.1).

    `kind` names another measure in the place of the accuracy, also in 0..1: a key of `IMAGE_SCORES`.
    """

    last_epochs: int = 5
    exponent: float = 3.0
    kind: str = "accuracy"
    higher_is_better: bool = True

    @property
    def score_name(self) -> str:
        """The name of the measure."""
        return IMAGE_SCORES[self.kind]

    def score(self, measurement: Measurement) -> float:
        """Return the best of the last `last_epochs` values, in 0..1."""
        return float(max(measurement.metrics[CURVES[self.score_name]][-self.last_epochs :]))

    def __call__(self, score: float) -> float:
        """Return the reward, in 0..1."""
        return float(score**self.exponent)


@dataclass(frozen=True)
class PerplexityReward:
    """constant / (validation perplexity) ** 2. Paper: the constant is 80 (section 4.2).

    Deviation: the perplexity is that of the last epoch unless `keep` is "best". The paper does not state of which.
    """

    constant: float = 80.0
    keep: Literal["last", "best"] = "last"
    score_name: str = "validation_perplexity"
    higher_is_better: bool = False

    def score(self, measurement: Measurement) -> float:
        """Return the validation perplexity of the epoch whose weights are kept."""
        perplexities = measurement.metrics[CURVES[self.score_name]]
        return float(min(perplexities) if self.keep == "best" else perplexities[-1])

    def __call__(self, score: float) -> float:
        """Return the reward, above 0."""
        return self.constant / score**2


@dataclass(frozen=True)
class ValueReward:
    """The reward is one number, unchanged: a table's accuracy, or the value of a user's own function.

    For a child that was stopped it is the last score that the child reported.
    """

    score_name: str = "value"
    higher_is_better: bool = True

    def score(self, measurement: Measurement) -> float:
        """Return the number."""
        metrics = measurement.metrics
        return float(metrics[self.score_name] if self.score_name in metrics else curve_of(self.score_name, metrics)[-1])

    def __call__(self, score: float) -> float:
        """Return the score itself."""
        return score
