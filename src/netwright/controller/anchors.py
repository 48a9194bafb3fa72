"""Set attention over anchor points: which earlier places feed this one (paper, section 3.3).

    P(place j is selected at place i) = sigmoid(v . tanh(W_prev h_j + W_curr h_i)),   j < i

h is the LSTM's top state at the step where the `Subset` was asked. The bits are independent given the states.

Shapes: M sequences, G of them at once, A anchors, P pairs (i, j) with j < i, H units.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from netwright.controller.recurrence import Floats, array

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
    """While sampling, in numpy: the anchors seen so far under one name, for all M sequences.

    `rows` are the G sequences that are asked: their numbers, or `slice(None)` for all, which saves picking them.
    """

    def __init__(self, weights: Mapping[str, Tensor], name: str, num_sequences: int) -> None:
        self._previous, self._current, self._score, self._none = (
            array(weights[f"subset/{name}/{part}"]) for part in SUBSET_WEIGHTS
        )
        self._num_anchors = 0
        self._projected_MAH = self._inputs_MAH = np.zeros((num_sequences, 0, len(self._score)), np.float32)

    def logits(self, rows: list[int] | slice, states_GH: Floats) -> Floats:
        """The logits of selecting each earlier anchor at the states of these sequences, shape [G, A]."""
        current_GH = states_GH @ self._current.T
        logits_GA: Floats = np.tanh(self._seen(self._projected_MAH, rows) + current_GH[:, np.newaxis]) @ self._score
        return logits_GA

    def next_inputs(self, rows: list[int] | slice, selected_GA: Floats) -> Floats:
        """The mean of the selected anchors' inputs, or the learned vector for none; shape [G, H]."""
        counts_G1 = selected_GA.sum(1, keepdims=True)
        sums_GH = (selected_GA[:, np.newaxis] @ self._seen(self._inputs_MAH, rows))[:, 0]
        return np.where(counts_G1 > 0, sums_GH / np.maximum(counts_G1, 1), self._none)

    def _seen(self, values_MAH: Floats, rows: list[int] | slice) -> Floats:
        return values_MAH[rows, : self._num_anchors]

    def append(self, rows: list[int] | slice, positions: list[int], inputs_GH: Floats, states_GH: Floats) -> None:
        """Remember the place just asked as anchor number `positions[g]` of sequence `rows[g]`."""
        self._num_anchors = max(self._num_anchors, max(positions) + 1)
        if self._num_anchors > self._inputs_MAH.shape[1]:
            room = ((0, 0), (0, 16), (0, 0))
            self._projected_MAH, self._inputs_MAH = (np.pad(v, room) for v in (self._projected_MAH, self._inputs_MAH))
        places: tuple[Any, Any] = (rows, positions[0])
        if len(set(positions)) > 1:  # in a space that does not ask every sequence equally often
            places = (range(len(positions)) if isinstance(rows, slice) else rows, positions)
        self._projected_MAH[places] = states_GH @ self._previous.T
        self._inputs_MAH[places] = inputs_GH
