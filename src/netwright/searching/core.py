"""The search core, which has no input or output: it takes outcomes and returns the jobs to run next.

    step = core.start()                     # also after a restart
    while True:
        ... make `step` durable, run `step.jobs` ...
        step = core.receive(outcome)        # in whatever order children finish

Trial n belongs to batch n // m. Batch b is sampled with the policy as update b - 1 - lag left it: always whole, and
always before batch b - lag is learned, even if that one is complete already. Batches are learned in order. Hence the
same seed gives the same search on any number of workers, across restarts, and whether the trials were requested in one
run or in two.

`SearchCore` is the algorithm with one stream of batches; `replicas.ReplicatedCore` has several. A local loop, a cluster
and a simulator are small drivers of these classes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from netwright.errors import RunError, SpaceError
from netwright.evaluation.constraints import Constraints
from netwright.evaluation.rewards import Reward
from netwright.evaluation.stopping import StoppingRule, first_epochs
from netwright.searching.batches import Batches
from netwright.searching.failure_values import FailureValues
from netwright.searching.redraws import TrialCount
from netwright.searching.rungs import Rungs
from netwright.seeds import derive_seed
from netwright.spaces.programs import Space
from netwright.strategies.interface import Strategy
from netwright.trials import (
    MAX_ATTEMPTS,
    Failure,
    FailureKind,
    Job,
    Measurement,
    Outcome,
    Proposal,
    RemoteTask,
    StrategyState,
    Ticket,
    Trial,
    TrialState,
    Update,
    is_finite_number,
)

CONTRACT = (
    "netwright.testing.contracts.strategy_contract(make_strategy, space) finds such mistakes before a search does"
)
ENDED_IN_TRAINING = (TrialState.DONE, TrialState.STOPPED, TrialState.FAILED)
LEARNED = "learned"
"""Key in a strategy's state: the number of batches learned before."""


def unchanged() -> None:
    """Return None: the strategy's state need not be stored."""


@dataclass(frozen=True)
class Step:
    """What changed. Store it in one transaction before any of `jobs` is run."""

    trials: tuple[Trial, ...] = ()
    updates: tuple[Update, ...] = ()
    state: Callable[[], StrategyState | None] = unchanged
    """Returns the strategy's state, or None if it need not be stored; call it before the core's next method.

    Building the state can cost more than a cheap child; call it only to persist. With several replicas it is due once
    every few batches, since it contains what each of them has in flight; `restore` learns later batches again.
    """
    jobs: tuple[Job | RemoteTask, ...] = ()


