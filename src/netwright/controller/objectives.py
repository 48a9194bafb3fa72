"""The objectives of the controller as losses: REINFORCE's policy gradient and PPO's clipped surrogate."""

import torch
from torch import Tensor


def reinforce_loss(log_probs: Tensor, entropies: Tensor, advantages: Tensor, *, entropy_weight: float) -> Tensor:
    """Return the loss whose gradient is the negated REINFORCE estimate (Williams 1992; paper, section 3.2).

        -(1/m) sum_k [ log P(a^k_1:T) (R_k - b)  +  entropy_weight * H(policy along a^k) ]

    Args:
        log_probs: [m], log P(a^k_1:T) in nats.
        entropies: [m], in nats, summed over the decisions of a sequence.
        advantages: [m], R_k - b, without gradient.
        entropy_weight: weight of the entropy bonus, to be chosen relative to the scale of rewards; 0 in the paper.

    Returns:
        A scalar to differentiate.
    """
    assert not advantages.requires_grad
    return -(torch.mean(log_probs * advantages) + entropy_weight * torch.mean(entropies))


def ppo_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    entropies: Tensor,
    advantages: Tensor,
    *,
    clip: float,
    entropy_weight: float,
) -> Tensor:
    """Return the negated clipped surrogate of PPO (Schulman et al. 2017, equation 7), with r = P(a; new) / P(a; old).

        -(1/m) sum_k [ min(r_k A_k, clamp(r_k, 1 - clip, 1 + clip) A_k)  +  entropy_weight * H(policy along a^k) ]

    A whole sequence is one action with one probability ratio, because it has one reward.

    Args:
        log_probs: [m], under the current policy.
        old_log_probs: [m], under the policy that sampled the sequences, without gradient.
        entropies: [m], in nats, summed over the decisions of a sequence.
        advantages: [m], without gradient.
        clip: largest deviation of a ratio from 1 that is rewarded.
        entropy_weight: weight of the entropy bonus.

    Returns:
        A scalar to differentiate.
    """
    assert not old_log_probs.requires_grad
    assert not advantages.requires_grad
    ratios = torch.exp((log_probs - old_log_probs).clamp(max=_LARGEST_LOG_RATIO))
    surrogates = torch.minimum(ratios * advantages, ratios.clamp(1 - clip, 1 + clip) * advantages)
    return -(torch.mean(surrogates) + entropy_weight * torch.mean(entropies))


_LARGEST_LOG_RATIO = 50.0
"""Keeps the ratio of a sequence with negative advantage, which PPO does not clip from above, within float32."""
