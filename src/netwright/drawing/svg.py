"""SVG written as text: numbers kept short, texts escaped, one stylesheet for light and dark."""

from dataclasses import dataclass
from html import escape

FONT = "Aileron, system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
TEXT_SIZE, TITLE_SIZE = 11.5, 16.0
MARGIN = 14.0
HEADING, LINE = 44.0, 15.0
"""Height of a heading of two lines, and of a further line of text."""

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


@dataclass(frozen=True)
class Heading:
    """The title above a drawing and the lines below the title; without a title nothing is shown."""

    title: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, title: str, counts: str, note: str, room: float) -> "Heading":
        """Return a heading with `counts` and `note` on one line, or on two if one is wider than `room` pixels."""
        one = cls(title, (f"{counts}; {note}" if note else counts,))
        return one if one.width <= room or not note else cls(title, (counts, note))

    @property
    def width(self) -> float:
        """The width that a drawing needs for its heading, in pixels."""
        # Letters are about half as wide as they are high; the viewer's font decides.
        widest = max(TITLE_SIZE * len(self.title), *(TEXT_SIZE * len(line) for line in self.lines))
        return 2 * MARGIN + 0.56 * widest if self.title else 0.0

    @property
    def height(self) -> float:
        """The height of all lines, in pixels."""
        return HEADING + LINE * (len(self.lines) - 1) if self.title else 0.0


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
    heading: Heading,
    description: str,
    style: Style,
) -> str:
    """Return an SVG document.

    Args:
        parts: The elements of the drawing.
        width: In pixels.
        height: In pixels.
        heading: The title and the lines below it.
        description: The text alternative, for screen readers.
        style: Whether there are a stylesheet and a background, and their colours.
    """
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nw-drawing" role="img" width="{number(width)}" '
        f'height="{number(height)}" viewBox="0 0 {number(width)} {number(height)}">',
        f"<desc>{escape(description)}</desc>",
        f"<style>{stylesheet(adaptive=style.adaptive)}</style>" if style.stylesheet else "",
        rectangle(0, 0, width, height, "nw-bg") if style.background else "",
    ]
    if heading.title:
        head.append(text(MARGIN, MARGIN + 14, heading.title, "nw-ink nw-title"))
        for index, line in enumerate(heading.lines):
            head.append(text(MARGIN, MARGIN + 31 + index * LINE, line, "nw-muted nw-start"))
    return "".join([*head, *parts]) + "</svg>\n"


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
