"""Limits on the costs of a child, checked before it is trained, and the soft form that changes its reward."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CountCosts = Callable[[object], Mapping[str, int]]
"""Architecture -> its costs by name, `num_parameters` and `multiply_adds`; empty where they cannot be counted."""


def no_costs(architecture: object) -> Mapping[str, int]:
    """Return no costs: for architectures whose costs are unknown."""
    return {}


@dataclass(frozen=True)
class Constraints:
    """Hard limits and soft targets on costs.

    A child above a limit is rejected. The reward of any other is multiplied by
    (target / cost) ** weight for each target, as in MnasNet (Tan et al. 2019, arXiv 1807.11626, equation 2).

    Args:
        count: Counts the costs of an architecture.
        limits: The largest permitted value of a cost, by its name.
        targets: The desired value of a cost, by its name.
        weight: The exponent of the soft form; MnasNet's is 0.07.
        rejected_reward: The reward of a child above a limit; None computes it as that of a failed child.
        max_redraws: How many children above a limit in a row do not count towards the number of trials.
    """

    count: CountCosts = no_costs
    limits: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] = field(default_factory=dict)
    weight: float = 0.07
    rejected_reward: float | None = None
    max_redraws: int = 0

    def violation(self, costs: Mapping[str, int]) -> str | None:
        """Describe every limit that `costs` exceed; None if they exceed none."""
        broken = [
            f"{name} {costs[name]:,} above the limit {limit:,}"
            for name, limit in self.limits.items()
            if costs[name] > limit
        ]
        return ", ".join(broken) or None

    def factor(self, costs: Mapping[str, int]) -> float:
        """Return what the reward of a child with these costs is multiplied by."""
        product = 1.0
        for name, target in self.targets.items():
            product *= float((target / costs[name]) ** self.weight)
        return product
