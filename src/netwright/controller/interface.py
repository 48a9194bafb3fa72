"""What a policy offers to the strategies that learn one."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from netwright.controller.policy import Weights
from netwright.spaces.programs import Episode


class Policy(Protocol):
    """A distribution over the action sequences of a space, with weights to differentiate by.

    Weights are created when a decision is met for the first time, with values that do not depend on the order of
    meeting. A decision may be masked; an action that is not allowed has probability 0.
    """

    weights: Weights

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the values of `weights`; a decision without any among them counts as one that was never met."""

    def snapshot(self) -> Weights:
        """A copy of all weights."""

    def sample(self, episodes: Sequence[Episode], rngs: Sequence[np.random.Generator]) -> None:
        """Answer every decision of fresh performances; number k draws from rngs[k] only."""

    def log_probs(self, episodes: Sequence[Episode]) -> tuple[Tensor, Tensor]:
        """Log-probability and entropy in nats, each [M], of M complete performances; differentiable."""
