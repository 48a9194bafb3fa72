"""The interface between strategies and the search core."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar, runtime_checkable

from netwright.spaces.decisions import Actions, actions_from_json, actions_to_json
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update

Result = TypeVar("Result")
Stored = tuple[int, list[int | list[int]], float]
StoredRedrawn = tuple[int, list[int | list[int]], float, int]
"""The JSON of an `Observation`, and of one whose sample number is not its trial's number."""


class Strategy(Protocol):
    """Proposes architectures and learns from their rewards.

        proposals = strategy.propose(ticket)          # a whole batch
        ... the architectures are trained ...
        update = strategy.observe(ticket, trials)     # in the order of rounds, each batch once, all its trials finished

    `propose` is a function of the strategy's state and the ticket: all randomness derives from (run seed, ticket), so
    the search does not depend on the number of workers or on the order in which children finish. The methods are called
    from one thread of one process.
    """

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose a batch: `ticket.size` proposals, of which number i belongs to trial `ticket.first + i`.

        If the space may have a `Schedule`, proposal i is sampled from `space.at(ticket.sample_number(i))`.
        """

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Learn from the finished trials of one batch. A trial whose reward is None carries no information."""

    def state(self) -> StrategyState:
        """Return everything that `restore` needs, including what belongs to batches in flight."""

    def restore(self, state: StrategyState) -> None:
        """Continue from `state`; called once, on a fresh strategy."""


@runtime_checkable
class Delegating(Strategy, Protocol[Result]):
    """A strategy whose costly work can run in other processes, so that several replicas compute in parallel.

        proposals = strategy.sampling_task(ticket)()        # equals propose(ticket)
        work = strategy.gradient_task(ticket, trials)
        update = strategy.learn(ticket, work and work())    # together equal to observe(ticket, trials)

    The returned callables take no arguments, are picklable and idempotent, and may be called in any process at any
    time. Results are learned in the order in which their gradient tasks were requested. No sampling task is requested
    between a gradient task and the results before it that are still to be learned. `state` is not called while a
    gradient task is under way.
    """

    def sampling_task(self, ticket: Ticket) -> Callable[[], list[Proposal]]:
        """Return the task that samples a batch."""

    def gradient_task(self, ticket: Ticket, trials: Sequence[Trial]) -> Callable[[], Result] | None:
        """Return the task to run before a batch can be learned, or None if there is nothing to compute."""

    def learn(self, ticket: Ticket, result: Result | None) -> Update:
        """Learn a batch from the result of its gradient task."""


@dataclass(frozen=True)
class Observation:
    """What a strategy keeps of an observed trial."""

    number: int
    """The trial's number."""
    sample_number: int
    """For `Space.at`, which gives the parameters that the trial was sampled with."""
    actions: Actions
    reward: float

    @classmethod
    def of(cls, ticket: Ticket, trial: Trial) -> Self:
        """Return the observation of a trial with a reward."""
        assert trial.reward is not None
        sample_number = ticket.sample_number(trial.number - ticket.first)
        return cls(trial.number, sample_number, trial.proposal.actions, trial.reward)

    def to_json(self) -> list[object]:
        """Return JSON values from which `from_json` makes an equal observation."""
        redrawn = [self.sample_number] if self.sample_number != self.number else []
        return [self.number, actions_to_json(self.actions), self.reward, *redrawn]

    @classmethod
    def from_json(cls, document: Stored | StoredRedrawn) -> Self:
        """Return the observation that `to_json` wrote; without a fourth value both numbers are equal."""
        number, actions, reward = document[:3]
        sample_number = document[3] if len(document) == 4 else number
        return cls(number, sample_number, actions_from_json(actions), reward)


def batch_metrics(rewards: Sequence[float]) -> dict[str, float]:
    """Return the metrics that every strategy reports for a batch; none if no trial has a reward."""
    return {"mean_reward": sum(rewards) / len(rewards)} if rewards else {}
