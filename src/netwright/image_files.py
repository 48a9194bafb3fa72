"""From an image file to pixels: one implementation for training, for `nw.load` and for exported code.

Exported code contains the source of these functions, so they use no other part of netwright and import
Pillow themselves.
"""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL import Image

MODES = {1: "L", 3: "RGB"}
"""Pillow's names for images of so many channels."""
OPENING = threading.Lock()
"""Held while filters of warnings are changed, which all threads share; exported code has one thread and no lock."""
LARGEST_FILE = 512 << 20
"""Bytes of one image file."""


def opened_image(source: bytes | Path) -> "Image.Image":
    """Read the header of an image file, or of its content; raise an exception if netwright does not read such images.

    Pillow reads more formats, but some of them by calling other programs.
    """
    import io
    import warnings

    from PIL import Image

    with OPENING, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source,
            formats=["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"],
        )
    if image.mode in ("I", "F", "I;16", "I;16B", "I;16L", "I;16N"):
        image.close()
        raise ValueError(f"mode {image.mode}: more than 8 bits for each channel")
    return image


def decoded(source: bytes | Path, size: tuple[int, int], mode: str) -> Tensor:
    """Decode an image file, or its content, to uint8 [C, H, W] of the size (H, W): grey for mode "L", else "RGB".

    Photographs are rotated as their EXIF orientation says, transparent images get a white background, and images of
    other sizes are resized.
    """
    with opened_image(source) as opened:
        opened.draft(None, (2 * max(size), 2 * max(size)))  # decodes a JPEG at a reduced size where possible
        return fitted(opened, size, mode)


def fitted(image: "Image.Image", size: tuple[int, int], mode: str) -> Tensor:
    """Convert an image to uint8 [C, H, W], as `decoded` describes."""
    from PIL import Image, ImageOps

    height, width = size
    transparent = image.has_transparency_data
    image = ImageOps.exif_transpose(image)
    if transparent:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    image = image.convert(mode)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(height, width, -1).permute(2, 0, 1)
