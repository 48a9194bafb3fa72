"""Additive attention to the encoded source sentence (Bahdanau et al. 2014, arXiv 1409.0473).

Shapes: T steps of the target, S of the source, B sentences, H units.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Memory:
    """Encoded source sentences."""

    values: Tensor
    """The outputs of the encoder, [B, S, H]."""
    keys: Tensor
    """Their products with the matrix of the keys, the same at every step of the decoder, [B, S, H]."""
    padding: Tensor
    """True behind the end of a sentence, [B, S]."""

    def repeated(self, times: int) -> "Memory":
        """Return a memory with every sentence `times` times in a row."""
        parts = (self.values, self.keys, self.padding)
        return Memory(*(part.repeat_interleave(times, dim=0) for part in parts))


class AdditiveAttention(nn.Module):
    """A mean of the source's states, weighted by a network with one hidden layer:

        weight(q, m) = softmax over the source of  v . tanh(Q q + K m)

    Args:
        hidden_size: H, units of queries, of states and of the hidden layer.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.query_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.key_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.score_weight = nn.Parameter(torch.empty(1, hidden_size))

    def keys(self, values_BSH: Tensor) -> Tensor:
        """Return the keys of encoded sentences, [B, S, H]."""
        return functional.linear(values_BSH, self.key_weight)

    def forward(self, queries_TBH: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Attend to the memory from every step.

        Args:
            queries_TBH: One query for each step of each sentence.
            memory: The encoded sentences.

        Returns:
            Contexts [T, B, H], and the weights [T, B, S], which are 0 at the padding.
        """
        hidden_TBSH = torch.tanh(functional.linear(queries_TBH, self.query_weight)[:, :, None] + memory.keys)
        scores_TBS = functional.linear(hidden_TBSH, self.score_weight)[..., 0].float()
        weights_TBS = scores_TBS.masked_fill(memory.padding, -torch.inf).softmax(2)
        contexts_BTH = weights_TBS.transpose(0, 1) @ memory.values
        return contexts_BTH.transpose(0, 1), weights_TBS
