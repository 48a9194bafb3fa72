"""The search without input or output: takes outcomes, gives the jobs to run next.

    step = core.start()                     # also after a restart
    while True:
        ... make `step` durable, run `step.jobs` ...
        step = core.receive(outcome)        # in whatever order children finish

Trial n belongs to batch n // m. Batch b is drawn with the policy as update b - 1 - lag left it: always whole, and
always before batch b - lag is learned, even where that one is complete already. Batches are learned in their order.
So the same seed gives the same search on any number of workers, across restarts, and whether its trials were asked
for at once or in two runs. A local loop, a cluster, a replica and a simulator are small drivers of this one class.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from netwright.constraints import Constraints
from netwright.rewards import Reward
from netwright.strategies.interface import Strategy
from netwright.trials import (
    Failure,
    FailureKind,
    Job,
    Outcome,
    StrategyState,
    Ticket,
    Trial,
    TrialState,
    Update,
    derive_seed,
    is_finite_number,
)

MAX_ATTEMPTS = 3
"""How often a child is tried whose worker is lost."""


def _unchanged() -> None:
    return None


@dataclass(frozen=True)
class Step:
    """What changed, to be made durable in one transaction before any of `jobs` is run.

    `state()` is the strategy's, where a batch was drawn or learned, else None; to be called before the core goes on. It
    costs more than a cheap child does, so that who keeps nothing does not ask for it.
    """

    trials: tuple[Trial, ...] = ()
    updates: tuple[Update, ...] = ()
    state: Callable[[], StrategyState | None] = _unchanged
    jobs: tuple[Job, ...] = ()


class SearchCore:
    """Holds batches, their order of learning, duplicates, retries and the trial limit.

    `batch_size` is the paper's m, `lag` the number of updates by which a batch may be drawn early: at most
    (lag + 1) * batch_size children are in flight. A failed child gets `failure_reward`. `reuse` gives a duplicate the
    measurement of the first trial with its architecture, which is trained once. A child that breaks a limit of
    `constraints` is never trained; the costs of every other are among its metrics.
    """

    def __init__(
        self,
        strategy: Strategy,
        reward: Reward,
        *,
        num_trials: int,
        seed: int,
        batch_size: int = 8,
        lag: int = 1,
        failure_reward: float = 0.0,
        reuse: bool = True,
        constraints: Constraints = Constraints(),  # noqa: B008, a frozen value
    ) -> None:
        self._strategy, self._reward = strategy, reward
        self.num_trials, self.batch_size, self.lag = num_trials, batch_size, lag
        self._seed, self._failure_reward, self._reuse = seed, failure_reward, reuse
        self._constraints = constraints
        self.trials: list[Trial] = []
        """Every trial drawn, by number; those from `num_trials` on wait for a higher limit."""
        self.num_learned = 0
        self._first_with: dict[str, int] = {}
        self._attempts: dict[int, int] = {}
        self._changed: dict[int, Trial] = {}

    def restore(self, trials: Iterable[Trial], num_learned: int, state: StrategyState | None) -> None:
        """Take over a stored search, before `start`."""
        for trial in trials:
            self._append(trial)
        self.num_learned = num_learned
        if state is not None:
            self._strategy.restore(state)

    @property
    def finished(self) -> bool:
        """Whether every trial below the limit has ended."""
        return len(self.trials) >= self.num_trials and all(trial.state.finished for trial in self._open())

    def start(self) -> Step:
        """Draw the first batches, or re-queue what was in flight when the search stopped."""
        for trial in self.trials:
            if trial.state is TrialState.RUNNING:
                self._change(replace(trial, state=TrialState.QUEUED))
        return self._advance()

    def receive(self, outcome: Outcome) -> Step:
        """Take the end of one job and go on as far as it allows."""
        trial = self.trials[outcome.number]
        if trial.state is not TrialState.RUNNING:
            return Step()  # a second answer, from a worker that was given up
        failure = outcome.failure
        if failure is not None and failure.kind.says_nothing_of_the_child:
            self._attempts[trial.number] = self._attempts.get(trial.number, 1) + 1
            if self._attempts[trial.number] <= MAX_ATTEMPTS:
                return Step(jobs=(self._job(trial),))
        self._change(self._judged(trial, outcome))
        return self._advance()

    def _judged(self, trial: Trial, outcome: Outcome) -> Trial:
        """The trial with its measurement and reward, or with the reason why there is none."""
        failure, costs = outcome.failure, self._constraints.count(trial.proposal.architecture)
        if outcome.measurement is not None:
            score = self._reward.score(outcome.measurement)
            if is_finite_number(score) and is_finite_number(reward := self._reward(score)):
                reward *= self._constraints.factor(costs)
                metrics = {**costs, **outcome.measurement.metrics, self._reward.score_name: score}
                return replace(trial, state=TrialState.DONE, reward=reward, metrics=metrics, seconds=outcome.seconds)
            failure = Failure(FailureKind.NOT_FINITE, f"the {self._reward.score_name} is {score}")
        assert failure is not None
        return replace(
            trial,
            state=TrialState.FAILED,
            reward=None if failure.kind.says_nothing_of_the_child else self._failure_reward,
            metrics=costs,
            seconds=outcome.seconds,
            error=str(failure),
            failure_kind=failure.kind,
        )

    def _advance(self) -> Step:
        """Settle what needs no training, learn every batch whose turn it is, draw what follows, hand out the jobs."""
        updates: list[Update] = []
        drawn = False
        while True:
            self._settle()
            # Drawing comes first: batch b is drawn before batch b - lag is learned.
            if len(self.trials) < (self.num_learned + self.lag + 1) * self.batch_size:
                self._draw()
                drawn = True
            elif self._next_batch_is_complete():
                ticket = self._ticket(self.num_learned)
                updates.append(self._strategy.observe(ticket, self._batch(ticket)))
                self.num_learned += 1
            else:
                break
        jobs = tuple(self._launch())
        trials, self._changed = tuple(self._changed.values()), {}
        return Step(trials, tuple(updates), self._strategy.state if drawn or updates else _unchanged, jobs)

    def _ticket(self, round_number: int) -> Ticket:
        return Ticket(round_number, round_number * self.batch_size, self.batch_size)

    def _batch(self, ticket: Ticket) -> Sequence[Trial]:
        return self.trials[ticket.first : ticket.first + ticket.size]

    def _next_batch_is_complete(self) -> bool:
        batch = self._batch(self._ticket(self.num_learned))
        return len(batch) == self.batch_size and all(trial.state.finished for trial in batch)

    def _draw(self) -> None:
        ticket = self._ticket(len(self.trials) // self.batch_size)
        for index, proposal in enumerate(self._strategy.propose(ticket)):
            trial = Trial(ticket.first + index, proposal)
            self._append(trial)
            self._changed[trial.number] = trial

    def _append(self, trial: Trial) -> None:
        assert trial.number == len(self.trials), "trials are numbered without gaps"
        self.trials.append(trial)
        self._first_with.setdefault(trial.fingerprint, trial.number)

    def _change(self, trial: Trial) -> None:
        self.trials[trial.number] = self._changed[trial.number] = trial

    def _open(self) -> list[Trial]:
        """The trials below the limit that could still be waiting: those of the batches not yet learned."""
        return self.trials[self.num_learned * self.batch_size : self.num_trials]

    def _original(self, trial: Trial) -> Trial:
        """The first trial with the same architecture; the trial itself where it is the first or nothing is reused."""
        return self.trials[self._first_with[trial.fingerprint]] if self._reuse else trial

    def _settle(self) -> None:
        """End every queued trial that needs no training: above a limit, or a duplicate of one that has ended."""
        for trial in self._open():
            if trial.state is not TrialState.QUEUED:
                continue
            original = self._original(trial)
            costs = self._constraints.count(trial.proposal.architecture)
            if broken := self._constraints.violation(costs):
                reward = self._constraints.rejected_reward
                self._change(replace(trial, state=TrialState.REJECTED, reward=reward, metrics=costs, error=broken))
            elif original is not trial and original.state.finished:
                self._change(trial.reusing(original))

    def _launch(self) -> Iterable[Job]:
        """Every queued trial that waits for nothing."""
        for trial in self._open():
            if trial.state is TrialState.QUEUED and self._original(trial).number == trial.number:
                running = replace(trial, state=TrialState.RUNNING)
                self._change(running)
                yield self._job(running)

    def _job(self, trial: Trial) -> Job:
        what = trial.fingerprint if self._reuse else trial.number
        return Job(trial.number, trial.proposal.architecture, derive_seed(self._seed, "child", what))
