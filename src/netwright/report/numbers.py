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
    """Write a duration in the largest unit of which there are at least two, as in "31 minutes"."""
    sizes = (("years", 365.25 * 86_400), ("days", 86_400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
    unit, size = next((each for each in sizes if seconds >= 2 * each[1]), sizes[-1])
    amount = seconds / size
    return f"{amount:,.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"
