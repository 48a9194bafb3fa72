"""Recurrent networks without gates, as reference models for the searched cells."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.nn.interface import State


class ElmanLayer(nn.Module):
    """The recurrent network of Elman 1990 as Mikolov et al. 2010 use it; a `SequenceLayer` whose state is (h,).

        h <- sigmoid(W x + R h + b)

    It has H (I + H + 1) parameters. Mikolov's networks add the embedded word itself; its product with W is an embedding
    too, so the functions are the same.

    Args:
        input_size: I, entries of x.
        hidden_size: H, entries of h.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)) and the bias with 0."""
        reset_uniformly(self, self.hidden_size)

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        return (self.weight_hh.new_zeros(x_TBI.shape[1], self.hidden_size),)

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        (h,) = state
        outputs = []
        for from_input in functional.linear(x_TBI, self.weight_ih).unbind(0):
            fed_back = h if recurrent_mask is None else h * recurrent_mask
            h = torch.sigmoid((from_input + functional.linear(fed_back, self.weight_hh, self.bias)).to(self.bias.dtype))
            outputs.append(h)
        return torch.stack(outputs), (h,)


class DeepTransitionLayer(nn.Module):
    """The DOT(S)-RNN of Pascanu et al. 2013 (arXiv 1312.6026); a `SequenceLayer` whose state is (h,).

        z = sigmoid(W x + R h + b)         a layer inside the transition
        h <- sigmoid(U z + S h + d)        S is the shortcut around that layer
        y = sigmoid(V h + e)               a layer between the state and the softmax

    The output is y. In total H (I + 4 H + 3) parameters. The recurrent mask multiplies the h that is fed back, in both
    products.

    Args:
        input_size: I, entries of x.
        hidden_size: H, entries of z, h and y.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        self.weight_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(2 * hidden_size, hidden_size))
        """The rows of R, then those of S."""
        self.weight_zh = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.weight_hy = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.bias = nn.Parameter(torch.empty(3 * hidden_size))
        """b, d, e."""
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)) and biases with 0."""
        reset_uniformly(self, self.hidden_size)

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        return (self.weight_hh.new_zeros(x_TBI.shape[1], self.hidden_size),)

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        (h,) = state
        of_z, of_h, of_y = self.bias.chunk(3)
        states = []
        for from_input in functional.linear(x_TBI, self.weight_ih, of_z).unbind(0):
            fed_back = h if recurrent_mask is None else h * recurrent_mask
            to_z, to_h = functional.linear(fed_back, self.weight_hh).chunk(2, 1)
            z = torch.sigmoid(from_input + to_z)
            h = torch.sigmoid((functional.linear(z, self.weight_zh, of_h) + to_h).to(self.bias.dtype))
            states.append(h)
        y = torch.sigmoid(functional.linear(torch.stack(states), self.weight_hy, of_y).to(self.bias.dtype))
        return y, (h,)


def reset_uniformly(layer: nn.Module, hidden_size: int) -> None:
    """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)) and biases with 0."""
    bound = 1 / math.sqrt(hidden_size)
    for parameter in layer.parameters():
        if parameter.dim() > 1:
            nn.init.uniform_(parameter, -bound, bound)
        else:
            nn.init.zeros_(parameter)
