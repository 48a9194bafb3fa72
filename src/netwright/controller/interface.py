"""The interface between a policy and the policy-gradient strategies that train it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from netwright.controller.policy import Weights
from netwright.spaces.programs import Episode


class Policy(Protocol):
    """A differentiable distribution over the action sequences of a space.

    The weights of a decision are created at its first occurrence; their initial values do not depend on the order in
    which decisions occur. An action that a decision masks has probability 0.
    """

    weights: Weights

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Replace all weights by copies of `weights`; a decision without an entry is initialised at its occurrence."""

    def snapshot(self) -> Weights:
        """Return a copy of all weights."""

    def sample(self, episodes: Sequence[Episode], rngs: Sequence[np.random.Generator]) -> None:
        """Sample an action for every decision of new episodes, in place.

        Args:
            episodes: M episodes at their first decision.
            rngs: M generators; episode k is sampled with rngs[k] only.
        """

    def log_probs(self, episodes: Sequence[Episode]) -> tuple[Tensor, Tensor]:
        """Evaluate known action sequences; differentiable with respect to `weights`.

        Args:
            episodes: M complete episodes.

        Returns:
            Log-probability and entropy in nats, each of shape [M]. The entropy of an episode is the sum of the
            policy's entropies at its decisions.
        """
