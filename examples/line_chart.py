"""A chart of lines as an SVG file, for the other examples."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 480, 280
LEFT, TOP, RIGHT, BOTTOM = 64, 36, 464, 236  # the frame
COLOURS = ("#2f66b0", "#d2691e", "#2e8b57", "#8a5fb8", "#55637a", "#b03a5b")


def write_line_chart(
    path: Path, title: str, x_label: str, lines: Mapping[str, Sequence[float]], *, logarithmic: bool = False
) -> None:
    """Write `lines`, name -> finite values at 0, 1, 2, ..., as an SVG file; positive values if `logarithmic`."""
    scale = math.log10 if logarithmic else float
    values = [scale(value) for line in lines.values() for value in line]
    low, high = min(values), max(values)
    last = max(len(line) for line in lines.values()) - 1

    def position(x: float, value: float) -> tuple[float, float]:
        share = (scale(value) - low) / ((high - low) or 1.0)
        return LEFT + (RIGHT - LEFT) * x / (last or 1), BOTTOM - (BOTTOM - TOP) * share

    def text(x: float, y: float, content: str, anchor: str = "start", colour: str = "#1d2733") -> str:
        return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(content)}</text>'

    ends = [(10**low, 10**high) if logarithmic else (low, high)][0]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 22, title),
        f'<path d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}" fill="none" stroke="#66727f"/>',
        *(text(LEFT - 6, y, f"{end:.3g}", "end") for end, y in zip(ends, (BOTTOM, TOP + 8), strict=True)),
        text(LEFT, BOTTOM + 16, "0"),
        text(RIGHT, BOTTOM + 16, f"{last} {x_label}", "end"),
    ]
    for number, (name, line) in enumerate(lines.items()):
        points = " ".join("{:.1f},{:.1f}".format(*position(x, value)) for x, value in enumerate(line))
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(text(LEFT + 130 * (number % 3), BOTTOM + 30 + 13 * (number // 3), name, colour=colour))
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
