"""MetaQNN's space of plain convolutional networks (Baker et al. 2017, arXiv 1611.02167): one decision a layer."""

import functools
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

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
from netwright.spaces.decisions import Answer, Choice, Decision
from netwright.spaces.programs import space

SIZE_BINS = (8, 4, 1)
"""Representation sizes are told apart as 8 and above, 4 to 7, 1 to 3; each stands for its smallest one. Paper."""


@dataclass(frozen=True)
class _Place:
    """How far a network has come: all that the layers that may follow depend on."""

    size: int
    """Of the maps; 1 behind a fully connected layer."""
    last: PlainLayer | None = None
    depth: int = 0
    num_dense: int = 0

    @property
    def size_bin(self) -> int:
        return next(smallest for smallest in SIZE_BINS if self.size >= smallest)

    def after(self, layer: PlainLayer) -> "_Place":
        size, num_dense = self.size, 0
        if isinstance(layer, Pooling):
            size = pooled_size(size, layer.size, layer.stride)
        elif isinstance(layer, Dense):
            size, num_dense = 1, self.num_dense + 1
        return _Place(size, layer, self.depth + 1, num_dense)

    def allows(self, layer: PlainLayer, max_layers: int, max_dense: int) -> bool:
        """The transition rules (paper, section 4 and appendix; released code)."""
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


def _layers(
    *,
    num_filters: Sequence[int],
    filter_sizes: Sequence[int],
    pools: Sequence[tuple[int, int]],
    dense_units: Sequence[int],
    **_: Any,
) -> dict[str, PlainLayer]:
    """Every layer that there is, by the option that stands for it."""
    layers: list[PlainLayer] = [Convolution(size=size, num_filters=n) for n in num_filters for size in filter_sizes]
    try:
        layers += [Pooling(size=size, stride=stride) for size, stride in pools]
    except (TypeError, ValueError):
        raise SpaceError(f"pools are pairs of window and stride, such as ((3, 2), (2, 2)); got {pools!r}") from None
    layers += [Dense(num_units=n) for n in dense_units]
    return {str(layer): layer for layer in layers}


def _answers(network: PlainNet, **_: Any) -> Iterable[Answer]:
    """The way back: a network's layers and its ending."""
    if not isinstance(network, PlainNet):
        raise SpaceError(f"the space of MetaQNN is one of PlainNets; got {network!r}")
    return (*map(str, network.layers), network.ending)


def _size(*, max_layers: int, max_dense: int, image_size: int, **parameters: Any) -> int:
    """The number of ways from the image to an ending, counted from place to place."""
    layers = _layers(**parameters).values()

    @functools.cache
    def ways(place: _Place) -> int:
        following = (place.after(layer) for layer in layers if place.allows(layer, max_layers, max_dense))
        return len(place.endings()) + sum(map(ways, following))

    return ways(_Place(image_size))


def _state(answers: tuple[str, ...], *, image_size: int, **parameters: Any) -> str:
    """Baker's state: the last layer, the depth, the bin of the representation size, fully connected layers in a row."""
    layers, place = _layers(**parameters), _Place(image_size)
    for answer in answers:
        place = place.after(layers[answer])
    return f"{place.last or 'image'}, depth {place.depth}, size {place.size_bin}, dense {place.num_dense}"


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
) -> Generator[Decision, Any, PlainNet]:
    """A chain of at most `max_layers` convolutions, poolings and fully connected layers, one decision for each.

    `pools` are (window, stride), `max_dense` fully connected layers may follow each other, and `image_size` is the
    shorter side of the images, in pixels. The defaults are Baker's for CIFAR-10. What may follow:

    - A network may end anywhere, with "softmax" or, where no fully connected layer came, "global average pooling";
      after `max_layers` layers it must.
    - A convolution follows anything but a fully connected layer, a pooling follows a convolution; their windows are
      smaller than the smallest size of the maps' bin (`SIZE_BINS`).
    - A fully connected layer follows maps below 8 x 8 pixels, or one that has as many units or more.

    Deviation: Baker's children are trained otherwise than `ImageSettings` can say: Adam, Xavier's weights, a learning
    rate that falls by 5 every 5 epochs, and a new start at 0.4 of it where the first epoch taught nothing. His code
    counts global average pooling as a layer, and adds a dropout after every fully connected layer.
    """
    if any(type(number) is not int or number < 1 for number in (max_layers, image_size)):
        raise SpaceError(f"max_layers and image_size are whole numbers, 1 or more; got {max_layers!r}, {image_size!r}")
    named = _layers(num_filters=num_filters, filter_sizes=filter_sizes, pools=pools, dense_units=dense_units)
    options = (*named, *ENDINGS)
    place, layers = _Place(image_size), list[PlainLayer]()
    while True:
        possible = [name for name, layer in named.items() if place.allows(layer, max_layers, max_dense)]
        answer = yield Choice("layer", options, allowed=(*possible, *place.endings()))
        if answer in ENDINGS:
            return PlainNet(tuple(layers), answer)
        layers.append(named[answer])
        place = place.after(layers[-1])
