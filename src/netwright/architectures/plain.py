"""Plain convolutional networks as values: chains of layers as MetaQNN has them (Baker et al. 2017)."""

from dataclasses import dataclass
from typing import Literal, get_args

from netwright.architectures.values import JsonObject, members_of, reading_json_of
from netwright.errors import ConfigError, SpaceError, unknown

LEGEND = "conv 3x3x24: 24 filters of 3x3; pool 3/2: windows of 3x3, stride 2; dense 24: fully connected."
"""How to read the one-line notation of a `PlainNet`."""

Ending = Literal["softmax", "global average pooling"]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
Sizes = list[tuple[int, int]]
"""(height, width) of maps."""


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """`num_filters` square filters of `size` x `size` with stride 1, padded so that a map keeps its size, and ReLU."""

    size: int
    num_filters: int

    def __post_init__(self) -> None:
        _check(self)
        if self.size % 2 == 0:
            raise SpaceError(f"filter sizes are odd, so that a map keeps its size; got {self!r}")

    def __str__(self) -> str:
        return f"conv {self.size}x{self.size}x{self.num_filters}"


@dataclass(frozen=True, kw_only=True)
class Pooling:
    """Max-pooling with windows of `size` x `size` pixels, `stride` pixels apart, without padding."""

    size: int
    stride: int

    def __post_init__(self) -> None:
        _check(self)

    def __str__(self) -> str:
        return f"pool {self.size}/{self.stride}"


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A fully connected layer of `num_units`, and ReLU."""

    num_units: int

    def __post_init__(self) -> None:
        _check(self)

    def __str__(self) -> str:
        return f"dense {self.num_units}"


PlainLayer = Convolution | Pooling | Dense


def _check(layer: PlainLayer) -> None:
    if any(type(number) is not int or number < 1 for number in vars(layer).values()):
        raise SpaceError(f"sizes, strides and numbers of filters and units are whole numbers, 1 or more; got {layer!r}")


@dataclass(frozen=True)
class PlainNet:
    """A chain of layers and the form of the classifier.

    The classifier is one linear layer. With the ending "softmax" it reads all values of the last maps, with "global
    average pooling" the mean of each map. In a network without layers it reads the image.
    """

    layers: tuple[PlainLayer, ...]
    ending: Ending = "softmax"

    def __post_init__(self) -> None:
        if self.ending not in ENDINGS:
            raise SpaceError(unknown("ending", str(self.ending), ENDINGS))
        is_flat = False
        for index, layer in enumerate(self.layers):
            if is_flat and not isinstance(layer, Dense):
                raise SpaceError(f"layer {index}: after a fully connected layer there are no maps; got {layer!r}")
            is_flat = isinstance(layer, Dense)
        if is_flat and self.ending != "softmax":
            raise SpaceError('after a fully connected layer there are no maps to pool; the ending is "softmax"')

    def map_sizes(self, height: int, width: int) -> Sizes:
        """Return the map size after each layer, 1 x 1 after a fully connected one.

        Args:
            height: Of the images, in pixels.
            width: Of the images, in pixels.

        Raises:
            ConfigError: A pooling window is larger than the maps that it reads.
        """
        sizes: Sizes = []
        for index, layer in enumerate(self.layers):
            if isinstance(layer, Dense):
                height = width = 1
            elif isinstance(layer, Pooling):
                if min(height, width) < layer.size:
                    raise ConfigError(
                        f"layer {index} pools windows of {layer.size} x {layer.size} pixels and reads maps of {height} "
                        f"x {width}; a space's image_size is the shorter side of the images that it is searched for"
                    )
                height, width = (pooled_size(edge, layer.size, layer.stride) for edge in (height, width))
            sizes.append((height, width))
        return sizes

    def __str__(self) -> str:
        return ", ".join(map(str, (*self.layers, self.ending)))


def pooled_size(edge: int, size: int, stride: int) -> int:
    """Return the number of whole windows of `size` pixels along an edge, `stride` pixels apart.

    Deviation: only whole windows are pooled, so sizes round down. Baker's code pads the edges, so sizes round up.
    """
    return (edge - size) // stride + 1


LAYERS = {kind.__name__: kind for kind in get_args(PlainLayer)}


def plain_net_from_json(document: JsonObject) -> PlainNet:
    """Read the network that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("PlainNet"):
        layers = tuple(LAYERS[entry["type"]](**members_of(entry)) for entry in document["layers"])
        return PlainNet(layers, document["ending"])
