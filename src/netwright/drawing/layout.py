"""Positions in the drawing of a network: one column for each layer, arcs above, rows of numbers below."""

from dataclasses import dataclass

from netwright.architectures.convolutional import IMAGE, ConvNet
from netwright.drawing.svg import LINE, MARGIN, Heading

CARD, COMPACT_CARD = 38.0, 33.0
"""Edge of the square in which a layer's filter is drawn; the smaller one where there are many layers."""
MANY = 20
"""Layers from which a drawing is compact, so that its numbers stay readable on a slide."""
GAP, COMPACT_GAP = 11.0, 9.0
"""Between two cards, where the arrow of the chain is."""
POOL_GAP = 20.0
"""More room after a layer that is pooled."""
CELL = 4.5
"""Edge of one pixel of a filter, where the largest filter leaves room for it."""
LABELS = 76.0
"""Width of the names of the rows, left of the image."""
BAR_HEIGHT, BAR_WIDTH = 38.0, 18.0
PORT = 7.0
"""Distance from a card's middle to the place where arcs arrive (left) and leave (right)."""
STEEPEST = 0.8
"""Height of an arc by half its width, where the drawing is not wide."""


@dataclass(frozen=True)
class Layout:
    """Coordinates in pixels; y grows downwards."""

    heading: Heading
    centres: dict[int, float]
    """x of every layer's middle, of the image (-1) and of the classifier (the number of layers)."""
    width: float
    arcs: float
    """Room above the cards."""
    top: float
    """y of the cards' upper edges."""
    flatness: float
    """Height of an arc by half its width."""
    has_strides: bool
    card: float
    gap: float
    cell: float

    @property
    def sizes(self) -> float:
        """Baseline of the row of filter sizes."""
        return self.top + self.card + LINE

    @property
    def strides(self) -> float:
        """Baseline of the row of strides."""
        return self.sizes + LINE

    @property
    def ground(self) -> float:
        """Where the bars of the numbers of filters stand."""
        return (self.strides if self.has_strides else self.sizes) + 8 + BAR_HEIGHT

    @property
    def filters(self) -> float:
        """Baseline of the row of numbers of filters."""
        return self.ground + LINE

    @property
    def indices(self) -> float:
        """Baseline of the row of layer indices."""
        return self.filters + LINE

    @property
    def height(self) -> float:
        """Of the whole drawing."""
        return self.indices + MARGIN

    def arc(self, source: int, target: int) -> str:
        """Return the path commands of half an ellipse over everything between `source` and `target`."""
        start, end = self.centres[source] + PORT, self.centres[target] - PORT
        half = (end - start) / 2
        return f"M{start:.1f} {self.top:.1f}a{half:.1f} {half * self.flatness:.1f} 0 0 1 {end - start:.1f} 0"


def arcs_of(network: ConvNet) -> list[tuple[int, int]]:
    """Return the skip connections as (source, target): what the arrows between neighbouring cards do not show."""
    count = len(network.layers)
    read = [(source, target) for target, layer in enumerate(network.layers) for source in layer.inputs or (IMAGE,)]
    return [
        (source, target) for source, target in [*read, *((o, count) for o in network.outputs)] if target > source + 1
    ]


def lay_out(network: ConvNet, *, title: str, counts: str, note: str) -> Layout:
    """Lay out a network below a heading; without a `title` there is no heading."""
    card, gap = (CARD, GAP) if len(network.layers) < MANY else (COMPACT_CARD, COMPACT_GAP)
    x = MARGIN + LABELS + card / 2
    centres = {IMAGE: x}
    for index, layer in enumerate(network.layers):
        x += card + gap
        centres[index] = x
        x += POOL_GAP if layer.pool > 1 else 0
    x += card + gap + 10  # the word "classifier" is wider than its card
    centres[len(network.layers)] = x
    width = x + card / 2 + MARGIN + 6
    heading = Heading.of(title, counts, note, width)
    longest = max(((centres[t] - centres[s]) / 2 - PORT for s, t in arcs_of(network)), default=0.0)
    flatness = min(STEEPEST, max(130.0, 0.17 * x) / longest) if longest else STEEPEST
    arcs = max(longest * flatness, 24.0 if any(layer.pool > 1 for layer in network.layers) else 0.0)
    largest = max(max(layer.filter_height, layer.filter_width) for layer in network.layers)
    return Layout(
        heading=heading,
        centres=centres,
        width=max(width, heading.width),
        arcs=arcs,
        top=MARGIN + heading.height + arcs + 4,
        flatness=flatness,
        has_strides=network.has_strides,
        card=card,
        gap=gap,
        cell=min(CELL, (card - 4) / largest),
    )
