"""Whether any network of a space is within the limits on costs, which is found out before a search begins."""

import random
import statistics
from collections.abc import Mapping

from netwright.errors import ConfigError
from netwright.evaluation.constraints import Constraints
from netwright.spaces.decisions import Choice
from netwright.spaces.exploring import changed, possible_actions, sample
from netwright.spaces.programs import Episode, Space

NUM_SAMPLES = 2000
NAMES = {"num_parameters": "parameters", "multiply_adds": "multiply-adds"}
OPTIONS = {"num_parameters": "--max-parameters", "multiply_adds": "--max-flops"}
"""By cost, its name and the option that limits it."""


def check_reachable(space: Space, constraints: Constraints) -> None:
    """Check that some network is within the limits: one of 2,000 random ones, or what a greedy descent reaches.

    The first network within the limits ends the check, so limits that are not strict cost nothing.

    Args:
        space: The space of the first trial.
        constraints: The limits, with the function that counts costs.

    Raises:
        ConfigError: No network was found within the limits; with the smallest and the median costs that were found.
    """
    if not constraints.limits:
        return
    rng, found = random.Random(0), list[Mapping[str, int]]()
    best: tuple[float, Episode] | None = None
    for _ in range(NUM_SAMPLES):
        episode = sample(space, rng)
        costs = constraints.count(episode.architecture)
        found.append(costs)
        excess = _excess(costs, constraints)
        if excess <= 1:
            return
        if best is None or excess < best[0]:
            best = excess, episode
    assert best is not None
    reached = constraints.count(_descended(*best, constraints, rng).architecture)
    if constraints.violation(reached) is not None:
        raise ConfigError(_unreachable(found, reached, constraints))


def _excess(costs: Mapping[str, int], constraints: Constraints) -> float:
    """Return the largest ratio of a cost to its limit."""
    return max(costs[name] / limit for name, limit in constraints.limits.items())


def _descended(excess: float, episode: Episode, constraints: Constraints, rng: random.Random) -> Episode:
    """Change one decision after another to the action with the lowest excess, until no change lowers it."""
    improved = True
    while improved and excess > 1:
        improved, position = False, 0
        while position < len(episode.decisions) and excess > 1:
            for action in _alternatives(episode, position):
                other = changed(episode, {position: action}, rng)
                lower = _excess(constraints.count(other.architecture), constraints)
                if lower < excess:
                    excess, episode, improved = lower, other, True
                    break
            else:
                position += 1
    return episode


def _alternatives(episode: Episode, position: int) -> list[int | tuple[int, ...]]:
    """Return other actions at a position: every option of a choice; a subset with one position more or less."""
    decision, action = episode.decisions[position], episode.actions[position]
    if isinstance(decision, Choice):
        return [other for other in possible_actions(decision) if other != action]
    assert isinstance(action, tuple)
    return [tuple(sorted(set(action) ^ {flipped})) for flipped in range(decision.of)]


def _unreachable(found: list[Mapping[str, int]], reached: Mapping[str, int], constraints: Constraints) -> str:
    """Return the message for limits that no network was found to meet."""
    limits = " and ".join(f"{OPTIONS[name]} {limit}" for name, limit in constraints.limits.items())
    measured = "; ".join(
        f"{NAMES[name]}: smallest {min(costs[name] for costs in found):,}, median "
        f"{statistics.median(costs[name] for costs in found):,.0f}, {reached[name]:,} after a greedy descent"
        for name in constraints.limits
    )
    return (
        f"{limits}: no network of this space was found within the limit among {len(found):,} random ones ({measured}). "
        "Raise the limit, or search a space of smaller networks"
    )
