"""The search without input or output: takes outcomes, gives the jobs to run next.

    step = core.start()                     # also after a restart
    while True:
        ... make `step` durable, run `step.jobs` ...
        step = core.receive(outcome)        # in whatever order children finish

Trial n belongs to batch n // m. Batch b is drawn with the policy as update b - 1 - lag left it: always whole, and
always before batch b - lag is learned, even where that one is complete already. Batches are learned in their order.
So the same seed gives the same search on any number of workers, across restarts, and whether its trials were asked
for at once or in two runs. A local loop, a cluster and a simulator are small drivers of this one class.

Several replicas (the paper's asynchronous scheme) are several such streams of batches over one strategy and one count
of trials. Batches are numbered in the order in which they are drawn, by whichever replica. A replica learns its own in
their order, and draws its next one after each; between replicas the order is that in which batches are complete. So
what a search did follows from the order of learning alone, which is what a store keeps of it.

What replicas compute, a draw or a gradient, is handed out like children, as chores; answers are taken in the order in
which they were asked for, whenever they come. So where the work was done changes nothing but the time it took.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from netwright.errors import RunError, SpaceError
from netwright.evaluation.constraints import Constraints
from netwright.evaluation.rewards import Reward
from netwright.searching.batches import Batches
from netwright.searching.delegation import Pending, RemoteTasks
from netwright.seeds import derive_seed
from netwright.spaces.programs import Space
from netwright.strategies.interface import Delegating, Strategy
from netwright.trials import (
    MAX_ATTEMPTS,
    Failure,
    FailureKind,
    Job,
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
LEARNED = "learned"
"""In a strategy's state: how many batches had been learned."""


def _unchanged() -> None:
    return None


def _always(state: StrategyState) -> StrategyState:
    return state


@dataclass(frozen=True)
class Step:
    """What changed, to be made durable in one transaction before any of `jobs` is run.

    `state()` is the strategy's, where a batch was drawn or learned, else None; to be called before the core goes on. It
    costs more than a cheap child does, so that who keeps nothing does not ask for it. With several replicas it is due
    once in so many batches, since it holds what each of them has in flight; `restore` learns again what came after.
    """

    trials: tuple[Trial, ...] = ()
    updates: tuple[Update, ...] = ()
    state: Callable[[], StrategyState | None] = _unchanged
    jobs: tuple[Job | RemoteTask, ...] = ()


@dataclass
class PendingUpdate:
    """A batch that is learned and those that are drawn after it, durable together; at first there is none to learn."""

    round: int
    """How many batches were learned before."""
    tickets: list[Ticket]
    number: int | None = None
    """Of the batch that is learned."""
    result: Pending = field(default_factory=Pending)
    update: Update | None = None
    proposals: list[Pending] | None = None
    """For each ticket, once the batch has been learned."""


