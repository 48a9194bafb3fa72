"""What a strategy learns from a child without a reward: one that failed, or was rejected because of its costs.

Such a trial has no reward of its own. A fixed number cannot be right for every reward: 0 is the worst accuracy, but
better than any negative loss. When a batch is learned, its failed and rejected trials therefore get a value below every
reward so far, by as much as the median reward is above the lowest:

    value = lowest - (median - lowest)        lowest and median over the rewards of this batch and of those before

so the strategy avoids failures in the unit of the rewards, without one failure outweighing all other advantages. The
range between the value and the lowest reward is free for children that were stopped early. If all rewards are equal the
distance is 1. Batches are learned in an order that does not depend on the workers, and the value is stored with the
update, so any number of workers, restarts and `netwright replay` use the same bits.
"""

import bisect
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from netwright.trials import LARGEST_REWARD, Trial, TrialState, Update

LEAST_DISTANCE, LEAST_RELATIVE_DISTANCE = 1e-30, 1e-6
"""Rewards that are nearer to each other count as equal: float32, in which they are learned, ends near these."""
METRIC = {TrialState.FAILED: "failure_reward", TrialState.REJECTED: "rejected_reward"}
"""The metric of an update that holds the value of its trials in this state."""


class FailureValues:
    """Assigns the rewards that failed and rejected trials are learned with.

    Args:
        failed: The reward of a failed trial; None computes it from the rewards so far.
        rejected: The same for a rejected trial.
    """

    def __init__(self, failed: float | None, rejected: float | None) -> None:
        self._fixed = {TrialState.FAILED: failed, TrialState.REJECTED: rejected}
        self._rewards: list[float] = []
        """The rewards of all measured trials in the batches so far, sorted."""

    def assign(
        self, trials: Sequence[Trial], stored: Mapping[str, float] = MappingProxyType({})
    ) -> tuple[Sequence[Trial], dict[str, float]]:
        """Give the trials of the next batch to be learned their rewards.

        Args:
            trials: The finished trials of a batch. A reward that a trial has, from an older run, is kept.
            stored: The metrics of the batch's stored update. Its values are used; one that it lacks is computed.

        Returns:
            The trials, and the values as metrics of the batch's update.
        """
        for trial in trials:
            if trial.state.measured and trial.reward is not None and not trial.foreign:
                bisect.insort(self._rewards, trial.reward)
        values: dict[str, float] = {}
        for state in sorted({trial.state for trial in trials if _lacks_reward(trial)}):
            value = stored.get(METRIC[state], self._value(state))
            if value is not None:
                values[METRIC[state]] = value
        return valued(trials, values), values

    def _value(self, state: TrialState) -> float | None:
        """Return the value of trials in this state; None before the first reward, when there is nothing to compare."""
        fixed = self._fixed[state]
        return fixed if fixed is not None or not self._rewards else below(self._rewards)


def below(rewards: Sequence[float]) -> float:
    """Return the value of a failure among `rewards`, which are sorted and at least one; see the module's docstring."""
    lowest = rewards[0]
    distance, least = statistics.median(rewards) - lowest, LEAST_RELATIVE_DISTANCE * abs(lowest)
    if distance < max(least, LEAST_DISTANCE):
        distance = max(least, 1.0)
    return max(lowest - distance, -LARGEST_REWARD)


def valued(trials: Iterable[Trial], metrics: Mapping[str, float]) -> list[Trial]:
    """Return trials with the values in an update's `metrics` as rewards of those that have none of their own."""
    return [
        replace(trial, reward=metrics.get(METRIC[trial.state])) if _lacks_reward(trial) else trial for trial in trials
    ]


def learned(trials: Sequence[Trial], updates: Iterable[Update], batch_size: int) -> Sequence[Trial]:
    """Return stored trials with the rewards that their failed and rejected ones were learned with."""
    shown = list(trials)
    for update in updates:
        if not update.metrics.keys().isdisjoint(METRIC.values()):
            batch = slice(update.batch * batch_size, (update.batch + 1) * batch_size)
            shown[batch] = valued(shown[batch], update.metrics)
    return shown


def _lacks_reward(trial: Trial) -> bool:
    lost = trial.failure_kind is not None and trial.failure_kind.is_infrastructure_failure
    return trial.state in METRIC and trial.reward is None and not lost and not trial.foreign
