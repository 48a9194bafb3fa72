"""A language model around any recurrent layer: an embedding, a stack of layers, a softmax over the vocabulary.

In place of the embedding the first layer may read one-hot vectors or the spelling of words (`CharacterCNN`), and a
pointer to earlier words may be mixed into the softmax (`PointerSentinel`).

Legend of shapes: T steps, B sequences, V vocabulary, E embedding, H hidden units.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.families import entry_of
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.architectures.word_inputs import CHARACTER_CNNS, InputLayer, OutputLayer, embedded_size
from netwright.children.dropout import Dropout
from netwright.children.pointer import PointerSentinel
from netwright.children.spelling import CharacterCNN
from netwright.errors import ConfigError
from netwright.nn.elman import DeepTransitionLayer, ElmanLayer
from netwright.nn.gpu_lstm import GpuLSTMLayer
from netwright.nn.highway import HighwayLayer
from netwright.nn.hyper_lstm import HyperLSTMLayer
from netwright.nn.interface import SequenceLayer, State
from netwright.nn.layer_norm_lstm import LayerNormLSTMLayer
from netwright.nn.tree import TreeLayer

TRANSFORM_BIAS = -2.0
"""First bias of a recurrent highway network's gates: at the start they mostly carry the state (Zilly et al. 2016)."""
Construction = tuple[type[nn.Module], dict[str, object]]
LAYERS: dict[str, Callable[[Any, bool], Construction]] = {
    "RecurrentCell": lambda cell, bias: (TreeLayer, {"cell": cell, "bias": bias}),
    "Lstm": lambda lstm, bias: (GpuLSTMLayer, {"zoneout": (lstm.zoneout_state, lstm.zoneout_cell)}),
    "RecurrentHighway": lambda network, bias: (
        HighwayLayer,
        {"depth": network.depth, "transform_bias": TRANSFORM_BIAS, "coupled": network.coupled},
    ),
    "Elman": lambda network, bias: (ElmanLayer, {}),
    "DeepTransition": lambda network, bias: (DeepTransitionLayer, {}),
    "LayerNormLstm": lambda lstm, bias: (LayerNormLSTMLayer, {}),
    "HyperLstm": lambda lstm, bias: (
        HyperLSTMLayer,
        {"hyper_units": lstm.hyper_units, "signal_size": lstm.signal_size, "layer_norm": lstm.layer_norm},
    ),
}
"""(architecture, bias of cells) -> the class of a `SequenceLayer` and its keyword arguments beside `input_size` and
`hidden_size`, for every family trained on text."""


def construction_of(architecture: RecurrentArchitecture, cell_bias: bool) -> Construction:
    """Return the class that implements a recurrent layer, and its keyword arguments beside its sizes."""
    entry = entry_of(LAYERS, architecture)
    assert entry is not None
    return entry(architecture, cell_bias)


