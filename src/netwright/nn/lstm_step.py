"""The weights of one LSTM with layer normalisation or without, for layers that compute their gates step by step."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class LSTMStep(nn.Module):
    """Four gates with one bias each; with `layer_norm`, each gate and the cell state are normalised (Ba et al. 2016).

        i, f, g, o = LN(gates)            each with a gain and a shift of its own
        c <- sigmoid(f) c + sigmoid(i) tanh(g)
        h  = sigmoid(o) tanh(LN(c))       the carried c itself is not normalised

    It has 4 H (I + H + 1) parameters, and 10 H more with `layer_norm`.

    Args:
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
        layer_norm: Whether to normalise.
    """

    def __init__(self, input_size: int, hidden_size: int, *, layer_norm: bool) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(4 * hidden_size))
        self.gain = nn.Parameter(torch.empty(5 * hidden_size)) if layer_norm else None
        self.shift = nn.Parameter(torch.empty(5 * hidden_size)) if layer_norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)), gains with 1, shifts and biases with 0.

        The forget gate's bias, or shift where there is one, starts at 1 (Ha et al. 2016).
        """
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.weight_ih, -bound, bound)
        nn.init.uniform_(self.weight_hh, -bound, bound)
        nn.init.zeros_(self.bias)
        if self.gain is not None and self.shift is not None:
            nn.init.ones_(self.gain)
            nn.init.zeros_(self.shift)
        forget = slice(self.hidden_size, 2 * self.hidden_size)
        with torch.no_grad():
            (self.bias if self.shift is None else self.shift)[forget] = 1.0

    def forward(self, gates_BG: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c after a step whose gates, in the order i, f, g, o, have the inputs `gates_BG`, [B, 4 H]."""
        i, f, g, o = (self._normalised(gate, number) for number, gate in enumerate(gates_BG.chunk(4, 1)))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(self._normalised(c, 4)), c

    def _normalised(self, x: Tensor, number: int) -> Tensor:
        if self.gain is None or self.shift is None:
            return x
        part = slice(number * self.hidden_size, (number + 1) * self.hidden_size)
        return functional.layer_norm(x, (self.hidden_size,)) * self.gain[part] + self.shift[part]
