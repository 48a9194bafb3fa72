"""The search core with several replicas (the paper's asynchronous scheme).

Replicas are streams of batches over one strategy and one count of trials. Batches are numbered in the order in which
they are sampled, by any replica. A replica's batches are learned in order, and each is followed by the replica's next
one; between replicas the order is that in which batches become complete. The order of learning, which a store keeps,
therefore determines the whole search.

Sampling and gradients are handed out as remote tasks, like children. Their results are taken in the order in which the
tasks were requested, whenever they arrive. So the process that did the work changes nothing but the time it took.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast

from netwright.searching.core import LEARNED, SearchCore, Step, unchanged
from netwright.searching.delegation import Pending, RemoteTasks
from netwright.strategies.interface import Delegating
from netwright.trials import Outcome, Proposal, StrategyState, Ticket, Trial, Update


@dataclass
class PendingUpdate:
    """A batch that is learned and the batches sampled after it, which become durable together."""

    round: int
    """The number of batches learned before."""
    tickets: list[Ticket]
    """The batches to sample."""
    number: int | None = None
    """The number of the batch to learn; None at the start of a search."""
    values: dict[str, float] = field(default_factory=dict)
    """The rewards of its failed and rejected trials, as metrics of the update."""
    result: Pending = field(default_factory=Pending)
    """The gradient of that batch."""
    update: Update | None = None
    proposals: list[Pending] | None = None
    """The proposals for each ticket; None until the batch has been learned."""


class ReplicatedCore(SearchCore):
    """A search core with several streams of batches, whose sampling and gradients can run in other processes.

    Deviation: the paper's replicas are many processes, each with its own state. Here all state is in this one object,
    and any free process computes a replica's samples and gradients; this object determines their order.
    """

    def _prepare(self) -> None:
        self._delegating = self._strategy if isinstance(self._strategy, Delegating) else None
        self._num_stored = -self.replicas
        """The number of batches learned before the last stored state."""
        self._pending: deque[PendingUpdate] = deque()
        """Updates that wait for results, in order."""
        self._remote_tasks = RemoteTasks()

    def restore(self, trials: Iterable[Trial], updates: Sequence[Update], state: StrategyState | None) -> None:
        """Take over a stored search; see `SearchCore.restore`."""
        super().restore(trials, updates, state)
        if self.trials:
            self._num_stored = len(updates) if state is None else state.values.get(LEARNED, len(updates))

    @property
    def finished(self) -> bool:
        """Whether no result is awaited, every trial below the limit has ended and every complete batch is learned."""
        return not self._pending and super().finished

    def receive(self, outcome: Outcome) -> Step:
        """Take the end of one job or remote task and continue as far as it allows."""
        if not outcome.of_remote_task:
            return super().receive(outcome)
        self._remote_tasks.take(outcome)
        return self._advance()

    def _advance(self) -> Step:
        """Learn and sample as far as results allow, and hand out remote tasks and jobs."""
        updates: list[Update] = []
        ended, state = False, cast("Callable[[], StrategyState | None]", unchanged)
        self._settle()
        while self._begin_updates() and (first := self._end_update()) is not None:
            ended = True
            if first.update is not None:
                updates.append(first.update)
            self._settle()
            if self._state_is_due and not self._pending:
                # Built at once, since other updates begin now.
                state, self._num_stored = partial(_constant, self._state()), len(self.learned)
        if ended and not self._pending and (self._state_is_due or self.finished):
            state, self._num_stored = self._state, len(self.learned)
        tasks = self._remote_tasks.take_new()
        step = self._step(updates, state)
        return replace(step, jobs=(*tasks, *step.jobs))

    @property
    def _state_is_due(self) -> bool:
        return len(self.learned) - self._num_stored >= self.replicas

    def _begin_updates(self) -> bool:
        """Request gradients of complete batches and make room for the next ones; return whether updates are pending.

        If the strategy's state is due, no update begins before the pending ones have ended.
        """
        while not (self._pending and self._state_is_due):
            pending_update = PendingUpdate(len(self.learned), self._batches.issue())
            if not pending_update.tickets:
                number = pending_update.number = self._batches.next_complete()
                if number is None:
                    break
                pending_update.values = self._assign_rewards(number)
                if self._delegating:
                    ticket = self._batches[number]
                    task = self._delegating.gradient_task(ticket, self._to_learn(ticket))
                    pending_update.result = self._remote_tasks.request(task)
                self._close(number)
                pending_update.tickets = self._batches.issue()
            self._pending.append(pending_update)
        return bool(self._pending)

    def _end_update(self) -> PendingUpdate | None:
        """Learn the results that have arrived, in order, and request samples; return the first update once complete."""
        for pending_update in self._pending:
            if not pending_update.result.known:
                break
            if pending_update.proposals is None:
                # Before the next update's gradient is learned: these samples must not depend on it.
                if pending_update.number is not None:
                    pending_update.update = self._learn_result(pending_update, pending_update.number)
                pending_update.proposals = [self._proposed(ticket) for ticket in pending_update.tickets]
        first = self._pending[0]
        if first.proposals is None or not all(pending.known for pending in first.proposals):
            return None
        for ticket, pending in zip(first.tickets, first.proposals, strict=True):
            self._take_proposals(ticket, cast("list[Proposal]", pending.value))
        return self._pending.popleft()

    def _proposed(self, ticket: Ticket) -> Pending:
        if self._delegating:
            return self._remote_tasks.request(self._delegating.sampling_task(ticket))
        return Pending(self._strategy.propose(ticket))

    def _learn_result(self, pending_update: PendingUpdate, number: int) -> Update:
        ticket = self._batches[number]
        if self._delegating:
            update = self._delegating.learn(ticket, pending_update.result.value)
        else:
            update = self._observe(ticket)
        metrics = {**update.metrics, **pending_update.values, "batch": number, "replica": ticket.replica}
        return Update(pending_update.round, metrics)


def _constant(state: StrategyState) -> StrategyState:
    return state
