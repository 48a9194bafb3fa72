"""Numbers as people read them: accuracies in percent, durations in their largest suitable unit."""

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.searching.quality import PERPLEXITY, Quality
from netwright.searching.results import Confirmed

ACCURACIES = ("validation_accuracy", "validation_balanced_accuracy")


@dataclass(frozen=True)
class Form:
    """How the scores of a run are written.

    Args:
        quality: The unit of the scores; values are those that it returns.
    """

    quality: Quality

    @property
    def in_percent(self) -> bool:
        """Whether the scores are shares, which are written in percent."""
        return self.quality.score_name in ACCURACIES

    def __call__(self, value: float, decimals: int = 1) -> str:
        """Write a score; `decimals` are those of a percentage."""
        if self.in_percent:
            return f"{value:.{decimals}%}"
        if self.quality.in_bits:
            return f"{value:.3f}"
        if self.quality.score_name == PERPLEXITY:
            return f"{value:,.1f}" if value >= 100 else f"{value:.2f}"
        return f"{value:.4g}"

    def confirmed(self, found: Confirmed) -> str:
        """Write the mean of retrainings, its deviation between seeds and their number."""
        deviation = "" if found.deviation is None else f" ± {self(found.deviation, 2)}"
        return f"{self(found.mean, 2)}{deviation} ({found.trainings})"


def percent(share: float) -> str:
    """Write a share with one decimal, for example "87.1%"."""
    return f"{share:.1%}"


def interval(bounds: Sequence[float]) -> str:
    """Write a 95% interval of a share."""
    return f"95% interval {percent(bounds[0])} to {percent(bounds[1])}"


def duration(seconds: float) -> str:
    """Write a duration in its largest suitable unit, as in "31 minutes"."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            count = seconds / size
            return f"{count:.1f} {unit}" if count < 10 and unit != "minutes" else f"{count:.0f} {unit}"
    return f"{seconds:.0f} seconds" if seconds >= 10 else f"{seconds:.1f} seconds"
