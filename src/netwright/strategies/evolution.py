"""Aging (regularised) evolution, Real et al. 2019 (arXiv 1802.01548), and its non-aging variant."""

import random
from collections.abc import Sequence

from netwright.config.strategies import EvolutionSettings
from netwright.seeds import derive_seed
from netwright.spaces.exploring import carried_over, mutated, sample
from netwright.spaces.programs import Episode, Space
from netwright.strategies.interface import Observation, batch_metrics
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class Evolution:
    """Tournaments in a population of observed trials; implements `Strategy`.

    The first `population` trials are random. Every later one is the best of `sample` individuals, sampled with
    replacement, with one decision changed. Once the population is full, each newcomer replaces the oldest individual;
    without `aging`, the worst of the sample that its parent won.

    Parents are chosen when a batch is sampled, so a child may enter a population that has changed since. The sample
    whose worst individual is removed has the same seed, but comes from the population at that time; with batch size 1
    and lag 0 the two samples are equal.
    """

    def __init__(self, space: Space, *, seed: int, population: int = 100, sample: int = 25, aging: bool = True) -> None:
        self._space, self._seed = space, seed
        self._population_size, self._sample_size, self._aging = population, sample, aging
        self._population: list[Observation] = []  # the oldest first
        self._num_updates = 0

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose random trials at first, then mutations of the best of a sample each."""
        proposals = []
        for index in range(ticket.size):
            space, rng = self._space.at(ticket.sample_number(index)), self._rng("child", ticket, index)
            if ticket.first + index < self._population_size or not self._population:
                episode = sample(space, rng)
            else:
                parent = max(self._sample(ticket, index), key=lambda individual: individual.reward)
                old = self._space.at(parent.sample_number).replay(parent.actions)
                episode = self._mutated(carried_over(old, space, rng), rng)
            actions = tuple(episode.actions)
            proposals.append(Proposal(space.parameters, actions, episode.architecture, self._num_updates))
        return proposals

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Add the trials of a batch to the population, one after the other."""
        rewards = []
        for index, trial in enumerate(trials):
            if trial.reward is None:
                continue
            if len(self._population) >= self._population_size:
                self._remove(ticket, index)
            self._population.append(Observation.of(ticket, trial))
            rewards.append(trial.reward)
        self._num_updates += 1
        metrics = batch_metrics(rewards)
        if self._population:
            metrics["population_mean"] = sum(each.reward for each in self._population) / len(self._population)
        return Update(ticket.round, metrics)

    def _remove(self, ticket: Ticket, index: int) -> None:
        if self._aging:
            del self._population[0]
        else:
            self._population.remove(min(self._sample(ticket, index), key=lambda individual: individual.reward))

    def _sample(self, ticket: Ticket, index: int) -> Sequence[Observation]:
        """Return the sample for child number `index` of a batch."""
        return self._rng("sample", ticket, index).choices(self._population, k=self._sample_size)

    def _mutated(self, parent: Episode, rng: random.Random) -> Episode:
        return mutated(parent, rng)

    def _rng(self, what: str, ticket: Ticket, index: int) -> random.Random:
        return random.Random(derive_seed(self._seed, what, ticket.replica, ticket.round, index))

    def state(self) -> StrategyState:
        """Return the population."""
        population = [individual.to_json() for individual in self._population]
        return StrategyState({"population": population, "num_updates": self._num_updates})

    def restore(self, state: StrategyState) -> None:
        """Continue with the population of `state`."""
        self._population = [Observation.from_json(each) for each in state.values["population"]]
        self._num_updates = state.values["num_updates"]


def from_settings(settings: EvolutionSettings, space: Space, seed: int) -> Evolution:
    """Make the strategy that `settings` describe."""
    return Evolution(space, seed=seed, population=settings.population, sample=settings.sample, aging=settings.aging)
