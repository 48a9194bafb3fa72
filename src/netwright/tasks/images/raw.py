"""What the readers of a user's images hand on."""

from dataclasses import dataclass

import torch
from torch import Tensor

MAX_EDGE = 64
"""Pixels: larger images are shrunk. A child on 64 x 64 costs four times one on CIFAR-10, on 224 x 224 fifty times."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """uint8 images [N, C, H, W] and int64 labels [N]."""

    images: Tensor
    labels: Tensor

    @classmethod
    def none(cls) -> "Labelled":
        """No image."""
        return cls(torch.empty(0, 1, 1, 1, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))

    def only(self, indices: Tensor) -> "Labelled":
        """Some of the images."""
        return Labelled(self.images[indices], self.labels[indices])


@dataclass(frozen=True, eq=False)
class RawDataset:
    """All images at one place; `test` is None where they have no test part. `notes` say what was changed."""

    train: Labelled
    test: Labelled | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def shrunk(height: int, width: int) -> tuple[int, int]:
    """The size with the same proportions that has at most `MAX_EDGE` pixels a side."""
    scale = min(1.0, MAX_EDGE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))
