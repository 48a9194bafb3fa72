"""Recurrent cells as drop-in replacements of torch's nn.LSTM and nn.LSTMCell.

output, (h_n, c_n) = Recurrent(cell, 100, 200, num_layers=2)(x)     # x [steps, batch, 100]
h, c = NASCell(100, 200)(x, (h, c))                                 # x [batch, 100]
"""

from collections.abc import Iterable
from typing import Self, TypedDict, Unpack, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.published_cells import max_cell, nas_cell
from netwright.architectures.recurrent import RecurrentCell
from netwright.errors import ConfigError
from netwright.nn.tree import TreeLayer


class Recurrent(nn.Module):
    """A stack of layers of `cell`, called like nn.LSTM: `output, (h_n, c_n) = module(x, (h_0, c_0))`.

    Args:
        cell: the cell of every layer.
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
        num_layers: layers, 1 or more.
        bias: whether the recurrent products have a bias; see `TreeLayer`.
        batch_first: whether batched inputs and outputs are [B, T, ...] instead of [T, B, ...].
        dropout: probability of dropout on the output of every layer but the last, in training.

    Raises:
        ConfigError: `num_layers` or `dropout` is out of range.
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
        if num_layers < 1:
            raise ConfigError(f"num_layers is {num_layers}; it must be 1 or more")
        if not 0 <= dropout <= 1:
            raise ConfigError(f"dropout is {dropout}; it is a probability and must be between 0 and 1")
        self.cell, self.input_size, self.hidden_size = cell, input_size, hidden_size
        self.num_layers, self.batch_first, self.dropout = num_layers, batch_first, dropout
        self.layers = nn.ModuleList(
            TreeLayer(cell, hidden_size if number else input_size, hidden_size, bias) for number in range(num_layers)
        )

    def reset_parameters(self) -> None:
        """Sample new weights in every layer."""
        for layer in self._trees():
            layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        hx: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Apply all layers to a sequence.

        Args:
            x: inputs [T, B, I], [B, T, I] with `batch_first`, or [T, I] without a batch dimension.
            hx: states h_0 and c_0, each [num_layers, B, H], or [num_layers, H] without a batch dimension; default
                zeros.

        Returns:
            Outputs of the last layer, shaped like `x` with H in place of I, and the states h_n and c_n of all layers
            after the last step, shaped like `hx`.

        Raises:
            ConfigError: `x` or `hx` has another shape.
        """
        _check_input(x, (2, 3), self.input_size)
        batched = x.dim() == 3
        if not batched:
            x = x.unsqueeze(1)
        elif self.batch_first:
            x = x.transpose(0, 1)
        h_0, c_0 = self._initial(x, hx, batched)
        states = []
        for number, layer in enumerate(self._trees()):
            if number:
                x = functional.dropout(x, self.dropout, self.training)
            x, state = layer(x, (h_0[number], c_0[number]))
            states.append(state)
        h_n, c_n = (torch.stack(parts) for parts in zip(*states, strict=True))
        if not batched:
            return x.squeeze(1), (h_n.squeeze(1), c_n.squeeze(1))
        return x.transpose(0, 1) if self.batch_first else x, (h_n, c_n)

    def _initial(self, x: Tensor, hx: tuple[Tensor, Tensor] | None, batched: bool) -> tuple[Tensor, Tensor]:
        shape = (self.num_layers, x.shape[1], self.hidden_size)
        if hx is None:
            return (next(self.parameters()).new_zeros(shape),) * 2
        _check_state(hx, shape if batched else (shape[0], shape[2]))
        h_0, c_0 = (state if batched else state.unsqueeze(1) for state in hx)
        return h_0, c_0

    def _trees(self) -> Iterable[TreeLayer]:
        return cast("Iterable[TreeLayer]", self.layers)

    def extra_repr(self) -> str:
        """Describe the stack in `repr`: sizes and options that the layers' own lines do not show."""
        return f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}" + "".join(
            f", {name}={getattr(self, name)}" for name in ("batch_first", "dropout") if getattr(self, name)
        )


