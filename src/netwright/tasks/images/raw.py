"""The result of the readers of a user's images, before the division into training and test images."""

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_EDGE = 64
"""Pixels; larger images are reduced. A child on 64 x 64 pixels costs 4 times one on CIFAR-10, on 224 x 224 50 times."""


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

    `sha256` is that of the names of the classes and of the bytes that were used.
    """

    train: Labelled
    test: Labelled | None
    class_names: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...] = ()


def shrunk(height: int, width: int) -> tuple[int, int]:
    """Return (height, width) reduced in proportion to at most `MAX_EDGE` pixels a side."""
    scale = min(1.0, MAX_EDGE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
