"""Positions in the drawing of a cell: the leaves in the lowest row, each node above and between the two it reads."""

from dataclasses import dataclass

from netwright.architectures.recurrent import RecurrentCell
from netwright.drawing.svg import MARGIN, Heading

SPACING = 106.0
"""Between the middles of two leaves."""
CARD = 62.0
"""Width of a node."""
HALF = 21.0
"""Height of a node's lower half, its combination, and of its upper half, its activation."""
GAP = 46.0
"""Between two rows, for the lines."""
STEP = 15.0
"""Between a node and the injection above it."""
PORT = 16.0
"""Distance from a node's middle to where its two inputs arrive."""
STUB = 20.0
"""Length of the arrows that come from and go to other time steps."""
OUT, IN = 42.0, 40.0
"""Room above the root for h_t, and below the leaves for x_t and h_{t-1}."""


@dataclass(frozen=True)
class Tree:
    """Coordinates in pixels; y grows downwards."""

    heading: Heading
    centres: tuple[float, ...]
    """x of every node's middle."""
    tops: tuple[float, ...]
    """y of every node's upper edge."""
    exits: tuple[float, ...]
    """y at which every node's value leaves it: its upper edge, or that of the injection."""
    sides: tuple[int, ...]
    """The side of each node that is free of its sibling's lines: -1 left, 1 right."""
    width: float
    height: float

    def bottom(self, index: int) -> float:
        """Return y of a node's lower edge."""
        return self.tops[index] + 2 * HALF


def lay_out_tree(cell: RecurrentCell, *, title: str, counts: str, note: str) -> Tree:
    """Lay out a cell below a heading; without a `title` there is no heading."""
    root = len(cell.nodes) - 1
    order = _leaves_below(cell, root)
    rows = [0] * len(cell.nodes)
    centres = [0.0] * len(cell.nodes)
    sides = [-1] * len(cell.nodes)
    width = 2 * (MARGIN + STUB) + SPACING * cell.base
    heading = Heading.of(title, counts, note, width)
    width = max(width, heading.width)
    for place, leaf in enumerate(order):
        centres[leaf] = width / 2 + SPACING * (place - (cell.base - 1) / 2)
    for index in range(cell.base, len(cell.nodes)):
        left, right = cell.children(index)
        rows[index] = 1 + max(rows[left], rows[right])
        centres[index] = (centres[left] + centres[right]) / 2
        sides[right] = 1
    top = MARGIN + heading.height + OUT
    top_of_row = {}
    for row in reversed(range(rows[root] + 1)):
        top += 2 * HALF + STEP if row == rows[cell.inject_index] else 0.0
        top_of_row[row] = top
        top += 2 * HALF + GAP
    tops = tuple(top_of_row[row] for row in rows)
    return Tree(
        heading=heading,
        centres=tuple(centres),
        tops=tops,
        exits=tuple(top - (2 * HALF + STEP if index == cell.inject_index else 0.0) for index, top in enumerate(tops)),
        sides=tuple(sides),
        width=width,
        height=top - GAP + IN + MARGIN,
    )


def _leaves_below(cell: RecurrentCell, index: int) -> list[int]:
    """Order the leaves so that no two lines cross: by index if the base is a power of 2."""
    if index < cell.base:
        return [index]
    left, right = cell.children(index)
    return _leaves_below(cell, left) + _leaves_below(cell, right)