class RecurrentStep(nn.Module):
    """One step of `cell`, called like nn.LSTMCell: `h, c = module(x, (h, c))`.

    Args:
        cell: the cell.
        input_size: I, entries of an input.
        hidden_size: H, entries of h and of c.
        bias: whether the recurrent product has a bias; see `TreeLayer`.
    """

    def __init__(self, cell: RecurrentCell, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__()
        self.layer = TreeLayer(cell, input_size, hidden_size, bias)

    def reset_parameters(self) -> None:
        """Sample new weights."""
        self.layer.reset_parameters()

    def forward(
        self,
        x: Tensor,
        hx: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Apply one step.

        Args:
            x: inputs [B, I], or [I] for one sequence.
            hx: h and c before the step, each [B, H] or [H]; default zeros.

        Returns:
            h and c after the step, each [B, H] or [H].

        Raises:
            ConfigError: `x` or `hx` has another shape.
        """
        _check_input(x, (1, 2), self.layer.input_size)
        if hx is None:
            hx = (x.new_zeros(*x.shape[:-1], self.layer.hidden_size),) * 2
        _check_state(hx, (*x.shape[:-1], self.layer.hidden_size))
        h, c = (torch.atleast_2d(state) for state in hx)
        _, (h, c) = self.layer(torch.atleast_2d(x).unsqueeze(0), (h, c))
        return (h, c) if x.dim() == 2 else (h[0], c[0])


def _check_input(x: Tensor, dims: tuple[int, int], size: int) -> None:
    if x.dim() not in dims or x.shape[-1] != size:
        raise ConfigError(
            f"the input has shape {list(x.shape)}; it must have {dims[0]} or {dims[1]} dimensions, the last one of "
            f"size input_size = {size}"
        )


def _check_state(state: tuple[Tensor, Tensor], shape: tuple[int, ...]) -> None:
    for name, tensor in zip(("h_0", "c_0"), state, strict=True):
        if tensor.shape != shape:
            raise ConfigError(f"{name} has shape {list(tensor.shape)}; for this input it must be {list(shape)}")


class StackOptions(TypedDict, total=False):
    """The optional arguments of `Recurrent`."""

    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float


class NAS(Recurrent):
    """A stack of layers of the published cell (figure 8, top right); arguments as for `Recurrent`."""

    def __init__(self, input_size: int, hidden_size: int, **options: Unpack[StackOptions]) -> None:
        super().__init__(nas_cell(), input_size, hidden_size, **options)


class NASMax(Recurrent):
    """A stack of layers of the published cell with max (figure 8, bottom); arguments as for `Recurrent`."""

    def __init__(self, input_size: int, hidden_size: int, **options: Unpack[StackOptions]) -> None:
        super().__init__(max_cell(), input_size, hidden_size, **options)


class NASCell(RecurrentStep):
    """One step of the published cell (figure 8, top right); arguments as for `RecurrentStep`."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__(nas_cell(), input_size, hidden_size, bias)

    @classmethod
    def from_tensorflow(
        cls, kernel: NDArray[np.generic], recurrent_kernel: NDArray[np.generic], bias: NDArray[np.generic] | None = None
    ) -> Self:
        """Create a cell with the weights of TensorFlow's NASCell, whose columns are those of leaf 0, leaf 1, and so on.

        The state of TensorFlow's cell is (c, m); here it is (h, c) with h = m.

        Args:
            kernel: [I, 8 H].
            recurrent_kernel: [H, 8 H].
            bias: [8 H].

        Raises:
            ConfigError: the shapes do not fit each other.
        """
        hidden = recurrent_kernel.shape[0]
        for name, weight, shape in (
            ("kernel", kernel, (kernel.shape[0], 8 * hidden)),
            ("recurrent_kernel", recurrent_kernel, (hidden, 8 * hidden)),
            ("bias", bias, (8 * hidden,)),
        ):
            if weight is not None and weight.shape != shape:
                raise ConfigError(
                    f"{name} has shape {list(weight.shape)}; with {hidden} units it must be {list(shape)}"
                )
        module = cls(kernel.shape[0], hidden, bias is not None)
        weights = {"weight_ih": kernel.T, "weight_hh": recurrent_kernel.T, "bias": bias}
        given = {name: torch.tensor(weight) for name, weight in weights.items() if weight is not None}
        module.layer.to(given["weight_ih"].dtype).load_state_dict(given)
        return module


class NASMaxCell(RecurrentStep):
    """One step of the published cell with max (figure 8, bottom); arguments as for `RecurrentStep`."""

    def __init__(self, input_size: int, hidden_size: int, bias: bool = False) -> None:
        super().__init__(max_cell(), input_size, hidden_size, bias)
