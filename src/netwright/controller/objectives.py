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


def ppo_loss(
    log_probs: Tensor,
    drawn_log_probs: Tensor,
    entropies: Tensor,
    advantages: Tensor,
    *,
    clip: float,
    entropy_weight: float,
) -> Tensor:
    """The negated clipped surrogate of PPO (Schulman et al. 2017, equation 7), with r = P(a; new) / P(a; drawn with):

        -(1/m) sum_k [ min(r_k A_k, clamp(r_k, 1 - clip, 1 + clip) A_k)  +  entropy_weight * H(policy along a^k) ]

    A whole sequence is one action with one ratio, since it has one reward. All arguments have shape [m]; only
    `log_probs` and `entropies` carry a gradient.
    """
    assert not drawn_log_probs.requires_grad
    assert not advantages.requires_grad
    ratios = torch.exp((log_probs - drawn_log_probs).clamp(max=_LARGEST_LOG_RATIO))
    surrogates = torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages)
    return -(torch.mean(surrogates) + entropy_weight * torch.mean(entropies))


_LARGEST_LOG_RATIO = 50.0
"""The ratio of a bad sequence is not clipped from above, and must stay a number of float32."""
