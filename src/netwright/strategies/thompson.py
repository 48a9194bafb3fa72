"""Thompson sampling close to the best (Thompson 1933; the trust regions of Eriksson et al. 2019, arXiv 1910.01739)."""

import itertools
import random
from collections.abc import Iterable, Sequence

import numpy as np

from netwright.architectures.values import fingerprint
from netwright.config.strategies import ThompsonSettings
from netwright.seeds import derive_seed
from netwright.spaces.exploring import carried_over, mutated, sample
from netwright.spaces.programs import Episode, Space
from netwright.strategies.interface import Observation, batch_metrics
from netwright.strategies.surrogate import GaussianProcessSurrogate, standardised
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update

MAX_KNOWN = 512
"""Observations given to the surrogate: the best half and the latest. Its cost grows with their third power."""
MAX_DRAWS = 100
"""Random architectures sampled until one is new, at the start and if no candidate is new."""


class ThompsonSampling:
    """Mutations of the best architectures, chosen by a surrogate model; implements `Strategy`.

    The first `num_random` trials are random. For every later one there are `num_candidates` candidates: each is one of
    the `num_best` best observed architectures with 1 to `max_changes` decisions changed. One joint posterior sample
    over the candidates is taken, and its argmax is trained. Where the surrogate is certain, the sample is close to its
    mean; where it is not, the sample varies, which is how new regions are explored. An architecture is not tried twice,
    unless neither the candidates nor MAX_DRAWS random architectures contain a new one.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        num_random: int = 10,
        num_best: int = 10,
        max_changes: int = 3,
        num_candidates: int = 100,
    ) -> None:
        self._space, self._seed = space, seed
        self._num_random, self._num_best = num_random, num_best
        self._max_changes, self._num_candidates = max_changes, num_candidates
        self.surrogate = GaussianProcessSurrogate()
        self._known: dict[int, tuple[Observation, Episode]] = {}
        """By the number of the observation; the surrogate has observed the same, in the same order."""
        self._tried: set[str] = set()
        self._num_updates = 0

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose random trials at first, then the argmax of a posterior sample over candidates."""
        return [self._proposal(ticket, index) for index in range(ticket.size)]

    def _proposal(self, ticket: Ticket, index: int) -> Proposal:
        number = ticket.first + index
        seed = derive_seed(self._seed, "propose", ticket.replica, ticket.round, index)
        space, rng = self._space.at(ticket.sample_number(index)), random.Random(seed)
        preferred: Iterable[Episode] = ()
        if number >= self._num_random and self._known:
            preferred = self._by_preference(self.candidates(space, rng), np.random.default_rng(seed))
        elsewhere = (sample(space, rng) for _ in range(MAX_DRAWS))  # if no candidate is new
        episode = self._new(itertools.chain(preferred, elsewhere))
        return Proposal(
            space.parameters, tuple(episode.actions), episode.architecture, policy_version=self._num_updates
        )

    def candidates(self, space: Space, rng: random.Random) -> list[Episode]:
        """Return `num_candidates` mutations of the best architectures."""
        ranked = sorted(self._known.values(), key=lambda known: -known[0].reward)
        best = [carried_over(episode, space, rng) for _, episode in ranked[: self._num_best]]
        return [mutated(rng.choice(best), rng, rng.randint(1, self._max_changes)) for _ in range(self._num_candidates)]

    def _by_preference(self, candidates: Sequence[Episode], rng: np.random.Generator) -> Iterable[Episode]:
        """Return the candidates in descending order of one joint posterior sample."""
        values = standardised([observation.reward for observation, _ in self._known.values()])
        features = [self.surrogate.features(episode) for episode in candidates]
        sampled = self.surrogate.posterior_sample(values, features, rng)
        return (candidates[place] for place in np.argsort(-sampled, kind="stable"))

    def _new(self, preferred: Iterable[Episode]) -> Episode:
        """Return the first episode whose architecture is new; the first of all if none is new."""
        first = None
        for episode in preferred:
            mark = fingerprint(episode.architecture)
            if mark not in self._tried:
                self._tried.add(mark)
                return episode
            first = first or episode
        assert first is not None
        return first

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Add the trials of a batch to the observations."""
        rewards = []
        for trial in trials:
            self._tried.add(trial.fingerprint)  # another one than was proposed if the space has changed since
            if trial.reward is not None:
                self._learn(Observation.of(ticket, trial))
                rewards.append(trial.reward)
        self._num_updates += 1
        return Update(ticket.round, batch_metrics(rewards))

    def _learn(self, observation: Observation) -> None:
        episode = self._space.at(observation.sample_number).replay(observation.actions)
        self._known[observation.number] = observation, episode
        self.surrogate.observe(self.surrogate.features(episode))
        if len(self._known) > MAX_KNOWN:
            older = [observation for observation, _ in self._known.values()][: MAX_KNOWN // 2]
            place = min(range(len(older)), key=lambda place: older[place].reward)
            del self._known[older[place].number]
            self.surrogate.forget(place)

    def state(self) -> StrategyState:
        """Return the observations, and the fingerprints of all proposed architectures."""
        known = [observation.to_json() for observation, _ in self._known.values()]
        return StrategyState({"known": known, "tried": sorted(self._tried), "num_updates": self._num_updates})

    def restore(self, state: StrategyState) -> None:
        """Continue with the observations of `state`."""
        for document in state.values["known"]:
            self._learn(Observation.from_json(document))
        self._tried = set(state.values["tried"])
        self._num_updates = state.values["num_updates"]


def from_settings(settings: ThompsonSettings, space: Space, seed: int) -> ThompsonSampling:
    """Make the strategy that `settings` describe."""
    return ThompsonSampling(space, seed=seed, **settings.model_dump(exclude={"name"}))
