"""What every way of searching offers to the core."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class Strategy(Protocol):
    """Chooses what to try and learns from what came of it.

        proposals = strategy.propose(ticket)          # a whole batch
        ... the architectures are trained ...
        update = strategy.observe(ticket, trials)     # in the order of rounds, each batch once, all its trials finished

    `propose` is a function of the strategy's state and the ticket: all randomness comes from (run seed, ticket), so the
    same search follows whatever the number of workers and the order in which children finish. One process, one thread.
    """

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """`ticket.size` proposals; proposal i belongs to trial `ticket.first + i`."""

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Learn from the finished trials of one batch. A trial whose reward is None says nothing."""

    def state(self) -> StrategyState:
        """All that `restore` needs, batches in flight included."""

    def restore(self, state: StrategyState) -> None:
        """Go on from `state`; called once, on a fresh strategy."""


@runtime_checkable
class Delegating(Strategy, Protocol):
    """A strategy whose costly work can be sent away, so that several replicas compute side by side.

        proposals = strategy.sampling_task(ticket)()          # the same as propose(ticket)
        work = strategy.gradient_task(ticket, trials)
        update = strategy.learn(ticket, work and work())    # together the same as observe(ticket, trials)

    What is returned is a function of nothing; it can be pickled, and called in any process, at any time, more than
    once. Lessons are learned in the order in which they were asked for, and nothing is drawn between a lesson that was
    asked for and those before it that are still to be learned. `state` is not called while a lesson is on its way.
    """

    def sampling_task(self, ticket: Ticket) -> Callable[[], list[Proposal]]:
        """What draws a batch."""

    def gradient_task(self, ticket: Ticket, trials: Sequence[Trial]) -> Callable[[], Any] | None:
        """What there is to compute before a batch can be learned; None is nothing."""

    def learn(self, ticket: Ticket, result: Any) -> Update:
        """Learn a batch from the answer."""
