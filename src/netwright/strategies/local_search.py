"""Local search with restarts (White et al. 2021, arXiv 2005.02960); no architecture is tried twice."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netwright.architectures.values import fingerprint
from netwright.config.strategies import LocalSearchSettings
from netwright.seeds import derive_seed
from netwright.spaces.decisions import Action, Choice, Decision
from netwright.spaces.exploring import carried_over, changed, sample
from netwright.spaces.programs import Episode, Space
from netwright.strategies.interface import Observation, batch_metrics
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update

MAX_DRAWS = 100
"""Random architectures sampled until one is new."""


@dataclass
class _Neighbours:
    """The neighbours of a centre in a space that were not proposed yet."""

    centre: Observation
    space: Space
    left: Iterator[Episode]


class LocalSearch:
    """Moves from an architecture to the first neighbour that is better; implements `Strategy`.

    A neighbour differs in one decision: another option of a `Choice`, or one position of a `Subset`. Neighbours are
    proposed in a random order. As soon as one has a higher reward than the centre, it is the next centre. If all have
    been proposed, the search starts again at a random architecture, or at the best of `num_random`. No architecture is
    proposed twice, also not after a restart, unless MAX_DRAWS random architectures contain no new one.

    With several children in flight, what was proposed before a restart can no longer move the centre.
    """

    def __init__(self, space: Space, *, seed: int, num_random: int = 1) -> None:
        self._space, self._seed, self._num_random = space, seed, num_random
        self._centre: Observation | None = None
        self._start = 0
        """The number of the first trial after the last restart."""
        self._num_started = 0
        """How many random architectures were proposed since the last restart."""
        self._tried: set[str] = set()
        self._num_updates = 0
        self._neighbours: _Neighbours | None = None  # derives from the rest, so it is in no state

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose untried neighbours of the centre; random architectures before there is one, and if none is left."""
        return [self._proposal(ticket, index) for index in range(ticket.size)]

    def _proposal(self, ticket: Ticket, index: int) -> Proposal:
        space = self._space.at(ticket.sample_number(index))
        episode = self._neighbour(space)
        if episode is None:
            if self._centre is not None and self._num_started >= self._num_random:
                self._centre, self._start, self._num_started = None, ticket.first + index, 0
            self._num_started += 1
            rng = random.Random(derive_seed(self._seed, "start", ticket.replica, ticket.round, index))
            episode = self._new(space, rng)
        self._tried.add(fingerprint(episode.architecture))
        return Proposal(space.parameters, tuple(episode.actions), episode.architecture, self._num_updates)

    def _neighbour(self, space: Space) -> Episode | None:
        """Return an untried neighbour of the centre; None before there is a centre, and if none is left."""
        if self._centre is None or self._num_started < self._num_random:
            return None
        known = self._neighbours
        if known is None or known.centre != self._centre or known.space != space:
            rng = random.Random(derive_seed(self._seed, "neighbours", self._centre.number))
            old = self._space.at(self._centre.sample_number).replay(self._centre.actions)
            known = _Neighbours(self._centre, space, _neighbours(carried_over(old, space, rng), rng))
            self._neighbours = known
        return next((each for each in known.left if fingerprint(each.architecture) not in self._tried), None)

    def _new(self, space: Space, rng: random.Random) -> Episode:
        """Return a random architecture that is new; the last of MAX_DRAWS if none is."""
        for _ in range(MAX_DRAWS):
            episode = sample(space, rng)
            if fingerprint(episode.architecture) not in self._tried:
                break
        return episode

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Move to the best trial of a batch if it is better than the centre."""
        rewards = []
        for trial in trials:
            self._tried.add(trial.fingerprint)  # another one than was proposed if the space has changed since
            if trial.reward is None:
                continue
            rewards.append(trial.reward)
            if trial.number >= self._start and (self._centre is None or trial.reward > self._centre.reward):
                self._centre = Observation.of(ticket, trial)
        self._num_updates += 1
        metrics = batch_metrics(rewards)
        if self._centre is not None:
            metrics["centre"] = self._centre.reward
        return Update(ticket.round, metrics)

    def state(self) -> StrategyState:
        """Return the centre, and the fingerprints of all proposed architectures."""
        return StrategyState(
            {
                "centre": self._centre and self._centre.to_json(),
                "start": self._start,
                "num_started": self._num_started,
                "tried": sorted(self._tried),
                "num_updates": self._num_updates,
            }
        )

    def restore(self, state: StrategyState) -> None:
        """Continue from the centre of `state`; its neighbours that were proposed are among the tried ones."""
        values = state.values
        self._centre = values["centre"] and Observation.from_json(values["centre"])
        self._start, self._num_started = values["start"], values["num_started"]
        self._tried, self._num_updates = set(values["tried"]), values["num_updates"]


def _neighbours(centre: Episode, rng: random.Random) -> Iterator[Episode]:
    """Yield the neighbours of `centre` in a random order; later decisions that a change affects are sampled anew."""
    changes = [
        (position, action)
        for position, (decision, old) in enumerate(zip(centre.decisions, centre.actions, strict=True))
        for action in _other_actions(decision, old)
    ]
    rng.shuffle(changes)
    for position, action in changes:
        yield changed(centre, {position: action}, rng)


def _other_actions(decision: Decision, old: Action) -> list[Action]:
    """Return the actions of the neighbours: other options, or a subset with one position more or less."""
    if isinstance(decision, Choice):
        return [action for action in decision.allowed_actions if action != old]
    assert isinstance(old, tuple)
    return [tuple(sorted({*old} ^ {position})) for position in range(decision.of)]


def from_settings(settings: LocalSearchSettings, space: Space, seed: int) -> LocalSearch:
    """Make the strategy that `settings` describe."""
    return LocalSearch(space, seed=seed, num_random=settings.num_random)
