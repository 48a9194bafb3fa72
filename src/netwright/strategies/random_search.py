"""Random search: every decision uniform, nothing learned (the control experiment of Zoph & Le 2017, section 4.2)."""

import random
from collections.abc import Sequence

from netwright.config.strategies import RandomSettings
from netwright.seeds import derive_seed
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Space
from netwright.strategies.interface import batch_metrics
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class RandomSearch:
    """Uniform sampling; implements `Strategy`."""

    def __init__(self, space: Space, *, seed: int) -> None:
        self._space, self._seed = space, seed

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose independent uniform samples, each from its own generator."""
        proposals = []
        for index in range(ticket.size):
            space = self._space.at(ticket.sample_number(index))
            rng = random.Random(derive_seed(self._seed, "random", ticket.replica, ticket.round, index))
            episode = sample(space, rng)
            proposals.append(Proposal(space.parameters, tuple(episode.actions), episode.architecture))
        return proposals

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Report the batch without learning."""
        rewards = [trial.reward for trial in trials if trial.reward is not None]
        return Update(ticket.round, batch_metrics(rewards))

    def state(self) -> StrategyState:
        """Return an empty state: tickets determine everything."""
        return StrategyState()

    def restore(self, state: StrategyState) -> None:
        """Do nothing: there is no state."""


def from_settings(settings: RandomSettings, space: Space, seed: int) -> RandomSearch:
    """Make the strategy that `settings` describe."""
    return RandomSearch(space, seed=seed)