class SearchCore:
    """Holds batches, their order of learning, duplicates, retries and the trial limit.

    `batch_size` is the paper's m, `lag` the number of updates by which a batch may be drawn early, `replicas` the
    paper's K: at most (lag + 1) * batch_size * replicas children are in flight. A failed child gets `failure_reward`.
    `reuse` gives a duplicate the measurement of the first trial with its architecture, which is trained once. A child
    that breaks a limit of `constraints` is never trained; the costs of every other are among its metrics. With `space`
    every proposal is rebuilt in it before it is taken, and `RunError` says which one does not belong there.

    Deviation: the paper's replicas are many processes, each with its own state. Here all state is in this one object,
    and whichever process is free computes a replica's draws and gradients; this object gives them their order.
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
        failure_reward: float = 0.0,
        reuse: bool = True,
        constraints: Constraints = Constraints(),  # noqa: B008, a frozen value
        space: Space | None = None,
    ) -> None:
        self._strategy, self._reward, self._space = strategy, reward, space
        self.num_trials, self.batch_size, self.replicas = num_trials, batch_size, replicas
        self._seed, self._failure_reward, self._reuse = seed, failure_reward, reuse
        self._constraints = constraints
        self.trials: list[Trial] = []
        """Every trial drawn, by number; those from `num_trials` on wait for a higher limit."""
        self._batches = Batches(size=batch_size, lag=lag, replicas=replicas)
        self._queued: list[int] = []
        """The numbers of the trials that wait, in their order."""
        self._num_kept = -replicas
        self._first_with: dict[str, int] = {}
        self._attempts: Counter[int] = Counter()
        self._changed: dict[int, Trial] = {}
        self._delegating = strategy if replicas > 1 and isinstance(strategy, Delegating) else None
        self._pending: deque[PendingUpdate] = deque()
        """Those with answers to come, in their order."""
        self._remote_tasks = RemoteTasks()

    def restore(self, trials: Iterable[Trial], learned: Iterable[int], state: StrategyState | None) -> None:
        """Take over a stored search, before `start`: its trials, and the batches learned, in their order.

        What came after `state` is drawn and learned once more, which gives what it gave.
        """
        for trial in trials:
            self._append(trial)
        if not self.trials:
            return
        learned, known = list(learned), None
        if state is not None:
            self._strategy.restore(state)
            known = state.values.get(LEARNED, len(learned))
        self._reissue(draw=known is None)
        for position, number in enumerate(learned):
            anew = known is None or position >= known
            if anew:
                self._strategy.observe(self._batches[number], self._trials_of(self._batches[number]))
            self._batches.close(number)
            self._reissue(draw=anew)
        self._num_kept = len(learned) if known is None else known

    def _reissue(self, *, draw: bool) -> None:
        for ticket in self._batches.issue():
            for trial in self._trials_of(ticket):
                if trial.state.finished:
                    self._batches.ended(trial.number)
            if draw:
                self._strategy.propose(ticket)

    @property
    def learned(self) -> Sequence[int]:
        """The numbers of the learned batches, in the order in which they were learned."""
        return self._batches.learned

    @property
    def finished(self) -> bool:
        """Whether every trial below the limit has ended, and what is complete has been learned."""
        return (
            not self._pending
            and len(self.trials) >= self.num_trials
            and all(
                trial.state.finished
                for ticket in self._batches.in_flight
                for trial in self._trials_of(ticket)
                if trial.number < self.num_trials
            )
        )

    def start(self) -> Step:
        """Draw the first batches, or re-queue what was in flight when the search stopped."""
        for trial in self.trials:
            if trial.state is TrialState.RUNNING:
                self._change(replace(trial, state=TrialState.QUEUED))
        self._queued = [trial.number for trial in self.trials if trial.state is TrialState.QUEUED]
        return self._advance()

    def receive(self, outcome: Outcome) -> Step:
        """Take the end of one job and go on as far as it allows."""
        if outcome.of_remote_task:
            self._remote_tasks.take(outcome)
            return self._advance()
        trial = self.trials[outcome.number]
        if trial.state is not TrialState.RUNNING:
            return Step()  # a second answer, from a worker that was given up
        if outcome.lost:
            self._attempts[trial.number] += 1
            if self._attempts[trial.number] < MAX_ATTEMPTS:
                return Step(jobs=(self._job(trial),))
        self._change(self._measured(trial, outcome))
        return self._advance()

    def _measured(self, trial: Trial, outcome: Outcome) -> Trial:
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
            reward=None if outcome.lost else self._failure_reward,
            metrics=costs,
            seconds=outcome.seconds,
            error=str(failure),
            failure_kind=failure.kind,
        )

    def _advance(self) -> Step:
        """Learn what is complete, draw what there is room for, settle what needs no training, hand out the jobs."""
        ended: list[PendingUpdate] = []
        state: Callable[[], StrategyState | None] = _unchanged
        self._settle()
        while self._begin_turns() and (pending_update := self._end_turn()) is not None:
            ended.append(pending_update)
            self._settle()
            if self.replicas > 1 and self._state_is_due and not self._pending:
                kept, self._num_kept = self._state(), len(self.learned)  # at once, since other turns begin
                state = partial(_always, kept)
        if ended and not self._pending and (self._state_is_due or self.finished):
            state, self._num_kept = self._state, len(self.learned)
        jobs: tuple[Job | RemoteTask, ...] = (*self._remote_tasks.new, *self._launch())
        self._remote_tasks.new.clear()
        trials, self._changed = tuple(self._changed.values()), {}
        return Step(
            trials,
            tuple(pending_update.update for pending_update in ended if pending_update.update is not None),
            state,
            jobs,
        )

    @property
    def _state_is_due(self) -> bool:
        return len(self.learned) - self._num_kept >= self.replicas

    def _begin_turns(self) -> bool:
        """Ask for what complete batches teach, and make room for those after them; whether there are turns to be ended.

        Where the strategy's state is due, what was begun is ended first.
        """
        while not (self._pending and self._state_is_due):
            pending_update = PendingUpdate(len(self.learned), self._batches.issue())
            if not pending_update.tickets:
                pending_update.number = self._batches.next_complete()
                if pending_update.number is None:
                    break
                if self._delegating:
                    ticket = self._batches[pending_update.number]
                    pending_update.result = self._remote_tasks.ask(
                        self._delegating.gradient_task(ticket, self._trials_of(ticket))
                    )
                self._batches.close(pending_update.number)
                pending_update.tickets = self._batches.issue()
            self._pending.append(pending_update)
        return bool(self._pending)

    def _end_turn(self) -> PendingUpdate | None:
        """Learn, in order, what has been answered, and ask for the draws that follow; then the first turn, if whole."""
        for pending_update in self._pending:
            if not pending_update.result.known:
                break
            if pending_update.proposals is None:
                # Here, and not after the next turn's lesson, which these draws do not know.
                pending_update.update = self._learn(pending_update)
                pending_update.proposals = [self._proposed(ticket) for ticket in pending_update.tickets]
        first = self._pending[0]
        if first.proposals is None or not all(pending.known for pending in first.proposals):
            return None
        for ticket, pending in zip(first.tickets, first.proposals, strict=True):
            self._draw(ticket, pending.value)
        return self._pending.popleft()

    def _proposed(self, ticket: Ticket) -> Pending:
        if self._delegating:
            return self._remote_tasks.ask(self._delegating.sampling_task(ticket))
        return Pending(self._strategy.propose(ticket))

    def _state(self) -> StrategyState:
        state = self._strategy.state()
        return replace(state, values={**state.values, LEARNED: len(self.learned)})

    def _trials_of(self, ticket: Ticket) -> Sequence[Trial]:
        return self.trials[ticket.first : ticket.first + ticket.size]

    def _learn(self, pending_update: PendingUpdate) -> Update | None:
        if pending_update.number is None:
            return None
        ticket = self._batches[pending_update.number]
        if self._delegating:
            update = self._delegating.learn(ticket, pending_update.result.value)
        else:
            update = self._strategy.observe(ticket, self._trials_of(ticket))
        if self.replicas > 1:
            update = Update(
                pending_update.round, {**update.metrics, "batch": pending_update.number, "replica": ticket.replica}
            )
        return update

    def _draw(self, ticket: Ticket, proposals: Sequence[Proposal]) -> None:
        self._check(ticket, proposals)
        for index, proposal in enumerate(proposals):
            trial = Trial(ticket.first + index, proposal)
            self._append(trial)
            self._queued.append(trial.number)
            self._changed[trial.number] = trial

    def _check(self, ticket: Ticket, proposals: Sequence[Proposal]) -> None:
        """A strategy proposes whole batches and nothing from outside the space."""
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
        self._first_with.setdefault(trial.fingerprint, trial.number)

    def _change(self, trial: Trial) -> None:
        self.trials[trial.number] = self._changed[trial.number] = trial
        if trial.state.finished:
            self._batches.ended(trial.number)

    def _waiting(self) -> list[Trial]:
        """The queued trials below the limit."""
        self._queued = [number for number in self._queued if self.trials[number].state is TrialState.QUEUED]
        return [self.trials[number] for number in self._queued if number < self.num_trials]

    def _original(self, trial: Trial) -> Trial:
        """The first trial with the same architecture; the trial itself where it is the first or nothing is reused."""
        return self.trials[self._first_with[trial.fingerprint]] if self._reuse else trial

    def _settle(self) -> None:
        """End every queued trial that needs no training: above a limit, or a duplicate of one that has ended."""
        for trial in self._waiting():
            original = self._original(trial)
            costs = self._constraints.count(trial.proposal.architecture)
            if broken := self._constraints.violation(costs):
                reward = self._constraints.rejected_reward
                self._change(replace(trial, state=TrialState.REJECTED, reward=reward, metrics=costs, error=broken))
            elif original is not trial and original.state.finished:
                self._change(trial.reusing(original))

    def _launch(self) -> Iterable[Job]:
        """Every queued trial that waits for nothing."""
        for trial in self._waiting():
            if self._original(trial).number == trial.number:
                self._change(replace(trial, state=TrialState.RUNNING))
                yield self._job(trial)  # which knows its fingerprint already

    def _job(self, trial: Trial) -> Job:
        what = trial.fingerprint if self._reuse else trial.number
        return Job(trial.number, trial.proposal.architecture, derive_seed(self._seed, "child", what))
