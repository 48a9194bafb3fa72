"""When a child is stopped: its curve falls below what the earlier children of the search reached after as many epochs.

The thresholds of a child are settled before it starts (`netwright.searching.rungs`), so whether it is stopped depends
on its own curve alone. The child's process and the search core apply the same rule to the same numbers.
"""

from dataclasses import dataclass

from netwright.architectures.values import JsonObject
from netwright.evaluation.rewards import Reward, curve_of
from netwright.trials import Measurement


def first_epochs(score_name: str, metrics: JsonObject, epochs: int) -> JsonObject:
    """Return metrics with all lists, which have one entry for each epoch, cut to the first `epochs`, without a score.

    Args:
        score_name: The metric with the score at the end, which does not belong to these epochs.
        metrics: Those of a measurement.
        epochs: A number of epochs.
    """
    cut = {name: value[:epochs] if isinstance(value, list) else value for name, value in metrics.items()}
    cut.pop(score_name, None)
    return cut


def reward_after(reward: Reward, factor: float, metrics: JsonObject, epochs: int) -> float:
    """Return the reward of a child after its first `epochs` epochs.

    Args:
        reward: Gives the score of the curve so far, and the reward of a score.
        factor: What the reward is multiplied by because of the child's costs.
        metrics: Those of a measurement, with the curve.
        epochs: A number of epochs, from 1 to the length of the curve.
    """
    return reward(reward.score(Measurement(first_epochs(reward.score_name, metrics, epochs)))) * factor


@dataclass(frozen=True)
class StoppingRule:
    """The thresholds of one child; picklable, so that it travels with the job.

    Args:
        reward: The reward of the search.
        factor: What the child's reward is multiplied by because of its costs.
        thresholds: Numbers of epochs, ascending, with the least reward that the child must have after them.
    """

    reward: Reward
    factor: float
    thresholds: tuple[tuple[int, float], ...]

    def stopped_after(self, metrics: JsonObject) -> int | None:
        """Return the number of epochs after which a curve first falls below its threshold; None if it has not.

        A reward that is not a number misses every threshold.
        """
        ended = len(curve_of(self.reward.score_name, metrics))
        for epochs, least in self.thresholds:
            if epochs <= ended and not reward_after(self.reward, self.factor, metrics, epochs) >= least:
                return epochs
        return None

    def is_over(self, metrics: JsonObject) -> bool:
        """Return whether a child with these metrics so far is to be stopped."""
        return self.stopped_after(metrics) is not None

    def value(self, metrics: JsonObject, score: float) -> float:
        """Return what a child is learned with: its reward, or the highest threshold that it passed if that is more.

        A child that was stopped at a threshold is therefore worth less than every child that passed the same threshold
        or a higher one, even if the scores of the latter fell afterwards.

        Args:
            metrics: Those of the child, up to where it was stopped.
            score: Its score.
        """
        ended, missed = len(curve_of(self.reward.score_name, metrics)), self.stopped_after(metrics)
        passed = (least for epochs, least in self.thresholds if epochs <= ended and epochs != missed)
        return max([self.reward(score) * self.factor, *passed])
