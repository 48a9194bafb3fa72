"""The picture of any architecture that can be drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from netwright.architectures.families import Architecture, architecture_from_json, entry_of
from netwright.drawing import convolutional, recurrent
from netwright.drawing.svg import STANDALONE, Style


@dataclass(frozen=True)
class Drawing:
    """How the architectures of one family are drawn."""

    draw: Callable[..., str]
    """(architecture, title=, note=, style=) -> SVG, as `draw` below."""
    caption: str
    num_columns: Callable[[Any], int]


DRAWINGS: dict[str, Drawing | None] = {
    "ConvNet": Drawing(convolutional.draw_convnet, convolutional.CAPTION, lambda network: len(network.layers)),
    "PlainNet": None,
    "ReferenceNetwork": None,
    "OwnNetwork": None,
    "RecurrentCell": Drawing(recurrent.draw_cell, recurrent.CAPTION, lambda cell: 2 * cell.base),
    "Lstm": None,
    "RecurrentHighway": None,
    "Elman": None,
    "DeepTransition": None,
    "LayerNormLstm": None,
    "HyperLstm": None,
    "NasBench201Cell": None,
}
"""None for a family that cannot be drawn."""


def drawable(architecture: object) -> Architecture | None:
    """Return an architecture, or its JSON, as a value that can be drawn; None for any other kind.

    Raises:
        SpaceError: The JSON names a family and does not fit it.
    """
    known = architecture_from_json(architecture)
    return known if entry_of(DRAWINGS, known) else None


def draw(architecture: Architecture, *, title: str = "", note: str = "", style: Style = STANDALONE) -> str:
    """Draw an architecture that `drawable` returned.

    Args:
        architecture: What to draw.
        title: A line above the drawing; without it there is no heading at all.
        note: Words after the counts in the second line of the heading.
        style: What surrounds the drawing, and its colours.

    Returns:
        An SVG document.
    """
    return _drawing_of(architecture).draw(architecture, title=title, note=note, style=style)


def caption(architecture: Architecture) -> str:
    """Return how a drawing of this kind is read."""
    return _drawing_of(architecture).caption


def num_columns(architecture: Architecture) -> int:
    """Return a drawing's width in columns of a ConvNet, one for each layer; a leaf of a cell takes two."""
    return _drawing_of(architecture).num_columns(architecture)


def _drawing_of(architecture: Architecture) -> Drawing:
    drawing = entry_of(DRAWINGS, architecture)
    assert drawing is not None, f"a {type(architecture).__name__} cannot be drawn"
    return drawing
