"""Simulation of a search on many workers: it runs on a virtual clock and yields utilisation and staleness.

result = simulate(core, VirtualExecutor(evaluate, slots=800, seconds=log_normal(0.5, seed=0)))
result.busy, result.drain_seconds, result.staleness
"""

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.searching.core import SearchCore, Step
from netwright.searching.loop import drive
from netwright.searching.store import Store
from netwright.testing.virtual_clock import VirtualExecutor
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


@dataclass(frozen=True)
class Simulation:
    """A simulated search; times in seconds of the virtual clock, which starts at 0."""

    slots: int
    work: tuple[tuple[float, float], ...]
    """(begun, seconds) of every child, in the order of `begun`."""
    ended: tuple[tuple[float, int], ...]
    """(time, trial number) of the end of every trial, also of those that reuse a measurement."""
    updates: tuple[Update, ...]
    drained_from: float
    """When the last child began, not counting attempts after a lost worker; from then on slots become empty."""

    @property
    def seconds(self) -> float:
        """When the last child ended."""
        return max(begun + seconds for begun, seconds in self.work)

    @property
    def drain_seconds(self) -> float:
        """The seconds from `drained_from` to the end."""
        return self.seconds - self.drained_from

    @property
    def busy(self) -> float:
        """The share of the slots' time spent on children, before the drain."""
        until = self.drained_from
        worked = sum(min(begun + seconds, until) - min(begun, until) for begun, seconds in self.work)
        return worked / (self.slots * until) if until else 1.0

    @property
    def staleness(self) -> list[float]:
        """For every gradient, also dropped ones, the number of updates between its sampling and its arrival."""
        return [update.metrics["staleness"] for update in self.updates if "staleness" in update.metrics]


def simulate(core: SearchCore, executor: VirtualExecutor, store: Store | None = None) -> Simulation:
    """Run `core` to its end on a virtual clock. With a `store` the run is kept and can be replayed."""
    ended: list[tuple[float, int]] = []
    updates: list[Update] = []

    def look_on(step: Step) -> None:
        ended.extend((executor.now(), trial.number) for trial in step.trials if trial.state.finished)
        updates.extend(step.updates)

    drive(core, executor, store, look_on)
    return Simulation(executor.slots, tuple(sorted(executor.work)), tuple(ended), tuple(updates), executor.last_new)


class FixedPolicy:
    """A strategy without computation and learning, for measuring time alone; implements `Strategy`.

    All architectures differ: trial n proposes the number n.
    """

    def __init__(self) -> None:
        self._version = 0
        self._version_of: dict[int, int] = {}

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """The trials' numbers."""
        self._version_of[ticket.first] = self._version
        return [Proposal({}, (), number, self._version) for number in range(ticket.first, ticket.first + ticket.size)]

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Count an update."""
        staleness = self._version - self._version_of.pop(ticket.first)
        self._version += 1
        return Update(ticket.round, {"staleness": staleness})

    def state(self) -> StrategyState:
        """The counts."""
        versions = {str(first): version for first, version in self._version_of.items()}
        return StrategyState({"version": self._version, "version_of": versions})

    def restore(self, state: StrategyState) -> None:
        """Go on from `state`."""
        self._version = state.values["version"]
        self._version_of = {int(first): version for first, version in state.values["version_of"].items()}
