"""The recurrent highway network (Zilly et al. 2016), the strongest reference model for the searched cells."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State


class HighwayLayer(nn.Module):
    """`depth` highway layers in each step, with coupled gates; a `SequenceLayer` whose state is (s,).

        s <- h t + s (1 - t),  h = tanh(W_H x + R_H s + b_H),  t = sigmoid(W_T x + R_T s + b_T)

    Every highway layer has its own R and b; x enters the first one only. In total 2 H (I + depth (H + 1)) parameters.
    The rows of the weights are those of h, then those of t. The recurrent mask multiplies s in the products R s and is
    the same in all highway layers.

    Args:
        input_size: I, entries of x.
        hidden_size: H, entries of s.
        depth: highway layers in each step.
        transform_bias: initial value of b_T.
    """

    def __init__(self, input_size: int, hidden_size: int, depth: int, transform_bias: float = -2.0) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.depth = input_size, hidden_size, depth
        self.transform_bias = transform_bias
        self.weight_ih = nn.Parameter(torch.empty(2 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(depth, 2 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(depth * 2 * hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)), b_H with 0 and b_T with `transform_bias`."""
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.weight_ih, -bound, bound)
        nn.init.uniform_(self.weight_hh, -bound, bound)
        with torch.no_grad():
            of_h, of_t = self.bias.view(self.depth, 2, self.hidden_size).unbind(1)
            of_h.zero_()
            of_t.fill_(self.transform_bias)

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        return (self.weight_hh.new_zeros(x_TBI.shape[1], self.hidden_size),)

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        (s,) = state
        layers = list(zip(self.weight_hh.unbind(0), self.bias.chunk(self.depth), strict=True))
        outputs = []
        for from_input in functional.linear(x_TBI, self.weight_ih).unbind(0):
            for number, (weight, bias) in enumerate(layers):
                joined = functional.linear(s if recurrent_mask is None else s * recurrent_mask, weight, bias)
                h, t = (joined if number else joined + from_input).chunk(2, 1)
                s = s + torch.sigmoid(t) * (torch.tanh(h) - s)
            outputs.append(s)
        return torch.stack(outputs), (s,)
