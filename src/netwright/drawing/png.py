"""SVG -> PNG, the same on every machine: in light colours on white, with the font that Pillow carries inside it."""

import functools
import tempfile
from pathlib import Path

import resvg_py
from PIL import ImageFont

SCALE = 2.0
"""Pixels of a PNG for each pixel of the drawing."""


def svg_to_png(svg: str, *, scale: float = SCALE) -> bytes:
    """Render an SVG drawing as PNG, with `scale` pixels for each of the drawing's."""
    # A file, since the renderer takes fonts by path; system fonts supply the letters that this one lacks.
    with tempfile.TemporaryDirectory() as folder:
        fonts = []
        if font := _font():
            fonts.append(str(Path(folder) / "font.ttf"))
            Path(fonts[0]).write_bytes(font)
        return bytes(resvg_py.svg_to_bytes(svg_string=svg, background="#ffffff", zoom=scale, font_files=fonts))


@functools.cache
def _font() -> bytes:
    """Return Aileron, a font in the public domain; empty if Pillow was built without FreeType."""
    return getattr(ImageFont.load_default(12), "font_bytes", b"")
