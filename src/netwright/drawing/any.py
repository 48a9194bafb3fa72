"""The picture of whatever architecture can be drawn."""

from typing import Any

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.reading import architecture_from_json
from netwright.architectures.recurrent import RecurrentCell
from netwright.drawing.convolutional import draw_convnet
from netwright.drawing.recurrent import draw_cell

Drawable = ConvNet | RecurrentCell


def drawable(architecture: Any) -> Drawable | None:
    """The architecture, or its JSON, as the value that can be drawn; None for any other kind."""
    known = architecture_from_json(architecture)
    return known if isinstance(known, Drawable) else None


def draw(
    architecture: Drawable,
    *,
    title: str = "",
    note: str = "",
    styled: bool = True,
    background: bool = True,
    adaptive: bool = True,
) -> str:
    """A self-standing SVG document.

    `title` stands above, with the counts and the `note` below it. `adaptive` drawings are dark where the viewer
    prefers it. `styled=False` leaves the stylesheet to the page that holds the drawing (`svg.stylesheet`), and
    `background=False` the ground.
    """
    if isinstance(architecture, RecurrentCell):
        return draw_cell(architecture, title=title, note=note, styled=styled, background=background, adaptive=adaptive)
    return draw_convnet(architecture, title=title, note=note, styled=styled, background=background, adaptive=adaptive)


def caption(architecture: Drawable) -> str:
    """How a drawing of this kind is read."""
    if isinstance(architecture, RecurrentCell):
        return (
            "A card is a node of the cell, read from the bottom up: how it joins its two inputs, then its activation, "
            "pale where it changes nothing. A leaf joins x and h, each multiplied by a matrix of its own. Orange is "
            "the way of the cell state: where the old one is injected, where the new one is read, and between them "
            "where the new one is made from the old."
        )
    return (
        "A column is a layer: its filter, height by width in pixels, and its number of filters as a bar. Arrows and "
        "arcs lead from what is read to who reads it; what no layer reads goes to the classifier (orange). A dashed "
        "line is a max-pooling. Point at a layer to see what it reads."
    )


def num_columns(architecture: Drawable) -> int:
    """The width of a drawing in columns of a ConvNet, each a layer; a leaf of a cell is as wide as two."""
    return 2 * architecture.base if isinstance(architecture, RecurrentCell) else len(architecture.layers)
