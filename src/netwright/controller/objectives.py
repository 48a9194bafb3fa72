"""What the controller maximises, as a loss to be differentiated."""

import torch
from torch import Tensor


def reinforce_loss(log_probs: Tensor, entropies: Tensor, advantages: Tensor, *, entropy_weight: float) -> Tensor:
    """The negated estimate whose gradient is REINFORCE's (Williams 1992; paper, section 3.2):

        -(1/m) sum_k [ log P(a^k_1:T) (R_k - b)  +  entropy_weight * H(policy along a^k) ]

    All arguments have shape [m]; `advantages` are R_k - b and carry no gradient. The entropy is summed over the
    decisions of a sequence, so its weight is to be chosen relative to the rewards' scale; the paper has none (0).
    """
    assert not advantages.requires_grad
    return -(torch.mean(log_probs * advantages) + entropy_weight * torch.mean(entropies))
