"""The two ways of dropping units of a language model that the paper's baselines use, and their masks.

Legend of shapes: T steps, B sequences, V vocabulary, E embedding, H hidden units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from netwright.errors import ConfigError


@dataclass(frozen=True)
class Dropout:
    """Probabilities, in 0..1, of dropping a unit; what is kept is divided by the probability of keeping it.

    Without `variational`, every step has masks of its own and nothing recurrent is dropped (Zaremba et al. 2014, arXiv
    1409.2329: one rate for `inputs` and `output`). With it, one mask serves all steps of a window, and `state` and
    `words` may be dropped too (Gal & Ghahramani 2016, arXiv 1512.05287).

    Deviation: Gal's LSTM draws a mask for each gate. Here all gates, and all matrices of a cell, share one, as in
    recurrent highway networks: a cell of the space has no gates that could be told apart.
    """

    inputs: float = 0.0
    """On what every layer reads: the embedded word, and the output of the layer below."""
    output: float = 0.0
    """On what the softmax reads."""
    state: float = 0.0
    """On the output that a layer feeds back to itself."""
    words: float = 0.0
    """Of a word of the vocabulary: it is dropped everywhere in a sequence's window or nowhere."""
    variational: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            rate = getattr(self, field.name)
            if field.name != "variational" and not 0 <= rate < 1:
                raise ConfigError(f"dropout of {field.name} is {rate}; a probability of dropping is in 0..1, not 1")
        if not self.variational and (self.state or self.words):
            raise ConfigError(
                f"dropout of state {self.state} and of words {self.words} needs variational = true: "
                "without it, nothing recurrent and no whole word is dropped"
            )

    @property
    def drops(self) -> bool:
        """Whether anything is dropped at all."""
        return any((self.inputs, self.output, self.state, self.words))


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
