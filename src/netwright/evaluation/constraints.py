"""Limits on what a child may cost, judged before it is trained, and the soft form that changes its reward."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

CountCosts = Callable[[Any], Mapping[str, int]]
"""Architecture -> its costs by name, `num_parameters` and `multiply_adds`; empty where they cannot be counted."""


def no_costs(architecture: Any) -> Mapping[str, int]:
    """For architectures of which nothing is known."""
    return {}


@dataclass(frozen=True)
class Constraints:
    """`limits` and `targets` are numbers for names of costs.

    A child above a limit is rejected and worth `rejected_reward`. The reward of any other is multiplied by
    (target / cost) ** weight for each target, as in MnasNet (Tan et al. 2019, arXiv 1807.11626, equation 2).
    """

    count: CountCosts = no_costs
    limits: Mapping[str, int] = field(default_factory=dict)
    targets: Mapping[str, int] = field(default_factory=dict)
    weight: float = 0.07
    rejected_reward: float = 0.0

    def violation(self, costs: Mapping[str, int]) -> str | None:
        """Every limit that is broken, in words; None where all are kept."""
        broken = [
            f"{name} {costs[name]:,} above the limit {limit:,}"
            for name, limit in self.limits.items()
            if costs[name] > limit
        ]
        return ", ".join(broken) or None

    def factor(self, costs: Mapping[str, int]) -> float:
        """What the reward is multiplied by."""
        product = 1.0
        for name, target in self.targets.items():
            product *= float((target / costs[name]) ** self.weight)
        return product