@dataclass(frozen=True, eq=False)
class Masks:
    """Factors of a language model's units in one window; None where nothing is dropped."""

    words: Tensor | None
    """[V, B]"""
    inputs: tuple[Tensor | None, ...]
    """[T or 1, B, E or H] for each layer; None for the first one where it reads a `CharacterCNN`"""
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

    Matrices start uniformly in -init_range..init_range, biases at zero, except for the gates of highway layers, the
    forget gates of layer-normalised LSTMs and of HyperLSTMs, and what `HyperLSTMLayer.KEEPS_INITIAL` names.

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
        input_layer: What the first recurrent layer reads for a token.
        output_layer: What gives the probabilities of the next token.
        orthogonal: Initialise the recurrent layers' matrices as orthogonal ones, each gate's by itself.
        vocabulary: The tokens by number; needed where `input_layer` reads their spelling.

    Raises:
        ConfigError: `tied` with an `embedding_size` that differs from `hidden_size`, or without an embedding.
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
        input_layer: InputLayer = "embedding",
        output_layer: OutputLayer = "softmax",
        orthogonal: bool = False,
        vocabulary: Sequence[str] = (),
    ) -> None:
        super().__init__()
        embedded = embedded_size(input_layer, vocabulary_size, embedding_size, hidden_size)
        if tied and input_layer != "embedding":
            raise ConfigError(
                f"input_layer is {input_layer}, and with tied = true the softmax has the weights of an embedding; "
                'take tied = false or input_layer = "embedding"'
            )
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
        make, arguments = construction_of(architecture, cell_bias)
        self.layers = nn.ModuleList(
            make(input_size=size, hidden_size=hidden_size, **arguments) for size in self.input_sizes
        )
        has_embedding = input_layer == "embedding"
        self.embedding = nn.Parameter(torch.empty(vocabulary_size, embedded)) if has_embedding else None
        # Tied weights have a single name, so that a file of weights holds them once.
        self.softmax_weight = None if tied else nn.Parameter(torch.empty(vocabulary_size, hidden_size))
        self.softmax_bias = nn.Parameter(torch.zeros(vocabulary_size))
        sizes = CHARACTER_CNNS.get(input_layer)
        self.spelling = None if sizes is None else CharacterCNN(sizes, vocabulary)
        self.pointer = PointerSentinel(hidden_size) if output_layer == "pointer-sentinel" else None
        self._initialise(torch.Generator().manual_seed(seed), init_range, orthogonal=orthogonal)

    def _initialise(self, generator: torch.Generator, init_range: float, *, orthogonal: bool) -> None:
        """Sample the first weights: uniform ones, which in recurrent layers may be replaced by orthogonal ones."""
        kept = sample_uniformly(self, self.layers, generator, init_range)
        if not orthogonal:
            return
        with torch.no_grad():
            for module in self.layers.modules():
                for parameter in module.parameters(recurse=False):
                    if parameter.dim() > 1 and parameter not in kept:
                        for of_gate in parameter.flatten(0, -2).split(cast("int", module.hidden_size)):
                            nn.init.orthogonal_(of_gate, generator=generator)

    def forward(
        self, tokens_TB: Tensor, states: Iterable[State], masks: Masks | None = None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Compute the logits of the token after each one.

        Args:
            tokens_TB: Token numbers.
            states: The state of each layer before the first step, then that of the pointer if there is one.
            masks: Factors of dropped and kept units; None drops nothing.

        Returns:
            Logits [T, B, V] in float32, and the states after the last step.
        """
        nothing = (None,) * len(self.layers)
        input_masks, state_masks = (masks.inputs, masks.states) if masks else (nothing, nothing)
        x = self._read(tokens_TB)
        if masks is not None:
            x = _masked(x, masks.words_of(tokens_TB))
        before, after = list(states), []
        of_pointer = None if self.pointer is None else before.pop()
        kept = [(each,) for each in masks.kept] if masks and masks.kept else [()] * len(self.layers)
        for layer, state, input_mask, state_mask, zoned in zip(
            self.layers, before, input_masks, state_masks, kept, strict=True
        ):
            x, state = layer(_masked(x, input_mask), state, state_mask, *zoned)
            after.append(state)
        if masks is not None:
            x = _masked(x, masks.output)
        weight = self.embedding if self.softmax_weight is None else self.softmax_weight
        assert weight is not None
        logits = functional.linear(x, weight, self.softmax_bias).float()
        if self.pointer is not None and of_pointer is not None:
            logits, of_pointer = self.pointer(x, tokens_TB, logits, of_pointer)
            after.append(of_pointer)
        return logits, tuple(after)

    def _read(self, tokens_TB: Tensor) -> Tensor:
        """Return what stands for each token, [T, B, E]."""
        if self.embedding is not None:
            return functional.embedding(tokens_TB, self.embedding)
        if self.spelling is not None:
            read: Tensor = self.spelling(tokens_TB)
            return read
        return functional.one_hot(tokens_TB, self.vocabulary_size).to(self.softmax_bias.dtype)

    def initial_states(self, batch_size: int) -> tuple[State, ...]:
        """Return the state of every layer before the first token, zeros, and that of the pointer if there is one."""
        layers = cast("Iterable[SequenceLayer]", self.layers)
        of_layers = [
            layer.initial_state(self.softmax_bias.new_zeros(1, batch_size, size))
            for layer, size in zip(layers, self.input_sizes, strict=True)
        ]
        return (*of_layers, *(() if self.pointer is None else (self.pointer.initial_state(batch_size),)))

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
        # Kim et al. 2015 drop nothing between the highway layers and the first recurrent layer.
        of_first = 0.0 if self.spelling is not None else dropout.inputs
        of_inputs = (of_first, *[dropout.inputs] * (len(self.input_sizes) - 1))
        return Masks(
            words=mask(dropout.words, self.vocabulary_size, batch_size),
            inputs=tuple(
                mask(rate, steps, batch_size, size) for rate, size in zip(of_inputs, self.input_sizes, strict=True)
            ),
            states=tuple(mask(dropout.state, batch_size, self.hidden_size) for _ in self.input_sizes),
            output=mask(dropout.output, steps, batch_size, self.hidden_size),
            kept=tuple(kept() for _ in self.input_sizes) if self.zoneout else None,
        )


def sample_uniformly(
    module: nn.Module, layers: Iterable[nn.Module], generator: torch.Generator, init_range: float
) -> set[nn.Parameter]:
    """Sample every matrix of `module` uniformly from -init_range..init_range, in place.

    Args:
        module: The whole model.
        layers: Its recurrent layers, of whose parameters those in `KEEPS_INITIAL` stay as they are.
        generator: The source of randomness.
        init_range: Half the width of the interval.

    Returns:
        The parameters that stayed as they were.
    """
    kept = {
        parameter
        for layer in layers
        for name, parameter in layer.named_parameters(recurse=False)
        if name in getattr(layer, "KEEPS_INITIAL", ())
    }
    for parameter in module.parameters():
        if parameter.dim() > 1 and parameter not in kept:
            nn.init.uniform_(parameter, -init_range, init_range, generator=generator)
    return kept


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask
