"""The interface of the recurrent layers that a language model stacks."""

from typing import Protocol

from torch import Tensor

State = tuple[Tensor, ...]
"""The recurrent state of a layer between two steps: tensors [batch, units], the output first."""


class SequenceLayer(Protocol):
    """One recurrent layer over whole sequences, whether a tree cell, an LSTM or a recurrent highway network.

    Shapes: T steps, B sequences, I inputs, H hidden units.
    """

    hidden_size: int

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return the zero state for the sequences in `x_TBI`."""

    def __call__(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Apply the layer to T steps.

        Args:
            x_TBI: inputs.
            state: state before the first step.
            recurrent_mask: [B, H], multiplies the output that is fed back, the same at every step (variational
                dropout, Gal & Ghahramani 2016).

        Returns:
            Outputs [T, B, H] and the state after the last step.
        """
