"""A language model around any recurrent layer: an embedding, a stack of layers, a softmax over the vocabulary.

Legend of shapes: T steps, B sequences, V vocabulary, E embedding, H hidden units.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.recurrent import RecurrentCell
from netwright.architectures.recurrent_baselines import Lstm, RecurrentArchitecture
from netwright.children.dropout import Dropout
from netwright.children.masks import Masks, draw_masks
from netwright.errors import ConfigError
from netwright.nn.highway import HighwayLayer
from netwright.nn.interface import SequenceLayer, State
from netwright.nn.lstm import LSTMLayer
from netwright.nn.tree import TreeLayer

TRANSFORM_BIAS = -2.0
"""Of a recurrent highway network's gates at the start of training, so that they mostly carry (Zilly et al. 2016)."""


class LanguageModel(nn.Module):
    """`num_layers` layers of `architecture` between an embedding and a softmax with a bias.

    The embedding has `hidden_size` entries for a word unless `embedding_size` says otherwise. `tied`: the softmax has
    the embedding's weights (Press & Wolf 2017; Inan et al. 2017). `cell_bias` gives the leaves of a `RecurrentCell`
    a bias. Matrices start uniformly in -init_range..init_range, as `seed` alone decides, and biases at zero, but for
    the gates of a recurrent highway network.
    """

    def __init__(
        self,
        architecture: RecurrentArchitecture,
        vocabulary_size: int,
        *,
        hidden_size: int,
        seed: int,
        init_range: float,
        num_layers: int = 2,
        tied: bool = False,
        embedding_size: int | None = None,
        cell_bias: bool = False,
    ) -> None:
        super().__init__()
        embedded = hidden_size if embedding_size is None else embedding_size
        if tied and embedded != hidden_size:
            raise ConfigError(
                f"embedding_size is {embedded} and hidden_size {hidden_size}; with tied = true the softmax has the "
                "embedding's weights, so both are one number"
            )
        self.vocabulary_size, self.hidden_size = vocabulary_size, hidden_size
        self.input_sizes = (embedded, *[hidden_size] * (num_layers - 1))
        self.layers = nn.ModuleList(
            recurrent_layer(architecture, size, hidden_size, cell_bias) for size in self.input_sizes
        )
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, embedded))
        # Tied weights stand here once, under one name, so that a file of weights holds them once.
        self.softmax_weight = None if tied else nn.Parameter(torch.empty(vocabulary_size, hidden_size))
        self.softmax_bias = nn.Parameter(torch.zeros(vocabulary_size))
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.uniform_(parameter, -init_range, init_range, generator=generator)

    def forward(
        self, tokens_TB: Tensor, states: Iterable[State], masks: Masks | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Logits [T, B, V] for the token after each one, in float32, and the states after the last step."""
        nothing = (None,) * len(self.layers)
        input_masks, state_masks = (masks.inputs, masks.states) if masks else (nothing, nothing)
        x = functional.embedding(tokens_TB, self.embedding)
        if masks is not None:
            x = _masked(x, masks.words_of(tokens_TB))
        after = []
        for layer, state, input_mask, state_mask in zip(self.layers, states, input_masks, state_masks, strict=True):
            x, state = layer(_masked(x, input_mask), state, state_mask)
            after.append(state)
        if masks is not None:
            x = _masked(x, masks.output)
        weight = self.embedding if self.softmax_weight is None else self.softmax_weight
        return functional.linear(x, weight, self.softmax_bias).float(), tuple(after)

    def initial_states(self, batch_size: int) -> tuple[State, ...]:
        """Zeros for every layer."""
        layers = cast("Iterable[SequenceLayer]", self.layers)
        return tuple(
            layer.initial_state(self.embedding.new_zeros(1, batch_size, size))
            for layer, size in zip(layers, self.input_sizes, strict=True)
        )

    def draw_masks(self, dropout: Dropout, num_steps: int, batch_size: int, generator: torch.Generator) -> Masks | None:
        """The masks of one window; None where nothing is dropped."""
        if not dropout.drops:
            return None
        return draw_masks(
            dropout,
            vocabulary_size=self.vocabulary_size,
            input_sizes=self.input_sizes,
            hidden_size=self.hidden_size,
            num_steps=num_steps,
            batch_size=batch_size,
            generator=generator,
        )


def recurrent_layer(
    architecture: RecurrentArchitecture, input_size: int, hidden_size: int, cell_bias: bool
) -> nn.Module:
    """A `SequenceLayer` of `architecture`."""
    if isinstance(architecture, RecurrentCell):
        return TreeLayer(architecture, input_size, hidden_size, bias=cell_bias)
    if isinstance(architecture, Lstm):
        return LSTMLayer(input_size, hidden_size)
    return HighwayLayer(input_size, hidden_size, architecture.depth, TRANSFORM_BIAS)


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
