"""Convolutional networks as values: what ONE network is, without any tensor."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from netwright.errors import SpaceError


@dataclass(frozen=True, kw_only=True)
class ConvLayer:
    """A convolution, batch normalisation and ReLU, with max-pooling after it where `pool` is above 1.

    `inputs` are the indices (from 0) of the earlier layers whose outputs, concatenated on channels, it reads; the
    image where there are none. Paper: sections 3.1 and 3.3.
    """

    filter_height: int
    filter_width: int
    num_filters: int
    inputs: tuple[int, ...] = ()
    stride_height: int = 1
    stride_width: int = 1
    pool: int = 1
    """Edge and stride of the max-pooling window, which shrinks this output and all earlier maps that are read later."""

    def __str__(self) -> str:
        strided = (self.stride_height, self.stride_width) != (1, 1)
        stride = f"/{self.stride_height}x{self.stride_width}" if strided else ""
        return f"{self.filter_height}x{self.filter_width}{stride}x{self.num_filters}" + ("p" if self.pool > 1 else "")


@dataclass(frozen=True)
class ConvNet:
    """Layers in the order in which they are computed; the last one is nearest the classifier."""

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
        """The layers that no layer reads; together they go to the classifier (paper, section 3.3)."""
        read = {index for layer in self.layers for index in layer.inputs}
        return tuple(index for index in range(len(self.layers)) if index not in read)

    @property
    def num_connections(self) -> int:
        """The number of layer-to-layer connections."""
        return sum(len(layer.inputs) for layer in self.layers)

    def with_inputs(self, inputs: Mapping[int, tuple[int, ...]]) -> "ConvNet":
        """The same layers, each reading `inputs[index]` instead."""
        return ConvNet(tuple(replace(layer, inputs=inputs[index]) for index, layer in enumerate(self.layers)))

    def chained(self) -> "ConvNet":
        """The same layers without skip connections: each reads the one before it."""
        return self.with_inputs({index: (index - 1,) if index else () for index in range(len(self.layers))})

    def densely_connected(self) -> "ConvNet":
        """The same layers, each reading all earlier ones."""
        return self.with_inputs({index: tuple(range(index)) for index in range(len(self.layers))})

    def widened(self, num_filters: int) -> "ConvNet":
        """The same network with `num_filters` more filters in every layer (paper, section 4.1)."""
        return ConvNet(tuple(replace(layer, num_filters=layer.num_filters + num_filters) for layer in self.layers))

    def __str__(self) -> str:
        described = [
            str(layer)
            + ("" if layer.inputs == ((index - 1,) if index else ()) else f"<{','.join(map(str, layer.inputs))}>")
            for index, layer in enumerate(self.layers)
        ]
        return " ".join(described)


def convnet_from_json(document: Mapping[str, Any]) -> ConvNet:
    """The network that `to_json` wrote; `SpaceError` says what does not belong there."""
    try:
        layers = []
        for entry in document["layers"]:
            members = {name: value for name, value in entry.items() if name != "type"}
            layers.append(ConvLayer(**{**members, "inputs": tuple(members.get("inputs", ()))}))
        return ConvNet(tuple(layers))
    except (KeyError, TypeError, AttributeError) as error:
        raise SpaceError(f"not the JSON of a ConvNet ({error}); expected what to_json(ConvNet) writes") from None
