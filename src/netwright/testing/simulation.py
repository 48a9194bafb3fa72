"""Simulation of a search with many workers on a virtual clock.

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
    """The record of a simulated search; times in seconds of the virtual clock, which starts at 0."""

    slots: int
    work: tuple[tuple[float, float], ...]
    """(begun, seconds) of every child, by begin."""
    ended: tuple[tuple[float, int], ...]
    """(time, trial number) of every end, also of trials that reuse a measurement."""
    updates: tuple[Update, ...]
    drained_from: float
    """Start of the last child, retries aside; afterwards slots become idle, since the search ends."""

    @property
    def seconds(self) -> float:
        """End of the last child."""
        return max(begun + seconds for begun, seconds in self.work)

    @property
    def drain_seconds(self) -> float:
        """Time from `drained_from` to the end."""
        return self.seconds - self.drained_from

    @property
    def busy(self) -> float:
        """Fraction of the slots' time spent on work, before the drain."""
        until = self.drained_from
        worked = sum(min(begun + seconds, until) - min(begun, until) for begun, seconds in self.work)
        return worked / (self.slots * until) if until else 1.0

    @property
    def staleness(self) -> list[float]:
        """Of every gradient, including dropped ones: number of updates between sampling and arrival."""
        return [update.metrics["staleness"] for update in self.updates if "staleness" in update.metrics]


def simulate(core: SearchCore, executor: VirtualExecutor, store: Store | None = None) -> Simulation:
    """Drive `core` to its end. With a `store`, the run is stored and can be replayed."""
    ended: list[tuple[float, int]] = []
    updates: list[Update] = []

    def look_on(step: Step) -> None:
        ended.extend((executor.now(), trial.number) for trial in step.trials if trial.state.finished)
        updates.extend(step.updates)

    drive(core, executor, store, look_on)
    return Simulation(executor.slots, tuple(sorted(executor.work)), tuple(ended), tuple(updates), executor.last_new)


class FixedPolicy:
    """A strategy without cost or learning, for studies of timing; implements `Strategy`.

    All architectures differ: trial n proposes the number n.
    """

    def __init__(self) -> None:
        self._version = 0
        self._version_of: dict[int, int] = {}

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose the trials' numbers."""
        self._version_of[ticket.first] = self._version
        return [Proposal({}, (), number, self._version) for number in range(ticket.first, ticket.first + ticket.size)]

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Count the update and return its staleness."""
        staleness = self._version - self._version_of.pop(ticket.first)
        self._version += 1
        return Update(ticket.round, {"staleness": staleness})

    def state(self) -> StrategyState:
        """Return the counters."""
        versions = {str(first): version for first, version in self._version_of.items()}
        return StrategyState({"version": self._version, "version_of": versions})

    def restore(self, state: StrategyState) -> None:
        """Continue from `state`."""
        self._version = state.values["version"]
        self._version_of = {int(first): version for first, version in state.values["version_of"].items()}
