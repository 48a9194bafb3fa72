"""Set-selection attention over anchor points: which earlier layers feed the current one (paper, section 3.3).

    P(layer j feeds layer i) = sigmoid(v . tanh(W_prev h_j + W_curr h_i)),   j < i

h is the state of the top LSTM layer at the step of the `Subset` decision. Given the states, the bits are independent.

Shapes: M sequences, G of them at the same decision, A anchors, P pairs (i, j) with j < i, H units.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from netwright.controller.recurrence import Floats, array

SUBSET_WEIGHTS = ("previous", "current", "score", "none")


def pair_scores(weights: Mapping[str, Tensor], name: str, states_MAH: Tensor) -> Tensor:
    """Return the logits of all pairs of anchors, for the training of known sequences.

    Args:
        weights: the controller's weights.
        name: name of the `Subset` decision.
        states_MAH: LSTM states at the anchors.

    Returns:
        Logits [M, P], pairs in the order of `torch.tril_indices`.
    """
    later, earlier = torch.tril_indices(states_MAH.shape[1], states_MAH.shape[1], offset=-1)
    previous = states_MAH @ weights[f"subset/{name}/previous"].T
    current = states_MAH @ weights[f"subset/{name}/current"].T
    return torch.tanh(previous[:, earlier] + current[:, later]) @ weights[f"subset/{name}/score"]


def bernoulli_entropy(logits: Tensor) -> Tensor:
    """Return the entropy in nats of independent bits with these logits, element-wise."""
    return functional.softplus(logits) - logits * torch.sigmoid(logits)


class AnchorMemory:
    """The anchors of one `Subset` name passed so far, for all M sequences; numpy arrays, used during sampling.

    The argument `rows` of all methods selects the G sequences at the current decision: a list of indices, or
    `slice(None)` for all of them, which avoids copies.
    """

    def __init__(self, weights: Mapping[str, Tensor], name: str, num_sequences: int) -> None:
        self._previous, self._current, self._score, self._none = (
            array(weights[f"subset/{name}/{part}"]) for part in SUBSET_WEIGHTS
        )
        self._num_anchors = 0
        self._projected_MAH = self._inputs_MAH = np.zeros((num_sequences, 0, len(self._score)), np.float32)

    def logits(self, rows: list[int] | slice, states_GH: Floats) -> Floats:
        """Return the logits [G, A] of selecting each earlier anchor, given the current states of these sequences."""
        current_GH = states_GH @ self._current.T
        logits_GA: Floats = np.tanh(self._seen(self._projected_MAH, rows) + current_GH[:, np.newaxis]) @ self._score
        return logits_GA

    def next_inputs(self, rows: list[int] | slice, selected_GA: Floats) -> Floats:
        """Return the next inputs [G, H]: the mean of the selected anchors' inputs, or a learned vector if none is."""
        counts_G1 = selected_GA.sum(1, keepdims=True)
        sums_GH = (selected_GA[:, np.newaxis] @ self._seen(self._inputs_MAH, rows))[:, 0]
        return np.where(counts_G1 > 0, sums_GH / np.maximum(counts_G1, 1), self._none)

    def _seen(self, values_MAH: Floats, rows: list[int] | slice) -> Floats:
        return values_MAH[rows, : self._num_anchors]

    def append(self, rows: list[int] | slice, positions: list[int], inputs_GH: Floats, states_GH: Floats) -> None:
        """Store the current step as anchor number `positions[g]` of sequence `rows[g]`."""
        self._num_anchors = max(self._num_anchors, max(positions) + 1)
        if self._num_anchors > self._inputs_MAH.shape[1]:
            room = ((0, 0), (0, 16), (0, 0))
            self._projected_MAH, self._inputs_MAH = (np.pad(v, room) for v in (self._projected_MAH, self._inputs_MAH))
        indices: tuple[list[int] | slice, int] | tuple[Sequence[int], list[int]] = (rows, positions[0])
        if len(set(positions)) > 1:  # in a space whose sequences have different numbers of anchors
            indices = (range(len(positions)) if isinstance(rows, slice) else rows, positions)
        self._projected_MAH[indices] = states_GH @ self._previous.T
        self._inputs_MAH[indices] = inputs_GH
