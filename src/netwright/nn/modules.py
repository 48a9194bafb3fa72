"""Cells of the space as modules with the calling conventions of torch's own LSTM and LSTMCell.

layer = NAS(128, 256, num_layers=2)
output, (h_n, c_n) = layer(x)               # [T, B, 128] -> [T, B, 256], states [2, B, 256]
"""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.recurrent import RecurrentCell
from netwright.errors import ConfigError
from netwright.nn.interface import State
from netwright.nn.tree import TreeLayer
from netwright.zoo import max_cell, nas_cell


class Recurrent(nn.Module):
    """`num_layers` layers of `cell` over whole sequences, called as `nn.LSTM` is.

    Input [T, B, I], [B, T, I] with `batch_first`, or [T, I] for a single sequence; the states (h_0, c_0), zeros where
    they are left out, [num_layers, B, H]. Returns the output of the last layer, laid out as the input, and (h_n, c_n).
    `dropout` is applied to the output of every layer but the last, in training. `bias`, which the paper has none of, is
    added to the recurrent products.
    """

    def __init__(
        self,
        cell: RecurrentCell,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = False,
        batch_first: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1 or not 0 <= dropout <= 1:
            raise ConfigError(
                f"sizes and layers are 1 or more and dropout is in 0..1; got input_size {input_size}, hidden_size "
                f"{hidden_size}, num_layers {num_layers}, dropout {dropout}"
            )
        self.cell, self.input_size, self.hidden_size, self.num_layers = cell, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(TreeLayer(cell, size, hidden_size, bias) for size in sizes)

    def reset_parameters(self) -> None:
        """Fresh weights for every layer."""
        for layer in self.layers:
            assert isinstance(layer, TreeLayer)
            layer.reset_parameters()

    def forward(self, x: Tensor, states: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """See the class."""
        if x.dim() not in (2, 3) or x.shape[-1] != self.input_size:
            raise ConfigError(
                f"expected sequences of {self.input_size} numbers in 2 or 3 dimensions, got {list(x.shape)}"
            )
        single = x.dim() == 2
        if single:
            x, states = x[:, None], None if states is None else (states[0][:, None], states[1][:, None])
        elif self.batch_first:
            x = x.transpose(0, 1)
        x, ended = self._through_layers(x, states)
        h, c = (torch.stack(parts) for parts in zip(*ended, strict=True))
        if single:
            return x[:, 0], (h[:, 0], c[:, 0])
        return x.transpose(0, 1) if self.batch_first else x, (h, c)

    def _through_layers(self, x_TBI: Tensor, states: tuple[Tensor, Tensor] | None) -> tuple[Tensor, list[State]]:
        ended: list[State] = []
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, TreeLayer)
            state = layer.initial_state(x_TBI) if states is None else (states[0][index], states[1][index])
            x_TBI, state = layer(functional.dropout(x_TBI, self.dropout, self.training and index > 0), state)
            ended.append(state)
        return x_TBI, ended

    def extra_repr(self) -> str:
        """As torch's recurrent modules print themselves."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}, bias={self.bias}"


class RecurrentStep(nn.Module):
    """One step of `cell`, called as `nn.LSTMCell` is: [B, I] or [I] and (h, c), zeros where left out -> (h, c)."""

    def __init__(self, cell: RecurrentCell, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__()
        self.layer = TreeLayer(cell, input_size, hidden_size, bias)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """See the class."""
        single = x.dim() == 1
        x_TBI = x[None, None] if single else x[None]
        if state is None:
            h, c = self.layer.initial_state(x_TBI)
        else:
            h, c = (part[None] for part in state) if single else state
        _, (h, c) = self.layer(x_TBI, (h, c))
        return (h[0], c[0]) if single else (h, c)


class NAS(Recurrent):
    """Layers of the published cell (figure 8), with the arguments of `nn.LSTM` in their order."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: bool | float) -> None:
        super().__init__(nas_cell(), input_size, hidden_size, num_layers, **options)  # type: ignore[arg-type]


class NASMax(Recurrent):
    """Layers of the published cell with `max` (figure 8, bottom)."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: bool | float) -> None:
        super().__init__(max_cell(), input_size, hidden_size, num_layers, **options)  # type: ignore[arg-type]


class NASCell(RecurrentStep):
    """One step of the published cell, known under this name from TensorFlow."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__(nas_cell(), input_size, hidden_size, bias)

    @classmethod
    def from_tensorflow(
        cls,
        kernel: NDArray[np.floating],
        recurrent_kernel: NDArray[np.floating],
        bias: NDArray[np.floating] | None = None,
    ) -> Self:
        """The cell with the weights of TensorFlow's NASCell, in their precision.

        `kernel` [I, 8 H], `recurrent_kernel` [H, 8 H] and `bias` [8 H], whose k-th slices of H belong to leaf k.
        """
        units = recurrent_kernel.shape[0]
        fits = kernel.ndim == recurrent_kernel.ndim == 2 and kernel.shape[1] == recurrent_kernel.shape[1] == 8 * units
        if not fits or (bias is not None and bias.shape != (8 * units,)):
            raise ConfigError(
                f"expected a kernel [I, 8 H], a recurrent kernel [H, 8 H] and a bias [8 H] or none; got {kernel.shape},"
                f" {recurrent_kernel.shape} and {None if bias is None else bias.shape}"
            )
        cell = cls(kernel.shape[0], units, bias is not None).to(torch.from_numpy(kernel[:0]).dtype)
        with torch.no_grad():
            cell.layer.weight_ih.copy_(torch.from_numpy(kernel.T.copy()))
            cell.layer.weight_hh.copy_(torch.from_numpy(recurrent_kernel.T.copy()))
            if bias is not None and cell.layer.bias is not None:
                cell.layer.bias.copy_(torch.from_numpy(bias))
        return cell


class NASMaxCell(RecurrentStep):
    """One step of the published cell with `max`."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__(max_cell(), input_size, hidden_size, bias)
