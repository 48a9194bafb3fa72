"""The baseline of REINFORCE: a moving average of rewards that reduces the gradient's variance without adding bias."""

from collections.abc import Sequence


class MovingAverageBaseline:
    """Exponential moving average of batch rewards: b <- decay * b + (1 - decay) * mean reward (paper, section 3.2).

    The baseline of a batch is the average over the batches before it. The first batch has none before it, so the
    baseline of each of its members is the mean reward of the other members.

    Deviation: the paper gives neither the decay nor the initial value. 0.95 is the decay of the authors' next paper
    (Zoph et al. 2018).

    Args:
        decay: weight of the old average, in 0..1.
    """

    def __init__(self, decay: float = 0.95) -> None:
        self.decay = decay
        self.value: float | None = None

    def advantages(self, rewards: Sequence[float]) -> list[float]:
        """Return R_k - b for each reward of one batch, without changing the baseline."""
        if self.value is not None:
            return [reward - self.value for reward in rewards]
        if len(rewards) < 2:
            return [0.0 for _ in rewards]
        total = sum(rewards)
        return [reward - (total - reward) / (len(rewards) - 1) for reward in rewards]

    def update(self, rewards: Sequence[float]) -> None:
        """Update the moving average with the rewards of one batch."""
        if rewards:
            mean = sum(rewards) / len(rewards)
            self.value = mean if self.value is None else self.decay * self.value + (1 - self.decay) * mean
