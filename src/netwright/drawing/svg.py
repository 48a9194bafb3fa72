"""SVG written as text: numbers kept short, texts escaped, one stylesheet for light and dark."""

from dataclasses import dataclass
from html import escape

FONT = "Aileron, system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
TEXT_SIZE, TITLE_SIZE = 11.5, 16.0
MARGIN = 18.0
HEADING = 44.0
"""Height of the two lines of a heading."""

LIGHT = {
    "bg": "fill:#ffffff",
    "ink": "fill:#1d2733",
    "muted": "fill:#66727f",
    "card": "fill:#f4f6f9;stroke:#cfd6df",
    "filter": "fill:#2f66b0;stroke:#ffffff",
    "bar": "fill:#9bb9e0",
    "line": "stroke:#55637a",
    "head": "fill:#55637a",
    "exit": "stroke:#d2691e",
    "exit-head": "fill:#d2691e",
    "pool": "stroke:#66727f",
    "icon": "stroke:#66727f",
    "tanh": "fill:#bfe3d7",
    "sigmoid": "fill:#bcd4f2",
    "relu": "fill:#dccff2",
    "sin": "fill:#f4cddc",
}
DARK = {
    "bg": "fill:#14181f",
    "ink": "fill:#e8ecf1",
    "muted": "fill:#98a4b3",
    "card": "fill:#1f2630;stroke:#3a4553",
    "filter": "fill:#6fa3e8;stroke:#1f2630",
    "bar": "fill:#3f5f8c",
    "line": "stroke:#a3b1c4",
    "head": "fill:#a3b1c4",
    "exit": "stroke:#f0984f",
    "exit-head": "fill:#f0984f",
    "pool": "stroke:#98a4b3",
    "icon": "stroke:#98a4b3",
    "tanh": "fill:#1f5d4d",
    "sigmoid": "fill:#294f82",
    "relu": "fill:#4f3f7d",
    "sin": "fill:#71314f",
}
SHAPES = (
    f".nw-drawing text{{font-family:{FONT};font-size:{TEXT_SIZE}px;text-anchor:middle}}"
    f".nw-drawing .nw-title{{font-size:{TITLE_SIZE}px;text-anchor:start;font-weight:600}}"
    ".nw-drawing .nw-start{text-anchor:start}"
    ".nw-arcs{fill:none;stroke-width:1.2;stroke-opacity:.55}"
    ".nw-exits{fill:none;stroke-width:1.4;stroke-opacity:.9}"
    ".nw-chain{fill:none;stroke-width:1.4}"
    ".nw-pool{fill:none;stroke-width:1;stroke-dasharray:2 3}"
    ".nw-icon{fill:none;stroke-width:1.3}"
    ".nw-small{font-size:8px}"
    ".nw-edge{fill:none;stroke-width:1.4}"
    ".nw-state{fill:none;stroke-width:2.6}"
    ".nw-idle{opacity:.6}"
    # The layer under the pointer has its inputs highlighted.
    ".nw-layer:hover .nw-arcs{stroke-width:2.4;stroke-opacity:1}"
)


@dataclass(frozen=True)
class Style:
    """What a drawing contains besides the architecture, and its colours."""

    stylesheet: bool = True
    """Whether the document has the stylesheet; without it, the page around the drawing needs `stylesheet()`."""
    background: bool = True
    adaptive: bool = True
    """Whether the colours follow the viewer's preference for light or dark."""


STANDALONE = Style()


def stylesheet(*, adaptive: bool) -> str:
    """Return the CSS rules of all drawings; `adaptive` ones follow the viewer's preference for light or dark."""
    rules = SHAPES + _rules(LIGHT)
    return rules + (f"@media (prefers-color-scheme:dark){{{_rules(DARK)}}}" if adaptive else "")


def _rules(palette: dict[str, str]) -> str:
    return "".join(f".nw-{name}{{{rule}}}" for name, rule in palette.items())


def document(
    parts: list[str],
    *,
    width: float,
    height: float,
    heading: tuple[str, str],
    description: str,
    style: Style,
) -> str:
    """Return an SVG document.

    Args:
        parts: The elements of the drawing.
        width: In pixels.
        height: In pixels.
        heading: The title and the line below it; without a title neither is shown.
        description: The text alternative, for screen readers.
        style: Whether there are a stylesheet and a background, and their colours.
    """
    title, summary = heading
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nw-drawing" role="img" width="{number(width)}" '
        f'height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}">',
        f"<desc>{escape(description)}</desc>",
        f"<style>{stylesheet(adaptive=style.adaptive)}</style>" if style.stylesheet else "",
        rectangle(0, 0, width, height, "nw-bg") if style.background else "",
    ]
    if title:
        head.append(text(MARGIN, MARGIN + 14, title, "nw-ink nw-title"))
        head.append(text(MARGIN, MARGIN + 31, summary, "nw-muted nw-start"))
    return "".join([*head, *parts]) + "</svg>\n"


def heading_width(title: str, summary: str) -> float:
    """Return the width that a drawing needs for its heading, in pixels."""
    # Letters are about half as wide as they are high; the viewer's font decides.
    return 2 * MARGIN + 0.56 * max(TITLE_SIZE * len(title), TEXT_SIZE * len(summary)) if title else 0.0


def number(value: float) -> str:
    """Return a number with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def text(x: float, y: float, words: object, classes: str = "nw-ink") -> str:
    """Return one line of text on the baseline y."""
    return f'<text x="{number(x)}" y="{number(y)}" class="{classes}">{escape(str(words))}</text>'


def subscripted(x: float, y: float, letter: str, below: object, classes: str = "nw-ink") -> str:
    """Return a letter with a subscript, such as h_{t-1}."""
    index = f'<tspan class="nw-small" dy="3">{escape(str(below))}</tspan>'
    return f'<text x="{number(x)}" y="{number(y)}" class="{classes}">{escape(letter)}{index}</text>'


def rectangle(x: float, y: float, width: float, height: float, classes: str, radius: float = 0) -> str:
    """Return a rectangle, given by its upper left corner."""
    corner = f' rx="{number(radius)}"' if radius else ""
    return (
        f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"{corner} '
        f'class="{classes}"/>'
    )


def path(commands: str, classes: str) -> str:
    """Return a path of SVG path commands."""
    return f'<path d="{commands}" class="{classes}"/>'
