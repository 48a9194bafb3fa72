"""What a network costs, counted from its description alone: nothing is built and nothing is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.plain import Convolution, Dense, PlainNet
from netwright.architectures.reading import ImageNetwork


@dataclass(frozen=True)
class ImageShape:
    """What a network reads and how many classes it tells apart."""

    channels: int
    height: int
    width: int
    num_classes: int


@dataclass(frozen=True)
class Costs:
    """`multiply_adds` are those of convolutions and linear layers for one image."""

    num_parameters: int
    multiply_adds: int


def costs_of(network: ImageNetwork, images: ImageShape) -> Costs:
    """The costs of the module that `build` makes of `network`, by the rules of that module."""
    return _of_plain_net(network, images) if isinstance(network, PlainNet) else _of_convnet(network, images)


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
    features = channels * (height * width if network.ending == "softmax" else 1)
    num_parameters += features * images.num_classes + images.num_classes
    return Costs(num_parameters, multiply_adds + features * images.num_classes)


def _of_convnet(network: ConvNet, images: ImageShape) -> Costs:
    num_parameters = multiply_adds = 0
    image_size = (images.height, images.width)
    sizes: list[tuple[int, int]] = []  # of every layer's output, as later layers read it
    for layer in network.layers:
        in_channels = sum(network.layers[read].num_filters for read in layer.inputs) or images.channels
        height, width = _largest([sizes[read] for read in layer.inputs] or [image_size])
        height, width = -(-height // layer.stride_height), -(-width // layer.stride_width)
        weights = layer.filter_height * layer.filter_width * in_channels * layer.num_filters
        num_parameters += weights + 2 * layer.num_filters  # normalisation has a scale and a shift for each filter
        multiply_adds += weights * height * width
        # A pooling shrinks this output and every earlier map.
        sizes = [_pooled(size, layer.pool) for size in (*sizes, (height, width))]
        image_size = _pooled(image_size, layer.pool)
    features = sum(network.layers[read].num_filters for read in network.outputs)
    num_parameters += features * images.num_classes + images.num_classes
    return Costs(num_parameters, multiply_adds + features * images.num_classes)


def _largest(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    return max(height for height, _ in sizes), max(width for _, width in sizes)


def _pooled(size: tuple[int, int], pool: int) -> tuple[int, int]:
    return -(-size[0] // pool), -(-size[1] // pool)
