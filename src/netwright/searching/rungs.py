"""The rungs at which children are stopped, and their thresholds, which follow from the batches that were learned.

A rung is a number of epochs with the share of children that are trained further. Its threshold is the smallest reward
of that share of the children which reached the rung, among those of learned batches. The thresholds of a batch are
those at the moment when it is issued, right after another batch was learned. So they are a function of the seed and of
the learned batches, and the same on any number of workers, after restarts and with lost workers, other than in
asynchronous successive halving (Li et al. 2020), where they depend on which children have ended.
"""

import bisect
import math
from collections.abc import Iterable, Sequence

from netwright.evaluation.rewards import Reward, curve_of
from netwright.evaluation.stopping import reward_after
from netwright.trials import Trial


def expected_epochs(rungs: Sequence[tuple[int, float]], epochs: int) -> float:
    """Return the mean number of epochs of a child once all rungs have thresholds.

    Args:
        rungs: Numbers of epochs, ascending, with the share of children that are trained further.
        epochs: Those of a whole training.

    Returns:
        The mean if a child passes each threshold with the probability of its share, as in random search. A strategy
        that improves passes more of them.
    """
    mean, reaching, before = 0.0, 1.0, 0
    for end, share in (*rungs, (epochs, 1.0)):
        mean, reaching, before = mean + reaching * (end - before), reaching * share, end
    return mean


class Rungs:
    """Keeps the rewards of the children that reached each rung.

    Args:
        rungs: Numbers of epochs, ascending, with the share of children that are trained further.
        reward: The reward of the search.
        min_reached: A rung has no threshold before so many children have reached it.
    """

    def __init__(self, rungs: Sequence[tuple[int, float]], reward: Reward, *, min_reached: int) -> None:
        self._rungs, self._reward, self._min_reached = tuple(rungs), reward, min_reached
        self._reached: list[list[float]] = [[] for _ in self._rungs]
        """For each rung the rewards of the children that reached it, ascending."""

    def thresholds(self) -> tuple[tuple[int, float], ...]:
        """Return the epochs and the threshold of every rung that has one now."""
        return tuple(
            (epochs, rewards[-math.ceil(share * len(rewards))])
            for (epochs, share), rewards in zip(self._rungs, self._reached, strict=True)
            if len(rewards) >= self._min_reached
        )

    def add(self, trials: Iterable[tuple[Trial, float]]) -> None:
        """Add the measured children of a batch that was learned, each with the factor of its costs.

        Those that finished and those that were stopped count, each training once: duplicates do not.
        """
        for trial, factor in trials:
            if trial.reused_from is not None:
                continue
            ended = len(curve_of(self._reward.score_name, trial.metrics))
            for (epochs, _), rewards in zip(self._rungs, self._reached, strict=True):
                if epochs <= ended and math.isfinite(
                    reached := reward_after(self._reward, factor, trial.metrics, epochs)
                ):
                    bisect.insort(rewards, reached)
