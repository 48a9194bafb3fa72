"""What every way of searching offers to the core."""

from collections.abc import Sequence
from typing import Protocol

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
