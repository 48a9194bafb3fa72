"""The LSTM as a `SequenceLayer`, a reference model for the searched cells."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State


class LSTMLayer(nn.Module):
    """Four gates with one bias each, no peepholes (Zaremba et al. 2014); a `SequenceLayer` whose state is (h, c).

    It has 4 H (I + H + 1) parameters. Without a recurrent mask torch's fused LSTM computes all steps; its second bias
    is a constant zero here and no parameter. The weights are stored in `nn.LSTM` because cuDNN needs them contiguous.

    With zoneout (Krueger et al. 2016, equations 1 and 2), k being 1 where a unit keeps its earlier value:

        c_t = k_c c_{t-1} + (1 - k_c) (f c_{t-1} + i g),    h_t = k_h h_{t-1} + (1 - k_h) o tanh(f c_{t-1} + i g)

    Args:
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
        zoneout: Probabilities of keeping a unit of h and of c.
    """

    def __init__(self, input_size: int, hidden_size: int, zoneout: tuple[float, float] = (0.0, 0.0)) -> None:
        super().__init__()
        self.zoneout = zoneout
        self.input_size, self.hidden_size = input_size, hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size)
        del self.lstm.bias_hh_l0
        self.lstm.register_buffer("bias_hh_l0", torch.zeros(4 * hidden_size), persistent=False)
        self.lstm._init_flat_weights()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)) and the bias with 0."""
        bound = 1 / math.sqrt(self.hidden_size)
        weight_ih, weight_hh, bias = self._weights()
        nn.init.uniform_(weight_ih, -bound, bound)
        nn.init.uniform_(weight_hh, -bound, bound)
        nn.init.zeros_(bias)

    def _weights(self) -> tuple[Tensor, ...]:
        return tuple(self.lstm.get_parameter(name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0"))

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        return (self._weights()[0].new_zeros(x_TBI.shape[1], self.hidden_size),) * 2

    def forward(
        self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None, kept_T2BH: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`.

        `kept_T2BH` is 1 where a unit of h, then of c, keeps its earlier value; without it zoneout is its expectation.
        """
        h, c = state
        weight_ih, weight_hh, bias = self._weights()
        if recurrent_mask is None and not any(self.zoneout):
            output, h, c = self._fused(x_TBI, h, c)
            # Under autocast torch's LSTM returns bfloat16, even for c.
            return output.to(bias.dtype), (h[0].to(bias.dtype), c[0].to(bias.dtype))
        outputs = []
        for step, from_input in enumerate(functional.linear(x_TBI, weight_ih, bias).unbind(0)):
            fed_back = h if recurrent_mask is None else h * recurrent_mask
            gates = from_input + functional.linear(fed_back, weight_hh)
            i, f, g, o = gates.chunk(4, 1)
            new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            new_h = torch.sigmoid(o) * torch.tanh(new_c)
            if any(self.zoneout):
                kept_h, kept_c = self.zoneout if kept_T2BH is None else kept_T2BH[step]
                new_h, new_c = kept_h * h + (1 - kept_h) * new_h, kept_c * c + (1 - kept_c) * new_c
            h, c = new_h, new_c
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def _fused(self, x_TBI: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute all steps by torch's LSTM; return the outputs, h and c, the latter two [1, B, H]."""
        output, (h, c) = self.lstm(x_TBI, (h[None], c[None]))
        return output, h, c
