"""What a language model's units are multiplied by where some are dropped.

Legend of shapes: T steps, B sequences, V vocabulary, E embedding, H hidden units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.children.dropout import Dropout


@dataclass(frozen=True, eq=False)
class Masks:
    """What one window is multiplied by; None where nothing is dropped."""

    words: Tensor | None
    """[V, B]"""
    inputs: tuple[Tensor | None, ...]
    """[T or 1, B, E or H] for each layer"""
    states: tuple[Tensor | None, ...]
    """[B, H] for each layer"""
    output: Tensor | None
    """[T or 1, B, H]"""

    def words_of(self, tokens_TB: Tensor) -> Tensor | None:
        """[T, B, 1]: what each embedded token is multiplied by."""
        return None if self.words is None else self.words.gather(0, tokens_TB)[:, :, None]


def draw_masks(
    dropout: Dropout,
    *,
    vocabulary_size: int,
    input_sizes: Sequence[int],
    hidden_size: int,
    num_steps: int,
    batch_size: int,
    generator: torch.Generator,
) -> Masks:
    """The masks of one window for layers that read `input_sizes` units each, on the device of the generator."""

    def mask(rate: float, *shape: int) -> Tensor | None:
        if rate == 0:
            return None
        kept = torch.empty(shape, device=generator.device).bernoulli_(1 - rate, generator=generator)
        return kept.div_(1 - rate)

    steps = 1 if dropout.variational else num_steps
    return Masks(
        words=mask(dropout.words, vocabulary_size, batch_size),
        inputs=tuple(mask(dropout.inputs, steps, batch_size, size) for size in input_sizes),
        states=tuple(mask(dropout.state, batch_size, hidden_size) for _ in input_sizes),
        output=mask(dropout.output, steps, batch_size, hidden_size),
    )
