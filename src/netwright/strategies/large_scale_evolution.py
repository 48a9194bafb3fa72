"""Large-scale evolution of image classifiers (Real et al. 2017, arXiv 1703.01041), on any space."""

import random
from collections.abc import Sequence

from netwright.config.strategies import LargeScaleEvolutionSettings
from netwright.spaces.decisions import Action, Choice
from netwright.spaces.exploring import changed
from netwright.spaces.programs import Episode, Space
from netwright.strategies.evolution import Evolution
from netwright.strategies.interface import Observation
from netwright.trials import Ticket

Change = tuple[int, Action]
"""(position of a decision, the action that replaces its action)."""


class LargeScaleEvolution(Evolution):
    """Pairs of individuals are sampled: the better is a parent, the worse is removed; implements `Strategy`.

    First the kind of a mutation is sampled uniformly, then one of all mutations of that kind. The kinds are the names
    of the space's decisions: another option for a `Choice`; for a `Subset` one place more and one place less are two
    kinds. On `convolutional` they are the paper's FILTER-SIZE (height and width, a kind each), ALTER-STRIDE (height and
    width), ALTER-NUMBER-OF-CHANNELS, ADD-SKIP and REMOVE-SKIP. With `may_end`, "end" cuts a network short or appends
    layers, which is REMOVE-CONVOLUTION and INSERT-CONVOLUTION at its end only.

    Not expressible, since a space describes networks and not their history: weight inheritance and with it
    IDENTITY (train on) and RESET-WEIGHTS; ALTER-LEARNING-RATE; INSERT-ONE-TO-ONE; INSERT-CONVOLUTION and
    REMOVE-CONVOLUTION in the middle, or at a fixed depth anywhere. Layers always have batch normalisation and ReLU,
    and a number moves to any other option and not within half to double.

    Deviation: the first `population` trials are random. The paper starts with networks of a single layer without
    convolution, which a space need not contain.

    Deviation: the worse of a pair is removed when the child is observed and not when the pair is sampled, so that
    children without a reward do not shrink the population.
    """

    def __init__(self, space: Space, *, seed: int, population: int = 1000) -> None:
        super().__init__(space, seed=seed, population=population, sample=2, aging=False)

    def _sample(self, ticket: Ticket, index: int) -> Sequence[Observation]:
        """Return two different individuals, if there are two."""
        return self._rng("sample", ticket, index).sample(self._population, min(2, len(self._population)))

    def _mutated(self, parent: Episode, rng: random.Random) -> Episode:
        kinds = mutations_of(parent)
        if not kinds:
            return parent
        position, action = rng.choice(kinds[rng.choice(list(kinds))])
        return changed(parent, {position: action}, rng)


def mutations_of(episode: Episode) -> dict[str, list[Change]]:
    """Return all mutations by kind: the decision's name, for a `Subset` with "+" or "-" in front."""
    kinds: dict[str, list[Change]] = {}
    for position, (decision, action) in enumerate(zip(episode.decisions, episode.actions, strict=True)):
        if isinstance(decision, Choice):
            others = [(position, other) for other in decision.allowed_actions if other != action]
            if others:
                kinds.setdefault(decision.name, []).extend(others)
            continue
        assert isinstance(action, tuple)
        for place in range(decision.of):
            sign = "-" if place in action else "+"
            flipped = tuple(sorted({*action} ^ {place}))
            kinds.setdefault(sign + decision.name, []).append((position, flipped))
    return kinds


def from_settings(settings: LargeScaleEvolutionSettings, space: Space, seed: int) -> LargeScaleEvolution:
    """Make the strategy that `settings` describe."""
    return LargeScaleEvolution(space, seed=seed, population=settings.population)