class SearchCore:
    """Keeps batches, their order of learning, duplicates, retries and the trial limit.

    Args:
        strategy: Proposes architectures and learns from their rewards.
        reward: Turns a measurement into a score and a score into a reward.
        num_trials: The trial limit.
        seed: The run's seed, from which the seeds of children derive.
        batch_size: The paper's m, architectures per update.
        lag: Updates by which a batch may be sampled early; at most (lag + 1) * batch_size * replicas children are in
            flight.
        replicas: The paper's K, streams of batches; above 1 only in `ReplicatedCore`.
        failure_reward: The reward of a child that failed; None computes it from the rewards of the others.
        reuse: Whether a duplicate takes over the measurement of the first trial with its architecture, so that every
            architecture is trained once.
        rungs: Numbers of epochs with the share of children that are trained further; none trains all to the end.
        min_reached: A rung has no threshold before so many children have reached it.
        constraints: Limits on costs. A child above a limit is not trained; the costs of every other child are among its
            metrics.
        space: If given, every proposal is rebuilt in it, and `RunError` names the first that does not belong there.
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
        replicas: int = 1,
        failure_reward: float | None = None,
        reuse: bool = True,
        rungs: Sequence[tuple[int, float]] = (),
        min_reached: int = 8,
        constraints: Constraints = Constraints(),  # noqa: B008, a frozen value
        space: Space | None = None,
    ) -> None:
        self._strategy, self._reward, self._space = strategy, reward, space
        self.num_trials, self.batch_size, self.replicas = num_trials, batch_size, replicas
        self.count = TrialCount(constraints.max_redraws)
        """Of the trials for which the limits on costs were checked."""
        self._seed, self._reuse, self._constraints = seed, reuse, constraints
        self._rungs = Rungs(rungs, reward, min_reached=min_reached)
        self._thresholds: dict[int, tuple[tuple[int, float], ...]] = {}
        """Number of a batch -> the thresholds of its children."""
        self._failure_values = FailureValues(failure_reward, constraints.rejected_reward)
        self.trials: list[Trial] = []
        """Every sampled trial, by number; those from `end` on wait for a higher limit."""
        self._batches = Batches(size=batch_size, lag=lag, replicas=replicas)
        self._queued: list[int] = []
        """The numbers of the queued trials, in order."""
        self._first_with: dict[str, int] = {}
        """Fingerprint of an architecture -> number of the first trial that has it."""
        self._attempts: Counter[int] = Counter()
        self._changed: dict[int, Trial] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Create what a subclass adds to the state."""

    def restore(self, trials: Iterable[Trial], updates: Sequence[Update], state: StrategyState | None) -> None:
        """Take over a stored search, before `start`.

        What came after `state` is sampled and learned once more, with the same result.

        Args:
            trials: All stored trials, by number.
            updates: The stored updates, in the order of learning.
            state: The stored state of the strategy; None learns everything again.
        """
        for trial in trials:
            self._append(trial)
        if not self.trials:
            return
        # Limits are checked in the order of the trials, so they were checked for all before a trial that has ended.
        checked = [each.number for each in self.trials if each.state in ENDED_IN_TRAINING or each.above_limit]
        for trial in self.trials[: max(checked, default=-1) + 1]:
            self.count.take(trial)
        known = None
        if state is not None:
            self._strategy.restore(state)
            known = state.values.get(LEARNED, len(updates))
        self._reissue(sample=known is None)
        for position, update in enumerate(updates):
            again = known is None or position >= known
            self._assign_rewards(update.batch, update.metrics)
            if again:
                self._observe(self._batches[update.batch])
            self._close(update.batch)
            self._reissue(sample=again)

    def _issue(self) -> list[Ticket]:
        """Return a ticket for every batch that there is room for; the thresholds of its children are settled here."""
        tickets = self._batches.issue()
        if tickets:
            self._thresholds |= dict.fromkeys(
                (self._batch_of(each.first) for each in tickets), self._rungs.thresholds()
            )
        return tickets

    def _reissue(self, *, sample: bool) -> None:
        for ticket in self._issue():
            for trial in self._trials_of(ticket):
                if trial.state.finished:
                    self._batches.ended(trial.number)
            if sample:
                self._strategy.propose(ticket)

    @property
    def learned(self) -> Sequence[int]:
        """The numbers of the learned batches, in the order of learning."""
        return self._batches.learned

    @property
    def end(self) -> int:
        """The number after the last trial below the limit: of the last one of `num_trials` trials that count."""
        return self.count.end(self.num_trials)

    @property
    def finished(self) -> bool:
        """Whether every trial below the limit has ended and every complete batch has been learned."""
        end = self.end
        return self.count.num_counted >= self.num_trials and all(
            trial.state.finished
            for ticket in self._batches.in_flight
            for trial in self._trials_of(ticket)
            if trial.number < end
        )

    def start(self) -> Step:
        """Sample the first batches, or queue again what was in flight when the search stopped."""
        for trial in self.trials:
            if trial.state is TrialState.RUNNING:
                self._change(replace(trial, state=TrialState.QUEUED))
        self._queued = [trial.number for trial in self.trials if trial.state is TrialState.QUEUED]
        return self._advance()

    def receive(self, outcome: Outcome) -> Step:
        """Take the end of one job and continue as far as it allows."""
        trial = self.trials[outcome.number]
        if trial.state is not TrialState.RUNNING:
            return Step()  # a second outcome, from a worker that was given up
        if outcome.lost:
            self._attempts[trial.number] += 1
            if self._attempts[trial.number] < MAX_ATTEMPTS:
                return Step(jobs=(self._job(trial),))
        self._change(self._measured(trial, outcome))
        return self._advance()

    def _advance(self) -> Step:
        """Learn complete batches, sample the batches after them, and hand out the jobs."""
        self._settle()
        sampled, updates = self._sample_batches(), []
        while (number := self._batches.next_complete()) is not None:
            self._close(number)
            updates.append(self._learn(number))
            sampled |= self._sample_batches()
        return self._step(updates, self._state if sampled or updates else unchanged)

    def _sample_batches(self) -> bool:
        """Sample every batch that there is room for; return whether there was one."""
        tickets = self._issue()
        for ticket in tickets:
            self._take_proposals(ticket, self._strategy.propose(ticket))
        self._settle()
        return bool(tickets)

    def _close(self, number: int) -> None:
        """Record that a batch is learned."""
        ticket = self._batches[number]
        self._batches.close(number, redrawn=self.count.num_redrawn(ticket.first, ticket.first + ticket.size))
        # The costs of a measured child are among its metrics.
        self._rungs.add(
            (trial, self._constraints.factor(trial.metrics)) for trial in self._to_learn(ticket) if trial.state.measured
        )

    def _learn(self, number: int) -> Update:
        ticket, values = self._batches[number], self._assign_rewards(number)
        update = self._observe(ticket)
        return replace(update, metrics={**update.metrics, **values})

    def _observe(self, ticket: Ticket) -> Update:
        return self._strategy.observe(ticket, self._to_learn(ticket))

    def _to_learn(self, ticket: Ticket) -> Sequence[Trial]:
        """Return the trials of a batch; those that the space no longer builds carry no reward."""
        return [replace(trial, reward=None) if trial.foreign else trial for trial in self._trials_of(ticket)]

    def _assign_rewards(self, number: int, stored: Mapping[str, float] = MappingProxyType({})) -> dict[str, float]:
        """Give the failed and rejected trials of a batch their rewards; return the values as metrics of its update.

        The rewards are durable with the update, not with the trials, which have none of their own.
        """
        ticket = self._batches[number]
        trials, values = self._failure_values.assign(self._trials_of(ticket), stored)
        self.trials[ticket.first : ticket.first + ticket.size] = trials
        return values

    def _step(self, updates: Iterable[Update], state: Callable[[], StrategyState | None]) -> Step:
        """Return everything that changed since the last step, with the jobs that can start."""
        jobs = tuple(self._launch())
        trials, self._changed = tuple(self._changed.values()), {}
        return Step(trials, tuple(updates), state, jobs)

    def _state(self) -> StrategyState:
        state = self._strategy.state()
        return replace(state, values={**state.values, LEARNED: len(self.learned)})

    def _trials_of(self, ticket: Ticket) -> Sequence[Trial]:
        return self.trials[ticket.first : ticket.first + ticket.size]

    def _measured(self, trial: Trial, outcome: Outcome) -> Trial:
        """Return the trial with its measurement and reward, or with the reason why there is none."""
        failure, costs = outcome.failure, self._constraints.count(trial.proposal.architecture)
        if outcome.measurement is not None:
            # The child may have gone on after it missed a threshold; its curve would change later thresholds.
            rule, metrics = self._rule(trial, costs), outcome.measurement.metrics
            stopped_after = rule.stopped_after(metrics)
            if stopped_after is not None:
                metrics = first_epochs(self._reward.score_name, metrics, stopped_after)
            score = self._reward.score(Measurement(metrics))
            if is_finite_number(score) and is_finite_number(self._reward(score)):
                return replace(
                    trial,
                    state=TrialState.DONE if stopped_after is None else TrialState.STOPPED,
                    reward=rule.value(metrics, score),
                    metrics={**costs, **metrics, self._reward.score_name: score},
                    seconds=outcome.seconds,
                )
            failure = Failure(FailureKind.NOT_FINITE, f"the {self._reward.score_name} is {score}")
        assert failure is not None
        return replace(
            trial,
            state=TrialState.FAILED,
            metrics=dict(costs),
            seconds=outcome.seconds,
            error=str(failure),
            failure_kind=failure.kind,
        )

    def _take_proposals(self, ticket: Ticket, proposals: Sequence[Proposal]) -> None:
        self._check(ticket, proposals)
        for index, proposal in enumerate(proposals):
            trial = Trial(ticket.first + index, proposal)
            self._append(trial)
            self._queued.append(trial.number)
            self._changed[trial.number] = trial

    def _check(self, ticket: Ticket, proposals: Sequence[Proposal]) -> None:
        """Raise `RunError` unless the batch is whole and every proposal belongs to the space."""
        name = type(self._strategy).__name__
        if len(proposals) != ticket.size:
            raise RunError(
                f"strategy {name} proposed {len(proposals)} architectures for a batch of {ticket.size}; {CONTRACT}"
            )
        for index, proposal in enumerate(proposals if self._space is not None else ()):
            assert self._space is not None
            trial = f"for trial {ticket.first + index} strategy {name} proposed"
            try:
                rebuilt = self._space.with_parameters(**proposal.parameters).replay(proposal.actions).architecture
            except SpaceError as error:
                raise RunError(f"{trial} actions outside the space: {error}; {CONTRACT}") from None
            if rebuilt != proposal.architecture:
                raise RunError(
                    f"{trial} {proposal.architecture}, and its actions {proposal.actions} build {rebuilt}; {CONTRACT}"
                )

    def _append(self, trial: Trial) -> None:
        assert trial.number == len(self.trials), "trials are numbered without gaps"
        self.trials.append(trial)
        if not trial.outdated:
            self._first_with.setdefault(trial.fingerprint, trial.number)

    def _change(self, trial: Trial) -> None:
        self.trials[trial.number] = self._changed[trial.number] = trial
        if trial.state.finished:
            self._batches.ended(trial.number)

    def _waiting(self) -> list[Trial]:
        """Return the queued trials below the limit."""
        self._queued = [number for number in self._queued if self.trials[number].state is TrialState.QUEUED]
        end = self.end
        return [self.trials[number] for number in self._queued if number < end]

    def _original(self, trial: Trial) -> Trial:
        """Return the first trial with the same architecture; if nothing is reused, the trial itself."""
        return self.trials[self._first_with[trial.fingerprint]] if self._reuse else trial

    def _settle(self) -> None:
        """End every queued trial that needs no training: one above a limit, or a duplicate of one that has ended."""
        while self.count.num_counted < self.num_trials and self.count.num_taken < len(self.trials):
            self.count.take(self._within_limits(self.trials[self.count.num_taken]))
        for trial in self._waiting():
            original = self._original(trial)
            if original is not trial and original.state.finished:
                self._change(trial.reusing(original))

    def _within_limits(self, trial: Trial) -> Trial:
        """Return the trial, rejected if it is queued and its costs are above a limit."""
        if trial.state is TrialState.QUEUED:
            costs = dict(self._constraints.count(trial.proposal.architecture))
            if broken := self._constraints.violation(costs):
                self._change(replace(trial, state=TrialState.REJECTED, metrics=costs, error=broken))
        return self.trials[trial.number]

    def _launch(self) -> Iterable[Job]:
        """Yield a job for every queued trial except duplicates, which wait for their original."""
        for trial in self._waiting():
            if self._original(trial).number == trial.number:
                self._change(replace(trial, state=TrialState.RUNNING))
                yield self._job(trial)  # this object has its fingerprint computed already

    def _batch_of(self, number: int) -> int:
        return number // self.batch_size

    def _rule(self, trial: Trial, costs: Mapping[str, int]) -> StoppingRule:
        """Return the thresholds of a child with these costs, with what compares its curve with them."""
        thresholds = self._thresholds[self._batch_of(trial.number)]
        return StoppingRule(self._reward, self._constraints.factor(costs), thresholds)

    def _job(self, trial: Trial) -> Job:
        architecture, what = trial.proposal.architecture, trial.fingerprint if self._reuse else trial.number
        job = Job(trial.number, architecture, derive_seed(self._seed, "child", what))
        if not self._thresholds[self._batch_of(trial.number)]:
            return job
        return replace(job, is_over=self._rule(trial, self._constraints.count(architecture)).is_over)
