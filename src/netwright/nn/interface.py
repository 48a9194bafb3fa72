"""What a stack of recurrent layers is made of."""

from typing import Protocol

from torch import Tensor

State = tuple[Tensor, ...]
"""What a layer carries from one step to the next: tensors [batch, hidden], the output first."""


class SequenceLayer(Protocol):
    """One recurrent layer over whole sequences: the tree cells, LSTM and RHN alike.

    T steps, B sequences, I inputs, H hidden units.
    """

    hidden_size: int

    def initial_state(self, x_TBI: Tensor) -> State:
        """Zeros for the sequences in `x_TBI`."""

    def __call__(self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None) -> tuple[Tensor, State]:
        """Outputs [T, B, H] and the state after the last step.

        `recurrent_mask` [B, H] multiplies the output that is fed back, the same at every step (Gal & Ghahramani 2016).
        """
