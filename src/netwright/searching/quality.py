"""How good a network is, as people read it: an accuracy, a perplexity or bits per character; never the reward."""

import math
from dataclasses import dataclass

PERPLEXITY = "validation_perplexity"
OF_CHARACTERS = "-characters"
"""The end of the names of tasks whose tokens are characters."""


@dataclass(frozen=True)
class Quality:
    """The unit in which a run's scores are shown; a call converts a score.

    Args:
        score_name: The metric that is the score of every trial.
        task: The data set of the run; None where it has none.
        higher_is_better: Whether a high score is a good one.
    """

    score_name: str
    task: str | None = None
    higher_is_better: bool = True

    @property
    def in_bits(self) -> bool:
        """Whether bits per character are shown, of which the score is the perplexity."""
        return self.score_name == PERPLEXITY and (self.task or "").endswith(OF_CHARACTERS)

    @property
    def name(self) -> str:
        """The name of what is shown, for example "validation accuracy"."""
        return "validation bits per character" if self.in_bits else self.score_name.replace("_", " ")

    @property
    def short_name(self) -> str:
        """The name without "validation"."""
        return self.name.removeprefix("validation ")

    def __call__(self, score: float) -> float:
        """Return what is shown for a score."""
        return math.log2(score) if self.in_bits else score
