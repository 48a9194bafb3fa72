"""Set attention over anchor points: which earlier places feed this one (paper, section 3.3).

    P(place j is selected at place i) = sigmoid(v . tanh(W_prev h_j + W_curr h_i)),   j < i

h is the LSTM's top state at the step where the `Subset` was asked. The bits are independent given the states.

Shapes: M sequences, G of them at once, A anchors, P pairs (i, j) with j < i, H units.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

SUBSET_WEIGHTS = ("previous", "current", "score", "none")


def pair_scores(weights: Mapping[str, Tensor], name: str, states_MAH: Tensor) -> Tensor:
    """The logits of every pair of anchors of `name`, shape [M, P], pairs ordered as `torch.tril_indices` does."""
    later, earlier = torch.tril_indices(states_MAH.shape[1], states_MAH.shape[1], offset=-1)
    previous = states_MAH @ weights[f"subset/{name}/previous"].T
    current = states_MAH @ weights[f"subset/{name}/current"].T
    return torch.tanh(previous[:, earlier] + current[:, later]) @ weights[f"subset/{name}/score"]


def bernoulli_entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of independent bits with these logits, elementwise."""
    return functional.softplus(logits) - logits * torch.sigmoid(logits)


class AnchorMemory:
    """While sampling: the anchors seen so far under one name, for all M sequences."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, num_sequences: int) -> None:
        self._previous, self._current, self._score, self._none = (
            weights[f"subset/{name}/{part}"] for part in SUBSET_WEIGHTS
        )
        empty = torch.zeros(num_sequences, 0, len(self._score))
        self._projected_MAH, self._inputs_MAH = empty, empty

    def logits(self, rows: list[int], states_GH: Tensor) -> Tensor:
        """The logits of selecting each earlier anchor at the states of these sequences, shape [G, A]."""
        current_GH = states_GH @ self._current.T
        return torch.tanh(self._projected_MAH[rows] + current_GH.unsqueeze(1)) @ self._score

    def next_inputs(self, rows: list[int] | slice, selected_GA: Tensor) -> Tensor:
        """The mean of the selected anchors' inputs, or the learned vector for none; shape [G, H]."""
        counts_G1 = selected_GA.sum(1, keepdim=True)
        means_GH = torch.einsum("ga,gah->gh", selected_GA, self._inputs_MAH[rows]) / counts_G1.clamp(min=1)
        return torch.where(counts_G1 > 0, means_GH, self._none)

    def append(self, rows: list[int], positions: list[int], inputs_GH: Tensor, states_GH: Tensor) -> None:
        """Remember the place just asked as anchor number `positions[g]` of sequence `rows[g]`."""
        missing = max(positions) + 1 - self._inputs_MAH.shape[1]
        if missing > 0:
            room = (0, 0, 0, max(missing, 16))
            self._projected_MAH = functional.pad(self._projected_MAH, room)
            self._inputs_MAH = functional.pad(self._inputs_MAH, room)
        self._projected_MAH[rows, positions] = states_GH @ self._previous.T
        self._inputs_MAH[rows, positions] = inputs_GH
