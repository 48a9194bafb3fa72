"""Small pictures of every class, for pages: what a network will read, encoded anew, so that no file is passed on."""

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from netwright.tasks.images.data import ImageData

MOST_PER_CLASS, MOST_IN_ALL = 12, 1_200
EDGE = 96
"""Pixels of the longer side at most."""


def thumbnails(data: ImageData) -> list[list[str]]:
    """Return pictures of each class as data URLs of PNG files, evenly spaced over its training images.

    Fewer of each are returned if there are many classes, so that a page stays small.
    """
    num_classes = len(data.class_names)
    per_class = max(1, min(MOST_PER_CLASS, MOST_IN_ALL // num_classes))
    pictures = []
    for label in range(num_classes):
        members = (data.train_labels == label).nonzero()[:, 0]
        chosen = torch.linspace(0, len(members) - 1, min(per_class, len(members))).round().long()
        pictures.append([_data_url(data.train_images[index]) for index in members[chosen].tolist()])
    return pictures


def _data_url(image: Tensor) -> str:
    """Encode an image, uint8 [C, H, W]."""
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((EDGE, EDGE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
