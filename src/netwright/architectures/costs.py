"""What a network costs, counted from its description: nothing is built and nothing is trained.

The counts are those of the modules in the room `children`. Tables are keyed by family (`families.FAMILIES`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.families import ImageNetwork, entry_of
from netwright.architectures.plain import Convolution, Dense, PlainNet
from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentCell,
    RecurrentHighway,
)
from netwright.architectures.word_inputs import CHARACTER_CNNS, InputLayer, OutputLayer, embedded_size
from netwright.errors import ConfigError


@dataclass(frozen=True)
class ImageShape:
    """The images that a network reads and the number of classes that it distinguishes."""

    channels: int
    height: int
    width: int
    num_classes: int


@dataclass(frozen=True)
class Costs:
    """The costs of a network for images."""

    num_parameters: int
    multiply_adds: int
    """Of convolutions and linear layers, for one image."""


# Networks for images --------------------------------------------------------------------------------------------------


def costs_of(network: ImageNetwork, images: ImageShape) -> Costs | None:
    """Count the costs of the module that `children.building.build` makes.

    Args:
        network: A network that is trained on images.
        images: Their shape.

    Returns:
        The costs; None for a network that is known by name only, whose module must be built to be counted.

    Raises:
        ConfigError: The images are too small for the network's poolings.
    """
    count = entry_of(IMAGE_COSTS, network)
    return count(network, images) if count else None


def _of_plain_net(network: PlainNet, images: ImageShape) -> Costs:
    num_parameters = multiply_adds = 0
    channels, height, width = images.channels, images.height, images.width
    for layer, size in zip(network.layers, network.map_sizes(height, width), strict=True):
        weights = units = 0
        if isinstance(layer, Convolution):
            weights, units = layer.size**2 * channels * layer.num_filters, layer.num_filters
        elif isinstance(layer, Dense):
            weights, units = channels * height * width * layer.num_units, layer.num_units
        height, width = size
        num_parameters += weights + units  # a bias for each unit
        multiply_adds += weights * height * width
        channels = units or channels
    weights = channels * (height * width if network.ending == "softmax" else 1) * images.num_classes
    return Costs(num_parameters + weights + images.num_classes, multiply_adds + weights)


def _of_convnet(network: ConvNet, images: ImageShape) -> Costs:
    num_parameters = multiply_adds = 0
    image_size = (images.height, images.width)
    sizes: list[tuple[int, int]] = []  # of every layer's output, as later layers read it
    for layer, in_channels in zip(network.layers, network.in_channels(images.channels), strict=True):
        height, width = _largest([sizes[read] for read in layer.inputs] or [image_size])
        height, width = -(-height // layer.stride_height), -(-width // layer.stride_width)
        weights = layer.filter_height * layer.filter_width * in_channels * layer.num_filters
        num_parameters += weights + 2 * layer.num_filters  # normalisation has a scale and a shift for each filter
        multiply_adds += weights * height * width
        # A pooling shrinks this output and every earlier map.
        sizes = [_pooled(size, layer.pool) for size in (*sizes, (height, width))]
        image_size = _pooled(image_size, layer.pool)
    weights = network.num_features * images.num_classes
    return Costs(num_parameters + weights + images.num_classes, multiply_adds + weights)


def _largest(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return max(height for height, _ in sizes), max(width for _, width in sizes)


def _pooled(size: tuple[int, int], pool: int) -> tuple[int, int]:
    return -(-size[0] // pool), -(-size[1] // pool)


IMAGE_COSTS: dict[str, Callable[[Any, ImageShape], Costs] | None] = {
    "ConvNet": _of_convnet,
    "PlainNet": _of_plain_net,
    "ReferenceNetwork": None,
    "OwnNetwork": None,
}
"""(network, images) -> costs, for every family that is trained on images; None where they cannot be counted so."""


# Language models ------------------------------------------------------------------------------------------------------


def language_model_parameters(
    architecture: RecurrentArchitecture,
    vocabulary_size: int,
    *,
    hidden_size: int,
    num_layers: int = 2,
    tied: bool = False,
    embedding_size: int | None = None,
    cell_bias: bool = False,
    input_layer: InputLayer = "embedding",
    output_layer: OutputLayer = "softmax",
    num_characters: int = 0,
) -> int:
    """Count the weights and biases of a `children.language_model.LanguageModel` with the same arguments.

    `num_characters` is the number of symbols that words are spelled with (`word_inputs.num_characters_of`); it is
    needed where `input_layer` reads the spelling.
    """
    embedded = embedded_size(input_layer, vocabulary_size, embedding_size, hidden_size)
    inputs = [embedded] + [hidden_size] * (num_layers - 1)
    of_layer = entry_of(LAYER_PARAMETERS, architecture)
    assert of_layer is not None
    layers = sum(of_layer(architecture, input_size, hidden_size, cell_bias) for input_size in inputs)
    softmax = vocabulary_size * (1 if tied else hidden_size + 1)
    pointer = hidden_size * (hidden_size + 2) if output_layer == "pointer-sentinel" else 0
    read = vocabulary_size * embedded if input_layer == "embedding" else 0
    if input_layer in CHARACTER_CNNS:
        read = CHARACTER_CNNS[input_layer].num_parameters(num_characters)
    return read + layers + softmax + pointer


def hidden_size_for(
    num_parameters: int, architecture: RecurrentArchitecture, vocabulary_size: int, **settings: Any
) -> int:
    """Return the largest hidden size with which a language model has at most `num_parameters`.

    The paper keeps all children of a search at one size in this way (section 4.2).

    Args:
        num_parameters: The upper limit.
        architecture: The recurrent layer.
        vocabulary_size: The number of tokens.
        settings: The other keyword arguments of `language_model_parameters`.

    Raises:
        ConfigError: A model with a single hidden unit exceeds the limit.
    """

    def size(hidden_size: int) -> int:
        return language_model_parameters(architecture, vocabulary_size, hidden_size=hidden_size, **settings)

    return _largest_size(num_parameters, size, f"a language model of {vocabulary_size:,} tokens")


def translator_parameters(
    architecture: RecurrentArchitecture,
    vocabulary_size: int,
    *,
    hidden_size: int,
    num_encoder_layers: int,
    num_decoder_layers: int,
    cell_bias: bool,
) -> int:
    """Count the weights and biases of a `children.translation.translator.Translator` with the same arguments."""
    of_layer = entry_of(LAYER_PARAMETERS, architecture)
    assert of_layer is not None
    narrow, wide = (of_layer(architecture, inputs, hidden_size, cell_bias) for inputs in (hidden_size, 2 * hidden_size))
    encoder = 2 * narrow + wide + (num_encoder_layers - 2) * narrow
    decoder = narrow + (num_decoder_layers - 1) * wide
    attention = hidden_size * (2 * hidden_size + 1)
    return encoder + decoder + attention + vocabulary_size * (3 * hidden_size + 1)


def translator_multiply_adds(architecture: RecurrentArchitecture, vocabulary_size: int, **settings: Any) -> int:
    """Count the multiply-adds of a translator for one piece of the source and one of the target.

    Counted are the products with matrices: every weight once, but for the embedding, which is looked up, and the
    softmax's bias. The attention's weighted mean, 2 H for each pair of pieces, is left out, as are activations.

    Args:
        architecture: The recurrent layer.
        vocabulary_size: The number of pieces.
        settings: The keyword arguments of `translator_parameters`; without `cell_bias`, whose biases are no products.
    """
    settings = {**settings, "cell_bias": False}
    count = translator_parameters(architecture, vocabulary_size, **settings)
    hidden_size: int = settings["hidden_size"]
    return count - vocabulary_size * (hidden_size + 1)


def translator_hidden_size_for(
    num_parameters: int, architecture: RecurrentArchitecture, vocabulary_size: int, **settings: Any
) -> int:
    """Return the largest hidden size with which a translator has at most `num_parameters`; see `hidden_size_for`."""

    def size(hidden_size: int) -> int:
        return translator_parameters(architecture, vocabulary_size, hidden_size=hidden_size, **settings)

    return _largest_size(num_parameters, size, f"a translator of {vocabulary_size:,} pieces")


def _largest_size(num_parameters: int, size: Callable[[int], int], what: str) -> int:
    """Return the largest hidden size whose `size` is at most `num_parameters`."""
    if size(1) > num_parameters:
        raise ConfigError(f"num_parameters is {num_parameters:,}, and {what} has at least {size(1):,}; ask for more")
    enough, too_many = 1, 2
    while size(too_many) <= num_parameters:
        enough, too_many = too_many, 2 * too_many
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        enough, too_many = (middle, too_many) if size(middle) <= num_parameters else (enough, middle)
    return enough


def _of_cell(cell: RecurrentCell, inputs: int, hidden: int, cell_bias: bool) -> int:
    return cell.base * hidden * (inputs + hidden + cell_bias)


def _of_lstm(_: Lstm, inputs: int, hidden: int, cell_bias: bool) -> int:
    return 4 * hidden * (inputs + hidden + 1)


def _of_recurrent_highway(layer: RecurrentHighway, inputs: int, hidden: int, cell_bias: bool) -> int:
    return (2 if layer.coupled else 3) * hidden * (inputs + layer.depth * (hidden + 1))


def _of_elman(_: Elman, inputs: int, hidden: int, cell_bias: bool) -> int:
    return hidden * (inputs + hidden + 1)


def _of_deep_transition(_: DeepTransition, inputs: int, hidden: int, cell_bias: bool) -> int:
    return hidden * (inputs + 4 * hidden + 3)


def _of_layer_norm_lstm(_: LayerNormLstm, inputs: int, hidden: int, cell_bias: bool) -> int:
    return 4 * hidden * (inputs + hidden + 1) + 10 * hidden  # a gain and a shift for each gate and the cell state


def _of_hyper_lstm(layer: HyperLstm, inputs: int, hidden: int, cell_bias: bool) -> int:
    units, signal = layer.hyper_units, layer.signal_size
    main, hyper = 4 * hidden * (inputs + hidden + 1), 4 * units * (inputs + hidden + units + 1)
    normalisation = 10 * (hidden + units) if layer.layer_norm else 0
    return main + hyper + 12 * signal * (units + hidden) + 8 * signal + normalisation


LAYER_PARAMETERS: dict[str, Callable[[Any, int, int, bool], int]] = {
    "RecurrentCell": _of_cell,
    "Lstm": _of_lstm,
    "RecurrentHighway": _of_recurrent_highway,
    "Elman": _of_elman,
    "DeepTransition": _of_deep_transition,
    "LayerNormLstm": _of_layer_norm_lstm,
    "HyperLstm": _of_hyper_lstm,
}
"""(architecture, input size, hidden size, bias of cells) -> parameters of one layer, for every family of layers."""
