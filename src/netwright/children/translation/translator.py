"""The translator of GNMT (Wu et al. 2016, arXiv 1609.08144) with any recurrent layer, at any size.

    source -> embedding -> one layer in both directions -> further layers                          -> memory
    target -> embedding -> bottom layer -> attention to the memory -> layers that read the context -> softmax

From the third layer on, of encoder and decoder, the input of a layer is added to its output.

Deviation: in GNMT every layer of the decoder reads the context of the step before, so that the steps of the bottom
layer cannot be computed without the attention. Here the bottom layer reads the target alone and runs over the whole
sentence at once; its outputs are the queries of all steps, and the context of the same step goes to every higher layer
and to the softmax.

Legend of shapes: S steps of the source, T of the target, B sentences, V pieces, H units.
"""

from collections.abc import Callable, Iterable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.children.language_model import construction_of, sample_uniformly
from netwright.children.translation.attention import AdditiveAttention, Memory
from netwright.errors import ConfigError
from netwright.nn.interface import SequenceLayer, State

Drop = Callable[[Tensor], Tensor]
"""Dropout of the inputs of a layer: what `dropping` returns, or `keeping`."""


def keeping(x: Tensor) -> Tensor:
    """Return `x`: no dropout."""
    return x


def dropping(rate: float, generator: torch.Generator) -> Drop:
    """Return a function that drops each entry with probability `rate` and divides the others by 1 - `rate`."""
    if rate == 0:
        return keeping

    def drop(x: Tensor) -> Tensor:
        kept = torch.empty(x.shape, device=x.device).bernoulli_(1 - rate, generator=generator)
        return x * kept.div_(1 - rate)

    return drop


class Translator(nn.Module):
    """Encoder, attention and decoder.

    Matrices start uniformly in -init_range..init_range, biases at zero (but see `sample_uniformly`). Source and target
    have one vocabulary and one embedding; the softmax has weights of its own.

    Args:
        architecture: The recurrent layer.
        vocabulary_size: The number of pieces of both languages.
        hidden_size: Units of every layer, and entries of the embedding.
        seed: All randomness of the first weights derives from it.
        init_range: Half the width of the interval of first weights.
        num_encoder_layers: Layers of the encoder, 2 or more; the first one has two directions.
        num_decoder_layers: Layers of the decoder, 2 or more.
        cell_bias: Whether the leaves of a `RecurrentCell` have a bias.

    Raises:
        ConfigError: The architecture has zoneout, which is implemented for language models only.
    """

    def __init__(
        self,
        architecture: RecurrentArchitecture,
        vocabulary_size: int,
        *,
        hidden_size: int,
        seed: int,
        init_range: float,
        num_encoder_layers: int = 2,
        num_decoder_layers: int = 2,
        cell_bias: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(architecture, Lstm) and architecture.zones_out:
            raise ConfigError(f"a translator has no zoneout, and the cell is {architecture}; take an LSTM without")
        make, arguments = construction_of(architecture, cell_bias)

        def layer(input_size: int) -> nn.Module:
            return make(input_size=input_size, hidden_size=hidden_size, **arguments)

        self.vocabulary_size, self.hidden_size = vocabulary_size, hidden_size
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, hidden_size))
        self.left_to_right, self.right_to_left = layer(hidden_size), layer(hidden_size)
        self.encoder = nn.ModuleList(
            layer(hidden_size if number else 2 * hidden_size) for number in range(num_encoder_layers - 1)
        )
        self.attention = AdditiveAttention(hidden_size)
        self.decoder_inputs = (hidden_size, *[2 * hidden_size] * (num_decoder_layers - 1))
        self.decoder = nn.ModuleList(layer(size) for size in self.decoder_inputs)
        self.softmax_weight = nn.Parameter(torch.empty(vocabulary_size, 2 * hidden_size))
        self.softmax_bias = nn.Parameter(torch.zeros(vocabulary_size))
        layers = [self.left_to_right, self.right_to_left, *self.encoder, *self.decoder]
        sample_uniformly(self, layers, torch.Generator().manual_seed(seed), init_range)

    def forward(self, source_SB: Tensor, lengths_B: Tensor, target_TB: Tensor, drop: Drop = keeping) -> Tensor:
        """Compute the logits of the piece after each one of the target.

        Args:
            source_SB: Piece numbers of the source, padded at the end.
            lengths_B: The number of pieces of each source sentence.
            target_TB: Piece numbers of the target, padded at the end; the first one is the start.
            drop: Dropout.

        Returns:
            Logits [T, B, V] in float32; those at the padding have no meaning.
        """
        memory = self.encode(source_SB, lengths_B, drop)
        return self.decode(target_TB, memory, self.initial_states(len(lengths_B)), drop)[0]

    def encode(self, source_SB: Tensor, lengths_B: Tensor, drop: Drop = keeping) -> Memory:
        """Encode the source sentences; the arguments are those of `forward`."""
        steps = torch.arange(len(source_SB), device=source_SB.device)[:, None]
        is_padding_SB = steps >= lengths_B
        # Each sentence is reversed within its own length, so that the padding stays last.
        reversed_SB = torch.where(is_padding_SB, steps, lengths_B - 1 - steps)
        x = drop(functional.embedding(source_SB, self.embedding))
        rightwards = _outputs(self.left_to_right, x)
        leftwards = _outputs(self.right_to_left, _permuted(x, reversed_SB))
        x = torch.cat([rightwards, _permuted(leftwards, reversed_SB)], 2)
        for number, layer in enumerate(self.encoder):
            y = _outputs(layer, drop(x))
            x = y + x if number else y
        values_BSH = x.transpose(0, 1).contiguous()
        return Memory(values_BSH, self.attention.keys(values_BSH), is_padding_SB.t())

    def initial_states(self, batch_size: int) -> tuple[State, ...]:
        """Return the state of every layer of the decoder before the first piece: zeros."""
        layers = cast("Iterable[SequenceLayer]", self.decoder)
        return tuple(
            layer.initial_state(self.softmax_bias.new_zeros(1, batch_size, size))
            for layer, size in zip(layers, self.decoder_inputs, strict=True)
        )

    def decode(
        self, target_TB: Tensor, memory: Memory, states: Iterable[State], drop: Drop = keeping
    ) -> tuple[Tensor, tuple[State, ...], Tensor]:
        """Read pieces of the target, all of a sentence or one step.

        Args:
            target_TB: Piece numbers.
            memory: The encoded source sentences.
            states: The state of each layer before the first of these pieces.
            drop: Dropout.

        Returns:
            Logits of the piece after each one, [T, B, V] in float32, the states after the last piece, and the weights
            of the attention, [T, B, S].
        """
        bottom, *higher = self.decoder
        state, *states = states
        x, state = bottom(drop(functional.embedding(target_TB, self.embedding)), state)
        contexts, weights = self.attention(x, memory)
        after = [state]
        for number, (layer, state) in enumerate(zip(higher, states, strict=True)):
            y, state = layer(drop(torch.cat([x, contexts], 2)), state)
            x = y + x if number else y
            after.append(state)
        features = drop(torch.cat([x, contexts], 2))
        logits = functional.linear(features, self.softmax_weight, self.softmax_bias).float()
        return logits, tuple(after), weights


def _outputs(layer: nn.Module, x_TBI: Tensor) -> Tensor:
    """Return the outputs of a `SequenceLayer` that starts from zeros, [T, B, H]."""
    sequence_layer = cast("SequenceLayer", layer)
    return sequence_layer(x_TBI, sequence_layer.initial_state(x_TBI))[0]


def _permuted(x_TBI: Tensor, steps_TB: Tensor) -> Tensor:
    """Return x with, at each step of each sentence, what stands at step `steps_TB`."""
    return x_TBI.gather(0, steps_TB[:, :, None].expand_as(x_TBI))
