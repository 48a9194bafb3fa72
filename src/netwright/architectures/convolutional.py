"""Convolutional networks as values: what ONE network is, without any tensor."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netwright.architectures.values import JsonObject, members_of, reading_json_of
from netwright.errors import SpaceError

IMAGE = -1
"""The image's index among those of the layers."""
LEGEND = (
    "3x5x24: 24 filters, 3 high and 5 wide; /2x1: strides; p: pooled; <0,2>: reads layers 0 and 2; "
    "<>: reads the image; else the layer before."
)
"""How to read the one-line notation of a `ConvNet`."""


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """A convolution, batch normalisation and ReLU, followed by max-pooling if `pool` is above 1.

    Paper: sections 3.1 and 3.3.
    """

    filter_height: int
    filter_width: int
    num_filters: int
    inputs: tuple[int, ...] = ()
    """Indices (from 0) of the earlier layers that the layer reads, concatenated on channels; if empty, the image."""
    stride_height: int = 1
    stride_width: int = 1
    pool: int = 1
    """Edge and stride of the max-pooling window. The pooling shrinks this output and all earlier maps read later."""

    def __str__(self) -> str:
        strided = (self.stride_height, self.stride_width) != (1, 1)
        stride = f"/{self.stride_height}x{self.stride_width}" if strided else ""
        return f"{self.filter_height}x{self.filter_width}{stride}x{self.num_filters}" + ("p" if self.pool > 1 else "")


@dataclass(frozen=True)
class Step:
    """The part of a forward pass that computes one layer."""

    reads: tuple[int, ...]
    """Indices of the maps that the layer reads, `IMAGE` or earlier layers, in the order of concatenation."""
    kept: tuple[int, ...]
    """Indices of the earlier maps, `IMAGE` first, that a later layer or the classifier reads."""
    pool: int
    """The layer's pooling, which shrinks the kept maps too."""


@dataclass(frozen=True)
class ConvNet:
    """Layers in the order of computation; the last one is nearest the classifier."""

    layers: tuple[ConvLayer, ...]

    def __post_init__(self) -> None:
        if not self.layers:
            raise SpaceError("a ConvNet needs at least one layer")
        for index, layer in enumerate(self.layers):
            positive = (layer.filter_height, layer.filter_width, layer.num_filters, layer.stride_height)
            if min(*positive, layer.stride_width, layer.pool) < 1:
                raise SpaceError(f"layer {index}: sizes, strides and filters are 1 or more; got {layer}")
            if layer.filter_height % 2 == 0 or layer.filter_width % 2 == 0:
                raise SpaceError(
                    f"layer {index}: filter heights and widths are odd, so that a map keeps its size; got {layer}"
                )
            if list(layer.inputs) != sorted(set(layer.inputs)) or any(not 0 <= j < index for j in layer.inputs):
                raise SpaceError(
                    f"layer {index}: inputs must be ascending indices in 0..{index - 1}; got {layer.inputs}"
                )

    @property
    def outputs(self) -> tuple[int, ...]:
        """The layers that no layer reads; their concatenation is the classifier's input (paper, section 3.3)."""
        read = {index for layer in self.layers for index in layer.inputs}
        return tuple(index for index in range(len(self.layers)) if index not in read)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The forward pass, one step for each layer."""
        reads = [layer.inputs or (IMAGE,) for layer in self.layers]
        reads.append(self.outputs)  # by the classifier
        return tuple(
            Step(
                reads=reads[index],
                kept=tuple(read for read in range(IMAGE, index) if any(read in later for later in reads[index + 1 :])),
                pool=layer.pool,
            )
            for index, layer in enumerate(self.layers)
        )

    def in_channels(self, image_channels: int) -> list[int]:
        """Return the number of channels that each layer reads, given those of the image."""
        filters = [layer.num_filters for layer in self.layers]
        return [sum(filters[read] for read in layer.inputs) or image_channels for layer in self.layers]

    @property
    def num_features(self) -> int:
        """The number of channels that the classifier reads."""
        return sum(self.layers[index].num_filters for index in self.outputs)

    @property
    def has_strides(self) -> bool:
        """Whether any stride is above 1, so that maps which are concatenated may differ in size."""
        return any((layer.stride_height, layer.stride_width) != (1, 1) for layer in self.layers)

    @property
    def num_connections(self) -> int:
        """The number of layer-to-layer connections."""
        return sum(len(layer.inputs) for layer in self.layers)

    def with_inputs(self, inputs: Mapping[int, tuple[int, ...]]) -> "ConvNet":
        """Return the same layers with layer `index` reading `inputs[index]`."""
        return ConvNet(tuple(replace(layer, inputs=inputs[index]) for index, layer in enumerate(self.layers)))

    def chained(self) -> "ConvNet":
        """Return the same layers without skip connections: each reads the one before it."""
        return self.with_inputs({index: (index - 1,) if index else () for index in range(len(self.layers))})

    def densely_connected(self) -> "ConvNet":
        """Return the same layers, each reading all earlier ones."""
        return self.with_inputs({index: tuple(range(index)) for index in range(len(self.layers))})

    def widened(self, num_filters: int) -> "ConvNet":
        """Return the same network with `num_filters` more filters in every layer (paper, section 4.1)."""
        return ConvNet(tuple(replace(layer, num_filters=layer.num_filters + num_filters) for layer in self.layers))

    def __str__(self) -> str:
        described = [
            str(layer)
            + ("" if layer.inputs == ((index - 1,) if index else ()) else f"<{','.join(map(str, layer.inputs))}>")
            for index, layer in enumerate(self.layers)
        ]
        return " ".join(described)


def convnet_from_json(document: JsonObject) -> ConvNet:
    """Read the network that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("ConvNet"):
        entries = (members_of(entry) for entry in document["layers"])
        return ConvNet(tuple(ConvLayer(**{**entry, "inputs": tuple(entry.get("inputs", ()))}) for entry in entries))
