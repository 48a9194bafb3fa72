"""The paper's space of convolutional networks, for all three of its experiments (sections 3.1, 3.3, 4.1).

Deviation: the paper does not state how the three convolutions of a block are connected. Here each reads the block's
inputs and all earlier convolutions of the block, and later blocks can select the block's last convolution.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice, Subset
from netwright.spaces.programs import Program, space

FILTER_SIZES = (1, 3, 5, 7)
NUM_FILTERS = (24, 36, 48, 64)
STRIDES = (1, 2, 3)


def _answers(
    network: ConvNet,
    *,
    num_layers: int,
    strides: Sequence[int],
    skip_connections: bool,
    anchors: str,
    may_end: bool,
    block_size: int,
    more_filters: int,
    **_: object,
) -> Iterable[Answer]:
    """Yield the answers that lead to `network`; each predicted layer is the first convolution of its block."""
    if not isinstance(network, ConvNet):
        raise SpaceError(f"the convolutional space contains ConvNets; got {network!r}")
    predicted = network.layers[::block_size]
    for index, layer in enumerate(predicted):
        yield layer.filter_height
        yield layer.filter_width
        if len(strides) > 1:
            yield layer.stride_height
            yield layer.stride_width
        selected = tuple(position // block_size for position in layer.inputs)
        if skip_connections and anchors == "before_filters":
            yield selected
        yield layer.num_filters - more_filters
        if skip_connections and anchors == "after_filters":
            yield selected
        if may_end and index + 1 < num_layers:
            yield index + 1 == len(predicted)


def _size(
    *,
    num_layers: int,
    filter_sizes: Sequence[int],
    num_filters: Sequence[int],
    strides: Sequence[int],
    skip_connections: bool,
    may_end: bool,
    **_: object,
) -> int:
    """Count: the layers' options times 2 for each possible skip connection, summed over the lengths of networks."""
    per_layer = len(filter_sizes) ** 2 * len(num_filters) * len(strides) ** 2
    lengths = range(1, num_layers + 1) if may_end else (num_layers,)
    return sum(per_layer**n * 2 ** (math.comb(n, 2) if skip_connections else 0) for n in lengths)


@space(answers=_answers, size=_size, fixed=lambda may_end, **_: not may_end)
def convolutional(
    num_layers: int = 15,
    *,
    filter_sizes: Sequence[int] = FILTER_SIZES,
    num_filters: Sequence[int] = NUM_FILTERS,
    strides: Sequence[int] = (1,),
    skip_connections: bool = True,
    anchors: Literal["before_filters", "after_filters"] = "before_filters",
    may_end: bool = False,
    block_size: int = 1,
    pool_after: Sequence[int] = (),
    more_filters: int = 0,
) -> Program[ConvNet]:
    """The space of networks with `num_layers` predicted layers, decided in the order of the paper's figures 2 and 4.

    Args:
        num_layers: predicted layers.
        filter_sizes: options for the height and the width of a filter.
        num_filters: options for the number of filters.
        strides: one entry fixes both strides; several are options for the stride in height and in width.
        skip_connections: whether a layer selects its inputs among all earlier layers; otherwise layers form a chain.
        anchors: whether a layer's inputs are decided before or after its number of filters (figure 4 shows both).
        may_end: whether a decision after each layer but the last can end the network.
        block_size: densely connected convolutions for each predicted layer (3 in the third experiment).
        pool_after: numbers, from 1, of the convolutions that a 2x2 max-pooling follows (third experiment).
        more_filters: filters added to every layer (third experiment).
    """
    if not isinstance(num_layers, int) or num_layers < 1 or block_size < 1:
        raise SpaceError(f"num_layers and block_size are 1 or more; got {num_layers!r} and {block_size!r}")
    if not strides:
        raise SpaceError("strides has no entry; give (1,) for fixed stride 1")
    layers: list[ConvLayer] = []
    for index in range(num_layers):
        filter_height = yield Choice("filter_height", filter_sizes)
        filter_width = yield Choice("filter_width", filter_sizes)
        stride_height = (yield Choice("stride_height", strides)) if len(strides) > 1 else strides[0]
        stride_width = (yield Choice("stride_width", strides)) if len(strides) > 1 else strides[0]
        selected: tuple[int, ...] = (index - 1,) if index else ()
        if skip_connections and anchors == "before_filters":
            selected = yield Subset("inputs", of=index)
        filters = yield Choice("num_filters", num_filters)
        if skip_connections and anchors == "after_filters":
            selected = yield Subset("inputs", of=index)
        inputs = tuple((position + 1) * block_size - 1 for position in selected)
        for position in range(block_size):
            first = position == 0
            layers.append(
                ConvLayer(
                    filter_height=filter_height,
                    filter_width=filter_width,
                    num_filters=filters + more_filters,
                    inputs=(*inputs, *range(index * block_size, len(layers))),
                    # A block has one stride, that of its first convolution.
                    stride_height=stride_height if first else 1,
                    stride_width=stride_width if first else 1,
                    pool=2 if len(layers) + 1 in pool_after else 1,
                )
            )
        if may_end and index + 1 < num_layers and (yield Choice("end", (False, True))):
            break
    return ConvNet(tuple(layers))
