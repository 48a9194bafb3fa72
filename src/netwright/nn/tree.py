"""One layer of a recurrent cell of the search space, over whole sequences."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from netwright.architectures.recurrent import RecurrentCell
from netwright.nn import triton_steps
from netwright.nn.fused import TreeFunction
from netwright.nn.interface import State
from netwright.nn.products import product_dtype

_all_steps: Callable[..., tuple[Tensor, Tensor]] = TreeFunction.apply


class TreeLayer(nn.Module):
    """A layer of `cell` over whole sequences; a `SequenceLayer` whose state is (h, c).

    The rows i H .. (i + 1) H - 1 of the weights are those of leaf i.

    Args:
        cell: the cell.
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
        bias: whether there is a bias, added to the recurrent product only as in TensorFlow's NASCell. In an elem_mult
            leaf it therefore shifts one factor.
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
        """Initialise matrices from U(-1 / sqrt(H), 1 / sqrt(H)), as torch's recurrent layers, and the bias with 0."""
        bound = 1 / math.sqrt(self.hidden_size)
        nn.init.uniform_(self.weight_ih, -bound, bound)
        nn.init.uniform_(self.weight_hh, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def extra_repr(self) -> str:
        """Describe the layer in `repr`: sizes and cell."""
        bias = "" if self.bias is None else ", bias=True"
        return f"{self.input_size}, {self.hidden_size}{bias}, {self.cell}"

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`, in the dtype of the weights."""
        return (self.weight_hh.new_zeros(x_TBI.shape[1], self.hidden_size),) * 2

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        dtype = product_dtype(self.weight_hh)
        with torch.autocast(x_TBI.device.type, enabled=False):
            step: Any
            if triton_steps.can_run(state[0]):
                all_steps, step = triton_steps.all_steps, triton_steps.cell_kernels(self.cell)
            else:
                all_steps, step = _all_steps, self.cell
            outputs, c = all_steps(
                step, dtype, x_TBI, *state, self.weight_ih, self.weight_hh, self.bias, recurrent_mask
            )
        return outputs, (outputs[-1], c)
