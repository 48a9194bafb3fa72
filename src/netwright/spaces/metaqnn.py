"""MetaQNN's space of plain convolutional networks (Baker et al. 2017, arXiv 1611.02167), one decision a layer."""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from netwright.architectures.plain import (
    ENDINGS,
    Convolution,
    Dense,
    Ending,
    PlainLayer,
    PlainNet,
    Pooling,
    pooled_size,
)
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice
from netwright.spaces.programs import Program, space

SIZE_BINS = (8, 4, 1)
"""The bins of representation sizes, 8 and above, 4 to 7 and 1 to 3, by their smallest size (Baker et al. 2017)."""


@dataclass(frozen=True)
class _State:
    """The part of an unfinished network on which the layers that may follow depend."""

    size: int
    """Pixels of a side of the maps; 1 after a fully connected layer."""
    last: PlainLayer | None = None
    depth: int = 0
    num_dense: int = 0

    @property
    def size_bin(self) -> int:
        return next(smallest for smallest in SIZE_BINS if self.size >= smallest)

    def after(self, layer: PlainLayer) -> "_State":
        size, num_dense = self.size, 0
        if isinstance(layer, Pooling):
            size = pooled_size(size, layer.size, layer.stride)
        elif isinstance(layer, Dense):
            size, num_dense = 1, self.num_dense + 1
        return _State(size, layer, self.depth + 1, num_dense)

    def allows(self, layer: PlainLayer, max_layers: int, max_dense: int) -> bool:
        """Whether `layer` may follow (transition rules: Baker et al. 2017, section 4 and appendix; released code)."""
        if self.depth >= max_layers:
            return False
        if isinstance(layer, Dense):
            if isinstance(self.last, Dense):
                return self.num_dense < max_dense and layer.num_units <= self.last.num_units
            return max_dense > 0 and self.size_bin < SIZE_BINS[0]
        if isinstance(self.last, Dense) or layer.size >= self.size_bin:
            return False
        return isinstance(layer, Convolution) or isinstance(self.last, Convolution)

    def endings(self) -> tuple[Ending, ...]:
        return ("softmax",) if isinstance(self.last, Dense) else ENDINGS


class _Options(TypedDict):
    """The parameters that list layers."""

    num_filters: Sequence[int]
    filter_sizes: Sequence[int]
    pools: Sequence[tuple[int, int]]
    dense_units: Sequence[int]


def _layers(
    *,
    num_filters: Sequence[int],
    filter_sizes: Sequence[int],
    pools: Sequence[tuple[int, int]],
    dense_units: Sequence[int],
) -> dict[str, PlainLayer]:
    """Return every possible layer by its option, a string."""
    layers: list[PlainLayer] = [Convolution(size=size, num_filters=n) for n in num_filters for size in filter_sizes]
    try:
        layers += [Pooling(size=size, stride=stride) for size, stride in pools]
    except (TypeError, ValueError):
        raise SpaceError(f"pools must be pairs (window, stride), such as ((3, 2), (2, 2)); got {pools!r}") from None
    layers += [Dense(num_units=n) for n in dense_units]
    return {str(layer): layer for layer in layers}


def _answers(network: PlainNet, **_: object) -> Iterable[Answer]:
    """Return the answers that lead to `network`: its layers and its ending."""
    if not isinstance(network, PlainNet):
        raise SpaceError(f"the space of MetaQNN contains PlainNets; got {network!r}")
    return (*map(str, network.layers), network.ending)


def _size(*, max_layers: int, max_dense: int, image_size: int, **options: Unpack[_Options]) -> int:
    """Count the networks by dynamic programming over states."""
    layers = _layers(**options).values()

    @functools.cache
    def ways(state: _State) -> int:
        following = (state.after(layer) for layer in layers if state.allows(layer, max_layers, max_dense))
        return len(state.endings()) + sum(map(ways, following))

    return ways(_State(image_size))


def _state(
    answers: tuple[str, ...], *, max_layers: int, max_dense: int, image_size: int, **options: Unpack[_Options]
) -> str:
    """Return Baker's state: last layer, depth, bin of the representation size, fully connected layers in a row."""
    layers, state = _layers(**options), _State(image_size)
    for answer in answers:
        state = state.after(layers[answer])
    return f"{state.last or 'image'}, depth {state.depth}, size {state.size_bin}, dense {state.num_dense}"


@space(answers=_answers, size=_size, state=_state)
def metaqnn(
    max_layers: int = 18,
    *,
    num_filters: Sequence[int] = (64, 128, 256, 512),
    filter_sizes: Sequence[int] = (1, 3, 5),
    pools: Sequence[tuple[int, int]] = ((5, 3), (3, 2), (2, 2)),
    dense_units: Sequence[int] = (512, 256, 128),
    max_dense: int = 2,
    image_size: int = 32,
) -> Program[PlainNet]:
    """The space of chains of convolutions, poolings and fully connected layers, one decision for each layer.

    The rules for the next layer are:

    - A network may end after any layer, with "softmax" or, if it has no fully connected layer, with "global average
      pooling". After `max_layers` layers it ends.
    - A convolution follows any layer but a fully connected one; a pooling follows a convolution. Their windows are
      smaller than the smallest size of the maps' bin (`SIZE_BINS`).
    - A fully connected layer follows maps below 8 x 8 pixels, or a fully connected layer with at least as many units.

    Deviation: Baker's children are trained in ways that `ImageSettings` cannot express: Adam, Xavier initialisation, a
    learning rate divided by 5 every 5 epochs, and a restart at 0.4 times the learning rate if the first epoch does not
    improve on chance. His code counts global average pooling as a layer, and adds a dropout after every fully connected
    layer.

    Args:
        max_layers: largest number of layers, without the ending.
        num_filters: options for the number of filters of a convolution.
        filter_sizes: options for the height and width of its filters.
        pools: options (window, stride) for a pooling, in pixels.
        dense_units: options for the number of units of a fully connected layer.
        max_dense: largest number of consecutive fully connected layers.
        image_size: shorter side of the images, in pixels.

    The defaults are Baker's for CIFAR-10.
    """
    if any(type(number) is not int or number < 1 for number in (max_layers, image_size)):
        raise SpaceError(
            f"max_layers and image_size must be whole numbers, 1 or more; got {max_layers!r}, {image_size!r}"
        )
    named = _layers(num_filters=num_filters, filter_sizes=filter_sizes, pools=pools, dense_units=dense_units)
    options = (*named, *ENDINGS)
    state, layers = _State(image_size), list[PlainLayer]()
    while True:
        possible = [name for name, layer in named.items() if state.allows(layer, max_layers, max_dense)]
        answer = yield Choice("layer", options, allowed=(*possible, *state.endings()))
        if answer in ENDINGS:
            return PlainNet(tuple(layers), answer)
        layers.append(named[answer])
        state = state.after(layers[-1])
