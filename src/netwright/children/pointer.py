"""The pointer sentinel mixture of Merity et al. 2016 (arXiv 1609.07843) above the softmax of a language model.

Legend of shapes: T steps, B sequences, V vocabulary, H hidden units, K kept earlier steps, S = K + T.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State

NO_TOKEN = -1
"""In the place of tokens before the start of a text."""


class PointerSentinel(nn.Module):
    """A mixture of the softmax over the vocabulary and of a pointer to one of the last words.

        q_t = tanh(W h_t + b)
        a   = softmax([q_t . h_i for the last `window` steps i <= t, q_t . s])   with the sentinel s
        p(w) = g p_vocabulary(w) + sum of a_i over the steps i whose word is w,  g = the last entry of a

    It has H (H + 2) parameters. The state is (outputs of earlier steps [K, B, H], their tokens [K, B]), K = window - 1;
    its gradient ends at the start of a window of training, as that of a recurrent state does.

    Args:
        hidden_size: H, entries of an output.
        window: The steps that can be pointed to, the present one among them; 100 in the paper.
    """

    def __init__(self, hidden_size: int, window: int = 100) -> None:
        super().__init__()
        self.hidden_size, self.window = hidden_size, window
        self.query_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.query_bias = nn.Parameter(torch.zeros(hidden_size))
        self.sentinel = nn.Parameter(torch.zeros(hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise W from U(-1 / sqrt(H), 1 / sqrt(H)), b and s with 0."""
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.query_weight, -bound, bound)
        nn.init.zeros_(self.query_bias)
        nn.init.zeros_(self.sentinel)

    def initial_state(self, batch_size: int) -> State:
        """Return a state without any earlier step."""
        kept = (self.window - 1, batch_size)
        tokens = torch.full(kept, NO_TOKEN, dtype=torch.int64, device=self.sentinel.device)
        return self.sentinel.new_zeros(*kept, self.hidden_size), tokens

    def forward(self, h_TBH: Tensor, tokens_TB: Tensor, logits_TBV: Tensor, state: State) -> tuple[Tensor, State]:
        """Mix the pointer into the softmax.

        Args:
            h_TBH: Outputs of the last recurrent layer.
            tokens_TB: The tokens that were read.
            logits_TBV: Logits of the softmax.
            state: The earlier steps.

        Returns:
            Log-probabilities [T, B, V], which are logits of themselves, and the state after the last step.
        """
        steps, kept = len(h_TBH), self.window - 1
        keys_SBH, words_SB = torch.cat([state[0], h_TBH]), torch.cat([state[1], tokens_TB])
        query_TBH = torch.tanh(functional.linear(h_TBH, self.query_weight, self.query_bias))
        scores_TBS = torch.einsum("tbh,sbh->tbs", query_TBH, keys_SBH).to(logits_TBV.dtype)
        sentinel_TB1 = (query_TBH @ self.sentinel).to(logits_TBV.dtype)[:, :, None]
        age_TS = torch.arange(steps, device=h_TBH.device)[:, None] + kept
        age_TS = age_TS - torch.arange(steps + kept, device=h_TBH.device)
        reached_TBS = ((age_TS >= 0) & (age_TS <= kept))[:, None] & (words_SB != NO_TOKEN).t()
        a = torch.cat([scores_TBS.masked_fill(~reached_TBS, -math.inf), sentinel_TB1], dim=2).softmax(2)
        words_TBS = words_SB.t().clamp_min(0).expand(steps, -1, -1)
        mixed_TBV = (a[..., -1:] * logits_TBV.softmax(2)).scatter_add(2, words_TBS, a[..., :-1])
        log_probs_TBV = mixed_TBV.clamp_min(torch.finfo(mixed_TBV.dtype).tiny).log()
        return log_probs_TBV, (keys_SBH[steps:], words_SB[steps:])
