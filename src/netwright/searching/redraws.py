"""Which trials count towards a run's number of trials: under limits on costs, samples above a limit are redrawn."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from netwright.trials import Trial


class TrialCount:
    """Counts the trials of a run, which it takes in the order of their numbers.

    A trial above a limit does not count, since another one is sampled in its place. Of more than `max_redraws` such
    trials in a row, every (max_redraws + 1)-th one counts, so that every search ends. Whether a trial counts therefore
    depends on its proposal and on the proposals before it alone.

    Args:
        max_redraws: The largest number of trials in a row that do not count.
        trials: The first trials.
    """

    def __init__(self, max_redraws: int, trials: Iterable[Trial] = ()) -> None:
        self._max_redraws = max_redraws
        self._counted: list[int] = []
        """The numbers of the trials that count."""
        self._num_above = 0
        """How many of the last trials in a row are above a limit."""
        self.num_taken = 0
        for trial in trials:
            self.take(trial)

    def take(self, trial: Trial) -> None:
        """Take the next trial, for which the limits on costs were checked."""
        self._num_above = self._num_above + 1 if trial.above_limit else 0
        if self._num_above % (self._max_redraws + 1) == 0:
            self._counted.append(self.num_taken)
        self.num_taken += 1

    @property
    def num_counted(self) -> int:
        """The number of trials that count."""
        return len(self._counted)

    def counts(self, number: int) -> bool:
        """Return whether trial `number`, which was taken, counts."""
        return self.num_redrawn(number, number + 1) == 0

    def num_redrawn(self, first: int, end: int) -> int:
        """Return how many of the trials `first` .. `end - 1`, which were taken, do not count."""
        return end - first - (bisect_left(self._counted, end) - bisect_left(self._counted, first))

    def end(self, num_trials: int) -> int:
        """Return the number after the last one of the first `num_trials` trials that count; after all if fewer do."""
        return self._counted[num_trials - 1] + 1 if self.num_counted >= num_trials else self.num_taken

    def all_ended(self, trials: Sequence[Trial], num_trials: int) -> bool:
        """Return whether a run with these trials has ended with `num_trials` trials that count."""
        end = self.end(num_trials)
        return self.num_counted >= num_trials and all(trial.state.finished for trial in trials[:end])
