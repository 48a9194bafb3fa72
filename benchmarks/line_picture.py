"""A picture of curves as an SVG file, for the documents."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 800, 420
LEFT, TOP, RIGHT, BOTTOM = 70, 44, 540, 366
"""The frame; the names of the curves stand to its right."""
COLOURS = ("#2f66b0", "#d2691e", "#2e8b57", "#8a5fb8", "#b03a5b", "#55637a", "#a08000", "#008b9a")
Curve = Sequence[tuple[float, float]]


def write_picture(path: Path, title: str, x_label: str, y_label: str, curves: Mapping[str, Curve]) -> None:
    """Write curves, name -> points (x, y) in the order of x, with a legend in the order of their last values."""
    points = [point for curve in curves.values() for point in curve]
    x_ticks, y_ticks = _ticks([0.0, *(x for x, _ in points)]), _ticks([y for _, y in points])

    def position(x: float, y: float) -> tuple[float, float]:
        across = (x - x_ticks[0]) / (x_ticks[-1] - x_ticks[0])
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        return LEFT + (RIGHT - LEFT) * across, BOTTOM - (BOTTOM - TOP) * up

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13"><rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 20, title),
        _text(LEFT, 36, y_label, colour="#66727f"),
        _text(RIGHT, BOTTOM + 36, x_label, "end", "#66727f"),
    ]
    for x in x_ticks:
        place = position(x, y_ticks[0])[0]
        parts += [_line(place, TOP, place, BOTTOM), _text(place, BOTTOM + 18, f"{x:g}", "middle", "#66727f")]
    for y in y_ticks:
        place = position(x_ticks[0], y)[1]
        parts += [_line(LEFT, place, RIGHT, place), _text(LEFT - 8, place + 4, f"{y:g}", "end", "#66727f")]
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(curves)}
    for name, curve in curves.items():
        drawn = " ".join("{:.1f},{:.1f}".format(*position(x, y)) for x, y in curve)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
    for row, name in enumerate(sorted(curves, key=lambda name: -curves[name][-1][1])):
        y = TOP + 14 + 20 * row
        parts.append(f'<path d="M{RIGHT + 14} {y - 4}h18" stroke="{colours[name]}" stroke-width="3"/>')
        parts.append(_text(RIGHT + 38, y, name))
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _ticks(values: Sequence[float]) -> list[float]:
    """Return 4 to 10 round numbers at equal distances, from below the least value to above the greatest."""
    low, high = min(values), max(values)
    rough = (high - low or abs(high) or 1.0) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step + 1e-9), max(math.ceil(high / step - 1e-9), math.floor(low / step) + 1)
    return [round(number * step, 10) for number in range(first, last + 1)]


def _line(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="#dde3ea"/>'


def _text(x: float, y: float, content: str, anchor: str = "start", colour: str = "#1d2733") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(content)}</text>'
