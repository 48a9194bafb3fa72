"""One step of a stacked LSTM in numpy, for sampling.

With 35 units the overhead of the calls dominates a step, and numpy's overhead is half of torch's. Nothing here is
differentiable: `Controller.log_probs` evaluates a known sequence by one call of `nn.LSTM`.

Shapes: M sequences, H units.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

Number = TypeVar("Number", np.float32, np.float64)
Floats = npt.NDArray[np.float32]
States = list[tuple[Floats, Floats]]
"""(state, cell) of each layer, both [M, H]."""


def sigmoid(x: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return 1 / (1 + exp(-x)), computed by tanh, which cannot overflow."""
    values: npt.NDArray[Number] = 0.5 * np.tanh(0.5 * x) + 0.5
    return values


def array(weight: Tensor) -> Floats:
    """Return a view of the weight's memory, to be read only."""
    values: Floats = weight.detach().numpy()
    return values


class Recurrence:
    """The LSTM of a controller for one value of its weights, which have the names of `nn.LSTM`."""

    def __init__(self, weights: Mapping[str, Tensor], num_layers: int) -> None:
        self._layers = []
        for layer in range(num_layers):
            of_input, of_state, input_bias, state_bias = (
                array(weights[f"lstm/{part}_l{layer}"]) for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            self._layers.append((of_input.T, of_state.T, input_bias + state_bias))

    def start(self, num_sequences: int) -> States:
        """Return the zero state of every layer."""
        size = len(self._layers[0][1])
        return [(np.zeros((num_sequences, size), np.float32),) * 2 for _ in self._layers]

    def step(self, inputs_MH: Floats, states: States) -> States:
        """Return the next state of every layer; the state of the last layer is the output."""
        following = []
        size = inputs_MH.shape[1]
        for (state_MH, cell_MH), (of_input, of_state, bias) in zip(states, self._layers, strict=True):
            sums = inputs_MH @ of_input + state_MH @ of_state + bias  # [M, 4 H]: input, forget, cell, output
            gates = sigmoid(sums)
            into, keep, out = gates[:, :size], gates[:, size : 2 * size], gates[:, 3 * size :]
            cell_MH = keep * cell_MH + into * np.tanh(sums[:, 2 * size : 3 * size])
            inputs_MH = out * np.tanh(cell_MH)
            following.append((inputs_MH, cell_MH))
        return following
