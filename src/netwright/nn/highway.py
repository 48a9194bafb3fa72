"""The recurrent highway network (Zilly et al. 2016), the strongest reference model for the searched cells."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State


class HighwayLayer(nn.Module):
    """`depth` highway layers in each step; a `SequenceLayer` whose state is (s,).

        s <- h t + s c,  h = tanh(W_H x + R_H s + b_H),  t = sigmoid(W_T x + R_T s + b_T)
        c = 1 - t if coupled, else sigmoid(W_C x + R_C s + b_C)

    These are equations 6 to 9 of the paper. Every highway layer has its own R and b; x enters the first one only. In
    total 2 H (I + depth (H + 1)) parameters, or 3 H (I + depth (H + 1)) with a carry gate of its own. The rows of the
    weights are those of h, then those of t, then those of c. The recurrent mask multiplies s in the products R s and is
    the same in all highway layers.

    Args:
        input_size: I, entries of x.
        hidden_size: H, entries of s.
        depth: highway layers in each step.
        transform_bias: initial value of b_T; b_C begins at its negative, so that c begins as if it were coupled.
        coupled: whether the carry gate is 1 minus the transform gate.
    """

    def __init__(
        self, input_size: int, hidden_size: int, depth: int, transform_bias: float = -2.0, *, coupled: bool = True
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.depth = input_size, hidden_size, depth
        self.transform_bias, self.coupled = transform_bias, coupled
        self.num_parts = 2 if coupled else 3
        rows = self.num_parts * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(depth, rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(depth * rows))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)); b_H is 0, b_T `transform_bias` and b_C -b_T."""
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.weight_ih, -bound, bound)
        nn.init.uniform_(self.weight_hh, -bound, bound)
        with torch.no_grad():
            starts = (0.0, self.transform_bias, -self.transform_bias)
            parts = self.bias.view(self.depth, self.num_parts, self.hidden_size).unbind(1)
            for part, start in zip(parts, starts, strict=False):
                part.fill_(start)

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
                h, t, *c = (joined if number else joined + from_input).chunk(self.num_parts, 1)
                if c:
                    s = torch.sigmoid(t) * torch.tanh(h) + torch.sigmoid(c[0]) * s
                else:
                    s = s + torch.sigmoid(t) * (torch.tanh(h) - s)
            outputs.append(s)
        return torch.stack(outputs), (s,)
