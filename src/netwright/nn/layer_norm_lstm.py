"""The layer-normalised LSTM (Ba et al. 2016, arXiv 1607.06450) as a `SequenceLayer`, a reference model."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State
from netwright.nn.lstm_step import LSTMStep


class LayerNormLSTMLayer(nn.Module):
    """An `LSTMStep` with layer normalisation at every step; a `SequenceLayer` whose state is (h, c).

    The gates are W_x x + W_h h + b. It has 4 H (I + H + 1) + 10 H parameters.

    Args:
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.step = LSTMStep(input_size, hidden_size, layer_norm=True)

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        return (self.step.bias.new_zeros(x_TBI.shape[1], self.hidden_size),) * 2

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        h, c = state
        step, outputs = self.step, []
        for from_input in functional.linear(x_TBI, step.weight_ih, step.bias).unbind(0):
            fed_back = h if recurrent_mask is None else h * recurrent_mask
            h, c = step(from_input + functional.linear(fed_back, step.weight_hh), c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)
