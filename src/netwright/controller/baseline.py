"""The baseline of REINFORCE: a moving average of rewards, which lowers the variance and not the expectation."""

from collections.abc import Sequence


class MovingAverageBaseline:
    """b <- decay * b + (1 - decay) * mean reward of the batch, once per batch. Paper: section 3.2.

    A batch is judged by the average of the batches before it and enters the average afterwards. The first batch has
    nothing before it: each of its members is judged by the mean of the others.

    Deviation: the paper gives no decay and no start. 0.95 is the value of the authors' next paper (Zoph et al. 2018).
    """

    def __init__(self, decay: float = 0.95) -> None:
        self.decay = decay
        self.value: float | None = None

    def advantages(self, rewards: Sequence[float]) -> list[float]:
        """R_k - b for each reward of one batch; does not change the baseline."""
        if self.value is not None:
            return [reward - self.value for reward in rewards]
        if len(rewards) < 2:
            return [0.0 for _ in rewards]
        total = sum(rewards)
        return [reward - (total - reward) / (len(rewards) - 1) for reward in rewards]

    def update(self, rewards: Sequence[float]) -> None:
        """Take in the rewards of one learned batch."""
        if rewards:
            mean = sum(rewards) / len(rewards)
            self.value = mean if self.value is None else self.decay * self.value + (1 - self.decay) * mean
