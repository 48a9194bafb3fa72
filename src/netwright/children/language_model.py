"""A language model around any recurrent layer: an embedding, a stack of layers, a softmax over the vocabulary.

Legend of shapes: T steps, B sequences, V vocabulary, E embedding, H hidden units.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.families import entry_of
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.children.dropout import Dropout
from netwright.errors import ConfigError
from netwright.nn.elman import DeepTransitionLayer, ElmanLayer
from netwright.nn.highway import HighwayLayer
from netwright.nn.interface import SequenceLayer, State
from netwright.nn.lstm import LSTMLayer
from netwright.nn.tree import TreeLayer

TRANSFORM_BIAS = -2.0
"""First bias of a recurrent highway network's gates: at the start they mostly carry the state (Zilly et al. 2016)."""
LAYERS: dict[str, Callable[[Any, int, int, bool], nn.Module]] = {
    "RecurrentCell": lambda cell, inputs, hidden, bias: TreeLayer(cell, inputs, hidden, bias=bias),
    "Lstm": lambda lstm, inputs, hidden, bias: LSTMLayer(
        inputs, hidden, zoneout=(lstm.zoneout_state, lstm.zoneout_cell)
    ),
    "RecurrentHighway": lambda network, inputs, hidden, bias: HighwayLayer(
        inputs, hidden, network.depth, TRANSFORM_BIAS, coupled=network.coupled
    ),
    "Elman": lambda network, inputs, hidden, bias: ElmanLayer(inputs, hidden),
    "DeepTransition": lambda network, inputs, hidden, bias: DeepTransitionLayer(inputs, hidden),
}
"""(architecture, input size, hidden size, bias of cells) -> a `SequenceLayer`, for every family trained on text."""


@dataclass(frozen=True, eq=False)
class Masks:
    """Factors of a language model's units in one window; None where nothing is dropped."""

    words: Tensor | None
    """[V, B]"""
    inputs: tuple[Tensor | None, ...]
    """[T or 1, B, E or H] for each layer"""
    states: tuple[Tensor | None, ...]
    """[B, H] for each layer"""
    output: Tensor | None
    """[T or 1, B, H]"""
    kept: tuple[Tensor, ...] | None = None
    """[T, 2, B, H] for each layer with zoneout: 1 where a unit of h, then of c, keeps its value."""

    def words_of(self, tokens_TB: Tensor) -> Tensor | None:
        """Return the factor of each embedded token, [T, B, 1]."""
        return None if self.words is None else self.words.gather(0, tokens_TB)[:, :, None]


class LanguageModel(nn.Module):
    """A stack of recurrent layers between an embedding and a softmax with a bias.

    Matrices start uniformly in -init_range..init_range, biases at zero, except for the gates of a recurrent highway
    network.

    Deviation: Zaremba et al. 2014 initialise all parameters uniformly, biases too. The paper does not specify the
    initial values of a child.

    Args:
        architecture: The recurrent layer.
        vocabulary_size: The number of tokens.
        hidden_size: Units of each layer.
        seed: All randomness of the first weights derives from it.
        init_range: Half the width of the interval of first weights.
        num_layers: The number of recurrent layers.
        tied: Use the embedding's weights in the softmax (Press & Wolf 2017; Inan et al. 2017).
        embedding_size: Entries of the embedding for each token; `hidden_size` if None.
        cell_bias: Give the leaves of a `RecurrentCell` a bias.

    Raises:
        ConfigError: `tied` with an `embedding_size` that differs from `hidden_size`.
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
        self.zoneout: tuple[float, float] | None = None
        if isinstance(architecture, Lstm) and architecture.zones_out:
            self.zoneout = (architecture.zoneout_state, architecture.zoneout_cell)
        self.input_sizes = (embedded, *[hidden_size] * (num_layers - 1))
        make = entry_of(LAYERS, architecture)
        assert make is not None
        self.layers = nn.ModuleList(make(architecture, size, hidden_size, cell_bias) for size in self.input_sizes)
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, embedded))
        # Tied weights have a single name, so that a file of weights holds them once.
        self.softmax_weight = None if tied else nn.Parameter(torch.empty(vocabulary_size, hidden_size))
        self.softmax_bias = nn.Parameter(torch.zeros(vocabulary_size))
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.uniform_(parameter, -init_range, init_range, generator=generator)

    def forward(
        self, tokens_TB: Tensor, states: Iterable[State], masks: Masks | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Compute the logits of the token after each one.

        Args:
            tokens_TB: Token numbers.
            states: The state of each layer before the first step.
            masks: Factors of dropped and kept units; None drops nothing.

        Returns:
            Logits [T, B, V] in float32, and the state of each layer after the last step.
        """
        nothing = (None,) * len(self.layers)
        input_masks, state_masks = (masks.inputs, masks.states) if masks else (nothing, nothing)
        x = functional.embedding(tokens_TB, self.embedding)
        if masks is not None:
            x = _masked(x, masks.words_of(tokens_TB))
        after = []
        kept = [(each,) for each in masks.kept] if masks and masks.kept else [()] * len(self.layers)
        for layer, state, input_mask, state_mask, zoned in zip(
            self.layers, states, input_masks, state_masks, kept, strict=True
        ):
            x, state = layer(_masked(x, input_mask), state, state_mask, *zoned)
            after.append(state)
        if masks is not None:
            x = _masked(x, masks.output)
        weight = self.embedding if self.softmax_weight is None else self.softmax_weight
        return functional.linear(x, weight, self.softmax_bias).float(), tuple(after)

    def initial_states(self, batch_size: int) -> tuple[State, ...]:
        """Return the state of every layer before the first token: zeros."""
        layers = cast("Iterable[SequenceLayer]", self.layers)
        return tuple(
            layer.initial_state(self.embedding.new_zeros(1, batch_size, size))
            for layer, size in zip(layers, self.input_sizes, strict=True)
        )

    def sample_masks(
        self, dropout: Dropout, num_steps: int, batch_size: int, generator: torch.Generator
    ) -> Masks | None:
        """Sample the masks of one window, on the device of the generator; None if nothing is dropped."""
        if not dropout.drops and not self.zoneout:
            return None

        def mask(rate: float, *shape: int) -> Tensor | None:
            if rate == 0:
                return None
            kept = torch.empty(shape, device=generator.device).bernoulli_(1 - rate, generator=generator)
            return kept.div_(1 - rate)

        def kept() -> Tensor:
            shape = (num_steps, batch_size, self.hidden_size)
            rates = [torch.full(shape, rate, device=generator.device) for rate in self.zoneout or ()]
            return torch.stack(rates, 1).bernoulli(generator=generator)

        steps = 1 if dropout.variational else num_steps
        return Masks(
            words=mask(dropout.words, self.vocabulary_size, batch_size),
            inputs=tuple(mask(dropout.inputs, steps, batch_size, size) for size in self.input_sizes),
            states=tuple(mask(dropout.state, batch_size, self.hidden_size) for _ in self.input_sizes),
            output=mask(dropout.output, steps, batch_size, self.hidden_size),
            kept=tuple(kept() for _ in self.input_sizes) if self.zoneout else None,
        )


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
