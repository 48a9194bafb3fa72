"""A layer of cells of the space over whole sequences."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from netwright.architectures.recurrent import RecurrentCell
from netwright.nn.fused import TreeFunction
from netwright.nn.interface import State

_all_steps: Callable[..., tuple[Tensor, Tensor]] = TreeFunction.apply


class TreeLayer(nn.Module):
    """`cell` over whole sequences; a `SequenceLayer` whose state is (h, c).

    The rows i H .. (i + 1) H of the weights are those of leaf i. `bias` is added to the recurrent product alone, as in
    TensorFlow's NASCell, so that it shifts what an elem_mult leaf multiplies with.
    """

    def __init__(self, cell: RecurrentCell, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__()
        self.cell, self.input_size, self.hidden_size = cell, input_size, hidden_size
        rows = cell.base * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias = nn.Parameter(torch.empty(rows)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Matrices uniform within 1 / sqrt(H), as torch's recurrent layers start; the bias zero."""
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.weight_ih, -bound, bound)
        nn.init.uniform_(self.weight_hh, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Sizes and the cell."""
        bias = "" if self.bias is None else ", bias=True"
        return f"{self.input_size}, {self.hidden_size}{bias}, {self.cell}"

    def initial_state(self, x_TBI: Tensor) -> State:
        """Zeros, in the type of the weights."""
        return (self.weight_hh.new_zeros(x_TBI.shape[1], self.hidden_size),) * 2

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """As `SequenceLayer`."""
        device = x_TBI.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else self.weight_hh.dtype
        with torch.autocast(device, enabled=False):
            outputs, c = _all_steps(
                self.cell, dtype, x_TBI, *state, self.weight_ih, self.weight_hh, self.bias, recurrent_mask
            )
        return outputs, (outputs[-1], c)
