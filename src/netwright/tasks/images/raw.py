"""The result of the readers of a user's images, before the division into training and test images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from netwright.errors import DataError
from netwright.tasks.files import physical_memory
from netwright.tasks.images.understood import Sizes

MAX_EDGE = 64
"""Pixels of the longer side at most, if the user names no other number. A child on 64 x 64 pixels costs 4 times one on
CIFAR-10, on 224 x 224 50 times."""
LARGEST_EDGE = 224
"""The largest number that the user may name."""
MEMORY_PER_BYTE = 4
"""Bytes of memory for each byte of pixels: as they were read, in torch's order, and divided into parts."""
Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the number of images that are done, and the number of all."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Images, uint8 [N, C, H, W], and their labels, int64 [N]."""

    images: Tensor
    labels: Tensor

    @classmethod
    def none(cls) -> "Labelled":
        """Return an empty set of images."""
        return cls(torch.empty(0, 1, 1, 1, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))

    def only(self, indices: Tensor) -> "Labelled":
        """Return the images with these indices."""
        return Labelled(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class RawDataset:
    """All images of a folder or file; `test` is None if it has no test images. `notes` describe changes to images.

    `sha256` is that of the names of the classes, the labels and the bytes that were used.
    """

    train: Labelled
    test: Labelled | None
    class_names: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...]
    arrangement: str
    """How the data is arranged, in words."""
    sizes: Sizes
    """Those of the images before any change."""
    left_out: tuple[str, ...] = ()
    """What was not read, a line for each reason."""


def shrunk(height: int, width: int, edge: int) -> tuple[int, int]:
    """Return (height, width) reduced in proportion to at most `edge` pixels a side."""
    scale = min(1.0, edge / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrinking_note(before: tuple[int, int], after: tuple[int, int], edge: int) -> str:
    """Return the note about images that were reduced."""
    return f"images of {by(before)} were shrunk to {by(after)}, at most {edge} pixels a side"


def by(size: tuple[int, int]) -> str:
    """Format (height, width)."""
    return f"{size[0]} x {size[1]}"


def check_memory(place: Path | str, num_images: int, channels: int, size: tuple[int, int]) -> None:
    """Refuse images that this machine could not hold, before any of them is decoded.

    Compares with the machine's total memory, not with its free memory, so that the outcome is the same at every call.

    Raises:
        DataError: Preparing the images may need more memory than there is.
    """
    needed, largest = num_images * channels * size[0] * size[1], physical_memory() // MEMORY_PER_BYTE
    if needed > largest:
        smaller = int(max(size) * (largest / needed) ** 0.5)
        raise DataError(
            f"{place}: {num_images:,} images of {by(size)} with {channels} channels take {needed:,} bytes, and "
            f"preparing them may need {MEMORY_PER_BYTE} times as many; this machine allows {largest:,} bytes; "
            f"give --image-size {max(1, smaller)} or less, or fewer images"
        )
